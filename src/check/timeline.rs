//! The times of a rendition's samples, segment by segment, against what its playlist says.

use super::fragment::Fragment;
use super::init::Track;
use super::report::Fault;
use super::scan::Scanned;
use std::collections::{BTreeMap, HashSet};

const FORMAT: &str = "RFC 8216bis 3.1.2";
/// Not of any standard: players seek wrongly where samples share a time.
const DOUBLED: &str = "T duplicate times";
/// Not of any standard: Shaka Player and `ExoPlayer` fail on times before zero.
const NEGATIVE: &str = "T negative times";
/// Kinds of sample durations that are told apart.
const DURATIONS_MAX: usize = 10_000;
/// Seconds that `EXTINF` is off by its own decimals.
const ROUNDING: f64 = 0.001;

/// What was seen so far. Times in seconds unless they are ticks.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Ticks where the next segment begins.
    next: Option<u64>,
    /// Ticks at which samples of the last segment are shown.
    shown: HashSet<i64>,
    /// Sum of `EXTINF` less the truth, and the least and most that it was.
    drift: f64,
    drifts: (f64, f64),
    is_drift_told: bool,
    frame: f64,
    /// Earliest time that anything is shown, and the latest end.
    span: Option<(f64, f64)>,
    /// Samples by their duration in ticks.
    durations: BTreeMap<u32, u64>,
    samples: u64,
    seconds: f64,
    timescale: u32,
}

/// Frames per second: no fewer than the first and no more than the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace(pub(super) f64, pub(super) f64);

/// Samples of one segment.
struct Samples {
    /// Ticks.
    duration: u64,
    longest: u32,
    shown: Vec<i64>,
    /// Ticks when the last one ends.
    end: i64,
}

impl Timeline {
    /// Takes the next segment of this track; tells what is wrong with it.
    pub(super) fn add(&mut self, segment: &Scanned, track: &Track, extinf: f64, discontinuity: bool) -> Vec<Fault> {
        self.take(&segment.fragments, track, Some(extinf), discontinuity)
    }

    /// The same of its fragments; its length is that of others where it has no `extinf`.
    pub(super) fn take(
        &mut self,
        fragments: &[Fragment],
        track: &Track,
        extinf: Option<f64>,
        discontinuity: bool,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        if discontinuity {
            self.next = None;
            self.shown.clear();
        }
        self.timescale = track.timescale;
        let scale = f64::from(track.timescale);
        let samples = self.samples(fragments, track, &mut faults);
        if samples.shown.is_empty() {
            faults.push(Fault::new(FORMAT, "no samples of its track"));
            return faults;
        }
        faults.extend(self.doubled(&samples.shown));
        let first = samples.shown.iter().copied().min().unwrap_or(0);
        if first < 0 {
            faults.push(Fault::new(NEGATIVE, format!("a sample is shown at {} s", first as f64 / scale)));
        }
        let (begin, end) = (first as f64 / scale, samples.end as f64 / scale);
        let span = self.span.get_or_insert((begin, end));
        *span = (span.0.min(begin), span.1.max(end));
        self.frame = self.frame.max(f64::from(samples.longest) / scale);
        if let Some(extinf) = extinf {
            faults.extend(self.measure(samples.duration as f64 / scale, extinf, f64::from(samples.longest) / scale));
        }
        faults
    }

    /// Reads the samples of the segment, and checks that one fragment follows the other.
    fn samples(&mut self, fragments: &[Fragment], track: &Track, faults: &mut Vec<Fault>) -> Samples {
        let mut all = Samples { duration: 0, longest: 0, shown: Vec::new(), end: i64::MIN };
        for fragment in fragments.iter().filter(|fragment| fragment.track == track.id) {
            let Some(begin) = fragment.decode_time else {
                faults.push(Fault::new(FORMAT, "a fragment without tfdt"));
                continue;
            };
            if i64::try_from(begin).is_err() {
                let what = format!("a tfdt of {}, which is a time before zero", begin as i64);
                faults.push(Fault::new(NEGATIVE, what));
                continue;
            }
            if let Some(next) = self.next.filter(|next| *next != begin) {
                let off = (begin as f64 - next as f64) / f64::from(track.timescale);
                faults.push(Fault::new(
                    "A 7.3",
                    format!("it begins at tick {begin} where {next} is due, {off:+.6} s off"),
                ));
            }
            let mut time = begin;
            for sample in &fragment.samples {
                let duration = sample.duration.unwrap_or(track.defaults.duration);
                let shown = (time as i64).saturating_add(sample.offset).saturating_sub(track.edit);
                all.shown.push(shown);
                all.end = all.end.max(shown.saturating_add(i64::from(duration)));
                all.duration = all.duration.saturating_add(u64::from(duration));
                all.longest = all.longest.max(duration);
                time = time.saturating_add(u64::from(duration));
                self.samples += 1;
                if self.durations.len() < DURATIONS_MAX || self.durations.contains_key(&duration) {
                    *self.durations.entry(duration).or_default() += 1;
                }
            }
            self.next = Some(time);
        }
        all
    }

    fn doubled(&mut self, shown: &[i64]) -> Option<Fault> {
        let mut now = HashSet::with_capacity(shown.len());
        let twice = shown.iter().filter(|time| !now.insert(**time) || self.shown.contains(*time)).count();
        self.shown = now;
        (twice > 0).then(|| Fault::new(DOUBLED, format!("{twice} samples are shown at a time that is taken")))
    }

    /// Compares durations: this segment's, and the sum over every run of segments.
    fn measure(&mut self, truth: f64, extinf: f64, frame: f64) -> Vec<Fault> {
        let mut faults = Vec::new();
        if (extinf - truth).abs() > frame + ROUNDING {
            faults.push(Fault::new("A 8.1", format!("EXTINF says {extinf} s, its samples last {truth:.6} s")));
        }
        self.seconds += truth;
        self.drift += extinf - truth;
        self.drifts = (self.drifts.0.min(self.drift), self.drifts.1.max(self.drift));
        let worst = self.drifts.1 - self.drifts.0;
        if worst > self.frame + ROUNDING && !self.is_drift_told {
            self.is_drift_told = true;
            let what = format!("up to here the sum of EXTINF over a run of segments is {worst:.6} s off");
            faults.push(Fault::new("A 8.1", what));
        }
        faults
    }

    /// The second where the next segment begins, if that is known.
    pub(super) fn due(&self) -> Option<f64> {
        Some(self.next? as f64 / f64::from(self.timescale.max(1)))
    }

    /// From when to when anything is shown, in seconds.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        self.span
    }

    /// How many frames a second there are: the mean, the usual and the most.
    pub(super) fn pace(&self) -> Option<Pace> {
        let scale = f64::from(self.timescale);
        let mean = self.samples as f64 / self.seconds;
        let shortest = *self.durations.keys().find(|duration| **duration > 0)?;
        let usual = *self.durations.iter().max_by_key(|(_, count)| **count)?.0;
        let (usual, most) = (scale / f64::from(usual.max(1)), scale / f64::from(shortest));
        mean.is_finite().then(|| Pace(mean.min(usual), mean.max(usual).max(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::tests::{scanned, segment};
    use super::*;

    const SYNC: u32 = 0x0200_0000;

    fn track() -> Track {
        Track { id: 1, timescale: 1000, ..Track::default() }
    }

    /// Samples of 40 ms each, shown in the order of decoding.
    fn part(time: u64, count: usize) -> Scanned {
        scanned(&segment(time, &vec![(40, 1, SYNC, 0); count], b"x"))
    }

    fn rules(faults: Vec<Fault>) -> Vec<&'static str> {
        faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn segments_that_follow_each_other_are_fine() {
        let mut line = Timeline::default();
        assert_eq!(line.add(&part(10_000, 25), &track(), 1.0, false), []);
        assert_eq!(line.add(&part(11_000, 50), &track(), 2.0, false), []);
        assert_eq!(line.span(), Some((10.0, 13.0)));
        assert_eq!(line.pace(), Some(Pace(25.0, 25.0)));
    }

    #[test]
    fn gaps_are_told_unless_they_are_marked() {
        let mut line = Timeline::default();
        line.add(&part(0, 25), &track(), 1.0, false);
        assert_eq!(rules(line.add(&part(1_001, 25), &track(), 1.0, false)), ["A 7.3"]);
        assert_eq!(rules(line.add(&part(9_000, 25), &track(), 1.0, true)), [""; 0]);
    }

    #[test]
    fn a_duration_is_that_of_the_samples() {
        let mut line = Timeline::default();
        assert_eq!(rules(line.add(&part(0, 25), &track(), 1.03, false)), [""; 0]);
        assert_eq!(rules(line.add(&part(1_000, 25), &track(), 1.03, false)), ["A 8.1"], "the sum is off");
        assert_eq!(rules(line.add(&part(2_000, 25), &track(), 1.0, false)), [""; 0], "and is told once");
        assert_eq!(rules(line.add(&part(3_000, 25), &track(), 0.9, false)), ["A 8.1"]);
    }

    #[test]
    fn the_sum_over_any_run_counts_and_not_only_from_the_beginning() {
        let mut line = Timeline::default();
        assert_eq!(rules(line.add(&part(0, 25), &track(), 0.97, false)), [""; 0]);
        assert_eq!(rules(line.add(&part(1_000, 25), &track(), 1.03, false)), [""; 0]);
        assert_eq!(rules(line.add(&part(2_000, 25), &track(), 1.03, false)), ["A 8.1"]);
    }

    #[test]
    fn no_two_samples_are_shown_at_once() {
        let mut line = Timeline::default();
        let bytes = segment(0, &[(40, 1, SYNC, 0), (40, 1, 0, 0), (40, 1, 0, 40)], b"x");
        assert_eq!(rules(line.add(&scanned(&bytes), &track(), 0.12, false)), [""; 0]);
        let bytes = segment(120, &[(40, 1, SYNC, 40), (40, 1, 0, 0)], b"x");
        assert_eq!(rules(line.add(&scanned(&bytes), &track(), 0.08, false)), [DOUBLED]);
        let bytes = segment(200, &[(40, 1, SYNC, -40)], b"x");
        assert_eq!(rules(line.add(&scanned(&bytes), &track(), 0.04, false)), [DOUBLED], "across segments, too");
    }

    #[test]
    fn no_time_is_before_zero() {
        let mut line = Timeline::default();
        let early = segment(0, &[(40, 1, SYNC, -40)], b"x");
        assert_eq!(rules(line.add(&scanned(&early), &track(), 0.04, false)), [NEGATIVE]);
        let mut line = Timeline::default();
        assert_eq!(rules(line.add(&part(u64::MAX - 5, 1), &track(), 0.04, false)), [NEGATIVE, FORMAT]);
    }

    #[test]
    fn a_segment_has_samples_of_its_track() {
        let other = Track { id: 2, ..track() };
        assert_eq!(rules(Timeline::default().add(&part(0, 25), &other, 1.0, false)), [FORMAT]);
    }
}
