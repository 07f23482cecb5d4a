//! An arriving file: received in bounded memory, hashed while it is written, durable when finished.
//!
//! What comes in one piece lies under a name of its own attempt until `finish`, and nothing is left
//! of it when it breaks off. What can be continued lies under the upload's name from its first byte
//! on; how much of it counts is for the records to say, after a `Checkpoint` was synced.

use super::Spool;
use super::error::SpoolError;
use crate::disk;
use crate::media::extent::Hash;
use crate::media::id::UploadId;
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Bytes handed to the disk at once. One batch is written while the next one arrives, so an upload
/// holds at most two of them, and a slow sender holds no thread.
const BATCH_BYTES: usize = 1024 * 1024;

/// Slices handed over at once: tiny ones may each keep a whole network buffer alive.
const BATCH_SLICES: usize = 64;

/// Bytes after which the disk is told to take what came, so that little is left to wait for at the end.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

/// A file that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of all bytes.
    pub hash: Hash,
    /// Where it lies.
    pub path: PathBuf,
}

/// Takes one file. Dropped before `finish` ended, it removes what came and returns its budget, unless
/// the file can be continued: then what came stays.
#[derive(Debug)]
pub struct UploadWriter {
    claim: Claim,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    received: u64,
    sink: Option<Sink>,
    writing: Option<JoinHandle<io::Result<Sink>>>,
    /// How much had come when the disk was last told, and whether that is under way.
    synced: u64,
    syncing: Option<Syncing>,
}

/// A file that is being made durable. The system tells a failure to one who asks and to nobody else, so that there is one
/// at a time for each file, and nobody may let its end pass.
type Syncing = JoinHandle<io::Result<()>>;

/// What has been written of a file, to be made durable while more is written.
#[derive(Debug)]
pub struct Checkpoint {
    file: Arc<File>,
    bytes: u64,
}

impl Checkpoint {
    /// Makes it durable, and answers how many bytes that are.
    ///
    /// # Errors
    /// `DiskFull`, `Io`: nobody knows then how much of the file is there.
    pub async fn sync(self) -> Result<u64, SpoolError> {
        let Self { file, bytes } = self;
        disk::blocking(move || file.sync_data()).await.map_err(SpoolError::io("making an upload durable"))?;
        Ok(bytes)
    }
}

#[derive(Debug)]
struct Sink {
    file: Arc<File>,
    hasher: blake3::Hasher,
}

impl Sink {
    fn write(mut self, batch: Vec<Bytes>) -> io::Result<Self> {
        for slice in batch {
            (&*self.file).write_all(&slice)?;
            self.hasher.update(&slice);
        }
        Ok(self)
    }
}

impl UploadWriter {
    pub(super) async fn begin(spool: Spool, id: UploadId, expected: Option<u64>) -> Result<Self, SpoolError> {
        spool.budget().begin_upload(id, expected.unwrap_or(0))?;
        let path = spool.upload_path(id).with_extension(format!("{}.part", Uuid::new_v4().simple()));
        let claim = Claim { spool, id, path: Some(path.clone()) };
        let file = disk::blocking(move || disk::create_private_file(&path))
            .await
            .map_err(SpoolError::io("making a file for the upload"))?;
        Ok(Self::at(claim, file, blake3::Hasher::new(), 0))
    }

    /// Goes on behind the first `at` bytes, which were made durable; what lies behind them is cut off.
    pub(super) async fn go_on(
        spool: Spool,
        id: UploadId,
        at: u64,
        stop: &CancellationToken,
    ) -> Result<Self, SpoolError> {
        let (path, stop) = (spool.upload_path(id), stop.clone());
        let opened = disk::blocking(move || reopen(&path, at, &stop)).await;
        let opened = opened.map_err(SpoolError::io("going on with an upload"))?;
        let (file, hasher) = opened.ok_or(SpoolError::Cancelled)?;
        Ok(Self::at(Claim { spool, id, path: None }, file, hasher, at))
    }

    fn at(claim: Claim, file: File, hasher: blake3::Hasher, received: u64) -> Self {
        let sink = Some(Sink { file: Arc::new(file), hasher });
        Self {
            claim,
            batch: Vec::new(),
            batch_bytes: 0,
            received,
            sink,
            writing: None,
            synced: received,
            syncing: None,
        }
    }

    /// Takes the next bytes; waits when the disk is slower than the sender.
    ///
    /// # Errors
    /// `Full` past the budget, `DiskFull`, `Cancelled` when the upload was removed; after an error the writer is of
    /// no more use.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), SpoolError> {
        let received = self.received + bytes.len() as u64;
        self.claim.spool.budget().grow_upload(self.claim.id, received)?;
        self.received = received;
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_SLICES {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Where the bytes lie now.
    pub fn path(&self) -> PathBuf {
        self.claim.path.clone().unwrap_or_else(|| self.final_path())
    }

    /// Where they lie once they are all there.
    pub fn final_path(&self) -> PathBuf {
        self.claim.spool.upload_path(self.claim.id)
    }

    /// Bytes taken so far; durable only when `finish` says so.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Writes everything taken so far, and answers what can be made durable by that.
    ///
    /// # Errors
    /// As `write`.
    pub async fn checkpoint(&mut self) -> Result<Checkpoint, SpoolError> {
        self.hand_over().await?;
        self.settle().await?;
        self.settle_sync().await?;
        let sink = self.sink.as_ref().ok_or(SpoolError::Torn)?;
        Ok(Checkpoint { file: Arc::clone(&sink.file), bytes: self.received })
    }

    /// Waits until nothing is being written any more, so that another may go on with the file. What was
    /// not written, and whether that was in order, no longer matters.
    pub async fn abandon(mut self) {
        if let Some(writing) = self.writing.take() {
            drop(writing.await);
        }
        if let Some(syncing) = self.syncing.take() {
            drop(syncing.await);
        }
    }

    /// Makes the file durable under its own name.
    ///
    /// # Errors
    /// As `write`. Dropped half-way, nothing is left behind of what came in one piece.
    pub async fn finish(mut self) -> Result<Received, SpoolError> {
        self.hand_over().await?;
        self.settle().await?;
        self.settle_sync().await?;
        let Sink { file, hasher } = self.sink.take().ok_or(SpoolError::Torn)?;
        let Self { mut claim, received, .. } = self;
        // The claim travels along: when nobody waits for the end any more, it cleans up there.
        let claim = disk::blocking(move || {
            file.sync_all()?;
            claim.publish()?;
            Ok(claim)
        })
        .await
        .map_err(SpoolError::io("making the upload durable"))?;
        let path = claim.keep(received)?;
        Ok(Received { bytes: received, hash: Hash(*hasher.finalize().as_bytes()), path })
    }

    async fn hand_over(&mut self) -> Result<(), SpoolError> {
        self.settle().await?;
        self.sync_ahead().await?;
        let sink = self.sink.take().ok_or(SpoolError::Torn)?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.writing = Some(tokio::task::spawn_blocking(move || sink.write(batch)));
        Ok(())
    }

    /// Has the disk take what was written, unless little came since it last did. What can be continued is made durable
    /// by its checkpoints.
    async fn sync_ahead(&mut self) -> Result<(), SpoolError> {
        let is_under_way = self.syncing.as_ref().is_some_and(|syncing| !syncing.is_finished());
        if self.claim.path.is_none() || is_under_way || self.received - self.synced < SYNC_BYTES {
            return Ok(());
        }
        self.settle_sync().await?;
        self.synced = self.received;
        let file = Arc::clone(&self.sink.as_ref().ok_or(SpoolError::Torn)?.file);
        self.syncing = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        Ok(())
    }

    /// Waits until the disk has what it was told to take; after a failure nobody knows what of the file is there.
    async fn settle_sync(&mut self) -> Result<(), SpoolError> {
        let Some(under_way) = &mut self.syncing else { return Ok(()) };
        let done = under_way.await.unwrap_or_else(|end| Err(io::Error::other(end)));
        self.syncing = None;
        done.map_err(|error| {
            self.sink = None;
            SpoolError::io("making an upload durable")(error)
        })
    }

    /// Waits for the batch under way. The handle stays in place until it is done, so that a dropped
    /// wait loses nothing.
    async fn settle(&mut self) -> Result<(), SpoolError> {
        if let Some(writing) = &mut self.writing {
            let done = writing.await;
            self.writing = None;
            let sink = done.unwrap_or_else(|end| Err(io::Error::other(end)));
            self.sink = Some(sink.map_err(SpoolError::io("writing the upload"))?);
        }
        Ok(())
    }
}

/// The right to a name and to budget, and the duty to clean up.
#[derive(Debug)]
struct Claim {
    spool: Spool,
    id: UploadId,
    /// Where the bytes lie now; none when they are not, or no longer, ours to remove.
    path: Option<PathBuf>,
}

impl Claim {
    fn publish(&mut self) -> io::Result<()> {
        // What can be continued has its name already.
        let Some(part) = &self.path else { return Ok(()) };
        let whole = self.spool.upload_path(self.id);
        std::fs::rename(part, &whole)?;
        self.path = Some(whole);
        disk::sync_folder(&self.spool.uploads_folder())
    }

    fn keep(mut self, bytes: u64) -> Result<PathBuf, SpoolError> {
        if !self.spool.budget().settle_upload(self.id, bytes) {
            return Err(SpoolError::Cancelled);
        }
        self.path = None;
        Ok(self.spool.upload_path(self.id))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        self.spool.budget().release_upload(self.id);
        let remove = move || {
            if let Err(error) = disk::remove_if_there(&path) {
                tracing::warn!(%error, "a broken upload could not be removed; the next start will");
            }
        };
        // Removing gigabytes takes a while.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// Hashes a file where it lies, off the runtime; ends early when nobody waits any more.
pub(super) async fn hash_file(path: &Path) -> Result<Received, SpoolError> {
    let unwanted = CancellationToken::new();
    let _unwanted_on_drop = unwanted.clone().drop_guard();
    let path = path.to_path_buf();
    let hashed = disk::blocking(move || {
        let hashed = hash(&mut File::open(&path)?, &unwanted)?;
        Ok(hashed.map(|(hasher, bytes)| Received { bytes, hash: Hash(*hasher.finalize().as_bytes()), path }))
    });
    hashed.await.map_err(SpoolError::io("hashing a file"))?.ok_or(SpoolError::Cancelled)
}

/// The file cut off at `at`, its cursor there, and the hash so far; nothing when that was stopped. A first byte makes it.
fn reopen(path: &Path, at: u64, stop: &CancellationToken) -> io::Result<Option<(File, blake3::Hasher)>> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(at == 0).truncate(at == 0).mode(0o600).open(path)?;
    if at == 0 {
        disk::sync_folder(path.parent().unwrap_or(path))?;
    }
    if file.metadata()?.len() < at {
        return Err(io::ErrorKind::NotFound.into());
    }
    file.set_len(at)?;
    Ok(hash(&mut file, stop)?.map(|(hasher, _)| (file, hasher)))
}

/// Hashes what lies behind the cursor, and counts it; nothing when that was stopped.
fn hash(file: &mut File, stop: &CancellationToken) -> io::Result<Option<(blake3::Hasher, u64)>> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BATCH_BYTES];
    let mut bytes = 0;
    while !stop.is_cancelled() {
        let len = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if len == 0 {
            return Ok(Some((hasher, bytes)));
        }
        hasher.update(&buffer[..len]);
        bytes += len as u64;
    }
    Ok(None)
}
