//! Times of cues, read with tolerance and written as WebVTT has them.

/// The line that says when a cue is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing<'a> {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// What stands behind the times.
    pub(super) rest: &'a str,
}

impl<'a> Timing<'a> {
    /// `00:00:01,000 --> 00:00:02.5 …`; `None` for any other line.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let (start, rest) = line.split_once("-->")?;
        let rest = rest.trim_start();
        let (end, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        Some(Self { start_ms: parse(start)?, end_ms: parse(end)?, rest: rest.trim() })
    }
}

/// Milliseconds of `[-][hours:]minutes:seconds[.fraction]`, with a point or a comma and any number
/// of digits in the fraction, of which three count.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = whole.rsplit(':');
    let seconds = number(parts.next()?)?;
    let minutes = number(parts.next()?)?;
    let hours = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds: i64 =
        fraction.bytes().take(3).zip([100, 10, 1]).map(|(digit, unit)| i64::from(digit - b'0') * unit).sum();
    Some(sign * (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds))
}

/// Up to six digits, so that no sum of ours can overflow.
fn number(text: &str) -> Option<i64> {
    let is_short_number = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_short_number.then(|| text.parse().ok()).flatten()
}

/// `hh:mm:ss.mmm`, hours with more digits where they need them.
pub(in crate::media) fn write(ms: u64) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_spelling() {
        for (text, ms) in [
            ("00:00:01,001", 1001),
            ("0:00:01.50", 1500),
            ("01:02.5", 62_500),
            (" 100:00:00.000 ", 360_000_000),
            ("00:00:01", 1000),
            ("00:00:01.1239", 1123),
            ("-00:00:01,5", -1500),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        for text in ["", "1", "1:2:3:4", "a:b", "00:00:01.x", "::", "9999999:00", "00:-1", "1.5", "٣:٣"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_as_webvtt_has_them() {
        assert_eq!(write(0), "00:00:00.000");
        assert_eq!(write(360_000_000 + 62_001), "100:01:02.001");
    }
}
