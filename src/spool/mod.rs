//! Bytes on local disk that are not stored yet: uploads, and packs in the making.
//!
//! `uploads/` holds files that arrived whole (and what came of those that arrive), `packs/` the packs
//! until they have a verified copy, `work/` whatever a child process needs for a while. Budgeted,
//! synced before it is acknowledged or shown, reconciled with the catalog at start. It never
//! deletes by itself what the catalog knows.

mod budget;
mod error;
mod hashing;
mod pack;
mod reconcile;
#[cfg(test)]
mod tests;
mod upload;

pub use error::SpoolError;
pub use hashing::ChunkHasher;
pub use pack::{PackWriter, SealedPack, Unsynced};
pub use upload::{Checkpoint, Received, UploadWriter};

use crate::disk;
use crate::media::extent::Hash;
use crate::media::id::{BlobId, UploadId};
use crate::media::range::ByteRange;
use budget::Budget;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const UPLOADS: &str = "uploads";
const PACKS: &str = "packs";
const WORK: &str = "work";

/// Bytes of a pack or an upload, in slices of at most 256 KiB: exactly those asked for, or it ends in an error.
pub type SpoolStream = Pin<Box<dyn Stream<Item = Result<Bytes, SpoolError>> + Send>>;

/// Where the spool lies and how much it may hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its folder; made when it is not there.
    pub root: PathBuf,
    /// Most bytes of uploads and packs together. A quarter of them is kept for packs.
    pub max_bytes: u64,
}

/// What the spool holds now. Uploads count with what is reserved for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of uploads, arrived and reserved.
    pub uploads_bytes: u64,
    /// Bytes of packs.
    pub packs_bytes: u64,
    /// The budget for both.
    pub max_bytes: u64,
}

/// A cheap handle to the spool; clones share one budget.
#[derive(Clone, Debug)]
pub struct Spool {
    root: Arc<Path>,
    budget: Arc<Budget>,
}

fn pack_name(id: BlobId) -> String {
    format!("{id}.pack")
}

impl Spool {
    /// Opens the spool, making its folders (0700) where they are missing. Call `reconcile` next.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub async fn open(settings: Settings) -> Result<Self, SpoolError> {
        let root = disk::blocking(move || {
            // Child processes get these paths and may run in another folder.
            let root = std::path::absolute(settings.root)?;
            for folder in [UPLOADS, PACKS, WORK].map(|name| root.join(name)) {
                disk::create_private_folder(&folder)?;
                fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            }
            disk::sync_folder(&root)?;
            Ok(root)
        })
        .await
        .map_err(SpoolError::io("opening the spool's folders"))?;
        Ok(Self { root: root.into(), budget: Arc::new(Budget::new(settings.max_bytes)) })
    }

    /// Removes what no record names (and everything in `work/`), counts the rest, and returns how many strays there
    /// were. For the start, before anything is written. Uploads come with the bytes that are reserved for them.
    ///
    /// # Errors
    /// `Io`.
    pub async fn reconcile(
        &self,
        known_uploads: &HashMap<UploadId, u64>,
        known_packs: &HashSet<BlobId>,
    ) -> Result<u64, SpoolError> {
        let (root, uploads, packs) = (Arc::clone(&self.root), known_uploads.clone(), known_packs.clone());
        let (ledger, strays) = disk::blocking(move || reconcile::reconcile(&root, &uploads, &packs))
            .await
            .map_err(SpoolError::io("looking through the spool"))?;
        self.budget.replace(ledger);
        Ok(strays)
    }

    /// What is there now.
    pub fn usage(&self) -> Usage {
        self.budget.usage()
    }

    /// The packs that are there now, each with its bytes.
    pub fn packs(&self) -> Vec<(BlobId, u64)> {
        self.budget.packs()
    }

    /// The folder for what child processes need for a while; emptied at each start.
    pub fn work_folder(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Begins to receive a file; `expected` bytes are reserved now, more when more come.
    ///
    /// # Errors
    /// `Full`, `Taken`, `DiskFull`, `Io`.
    pub async fn begin_upload(&self, id: UploadId, expected: Option<u64>) -> Result<UploadWriter, SpoolError> {
        UploadWriter::begin(self.clone(), id, expected).await
    }

    /// Keeps room for an upload that can be continued: for all of its `bytes`, as far as they are known.
    ///
    /// # Errors
    /// `Full`, `Taken`.
    pub fn reserve_upload(&self, id: UploadId, bytes: u64) -> Result<(), SpoolError> {
        self.budget.begin_upload(id, bytes)
    }

    /// Keeps room for all `bytes` of an upload whose length was not known before.
    ///
    /// # Errors
    /// `Full`, `Cancelled` when the upload was removed.
    pub fn extend_upload(&self, id: UploadId, bytes: u64) -> Result<(), SpoolError> {
        self.budget.grow_upload(id, bytes)
    }

    /// Goes on with an upload that has its room, behind the `at` bytes of it that are durable. Costs one read of
    /// those, which `stop` ends. Only one writer at a time may do it, and it is to be awaited to its end: the
    /// file is cut off there, also when nobody waits any more.
    ///
    /// # Errors
    /// `NotFound` when so many bytes are not there, `Cancelled` by the token, `DiskFull`, `Io`.
    pub async fn continue_upload(
        &self,
        id: UploadId,
        at: u64,
        stop: &CancellationToken,
    ) -> Result<UploadWriter, SpoolError> {
        UploadWriter::go_on(self.clone(), id, at, stop).await
    }

    /// Reads from an upload; only durable bytes should be asked for.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub async fn read_upload(&self, id: UploadId, range: ByteRange) -> Result<SpoolStream, SpoolError> {
        const DOING: &str = "reading an upload in the spool";
        let path = self.upload_path(id);
        let file = disk::blocking(move || File::open(path)).await.map_err(SpoolError::io(DOING))?;
        let slices = disk::read_slices(Arc::new(file), range);
        Ok(Box::pin(slices.map(|slice| slice.map_err(SpoolError::io(DOING)))))
    }

    /// Where a finished upload lies, and from its first byte on one that can be continued.
    pub fn upload_path(&self, id: UploadId) -> PathBuf {
        self.uploads_folder().join(id.to_string())
    }

    /// Removes a finished upload, or makes one that arrives fail; absent is fine.
    ///
    /// # Errors
    /// `Io`.
    pub async fn remove_upload(&self, id: UploadId) -> Result<(), SpoolError> {
        self.remove(self.upload_path(id), "removing an upload").await?;
        self.budget.release_upload(id);
        Ok(())
    }

    /// Length and hash of a file that is imported where it lies. Costs one read of the file.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub async fn hash_file(&self, path: &Path) -> Result<Received, SpoolError> {
        upload::hash_file(path).await
    }

    /// Waits until packs may take `bytes` more. Nothing is reserved: each of several waiters may go over by its own
    /// next append. A caller that waits should seal what it has first, since only stored packs free room.
    ///
    /// # Errors
    /// `Cancelled` by the token.
    pub async fn room_for_packs(&self, bytes: u64, cancel: &CancellationToken) -> Result<(), SpoolError> {
        self.budget.room_for_packs(bytes, cancel).await
    }

    /// Begins a pack with its header. What an earlier attempt left under this name goes away.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub async fn open_pack(&self, id: BlobId, header: &[u8]) -> Result<PackWriter, SpoolError> {
        PackWriter::create(self.clone(), id, Bytes::copy_from_slice(header)).await
    }

    /// Goes on with a pack after a crash: cut back to the committed length and hashed again.
    ///
    /// # Errors
    /// `NotFound`, `Short` when less is there than was committed, `Io`.
    pub async fn reopen_pack(&self, id: BlobId, committed_len: u64) -> Result<PackWriter, SpoolError> {
        PackWriter::reopen(self.clone(), id, committed_len).await
    }

    /// Writes a small single thing (a poster) as a blob of its own, durable on return.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub async fn finish_file(&self, id: BlobId, bytes: Bytes) -> Result<SealedPack, SpoolError> {
        let (sealed, unsynced) = PackWriter::create(self.clone(), id, bytes).await?.seal(&[]).await?;
        Unsynced::sync(vec![unsynced]).await?;
        Ok(sealed)
    }

    /// Where a pack lies until it is stored.
    pub fn pack_path(&self, id: BlobId) -> PathBuf {
        self.root.join(PACKS).join(pack_name(id))
    }

    /// Frees a pack; absent is fine. Whoever reads it now still gets all of it.
    ///
    /// # Errors
    /// `Io`.
    pub async fn remove_pack(&self, id: BlobId) -> Result<(), SpoolError> {
        self.remove(self.pack_path(id), "freeing a pack").await?;
        self.budget.release_pack(id);
        Ok(())
    }

    /// Reads from a pack, growing or sealed; only committed ranges should be asked for.
    ///
    /// # Errors
    /// `NotFound` when it was freed, `Short` when it ends before the range does, `Io`.
    pub async fn read_pack(&self, id: BlobId, range: ByteRange) -> Result<SpoolStream, SpoolError> {
        const DOING: &str = "reading a pack in the spool";
        let path = self.pack_path(id);
        let (file, len) = disk::blocking(move || {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        })
        .await
        .map_err(SpoolError::io(DOING))?;
        if len < range.end() {
            return Err(SpoolError::Short { blob: id, len, wanted: range.end() });
        }
        let slices = disk::read_slices(Arc::new(file), range);
        Ok(Box::pin(slices.map(|slice| slice.map_err(SpoolError::io(DOING)))))
    }

    /// Hashes what lies in a pack's file now (`Hash::of_chunks`): its first `len` bytes.
    ///
    /// # Errors
    /// As `read_pack`.
    pub async fn hash_pack(&self, id: BlobId, len: u64) -> Result<Hash, SpoolError> {
        let mut hasher = ChunkHasher::default();
        if let Some(range) = ByteRange::at(0, len) {
            let mut slices = self.read_pack(id, range).await?;
            while let Some(slice) = slices.try_next().await? {
                hasher.update(&slice);
            }
        }
        Ok(hasher.finish().0)
    }

    fn uploads_folder(&self) -> PathBuf {
        self.root.join(UPLOADS)
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    async fn remove(&self, path: PathBuf, doing: &'static str) -> Result<(), SpoolError> {
        disk::blocking(move || disk::remove_if_there(&path)).await.map_err(SpoolError::io(doing))
    }
}
