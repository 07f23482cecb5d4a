//! The bots: who may be asked now, and what is learnt from each answer.
//!
//! Every answer passes through a [`BotLease`], so that floods, faults and successes reach the circuit,
//! the pace and the meter in one place. The fleet decides *when* a bot is asked; which one, and what to
//! do when it may not be, is its caller's choice.

mod berth;
mod lease;
mod look;
mod status;

pub use berth::{Bot, ClosedBot};
pub use lease::BotLease;
pub(super) use look::Look;
pub use status::{BotStatus, FleetMemory, PaceRecord, RestRecord};

use super::bot_api::{ApiClient, ApiSettings};
use super::circuit::{CircuitSettings, CircuitState, OutReason, Outcome, RestReason};
use super::error::{Kind, TelegramError};
use super::gate::GateSettings;
use super::id::{BotId, ChatId};
use super::pace::PaceSettings;
use super::token::BotToken;
use crate::clock::Clock;
use crate::events::{Event, Events};
use crate::media::time::Timestamp;
use berth::Berth;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// What a bot is asked for. Earlier ones go ahead of later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Somebody watches. Fails at once when the bot rests: another copy is quicker.
    Playback,
    /// Bytes on their way in, and their reading back. Waits for short rests.
    Deposit,
    /// Nobody waits. Fails at once when the bot rests.
    Upkeep,
}

/// One bot as configured.
#[derive(Clone, Debug)]
pub struct BotSettings {
    /// The number people know it by, 1 to 8.
    pub slot: u8,
    /// Its token.
    pub token: BotToken,
    /// Its channel.
    pub channel: ChatId,
}

/// How long a lease may take.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The longest rest, or wait for the budget of a message, that a deposit sits out.
    pub patience: Duration,
    /// The longest wait for a slot when somebody watches.
    pub playback: Duration,
    /// The longest wait for a slot otherwise.
    pub slot: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { patience: Duration::from_secs(5), playback: Duration::from_secs(5), slot: Duration::from_secs(120) }
    }
}

/// Everything a fleet is made from.
#[derive(Clone, Debug, Default)]
pub struct FleetSettings {
    /// The bots, each at most once.
    pub bots: Vec<BotSettings>,
    /// Where the Bot API is and how long to wait for it.
    pub api: ApiSettings,
    /// Slots of each bot.
    pub gate: GateSettings,
    /// Budget of messages of each bot and channel.
    pub pace: PaceSettings,
    /// When a bot rests, and when one that is out is looked at.
    pub circuit: CircuitSettings,
    /// How long a lease may take.
    pub waits: Waits,
}

/// The bots. Clones are the same fleet.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    berths: Vec<Berth>,
    waits: Waits,
    clock: Clock,
    events: Events,
    memory: watch::Sender<FleetMemory>,
}

impl Fleet {
    /// The bots of `settings`, which go on resting, and being slow, as `memory` says. Asks nobody anything.
    ///
    /// # Errors
    /// When no connection can ever be made: see [`ApiClient::new`].
    pub fn new(
        settings: FleetSettings,
        memory: &FleetMemory,
        clock: Clock,
        events: Events,
    ) -> Result<Self, TelegramError> {
        let client = ApiClient::new(settings.api.clone())?;
        let now = clock.now();
        let berth = |bot: &BotSettings| Berth::new(bot, &settings, &client, memory, now);
        let berths: Vec<Berth> = settings.bots.iter().map(berth).collect();
        let inner = Inner { berths, waits: settings.waits, clock, events, memory: watch::Sender::default() };
        inner.remember();
        Ok(Self { inner: Arc::new(inner) })
    }

    /// All bots, by slot.
    pub fn bots(&self) -> Vec<Bot> {
        self.inner.berths.iter().map(|berth| berth.bot).collect()
    }

    /// The bots that are given up, until they are repaired.
    pub fn closed(&self) -> Vec<ClosedBot> {
        let now = self.inner.clock.now();
        let closed = |berth: &Berth| {
            let duty = berth.duty();
            let seen_from = duty.seen_from.clone();
            duty.circuit.is_given_up(now).then_some(ClosedBot { channel: berth.bot.channel, seen_from })
        };
        self.inner.berths.iter().filter_map(closed).collect()
    }

    /// The bot whose channel this is.
    pub fn by_channel(&self, channel: ChatId) -> Option<Bot> {
        self.inner.berths.iter().map(|berth| berth.bot).find(|bot| bot.channel == channel)
    }

    /// Whether a bot may be asked to read now and does nothing at all.
    pub fn is_idle(&self, bot: BotId) -> bool {
        let number = self.number_of(bot);
        number.is_some_and(|number| {
            self.inner.off_duty(number, Purpose::Playback).is_none() && self.inner.berths[number].gate.is_idle()
        })
    }

    /// The right to ask a bot, for as long as the lease lives.
    ///
    /// # Errors
    /// `Flooded` or `Unreachable` with the time left while the bot rests; the class of what is wrong with
    /// it while it is out (reading what it sent stays allowed unless its token is refused); `Busy` when no
    /// slot became free; `UnknownBot`.
    pub async fn lease(&self, bot: BotId, purpose: Purpose) -> Result<BotLease, TelegramError> {
        const DOING: &str = "leasing a bot";
        let number = self.number_of(bot).ok_or_else(|| TelegramError::new(Kind::UnknownBot, DOING))?;
        self.await_duty(number, purpose).await?;
        let waits = self.inner.waits;
        let longest = if purpose == Purpose::Playback { waits.playback } else { waits.slot };
        let Ok(pass) = timeout(longest, self.inner.berths[number].gate.enter(purpose)).await else {
            return Err(TelegramError::new(Kind::Busy, DOING).after(Some(Duration::from_secs(1))));
        };
        // The bot may have been sent to rest while we stood in line.
        match self.inner.off_duty(number, purpose) {
            None => Ok(BotLease::new(Arc::clone(&self.inner), number, pass)),
            Some(off) => Err(off.into_error(DOING)),
        }
    }

    /// Waits until the bot may be asked, if that is soon enough for `purpose`.
    async fn await_duty(&self, number: usize, purpose: Purpose) -> Result<(), TelegramError> {
        let patience = if purpose == Purpose::Deposit { self.inner.waits.patience } else { Duration::ZERO };
        let begun = Instant::now();
        loop {
            match self.inner.off_duty(number, purpose) {
                None => return Ok(()),
                Some(OffDuty::Resting { left, .. }) if begun.elapsed() + left <= patience => sleep(left).await,
                Some(off) => return Err(off.into_error("leasing a bot")),
            }
        }
    }

    fn number_of(&self, bot: BotId) -> Option<usize> {
        self.inner.berths.iter().position(|berth| berth.bot.id == bot)
    }
}

impl Inner {
    /// Why a bot may not be asked now; `None` when it may.
    fn off_duty(&self, number: usize, purpose: Purpose) -> Option<OffDuty> {
        let now = self.clock.now();
        let duty = self.berths[number].duty();
        let resting = |until: Timestamp, reason| {
            let left = Duration::from_millis(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or_default());
            OffDuty::Resting { reason, left }
        };
        match duty.circuit.state(now) {
            CircuitState::Healthy => None,
            CircuitState::Resting { until, reason } => Some(resting(until, reason)),
            CircuitState::Out { reason, .. } => {
                let is_fit = reason != OutReason::Unauthorized && purpose != Purpose::Deposit;
                let flood = duty.circuit.flood(now).map(|until| resting(until, RestReason::Flood));
                if is_fit { flood } else { Some(OffDuty::Out(reason)) }
            }
        }
    }

    /// Takes note of what happened to a bot; when that changes what it is fit for, says so.
    fn note(&self, number: usize, outcome: Outcome) {
        let now = self.clock.now();
        let (before, after) = {
            let mut duty = self.berths[number].duty();
            let before = (duty.circuit.state(now), duty.circuit.flood(now));
            duty.circuit.note(outcome, now);
            (before, (duty.circuit.state(now), duty.circuit.flood(now)))
        };
        if before == after {
            return;
        }
        if before.0 != after.0 {
            status::log_change(self.berths[number].bot, before.0, after.0, now);
        }
        self.remember();
        self.events.publish(Event::System);
    }
}

/// Why a bot may not be asked now.
enum OffDuty {
    Resting { reason: RestReason, left: Duration },
    Out(OutReason),
}

impl OffDuty {
    fn into_error(self, doing: &'static str) -> TelegramError {
        match self {
            Self::Resting { reason, left } => {
                let kind = match reason {
                    RestReason::Flood => Kind::Flooded,
                    RestReason::Unreachable => Kind::Unreachable,
                };
                TelegramError::new(kind, doing).after(Some(left)).saying("the bot rests")
            }
            Self::Out(reason) => TelegramError::new(reason.into(), doing).saying("the bot is out until it is repaired"),
        }
    }
}
