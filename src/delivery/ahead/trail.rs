//! Where one player is in one kind of track of a film, and what it will ask for next.

use crate::media::rendition::TrackName;
use std::time::{Duration, Instant};

/// Segments that are brought ahead of a player which has just begun, or jumped: it may jump again.
const FIRST_STEP: u32 = 1;

/// Fewest and most of a player that goes on.
const STEPS: std::ops::RangeInclusive<u32> = 2..=8;

/// Segments that a player may pass over and go on all the same.
const STRIDE: u32 = 2;

/// Segments of one player that are brought at once.
const WORKERS: u8 = 3;

/// The weight of what was before against what was seen last, in a mean that moves.
const INERTIA: u32 = 3;

/// One player's way.
#[derive(Debug)]
pub(super) struct Trail {
    track: TrackName,
    /// The segment that was asked for last, and when its turn came.
    at: u32,
    since: Instant,
    /// The first one that was not planned.
    next: u32,
    /// Whether the player went on from one to the next since it jumped.
    is_proven: bool,
    /// From one segment to the next, as the player asks, and as the store brings them.
    pace: Option<Duration>,
    fetch: Option<Duration>,
    /// Plans before this one are dropped.
    plan: u64,
    workers: u8,
}

/// A segment to be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) track: TrackName,
    pub(super) number: u32,
    plan: u64,
}

impl Trail {
    /// A player that asked for nothing else yet.
    pub(super) fn new(track: TrackName, number: u32, now: Instant) -> Self {
        Self {
            track,
            at: number,
            since: now,
            next: number.saturating_add(1),
            is_proven: false,
            pace: None,
            fetch: None,
            plan: 0,
            workers: 0,
        }
    }

    /// The player asks for this segment.
    pub(super) fn saw(&mut self, track: TrackName, number: u32, now: Instant) {
        let is_switch = track != self.track;
        let goes_on = number > self.at && number - self.at <= STRIDE;
        let stays = number == self.at;
        if is_switch || !(goes_on || stays) {
            // What was planned for elsewhere is of no use; what lies ahead here may have been brought already.
            self.plan += 1;
            self.next = number.saturating_add(1);
        }
        if goes_on {
            let steps = number - self.at;
            self.pace = Some(mean(self.pace, now.saturating_duration_since(self.since) / steps));
            self.is_proven = true;
        } else if !stays {
            (self.is_proven, self.pace) = (false, None);
        }
        if !stays {
            self.since = now;
        }
        (self.track, self.at, self.next) = (track, number, self.next.max(number.saturating_add(1)));
    }

    /// What is to be brought next, if anything is.
    pub(super) fn take_step(&mut self) -> Option<Step> {
        if self.next > self.at.saturating_add(self.reach()) || self.next == u32::MAX {
            return None;
        }
        let step = Step { track: self.track, number: self.next, plan: self.plan };
        self.next += 1;
        Some(step)
    }

    /// A step was not done.
    pub(super) fn give_back(&mut self, step: Step) {
        if self.wants(step) {
            self.next = self.next.min(step.number);
        }
    }

    /// A segment was brought, which took so long.
    pub(super) fn brought(&mut self, took: Duration) {
        self.fetch = Some(mean(self.fetch, took));
    }

    /// Whether a step is still ahead of the player, on its way.
    pub(super) fn wants(&self, step: Step) -> bool {
        step.plan == self.plan && step.number > self.at
    }

    /// Makes room for one more who brings, if there is any.
    pub(super) fn begin_work(&mut self) -> bool {
        let has_room = self.workers < WORKERS;
        self.workers += u8::from(has_room);
        has_room
    }

    pub(super) fn is_last_at_work(&self) -> bool {
        self.workers == 1
    }

    pub(super) fn end_work(&mut self) {
        self.workers -= 1;
    }

    /// How many segments are brought ahead: more when they take long beside the time that the player takes for one.
    fn reach(&self) -> u32 {
        if !self.is_proven {
            return FIRST_STEP;
        }
        let (Some(pace), Some(fetch)) = (self.pace, self.fetch) else { return *STEPS.start() };
        let ratio = fetch.as_secs_f64() / pace.as_secs_f64().max(0.001);
        // A float becomes the nearest integer that there is.
        (ratio.ceil() as u32).saturating_add(1).clamp(*STEPS.start(), *STEPS.end())
    }
}

fn mean(before: Option<Duration>, seen: Duration) -> Duration {
    before.map_or(seen, |before| (before * INERTIA + seen) / (INERTIA + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn track(name: &str) -> TrackName {
        name.parse().unwrap()
    }

    struct Player {
        trail: Trail,
        now: Instant,
    }

    impl Player {
        fn at(number: u32) -> Self {
            let now = Instant::now();
            Self { trail: Trail::new(track("v0"), number, now), now }
        }

        /// Asks for a segment after so long, and answers what is to be brought then.
        fn asks(&mut self, name: &str, number: u32, after: Duration) -> Vec<u32> {
            self.now += after;
            self.trail.saw(track(name), number, self.now);
            self.steps()
        }

        fn steps(&mut self) -> Vec<u32> {
            std::iter::from_fn(|| self.trail.take_step()).map(|step| step.number).collect()
        }
    }

    #[test]
    fn one_is_brought_ahead_of_a_player_that_begins_and_two_of_one_that_goes_on() {
        let mut player = Player::at(0);
        assert_eq!(player.steps(), [1]);
        assert_eq!(player.asks("v0", 1, SECOND), [2, 3]);
        assert_eq!(player.asks("v0", 2, SECOND), [4]);
        assert!(player.asks("v0", 2, SECOND).is_empty(), "another part of the same one");
        assert_eq!(player.asks("v0", 4, SECOND), [5, 6], "one was passed over");
    }

    #[test]
    fn a_jump_drops_the_plan_and_begins_another() {
        let mut player = Player::at(0);
        player.asks("v0", 1, SECOND);
        player.trail.saw(track("v0"), 2, player.now);
        let dropped = player.trail.take_step().unwrap();
        assert!(player.trail.wants(dropped));
        assert_eq!(player.asks("v0", 100, SECOND), [101]);
        assert!(!player.trail.wants(dropped));
        player.trail.give_back(dropped);
        assert_eq!(player.asks("v0", 101, SECOND), [102, 103]);
        assert_eq!(player.asks("v0", 3, SECOND), [4], "and back");
    }

    #[test]
    fn what_was_not_brought_is_brought_at_the_next_chance() {
        let mut player = Player::at(0);
        let step = player.trail.take_step().unwrap();
        player.trail.give_back(step);
        assert_eq!(player.steps(), [1]);
        player.trail.give_back(step);
        assert_eq!(player.asks("v0", 1, SECOND), [2, 3], "it is behind the player now");
    }

    #[test]
    fn another_rung_is_followed_where_it_goes_on() {
        let mut player = Player::at(7);
        player.asks("v0", 8, SECOND);
        assert_eq!(player.asks("v1", 9, SECOND), [10, 11]);
        assert_eq!(player.trail.take_step(), None);
        player.trail.saw(track("v2"), 9, player.now);
        let step = player.trail.take_step().unwrap();
        assert_eq!((step.track, step.number), (track("v2"), 10), "the same piece in another rung");
    }

    #[test]
    fn the_slower_the_store_the_farther_ahead() {
        for (took, reach) in [(0.1, 2), (0.9, 2), (1.5, 3), (4.2, 6), (60.0, 8)] {
            let mut player = Player::at(0);
            for number in 1..40 {
                player.asks("v0", number, SECOND);
                player.trail.brought(Duration::from_secs_f64(took));
            }
            assert_eq!(player.asks("v0", 40, SECOND).last(), Some(&(40 + reach)), "{took} s");
        }
    }

    #[test]
    fn a_player_that_asks_at_once_for_many_is_no_reason_for_more_than_a_few() {
        let mut player = Player::at(0);
        player.trail.brought(SECOND);
        assert_eq!(player.asks("v0", 1, Duration::ZERO), (2..=9).collect::<Vec<_>>());
        assert!(Player::at(u32::MAX).steps().is_empty());
    }

    #[test]
    fn only_so_many_are_brought_at_once() {
        let mut trail = Player::at(0).trail;
        assert_eq!([(); 4].map(|()| trail.begin_work()), [true, true, true, false]);
        trail.end_work();
        assert!(trail.begin_work());
    }
}
