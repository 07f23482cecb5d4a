//! Playlists as values, and their text.
//!
//! A *master* names a video's renditions; a *media playlist* lists one rendition's segments. All
//! addresses are relative: `v0/playlist.m3u8` from the master, `init.mp4` and `7.m4s` from a media
//! playlist, `7.ts` and `7.vtt` from those of transport streams and subtitles. An *I-frame playlist*, `v0/iframes.m3u8`, lists parts of the
//! same segments. Rules are those of RFC 8216bis and of Apple's authoring specification ("A" and an item).

mod i_frames;
mod master;
mod rates;

pub use i_frames::{I_FRAMES_NAME, IFramePlaylist};
pub use master::{Lists, Master, fullest};
pub use rates::bandwidth;

use super::rendition::{MP3, RenditionKind, plain_number};
use super::time::Timescale;
use std::fmt;
use std::str::FromStr;

/// Name of a rendition's media playlist, next to its segments.
pub const PLAYLIST_NAME: &str = "playlist.m3u8";

/// Name of the master playlist of what grows beside what is finished, and of the lists that it leads to.
pub const GROWING_NAME: &str = "growing.m3u8";

/// Name of the chapters, next to the master playlist.
const CHAPTERS_NAME: &str = "chapters.json";

/// `EXT-X-MAP` in a list that is not of I-frames alone asks for version 6 (RFC 8216bis, section 8).
const VERSION: &str = "#EXT-X-VERSION:6\n";

/// What one file of a rendition's folder is. Written `init.mp4`, or a number and what the segments hold:
/// `7.m4s`, `7.ts`, `7.vtt`, `7.jpg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackFile {
    /// The init segment.
    Init,
    /// A segment by its number.
    Segment(u32, Content),
}

/// What the segments of a rendition hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Fragments of MP4, after an init segment.
    Fragments,
    /// Packets of MPEG-TS.
    Transport,
    /// `WebVTT`.
    Text,
    /// A JPEG picture.
    Image,
}

/// The text names no file of a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a file of a track like init.mp4, 7.m4s or 7.vtt")]
pub struct NotATrackFile;

/// Whether segments are still being added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// An `EVENT` that players start at 0 and ask for again.
    Growing,
    /// A `VOD` that never changes any more.
    Finished,
}

/// One line of a media playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its number, which is its name.
    pub number: u32,
    /// Its duration in ticks of the playlist's timescale.
    pub duration: u64,
    /// Whether encoding parameters change before it.
    pub discontinuity: bool,
}

/// One rendition's list of segments.
#[derive(Clone, Copy, Debug)]
pub struct MediaPlaylist<'a> {
    /// Seconds; the same on all playlists of a video (A 8.2) and never changed while one grows. At
    /// least `target_duration` of its longest segment.
    pub target_duration_s: u32,
    /// Ticks per second of the durations, at least 1.
    pub timescale: Timescale,
    /// Whether every segment can be decoded without the ones before.
    pub independent_segments: bool,
    /// What the segments hold.
    pub content: Content,
    /// Whether more will come.
    pub state: State,
    /// In playing order, with consecutive numbers.
    pub segments: &'a [SegmentEntry],
}

/// The smallest `EXT-X-TARGETDURATION`, in whole seconds and at least 1, that allows a segment of
/// `longest` ticks: its duration to the nearest second (RFC 8216bis, 4.4.3.1).
pub fn target_duration(longest: u64, timescale: Timescale) -> u32 {
    // A written duration may be a microsecond above the true one; it must not round higher.
    let seconds = (micros(longest, timescale) + 1 + 500_000) / 1_000_000;
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

impl MediaPlaylist<'_> {
    /// The playlist's text.
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(256 + self.segments.len() * 34);
        out.push_str("#EXTM3U\n");
        out.push_str(VERSION);
        if self.independent_segments {
            out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        out.push_str("#EXT-X-TARGETDURATION:");
        push_number(&mut out, u64::from(self.target_duration_s), 1);
        out.push_str("\n#EXT-X-MEDIA-SEQUENCE:");
        push_number(&mut out, self.segments.first().map_or(0, |first| u64::from(first.number)), 1);
        out.push_str(match self.state {
            // Without a start, players join an EVENT near its end.
            State::Growing => "\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n",
            State::Finished => "\n#EXT-X-PLAYLIST-TYPE:VOD\n",
        });
        if self.content == Content::Fragments {
            out.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
        }
        self.write_segments(&mut out);
        if self.state == State::Finished {
            out.push_str("#EXT-X-ENDLIST\n");
        }
        out
    }

    fn write_segments(&self, out: &mut String) {
        let mut durations = Durations::new(self.timescale);
        for segment in self.segments {
            if segment.discontinuity {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            durations.push(out, segment.duration);
            push_number(out, u64::from(segment.number), 1);
            out.push('.');
            out.push_str(self.content.suffix());
            out.push('\n');
        }
    }
}

impl Content {
    const ALL: [Self; 4] = [Self::Fragments, Self::Transport, Self::Text, Self::Image];

    /// What the segments of a rendition with these `codecs` hold.
    pub fn of(kind: RenditionKind, codecs: &str) -> Self {
        match kind {
            RenditionKind::Audio if codecs == MP3 => Self::Transport,
            // No playlist names those of a kept file.
            RenditionKind::Video | RenditionKind::Audio | RenditionKind::IFrames | RenditionKind::Original => {
                Self::Fragments
            }
            RenditionKind::Subtitles => Self::Text,
            RenditionKind::Images => Self::Image,
        }
    }

    /// The end of a segment's name.
    fn suffix(self) -> &'static str {
        match self {
            Self::Fragments => "m4s",
            Self::Transport => "ts",
            Self::Text => "vtt",
            Self::Image => "jpg",
        }
    }
}

/// Writes one `EXTINF` after another as differences of rounded end times, so that rounding never adds
/// up: the sum over any run is within a microsecond of the truth (A 8.1).
struct Durations {
    timescale: Timescale,
    ticks: u64,
    end_us: u64,
}

impl Durations {
    fn new(timescale: Timescale) -> Self {
        Self { timescale, ticks: 0, end_us: 0 }
    }

    fn push(&mut self, out: &mut String, ticks: u64) {
        let start_us = self.end_us;
        self.ticks = self.ticks.saturating_add(ticks);
        self.end_us = micros(self.ticks, self.timescale);
        let duration_us = self.end_us - start_us;
        out.push_str("#EXTINF:");
        push_number(out, duration_us / 1_000_000, 1);
        out.push('.');
        push_number(out, duration_us % 1_000_000, 6);
        out.push_str(",\n");
    }
}

impl fmt::Display for TrackFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init => out.write_str("init.mp4"),
            Self::Segment(number, content) => write!(out, "{number}.{}", content.suffix()),
        }
    }
}

impl FromStr for TrackFile {
    type Err = NotATrackFile;
    fn from_str(name: &str) -> Result<Self, NotATrackFile> {
        if name == "init.mp4" {
            return Ok(Self::Init);
        }
        let (number, suffix) = name.split_once('.').ok_or(NotATrackFile)?;
        let content = Content::ALL.into_iter().find(|content| content.suffix() == suffix).ok_or(NotATrackFile)?;
        plain_number(number).map(|number| Self::Segment(number, content)).ok_or(NotATrackFile)
    }
}

/// `ticks` in microseconds, to the nearest.
fn micros(ticks: u64, timescale: Timescale) -> u64 {
    let scale = u128::from(timescale.max(1));
    let micros = (u128::from(ticks) * 1_000_000 + scale / 2) / scale;
    u64::try_from(micros).unwrap_or(u64::MAX - 1_000_000)
}

/// Writes `number` with at least `width` digits. The formatter of `std` would take most of the time
/// of a long playlist.
fn push_number(out: &mut String, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < width {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend(digits[first..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests;
