//! Which store takes new blobs, and which ones hold earlier ones.

use crate::store::{BlobStore, LocalSettings, LocalStore, RoutedStore, StoreError, TelegramStore};
use crate::telegram::Fleet;
use std::path::Path;
use std::sync::Arc;

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
