//! Wall-clock time that can be moved forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of a world: the machine's, plus what tests added.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    added_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn advance(&self, by_ms: i64) {
        self.added_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        milliseconds(real).saturating_add(self.added_ms.load(Ordering::SeqCst))
    }
}

/// `time` in milliseconds, as many as fit.
pub(crate) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Whole seconds that cover `wait_ms`, one at least: what `retry_after` says.
pub(crate) fn whole_seconds(wait_ms: i64) -> u64 {
    u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000).max(1)
}
