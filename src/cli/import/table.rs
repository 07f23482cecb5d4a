//! What became of every file, as a table for people.

use crate::cli::terminal::printable;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the way of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It can be watched.
    Ready,
    /// The library has it already.
    Known,
    /// It is nothing that can be played.
    Refused,
    /// It should have worked.
    Failed,
}

/// One file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) file: PathBuf,
    pub(super) outcome: Outcome,
    /// What is done with it and why, or why not, a line each.
    pub(super) story: Vec<String>,
    pub(super) elapsed: Duration,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Ready, Self::Known, Self::Refused, Self::Failed];

    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The whole table, with a sum as the last line.
pub(super) fn render(rows: &[Row]) -> String {
    let names: Vec<String> = rows.iter().map(|row| shown(&row.file)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for (row, name) in rows.iter().zip(&names) {
        let (word, seconds) = (row.outcome.word(), row.elapsed.as_secs_f64());
        writeln!(table, "{name:width$}  {word:7}  {seconds:>8.1} s").expect("writing to a string");
        for line in &row.story {
            writeln!(table, "    {}", printable(line)).expect("writing to a string");
        }
    }
    let counts = Outcome::ALL.map(|outcome| {
        let count = rows.iter().filter(|row| row.outcome == outcome).count();
        format!("{count} {}", outcome.word())
    });
    let files = if rows.len() == 1 { "file" } else { "files" };
    writeln!(table, "{} {files}: {}", rows.len(), counts.join(", ")).expect("writing to a string");
    table
}

/// A path for a terminal.
pub(super) fn shown(file: &Path) -> String {
    printable(&file.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_aligns_counts_and_obeys_no_file_name() {
        let row = |file: &str, outcome, story: &[&str]| Row {
            file: file.into(),
            outcome,
            story: story.iter().map(|line| (*line).to_owned()).collect(),
            elapsed: Duration::from_millis(1250),
        };
        let rows = [
            row("/films/ä.mkv", Outcome::Ready, &["video copied: it plays", "left out: pictures"]),
            row("/films/\u{1b}[2Jx.txt", Outcome::Refused, &["no\nvideo"]),
        ];
        let expected = "\
/films/ä.mkv      ready         1.2 s
\x20   video copied: it plays
\x20   left out: pictures
/films/\u{fffd}[2Jx.txt  refused       1.2 s
\x20   no\u{fffd}video
2 files: 1 ready, 0 known, 1 refused, 0 failed
";
        assert_eq!(render(&rows), expected);
    }
}
