//! Bit rates, measured from bytes (RFC 8216bis, 4.1 and 4.4.6.2; A 1.26, 1.27, 9.13).

/// Runs longer than this many segments are not looked at; only a list without durations has them.
const RUN_MAX: usize = 1_000;

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    /// The largest rate over any run of segments that lasts 0.5 to 1.5 times the target duration; of
    /// any single segment where there is no such run.
    pub(super) peak: f64,
    pub(super) average: f64,
}

/// The rates of segments, each with its seconds and bytes.
pub(super) fn rates(segments: &[(f64, u64)], target: f64) -> Rates {
    let bits = |bytes: u64, seconds: f64| if seconds > 0.0 { bytes as f64 * 8.0 / seconds } else { 0.0 };
    let mut peak: f64 = 0.0;
    for start in 0..segments.len() {
        let (mut seconds, mut bytes) = (0.0, 0);
        for segment in segments[start..].iter().take(RUN_MAX) {
            seconds += segment.0;
            bytes += segment.1;
            // Durations are rounded to a microsecond or so; a limit is not missed by that.
            if seconds > target * 1.5 + 1e-5 {
                break;
            }
            if seconds >= target * 0.5 - 1e-5 {
                peak = peak.max(bits(bytes, seconds));
            }
        }
    }
    if peak == 0.0 {
        peak = segments.iter().map(|segment| bits(segment.1, segment.0)).fold(0.0, f64::max);
    }
    let seconds: f64 = segments.iter().map(|segment| segment.0).sum();
    Rates { peak, average: bits(segments.iter().map(|segment| segment.1).sum(), seconds) }
}

/// Whether what is declared is within a tenth of what was measured (A 1.26, 1.27).
pub(super) fn is_near(declared: u64, measured: f64) -> bool {
    measured > 0.0 && (declared as f64 / measured - 1.0).abs() <= 0.1 + 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_the_worst_run_of_about_a_target() {
        let steady = rates(&[(6.0, 750_000); 5], 6.0);
        assert_eq!((steady.peak, steady.average), (1e6, 1e6));
        // Alone, the short ones do not count; together they last 4 s.
        let burst = rates(&[(6.0, 6_000), (2.0, 30_000), (2.0, 10_000), (6.0, 6_000)], 6.0);
        assert_eq!(burst.peak, 80_000.0);
        assert_eq!(burst.average, 26_000.0);
    }

    #[test]
    fn runs_at_the_limits_count() {
        assert_eq!(rates(&[(9.0, 9_000)], 6.0).peak, 8_000.0);
        assert_eq!(rates(&[(3.0, 9_000), (9.0, 9)], 6.0).peak, 24_000.0);
    }

    #[test]
    fn odd_lists_have_odd_rates_and_no_panic() {
        assert_eq!(rates(&[(1.0, 1_000)], 6.0).peak, 8_000.0);
        assert_eq!(rates(&[], 6.0), Rates::default());
        assert_eq!(rates(&[(0.0, 5); 3], 6.0), Rates::default());
    }

    #[test]
    fn a_tenth_is_allowed_either_way() {
        assert!(is_near(110, 100.0) && is_near(90, 100.0));
        assert!(!is_near(111, 100.0) && !is_near(89, 100.0) && !is_near(1, 0.0));
    }
}
