//! Text subtitles: SRT, WebVTT and ASS/SSA in, WebVTT out, whole or in segments.
//!
//! Subtitle files are hostile: they are uploaded by anybody and shown in every viewer's page. So
//! nothing in them is believed. What is kept of a cue's text is a [`CueText`]: a few harmless tags,
//! balanced, and everything else escaped. Parsing is linear in time and bounded in memory.
//!
//! Words: a *cue* is a text with the time it is shown; its *settings* say where on the picture.
//! Times are milliseconds from the film's start. Overlapping cues are kept, and so is their order.

mod ass;
pub(super) mod clock;
mod encoding;
mod examine;
mod markup;
mod segments;
mod settings;
mod srt;
mod webvtt;

#[cfg(test)]
mod tests;

pub use examine::examine;
pub use markup::CueText;
pub use settings::Settings;

use std::cmp::Reverse;
use std::collections::HashSet;

/// Bytes of a subtitle file at most. The longest with every sign of a film typeset have 20 MB.
pub const MAX_BYTES: usize = 64 << 20;

/// Cues of a track at most: a film of ten hours with five a second.
const MAX_CUES: usize = 200_000;

/// The latest time of a cue, as for films: a week.
const MAX_MS: i64 = 7 * 24 * 3600 * 1000;

/// ffmpeg's names of the codecs whose text can be taken out of a film.
const TEXT_CODECS: [&str; 7] = ["subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"];

/// ffmpeg's names of the codecs whose subtitles are pictures.
const PICTURE_CODECS: [&str; 4] = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"];

/// One text and when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Milliseconds from the film's start at which it appears.
    pub start_ms: u64,
    /// When it is gone; later than `start_ms`.
    pub end_ms: u64,
    /// Where on the picture.
    pub settings: Settings,
    /// What is shown; never empty.
    pub text: CueText,
}

/// A track of cues in the order of their start; of two that start together the longer is first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtitles {
    cues: Vec<Cue>,
}

/// How the text of a track is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// SubRip.
    Srt,
    /// Advanced SubStation Alpha and its ancestor SSA.
    Ass,
    /// W3C WebVTT.
    WebVtt,
}

/// One text of a track that came out of a film.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds from the film's start, before it where negative.
    pub start_ms: i64,
    /// When it is gone.
    pub end_ms: i64,
    /// WebVTT's cue settings; empty for other formats.
    pub settings: Vec<u8>,
    /// The text as the container holds it: for ASS, the fields that Matroska puts before it too.
    pub payload: Vec<u8>,
}

/// Why a file gives no subtitles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubtitlesError {
    /// More bytes than [`MAX_BYTES`].
    #[error("the subtitle file is larger than {} MiB, more than any film needs; split it or remove what is not text", MAX_BYTES >> 20)]
    TooLarge,
    /// More cues than a film can have.
    #[error("the subtitles have more than {MAX_CUES} cues, more than any film needs; remove some and try again")]
    TooManyCues,
    /// Nothing in it looks like a cue.
    #[error("this is not a subtitle file of a kind we take; choose one of SRT, WebVTT, ASS or SSA")]
    UnknownFormat,
    /// A line should say when something is shown, and does not.
    #[error("line {line} should say when a text is shown, but its times cannot be read; write them like {}", format.times())]
    Times {
        /// Which one, from 1.
        line: usize,
        /// Of which kind the file is.
        format: Format,
    },
    /// Of a known kind, and without a text.
    #[error("there is no text in this subtitle file; choose another one")]
    NoText,
}

/// Whether subtitles of this codec, by ffmpeg's name, are text that we can take out of a film.
pub fn is_text(codec: &str) -> bool {
    TEXT_CODECS.contains(&codec)
}

/// Whether subtitles of this codec are pictures: they are listed as not supported.
pub fn is_picture(codec: &str) -> bool {
    PICTURE_CODECS.contains(&codec)
}

/// Reads a subtitle file. Its format is found by its content and its encoding by a byte order mark,
/// by being valid UTF-8, or by a guess. Cues that are never shown are dropped: those that end at or
/// before their start or the film's start, and those without a visible letter. So are exact
/// doubles. A cue that begins before the film begins with it.
///
/// # Errors
/// When the file is too large, has too many cues, or is not of a kind we know. A file of a known
/// kind without a cue is no error.
pub fn parse(bytes: &[u8]) -> Result<Subtitles, SubtitlesError> {
    if bytes.len() > MAX_BYTES {
        return Err(SubtitlesError::TooLarge);
    }
    let text = encoding::decode(bytes);
    read(&text, Format::of(&text).ok_or(SubtitlesError::UnknownFormat)?)
}

fn read(text: &str, format: Format) -> Result<Subtitles, SubtitlesError> {
    let mut found = Found::default();
    match format {
        Format::Srt => srt::parse(text, &mut found)?,
        Format::Ass => ass::parse(text, &mut found)?,
        Format::WebVtt => webvtt::parse(text, &mut found)?,
    }
    Ok(Subtitles::new(found.cues))
}

impl Format {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Srt => "SRT",
            Self::Ass => "ASS",
            Self::WebVtt => "WebVTT",
        }
    }

    /// How it writes the times of a text.
    fn times(self) -> &'static str {
        match self {
            Self::Srt => "00:01:02,500 --> 00:01:04,000",
            Self::Ass => "Dialogue: 0,0:01:02.50,0:01:04.00,…",
            Self::WebVtt => "00:01:02.500 --> 00:01:04.000",
        }
    }

    /// By the content of a file; `None` when it is none of them.
    fn of(text: &str) -> Option<Self> {
        let start = text.trim_start();
        if start.strip_prefix("WEBVTT").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n'])) {
            return Some(Self::WebVtt);
        }
        if text.lines().any(ass::is_sign) {
            return Some(Self::Ass);
        }
        text.lines().any(|line| clock::Timing::of(line).is_some()).then_some(Self::Srt)
    }
}

impl Subtitles {
    /// Sorts the cues and drops exact doubles.
    pub fn new(mut cues: Vec<Cue>) -> Self {
        cues.sort_by_key(|cue| (cue.start_ms, Reverse(cue.end_ms)));
        let mut together = (0, 0);
        let mut seen = HashSet::new();
        let doubles: Vec<bool> = cues
            .iter()
            .map(|cue| {
                let times = (cue.start_ms, cue.end_ms);
                if times != together {
                    seen.clear();
                    together = times;
                }
                !seen.insert((&cue.text, &cue.settings))
            })
            .collect();
        let mut double = doubles.iter();
        cues.retain(|_| !double.next().is_some_and(|double| *double));
        Self { cues }
    }

    /// The texts of a track that came out of a film, all in one format. An encoding is guessed for
    /// the track as a whole; cues are dropped as [`parse`] does.
    ///
    /// # Errors
    /// `TooManyCues`.
    pub fn of_events(format: Format, events: &[Event]) -> Result<Self, SubtitlesError> {
        let encoding = encoding::of(events.iter().map(|event| event.payload.as_slice()));
        let mut found = Found::default();
        for event in events {
            let raw = encoding.decode_without_bom_handling(&event.payload).0;
            let (text, settings) = match format {
                Format::Srt => srt::text(&raw),
                Format::Ass => ass::of_event(&raw),
                Format::WebVtt => webvtt::cue_text(&raw, &String::from_utf8_lossy(&event.settings)),
            };
            found.push(event.start_ms, event.end_ms, settings, text)?;
        }
        Ok(Self::new(found.cues))
    }

    /// The cues, in order.
    pub fn cues(&self) -> &[Cue] {
        &self.cues
    }

    /// All of it as one WebVTT file, for downloads and for players that take no segments.
    pub fn write(&self) -> String {
        let mut file = String::from("WEBVTT\n\n");
        for cue in &self.cues {
            cue.write(&mut file, u64::MAX);
        }
        file
    }
}

/// The cues of a file so far.
#[derive(Debug, Default)]
struct Found {
    cues: Vec<Cue>,
}

impl Found {
    /// Takes a cue in, unless it is never shown.
    fn push(&mut self, start: i64, end: i64, settings: Settings, text: CueText) -> Result<(), SubtitlesError> {
        if text.as_str().is_empty() {
            return Ok(());
        }
        let (start, end) = (start.clamp(0, MAX_MS).unsigned_abs(), end.clamp(0, MAX_MS).unsigned_abs());
        if start < end {
            if self.cues.len() == MAX_CUES {
                return Err(SubtitlesError::TooManyCues);
            }
            self.cues.push(Cue { start_ms: start, end_ms: end, settings, text });
        }
        Ok(())
    }
}
