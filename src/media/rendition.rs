//! Renditions: what the coded forms of a video's tracks are called and how playlists describe them.
//!
//! A track name such as `v0` stands in URLs, so its bytes never change: when a rendition has to
//! start again with another encoder, the new *generation* gets a new name, `v0g2`.

use super::probe::Ratio;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a rendition carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenditionKind {
    /// Moving pictures, without sound.
    Video,
    /// One sound track.
    Audio,
    /// One text track.
    Subtitles,
    /// Key frames alone, for fast winding.
    IFrames,
    /// Still pictures: storyboards.
    Images,
    /// The source file itself, in runs of its bytes; no player is told of it.
    Original,
}

/// How a rendition came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The source's packets, bit for bit.
    Copied,
    /// Decoded and encoded again.
    Encoded,
}

/// The text names no kind, method or range of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known word for a {0}")]
pub struct UnknownWord(&'static str);

/// A rendition's name inside its video: kind, number from 0 and, after the first, its generation.
/// Written `v0`, `a1`, `v0g2`; every name has exactly one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackName {
    /// What the track carries.
    pub kind: RenditionKind,
    /// Position among the video's tracks of this kind, from 0.
    pub number: u32,
    /// 1 for the first attempt, then 2, 3, …
    pub generation: u32,
}

/// The text is not a track name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a track name like v0 or a1g2")]
pub struct NotATrackName;

/// The RFC 6381 name of MP3 in a transport stream, the only form in which players are given it.
pub const MP3: &str = "mp4a.40.34";

/// Bits per second, as `BANDWIDTH` and `AVERAGE-BANDWIDTH` want them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// The largest rate over any stretch about as long as a segment.
    pub peak: u64,
    /// The rate over everything.
    pub average: u64,
}

/// Size of the picture as it is shown: after rotation and with square pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Dynamic range of the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoRange {
    /// Standard.
    #[default]
    Sdr,
    /// High, by hybrid log-gamma.
    Hlg,
    /// High, by the perceptual quantizer.
    Pq,
}

/// A video rendition as the master playlist describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoRendition {
    /// Its name.
    pub name: TrackName,
    /// RFC 6381 codecs of the pictures, such as `avc1.640028`.
    pub codecs: String,
    /// Size as shown.
    pub resolution: Resolution,
    /// The highest rate of frames; `None` when unknown.
    pub frame_rate: Option<Ratio>,
    /// Dynamic range.
    pub range: VideoRange,
    /// Planned rates while it grows, measured ones afterwards.
    pub rates: Rates,
    /// Measured rates of its I-frame playlist; `None` while there is none.
    pub i_frames: Option<Rates>,
}

/// A sound rendition as the master playlist describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioRendition {
    /// Its name.
    pub name: TrackName,
    /// RFC 6381 codecs, such as `mp4a.40.2`.
    pub codecs: String,
    /// Language tag as the source gave it; cleaned when written.
    pub language: Option<String>,
    /// What people read in the menu; `None` falls back to the language, then to a number.
    pub label: Option<String>,
    /// Number of channels, at least 1.
    pub channels: u32,
    /// Whether the source marks it as the one to play.
    pub default: bool,
    /// The stream of the film's file that it is a form of; `None` when nobody knows any more.
    pub source: Option<u32>,
    /// Planned rates while it grows, measured ones afterwards.
    pub rates: Rates,
}

/// A subtitle rendition as the master playlist describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRendition {
    /// Its name.
    pub name: TrackName,
    /// Language tag as the source gave it; cleaned when written.
    pub language: Option<String>,
    /// What people read in the menu; `None` falls back to the language, then to a number.
    pub label: Option<String>,
    /// Whether it holds only what is spoken in another language than the sound's.
    pub forced: bool,
}

impl Resolution {
    /// Lines as people call them ("1080p") after the longer way round, so that a wide or an upright film is not called
    /// something else.
    pub fn lines(self) -> u32 {
        const NAMED: [u32; 8] = [2160, 1440, 1080, 720, 576, 480, 360, 240];
        let lines = self.height.max(self.width / 16 * 9);
        if self.width < self.height {
            return self.width;
        }
        NAMED.into_iter().find(|named| lines.abs_diff(*named) <= named / 25).unwrap_or(self.height)
    }
}

impl RenditionKind {
    /// The word the catalog and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitles => "subtitles",
            Self::IFrames => "i_frames",
            Self::Images => "images",
            Self::Original => "original",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Video => 'v',
            Self::Audio => 'a',
            Self::Subtitles => 's',
            Self::IFrames => 'k',
            Self::Images => 'p',
            Self::Original => 'o',
        }
    }

    fn of_letter(letter: char) -> Option<Self> {
        [Self::Video, Self::Audio, Self::Subtitles, Self::IFrames, Self::Images, Self::Original]
            .into_iter()
            .find(|kind| kind.letter() == letter)
    }
}

impl Method {
    /// The word the catalog and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Encoded => "encoded",
        }
    }
}

impl VideoRange {
    /// The word the catalog and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sdr => "sdr",
            Self::Hlg => "hlg",
            Self::Pq => "pq",
        }
    }
}

impl FromStr for RenditionKind {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "video" => Ok(Self::Video),
            "audio" => Ok(Self::Audio),
            "subtitles" => Ok(Self::Subtitles),
            "i_frames" => Ok(Self::IFrames),
            "images" => Ok(Self::Images),
            "original" => Ok(Self::Original),
            _ => Err(UnknownWord("kind of rendition")),
        }
    }
}

impl FromStr for Method {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "copied" => Ok(Self::Copied),
            "encoded" => Ok(Self::Encoded),
            _ => Err(UnknownWord("method")),
        }
    }
}

impl FromStr for VideoRange {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "sdr" => Ok(Self::Sdr),
            "hlg" => Ok(Self::Hlg),
            "pq" => Ok(Self::Pq),
            _ => Err(UnknownWord("dynamic range")),
        }
    }
}

/// Numbers that each kind has.
const ROOM: u32 = 1000;

/// Number of the first subtitles that are added to a film: a file has at most 512 streams.
const FIRST_ADDED: u32 = 512;

/// The number of a rendition inside its video, from its kind and its position among those of that kind: also
/// their order in lists. Kinds have room for so many that no film reaches the next.
pub fn number_of(kind: RenditionKind, position: u32) -> u32 {
    let kinds = match kind {
        RenditionKind::Video => 0,
        RenditionKind::Audio => 1,
        RenditionKind::Subtitles => 2,
        RenditionKind::IFrames => 3,
        RenditionKind::Images => 4,
        RenditionKind::Original => 5,
    };
    kinds * ROOM + position.min(ROOM - 1)
}

impl TrackName {
    /// Small pictures to scrub by.
    pub const STORYBOARD: Self = Self { kind: RenditionKind::Images, number: 0, generation: 1 };

    /// Stills, one of which may be the poster.
    pub const STILLS: Self = Self { kind: RenditionKind::Images, number: 1, generation: 1 };

    /// The first generation of track `number` of this kind.
    pub fn new(kind: RenditionKind, number: u32) -> Self {
        Self { kind, number, generation: 1 }
    }

    /// The name of added subtitles, the `before`th of their film counted from 0; `None` when a film cannot have
    /// so many. Subtitles of the film's own file have numbers below these, whatever the file holds.
    pub fn added_subtitles(before: u32) -> Option<Self> {
        let number = FIRST_ADDED.checked_add(before).filter(|number| *number < ROOM)?;
        Some(Self::new(RenditionKind::Subtitles, number))
    }

    /// Whether it is a track that was added beside the film's file.
    pub fn is_added(self) -> bool {
        self.kind == RenditionKind::Subtitles && self.number >= FIRST_ADDED
    }

    /// The name of the next attempt at the same track.
    pub fn next_generation(self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self }
    }
}

impl fmt::Display for TrackName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.kind.letter(), self.number)?;
        if self.generation > 1 {
            write!(out, "g{}", self.generation)?;
        }
        Ok(())
    }
}

impl FromStr for TrackName {
    type Err = NotATrackName;
    fn from_str(text: &str) -> Result<Self, NotATrackName> {
        let kind = text.chars().next().and_then(RenditionKind::of_letter).ok_or(NotATrackName)?;
        // Every letter is ASCII, so one byte is one character.
        let (number, generation) = match text[1..].split_once('g') {
            Some((number, generation)) => (number, plain_number(generation).filter(|&generation| generation > 1)),
            None => (&text[1..], Some(1)),
        };
        let number = plain_number(number).ok_or(NotATrackName)?;
        Ok(Self { kind, number, generation: generation.ok_or(NotATrackName)? })
    }
}

/// Digits only, without sign and leading zeros: one number has one spelling, so URLs and caches agree.
pub(super) fn plain_number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_name_reads_back_and_has_one_spelling() {
        let first = TrackName::new(RenditionKind::Video, 0);
        for name in [first, first.next_generation(), TrackName::new(RenditionKind::Original, 12)] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(first.next_generation().to_string(), "v0g2");
        for wrong in ["", "v", "v00", "v+1", "v0g1", "v0g", "v0g02", "x0", "v0/..", "ä0", "v4294967296", "v0g2g3"] {
            assert_eq!(wrong.parse::<TrackName>(), Err(NotATrackName), "{wrong}");
        }
    }

    #[test]
    fn added_subtitles_are_told_from_those_of_the_file_and_come_to_an_end() {
        assert_eq!(TrackName::added_subtitles(0).unwrap().to_string(), "s512");
        assert!(TrackName::added_subtitles(487).is_some_and(TrackName::is_added));
        assert_eq!(TrackName::added_subtitles(488), None);
        assert!(!TrackName::new(RenditionKind::Subtitles, 511).is_added());
        assert!(!TrackName::new(RenditionKind::Audio, 512).is_added());
    }

    #[test]
    fn words_for_the_catalog_are_those_of_the_api() {
        for kind in [
            RenditionKind::Video,
            RenditionKind::Audio,
            RenditionKind::Subtitles,
            RenditionKind::IFrames,
            RenditionKind::Images,
            RenditionKind::Original,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for method in [Method::Copied, Method::Encoded] {
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        for range in [VideoRange::Sdr, VideoRange::Hlg, VideoRange::Pq] {
            assert_eq!(serde_json::to_value(range).unwrap(), range.as_str());
            assert_eq!(range.as_str().parse(), Ok(range));
        }
    }
}
