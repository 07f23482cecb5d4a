//! How many messages each bot sent lately, and how long it has to wait for the next one.

use super::clock::whole_seconds;
use super::state::{BotId, ChannelId};
use crate::settings::Throttle;
use std::collections::{HashMap, VecDeque};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Times in milliseconds of what was sent in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    to_all: HashMap<BotId, VecDeque<i64>>,
    to_one: HashMap<(BotId, ChannelId), VecDeque<i64>>,
}

impl Pace {
    /// Counts one message.
    ///
    /// # Errors
    /// The seconds to wait when it would be one too many; it is not counted then.
    pub(crate) fn admit(
        &mut self,
        throttle: &Throttle,
        bot: BotId,
        channel: ChannelId,
        now_ms: i64,
    ) -> Result<(), u64> {
        let to_all = self.to_all.entry(bot).or_default();
        let to_one = self.to_one.entry((bot, channel)).or_default();
        for sent in [&mut *to_all, &mut *to_one] {
            while sent.front().is_some_and(|at| *at <= now_ms - MINUTE_MS) {
                sent.pop_front();
            }
        }
        let waits = [
            wait_ms(to_all, throttle.bot_per_second, SECOND_MS, now_ms),
            wait_ms(to_one, throttle.chat_per_second, SECOND_MS, now_ms),
            wait_ms(to_one, throttle.chat_per_minute, MINUTE_MS, now_ms),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(whole_seconds(wait));
        }
        to_all.push_back(now_ms);
        to_one.push_back(now_ms);
        Ok(())
    }
}

/// How long until fewer than `most` lie within the last `window_ms`; `None` if that is so already.
fn wait_ms(sent: &VecDeque<i64>, most: Option<usize>, window_ms: i64, now_ms: i64) -> Option<i64> {
    let first_that_counts = sent.len().checked_sub(most?)?;
    // With a limit of none, nothing lies there; the wait is then the whole window.
    let at = sent.get(first_that_counts).copied().unwrap_or(now_ms);
    Some(at + window_ms - now_ms).filter(|wait| *wait > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: BotId = BotId(1);
    const HERE: ChannelId = ChannelId(-1);
    const THERE: ChannelId = ChannelId(-2);

    #[test]
    fn the_wait_is_what_is_left_of_the_window() {
        let throttle = Throttle { chat_per_minute: Some(2), ..Throttle::default() };
        let mut pace = Pace::default();
        assert_eq!(pace.admit(&throttle, BOT, HERE, 0), Ok(()));
        assert_eq!(pace.admit(&throttle, BOT, HERE, 10_000), Ok(()));
        assert_eq!(pace.admit(&throttle, BOT, HERE, 20_500), Err(40));
        assert_eq!(pace.admit(&throttle, BOT, THERE, 20_500), Ok(()), "another chat has its own minute");
        assert_eq!(pace.admit(&throttle, BotId(2), HERE, 20_500), Ok(()), "another bot, too");
        assert_eq!(pace.admit(&throttle, BOT, HERE, 60_000), Ok(()), "a refused message was not counted");
        assert_eq!(pace.admit(&throttle, BOT, HERE, 60_001), Err(10));
    }

    #[test]
    fn a_bot_has_one_budget_for_all_its_chats() {
        let throttle = Throttle { bot_per_second: Some(1), ..Throttle::default() };
        let mut pace = Pace::default();
        assert_eq!(pace.admit(&throttle, BOT, HERE, 0), Ok(()));
        assert_eq!(pace.admit(&throttle, BOT, THERE, 999), Err(1));
        assert_eq!(pace.admit(&throttle, BOT, THERE, 1000), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let mut pace = Pace::default();
        for _ in 0..1000 {
            assert_eq!(pace.admit(&Throttle::default(), BOT, HERE, 0), Ok(()));
        }
    }
}
