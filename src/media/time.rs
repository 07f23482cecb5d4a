//! Times. Media times are whole ticks of a stated timescale; wall-clock times are milliseconds.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Wall-clock time: milliseconds since 1970-01-01 UTC. Enters as an argument, so tests choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus `wait`, saturating.
    pub fn after(self, wait: std::time::Duration) -> Self {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(wait))
    }

    /// As RFC 3339 in UTC, for people and programs. A time beyond the year 9999 reads as 1970.
    pub fn rfc3339(self) -> String {
        let nanos = i128::from(self.0) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        moment.format(&Rfc3339).unwrap_or_default()
    }
}

/// Ticks per second of a track's times, at least 1.
pub type Timescale = u32;

/// Seconds added to every track's presentation times, so that no decode time is ever negative
/// and every track shares one zero: players were measured to seek without errors with it.
pub const TIMELINE_OFFSET_SECONDS: u64 = 10;

/// `ticks` of `timescale` in seconds, for playlists and people; never for further arithmetic.
pub fn seconds(ticks: u64, timescale: Timescale) -> f64 {
    ticks as f64 / f64::from(timescale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(Timestamp(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_795_000_000_123).rfc3339(), "2026-11-18T11:06:40.123Z");
        assert_eq!(Timestamp(i64::MAX).rfc3339(), "1970-01-01T00:00:00Z");
    }
}
