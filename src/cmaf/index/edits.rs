//! Edit lists that leave nothing out: a pause at most, and then the whole track at its own speed.

use super::IndexedSample;
use crate::cmaf::boxes::{Boxed, leaf, required};
use crate::cmaf::source::TrackKind;
use mp4_atom::{Elst, FixedPoint};

/// The one real edit of a list, in ticks of the track.
pub(super) struct Edit {
    /// How long nothing is presented before it.
    pause: i64,
    /// The media time it begins with.
    begin: i64,
    /// The media time it ends before.
    end: i64,
    /// Ticks per second.
    timescale: u32,
}

impl Edit {
    /// Reads an `edts` box; `None` when there is more than one edit, or one that changes the speed.
    pub(super) fn read(edits: Boxed<'_>, movie_timescale: u32, timescale: u32) -> Option<Self> {
        let list: Elst = leaf(required(edits.body, b"elst").ok()?).ok()?;
        let ticks = |duration: u64| {
            let (timescale, movie) = (u128::from(timescale), u128::from(movie_timescale));
            i64::try_from((u128::from(duration) * timescale + movie / 2) / movie).ok()
        };
        let mut pause = 0_u64;
        let mut found = None;
        for entry in &list.entries {
            match entry.media_time {
                None if found.is_none() => pause = pause.checked_add(entry.segment_duration)?,
                Some(begin) if found.is_none() && entry.media_rate == FixedPoint::new(1, 0) => {
                    found = Some((i64::try_from(begin).ok()?, ticks(entry.segment_duration)?));
                }
                _ => return None,
            }
        }
        let (begin, len) = found?;
        Some(Self { pause: ticks(pause)?, begin, end: begin.checked_add(len)?, timescale })
    }

    /// Moves media times to where they are presented; `None` when the edit leaves a sample out.
    ///
    /// Sound before the edit is what a decoder needs to warm up and is kept, but readers only look
    /// back for a second of it.
    pub(super) fn apply(&self, samples: &mut [IndexedSample], kind: TrackKind) -> Option<()> {
        let first = samples.iter().map(|sample| sample.pts).min()?;
        let last = samples.iter().map(|sample| sample.pts).max()?;
        let is_whole = match kind {
            TrackKind::Video => (0..=first).contains(&self.begin) && self.end - self.begin >= last - first,
            TrackKind::Audio => {
                let begins = first == 0 && (0..=i64::from(self.timescale)).contains(&self.begin);
                // The sample in which the edit ends is the last one that readers give.
                begins && samples.last().is_some_and(|last| last.pts < self.end)
            }
        };
        let shift = self.pause.checked_sub(self.begin).filter(|_| is_whole)?;
        for sample in samples {
            sample.pts = sample.pts.checked_add(shift)?;
            sample.dts = sample.dts.checked_add(shift)?;
        }
        Some(())
    }
}
