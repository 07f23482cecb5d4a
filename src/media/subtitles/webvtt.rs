//! WebVTT (W3C). Headers, notes, styles and regions are dropped, and so is `X-TIMESTAMP-MAP`: it
//! ties cues to the clock of a stream that we do not have, and files saved from HLS count from the
//! film's start. Several files one after the other, as such a save makes them, are read as one.

use super::clock::{self, Timing};
use super::markup::{CueText, Dialect};
use super::{Cue, Found, Settings, SubtitlesError};

pub(super) fn parse(text: &str, found: &mut Found) -> Result<(), SubtitlesError> {
    // Of the cue being read: its times, and where its text begins.
    let mut open: Option<(Timing<'_>, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let timing = Timing::of(line);
        if timing.is_some() || line.trim_end_matches('\n').is_empty() {
            finish(open, at, text, found)?;
            open = timing.map(|timing| (timing, at + line.len()));
        }
        at += line.len();
    }
    finish(open, at, text, found)
}

fn finish(open: Option<(Timing<'_>, usize)>, end: usize, text: &str, found: &mut Found) -> Result<(), SubtitlesError> {
    let Some((timing, begin)) = open else { return Ok(()) };
    let (text, settings) = cue_text(&text[begin..end], timing.rest);
    found.push(timing.start_ms, timing.end_ms, settings, text)
}

/// A cue's text and its settings.
pub(super) fn cue_text(body: &str, settings: &str) -> (CueText, Settings) {
    (CueText::clean(body, Dialect::WebVtt), Settings::parse(settings))
}

impl Cue {
    /// Appends the cue, ended at `latest_ms` at the latest, and the blank line behind it.
    pub(super) fn write(&self, file: &mut String, latest_ms: u64) {
        let (start, end) = (clock::write(self.start_ms), clock::write(self.end_ms.min(latest_ms)));
        let space = if self.settings.as_str().is_empty() { "" } else { " " };
        for part in [&start, " --> ", &end, space, self.settings.as_str(), "\n", self.text.as_str(), "\n\n"] {
            file.push_str(part);
        }
    }
}
