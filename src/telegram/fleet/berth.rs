//! One bot's place in the fleet: its wire, its slots, and what is known of it.

use super::{BotSettings, FleetMemory, FleetSettings, look};
use crate::media::time::Timestamp;
use crate::telegram::bot_api::{ApiClient, BotApi};
use crate::telegram::circuit::Circuit;
use crate::telegram::gate::Gate;
use crate::telegram::id::{BotId, ChatId};
use crate::telegram::meter::Meter;
use crate::telegram::pace::Pace;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// One bot as the rest of the program names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bot {
    /// The number people know it by.
    pub slot: u8,
    /// Its id.
    pub id: BotId,
    /// Its channel.
    pub channel: ChatId,
}

/// A bot that has given nothing for so long that nobody should wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedBot {
    /// Its channel.
    pub channel: ChatId,
    /// The channels of the bots that see this one, and so can forward to theirs what lies in it.
    pub seen_from: Vec<ChatId>,
}

pub(super) struct Berth {
    pub(super) bot: Bot,
    pub(super) api: BotApi,
    pub(super) gate: Gate,
    duty: Mutex<Duty>,
}

/// What changes with every answer.
pub(super) struct Duty {
    pub(super) circuit: Circuit,
    pub(super) pace: Pace,
    pub(super) meter: Meter,
    /// The bot's name without the `@`, once it was asked.
    pub(super) username: Option<String>,
    /// The channel's name, once the bot was looked at.
    pub(super) title: Option<String>,
    /// Whether the bot may delete in its channel, once it was looked at.
    pub(super) can_delete: Option<bool>,
    /// When it is to be asked for its channel again, and when it was last.
    pub(super) glance_at: Timestamp,
    pub(super) glanced_at: Timestamp,
    /// The channels of the bots that saw this one's channel when it was given up, once they were asked.
    pub(super) seen_from: Vec<ChatId>,
}

impl Berth {
    pub(super) fn new(
        bot: &BotSettings,
        fleet: &FleetSettings,
        client: &ApiClient,
        memory: &FleetMemory,
        now: Timestamp,
    ) -> Self {
        let (id, instant) = (bot.token.bot(), Instant::now());
        let circuit = match memory.rests.iter().find(|rest| rest.bot == id) {
            Some(rest) => Circuit::resting(fleet.circuit, rest.until, rest.reason),
            None => Circuit::new(fleet.circuit),
        };
        let pace = match memory.paces.iter().find(|pace| pace.bot == id) {
            Some(pace) => {
                let ago = u64::try_from(now.0.saturating_sub(pace.changed_at.0)).unwrap_or_default();
                Pace::resumed(fleet.pace, pace.share, Duration::from_millis(ago), instant)
            }
            None => Pace::new(fleet.pace, instant),
        };
        let duty = Duty {
            circuit,
            pace,
            meter: Meter::new(instant),
            username: None,
            title: None,
            can_delete: None,
            glance_at: now.after(look::EVERY),
            glanced_at: now,
            seen_from: Vec::new(),
        };
        Self {
            bot: Bot { slot: bot.slot, id, channel: bot.channel },
            api: BotApi::new(client, bot.token.clone()),
            gate: Gate::new(fleet.gate),
            duty: Mutex::new(duty),
        }
    }

    pub(super) fn duty(&self) -> MutexGuard<'_, Duty> {
        self.duty.lock().expect("no panic while a bot's state changes")
    }
}
