//! When a channel is searched again that could not be cleared up: each search sends a message there, and a cause that
//! lasts must not fill it.

use crate::media::extent::ChannelId;
use crate::media::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// The rest after the first search that left a doubt; it doubles, up to `LONGEST`.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);

/// The channels that are left alone.
#[derive(Default)]
pub(super) struct Searches {
    resting: HashMap<ChannelId, Rest>,
}

struct Rest {
    until: Timestamp,
    wait: Duration,
}

impl Searches {
    pub(super) fn is_due(&self, channel: &ChannelId, now: Timestamp) -> bool {
        self.resting.get(channel).is_none_or(|rest| rest.until <= now)
    }

    pub(super) fn ended(&mut self, channel: ChannelId, is_clear: bool, now: Timestamp) {
        if is_clear {
            self.resting.remove(&channel);
            return;
        }
        let wait = self.resting.get(&channel).map_or(FIRST, |rest| (rest.wait * 2).min(LONGEST));
        self.resting.insert(channel, Rest { until: now.after(wait), wait });
    }

    /// Forgets channels in which nothing is looked for any more.
    pub(super) fn keep(&mut self, is_doubtful: impl Fn(&ChannelId) -> bool) {
        self.resting.retain(|channel, _| is_doubtful(channel));
    }

    /// How long until a channel that is left alone is due.
    pub(super) fn next(&self, now: Timestamp) -> Option<Duration> {
        let next = self.resting.values().map(|rest| rest.until).min()?;
        Some(Duration::from_millis(u64::try_from(next.0 - now.0).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_keeps_its_doubts_is_searched_less_and_less_often() {
        let (mut searches, mut now) = (Searches::default(), Timestamp(0));
        let [stuck, other] = ["a", "b"].map(|name| ChannelId(name.to_owned()));
        let mut times = 0;
        for _ in 0..24 * 60 {
            if searches.is_due(&stuck, now) {
                times += 1;
                searches.ended(stuck.clone(), false, now);
            }
            assert!(searches.is_due(&other, now));
            now = now.after(Duration::from_secs(60));
        }
        assert!((144..160).contains(&times), "{times} a day");
        searches.ended(stuck.clone(), true, now);
        assert!(searches.is_due(&stuck, now) && searches.next(now).is_none());
    }
}
