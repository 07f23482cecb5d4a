//! Times. Media times are whole ticks of a stated timescale; wall-clock times are milliseconds.

use serde::{Deserialize, Serialize};

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
