//! Copies of blobs that are stored already: the ones that are missing, and those that are to lie in
//! the store in use and not where they are.

use super::copy::{Blob, Bytes};
use super::{Deposit, DepositError};
use crate::catalog::{CopyState, JobLease};
use crate::media::extent::Locator;
use crate::media::id::BlobId;
use crate::spool::Unsynced;
use crate::store::{Fault, Purpose, StoreError, read_verified};
use tokio_util::sync::CancellationToken;

impl Deposit {
    /// Brings a stored blob to as many verified copies at home as are wanted, out of one that can be
    /// read; where none can be, by letting the store forward one. What was known to be lost is removed.
    ///
    /// # Errors
    /// `Cancelled`; `Store` when no copy can be read or no channel takes one.
    pub async fn mend(&self, lease: JobLease, blob: BlobId, cancel: &CancellationToken) -> Result<(), DepositError> {
        let Some(record) = self.look_up(lease, blob).await? else { return Ok(()) };
        let lost = record.copies().iter().filter(|copy| copy.state == CopyState::Lost);
        self.remove(lease, blob, lost.filter_map(|copy| copy.locator.clone()).collect()).await?;
        self.spool.room_for_packs(record.stored().len, cancel).await.map_err(|_| DepositError::Cancelled)?;
        let bytes = self.fetch(&record, cancel).await;
        let done = match bytes {
            Ok(bytes) => self.copy_until_protected(lease, blob, &bytes, cancel).await,
            Err(error) => Err(error),
        };
        self.spool.remove_pack(blob).await?;
        done
    }

    /// As `mend`, and then removes the copies that do not lie at home.
    ///
    /// # Errors
    /// As `mend`.
    pub async fn bring_home(
        &self,
        lease: JobLease,
        blob: BlobId,
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        self.mend(lease, blob, cancel).await?;
        let Some(record) = self.look_up(lease, blob).await? else { return Ok(()) };
        let home = self.store.channels();
        let elsewhere = record.copies().iter().filter(|copy| !home.contains(&copy.channel));
        self.remove(lease, blob, elsewhere.filter_map(|copy| copy.locator.clone()).collect()).await
    }

    async fn remove(&self, lease: JobLease, blob: BlobId, copies: Vec<Locator>) -> Result<(), DepositError> {
        if copies.is_empty() {
            return Ok(());
        }
        let litter = self.store.remove(&copies).await?;
        Ok(self.catalog.copies_removed(lease, blob, copies, litter, self.clock.now()).await?)
    }

    /// The blob's bytes in the spool, from the first copy that gives them; else the copy to forward.
    async fn fetch(&self, blob: &Blob, cancel: &CancellationToken) -> Result<Bytes, DepositError> {
        let stored = blob.stored();
        let mut last = StoreError::new(Fault::Missing, "looking for a copy of a blob");
        for copy in &stored.copies {
            let fetched = tokio::select! {
                fetched = self.fetch_from(blob, copy) => fetched,
                () = cancel.cancelled() => return Err(DepositError::Cancelled),
            };
            match fetched {
                Ok(()) => return Ok(Bytes::File(self.spool.pack_path(stored.id))),
                Err(DepositError::Store(error)) => last = error,
                Err(error) => return Err(error),
            }
        }
        match stored.copies.first() {
            // The bot that could read it is out; one that is a member of its channel may forward it.
            Some(copy) if last.fault == Fault::Unreachable => Ok(Bytes::Copy(copy.clone())),
            _ => Err(last.into()),
        }
    }

    async fn fetch_from(&self, blob: &Blob, copy: &Locator) -> Result<(), DepositError> {
        let stored = blob.stored();
        let all = 0..stored.chunks.len() as u64;
        let mut chunks = read_verified(&*self.store, copy, stored, all, Purpose::Upkeep).await?;
        let mut file = self.spool.open_pack(stored.id, &[]).await?;
        while let Some(chunk) = chunks.next().await? {
            file.append(vec![chunk]).await?;
        }
        Ok(Unsynced::sync(vec![file.unsynced()?]).await?)
    }
}
