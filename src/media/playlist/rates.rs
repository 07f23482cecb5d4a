//! Measured bit rates (RFC 8216bis, 4.1 and 4.4.6.2; A 1.26–1.30, 9.13).

use crate::media::rendition::Rates;
use crate::media::time::Timescale;

/// The rates of a rendition from the duration in ticks and the size in bytes of each segment. The
/// peak is the largest rate over any contiguous run that lasts 0.5 to 1.5 times `target_s`; a
/// single segment outside those bounds counts only when nothing else does. Zero without duration.
pub fn bandwidth(segments: &[(u64, u64)], timescale: Timescale, target_s: u32) -> Rates {
    let average = segments.iter().fold(Run::default(), Run::with).rate(timescale);
    // Twice the duration against one and three times the target: no fractions.
    let target = u128::from(target_s) * u128::from(timescale);
    let mut peak = 0;
    for start in 0..segments.len() {
        let mut run = Run::default();
        for segment in &segments[start..] {
            run = run.with(segment);
            if run.ticks * 2 > target * 3 {
                break;
            }
            if run.ticks * 2 >= target {
                peak = peak.max(run.rate(timescale));
            }
        }
    }
    if peak == 0 {
        let alone = segments.iter().map(|segment| Run::default().with(segment).rate(timescale));
        peak = alone.max().unwrap_or(0);
    }
    Rates { peak: peak.max(average), average }
}

#[derive(Clone, Copy, Default)]
struct Run {
    ticks: u128,
    bytes: u128,
}

impl Run {
    fn with(self, &(ticks, bytes): &(u64, u64)) -> Self {
        Self { ticks: self.ticks + u128::from(ticks), bytes: self.bytes + u128::from(bytes) }
    }

    /// Bits per second, rounded up.
    fn rate(self, timescale: Timescale) -> u64 {
        if self.ticks == 0 {
            return 0;
        }
        let bits = self.bytes.saturating_mul(8 * u128::from(timescale));
        u64::try_from(bits.div_ceil(self.ticks)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_peaks_at_its_average() {
        let segments = [(6, 750_000); 20];
        assert_eq!(bandwidth(&segments, 1, 6), Rates { peak: 1_000_000, average: 1_000_000 });
    }

    #[test]
    fn the_peak_is_the_worst_run_about_as_long_as_the_target() {
        // Two short heavy segments make one run of 4 s; neither alone reaches half the target of 6 s.
        let segments = [(6, 6_000), (2, 20_000), (2, 20_000), (6, 6_000)];
        let rates = bandwidth(&segments, 1, 6);
        assert_eq!(rates.peak, 40_000 * 8 / 4);
        assert_eq!(rates.average, 52_000 * 8 / 16);
    }

    #[test]
    fn a_run_of_exactly_one_and_a_half_targets_still_counts() {
        assert_eq!(bandwidth(&[(2, 9_000), (5, 0), (2, 9_000), (6, 0)], 1, 6).peak, 16_000);
    }

    #[test]
    fn a_stray_short_segment_does_not_set_the_peak() {
        let segments = [(60, 60_000), (60, 60_000), (1, 5_000)];
        assert_eq!(bandwidth(&segments, 10, 6).peak, 85_246);
    }

    #[test]
    fn a_film_shorter_than_half_a_target_has_the_rate_of_what_there_is() {
        assert_eq!(bandwidth(&[(1, 1_000)], 1, 6), Rates { peak: 8_000, average: 8_000 });
        assert_eq!(bandwidth(&[], 1, 6), Rates::default());
        assert_eq!(bandwidth(&[(0, 1_000)], 1, 6), Rates::default());
        assert_eq!(bandwidth(&[(1, u64::MAX)], u32::MAX, 6).peak, u64::MAX);
    }

    /// The definition, word for word.
    fn by_definition(segments: &[(u64, u64)], target: u64) -> u64 {
        let mut peak = 0.0_f64;
        for start in 0..segments.len() {
            for end in start + 1..=segments.len() {
                let ticks: u64 = segments[start..end].iter().map(|segment| segment.0).sum();
                let bytes: u64 = segments[start..end].iter().map(|segment| segment.1).sum();
                if (0.5..=1.5).contains(&(ticks as f64 / target as f64)) {
                    peak = peak.max(bytes as f64 * 8.0 / ticks as f64);
                }
            }
        }
        peak.ceil() as u64
    }

    #[test]
    fn the_peak_agrees_with_the_definition_on_random_segments() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let segments: Vec<(u64, u64)> = (0..30).map(|_| (1 + random(6), random(100_000))).collect();
            let average = bandwidth(&segments, 1, 6).average;
            assert_eq!(bandwidth(&segments, 1, 6).peak, by_definition(&segments, 6).max(average), "{segments:?}");
        }
    }
}
