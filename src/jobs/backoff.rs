//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);

/// The wait after so many attempts (1 is the first): it doubles, up to five minutes.
pub(super) fn wait_after(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits = [0, 1, 2, 3, 8, 9, u32::MAX].map(|attempts| wait_after(attempts).as_secs());
        assert_eq!(waits, [2, 2, 4, 8, 256, 300, 300]);
    }
}
