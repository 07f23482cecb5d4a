//! A `WebVTT` segment (RFC 8216bis, 3.1.4; A 5.3): its header, its place on the time line, its cues.

use super::report::Fault;
use super::text::shown;

const SECTION: &str = "RFC 8216bis 3.1.4";
/// Ticks per second of `MPEGTS`, which wraps after so many.
const CLOCK: f64 = 90_000.0;
/// Seconds by which a cue may outlast the film.
const SLACK: f64 = 0.1;

/// A segment of subtitles. Times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subtitles {
    /// Beginning and end of each cue on the time line of the media.
    pub(super) cues: Vec<(f64, f64)>,
    pub(super) faults: Vec<Fault>,
}

impl Subtitles {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut read = Self::default();
        let Ok(text) = std::str::from_utf8(bytes) else {
            read.wrong(SECTION, "subtitles are not UTF-8".to_owned());
            return read;
        };
        let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
        let first = lines.next().unwrap_or_default();
        if first.strip_prefix("WEBVTT").is_none_or(|rest| !(rest.is_empty() || rest.starts_with([' ', '\t']))) {
            read.wrong(SECTION, format!("subtitles begin with {} and not with WEBVTT", shown(first)));
        }
        let mut shift = None;
        let mut is_head = true;
        for line in lines {
            if let Some(map) = line.strip_prefix("X-TIMESTAMP-MAP=").filter(|_| is_head) {
                shift = shift_of(map);
                if shift.is_none() {
                    read.wrong("A 5.3", format!("an X-TIMESTAMP-MAP of {}", shown(map)));
                }
            }
            is_head &= !line.is_empty();
            if line.contains("-->") {
                read.cue(line, shift.unwrap_or(0.0));
            }
        }
        if shift.is_none() && read.faults.iter().all(|fault| fault.rule != "A 5.3") {
            read.wrong("A 5.3", "no X-TIMESTAMP-MAP".to_owned());
        }
        read
    }

    fn wrong(&mut self, rule: &'static str, found: String) {
        self.faults.push(Fault { rule, found });
    }

    fn cue(&mut self, line: &str, shift: f64) {
        let times = line.split_once("-->").and_then(|(begin, rest)| {
            let end = rest.split_whitespace().next()?;
            Some((seconds(begin.trim())?, seconds(end)?))
        });
        match times {
            Some((begin, end)) if begin < end => self.cues.push((begin + shift, end + shift)),
            _ => self.wrong(SECTION, format!("a cue with the times {}", shown(line))),
        }
    }

    /// Cues that lie outside a film that goes from `film.0` to `film.1`.
    pub(super) fn outside(&self, film: (f64, f64)) -> Vec<Fault> {
        let is_out = |cue: &&(f64, f64)| cue.0 < film.0 - SLACK || cue.1 > film.1 + SLACK;
        let told = self.cues.iter().filter(is_out).map(|(begin, end)| {
            let what =
                format!("a cue from {begin:.3} to {end:.3} s, the film goes from {:.3} to {:.3} s", film.0, film.1);
            Fault::new(SECTION, what)
        });
        told.collect()
    }
}

/// What is added to a cue's time, from `MPEGTS:900000,LOCAL:00:00:00.000` in any order.
fn shift_of(map: &str) -> Option<f64> {
    let part = |name: &str| map.split(',').find_map(|part| part.trim().strip_prefix(name));
    let ticks: u64 = part("MPEGTS:")?.parse().ok()?;
    Some(ticks as f64 / CLOCK - seconds(part("LOCAL:")?)?)
}

/// `01:02:03.456` or `02:03.456`.
fn seconds(text: &str) -> Option<f64> {
    let (clock, millis) = text.split_once('.')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let is_plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<u32>().ok()).flatten().map(f64::from)
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, rest) = match parts[..] {
        [hours, minutes, rest] => (number(hours, 2..=6)?, minutes, rest),
        [minutes, rest] => (0.0, minutes, rest),
        _ => return None,
    };
    let (minutes, rest) = (number(minutes, 2..=2)?, number(rest, 2..=2)?);
    Some(hours * 3600.0 + minutes * 60.0 + rest + number(millis, 3..=3)? / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n1\n00:01.000 --> 00:00:02.500 line:0\nHello\n";

    fn rules(text: &str) -> Vec<&'static str> {
        Subtitles::read(text.as_bytes()).faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn cues_lie_on_the_time_line_of_the_media() {
        let read = Subtitles::read(GOOD.as_bytes());
        assert_eq!((read.faults.len(), read.cues.as_slice()), (0, &[(11.0, 12.5)][..]));
        let other = GOOD.replace("MPEGTS:900000,LOCAL:00:00:00.000", "LOCAL:00:00:01.000,MPEGTS:900000");
        assert_eq!(Subtitles::read(other.as_bytes()).cues, [(10.0, 11.5)]);
    }

    #[test]
    fn subtitles_have_a_header_and_a_map() {
        assert_eq!(rules(GOOD), [""; 0]);
        assert_eq!(rules(&format!("\u{feff}{GOOD}")), [""; 0]);
        assert_eq!(rules(&GOOD.replace("WEBVTT", "WEBVTTX")), [SECTION]);
        assert_eq!(rules(&GOOD.replace("X-TIME", "Y-TIME")), ["A 5.3"]);
        assert_eq!(rules(&GOOD.replace("900000", "soon")), ["A 5.3"]);
        assert_eq!(Subtitles::read(b"\xFF").faults.len(), 1);
    }

    #[test]
    fn cues_have_times_that_go_forward() {
        for bad in ["1.000 --> 2.000", "00:03.000 --> 00:02.000", "00:01,000 --> 00:02,000", "-->"] {
            assert_eq!(rules(&GOOD.replace("00:01.000 --> 00:00:02.500", bad)), [SECTION], "{bad}");
        }
    }

    #[test]
    fn cues_lie_within_the_film() {
        let read = Subtitles::read(GOOD.as_bytes());
        assert_eq!(read.outside((10.0, 12.5)).len(), 0);
        assert_eq!(read.outside((10.0, 12.0)).len(), 1);
        assert_eq!(read.outside((0.0, 5.0)).len(), 1);
    }
}
