//! From finished segments to verified copies: segments are appended to packs in the spool, packs
//! are sealed, sealed blobs are put on channels and read back, and the spool is freed.
//!
//! Every step is recorded before the next one begins and can be repeated: a job that runs again
//! goes on with the pack it was filling and finds the copies it had sent.

mod again;
mod copy;
mod discard;
mod error;
mod load;
mod mend;
mod packer;
#[cfg(test)]
mod tests;

pub use again::Again;
pub use error::DepositError;
pub use packer::{FreshSegment, Packer, PackerSettings};

use crate::catalog::{Catalog, JobLease, SealedBlob, Wanted};
use crate::clock::Clock;
use crate::media::extent::ChannelId;
use crate::media::id::BlobId;
use crate::spool::{SealedPack, Spool};
use crate::store::BlobStore;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use load::Load;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Takes blobs that have a first copy.
pub type Stored = mpsc::UnboundedSender<BlobId>;

/// How blobs are made and kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Largest blob in bytes.
    pub max_blob_bytes: u64,
    /// Verified copies wanted of every blob, each on another channel; at least 1.
    pub replicas: u32,
    /// Copies sent at the same time, of all videos together. Others may be read back meanwhile.
    pub parallel: usize,
    /// Whose blobs they are, for whoever finds one without the catalog.
    pub installation: Uuid,
}

/// A cheap handle on the way from the spool to the store.
#[derive(Clone)]
pub struct Deposit {
    settings: Settings,
    catalog: Catalog,
    store: Arc<dyn BlobStore>,
    spool: Spool,
    clock: Clock,
    load: Load,
}

impl Deposit {
    /// The way from this spool to this store.
    pub fn new(settings: Settings, catalog: Catalog, store: Arc<dyn BlobStore>, spool: Spool, clock: Clock) -> Self {
        let load = Load::new(settings.parallel);
        Self { settings, catalog, store, spool, clock, load }
    }

    /// Makes the first copy of sealed blobs as they come, several at a time, until the sender is
    /// dropped, and hands them on to `protect_all`.
    ///
    /// # Errors
    /// The first failure that a retry did not cure; the other stores under way are abandoned,
    /// which is safe.
    pub async fn store_all(
        &self,
        lease: JobLease,
        mut sealed: mpsc::UnboundedReceiver<BlobId>,
        stored: Stored,
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        stream::poll_fn(move |context| sealed.poll_recv(context))
            .map(async |blob| {
                self.store_blob(lease, blob, cancel).await?;
                // Who protects ends only with the job; the blob is mended then.
                let _ = stored.send(blob);
                Ok(())
            })
            .buffer_unordered(self.at_once())
            .try_collect()
            .await
    }

    /// The way of blobs with a first copy to `protect_all`, with those on it that an earlier run was stopped before: they
    /// have one, and still their room in the spool.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn stored(&self, lease: JobLease) -> Result<(Stored, mpsc::UnboundedReceiver<BlobId>), DepositError> {
        let (stored, to_protect) = mpsc::unbounded_channel();
        let there: HashSet<BlobId> = self.spool.packs().into_iter().map(|(blob, _)| blob).collect();
        if !there.is_empty() {
            let known = self.catalog.stored_blobs(lease).await?;
            for blob in known.into_iter().filter(|blob| there.contains(blob)) {
                // The receiver is handed out with it.
                let _ = stored.send(blob);
            }
        }
        Ok((stored, to_protect))
    }

    /// Makes the further copies of stored blobs as they come, and frees their room in the spool.
    /// Answers whether all of them have as many as are wanted.
    ///
    /// # Errors
    /// `Cancelled`, `Catalog`, `Spool`; a store that takes no more copies is none.
    pub async fn protect_all(
        &self,
        lease: JobLease,
        mut stored: mpsc::UnboundedReceiver<BlobId>,
        cancel: &CancellationToken,
    ) -> Result<bool, DepositError> {
        stream::poll_fn(move |context| stored.poll_recv(context))
            .map(|blob| self.protect_blob(lease, blob, cancel))
            .buffer_unordered(self.at_once())
            .try_fold(true, async |all, is_protected| Ok(all && is_protected))
            .await
    }

    /// Blobs under way: while some are sent, as many are read back.
    fn at_once(&self) -> usize {
        self.settings.parallel.max(1).saturating_mul(2)
    }

    /// Makes a single small thing a sealed blob and the video's poster.
    ///
    /// # Errors
    /// When the spool or the catalog fails.
    pub async fn add_poster(&self, lease: JobLease, bytes: Bytes) -> Result<BlobId, DepositError> {
        let blob = self.catalog.open_poster(lease).await?;
        let sealed = self.spool.finish_file(blob, bytes).await?;
        self.catalog.seal_poster(lease, sealed_blob(blob, sealed)).await?;
        Ok(blob)
    }
}

/// What every blob is to have, as the store's channels are now: what lies in a closed one is wanted elsewhere,
/// as far as there are others.
pub fn wanted(store: &dyn BlobStore, replicas: u32) -> Wanted {
    let (home, closed) = (store.channels(), store.closed());
    let is_open = |channel: &&ChannelId| closed.iter().all(|closed| closed.channel != **channel);
    let open: Vec<ChannelId> = home.iter().filter(is_open).cloned().collect();
    let copies = replicas.min(u32::try_from(open.len()).unwrap_or(u32::MAX));
    let mute = closed.into_iter().filter(|closed| closed.forwards_to.is_empty()).map(|closed| closed.channel);
    Wanted { home, open, mute: mute.collect(), copies }
}

fn sealed_blob(blob: BlobId, pack: SealedPack) -> SealedBlob {
    SealedBlob { blob, len: pack.len, hash: pack.hash, chunks: pack.chunks }
}
