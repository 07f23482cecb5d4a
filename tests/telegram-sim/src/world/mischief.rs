//! What tests and people with a demo do to a world: faults, losses, time.

use super::World;
use super::clock::milliseconds;
use super::dice::{Dice, Roll};
use super::event::Event;
use super::fault::{Damage, Fault, Operation, Plan};
use super::line::Line;
use super::state::{BotId, ChannelId, MessageId, Standing};
use super::traffic::{Counters, Traffic, Way};
use std::io;
use std::ops::Range;
use std::time::Duration;

/// How often it is looked whether what is held up may go on.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

impl World {
    /// Adds a fault to the end of the bot's script.
    pub fn fault(&self, bot: BotId, fault: Fault) {
        self.live().faults.add(bot, fault);
    }

    /// Adds a fault to every bot's script.
    pub fn fault_all(&self, fault: &Fault) {
        for bot in self.bots() {
            self.fault(bot.id, fault.clone());
        }
    }

    /// Lets chance trouble every bot's requests from now on; `None` ends that.
    pub fn set_dice(&self, dice: Option<Dice>) {
        self.live().faults.dice = dice;
    }

    /// Takes all faults of a bot away.
    pub fn clear_faults(&self, bot: BotId) {
        self.live().faults.clear(bot);
    }

    /// The faults that may still happen to a bot.
    pub fn faults(&self, bot: BotId) -> Vec<Fault> {
        self.live().faults.of(bot)
    }

    /// Deletes a message as its owner would by hand, whatever its age. Returns whether it existed.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn lose_message(&self, channel: ChannelId, message: MessageId) -> io::Result<bool> {
        let mut live = self.live();
        let found = live.state.channels.get(&channel).is_some_and(|found| found.messages.contains_key(&message));
        if found {
            self.commit(&mut live, Event::Deleted { channel, messages: vec![message] })?;
        }
        Ok(found)
    }

    /// Makes a bot's token worthless for ever.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn revoke(&self, bot: BotId) -> io::Result<()> {
        self.commit(&mut self.live(), Event::BotRevoked { bot })
    }

    /// Throws a bot out of a channel.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn ban(&self, bot: BotId, channel: ChannelId) -> io::Result<()> {
        self.set_standing(channel, bot, Standing::Banned)
    }

    /// Restricts the saving of a channel's content: nothing can be forwarded from it any more.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn protect_content(&self, channel: ChannelId) -> io::Result<()> {
        self.commit(&mut self.live(), Event::ChannelProtected { channel })
    }

    /// Deletes a channel with all that is in it.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn drop_channel(&self, channel: ChannelId) -> io::Result<()> {
        self.commit(&mut self.live(), Event::ChannelDropped { channel })
    }

    /// Moves the world's clock forward: links and floods end, messages age.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn advance(&self, by: Duration) -> io::Result<()> {
        let by_ms = milliseconds(by);
        self.commit(&mut self.live(), Event::Advanced { by_ms })?;
        self.inner.clock.advance(by_ms);
        Ok(())
    }

    /// What a bot asked for, and how much went to and fro.
    pub fn counters(&self, bot: BotId) -> Counters {
        self.inner.traffic.of(bot)
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    /// What a bot's transfers in one direction share.
    pub(crate) fn line(&self, bot: BotId, way: Way) -> Line {
        self.inner.lines.line(bot, way)
    }

    /// What a request that just arrived has to go through, the settings' slowness included.
    pub(crate) fn plan(&self, bot: BotId, operation: Operation) -> Plan {
        let mut plan = self.live().faults.plan(bot, operation, self.now_ms());
        if plan.ending.is_some() {
            self.inner.traffic.troubled(bot);
        }
        let settings = self.settings();
        plan.latency += settings.latency;
        let speeds = [plan.bytes_per_second, settings.bytes_per_second];
        plan.bytes_per_second = speeds.into_iter().flatten().min();
        plan
    }

    /// Waits as long as a request has to before it is looked at.
    pub(crate) async fn delay(&self, bot: BotId, operation: Operation, plan: &Plan) {
        tokio::time::sleep(plan.latency).await;
        while plan.is_held && self.live().faults.hold(bot, operation) {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// What happens to a download's body of these bytes of a document.
    pub(crate) fn damage(&self, bot: BotId, body: &Range<u64>, roll: Option<&Roll>) -> Damage {
        let mut damage = self.live().faults.damage(bot, body);
        if let (Some(roll), true) = (roll, damage == Damage::default()) {
            damage = roll.damage(body);
        }
        if damage != Damage::default() {
            self.inner.traffic.troubled(bot);
        }
        damage
    }
}
