//! What the bots do, as numbers with the slot as their label: never a name, a channel or a token.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};

/// One bot now. What is counted is counted since the start of the program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BotNumbers {
    /// `healthy`, `resting` or `out`.
    pub state: &'static str,
    /// Share of the full rate at which it sends, above 0 and at most 1.
    pub pace: f64,
    /// Requests under way.
    pub in_flight: u32,
    /// Messages sent.
    pub messages: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Bytes of documents sent.
    pub bytes_up: u64,
    /// Bytes of documents received.
    pub bytes_down: u64,
}

/// The states that [`BotNumbers::state`] may name.
const STATES: [&str; 3] = ["healthy", "resting", "out"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BotLabels {
    slot: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BotStateLabels {
    slot: u8,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    slot: u8,
    direction: &'static str,
}

#[derive(Clone, Default)]
pub(super) struct BotMetrics {
    states: Family<BotStateLabels, Gauge>,
    pace: Family<BotLabels, Gauge<f64, AtomicU64>>,
    in_flight: Family<BotLabels, Gauge>,
    messages: Family<BotLabels, Counter>,
    errors: Family<BotLabels, Counter>,
    bytes: Family<DirectionLabels, Counter>,
}

impl BotMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let bots = Self::default();
        registry.register("bot_state", "1 for what the bot is now, 0 for what it is not", bots.states.clone());
        registry.register("bot_pace", "Share of the full rate at which the bot sends", bots.pace.clone());
        registry.register("bot_requests_open", "Requests to the bot under way", bots.in_flight.clone());
        registry.register("bot_messages", "Messages sent by the bot", bots.messages.clone());
        registry.register("bot_errors", "Requests to the bot that failed", bots.errors.clone());
        registry.register("bot_bytes", "Bytes of documents sent and received by the bot", bots.bytes.clone());
        bots
    }

    pub(super) fn set(&self, slot: u8, bot: BotNumbers) {
        for state in STATES {
            self.states.get_or_create(&BotStateLabels { slot, state }).set(i64::from(state == bot.state));
        }
        let labels = BotLabels { slot };
        self.pace.get_or_create(&labels).set(bot.pace);
        self.in_flight.get_or_create(&labels).set(i64::from(bot.in_flight));
        self.messages.get_or_create(&labels).inner().store(bot.messages, Ordering::Relaxed);
        self.errors.get_or_create(&labels).inner().store(bot.errors, Ordering::Relaxed);
        for (direction, bytes) in [("up", bot.bytes_up), ("down", bot.bytes_down)] {
            self.bytes.get_or_create(&DirectionLabels { slot, direction }).inner().store(bytes, Ordering::Relaxed);
        }
    }
}
