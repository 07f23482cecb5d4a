//! How often a bot may send: a budget for the bot and one for its channel, learnt from floods.
//!
//! Telegram documents about 30 messages a second for a bot and about one a second for a chat with short
//! bursts; 20 a minute in groups and, by report, in channels. What it really allows is unknown, so a
//! flood halves the channel's rate and time without one gives it back, an eighth at a step.
//!
//! Pure: the time is an argument.

use super::fleet::Purpose;
use std::time::Duration;
use tokio::time::Instant;

/// What is believed to be allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceSettings {
    /// Messages a second of one bot.
    pub bot_per_second: u32,
    /// Messages to a channel at once, after a second of silence for each.
    pub channel_burst: u32,
    /// Messages a second to one channel, beyond a burst.
    pub channel_per_second: u32,
    /// Messages a minute to one channel. A quarter of them may come at once after a silence, so the first
    /// minute may have a quarter more.
    pub channel_per_minute: u32,
    /// Time without a flood that gives back an eighth of the channel's rate.
    pub recovery: Duration,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            bot_per_second: 30,
            channel_burst: 3,
            channel_per_second: 1,
            channel_per_minute: 20,
            recovery: Duration::from_secs(5 * 60),
        }
    }
}

impl PaceSettings {
    /// As by default, but with so many messages a minute to one channel. Above 60, every bound on a second
    /// is as wide as that needs.
    pub fn of_channel(per_minute: u32) -> Self {
        let default = Self::default();
        let per_second = per_minute.div_ceil(60);
        Self {
            bot_per_second: default.bot_per_second.max(per_second),
            channel_burst: default.channel_burst.max(per_second),
            channel_per_second: default.channel_per_second.max(per_second),
            channel_per_minute: per_minute,
            ..default
        }
    }
}

/// How long upkeep is put off while deposits take all there is; then one message of it goes as they do.
const LONGEST_PUT_OFF: Duration = Duration::from_secs(60);

/// Eighths of the full rate.
const FULL: u32 = 8;
/// The least share that floods leave over.
const FLOOR: u32 = 1;

/// The budget of one bot and its channel.
#[derive(Clone, Debug)]
pub struct Pace {
    recovery: Duration,
    bot: Bucket,
    second: Bucket,
    minute: Bucket,
    /// Share of the channel's rate, in eighths, and since when.
    share: u32,
    changed: Instant,
    /// When the last flood is over, if there was one.
    flood_ends: Option<Instant>,
    /// Since when upkeep is put off for the sake of deposits.
    put_off: Option<Instant>,
}

/// A token bucket. Holds at most `size` messages; `per_second` flow in at full share.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    size: f64,
    per_second: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn full(size: u32, per_second: f64, now: Instant) -> Self {
        let size = f64::from(size.max(1));
        Self { size, per_second, level: size, filled: now }
    }

    fn fill(&mut self, share: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + passed * self.per_second * share).min(self.size);
        self.filled = now;
    }

    /// Time until there is room for so many messages, or as many as it ever holds; zero if there is.
    fn wait(&self, messages: f64, share: f64) -> Duration {
        // A hair is forgiven, or rounding would ask for one more wait of a nanosecond.
        let missing = messages.min(self.size) - self.level - 1e-6;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / (self.per_second * share)).unwrap_or(Duration::MAX)
    }
}

impl Pace {
    /// A full budget.
    pub fn new(settings: PaceSettings, now: Instant) -> Self {
        let rate = |messages: u32| f64::from(messages.max(1));
        Self {
            recovery: settings.recovery.max(Duration::from_secs(1)),
            bot: Bucket::full(settings.bot_per_second, rate(settings.bot_per_second), now),
            second: Bucket::full(settings.channel_burst, rate(settings.channel_per_second), now),
            minute: Bucket::full(settings.channel_per_minute / 4, rate(settings.channel_per_minute) / 60.0, now),
            share: FULL,
            changed: now,
            flood_ends: None,
            put_off: None,
        }
    }

    /// The budget after a restart: floods left `share` of the rate, `ago` before `now`. Unless that is over,
    /// nobody knows what was sent since, so there is no burst to begin with.
    pub fn resumed(settings: PaceSettings, share: u8, ago: Duration, now: Instant) -> Self {
        let mut pace = Self::new(settings, now);
        let steps = u32::try_from(ago.as_nanos() / pace.recovery.as_nanos()).unwrap_or(u32::MAX);
        pace.share = u32::from(share).max(FLOOR).saturating_add(steps).min(FULL);
        let since_a_step = ago.saturating_sub(pace.recovery.saturating_mul(steps));
        pace.changed = now.checked_sub(since_a_step).unwrap_or(now);
        if pace.share < FULL {
            pace.spend_bursts();
        }
        pace
    }

    /// What floods left of the rate, in eighths, and since when; `None` when that is all of it.
    pub fn slowed(&self) -> Option<(u8, Instant)> {
        let share = u8::try_from(self.share).ok()?;
        (self.share < FULL).then_some((share, self.changed))
    }

    /// Takes the budget of one message. Upkeep leaves one to a deposit that may come, but not for ever.
    ///
    /// # Errors
    /// How long until there is one; nothing is taken then.
    pub fn take(&mut self, purpose: Purpose, now: Instant) -> Result<(), Duration> {
        self.fill(now);
        let is_upkeep = purpose == Purpose::Upkeep;
        let was_put_off = self.put_off.is_some_and(|since| now.saturating_duration_since(since) >= LONGEST_PUT_OFF);
        let (share, least) = (self.share(), if is_upkeep && !was_put_off { 2.0 } else { 1.0 });
        let wait = self.bot.wait(1.0, 1.0).max(self.second.wait(1.0, share)).max(self.minute.wait(least, share));
        if wait > Duration::ZERO {
            if is_upkeep {
                self.put_off.get_or_insert(now);
            }
            return Err(wait);
        }
        if is_upkeep {
            self.put_off = None;
        }
        for bucket in [&mut self.bot, &mut self.second, &mut self.minute] {
            bucket.level -= 1.0;
        }
        Ok(())
    }

    /// A send was answered with a flood, which lasts so long: the rate is halved, and no burst is left. What was under
    /// way when it came is answered alike, and says nothing new.
    pub fn flooded(&mut self, lasts: Duration, now: Instant) {
        self.fill(now);
        let is_known = self.flood_ends.is_some_and(|end| end > now);
        self.flood_ends = self.flood_ends.max(now.checked_add(lasts));
        if is_known {
            return;
        }
        self.share = (self.share / 2).max(FLOOR);
        self.changed = now;
        self.spend_bursts();
    }

    /// Share of the full rate that the channel has now, above 0 and at most 1.
    pub fn share(&self) -> f64 {
        f64::from(self.share) / f64::from(FULL)
    }

    fn spend_bursts(&mut self) {
        self.second.level = self.second.level.min(1.0);
        self.minute.level = self.minute.level.min(1.0);
    }

    fn fill(&mut self, now: Instant) {
        while self.share < FULL && now.saturating_duration_since(self.changed) >= self.recovery {
            self.pour(self.changed + self.recovery);
            self.changed += self.recovery;
            self.share += 1;
        }
        self.pour(now);
    }

    fn pour(&mut self, until: Instant) {
        let share = self.share();
        self.bot.fill(1.0, until);
        self.second.fill(share, until);
        self.minute.fill(share, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Messages that can be sent from `from` on during `time`, asked for as soon as it is said.
    fn sent(pace: &mut Pace, from: Instant, time: Duration) -> u32 {
        let (mut now, mut sent) = (from, 0);
        while now < from + time {
            match pace.take(Purpose::Deposit, now) {
                Ok(()) => sent += 1,
                Err(wait) => now += wait,
            }
        }
        sent
    }

    fn pace(channel_per_minute: u32, now: Instant) -> Pace {
        Pace::new(PaceSettings { channel_per_minute, ..PaceSettings::default() }, now)
    }

    #[test]
    fn a_channel_takes_a_burst_then_one_a_second_then_twenty_a_minute() {
        let begin = Instant::now();
        let mut pace = pace(20, begin);
        let (mut now, mut seconds) = (begin, Vec::new());
        while seconds.len() < 65 {
            match pace.take(Purpose::Deposit, now) {
                Ok(()) => seconds.push((now - begin).as_secs_f64().round()),
                Err(wait) => now += wait,
            }
        }
        for (message, second) in [(1, 0.0), (3, 0.0), (4, 1.0), (5, 2.0), (6, 3.0), (7, 6.0), (25, 60.0), (65, 180.0)] {
            assert!((seconds[message - 1] - second).abs() < 1e-9, "message {message}: {}", seconds[message - 1]);
        }
    }

    #[test]
    fn a_channel_takes_as_many_a_minute_as_configured() {
        let begin = Instant::now();
        for per_minute in [1, 20, 60, 61, 100, 3000] {
            let mut pace = Pace::new(PaceSettings::of_channel(per_minute), begin);
            // What it may send at once after a silence is spent by then.
            sent(&mut pace, begin, 600 * SECOND);
            let a_minute = sent(&mut pace, begin + 600 * SECOND, 60 * SECOND);
            assert!(a_minute.abs_diff(per_minute) <= 1, "{a_minute} of {per_minute}");
        }
    }

    #[test]
    fn the_wait_is_exact() {
        let begin = Instant::now();
        let mut pace = pace(1000, begin);
        for _ in 0..3 {
            assert_eq!(pace.take(Purpose::Deposit, begin), Ok(()));
        }
        let wait = pace.take(Purpose::Deposit, begin).unwrap_err();
        assert!(wait.abs_diff(SECOND) < Duration::from_millis(1), "{wait:?}");
        assert!(pace.take(Purpose::Deposit, begin + SECOND - Duration::from_millis(10)).is_err());
        assert_eq!(pace.take(Purpose::Deposit, begin + SECOND), Ok(()));
    }

    #[test]
    fn a_bot_with_a_generous_channel_keeps_to_thirty_a_second() {
        let begin = Instant::now();
        let generous = PaceSettings {
            channel_burst: 1000,
            channel_per_second: 1000,
            channel_per_minute: 60_000,
            ..PaceSettings::default()
        };
        let mut pace = Pace::new(generous, begin);
        assert_eq!(sent(&mut pace, begin, SECOND), 60);
        assert_eq!(sent(&mut pace, begin + SECOND, SECOND), 30);
    }

    #[test]
    fn floods_halve_the_rate_down_to_a_floor_and_time_gives_it_back() {
        let begin = Instant::now();
        let mut pace = pace(20, begin);
        for share in [0.5, 0.25, 0.125, 0.125] {
            pace.flooded(Duration::ZERO, begin);
            assert!((pace.share() - share).abs() < 1e-9);
        }
        let got = sent(&mut pace, begin, 240 * SECOND);
        assert!((10..=12).contains(&got), "2.5 a minute, got {got} in four");
        for (minutes, share) in [(4, 0.125), (5, 0.25), (34, 0.875), (35, 1.0), (600, 1.0)] {
            let mut later = pace.clone();
            let _ = later.take(Purpose::Deposit, begin + minutes * 60 * SECOND);
            assert!((later.share() - share).abs() < 1e-9, "after {minutes} minutes: {}", later.share());
        }
    }

    #[test]
    fn a_restart_gives_nothing_back_but_the_time_that_passed() {
        let settings = PaceSettings { channel_per_minute: 20, ..PaceSettings::default() };
        let begin = Instant::now() + Duration::from_secs(100_000);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        for (share, ago, left) in [(1, 0, 1), (1, 4, 1), (1, 5, 2), (2, 14, 4), (4, 19, 7), (4, 20, 8), (0, 0, 1)] {
            let pace = Pace::resumed(settings, share, minutes(ago), begin);
            assert!((pace.share() - f64::from(left) / 8.0).abs() < 1e-9, "{share} since {ago}: {}", pace.share());
            assert_eq!(pace.slowed().is_some(), left < 8);
        }
        let mut flooded = pace(20, begin);
        flooded.flooded(Duration::ZERO, begin);
        let (share, changed) = flooded.slowed().unwrap();
        let now = begin + minutes(9);
        let mut resumed = Pace::resumed(settings, share, now - changed, now);
        assert_eq!(
            (resumed.take(Purpose::Deposit, now).is_ok(), resumed.take(Purpose::Deposit, now).is_ok()),
            (true, false),
            "no burst to begin with"
        );
        let _ = (flooded.take(Purpose::Deposit, now + minutes(1)), resumed.take(Purpose::Deposit, now + minutes(1)));
        assert_eq!(resumed.slowed(), flooded.slowed());
        assert_eq!(Pace::resumed(settings, 1, Duration::MAX, now).slowed(), None);
    }

    #[test]
    fn a_flood_that_answers_three_sends_lowers_the_rate_once() {
        let begin = Instant::now();
        let mut pace = Pace::new(PaceSettings::of_channel(60), begin);
        (0..3).for_each(|_| pace.flooded(5 * SECOND, begin));
        assert_eq!(pace.slowed().map(|(share, _)| share), Some(4));
        pace.flooded(5 * SECOND, begin + 4 * SECOND);
        pace.flooded(5 * SECOND, begin + 8 * SECOND);
        assert_eq!(pace.slowed().map(|(share, _)| share), Some(4), "it went on all the time");
        pace.flooded(5 * SECOND, begin + 13 * SECOND);
        assert_eq!(pace.slowed().map(|(share, _)| share), Some(2));
    }

    #[test]
    fn upkeep_leaves_a_message_to_a_deposit() {
        let begin = Instant::now();
        let mut pace = Pace::new(
            PaceSettings {
                bot_per_second: 100,
                channel_per_second: 100,
                channel_burst: 100,
                ..PaceSettings::of_channel(20)
            },
            begin,
        );
        let upkeep = (0..20).filter(|_| pace.take(Purpose::Upkeep, begin).is_ok()).count();
        assert_eq!(upkeep, 4, "a quarter of a minute's, but one");
        assert!(pace.take(Purpose::Deposit, begin).is_ok());
        assert!(pace.take(Purpose::Deposit, begin).is_err());
        let mut sent = 0;
        for second in 1..=3600 {
            let now = begin + second * SECOND;
            while pace.take(Purpose::Deposit, now).is_ok() {}
            sent += u32::from(pace.take(Purpose::Upkeep, now).is_ok());
        }
        assert_eq!(sent, 0, "deposits take each as it comes");
        for tenth in 36_000..72_000 {
            let now = begin + tenth * SECOND / 10;
            sent += u32::from(pace.take(Purpose::Upkeep, now).is_ok());
            let _ = pace.take(Purpose::Deposit, now);
        }
        assert!(
            (55..70).contains(&sent),
            "{sent} in an hour: whoever was put off for a minute is as good as a deposit"
        );
        let mut narrow = Pace::new(PaceSettings::of_channel(1), begin);
        assert!(narrow.take(Purpose::Upkeep, begin).is_ok(), "where there is one only, it is not shut out");
    }
}
