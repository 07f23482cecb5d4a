//! From when to when a film goes on, in seconds of its file.

use super::sound::is_heard;
use crate::media::probe::Probe;
use crate::media::span::Frames;

/// Sound and picture that begin or end so many seconds apart count as one.
pub(super) const SLACK_S: f64 = 0.1;

/// A tail of sound of so many seconds after the last picture is given up for a picture that is copied.
pub(super) const TAIL_S: f64 = 2.0;

/// A film's ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Where the picture begins, or the film if there is none.
    from_s: f64,
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
            picture_s: frames.end_s(),
            sound_s: heard().filter_map(|track| track.end_s).reduce(f64::max),
            sounds: heard().count(),
        }
    }

    /// Seconds that sound goes on after the last picture.
    pub(super) fn tail_s(self) -> f64 {
        self.sound_s.zip(self.picture_s).map_or(0.0, |(sound, picture)| sound - picture)
    }

    /// For sounds beside a picture that ends there.
    pub(super) fn until(self, until_s: Option<f64>) -> Within {
        Within { from_s: self.from_s, until_s }
    }

    /// For sounds without a picture: several end together. One alone ends where it ends, as what its container says
    /// of that may be a guess.
    pub(super) fn of_sound(self) -> Within {
        self.until(self.sound_s.filter(|_| self.sounds > 1))
    }
}
