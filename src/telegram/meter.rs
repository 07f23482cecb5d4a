//! What a bot did and how quickly, for the page that shows it.
//!
//! Pure: the time is an argument.

use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Latencies that the percentiles are taken from.
const SAMPLES: usize = 256;

/// Whole seconds that recent throughput is the average of.
const WINDOW: u64 = 10;

/// Counts what one bot does.
#[derive(Clone, Debug)]
pub struct Meter {
    begun: Instant,
    in_flight: u32,
    messages: u64,
    errors: u64,
    latencies: VecDeque<Duration>,
    up: Flow,
    down: Flow,
}

/// What a meter shows. Counted since the program was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reading {
    /// Requests under way, a download until its last byte.
    pub in_flight: u32,
    /// Messages sent.
    pub messages: u64,
    /// Bytes of documents sent.
    pub bytes_up: u64,
    /// Bytes of documents received.
    pub bytes_down: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Half of the latest requests were answered within this many milliseconds. Uploads are not among them.
    pub latency_p50_ms: Option<u64>,
    /// 95 of 100 were.
    pub latency_p95_ms: Option<u64>,
    /// Bytes a second sent, over the last ten seconds.
    pub up_per_second: u64,
    /// Bytes a second received, over the last ten seconds.
    pub down_per_second: u64,
}

/// Bytes in one direction: all of them, and those of the latest seconds.
#[derive(Clone, Debug, Default)]
struct Flow {
    total: u64,
    seconds: [(u64, u64); WINDOW as usize],
}

impl Flow {
    fn add(&mut self, bytes: u64, second: u64) {
        self.total += bytes;
        let slot = &mut self.seconds[(second % WINDOW) as usize];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += bytes;
    }

    fn per_second(&self, second: u64) -> u64 {
        let recent = self.seconds.iter().filter(|(then, _)| then + WINDOW > second);
        recent.map(|(_, bytes)| bytes).sum::<u64>() / WINDOW
    }
}

impl Meter {
    /// Nothing was done yet.
    pub fn new(now: Instant) -> Self {
        let (latencies, up, down) = (VecDeque::with_capacity(SAMPLES), Flow::default(), Flow::default());
        Self { begun: now, in_flight: 0, messages: 0, errors: 0, latencies, up, down }
    }

    /// A request is under way.
    pub fn begin(&mut self) {
        self.in_flight += 1;
    }

    /// A request is over, whatever came of it.
    pub fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A request was answered after `latency`.
    pub fn answered(&mut self, latency: Duration) {
        if self.latencies.len() == SAMPLES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(latency);
    }

    /// A request failed.
    pub fn failed(&mut self) {
        self.errors += 1;
    }

    /// A message with so many bytes was sent.
    pub fn sent(&mut self, bytes: u64, now: Instant) {
        self.messages += 1;
        self.up.add(bytes, self.second(now));
    }

    /// Bytes arrived.
    pub fn received(&mut self, bytes: u64, now: Instant) {
        self.down.add(bytes, self.second(now));
    }

    /// What it shows at `now`.
    pub fn read(&self, now: Instant) -> Reading {
        let mut sorted: Vec<Duration> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let percentile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
            Some(u64::try_from(sorted[rank].as_millis()).unwrap_or(u64::MAX))
        };
        let second = self.second(now);
        Reading {
            in_flight: self.in_flight,
            messages: self.messages,
            bytes_up: self.up.total,
            bytes_down: self.down.total,
            errors: self.errors,
            latency_p50_ms: percentile(50),
            latency_p95_ms: percentile(95),
            up_per_second: self.up.per_second(second),
            down_per_second: self.down.per_second(second),
        }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_latest_requests() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin);
        assert_eq!(meter.read(begin).latency_p50_ms, None);
        meter.answered(Duration::from_millis(7));
        let one = meter.read(begin);
        assert_eq!((one.latency_p50_ms, one.latency_p95_ms), (Some(7), Some(7)));
        for _ in 0..SAMPLES {
            meter.answered(Duration::from_secs(100));
        }
        for latency in 1..=SAMPLES as u64 {
            meter.answered(Duration::from_millis(latency));
        }
        let many = meter.read(begin);
        assert_eq!((many.latency_p50_ms, many.latency_p95_ms), (Some(128), Some(244)));
    }

    #[test]
    fn throughput_forgets_what_is_older_than_ten_seconds() {
        let begin = Instant::now();
        let second = |number: u64| begin + Duration::from_secs(number);
        let mut meter = Meter::new(begin);
        meter.sent(1000, second(0));
        meter.received(500, second(9));
        meter.received(500, second(10));
        let rates = |now: u64| {
            let shown = meter.read(second(now));
            (shown.up_per_second, shown.down_per_second)
        };
        assert_eq!([rates(9), rates(10), rates(19), rates(20)], [(100, 100), (0, 100), (0, 50), (0, 0)]);
        let shown = meter.read(second(20));
        assert_eq!((shown.messages, shown.bytes_up, shown.bytes_down), (1, 1000, 1000));
    }
}
