//! Bytes on their way to one player, which may move from the spool to the store meanwhile.

use super::{Delivery, DeliveryError, DeliveryStream, Slice, Stored, Thing};
use crate::cache::{CacheError, SegmentStream};
use crate::media::range::ByteRange;
use futures::{StreamExt, stream};

pub(super) struct Reading {
    delivery: Delivery,
    thing: Thing,
    /// What was not given out yet; none at the end.
    rest: Option<ByteRange>,
    slices: SegmentStream,
    /// Whether it was looked up again since the last slice.
    looked_again: bool,
}

impl Reading {
    pub(super) fn begin(delivery: Delivery, stored: &Stored, range: ByteRange) -> Self {
        let slices = delivery.cache.get(stored.pieces.clone(), range, stored.thing.standing());
        Self { delivery, thing: stored.thing, rest: Some(range), slices, looked_again: false }
    }

    pub(super) async fn open(mut self) -> Result<DeliveryStream, DeliveryError> {
        let first = self.next().await?;
        let rest = stream::try_unfold(self, |mut reading| async {
            let slice = reading.next().await?;
            Ok(slice.map(|slice| (slice, reading)))
        });
        Ok(Box::pin(stream::iter(first.map(Ok)).chain(rest)))
    }

    async fn next(&mut self) -> Result<Option<Slice>, DeliveryError> {
        loop {
            match self.slices.next().await {
                Some(Ok(slice)) => {
                    self.looked_again = false;
                    self.rest = self.rest.and_then(|rest| {
                        ByteRange::within(rest.end(), rest.start().saturating_add(slice.len() as u64), rest.end())
                    });
                    return Ok(Some(slice));
                }
                Some(Err(CacheError::Moved { .. })) if !self.looked_again => self.look_again().await?,
                Some(Err(error)) => return Err(told(&self.delivery, self.thing, error).await),
                None => return Ok(None),
            }
        }
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
