//! A file that a person chose: what a film's own track may be forgiven, they are told, as they can mend it.

use super::clock::{self, Timing};
use super::{Format, MAX_BYTES, Subtitles, SubtitlesError, encoding, read};

/// Reads a subtitle file as [`super::parse`] does, and tells of which kind it is.
///
/// # Errors
/// Those of `parse`; `Times` for the first line whose times cannot be read, which would be shown as text or be
/// lost; `NoText` when nothing is ever shown.
pub fn examine(bytes: &[u8]) -> Result<(Format, Subtitles), SubtitlesError> {
    if bytes.len() > MAX_BYTES {
        return Err(SubtitlesError::TooLarge);
    }
    let text = encoding::decode(bytes);
    // No text has it, and pictures and archives do.
    if text.contains('\0') {
        return Err(SubtitlesError::UnknownFormat);
    }
    let known = Format::of(&text);
    let format = known.unwrap_or(Format::Srt);
    if let Some(at) = text.lines().position(|line| is_faulty(line, format)) {
        return Err(SubtitlesError::Times { line: at + 1, format });
    }
    let subtitles = read(&text, known.ok_or(SubtitlesError::UnknownFormat)?)?;
    if subtitles.cues().is_empty() {
        return Err(SubtitlesError::NoText);
    }
    Ok((format, subtitles))
}

/// Whether a line is meant to say when something is shown, and cannot be read.
fn is_faulty(line: &str, format: Format) -> bool {
    if format == Format::Ass {
        let Some(event) = line.trim_start().strip_prefix("Dialogue:") else { return false };
        let times = event.split(',').skip(1).filter(|field| clock::parse(field).is_some());
        return times.take(2).count() < 2;
    }
    let Some((start, end)) = line.split_once("-->") else { return false };
    let end = end.split_whitespace().next().unwrap_or_default();
    looks_like_a_time(start) && looks_like_a_time(end) && Timing::of(line).is_none()
}

/// Digits and what people put between them. An arrow in what somebody says has words beside it.
fn looks_like_a_time(text: &str) -> bool {
    let text = text.trim();
    text.chars().any(|letter| letter.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ':' | '.' | ',' | ';' | '-' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_its_kind() {
        for (file, name) in [
            ("1\n00:00:01,000 --> 00:00:02,000\nOne\n", "SRT"),
            ("WEBVTT\n\n00:01.000 --> 00:02.000\nOne\n", "WebVTT"),
            ("[Script Info]\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,One\n", "ASS"),
        ] {
            let (format, subtitles) = examine(file.as_bytes()).unwrap();
            assert_eq!((format.name(), subtitles.cues().len()), (name, 1));
        }
    }

    #[test]
    fn the_line_at_fault_is_named_with_what_to_write() {
        let good = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n";
        for times in ["00:00:03;000 --> 00:00:04;000", "00.00.03,000 --> 00.00.04,000", "3 --> 4"] {
            let refused = examine(format!("{good}{times}\nTwo\n").as_bytes()).unwrap_err();
            assert_eq!(refused, SubtitlesError::Times { line: 6, format: Format::Srt }, "{times}");
            assert!(refused.to_string().ends_with("write them like 00:01:02,500 --> 00:01:04,000"), "{refused}");
        }
        let ass = "[Events]\nDialogue: 0,0:00:01.00,later,Default,,0,0,0,,One\n";
        assert_eq!(examine(ass.as_bytes()), Err(SubtitlesError::Times { line: 2, format: Format::Ass }));
        let only = "00:00:03;000 --> 00:00:04;000\nTwo\n";
        assert_eq!(examine(only.as_bytes()), Err(SubtitlesError::Times { line: 1, format: Format::Srt }));
    }

    #[test]
    fn an_arrow_in_what_is_said_is_no_fault() {
        let said = "1\n00:00:01,000 --> 00:00:02,000\nfrom 5 --> to ten\nLondon --> Paris\n";
        assert_eq!(examine(said.as_bytes()).unwrap().1.cues().len(), 1);
    }

    #[test]
    fn what_is_no_subtitle_file_or_has_no_text_is_refused() {
        for file in [&b"\x89PNG\r\n\x1a\n\0\0"[..], b"", b"hello\n", b"00:00:01,000 --> 00:00:02,000\na\0"] {
            assert_eq!(examine(file), Err(SubtitlesError::UnknownFormat), "{file:?}");
        }
        assert_eq!(examine(b"WEBVTT\n"), Err(SubtitlesError::NoText));
        assert_eq!(examine(&vec![b'a'; MAX_BYTES + 1]), Err(SubtitlesError::TooLarge));
    }
}
