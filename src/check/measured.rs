//! What is known of a rendition when all of it was read.

use super::init::{Track, TrackKind};
use super::timeline::Pace;

/// What its segments are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    Fragments,
    TransportStream,
    PackedAudio,
    Text,
    Encrypted,
    /// Nothing was there to look at.
    #[default]
    Unknown,
}

/// A rendition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) address: String,
    /// Seconds.
    pub(super) target: Option<u64>,
    pub(super) ended: bool,
    pub(super) independent: bool,
    pub(super) i_frames_only: bool,
    /// Seconds, as the playlist says.
    pub(super) duration: f64,
    /// Seconds from the beginning of the list.
    pub(super) discontinuities: Vec<f64>,
    /// Tracks of the first init segment.
    pub(super) tracks: Vec<Track>,
    /// Seconds and bytes of each segment.
    pub(super) sizes: Vec<(f64, u64)>,
    /// From when to when anything is shown or heard, in seconds.
    pub(super) span: Option<(f64, f64)>,
    pub(super) pace: Option<Pace>,
    /// Whether every segment begins with an IDR; `None` if that is not known of all.
    pub(super) opens: Option<bool>,
    pub(super) format: Format,
}

impl Measured {
    pub(super) fn track(&self, kind: TrackKind) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == kind)
    }

    /// Whether this is sound or picture to play, and not I-frames or text.
    pub(super) fn is_playable(&self) -> bool {
        !self.i_frames_only && !matches!(self.format, Format::Text | Format::Unknown)
    }
}
