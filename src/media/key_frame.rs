//! Key frames: pictures that decode without any other, which is what players show while a viewer
//! scrubs or winds.

use super::time::Timescale;

/// Where a key frame lies in a segment. These bytes behind the init segment decode to one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// First byte in the segment: that of its `moof`.
    pub offset: u64,
    /// Bytes up to the end of its coded picture, headers included.
    pub len: u64,
    /// Its presentation time in ticks.
    pub start: i64,
}

/// Leaves one key frame a second where there are more, which is as dense as scrubbing needs (A 6.1–6.10);
/// where they are farther apart, all stay. `frames` are in playing order, their times given by `start`.
///
/// Of those from half a second before a whole second to half a second after it, the first stays:
/// films begin at a whole second and mostly have key frames at others, so a time stamp that is a
/// little early costs nothing. What stays does not depend on the frames of other seconds, so thinning
/// each segment and then the whole leaves the same as thinning the whole.
pub fn thin<T>(frames: &mut Vec<T>, timescale: Timescale, start: impl Fn(&T) -> i64) {
    let scale = i128::from(timescale.max(1));
    let mut last = None;
    frames.retain(|frame| {
        let second = (2 * i128::from(start(frame)) + scale).div_euclid(2 * scale);
        let is_first = last.is_none_or(|last| last < second);
        if is_first {
            last = Some(second);
        }
        is_first
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Timescale = 1_000;

    fn thinned(mut starts: Vec<i64>) -> Vec<i64> {
        thin(&mut starts, SCALE, |&start| start);
        starts
    }

    #[test]
    fn of_many_key_frames_one_a_second_stays() {
        let every_picture: Vec<i64> = (0..5 * 25).map(|number| 10_000 + number * 40).collect();
        assert_eq!(thinned(every_picture), [10_000, 10_520, 11_520, 12_520, 13_520, 14_520]);
        assert_eq!(
            thinned((0..9).map(|number| 10_000 + number * 500).collect()),
            [10_000, 10_500, 11_500, 12_500, 13_500]
        );
    }

    #[test]
    fn key_frames_a_second_or_farther_apart_all_stay() {
        for step in [1_000, 1_001, 2_000, 5_005, 12_000] {
            let starts: Vec<i64> = (0..900).map(|number| 10_000 + number * step).collect();
            assert_eq!(thinned(starts.clone()), starts, "{step}");
        }
    }

    #[test]
    fn time_stamps_around_a_whole_second_cost_nothing() {
        let starts = vec![10_000, 10_999, 12_001, 12_998, 14_000, 15_003, 15_999];
        assert_eq!(thinned(starts.clone()), starts);
    }

    #[test]
    fn a_film_keeps_its_first_key_frame_wherever_it_begins() {
        for first in [-700, 0, 9_960, 10_000, 10_499, 10_500, 10_960] {
            assert_eq!(thinned((0..50).map(|number| first + number * 40).collect())[0], first);
        }
    }

    #[test]
    fn thinning_each_segment_first_changes_nothing() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..200 {
            let mut at = 10_000;
            let starts: Vec<i64> = std::iter::repeat_with(|| {
                at += 1 + i64::try_from(random(900)).unwrap();
                at
            })
            .take(60)
            .collect();
            let mut joined = Vec::new();
            let mut rest = &starts[..];
            while !rest.is_empty() {
                let (segment, more) = rest.split_at(rest.len().min(1 + random(9) as usize));
                joined.extend(thinned(segment.to_vec()));
                rest = more;
            }
            assert_eq!(thinned(joined), thinned(starts), "round {round}");
        }
    }

    #[test]
    fn times_that_go_back_or_are_absurd_leave_a_list_that_goes_forward() {
        assert_eq!(thinned(vec![5_000, 3_000, 5_000, i64::MAX, i64::MIN]), [5_000, i64::MAX]);
        let mut none = vec![1, 2];
        thin(&mut none, 0, |&start| start);
        assert_eq!(none, [1, 2], "a timescale of 0 counts as 1");
    }
}
