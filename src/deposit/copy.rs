//! One blob onto its channels: intent, put, read back, verified; then its room in the spool is freed.

use super::{Deposit, DepositError};
use crate::catalog::{BlobToStore, CopyRecord, CopyState, JobLease};
use crate::media::extent::{ChannelId, Locator, StoredBlob};
use crate::media::id::BlobId;
use crate::media::placement;
use crate::store::{Fault, PutTicket, StoreError, read_verified};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Tries on one channel before the failure is handed to the job, which waits longer.
const TRIES: u32 = 5;

/// First wait between two tries; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A store that takes longer for one blob is taken for hanging.
const PATIENCE: Duration = Duration::from_secs(600);

impl Deposit {
    /// Brings a sealed blob to as many verified copies as are wanted; those that exist count. Then
    /// its room in the spool is freed.
    ///
    /// # Errors
    /// When one of them could not be made on any channel that is left.
    pub(super) async fn store_blob(
        &self,
        lease: JobLease,
        blob: BlobId,
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        let Some(record) = self.catalog.blob_to_store(lease, blob).await? else { return Ok(()) };
        let stored = StoredBlob { id: blob, len: record.len, chunks: record.chunks.clone().into(), copies: Vec::new() };
        let mut channels = self.channels_left(&record).into_iter();
        for number in 0..self.settings.replicas {
            if record.copies.iter().any(|copy| copy.copy == number && copy.state == CopyState::Verified) {
                continue;
            }
            let begun = record.copies.iter().find(|copy| copy.copy == number && copy.state != CopyState::Lost);
            let attempt = Attempt { deposit: self, lease, record: &record, stored: &stored, number, cancel };
            attempt.make_copy(begun, &mut channels).await?;
        }
        Ok(self.spool.remove_pack(blob).await?)
    }

    /// The channels no copy was meant for yet, in the blob's order of preference.
    fn channels_left(&self, record: &BlobToStore) -> Vec<ChannelId> {
        let mut channels = placement::preference(&record.hash, &self.store.channels());
        channels.retain(|channel| record.copies.iter().all(|copy| copy.channel != *channel));
        channels
    }
}

/// The making of one copy.
struct Attempt<'a> {
    deposit: &'a Deposit,
    lease: JobLease,
    record: &'a BlobToStore,
    stored: &'a StoredBlob,
    number: u32,
    cancel: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Tries the channel that was begun with, then the ones left, until one takes the copy.
    async fn make_copy(
        &self,
        begun: Option<&CopyRecord>,
        channels: &mut impl Iterator<Item = ChannelId>,
    ) -> Result<(), DepositError> {
        let mut last = None;
        let mut next = begun.map(|copy| copy.channel.clone()).or_else(|| channels.next());
        while let Some(channel) = next {
            match self.try_channel(&channel).await {
                Ok(()) => return Ok(()),
                Err(DepositError::Store(error)) if error.fault != Fault::TooLarge => last = Some(error),
                Err(error) => return Err(error),
            }
            next = channels.next();
        }
        let nowhere = || StoreError::new(Fault::Refused, "looking for a channel without a copy of the blob");
        Err(DepositError::Store(last.unwrap_or_else(nowhere)))
    }

    async fn try_channel(&self, channel: &ChannelId) -> Result<(), DepositError> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let tried = tokio::select! {
                tried = timeout(PATIENCE, self.put_and_read_back(channel)) => tried,
                () = self.cancel.cancelled() => return Err(DepositError::Cancelled),
            };
            let tried = tried.unwrap_or_else(|_| Err(StoreError::new(Fault::Unreachable, "storing a blob").into()));
            match tried {
                Err(DepositError::Store(error)) if error.is_worth_retrying() && attempt < TRIES => {
                    self.rest(error.retry_after.unwrap_or(wait)).await?;
                    wait = wait.saturating_mul(2);
                }
                done => return done,
            }
        }
        Ok(())
    }

    async fn rest(&self, wait: Duration) -> Result<(), DepositError> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.cancel.cancelled() => Err(DepositError::Cancelled),
        }
    }

    async fn put_and_read_back(&self, channel: &ChannelId) -> Result<(), DepositError> {
        let Deposit { catalog, store, spool, clock, .. } = self.deposit;
        let blob = self.stored.id;
        let nonce = catalog.intend_copy(self.lease, blob, self.number, channel.clone(), clock.now()).await?;
        let ticket = PutTicket {
            blob,
            channel: channel.clone(),
            copy: self.number,
            nonce,
            caption: format!("telecine/1 {} {} {}", self.record.video, self.record.role, self.record.hash),
            len: self.record.len,
            hash: self.record.hash,
        };
        let locator = store.put(&ticket, &spool.pack_path(blob)).await?;
        catalog.copy_sent(self.lease, blob, nonce, locator.clone(), clock.now()).await?;
        if let Err(error) = self.read_back(&locator).await {
            if matches!(error.fault, Fault::Missing | Fault::Corrupt) {
                catalog.copy_lost(blob, locator.clone(), clock.now()).await?;
                store.remove(&[locator]).await?;
            }
            return Err(error.into());
        }
        let wanted = self.deposit.settings.replicas;
        Ok(catalog.copy_verified(self.lease, blob, nonce, wanted, clock.now()).await?)
    }

    async fn read_back(&self, locator: &Locator) -> Result<(), StoreError> {
        let all = 0..self.stored.chunks.len() as u64;
        let mut chunks = read_verified(&*self.deposit.store, locator, self.stored, all).await?;
        while chunks.next().await?.is_some() {}
        Ok(())
    }
}
