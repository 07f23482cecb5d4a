//! Looking at a bot: its token, its channel and its rights, so that one that was repaired comes back by itself.

use super::{Bot, Fleet, Inner, OffDuty, Purpose};
use crate::events::Event;
use crate::telegram::bot_api::{Chat, Me, Rights};
use crate::telegram::circuit::{CircuitState, OutReason, Outcome, RestReason};
use crate::telegram::error::{Kind, TelegramError};
use crate::telegram::id::BotId;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// How often it is asked whether a look is due.
const TICK: Duration = Duration::from_secs(1);

/// How often a bot that seems well is asked whether it still sees its channel.
pub(super) const EVERY: Duration = Duration::from_secs(300);

/// The least time between two such questions, when a file was not to be had: the channel may be gone.
const SOON: Duration = Duration::from_secs(30);

/// The longest such a question waits for its turn. It is asked again at the next time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen. A later question is not asked where the answer to an earlier one rules it out.
pub(in crate::telegram) struct Look {
    pub(in crate::telegram) bot: Bot,
    pub(in crate::telegram) me: Result<Me, TelegramError>,
    pub(in crate::telegram) chat: Option<Result<Chat, TelegramError>>,
    pub(in crate::telegram) rights: Option<Result<Rights, TelegramError>>,
    /// Time of the last question, on a connection that was there already.
    pub(in crate::telegram) latency: Option<Duration>,
}

impl Fleet {
    /// Looks at every bot once, and later at each that is out when its time has come; asks those that seem well
    /// every few minutes whether they still see their channel. Ends when `cancel` does.
    pub async fn keep_watch(self, cancel: CancellationToken) {
        let mut unseen: BTreeSet<usize> = (0..self.inner.berths.len()).collect();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
            let due: Vec<usize> = (0..self.inner.berths.len()).filter(|number| self.is_due(*number, &unseen)).collect();
            unseen.retain(|number| !due.contains(number));
            let glances: Vec<usize> =
                (0..self.inner.berths.len()).filter(|number| self.is_to_glance(*number)).collect();
            let looks = join_all(due.into_iter().map(|number| self.look(number)));
            let glances = join_all(glances.into_iter().map(|number| timeout(PATIENCE, self.glance(number))));
            let given_up: Vec<usize> = (0..self.inner.berths.len()).filter(|number| self.is_to_ask(*number)).collect();
            let questions = join_all(given_up.into_iter().map(|number| self.ask_others(number)));
            if cancel.run_until_cancelled(async { tokio::join!(looks, glances, questions) }).await.is_none() {
                return;
            }
        }
    }

    /// Looks at one bot; `None` when there is no such bot.
    pub(in crate::telegram) async fn look_at(&self, bot: BotId) -> Option<Look> {
        Some(self.look(self.number_of(bot)?).await)
    }

    fn is_due(&self, number: usize, unseen: &BTreeSet<usize>) -> bool {
        let now = self.inner.clock.now();
        let mut duty = self.inner.berths[number].duty();
        let rests = matches!(duty.circuit.state(now), CircuitState::Resting { .. });
        duty.circuit.look_is_due(now) || (unseen.contains(&number) && !rests)
    }

    /// Whether a bot is to be asked for its channel now. `true` once for each time.
    fn is_to_glance(&self, number: usize) -> bool {
        let now = self.inner.clock.now();
        let mut duty = self.inner.berths[number].duty();
        let is_due = duty.glance_at <= now && duty.circuit.state(now) == CircuitState::Healthy;
        if is_due {
            (duty.glance_at, duty.glanced_at) = (now.after(EVERY), now);
        }
        is_due
    }

    /// Asks a bot that seems well for its channel; what that means is noted as with every answer.
    async fn glance(&self, number: usize) {
        let berth = &self.inner.berths[number];
        // One that may not be asked now is asked the next time.
        let Ok(lease) = self.lease(berth.bot.id, Purpose::Upkeep).await else { return };
        if let Ok(chat) = lease.own_chat().await {
            berth.duty().title = chat.title;
        }
    }

    /// Whether the others are to be asked now for the channel of a bot that is given up. `true` once for each time.
    fn is_to_ask(&self, number: usize) -> bool {
        let now = self.inner.clock.now();
        let mut duty = self.inner.berths[number].duty();
        let is_due = duty.circuit.is_given_up(now) && duty.glance_at <= now;
        if is_due {
            (duty.glance_at, duty.glanced_at) = (now.after(EVERY), now);
        }
        is_due
    }

    /// Finds out which other bots see the channel of one that is given up: they can forward what lies there.
    async fn ask_others(&self, number: usize) {
        let channel = self.inner.berths[number].bot.channel;
        let others = self.bots().into_iter().filter(|bot| bot.channel != channel);
        let asked = others.map(async |bot| {
            let question = async { self.lease(bot.id, Purpose::Upkeep).await?.chat(channel).await };
            let is_seen = matches!(timeout(PATIENCE, question).await, Ok(Ok(_)));
            is_seen.then_some(bot.channel)
        });
        let seen_from = join_all(asked).await.into_iter().flatten().collect();
        self.inner.berths[number].duty().seen_from = seen_from;
        self.inner.events.publish(Event::System);
    }

    /// Keeps what a page shows of a bot, and says so when it would leave litter.
    fn remember(&self, number: usize, look: &Look) {
        let mut duty = self.inner.berths[number].duty();
        if let Some(Ok(chat)) = &look.chat {
            duty.title.clone_from(&chat.title);
        }
        let Some(Ok(rights)) = &look.rights else { return };
        let before = duty.can_delete.replace(rights.can_delete);
        if rights.can_post && !rights.can_delete && before != Some(false) {
            let (slot, bot) = (look.bot.slot, look.bot.id.0);
            tracing::warn!(bot, slot, "a bot may not delete in its channel; `telecine test-bots` says what to do");
        }
    }

    /// Asks a bot about itself and takes note of what that means.
    async fn look(&self, number: usize) -> Look {
        let berth = &self.inner.berths[number];
        let me = match self.inner.off_duty(number, Purpose::Upkeep) {
            // What Telegram asked for is obeyed, whoever is curious.
            Some(off @ OffDuty::Resting { reason: RestReason::Flood, .. }) => {
                Err(off.into_error("asking who the bot is"))
            }
            _ => berth.api.me().await,
        };
        let mut look = Look { bot: berth.bot, me, chat: None, rights: None, latency: None };
        if let Ok(me) = &look.me {
            berth.duty().username = Some(me.username.clone());
            let chat = berth.api.chat(berth.bot.channel).await;
            let begun = Instant::now();
            let rights = berth.api.member(berth.bot.channel).await;
            look.latency = rights.is_ok().then(|| begun.elapsed());
            (look.chat, look.rights) = (Some(chat), Some(rights));
        }
        self.remember(number, &look);
        if let Some(outcome) = look.outcome() {
            self.inner.note(number, outcome);
        }
        look
    }
}

impl Inner {
    /// A file of this bot was not to be had: its channel is asked for soon.
    pub(super) fn suspect(&self, number: usize) {
        let mut duty = self.berths[number].duty();
        duty.glance_at = duty.glance_at.min(duty.glanced_at.after(SOON));
    }
}

impl Look {
    /// What was seen, as one outcome; `None` when nothing is certain.
    fn outcome(&self) -> Option<Outcome> {
        let errors = [self.me.as_ref().err(), failed(self.chat.as_ref()), failed(self.rights.as_ref())];
        let certain = errors.into_iter().flatten().find_map(|error| {
            Some(match error.kind {
                Kind::Flooded => Outcome::Flooded(error.retry_after.unwrap_or_default()),
                Kind::Unauthorized => Outcome::Expelled(OutReason::Unauthorized),
                Kind::Forbidden => Outcome::Expelled(OutReason::Forbidden),
                Kind::ChatNotFound => Outcome::Expelled(OutReason::ChannelGone),
                Kind::ServerFault | Kind::Unreachable | Kind::Malformed => Outcome::Failed,
                _ => return None,
            })
        });
        if certain.is_some() {
            return certain;
        }
        let rights = self.rights.as_ref()?.as_ref().ok()?;
        Some(if rights.can_post { Outcome::Cleared } else { Outcome::Expelled(OutReason::Forbidden) })
    }
}

fn failed<T>(answer: Option<&Result<T, TelegramError>>) -> Option<&TelegramError> {
    answer.and_then(|answer| answer.as_ref().err())
}
