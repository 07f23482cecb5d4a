//! What there is to show of the bots, and what has to outlive a restart.

use super::{Bot, Fleet, Inner};
use crate::media::time::Timestamp;
use crate::telegram::circuit::{CircuitState, OutReason, RestReason};
use crate::telegram::id::{BotId, ChatId};
use crate::telegram::meter::Reading;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

/// One bot on the system page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BotStatus {
    /// The number people know it by.
    pub slot: u8,
    /// Its id.
    pub bot: BotId,
    /// Its name without the `@`, once it was asked.
    pub username: Option<String>,
    /// Its channel.
    pub channel: ChatId,
    /// The channel's name, once the bot was looked at.
    pub title: Option<String>,
    /// Whether it may delete in its channel, once it was looked at.
    pub can_delete: Option<bool>,
    /// What it is fit for, and why and how long it is not.
    #[serde(flatten)]
    pub state: CircuitState,
    /// Until when Telegram asked it to wait, also while it is out.
    pub flooded_until: Option<Timestamp>,
    /// Whether it has given no answer since it last rested for want of one.
    pub is_silent: bool,
    /// Share of the full rate at which it sends, above 0 and at most 1; floods lower it.
    pub pace: f64,
    /// What it did.
    #[serde(flatten)]
    pub reading: Reading,
}

/// A rest that a bot has not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestRecord {
    /// Which bot.
    pub bot: BotId,
    /// When it may be asked again.
    pub until: Timestamp,
    /// Why not before.
    pub reason: RestReason,
}

/// How much floods slowed a bot down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceRecord {
    /// Which bot.
    pub bot: BotId,
    /// Its share of the full rate, 1 to 7 eighths.
    pub share: u8,
    /// When that changed last: time gives it back.
    pub changed_at: Timestamp,
}

/// What a fleet learnt that has to outlive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetMemory {
    /// The rests that are not over.
    pub rests: Vec<RestRecord>,
    /// The bots that floods slowed down and time has not set right again.
    pub paces: Vec<PaceRecord>,
}

impl Fleet {
    /// Every bot, by slot.
    pub fn status(&self) -> Vec<BotStatus> {
        let (now, instant) = (self.inner.clock.now(), Instant::now());
        let shown = |berth: &super::Berth| {
            let duty = berth.duty();
            let Bot { slot, id, channel } = berth.bot;
            BotStatus {
                slot,
                bot: id,
                username: duty.username.clone(),
                channel,
                title: duty.title.clone(),
                can_delete: duty.can_delete,
                state: duty.circuit.state(now),
                flooded_until: duty.circuit.flood(now),
                is_silent: duty.circuit.is_silent(),
                pace: duty.pace.share(),
                reading: duty.meter.read(instant),
            }
        };
        self.inner.berths.iter().map(shown).collect()
    }

    /// What was learnt, as of now.
    pub fn memory(&self) -> FleetMemory {
        self.inner.memory()
    }

    /// What was learnt, whenever a bot's state changes: to be saved, and handed to [`Fleet::new`] after a
    /// restart.
    pub fn subscribe(&self) -> watch::Receiver<FleetMemory> {
        self.inner.memory.subscribe()
    }
}

impl Inner {
    pub(super) fn memory(&self) -> FleetMemory {
        let (now, instant) = (self.clock.now(), Instant::now());
        let resting = |berth: &super::Berth| {
            let duty = berth.duty();
            let (until, reason) = match duty.circuit.state(now) {
                CircuitState::Resting { until, reason } => (until, reason),
                _ => (duty.circuit.flood(now)?, RestReason::Flood),
            };
            Some(RestRecord { bot: berth.bot.id, until, reason })
        };
        let slowed = |berth: &super::Berth| {
            let (share, changed) = berth.duty().pace.slowed()?;
            let ago = i64::try_from(instant.saturating_duration_since(changed).as_millis()).ok()?;
            Some(PaceRecord { bot: berth.bot.id, share, changed_at: Timestamp(now.0.saturating_sub(ago)) })
        };
        FleetMemory {
            rests: self.berths.iter().filter_map(resting).collect(),
            paces: self.berths.iter().filter_map(slowed).collect(),
        }
    }

    /// Tells whoever keeps the memory that it changed. It is read under the channel's lock: the last to
    /// publish has seen everything before.
    pub(super) fn remember(&self) {
        self.memory.send_modify(|kept| *kept = self.memory());
    }
}

/// Says once what changed, where it is found out.
pub(super) fn log_change(bot: Bot, before: CircuitState, after: CircuitState, now: Timestamp) {
    let (slot, bot) = (bot.slot, bot.id.0);
    match (before, after) {
        (_, CircuitState::Resting { until, reason: RestReason::Flood }) => {
            tracing::warn!(bot, slot, wait_ms = until.0 - now.0, "a bot rests because Telegram asked it to wait");
        }
        (_, CircuitState::Resting { until, reason: RestReason::Unreachable }) => {
            tracing::warn!(bot, slot, wait_ms = until.0 - now.0, "a bot rests because it got no answers");
        }
        (_, CircuitState::Out { reason, .. }) => {
            let lacks = match reason {
                OutReason::Unauthorized => "its token is not accepted",
                OutReason::Forbidden => "it may not post in its channel",
                OutReason::ChannelGone => "it sees no such channel",
            };
            tracing::error!(bot, slot, lacks, "a bot is out until it is repaired; `telecine test-bots` says how");
        }
        (CircuitState::Out { .. }, CircuitState::Healthy) => {
            tracing::info!(bot, slot, "a bot that was out is back");
        }
        (_, CircuitState::Healthy) => {}
    }
}
