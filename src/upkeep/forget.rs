//! Removing a trashed video for good.
//!
//! First its blobs are doomed in one commit, from which there is no way back; then their copies are removed
//! from the store, channel by channel, and forgotten batch by batch; then the blobs go, from the cache, too, and at last the
//! video.
//! A blob is forgotten only when its bytes are gone, so a stop at any point leaves nothing that nobody names. What a
//! channel does not let go now keeps nobody's film: it is litter, which the keeper removes when it can.

use super::litter::{BATCH, by_channel, known_on};
use crate::cache::SegmentCache;
use crate::catalog::{Catalog, CatalogError, DoomedBlob, JobLease, Source};
use crate::clock::Clock;
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::spool::{Spool, SpoolError};
use crate::store::{BlobStore, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What forgetting needs.
#[derive(Clone)]
pub struct Parts {
    /// What is known of the video.
    pub catalog: Catalog,
    /// Where its blobs lie.
    pub store: Arc<dyn BlobStore>,
    /// Where those lie that were never stored, and its upload.
    pub spool: Spool,
    /// What is near of what was watched.
    pub cache: SegmentCache,
    /// The time of day.
    pub clock: Clock,
}

/// Why a video was not forgotten, or not yet altogether.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// It was told to stop; the next run goes on.
    #[error("stopped before everything was removed")]
    Cancelled,
    /// The catalog failed, or the job's lease is lost.
    #[error("recording what was removed")]
    Catalog(#[from] CatalogError),
    /// A file could not be removed from the spool.
    #[error("removing a file from the spool")]
    Spool(#[from] SpoolError),
}

/// Removes the job's video and every byte of it that is ours; the job's record goes with it. A
/// file that was imported where it lies is not touched. What the store does not remove now stays known as litter.
///
/// # Errors
/// `Catalog` with `NotAllowed` when the video is not in the trash any more; else see `ForgetError`.
/// After any of them another run goes on.
pub async fn forget(parts: &Parts, lease: JobLease, cancel: &CancellationToken) -> Result<(), ForgetError> {
    let doomed = parts.catalog.doom(lease).await?;
    let mut pass = Pass { parts, lease, cancel, closed: BTreeSet::new() };
    let mut copies = pass.look_for_unheard(&doomed).await?;
    copies.extend(doomed.iter().flat_map(|blob| blob.locators.iter().cloned()));
    pass.remove(copies).await?;
    for blob in &doomed {
        parts.spool.remove_pack(blob.blob).await?;
    }
    // Nobody finds its bytes anywhere to fill the cache with them again.
    if let Err(error) = parts.cache.forget(doomed.iter().map(|blob| blob.blob).collect()).await {
        tracing::warn!(%error, "some of a deleted video stays in the disk cache until it is written over");
    }
    let (gone, left): (Vec<_>, Vec<_>) = doomed.iter().partition(|blob| pass.is_gone(blob));
    parts.catalog.forget_blobs(lease, gone.iter().map(|blob| blob.blob).collect()).await?;
    parts.catalog.abandon_blobs(lease, left.iter().map(|blob| blob.blob).collect(), parts.clock.now()).await?;
    // Before the video, as nobody would know of the file afterwards.
    if let (Source::Upload(upload), _) = parts.catalog.source_of(lease).await? {
        parts.spool.remove_upload(upload).await?;
    }
    parts.catalog.forget_video(lease).await?;
    tracing::info!(litter.blobs = left.len(), "a video was removed for good");
    Ok(())
}

/// One run over all blobs of a video. `None` stands for the channels of a store that is not there.
struct Pass<'a> {
    parts: &'a Parts,
    lease: JobLease,
    cancel: &'a CancellationToken,
    /// Channels in which something of the video may be left.
    closed: BTreeSet<Option<ChannelId>>,
}

impl Pass<'_> {
    /// Copies that were intended, of which nobody heard, and that were made. Each channel is searched once.
    async fn look_for_unheard(&mut self, doomed: &[DoomedBlob]) -> Result<Vec<Locator>, ForgetError> {
        let mut channels: BTreeMap<&ChannelId, Vec<UnheardCopy>> = BTreeMap::new();
        for (channel, unheard) in doomed.iter().flat_map(|blob| &blob.unheard) {
            channels.entry(channel).or_default().extend(unheard.iter().cloned());
        }
        let mut strays = Vec::new();
        for (channel, unheard) in channels {
            self.check()?;
            let named = known_on(&self.parts.catalog, &*self.parts.store, channel).await?;
            match self.parts.store.find(channel, &unheard, &named).await {
                Err(error) => self.close(Some(channel), &error),
                Ok(search) => {
                    strays.extend(search.strays);
                    if let Some(error) = search.broke_off {
                        self.close(Some(channel), &error);
                    }
                    // It may come yet.
                    if !search.absent.is_empty() {
                        self.closed.insert(Some(channel.clone()));
                    }
                }
            }
        }
        Ok(strays)
    }

    /// Removes copies, as many of a channel in one request as Telegram takes. A channel that fails is left alone.
    async fn remove(&mut self, copies: Vec<Locator>) -> Result<(), ForgetError> {
        let Parts { catalog, store, clock, .. } = self.parts;
        for (channel, copies) in by_channel(&**store, copies) {
            for batch in copies.chunks(BATCH) {
                self.check()?;
                match store.remove(batch).await {
                    Ok(refused) => {
                        let removed = batch.iter().filter(|copy| !refused.contains(copy)).cloned().collect();
                        catalog.forget_copies(self.lease, removed, refused, clock.now()).await?;
                    }
                    Err(error) => {
                        self.close(channel.as_ref(), &error);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_gone(&self, blob: &DoomedBlob) -> bool {
        let named = blob.locators.iter().map(|copy| self.parts.store.channel_of(copy));
        named.chain(blob.unheard.keys().cloned().map(Some)).all(|channel| !self.closed.contains(&channel))
    }

    fn close(&mut self, channel: Option<&ChannelId>, error: &StoreError) {
        tracing::warn!(error = error as &dyn std::error::Error, "a channel may hold copies of a deleted video still");
        self.closed.insert(channel.cloned());
    }

    fn check(&self) -> Result<(), ForgetError> {
        if self.cancel.is_cancelled() { Err(ForgetError::Cancelled) } else { Ok(()) }
    }
}
