//! Where segments are cut. Coded pictures can only be cut before a key frame, so a video segment is
//! a run of whole GOPs (*group of pictures*: a key frame and all that follows it up to the next).
//! Sound can be cut anywhere and gets its own even grid.
//!
//! The same rule plans a playlist (`EXT-X-TARGETDURATION` must be known before the first segment
//! is written) and cuts the segments, so the two can never disagree.

/// How long and how big segments should be. Times in ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutRule {
    /// The duration aimed at, at least 1.
    pub target: u64,
    /// How far past the target a segment may go (half a second: Apple authoring rule 7.7).
    pub tolerance: u64,
    /// A segment gets no further GOP that would take its coded pictures past this; a single GOP may
    /// be bigger, since it cannot be divided.
    pub max_bytes: u64,
}

/// A run of coded pictures that can start a segment, or several of them joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gop {
    /// Ticks until the next one starts.
    pub duration: u64,
    /// Bytes of the coded pictures, without any box around them.
    pub bytes: u64,
}

impl CutRule {
    /// Whether a segment that holds `so_far` must end before `next` joins it. An empty one never does.
    pub fn closes_before(&self, so_far: Gop, next: Gop) -> bool {
        if so_far == Gop::default() {
            return false;
        }
        let joined = so_far.joined(next);
        so_far.duration >= self.target
            || joined.duration > self.target.saturating_add(self.tolerance)
            || joined.bytes > self.max_bytes
    }

    /// The time at or after which a segment of sound that starts at `start` ends: the next multiple
    /// of the target after `origin`, passing over one so near that the segment would be a splinter
    /// (encoders put a few priming samples before the film's first instant).
    pub fn sound_ends_at(&self, start: u64, origin: u64) -> u64 {
        let target = self.target.max(1);
        let settled = start.saturating_add(self.tolerance / 2);
        match settled.checked_sub(origin) {
            Some(past) => origin.saturating_add((past / target).saturating_add(1).saturating_mul(target)),
            None => origin - (origin - settled - 1) / target * target,
        }
    }
}

impl Gop {
    /// Both, one after the other.
    pub fn joined(self, next: Self) -> Self {
        Self { duration: self.duration.saturating_add(next.duration), bytes: self.bytes.saturating_add(next.bytes) }
    }
}

/// The segments that `rule` makes of `gops`, each with the number of its first group.
pub fn segments(gops: &[Gop], rule: CutRule) -> Vec<(usize, Gop)> {
    let mut segments: Vec<(usize, Gop)> = Vec::new();
    for (number, &gop) in gops.iter().enumerate() {
        match segments.last_mut().filter(|(_, open)| !rule.closes_before(*open, gop)) {
            Some((_, open)) => *open = open.joined(gop),
            None => segments.push((number, gop)),
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: CutRule = CutRule { target: 6000, tolerance: 500, max_bytes: 1000 };

    fn cut(durations: &[u64], bytes: u64) -> Vec<u64> {
        let mut done = Vec::new();
        let mut open = Gop::default();
        for &duration in durations {
            let gop = Gop { duration, bytes };
            if RULE.closes_before(open, gop) {
                done.push(std::mem::take(&mut open).duration);
            }
            open = open.joined(gop);
        }
        done.push(open.duration);
        done
    }

    #[test]
    fn gops_join_up_to_the_target() {
        assert_eq!(cut(&[2000; 7], 1), [6000, 6000, 2000]);
        assert_eq!(cut(&[480; 15], 1), [6240, 960]);
        assert_eq!(cut(&[500; 13], 1), [6000, 500], "a full segment takes no more, even within the tolerance");
    }

    #[test]
    fn a_gop_that_would_go_past_the_tolerance_starts_the_next_segment() {
        assert_eq!(cut(&[5000, 1500, 5000, 1501], 1), [6500, 5000, 1501]);
    }

    #[test]
    fn a_gop_longer_than_a_segment_stands_alone() {
        assert_eq!(cut(&[1000, 9000, 1000], 1), [1000, 9000, 1000]);
    }

    #[test]
    fn bytes_close_a_segment_too() {
        assert_eq!(cut(&[1000; 5], 400), [2000, 2000, 1000]);
        assert_eq!(cut(&[1000; 2], 5000), [1000, 1000], "too big alone is still a segment");
    }

    #[test]
    fn segments_are_known_before_any_is_made() {
        let gops = [2000, 2000, 2000, 6400, 100, 3000].map(|duration| Gop { duration, bytes: 1 });
        let known: Vec<_> =
            segments(&gops, RULE).into_iter().map(|(first, segment)| (first, segment.duration)).collect();
        assert_eq!(known, [(0, 6000), (3, 6400), (4, 3100)]);
        assert_eq!(segments(&[], RULE), []);
    }

    #[test]
    fn sound_keeps_to_its_grid() {
        assert_eq!(RULE.sound_ends_at(10_000, 10_000), 16_000);
        assert_eq!(RULE.sound_ends_at(9_980, 10_000), 16_000, "priming does not make a splinter");
        assert_eq!(RULE.sound_ends_at(16_015, 10_000), 22_000);
        assert_eq!(RULE.sound_ends_at(12_900, 10_000), 16_000, "late sound finds the grid");
        assert_eq!(RULE.sound_ends_at(8_000, 10_000), 10_000);
        assert_eq!(RULE.sound_ends_at(u64::MAX, 0), u64::MAX);
    }
}
