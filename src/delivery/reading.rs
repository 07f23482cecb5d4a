//! Bytes on their way to one player, which may move from the spool to the store meanwhile.

use super::{Delivery, DeliveryError, DeliveryStream, Slice, Stored, Thing};
use crate::cache::{CacheError, SegmentStream};
use crate::media::range::ByteRange;
use crate::store::Fault;
use futures::{StreamExt, stream};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long the next byte of an answer that was begun is waited for, longer only by what the first try takes, while no
/// copy can be read just now: players and proxies wait about a minute.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);

/// How soon it is tried again where the store does not say when, and where it says at once.
const REST: Duration = Duration::from_secs(1);
const LEAST_REST: Duration = Duration::from_millis(250);

pub(super) struct Reading {
    delivery: Delivery,
    thing: Thing,
    /// What was not given out yet; none at the end.
    rest: Option<ByteRange>,
    slices: SegmentStream,
    /// Whether it was looked up again since the last slice.
    looked_again: bool,
    /// Whether an answer was begun, which can only go on or be cut off.
    is_under_way: bool,
}

impl Reading {
    pub(super) fn begin(delivery: Delivery, stored: &Stored, range: ByteRange) -> Self {
        let slices = delivery.cache.get(stored.pieces.clone(), range, stored.thing.standing());
        let thing = stored.thing;
        Self { delivery, thing, rest: Some(range), slices, looked_again: false, is_under_way: false }
    }

    /// The same, to go on with an answer that was begun.
    pub(super) fn under_way(self) -> Self {
        Self { is_under_way: true, ..self }
    }

    pub(super) async fn open(mut self) -> Result<DeliveryStream, DeliveryError> {
        let first = self.next().await?;
        self.is_under_way = true;
        let rest = stream::try_unfold(self, |mut reading| async {
            let slice = reading.next().await?;
            Ok(slice.map(|slice| (slice, reading)))
        });
        Ok(Box::pin(stream::iter(first.map(Ok)).chain(rest)))
    }

    async fn next(&mut self) -> Result<Option<Slice>, DeliveryError> {
        let deadline = Instant::now() + PATIENCE;
        let mut waited_out: Option<CacheError> = None;
        loop {
            let next = match &waited_out {
                None => self.slices.next().await,
                Some(error) => {
                    let tried_again = timeout_at(deadline, self.slices.next()).await;
                    tried_again.unwrap_or_else(|_| Some(Err(error.clone())))
                }
            };
            match next {
                Some(Ok(slice)) => {
                    self.looked_again = false;
                    self.rest = self.rest.and_then(|rest| {
                        ByteRange::within(rest.end(), rest.start().saturating_add(slice.len() as u64), rest.end())
                    });
                    return Ok(Some(slice));
                }
                Some(Err(CacheError::Moved { .. })) if !self.looked_again => self.look_again().await?,
                Some(Err(error)) => {
                    if !self.is_under_way || !self.wait(&error, deadline).await {
                        return Err(told(&self.delivery, self.thing, error).await);
                    }
                    self.look_again().await?;
                    self.looked_again = false;
                    waited_out = Some(error);
                }
                None => return Ok(None),
            }
        }
    }

    /// Waits until the rest is worth asking for again: what passes does not cut off an answer under way. Whether it is,
    /// before the deadline and the end of the program.
    async fn wait(&mut self, error: &CacheError, deadline: Instant) -> bool {
        let CacheError::Unreadable { fault: Fault::Throttled | Fault::Unreachable, retry_after, .. } = error else {
            return false;
        };
        let rest = retry_after.unwrap_or(REST).max(LEAST_REST);
        let end = self.delivery.shutdown.token();
        Instant::now() + rest < deadline && end.run_until_cancelled(sleep(rest)).await.is_some()
    }

    /// A pack leaves the spool only after the catalog named its copy, so one more look finds it.
    async fn look_again(&mut self) -> Result<(), DeliveryError> {
        self.looked_again = true;
        let rest = self.rest.ok_or(DeliveryError::Gone)?;
        let stored = self.delivery.find(self.thing).await?.ok_or(DeliveryError::Gone)?;
        self.slices = self.delivery.cache.get(stored.pieces.clone(), rest, stored.thing.standing());
        Ok(())
    }
}

/// What of a deleted film cannot be read any more is no damage: it is gone.
async fn told(delivery: &Delivery, thing: Thing, error: CacheError) -> DeliveryError {
    match delivery.find(thing).await {
        Ok(None) => DeliveryError::Gone,
        _ => error.into(),
    }
}
