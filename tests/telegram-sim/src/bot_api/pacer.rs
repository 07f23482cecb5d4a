//! Makes a body as slow as it should be.

use crate::world::line::Line;
use std::time::Duration;
use tokio::time::Instant;

/// Counts bytes and waits until they may have passed.
#[derive(Debug)]
pub(super) struct Pacer {
    begun: Instant,
    bytes: u64,
    bytes_per_second: Option<u64>,
    line: Option<Line>,
}

/// Steps a second of a slow body.
const STEPS: u64 = 10;

impl Pacer {
    pub(super) fn new(bytes_per_second: Option<u64>, line: Option<Line>) -> Self {
        Self { begun: Instant::now(), bytes: 0, bytes_per_second, line }
    }

    /// The most bytes that should pass at once, `most` at most.
    pub(super) fn step(&self, most: u64) -> u64 {
        self.bytes_per_second.map_or(most, |speed| (speed / STEPS).clamp(1, most))
    }

    /// Waits until `bytes` more may have passed.
    pub(super) async fn pass(&mut self, bytes: u64) {
        if let Some(passed) = self.line.as_ref().and_then(|line| line.take(bytes, Instant::now())) {
            tokio::time::sleep_until(passed).await;
        }
        let Some(speed) = self.bytes_per_second else { return };
        self.bytes += bytes;
        let takes_us = self.bytes.saturating_mul(1_000_000) / speed.max(1);
        tokio::time::sleep_until(self.begun + Duration::from_micros(takes_us)).await;
    }
}
