//! Which store takes new blobs, and which ones hold earlier ones.

use super::Base;
use crate::cache::{self, Damage, SegmentCache, SlabSettings};
use crate::config;
use crate::store::{BlobStore, LocalSettings, LocalStore, RoutedStore, StoreError, TelegramStore};
use crate::telegram::Fleet;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// With bots, Telegram takes what is new and the folder of this machine keeps what it has. Without, the
/// folder takes what is new, and what lies with bots that were configured earlier waits for them.
///
/// # Errors
/// When the folder cannot be used.
pub(super) async fn open(data_dir: &Path, fleet: &Fleet) -> Result<Arc<dyn BlobStore>, StoreError> {
    let local: Arc<dyn BlobStore> = Arc::new(LocalStore::open(LocalSettings { root: data_dir.to_path_buf() }).await?);
    let telegram: Arc<dyn BlobStore> = Arc::new(TelegramStore::new(fleet.clone()));
    let (home, other) = if fleet.bots().is_empty() { (local, telegram) } else { (telegram, local) };
    Ok(Arc::new(RoutedStore::new(home, vec![other])))
}

/// What came from a store, close at hand, and the reports of damaged copies.
///
/// # Errors
/// When the folder of the disk cache cannot be used.
pub(super) fn cache(
    config: &config::Cache,
    data_dir: &Path,
    base: &Base,
) -> anyhow::Result<(SegmentCache, mpsc::Receiver<Damage>)> {
    let settings = cache_settings(config, data_dir)?;
    SegmentCache::new(settings, base.store.clone(), base.spool.clone(), base.shutdown.clone())
        .context("opening the disk cache (CACHE_DIR)")
}

fn cache_settings(config: &config::Cache, data_dir: &Path) -> anyhow::Result<cache::Settings> {
    let folder = match &config.disk_folder {
        Some(folder) => std::path::absolute(folder).context("finding CACHE_DIR")?,
        None => data_dir.join("cache"),
    };
    let disk = SlabSettings { folder, max_bytes: config.disk_bytes };
    Ok(cache::Settings { memory_bytes: config.memory_bytes, disk: (config.disk_bytes > 0).then_some(disk) })
}
