//! How busy each channel is with copies on their way to it: the next one goes where the line is free, and
//! only so many go at once.
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
    turns: Arc<Semaphore>,
    channels: Arc<Mutex<HashMap<ChannelId, State>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    sends: u32,
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
        Self { turns: Arc::new(Semaphore::new(sends.max(1))), channels: Arc::default() }
    }

    /// Waits for a turn, in order. The channel is chosen afterwards.
    pub(super) async fn turn(&self) -> Turn {
        let permit = Arc::clone(&self.turns).acquire_owned().await.expect("the turns are never closed");
        Turn { load: self.clone(), _permit: permit }
    }

    /// Puts the least busy channels first, and last those that asked for a pause; equals stay in their order.
    pub(super) fn sort(&self, channels: &mut [ChannelId], now: Instant) {
        let known = self.channels();
        channels.sort_by_key(|channel| {
            let state = known.get(channel).copied().unwrap_or_default();
            (state.pause.is_some_and(|until| until > now), state.sends)
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
    async fn the_least_busy_channel_comes_first_and_one_that_wants_a_pause_last() {
        let (load, now) = (Load::new(8), Instant::now());
        let channel = |name: &str| ChannelId(name.to_owned());
        assert_eq!(sorted(&load, now), "abc");
        let first = load.turn().await.to(&channel("a"));
        assert_eq!(sorted(&load, now), "bca");
        let _second = load.turn().await.to(&channel("b"));
        assert_eq!(sorted(&load, now), "cab");
        drop(first);
        assert_eq!(sorted(&load, now), "acb");
        load.pause(&channel("a"), Duration::from_secs(5), now);
        assert_eq!(sorted(&load, now), "cba");
        assert_eq!(sorted(&load, now + Duration::from_secs(5)), "acb");
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
