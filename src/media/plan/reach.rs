//! From when to when a film goes on, in seconds of its file.

use super::sound::is_heard;
use crate::media::probe::Probe;
use crate::media::span::Frames;

/// Sound and picture that begin or end so many seconds apart count as one.
pub(super) const SLACK_S: f64 = 0.1;

/// Sound that begins less before an encoded picture counts as beginning with it: a frame, and what decoders of sound
/// warm up with.
const LEAD_S: f64 = 0.04;

/// A tail of sound of so many seconds after the last picture is given up for a picture that is copied, and for so many
/// before it the first one stands still.
pub(super) const TAIL_S: f64 = 2.0;

/// A film's ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Where the picture begins, or the film if there is none.
    from_s: f64,
    /// Where the earliest sound begins.
    heard_from_s: Option<f64>,
    /// Where the last picture ends.
    pub(super) picture_s: Option<f64>,
    /// Where the longest sound ends.
    pub(super) sound_s: Option<f64>,
    /// How many sounds there are.
    sounds: usize,
}

/// Where every sound is to begin and to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Within {
    pub(super) from_s: f64,
    /// `None` when nobody knows.
    pub(super) until_s: Option<f64>,
}

impl Reach {
    pub(super) fn of(probe: &Probe, frames: &Frames) -> Self {
        let heard = || probe.audio.iter().filter(|track| is_heard(track));
        Self {
            from_s: frames.first_s().unwrap_or(probe.start_s),
            heard_from_s: heard().filter_map(|track| track.start_s).reduce(f64::min),
            picture_s: frames.end_s(),
            sound_s: heard().filter_map(|track| track.end_s).reduce(f64::max),
            sounds: heard().count(),
        }
    }

    /// Seconds that sound goes on after the last picture.
    pub(super) fn tail_s(self) -> f64 {
        self.sound_s.zip(self.picture_s).map_or(0.0, |(sound, picture)| sound - picture)
    }

    /// Seconds that sound begins before the first picture; less than nothing where it begins later.
    pub(super) fn lead_s(self) -> f64 {
        self.heard_from_s.map_or(0.0, |heard| self.from_s - heard)
    }

    /// Where sound begins before the first picture: that is shown from there on, as one length is declared of
    /// everything (A 8.3, 8.7). A copy keeps its own time where the difference does not count.
    pub(super) fn early_s(self, is_copied: bool) -> Option<f64> {
        let least_s = if is_copied { SLACK_S } else { LEAD_S };
        self.heard_from_s.filter(|_| self.lead_s() >= least_s)
    }

    /// For sounds beside a picture that goes on from there, if not from its own beginning, and ends there.
    pub(super) fn within(self, from_s: Option<f64>, until_s: Option<f64>) -> Within {
        Within { from_s: from_s.unwrap_or(self.from_s), until_s }
    }

    /// For sounds without a picture: several end together. One alone ends where it ends, as what its container says
    /// of that may be a guess.
    pub(super) fn of_sound(self) -> Within {
        self.within(None, self.sound_s.filter(|_| self.sounds > 1))
    }
}
