//! What goes wrong on purpose: a script of faults for each bot.
//!
//! A request looks at the faults of its bot in the order they were given. Every [`Trouble`] that
//! only slows it down applies; of those that decide how it ends, the first one does. Damage to a
//! download waits for a download that it can damage.

use super::clock::whole_seconds;
use super::dice::{Dice, Roll};
use super::refusal::Refusal;
use super::state::BotId;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// What a bot was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Whatever it is; only ever in a [`Fault`].
    Any,
    /// `sendDocument`, `sendMessage`.
    Send,
    /// `getFile`.
    GetFile,
    /// Reading a download link.
    Download,
    /// `deleteMessage`, `deleteMessages`.
    Delete,
    /// `forwardMessage`, `copyMessage`.
    Forward,
    /// `getMe`.
    GetMe,
    /// Everything else.
    Other,
}

/// How a request goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trouble {
    /// 429 from the first request on, until so many seconds are over. That counts as one time.
    Flood {
        /// Of the world's clock.
        seconds: u64,
    },
    /// An answer with this HTTP status, 500 or 502 for example.
    Status {
        /// 400 to 599.
        code: u16,
    },
    /// 401, as if the token had been revoked.
    Unauthorized,
    /// 403, as if the bot had been thrown out of the channel.
    Forbidden,
    /// The request is taken and never answered.
    Hang,
    /// The connection is reset before the request is read.
    Reset,
    /// The request is done, and the connection is reset before the answer.
    LoseAnswer,
    /// A download's connection is closed after at most so many bytes of a longer body.
    DropAfter {
        /// Of the body.
        bytes: u64,
    },
    /// The lowest bit of one byte of a download is wrong.
    FlipBit {
        /// The byte's place in the document.
        at: u64,
    },
    /// Bodies of uploads and downloads come this slowly.
    Slow {
        /// At least one.
        bytes_per_second: u64,
    },
    /// The request waits before it is looked at.
    Latency {
        /// Milliseconds of real time.
        ms: u64,
    },
    /// The request waits before it is looked at, until this is cleared.
    Hold,
}

impl Trouble {
    /// Says what is wrong with one that came from outside.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Status { code } if !(400..600).contains(code) => Err("\"code\" must be 400 to 599"),
            Self::Slow { bytes_per_second: 0 } => Err("\"bytes_per_second\" must be at least 1"),
            _ => Ok(()),
        }
    }
}

/// A trouble, with when and how often it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    operation: Operation,
    trouble: Trouble,
    /// How many times are left; none: until it is cleared.
    times: Option<u32>,
    /// How many such requests come through before.
    spared: u32,
    #[serde(skip)]
    flood_ends_ms: Option<i64>,
}

impl Fault {
    /// Happens to the next such request.
    pub fn once(operation: Operation, trouble: Trouble) -> Self {
        Self::times(1, operation, trouble)
    }

    /// Happens to the next `times` such requests.
    pub fn times(times: u32, operation: Operation, trouble: Trouble) -> Self {
        Self { operation, trouble, times: Some(times), spared: 0, flood_ends_ms: None }
    }

    /// Happens to every such request until it is cleared.
    pub fn standing(operation: Operation, trouble: Trouble) -> Self {
        Self { operation, trouble, times: None, spared: 0, flood_ends_ms: None }
    }

    /// Lets so many such requests come through before it begins.
    #[must_use]
    pub fn after(self, requests: u32) -> Self {
        Self { spared: requests, ..self }
    }

    fn concerns(&self, operation: Operation) -> bool {
        self.times != Some(0) && (self.operation == Operation::Any || self.operation == operation)
    }

    fn count(&mut self) {
        if let Some(times) = &mut self.times {
            *times = times.saturating_sub(1);
        }
    }

    /// Refuses while the flood lasts; one that is over has happened once, and a new one may begin.
    fn flood(&mut self, seconds: u64, now_ms: i64) -> Option<Refusal> {
        if self.flood_ends_ms.is_some_and(|ends| ends <= now_ms) {
            self.flood_ends_ms = None;
            self.count();
            if self.times == Some(0) {
                return None;
            }
        }
        let lasts_ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let ends = *self.flood_ends_ms.get_or_insert(now_ms.saturating_add(lasts_ms));
        Some(Refusal::Flood { seconds: whole_seconds(ends - now_ms) })
    }
}

/// How a request ends badly.
#[derive(Debug)]
pub(crate) enum Ending {
    Refused(Refusal),
    Status(u16),
    Hang,
    Reset,
    LoseAnswer,
}

/// What is in store for one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) latency: Duration,
    pub(crate) is_held: bool,
    pub(crate) bytes_per_second: Option<u64>,
    pub(crate) ending: Option<Ending>,
    /// Damage that chance does to a download's body.
    pub(crate) roll: Option<Roll>,
}

/// What happens to the body of one download.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Place in the document of the byte that is wrong.
    pub(crate) flip_at: Option<u64>,
    /// Bytes of the body after which the connection ends.
    pub(crate) drop_after: Option<u64>,
}

/// The faults of all bots.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    of: HashMap<BotId, Vec<Fault>>,
    pub(crate) dice: Option<Dice>,
}

impl Faults {
    pub(crate) fn add(&mut self, bot: BotId, fault: Fault) {
        self.of.entry(bot).or_default().push(fault);
    }

    pub(crate) fn clear(&mut self, bot: BotId) {
        self.of.remove(&bot);
    }

    /// Whether such requests of a bot are held up.
    pub(crate) fn hold(&self, bot: BotId, operation: Operation) -> bool {
        let is_hold = |fault: &Fault| fault.concerns(operation) && matches!(fault.trouble, Trouble::Hold);
        self.of.get(&bot).is_some_and(|faults| faults.iter().any(is_hold))
    }

    pub(crate) fn of(&self, bot: BotId) -> Vec<Fault> {
        self.of.get(&bot).cloned().unwrap_or_default()
    }

    /// What a request that just arrived has to go through; what applies is counted. Chance comes after the scripts.
    pub(crate) fn plan(&mut self, bot: BotId, operation: Operation, now_ms: i64) -> Plan {
        let mut plan = self.scripted(bot, operation, now_ms);
        if plan.ending.is_none() {
            match self.dice.as_mut().and_then(|dice| dice.roll(operation)) {
                Some(Roll::Ends(ending)) => plan.ending = Some(ending),
                roll => plan.roll = roll,
            }
        }
        plan
    }

    fn scripted(&mut self, bot: BotId, operation: Operation, now_ms: i64) -> Plan {
        let mut plan = Plan::default();
        let Some(faults) = self.of.get_mut(&bot) else { return plan };
        for fault in faults.iter_mut().filter(|fault| fault.concerns(operation)) {
            if fault.spared > 0 {
                fault.spared -= 1;
                continue;
            }
            match fault.trouble {
                Trouble::Latency { ms } => plan.latency += Duration::from_millis(ms),
                // Counts by being cleared.
                Trouble::Hold => {
                    plan.is_held = true;
                    continue;
                }
                Trouble::Slow { bytes_per_second } => {
                    let slowest = plan.bytes_per_second.map_or(bytes_per_second, |other| other.min(bytes_per_second));
                    plan.bytes_per_second = Some(slowest.max(1));
                }
                _ => {
                    if plan.ending.is_none() {
                        plan.ending = ending(fault, operation, now_ms);
                    }
                    continue;
                }
            }
            fault.count();
        }
        faults.retain(|fault| fault.times != Some(0));
        plan
    }

    /// What happens to a download's body of these bytes of a document.
    pub(crate) fn damage(&mut self, bot: BotId, body: &Range<u64>) -> Damage {
        let mut damage = Damage::default();
        let Some(faults) = self.of.get_mut(&bot) else { return damage };
        for fault in faults.iter_mut().filter(|fault| fault.spared == 0 && fault.concerns(Operation::Download)) {
            match fault.trouble {
                Trouble::FlipBit { at } if damage.flip_at.is_none() && body.contains(&at) => {
                    damage.flip_at = Some(at);
                }
                Trouble::DropAfter { bytes } if damage.drop_after.is_none() && bytes < body.end - body.start => {
                    damage.drop_after = Some(bytes);
                }
                _ => continue,
            }
            fault.count();
        }
        faults.retain(|fault| fault.times != Some(0));
        damage
    }
}

/// How `fault` ends a request, if it does; it is counted then.
fn ending(fault: &mut Fault, operation: Operation, now_ms: i64) -> Option<Ending> {
    let ending = match fault.trouble {
        // Counts by itself, when it is over.
        Trouble::Flood { seconds } => return fault.flood(seconds, now_ms).map(Ending::Refused),
        Trouble::Status { code } => Ending::Status(code),
        Trouble::Unauthorized => Ending::Refused(Refusal::Unauthorized),
        Trouble::Forbidden => Ending::Refused(Refusal::Banned),
        Trouble::Hang => Ending::Hang,
        Trouble::Reset => Ending::Reset,
        Trouble::LoseAnswer if operation != Operation::Download => Ending::LoseAnswer,
        _ => return None,
    };
    fault.count();
    Some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: BotId = BotId(1);

    fn with(faults: &[Fault]) -> Faults {
        let mut script = Faults::default();
        faults.iter().for_each(|fault| script.add(BOT, fault.clone()));
        script
    }

    fn seconds(plan: &Plan) -> Option<u64> {
        match plan.ending {
            Some(Ending::Refused(Refusal::Flood { seconds })) => Some(seconds),
            _ => None,
        }
    }

    #[test]
    fn a_flood_begins_with_a_request_and_stays_for_its_time() {
        let mut faults = with(&[Fault::once(Operation::Send, Trouble::Flood { seconds: 3 })]);
        assert_eq!(seconds(&faults.plan(BOT, Operation::GetFile, 0)), None, "it is for sends only");
        assert_eq!(seconds(&faults.plan(BOT, Operation::Send, 10_000)), Some(3));
        assert_eq!(seconds(&faults.plan(BOT, Operation::Send, 11_500)), Some(2));
        assert_eq!(seconds(&faults.plan(BotId(2), Operation::Send, 11_500)), None);
        assert_eq!(seconds(&faults.plan(BOT, Operation::Send, 13_000)), None);
        assert!(faults.of(BOT).is_empty());
    }

    #[test]
    fn faults_happen_in_their_order_and_as_often_as_told() {
        let mut faults = with(&[
            Fault::times(2, Operation::Any, Trouble::Status { code: 502 }),
            Fault::once(Operation::GetMe, Trouble::Reset),
            Fault::standing(Operation::Any, Trouble::Latency { ms: 5 }),
        ]);
        let mut next = || faults.plan(BOT, Operation::GetMe, 0);
        let plan = next();
        assert!(matches!(plan.ending, Some(Ending::Status(502))));
        assert_eq!(plan.latency, Duration::from_millis(5), "what only slows down applies, too");
        assert!(matches!(next().ending, Some(Ending::Status(502))));
        assert!(matches!(next().ending, Some(Ending::Reset)));
        assert!(next().ending.is_none());
        assert_eq!(faults.of(BOT).len(), 1);
    }

    #[test]
    fn a_fault_for_later_spares_so_many_requests_of_its_kind() {
        let later = Fault::once(Operation::Send, Trouble::Reset).after(2);
        let mut faults = with(&[later, Fault::once(Operation::Any, Trouble::Status { code: 502 })]);
        assert!(matches!(faults.plan(BOT, Operation::Send, 0).ending, Some(Ending::Status(502))));
        assert!(faults.plan(BOT, Operation::GetMe, 0).ending.is_none());
        assert!(faults.plan(BOT, Operation::Send, 0).ending.is_none());
        assert!(matches!(faults.plan(BOT, Operation::Send, 0).ending, Some(Ending::Reset)));
        assert!(faults.of(BOT).is_empty());
    }

    #[test]
    fn damage_waits_for_a_download_that_it_can_damage() {
        let mut faults = with(&[
            Fault::once(Operation::Any, Trouble::FlipBit { at: 100 }),
            Fault::once(Operation::Download, Trouble::DropAfter { bytes: 50 }),
        ]);
        assert!(faults.plan(BOT, Operation::Download, 0).ending.is_none());
        assert_eq!(faults.damage(BOT, &(0..50)), Damage::default());
        assert_eq!(faults.damage(BOT, &(0..60)), Damage { flip_at: None, drop_after: Some(50) });
        assert_eq!(faults.damage(BOT, &(90..120)), Damage { flip_at: Some(100), drop_after: None });
        assert!(faults.of(BOT).is_empty());
    }
}
