//! Whether a bot may be asked: healthy, resting for a while, or out until somebody repairs it.
//!
//! Pure: the time is an argument, and it is the time of day, so that a rest outlives a restart.

use crate::media::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a bot that gives no answer is left alone, and when one that is out is looked at again.
#[derive(Clone, Copy, Debug)]
pub struct CircuitSettings {
    /// Faults in a row (no answer, 5xx) that make a rest.
    pub faults: u32,
    /// The first such rest. Each one that follows without a success between is twice as long.
    pub rest: Duration,
    /// The longest such rest.
    pub rest_max: Duration,
    /// From being out to the first look. Each that follows waits twice as long.
    pub recheck: Duration,
    /// The longest time between two looks.
    pub recheck_max: Duration,
    /// From being out to not being waited for any more: one that comes back sooner has cost nothing.
    pub given_up: Duration,
}

impl Default for CircuitSettings {
    fn default() -> Self {
        Self {
            faults: 3,
            rest: Duration::from_secs(1),
            rest_max: Duration::from_secs(60),
            recheck: Duration::from_secs(30),
            recheck_max: Duration::from_secs(10 * 60),
            given_up: Duration::from_secs(5 * 60),
        }
    }
}

/// Why a bot rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestReason {
    /// Telegram asked for it.
    Flood,
    /// It did not answer several times in a row.
    Unreachable,
}

/// Why a bot is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutReason {
    /// Its token is not accepted: nothing works, not even reading.
    Unauthorized,
    /// It is not in its channel, or may not post there. What it sent can be tried to be read.
    Forbidden,
    /// Its channel is gone. What it sent can be tried to be read.
    ChannelGone,
}

/// What a bot is fit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CircuitState {
    /// Everything.
    Healthy,
    /// Nothing, until a certain time.
    Resting {
        /// When it may be asked again.
        until: Timestamp,
        /// Why not now.
        reason: RestReason,
    },
    /// Nothing until somebody repaired it, or reading alone.
    Out {
        /// Since when.
        since: Timestamp,
        /// What is to be repaired.
        reason: OutReason,
        /// When it is looked at again.
        recheck: Timestamp,
    },
}

/// Something that happened to a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A request was answered as hoped.
    Succeeded,
    /// A request was refused for reasons of its own; the bot itself answered.
    Answered,
    /// Telegram asked to wait.
    Flooded(Duration),
    /// No answer, or none that means anything.
    Failed,
    /// The bot has lost its token, its right or its channel.
    Expelled(OutReason),
    /// A look at the bot found its token, channel and rights in order.
    Cleared,
}

/// The state of one bot with what it remembers.
#[derive(Clone, Debug)]
pub struct Circuit {
    settings: CircuitSettings,
    state: CircuitState,
    /// Until when Telegram asked to wait, last; also while it is out.
    flooded_until: Option<Timestamp>,
    faults: u32,
    rests: u32,
    rechecks: u32,
}

impl Circuit {
    /// A healthy bot.
    pub fn new(settings: CircuitSettings) -> Self {
        Self { settings, state: CircuitState::Healthy, flooded_until: None, faults: 0, rests: 0, rechecks: 0 }
    }

    /// A bot that was told to rest before the program was restarted.
    pub fn resting(settings: CircuitSettings, until: Timestamp, reason: RestReason) -> Self {
        let flooded_until = (reason == RestReason::Flood).then_some(until);
        Self { state: CircuitState::Resting { until, reason }, flooded_until, ..Self::new(settings) }
    }

    /// What the bot is fit for at `now`.
    pub fn state(&self, now: Timestamp) -> CircuitState {
        match self.state {
            CircuitState::Resting { until, .. } if until <= now => CircuitState::Healthy,
            state => state,
        }
    }

    /// Until when Telegram asked to wait; `None` when that is over. A bot that is out is flooded by those who read from it.
    pub fn flood(&self, now: Timestamp) -> Option<Timestamp> {
        self.flooded_until.filter(|until| *until > now)
    }

    /// Whether nobody should wait for what lies in its channel: its token has not been accepted, or its channel was
    /// not there, for some minutes. One that was only thrown out still reads what it sent.
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        match self.state {
            CircuitState::Out { since, reason: OutReason::Unauthorized | OutReason::ChannelGone, .. } => {
                since.after(self.settings.given_up) <= now
            }
            _ => false,
        }
    }

    /// Whether its last rest was for want of answers, and none came since.
    pub fn is_silent(&self) -> bool {
        self.rests > 0
    }

    /// Takes note of what happened.
    pub fn note(&mut self, outcome: Outcome, now: Timestamp) {
        let state = self.state(now);
        if !matches!(outcome, Outcome::Failed) {
            self.faults = 0;
        }
        if let Outcome::Flooded(wait) = outcome {
            let wanted = now.after(wait);
            self.flooded_until = Some(self.flood(now).map_or(wanted, |until| until.max(wanted)));
        }
        match (state, outcome) {
            (CircuitState::Out { .. }, Outcome::Cleared) => {
                *self = Self { flooded_until: self.flooded_until, ..Self::new(self.settings) };
                if let Some(until) = self.flood(now) {
                    self.state = CircuitState::Resting { until, reason: RestReason::Flood };
                }
            }
            (CircuitState::Out { since, recheck, .. }, Outcome::Expelled(reason)) => {
                self.state = CircuitState::Out { since, reason, recheck };
            }
            (_, Outcome::Expelled(reason)) => {
                self.rechecks = 0;
                self.expel(now, reason, now);
            }
            // Being out outlasts every rest.
            (CircuitState::Out { .. }, _) => {}
            (_, Outcome::Flooded(wait)) => self.rest_from_flood(now.after(wait)),
            (CircuitState::Healthy, Outcome::Failed) => self.fail(now),
            // Requests that were under way when the rest began.
            (CircuitState::Resting { .. }, _) => {}
            (CircuitState::Healthy, _) => {
                self.state = CircuitState::Healthy;
                self.rests = 0;
            }
        }
    }

    /// Whether a bot that is out is to be looked at now. `true` once: the next look is set before this
    /// one is taken, so that many who ask at the same time take one look.
    pub fn look_is_due(&mut self, now: Timestamp) -> bool {
        match self.state {
            CircuitState::Out { since, reason, recheck } if recheck <= now => {
                self.expel(since, reason, now);
                true
            }
            _ => false,
        }
    }

    fn rest_from_flood(&mut self, wanted: Timestamp) {
        let until = match self.state {
            CircuitState::Resting { until, .. } => until.max(wanted),
            _ => wanted,
        };
        self.state = CircuitState::Resting { until, reason: RestReason::Flood };
    }

    fn fail(&mut self, now: Timestamp) {
        self.faults += 1;
        if self.faults < self.settings.faults && self.rests == 0 {
            return;
        }
        let rest = doubled(self.settings.rest, self.rests, self.settings.rest_max);
        self.rests += 1;
        self.faults = 0;
        self.state = CircuitState::Resting { until: now.after(rest), reason: RestReason::Unreachable };
    }

    fn expel(&mut self, since: Timestamp, reason: OutReason, now: Timestamp) {
        let wait = doubled(self.settings.recheck, self.rechecks, self.settings.recheck_max);
        self.rechecks = self.rechecks.saturating_add(1);
        self.state = CircuitState::Out { since, reason, recheck: now.after(wait) };
    }
}

fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    first.saturating_mul(1 << times.min(20)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp(1_800_000_000_000);
    const FLOOD: RestReason = RestReason::Flood;
    const SILENT: RestReason = RestReason::Unreachable;

    fn at(seconds: u64) -> Timestamp {
        BEGIN.after(Duration::from_secs(seconds))
    }

    fn flooded(seconds: u64) -> Outcome {
        Outcome::Flooded(Duration::from_secs(seconds))
    }

    fn resting(until: u64, reason: RestReason) -> CircuitState {
        CircuitState::Resting { until: at(until), reason }
    }

    fn out(since: u64, reason: OutReason, recheck: u64) -> CircuitState {
        CircuitState::Out { since: at(since), reason, recheck: at(recheck) }
    }

    /// What comes of outcomes at seconds, looked at in the second of the last one.
    fn after(outcomes: &[(u64, Outcome)]) -> CircuitState {
        let mut circuit = Circuit::new(CircuitSettings::default());
        for (second, outcome) in outcomes {
            circuit.note(*outcome, at(*second));
        }
        circuit.state(at(outcomes.last().unwrap().0))
    }

    #[test]
    fn what_happened_decides_what_a_bot_is_fit_for() {
        use CircuitState::Healthy;
        use OutReason::{ChannelGone, Forbidden, Unauthorized};
        use Outcome::{Answered, Cleared, Expelled, Failed, Succeeded};
        for (outcomes, state) in [
            (&[(0, Succeeded)][..], Healthy),
            (&[(0, flooded(600))], resting(600, FLOOD)),
            (&[(0, flooded(600)), (1, flooded(3))], resting(600, FLOOD)),
            (&[(0, flooded(3)), (1, flooded(600))], resting(601, FLOOD)),
            (&[(0, flooded(600)), (1, Succeeded)], resting(600, FLOOD)),
            (&[(0, flooded(600)), (600, Answered)], Healthy),
            (&[(0, Failed), (0, Failed)], Healthy),
            (&[(0, Failed), (0, Failed), (0, Failed)], resting(1, SILENT)),
            (&[(0, Failed), (0, Failed), (0, Answered), (0, Failed)], Healthy),
            (&[(0, Failed), (0, Failed), (0, Failed), (0, Failed)], resting(1, SILENT)),
            (&[(0, Failed), (0, Failed), (0, Failed), (1, Failed)], resting(3, SILENT)),
            (&[(0, Failed), (0, Failed), (0, Failed), (1, Failed), (3, Failed)], resting(7, SILENT)),
            (&[(0, Failed), (0, Failed), (0, Failed), (1, Succeeded), (1, Failed)], Healthy),
            (&[(0, Failed), (0, Failed), (0, Failed), (0, flooded(9))], resting(9, FLOOD)),
            (&[(5, Expelled(Unauthorized))], out(5, Unauthorized, 35)),
            (&[(5, Expelled(Forbidden)), (9, Expelled(ChannelGone))], out(5, ChannelGone, 35)),
            (&[(0, Expelled(Forbidden)), (1, Succeeded), (2, flooded(60))], out(0, Forbidden, 30)),
            (&[(0, flooded(600)), (1, Expelled(Unauthorized))], out(1, Unauthorized, 31)),
            (&[(0, Expelled(Forbidden)), (1, Cleared)], Healthy),
            (&[(0, Cleared)], Healthy),
        ] {
            assert_eq!(after(outcomes), state, "{outcomes:?}");
        }
    }

    #[test]
    fn rests_of_a_silent_bot_grow_to_a_minute() {
        let mut circuit = Circuit::new(CircuitSettings::default());
        circuit.note(Outcome::Failed, BEGIN);
        circuit.note(Outcome::Failed, BEGIN);
        let (mut now, mut rests) = (BEGIN, Vec::new());
        for _ in 0..9 {
            circuit.note(Outcome::Failed, now);
            let CircuitState::Resting { until, .. } = circuit.state(now) else { panic!("it does not rest") };
            rests.push((until.0 - now.0) / 1000);
            now = until;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_bot_that_is_out_is_looked_at_once_and_then_less_often() {
        let mut circuit = Circuit::new(CircuitSettings::default());
        assert!(!circuit.look_is_due(at(1000)));
        circuit.note(Outcome::Expelled(OutReason::Forbidden), BEGIN);
        let mut due = Vec::new();
        for second in 0..2000 {
            if circuit.look_is_due(at(second)) {
                due.push(second);
                assert!(!circuit.look_is_due(at(second)), "one look at a time");
                circuit.note(Outcome::Expelled(OutReason::Forbidden), at(second));
            }
        }
        assert_eq!(due, [30, 90, 210, 450, 930, 1530]);
        circuit.note(Outcome::Cleared, at(2000));
        assert_eq!(circuit.state(at(2000)), CircuitState::Healthy);
    }

    #[test]
    fn a_bot_is_given_up_when_it_gave_nothing_for_minutes() {
        for (reason, is_given_up) in
            [(OutReason::Unauthorized, true), (OutReason::ChannelGone, true), (OutReason::Forbidden, false)]
        {
            let mut circuit = Circuit::new(CircuitSettings::default());
            circuit.note(Outcome::Expelled(reason), BEGIN);
            assert!(!circuit.is_given_up(at(299)));
            assert_eq!(circuit.is_given_up(at(300)), is_given_up, "{reason:?}");
            circuit.note(Outcome::Cleared, at(301));
            assert!(!circuit.is_given_up(at(900)));
        }
    }

    #[test]
    fn a_flood_outlasts_being_out() {
        let mut circuit = Circuit::new(CircuitSettings::default());
        circuit.note(flooded(600), at(0));
        circuit.note(Outcome::Expelled(OutReason::Forbidden), at(1));
        assert_eq!((circuit.state(at(2)), circuit.flood(at(2))), (out(1, OutReason::Forbidden, 31), Some(at(600))));
        circuit.note(flooded(700), at(3));
        circuit.note(Outcome::Cleared, at(4));
        assert_eq!(circuit.state(at(702)), resting(703, FLOOD));
        assert_eq!((circuit.state(at(703)), circuit.flood(at(703))), (CircuitState::Healthy, None));
    }

    #[test]
    fn a_rest_that_was_kept_goes_on_to_its_end() {
        let mut circuit = Circuit::resting(CircuitSettings::default(), at(600), FLOOD);
        assert_eq!(circuit.state(at(599)), resting(600, FLOOD));
        circuit.note(Outcome::Answered, at(599));
        assert_eq!(circuit.state(at(599)), resting(600, FLOOD));
        assert_eq!(circuit.state(at(600)), CircuitState::Healthy);
    }
}
