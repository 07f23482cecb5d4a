//! SubRip. There is no standard, and files are full of faults: numbers that are missing or wrong,
//! no blank line between cues, blank lines within them. Only the lines with times are relied on.

use super::clock::Timing;
use super::markup::{CueText, Dialect};
use super::{Found, Settings, SubtitlesError};

pub(super) fn parse(text: &str, found: &mut Found) -> Result<(), SubtitlesError> {
    // Of the cue being read: its times, its number, and where its text begins.
    let mut open: Option<(Timing<'_>, usize)> = None;
    let mut number = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(timing) = Timing::of(line) {
            let begin = open.map_or(0, |(_, begin)| begin);
            let (body, next) = without_number(&text[begin..at], number, open.is_none());
            finish(open, body, found)?;
            number = next;
            open = Some((timing, at + line.len()));
        }
        at += line.len();
    }
    let rest = &text[open.map_or(at, |(_, begin)| begin)..];
    finish(open, rest, found)
}

fn finish(open: Option<(Timing<'_>, usize)>, body: &str, found: &mut Found) -> Result<(), SubtitlesError> {
    let Some((timing, _)) = open else { return Ok(()) };
    let (text, settings) = text(body);
    found.push(timing.start_ms, timing.end_ms, settings, text)
}

/// A cue's text, and its place: `{\an8}` and its like are the only ones that SRT knows.
pub(super) fn text(body: &str) -> (CueText, Settings) {
    let start = body.trim_start();
    let is_at_top = ["{\\an7}", "{\\an8}", "{\\an9}"].iter().any(|sign| start.starts_with(sign));
    let settings = if is_at_top { Settings::top() } else { Settings::default() };
    (CueText::clean(body, Dialect::Srt), settings)
}

/// A cue's text without the number of the next cue that stands at its end, and that number. With a
/// blank line behind it, a number may be what somebody says: it is the next cue's only if it is next
/// in turn, or first in the file.
fn without_number(body: &str, previous: Option<u32>, is_first: bool) -> (&str, Option<u32>) {
    let trimmed = body.trim_end();
    let (before, last) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
    let number = last.trim().trim_start_matches('\u{FEFF}').parse::<u32>().ok();
    let stands_directly_before = body[trimmed.len()..].matches('\n').count() <= 1;
    let is_next = number.is_some() && number == previous.and_then(|previous| previous.checked_add(1));
    match number {
        Some(number) if stands_directly_before || is_next || is_first => (before, Some(number)),
        _ => (body, previous),
    }
}
