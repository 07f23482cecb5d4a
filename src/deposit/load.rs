//! How busy each channel is with copies on their way to it. The hash of a blob says where a copy goes, as long as
//! that channel has no more than its share of all that may go at once; else the next one of the hash takes it
//! (rendezvous hashing with bounded loads). So the lines are all busy while much is to be sent, and placement is the
//! hash's alone while little is.
//!
//! Reading a copy back goes the other way and holds nobody up. If it did, all sends would end together,
//! and the lines would stand idle until all were read back.

use crate::media::extent::ChannelId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is under way now. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Load {
    sends: usize,
    turns: Arc<Semaphore>,
    channels: Arc<Mutex<HashMap<ChannelId, State>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    sends: usize,
    /// Until when it asked to be left alone.
    pause: Option<Instant>,
}

/// The right to send one copy.
#[derive(Debug)]
pub(super) struct Turn {
    load: Load,
    _permit: OwnedSemaphorePermit,
}

/// A copy on its way to a channel, from the choice of the channel until the last byte is there.
#[derive(Debug)]
pub(super) struct Sending {
    turn: Turn,
    channel: ChannelId,
}

impl Load {
    /// Nothing under way, and room for so many sends, 1 at least.
    pub(super) fn new(sends: usize) -> Self {
        let sends = sends.max(1);
        Self { sends, turns: Arc::new(Semaphore::new(sends)), channels: Arc::default() }
    }

    /// Waits for a turn, in order. The channel is chosen afterwards.
    pub(super) async fn turn(&self) -> Turn {
        let permit = Arc::clone(&self.turns).acquire_owned().await.expect("the turns are never closed");
        Turn { load: self.clone(), _permit: permit }
    }

    /// Keeps the order of the channels, which is that of a blob's hash, but for those that have their share of
    /// sends, which come behind the others, the busiest last, and those that asked for a pause, which come after all.
    pub(super) fn sort(&self, channels: &mut [ChannelId], now: Instant) {
        let share = self.sends.div_ceil(channels.len().max(1));
        let known = self.channels();
        channels.sort_by_key(|channel| {
            let state = known.get(channel).copied().unwrap_or_default();
            (state.pause.is_some_and(|until| until > now), (state.sends + 1).saturating_sub(share))
        });
    }

    /// The channel asked to be left alone for so long.
    pub(super) fn pause(&self, channel: &ChannelId, wait: Duration, now: Instant) {
        self.channels().entry(channel.clone()).or_default().pause = now.checked_add(wait);
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<ChannelId, State>> {
        self.channels.lock().expect("no panic while sends are counted")
    }
}

impl Turn {
    /// Begins to send to `channel`.
    pub(super) fn to(self, channel: &ChannelId) -> Sending {
        self.load.channels().entry(channel.clone()).or_default().sends += 1;
        Sending { turn: self, channel: channel.clone() }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(state) = self.turn.load.channels().get_mut(&self.channel) {
            state.sends -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn sorted(load: &Load, now: Instant) -> String {
        let mut channels = ["a", "b", "c"].map(|name| ChannelId(name.to_owned()));
        load.sort(&mut channels, now);
        channels.map(|channel| channel.0).concat()
    }

    #[tokio::test]
    async fn the_hash_decides_until_a_channel_has_its_share_and_one_that_wants_a_pause_comes_last() {
        let (load, now) = (Load::new(6), Instant::now());
        let channel = |name: &str| ChannelId(name.to_owned());
        let first = load.turn().await.to(&channel("a"));
        assert_eq!(sorted(&load, now), "abc", "two of six are the share of each of three");
        let _second = load.turn().await.to(&channel("a"));
        assert_eq!(sorted(&load, now), "bca");
        let _more = [load.turn().await.to(&channel("b")), load.turn().await.to(&channel("b"))];
        let _beyond = load.turn().await.to(&channel("b"));
        assert_eq!(sorted(&load, now), "cab", "the busiest is the last");
        drop(first);
        assert_eq!(sorted(&load, now), "acb");
        load.pause(&channel("a"), Duration::from_secs(5), now);
        assert_eq!(sorted(&load, now), "cba");
        assert_eq!(sorted(&load, now + Duration::from_secs(5)), "acb");
    }

    #[tokio::test]
    async fn while_everything_is_sent_that_may_be_no_channel_has_more_than_its_share() {
        let (load, now) = (Load::new(9), Instant::now());
        let mut under_way = Vec::new();
        for _ in 0..9 {
            // The hash prefers the same channel each time.
            let first = sorted(&load, now)[..1].to_owned();
            under_way.push((first.clone(), load.turn().await.to(&ChannelId(first))));
        }
        for name in ["a", "b", "c"] {
            assert_eq!(under_way.iter().filter(|(channel, _)| channel == name).count(), 3, "{name}");
        }
    }

    #[tokio::test]
    async fn only_so_many_are_sent_at_once() {
        let load = Load::new(2);
        let channel = ChannelId("a".to_owned());
        let (first, _second) = (load.turn().await.to(&channel), load.turn().await);
        assert!(load.turn().now_or_never().is_none());
        drop(first);
        assert!(load.turn().now_or_never().is_some());
    }
}
