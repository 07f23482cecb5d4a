//! `telecine check-hls`: whether any HLS keeps to the rules, as a player would see it.

use super::terminal::printable;
use crate::check::{self, Report};
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The code when there was nothing to check.
const UNCHECKED: u8 = 2;

/// Read any HLS playlist with all that it names, and print every rule that it breaks
#[derive(Debug, Args)]
#[command(after_help = "\
URL is a master or a media playlist, of Telecine or of anybody else. Every playlist, init segment and
segment is fetched once, and the first, a middle and the last segment of each rendition by HEAD and in
parts, too. Nothing is kept.

Rules are named by where they stand: A is Apple's HLS authoring specification, RFC 8216bis the HLS
draft, other RFCs are those of HTTP, and T is what players were seen to fail on. What was not
checked is listed, too: of MPEG-TS only H.264, HEVC, AAC and MP3 are read, of packed audio and encrypted
segments nothing.

  telecine check-hls http://127.0.0.1:5050/hls/{id}/master.m3u8
  telecine check-hls --json URL                     the same for programs
  telecine check-hls --except 'A 9.9' URL           one bit rate is meant to be enough

Exit code 0: no violation; 1: there are violations; 2: it could not be checked.")]
pub struct CheckHls {
    /// The playlist's address
    url: String,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
    /// A rule whose violations are only counted, such as 'A 9.9'; can be given again
    #[arg(long, value_name = "RULE")]
    except: Vec<String>,
}

impl CheckHls {
    /// Checks, and prints what was found on standard output.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub async fn run(&self) -> anyhow::Result<ExitCode> {
        let report = match Box::pin(check::check(&self.url, &self.except)).await {
            Ok(report) => report,
            Err(error) => {
                eprintln!("telecine: {} could not be checked: {error}", printable(&self.url));
                return Ok(ExitCode::from(UNCHECKED));
            }
        };
        let text = if self.json { serde_json::to_string_pretty(&report)? + "\n" } else { render(&report) };
        io::stdout().write_all(text.as_bytes())?;
        Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Violations below their addresses, what was not checked, and a sum as the last line.
fn render(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |words: String| writeln!(text, "{words}").expect("writing to a string");
    let mut address = "";
    for violation in &report.violations {
        if violation.address != address {
            address = &violation.address;
            line(printable(address));
        }
        line(format!("  {}: {}", violation.rule, printable(&violation.found)));
    }
    let more = report.violation_count - report.violations.len() as u64;
    if more > 0 {
        line(format!("… and {more} more"));
    }
    if !report.unchecked.is_empty() {
        line("not checked:".to_owned());
    }
    for left in &report.unchecked {
        line(format!("  {}: {}", printable(&left.address), printable(&left.what)));
    }
    let excepted =
        if report.excepted_count > 0 { format!(", {} excepted", report.excepted_count) } else { String::new() };
    line(format!(
        "{} playlists, {} segments, {} bytes, {} violations{excepted}",
        report.playlists, report.segments, report.bytes, report.violation_count
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Unchecked, Violation};

    #[test]
    fn violations_stand_below_their_address_and_the_sum_comes_last() {
        let violation =
            |address: &str, found: &str| Violation { rule: "A 8.2", address: address.into(), found: found.into() };
        let mut report = Report::new("http://a/m", &[]);
        report.violations = vec![
            violation("http://a/v", "one"),
            violation("http://a/v", "two\u{1b}"),
            violation("http://a/w", "three"),
        ];
        report.unchecked = vec![Unchecked { address: "http://a/x".into(), what: "MPEG-TS".into() }];
        (report.playlists, report.segments, report.bytes) = (3, 7, 99);
        (report.violation_count, report.excepted_count) = (5, 1);
        let expected = "\
http://a/v
  A 8.2: one
  A 8.2: two\u{fffd}
http://a/w
  A 8.2: three
… and 2 more
not checked:
  http://a/x: MPEG-TS
3 playlists, 7 segments, 99 bytes, 5 violations, 1 excepted
";
        assert_eq!(render(&report), expected);
    }
}
