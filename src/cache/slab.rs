//! Verified chunks on this machine's disk, below those in memory: one file of slots of 256 KiB, and an index of it.
//!
//! What a store gave that is far away is written behind the readers, who never wait for it; when the disk is slower than
//! the store, some of it is left out. What an earlier run of the program left is warm: a chunk of it is compared with
//! its hash when it is first asked for, which makes a half-written one as good as none, so that nothing has to be
//! synced. So is every chunk that the disk has to bring; what the kernel still has in its memory from then costs no hash.
//! The file system is left some room, for whatever else needs it more.

mod index;
mod slots;
#[cfg(test)]
mod tests;

use super::memory::ChunkKey;
use super::ranking::Standing;
use super::worth::Ledger;
use crate::disk::{self, Buffers};
use crate::media::extent::{CHUNK_SIZE, Hash};
use crate::media::id::BlobId;
use crate::shutdown::Shutdown;
use bytes::Bytes;
use index::Index;
use rustix::fs::Advice;
use slots::{Slot, Slots};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Chunks that may wait to be written (16 MiB).
const BACKLOG: usize = 64;

/// Chunks written by one call.
const BATCH: usize = 16;

/// How often the room on the file system is looked at while nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is left free on the file system: a twentieth of it, and no more than this.
const MOST_LEFT_FREE: u64 = 2 << 30;

/// How far above that the free room has to be before the file grows again.
const MARGIN: u64 = 64 * CHUNK_SIZE;

/// Where chunks are kept on disk.
#[derive(Clone, Debug)]
pub struct SlabSettings {
    /// A folder for nothing else; it is made.
    pub folder: PathBuf,
    /// Most bytes of chunks; less than one chunk keeps none.
    pub max_bytes: u64,
}

/// What lies there, and what came of it since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlabStats {
    /// Chunks that were found there.
    pub hits: u64,
    /// Chunks there.
    pub entries: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// Most bytes they may take.
    pub max_bytes: u64,
    /// Chunks that made room for others.
    pub evictions: u64,
    /// Chunks that were not kept because the disk was too slow.
    pub left_out: u64,
}

/// A cheap handle to the file; clones share it.
#[derive(Clone)]
pub(super) struct Slab {
    inner: Arc<Inner>,
    offers: mpsc::Sender<Offer>,
}

/// A chunk to be kept.
struct Offer {
    key: ChunkKey,
    bytes: Bytes,
    standing: Standing,
}

/// Bytes free on the file system, and of how many.
type Space = Box<dyn Fn(&File) -> io::Result<(u64, u64)> + Send + Sync>;

struct Inner {
    file: File,
    /// Whoever holds it writes: one at a time, and nobody cuts the file short meanwhile.
    index: Mutex<Index>,
    slots: Mutex<Slots>,
    buffers: Buffers,
    space: Space,
    max_bytes: u64,
    hits: AtomicU64,
    left_out: AtomicU64,
    /// Whether it was said that the disk fails, so that it is said once for each time it does.
    is_failing: AtomicBool,
}

impl Slab {
    /// Opens the folder with what an earlier run left there, and begins to write what is offered. Blocks for some
    /// milliseconds for each 10 GB.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or another server uses it.
    pub(super) fn open(settings: &SlabSettings, shutdown: &Shutdown, ledger: Ledger) -> io::Result<Self> {
        let space = |file: &File| {
            let stat = rustix::fs::fstatvfs(file)?;
            Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
        };
        Self::with_space(settings, shutdown, ledger, Box::new(space))
    }

    fn with_space(settings: &SlabSettings, shutdown: &Shutdown, ledger: Ledger, space: Space) -> io::Result<Self> {
        disk::create_private_folder(&settings.folder)?;
        let index = open(&settings.folder.join("index"))?;
        index.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another server uses it; give each a CACHE_DIR of its own"),
            TryLockError::Error(error) => error,
        })?;
        let file = open(&settings.folder.join("chunks"))?;
        // Nothing gets into the kernel's memory beside what is asked for here, and compared.
        rustix::fs::fadvise(&file, 0, None, Advice::Random)?;
        let most = u32::try_from(settings.max_bytes / CHUNK_SIZE).unwrap_or(u32::MAX);
        let (index, left) = Index::open(index)?;
        let made = u32::try_from(file.metadata()?.len().div_ceil(CHUNK_SIZE)).unwrap_or(u32::MAX);
        let kept = if left.is_empty() { 0 } else { made.min(most) };
        if made > kept {
            file.set_len(u64::from(kept) * CHUNK_SIZE)?;
        }
        let inner = Arc::new(Inner {
            file,
            index: Mutex::new(index),
            slots: Mutex::new(Slots::restored(most, kept, left, ledger)),
            buffers: Buffers::new(16),
            space,
            max_bytes: u64::from(most) * CHUNK_SIZE,
            hits: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
        });
        let (offers, waiting) = mpsc::channel(BACKLOG);
        shutdown.spawn("writing to the disk cache", write_all(Arc::clone(&inner), waiting, shutdown.token()));
        Ok(Self { inner, offers })
    }

    pub(super) fn holds(&self, key: &ChunkKey) -> bool {
        self.inner.slots().holds(key)
    }

    /// Whether it is for the disk to say what becomes of a chunk that left the memory before anybody asked for it.
    pub(super) fn takes_over(&self, key: &ChunkKey) -> bool {
        self.inner.slots().takes_over(key)
    }

    /// A chunk with this hash; `None` when it is not there, or is not what it was.
    pub(super) async fn read(&self, key: ChunkKey, hash: Hash) -> Option<Bytes> {
        let inner = Arc::clone(&self.inner);
        let reading = disk::blocking(move || Ok(inner.read(key, hash)));
        reading.await.ok().flatten()
    }

    /// A chunk whose bytes are known to be right and lie in the kernel's memory: read without waiting for the disk.
    pub(super) fn read_at_hand(&self, key: &ChunkKey) -> Option<Bytes> {
        let inner = &self.inner;
        let slot = inner.slots().begin_reading(key)?;
        let read = slot
            .is_proven
            .then(|| inner.buffers.read_cached_at(&inner.file, u64::from(slot.number) * CHUNK_SIZE, slot.len as usize));
        let is_there = inner.slots().end_reading(key, slot.number);
        let bytes = read?.ok().filter(|_| is_there)?;
        inner.hits.fetch_add(1, Ordering::Relaxed);
        Some(bytes)
    }

    /// Keeps a verified chunk, some time from now, if the disk keeps up.
    pub(super) fn offer(&self, key: ChunkKey, bytes: &Bytes, standing: Standing) {
        if self.holds(&key) {
            return;
        }
        if self.offers.try_send(Offer { key, bytes: bytes.clone(), standing }).is_err() {
            self.inner.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets every chunk and gives the room back.
    ///
    /// # Errors
    /// When the file cannot be cut short; the chunks are forgotten all the same, until a restart.
    pub(super) async fn clear(&self) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        disk::blocking(move || {
            let index = inner.index();
            inner.clear(&index)?;
            inner.slots().may_grow();
            Ok(())
        })
        .await
    }

    /// Forgets every chunk of these blobs; their bytes are gone, also from the disk. What is on its way there at this
    /// moment may still be kept.
    ///
    /// # Errors
    /// When the disk fails; the chunks are forgotten all the same, until a restart.
    pub(super) async fn forget(&self, blobs: HashSet<BlobId>) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        disk::blocking(move || {
            // Nobody writes anything else there meanwhile.
            let index = inner.index();
            let gone = inner.slots().forget_blobs(&blobs);
            gone.into_iter().try_for_each(|number| inner.erase(&index, number).map(drop))
        })
        .await
    }

    pub(super) fn stats(&self) -> SlabStats {
        let slots = self.inner.slots();
        SlabStats {
            hits: self.inner.hits.load(Ordering::Relaxed),
            entries: slots.entries(),
            bytes: slots.entries() * CHUNK_SIZE,
            max_bytes: self.inner.max_bytes,
            evictions: slots.evictions,
            left_out: self.inner.left_out.load(Ordering::Relaxed),
        }
    }
}

/// Writes what is offered until the end of the program; what still waits then is left out, and what lies there is noted
/// by its rank. Room that others need is given back also while nothing is offered.
async fn write_all(inner: Arc<Inner>, mut waiting: mpsc::Receiver<Offer>, end: CancellationToken) {
    loop {
        let mut batch = Vec::new();
        let offered = timeout(LOOK_EVERY, waiting.recv_many(&mut batch, BATCH));
        match end.run_until_cancelled(offered).await {
            None | Some(Ok(0)) => break,
            Some(Ok(_) | Err(_)) => {}
        }
        let writer = Arc::clone(&inner);
        let written = disk::blocking(move || {
            let mut index = writer.index();
            writer.heed_space(&index)?;
            batch.into_iter().try_for_each(|offer| writer.write(&mut index, &offer))
        });
        inner.tell(&written.await);
    }
    let ranked = disk::blocking(move || {
        let mut index = inner.index();
        let left = inner.slots().left();
        index.note_all(&left)
    });
    if let Err(error) = ranked.await {
        tracing::warn!(%error, "the disk cache begins the next time as if nothing in it had been asked for again");
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("bookkeeping does not panic")
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("writing a record does not panic")
    }

    fn read(&self, key: ChunkKey, hash: Hash) -> Option<Bytes> {
        let slot = self.slots().begin_reading(&key)?;
        let read = self.buffers.read_at(&self.file, u64::from(slot.number) * CHUNK_SIZE, slot.len as usize);
        self.slots().end_reading(&key, slot.number);
        // It may come from the disk itself, which may not have kept what it was given.
        let right = read.ok().filter(|bytes| blake3::hash(bytes).as_bytes() == &hash.0);
        match &right {
            Some(_) => {
                self.slots().prove(&key, slot.number);
                self.hits.fetch_add(1, Ordering::Relaxed);
            }
            None => self.slots().forget(&key, slot.number),
        }
        right
    }

    /// On an error the slot is free again.
    fn write(&self, index: &mut Index, Offer { key, bytes, standing }: &Offer) -> io::Result<()> {
        let Some(number) = self.slots().take(key) else { return Ok(()) };
        let slot = Slot { number, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), is_proven: true };
        let written = disk::write_all_at(&self.file, std::slice::from_ref(bytes), u64::from(number) * CHUNK_SIZE)
            .and_then(|()| index.note(*key, slot, *standing));
        match &written {
            Ok(()) => self.slots().settle(*key, slot, *standing),
            Err(_) => self.slots().give_back(number),
        }
        written
    }

    /// Lets the file grow, or stay as it is, or gives some of it back, by what is free on the file system.
    fn heed_space(&self, index: &Index) -> io::Result<()> {
        let (free, whole) = (self.space)(&self.file)?;
        let left_free = (whole / 20).min(MOST_LEFT_FREE);
        if free < left_free {
            let slots = (left_free - free).div_ceil(CHUNK_SIZE);
            let given_up = self.slots().give_up(u32::try_from(slots).unwrap_or(u32::MAX));
            let is_given_back = given_up.into_iter().all(|number| self.erase(index, number).unwrap_or(false));
            // Where no hole can be made, the whole file goes.
            return if is_given_back { Ok(()) } else { self.clear(index) };
        }
        let mut slots = self.slots();
        if free < left_free + MARGIN {
            slots.may_not_grow();
        } else {
            slots.may_grow();
        }
        Ok(())
    }

    /// Nothing lies in this slot any more, which nobody uses. Whether it takes no room any more, either.
    fn erase(&self, index: &Index, number: u32) -> io::Result<bool> {
        index.forget(number)?;
        disk::erase(&self.file, u64::from(number) * CHUNK_SIZE, CHUNK_SIZE)
    }

    fn clear(&self, index: &Index) -> io::Result<()> {
        self.slots().clear();
        index.clear()?;
        self.file.set_len(0)
    }

    fn tell(&self, written: &io::Result<()>) {
        let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
        if let Err(error) = written
            && !was_failing
        {
            tracing::warn!(%error, "chunks are not kept in the disk cache; players are served from the store");
        }
    }
}
