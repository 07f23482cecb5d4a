//! Removing a trashed video for good.
//!
//! First its blobs are doomed in one commit, from which there is no way back; then each is removed
//! from the store and the spool and forgotten, one by one; at last the video goes. A blob is
//! forgotten only when its bytes are gone, so a stop at any point leaves nothing that nobody names.

use crate::catalog::{Catalog, CatalogError, DoomedBlob, JobLease, Source};
use crate::clock::Clock;
use crate::spool::{Spool, SpoolError};
use crate::store::{BlobStore, Fault, StoreError};
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
    /// A copy could not be removed from the store.
    #[error("removing a blob's copies")]
    Store(#[from] StoreError),
    /// A file could not be removed from the spool.
    #[error("removing a file from the spool")]
    Spool(#[from] SpoolError),
}

/// Removes the job's video and every byte of it that is ours; the job's record goes with it. A
/// file that was imported where it lies is not touched.
///
/// # Errors
/// `Catalog` with `NotAllowed` when the video is not in the trash any more; else see `ForgetError`.
/// After any of them another run goes on.
pub async fn forget(parts: &Parts, lease: JobLease, cancel: &CancellationToken) -> Result<(), ForgetError> {
    for doomed in parts.catalog.doom(lease).await? {
        if cancel.is_cancelled() {
            return Err(ForgetError::Cancelled);
        }
        remove(parts, &doomed).await?;
        parts.catalog.forget_blob(lease, doomed.blob).await?;
    }
    // Before the video, as nobody would know of the file afterwards.
    if let (Source::Upload(upload), _) = parts.catalog.source_of(lease).await? {
        parts.spool.remove_upload(upload).await?;
    }
    parts.catalog.forget_video(lease).await?;
    tracing::info!("a video was removed for good");
    Ok(())
}

async fn remove(parts: &Parts, doomed: &DoomedBlob) -> Result<(), ForgetError> {
    let mut copies = doomed.locators.clone();
    let mut broke_off = None;
    for (channel, unheard) in &doomed.unheard {
        let named = parts.catalog.copies_on(channel.clone()).await?;
        match parts.store.find(channel, unheard, &named).await {
            // The channel is not configured any more: nobody can look.
            Err(error) if error.fault == Fault::Refused => {}
            search => {
                let search = search?;
                copies.extend(search.strays);
                broke_off = broke_off.or(search.broke_off);
            }
        }
    }
    if !copies.is_empty() {
        let litter = parts.store.remove(&copies).await?;
        parts.catalog.add_litter(litter, parts.clock.now()).await?;
    }
    if let Some(error) = broke_off {
        return Err(error.into());
    }
    parts.spool.remove_pack(doomed.blob).await?;
    Ok(())
}
