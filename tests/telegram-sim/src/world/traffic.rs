//! What each bot asked for and how much went to and fro. Not kept over restarts.

use super::state::BotId;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// What a bot did since the world was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests by method, `download` among them, whatever became of them.
    pub requests: BTreeMap<String, u64>,
    /// Of these, how many were refused, cut off, damaged or left unanswered on purpose.
    pub troubled: u64,
    /// Bytes of documents that were received.
    pub bytes_in: u64,
    /// Bytes of documents that were handed to a socket.
    pub bytes_out: u64,
    /// Sends under way.
    pub sends: u64,
    /// Downloads under way.
    pub downloads: u64,
    /// Most sends that were ever under way at once.
    pub sends_peak: u64,
    /// Most downloads that were ever under way at once.
    pub downloads_peak: u64,
}

impl Counters {
    /// How often `method` was called, spelled as in the Bot API's documentation.
    pub fn requests_of(&self, method: &str) -> u64 {
        self.requests.get(method).copied().unwrap_or(0)
    }
}

/// Which way a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    In,
    Out,
}

/// The counters of all bots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    of: Arc<Mutex<HashMap<BotId, Counters>>>,
}

impl Traffic {
    pub(crate) fn of(&self, bot: BotId) -> Counters {
        self.change(bot, |counters| counters.clone())
    }

    pub(crate) fn asked(&self, bot: BotId, method: &str) {
        self.change(bot, |counters| *counters.requests.entry(method.to_owned()).or_default() += 1);
    }

    pub(crate) fn troubled(&self, bot: BotId) {
        self.change(bot, |counters| counters.troubled += 1);
    }

    /// Counts a send or a download as under way for as long as the guard lives.
    pub(crate) fn begin(&self, bot: BotId, way: Way) -> UnderWay {
        self.change(bot, |counters| {
            let (now, peak) = counters.gauge(way);
            *now += 1;
            *peak = (*peak).max(*now);
        });
        UnderWay { traffic: self.clone(), bot, way }
    }

    fn change<T>(&self, bot: BotId, change: impl FnOnce(&mut Counters) -> T) -> T {
        change(self.of.lock().expect("no panic while requests are counted").entry(bot).or_default())
    }
}

impl Counters {
    fn gauge(&mut self, way: Way) -> (&mut u64, &mut u64) {
        match way {
            Way::In => (&mut self.sends, &mut self.sends_peak),
            Way::Out => (&mut self.downloads, &mut self.downloads_peak),
        }
    }
}

/// A send or a download that has not ended.
#[derive(Debug)]
pub(crate) struct UnderWay {
    traffic: Traffic,
    bot: BotId,
    way: Way,
}

impl UnderWay {
    pub(crate) fn count(&self, bytes: u64) {
        self.traffic.change(self.bot, |counters| match self.way {
            Way::In => counters.bytes_in += bytes,
            Way::Out => counters.bytes_out += bytes,
        });
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.traffic.change(self.bot, |counters| *counters.gauge(self.way).0 -= 1);
    }
}
