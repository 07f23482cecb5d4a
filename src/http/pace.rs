//! How long is waited for somebody who is slow, on the way in and on the way out.
//!
//! Only time in which the other side had to act counts: a slow disk of ours is nobody's fault. Each stretch of waiting
//! must bring its least number of bytes, so that one byte now and then buys no time.

use crate::telemetry::metrics::Metrics;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that begin a new stretch. With the 60 seconds that a sender gets for each, 546 bytes a second.
pub(super) const LEAST: u64 = 32 * 1024;

/// The stretch of waiting that somebody is in.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    moved: u64,
    since: Option<Instant>,
}

impl Pace {
    /// So many bytes came, or were taken.
    pub(super) fn moved(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.duration_since(since);
        }
        self.moved += bytes as u64;
        if self.moved >= LEAST {
            *self = Self::default();
        }
    }

    /// Waits from now on, unless it does already; how long it has waited in this stretch.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let since = *self.since.get_or_insert(now);
        self.waited + now.duration_since(since)
    }
}

/// Wakes its task at a time that moves. It may ring early, never late.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once it is `due`; else the task is woken by then.
    pub(super) fn poll_at(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        // One that was set for an earlier time is left until it rings: most waits end before.
        while sleep.as_mut().poll(context).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
        Poll::Pending
    }
}

/// The body of a request, which ends in `TimedOut` when its sender is too slow.
struct Paced {
    body: Payload,
    patience: Duration,
    pace: Pace,
    alarm: Alarm,
    metrics: Metrics,
}

/// The same body, for whose bytes nobody waits longer than this in each stretch.
pub(super) fn paced(body: Payload, patience: Duration, metrics: Metrics) -> Payload {
    let paced = Paced { body, patience, pace: Pace::default(), alarm: Alarm::default(), metrics };
    Payload::Stream { payload: Box::pin(paced) }
}

/// Whether a body ended because its sender was too slow.
pub(super) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

impl Stream for Paced {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = Pin::new(&mut this.body).poll_next(context);
        match &next {
            Poll::Ready(Some(Ok(bytes))) => this.pace.moved(bytes.len(), Instant::now()),
            Poll::Ready(_) => {}
            Poll::Pending => {
                let now = Instant::now();
                let left = this.patience.saturating_sub(this.pace.wait(now));
                if this.alarm.poll_at(now + left, context).is_ready() {
                    this.metrics.admission.record_cut_off("slow_body");
                    return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_waiting_counts_and_a_little_now_and_then_buys_no_time() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.wait(begun), Duration::ZERO);
        pace.moved(1, begun + 20 * SECOND);
        // What lies between is our own time.
        assert_eq!(pace.wait(begun + 1000 * SECOND), 20 * SECOND);
        assert_eq!(pace.wait(begun + 1005 * SECOND), 25 * SECOND);
        pace.moved(usize::try_from(LEAST).unwrap() - 1, begun + 1005 * SECOND);
        assert_eq!(pace.wait(begun + 1006 * SECOND), Duration::ZERO, "the least came, so that a new stretch begins");
    }

    #[tokio::test]
    async fn an_alarm_rings_when_it_is_due_and_moves_with_that_time() {
        let mut alarm = Alarm::default();
        for after_ms in [5, 90, 20] {
            let due = Instant::now() + Duration::from_millis(after_ms);
            poll_fn(|context| alarm.poll_at(due, context)).await;
            assert!(Instant::now() >= due);
        }
        let (late, early) = (Instant::now() + 1000 * SECOND, Instant::now() + Duration::from_millis(10));
        assert!(poll_fn(|context| Poll::Ready(alarm.poll_at(late, context))).await.is_pending());
        poll_fn(|context| alarm.poll_at(early, context)).await;
        assert!(Instant::now() < late, "an earlier time replaces a later one");
    }
}
