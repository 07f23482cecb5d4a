//! The line of each bot: what all its uploads share, and, the other way, all its downloads.

use super::state::BotId;
use super::traffic::Way;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How late a timer may be without the line standing still meanwhile.
const SLACK: Duration = Duration::from_millis(10);

/// The lines of all bots; without a speed there are none to wait for.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    bytes_per_second: Option<u64>,
    /// Until when each is taken.
    taken: Arc<Mutex<HashMap<(BotId, Way), Instant>>>,
}

/// One bot's line in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    lines: Lines,
    bot: BotId,
    way: Way,
}

impl Lines {
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Self { bytes_per_second, taken: Arc::default() }
    }

    pub(crate) fn line(&self, bot: BotId, way: Way) -> Line {
        Line { lines: self.clone(), bot, way }
    }
}

impl Line {
    /// Takes the line for `bytes` behind those that have it, and says when they have passed.
    pub(crate) fn take(&self, bytes: u64, now: Instant) -> Option<Instant> {
        let speed = self.lines.bytes_per_second?.max(1);
        let mut taken = self.lines.taken.lock().expect("no panic while lines are given away");
        let until = taken.entry((self.bot, self.way)).or_insert(now);
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        *until = (*until).max(earliest) + Duration::from_micros(bytes.saturating_mul(1_000_000) / speed);
        Some(*until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn transfers_of_a_bot_share_its_line_and_nobody_elses() {
        let (lines, now) = (Lines::new(Some(1000)), Instant::now());
        let line = |bot, way| lines.line(BotId(bot), way);
        assert_eq!(line(1, Way::In).take(2000, now), Some(now + 2 * SECOND));
        assert_eq!(line(1, Way::In).take(1000, now), Some(now + 3 * SECOND));
        assert_eq!(line(1, Way::Out).take(1000, now), Some(now + SECOND));
        assert_eq!(line(2, Way::In).take(1000, now), Some(now + SECOND));
        assert_eq!(Lines::new(None).line(BotId(1), Way::In).take(1000, now), None);
    }

    #[test]
    fn a_line_saves_nothing_up_but_what_a_late_timer_cost() {
        let (lines, now) = (Lines::new(Some(1000)), Instant::now());
        let line = lines.line(BotId(1), Way::In);
        line.take(1000, now);
        let late = now + SECOND + SLACK / 2;
        assert_eq!(line.take(1000, late), Some(now + 2 * SECOND));
        let later = now + 60 * SECOND;
        assert_eq!(line.take(1000, later), Some(later + SECOND - SLACK));
    }
}
