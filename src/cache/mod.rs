//! Bytes close at hand: pieces of blobs as streams of verified slices.
//!
//! What is kept in memory are *chunks* (256 KiB of a blob, the unit of its hashes), in pages that the kernel sends by
//! itself, so a slice given out costs no copy and no hash. Below the memory lies the *slab* on the local disk, with what came from a store that is
//! far away. Missing chunks are brought by a *flight*: one read for everybody who asks meanwhile. Bytes still in the spool are read from there and not kept: they
//! are on a local disk already. What players will ask for next can be brought *ahead*. Nothing that failed its hash ever leaves here.

mod ahead;
mod error;
mod flight;
mod memory;
mod ranking;
mod reader;
mod slab;
#[cfg(test)]
pub(crate) mod tests;
mod worth;

pub use crate::disk::{Slice, Source};
pub use ahead::Ahead;
pub use error::CacheError;
pub use ranking::Standing;
pub use slab::{SlabSettings, SlabStats};
pub use worth::AheadStats;

use crate::disk::{self, Pages};
use crate::media::extent::{CHUNK_SIZE, Locator, PlacedPiece, StoredBlob};
use crate::media::id::BlobId;
use crate::media::range::ByteRange;
use crate::shutdown::Shutdown;
use crate::spool::Spool;
use crate::store::{BlobStore, Fault};
use bytes::Bytes;
use flight::Flight;
use futures::stream::{self, Stream, StreamExt};
use memory::{Asker, ChunkKey, Found, Gone, Memory};
use reader::Reader;
use slab::Slab;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use worth::Ledger;

/// How long a copy may take to begin, and for each of its chunks, before another one is tried.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same while another copy is left to be tried: less than players wait before they show it.
const HASTE: Duration = Duration::from_secs(2);

/// How often an asker looks again after a flight ended without a word about its chunk.
const LOOKS: u32 = 3;

/// Reports of damaged copies that may queue up; more are dropped, a scrub finds them too.
const DAMAGE_BACKLOG: usize = 256;

/// Slices of at most 256 KiB, in order, each verified; after an error nothing more comes.
pub type SegmentStream = Pin<Box<dyn Stream<Item = Result<Slice, CacheError>> + Send>>;

/// What the cache may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of chunks kept in memory. Slices a slow reader still holds come on top.
    pub memory_bytes: u64,
    /// Where chunks are kept on disk, if they are.
    pub disk: Option<SlabSettings>,
}

/// A copy that was found lost or wrong while it was read; another one was used if there was any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which blob.
    pub blob: BlobId,
    /// Which of its copies.
    pub copy: Locator,
    /// `Missing` or `Corrupt`.
    pub fault: Fault,
}

/// What happened since the start, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Chunks found in memory.
    pub hits: u64,
    /// Chunks that were not, whether they were on disk, or somebody was bringing them already, or not.
    pub misses: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// Most bytes there may be in memory.
    pub max_bytes: u64,
    /// Chunks that made room for others.
    pub evictions: u64,
    /// Fetches begun.
    pub flights: u64,
    /// Chunks in memory.
    pub entries: u64,
    /// Chunks that were brought before anybody asked.
    pub ahead: AheadStats,
    /// The same of the disk, where chunks are kept there.
    pub disk: Option<SlabStats>,
}

/// A cheap handle to the cache; clones share one memory.
#[derive(Clone)]
pub struct SegmentCache {
    inner: Arc<Inner>,
}

struct Inner {
    memory: Mutex<Memory>,
    ledger: Ledger,
    pages: Pages,
    /// Whether there is memory for a chunk.
    keeps: bool,
    slab: Option<Slab>,
    store: Arc<dyn BlobStore>,
    spool: Spool,
    shutdown: Shutdown,
    damage: mpsc::Sender<Damage>,
    patience: Duration,
    haste: Duration,
}

impl SegmentCache {
    /// A cache of what is left on its disk, and the reports of damaged copies it will make.
    ///
    /// # Errors
    /// When the folder on disk cannot be used.
    pub fn new(
        settings: Settings,
        store: Arc<dyn BlobStore>,
        spool: Spool,
        shutdown: Shutdown,
    ) -> io::Result<(Self, mpsc::Receiver<Damage>)> {
        Self::with_patience(settings, store, spool, shutdown, PATIENCE)
    }

    fn with_patience(
        settings: Settings,
        store: Arc<dyn BlobStore>,
        spool: Spool,
        shutdown: Shutdown,
        patience: Duration,
    ) -> io::Result<(Self, mpsc::Receiver<Damage>)> {
        let (damage, reports) = mpsc::channel(DAMAGE_BACKLOG);
        let ledger = Ledger::default();
        let memory = Mutex::new(Memory::new(settings.memory_bytes, ledger.clone()));
        let (keeps, haste) = (settings.memory_bytes >= CHUNK_SIZE, HASTE.min(patience));
        let slab = settings.disk.map(|disk| Slab::open(&disk, &shutdown, ledger.clone())).transpose()?;
        let pages = Pages::new();
        let inner = Inner { memory, ledger, pages, keeps, slab, store, spool, shutdown, damage, patience, haste };
        Ok((Self { inner: Arc::new(inner) }, reports))
    }

    /// The bytes `within` the concatenation of the pieces. Nothing is fetched before the first poll, and a chunk only
    /// when it is its turn (the run of missing chunks after it comes along); but what goes on in a second blob is
    /// fetched there at once.
    ///
    /// The stream ends in `Moved` when a piece left the spool: then all bytes up to it were given, and the rest can be
    /// asked for with pieces looked up anew.
    pub fn get(&self, pieces: Vec<PlacedPiece>, within: ByteRange, standing: Standing) -> SegmentStream {
        match Reader::new(Arc::clone(&self.inner), pieces, within, standing) {
            Ok(reader) => into_stream(reader),
            Err(error) => Box::pin(stream::iter([Err(error)])),
        }
    }

    /// As `get`, but the first slice is there when it returns, so that a failure can still become an honest answer.
    ///
    /// # Errors
    /// As the stream's.
    pub async fn open(
        &self,
        pieces: Vec<PlacedPiece>,
        within: ByteRange,
        standing: Standing,
    ) -> Result<SegmentStream, CacheError> {
        let mut reader = Reader::new(Arc::clone(&self.inner), pieces, within, standing)?;
        let first = reader.next().await?;
        Ok(Box::pin(stream::iter(first.map(Ok)).chain(into_stream(reader))))
    }

    /// Figures for people.
    pub fn stats(&self) -> Stats {
        let disk = self.inner.slab.as_ref().map(Slab::stats);
        let memory = self.inner.memory();
        Stats {
            hits: memory.hits,
            misses: memory.misses,
            bytes: memory.bytes(),
            max_bytes: memory.max_bytes,
            evictions: memory.evictions,
            flights: memory.flights,
            entries: memory.entries(),
            ahead: self.inner.ledger.stats(),
            disk,
        }
    }

    /// Forgets every chunk of these blobs, on disk, too: whoever knows that nobody will ask for them again.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn forget(&self, blobs: HashSet<BlobId>) -> io::Result<()> {
        let forgotten = match &self.inner.slab {
            Some(slab) => slab.forget(blobs.clone()).await,
            None => Ok(()),
        };
        // Behind the disk, whence they could come back.
        let gone = self.inner.memory().forget(&blobs);
        self.throw_away(gone).await?;
        forgotten
    }

    /// Forgets all chunks; streams that are under way fetch what they still need again.
    ///
    /// # Errors
    /// When the room on disk cannot be given back.
    pub async fn clear(&self) -> io::Result<()> {
        let gone = self.inner.memory().clear();
        self.throw_away(gone).await?;
        match &self.inner.slab {
            Some(slab) => slab.clear().await,
            None => Ok(()),
        }
    }

    /// Off the runtime, as it may be all there is.
    async fn throw_away(&self, gone: Gone) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        disk::blocking(move || {
            inner.ledger.thrown_away(inner.lost(&gone));
            drop(gone);
            Ok(())
        })
        .await
    }
}

fn into_stream(reader: Reader) -> SegmentStream {
    Box::pin(stream::try_unfold(reader, |mut reader| async {
        let slice = reader.next().await?;
        Ok(slice.map(|slice| (slice, reader)))
    }))
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("the memory's own code does not panic")
    }

    /// The first chunk of `wanted`, from memory or from a flight, which this may start for the rest of the run too.
    async fn chunk(
        inner: &Arc<Self>,
        blob: Arc<StoredBlob>,
        wanted: Range<u64>,
        standing: Standing,
        asker: Asker,
    ) -> Result<Slice, CacheError> {
        // Longer than a flight may take to try every copy for one chunk, in haste, with patience and on second thoughts.
        let tries = u32::try_from(blob.copies.len()).unwrap_or(u32::MAX).saturating_add(1);
        let deadline = inner.patience.saturating_mul(4).saturating_mul(tries);
        let id = blob.id;
        let looking = async {
            for _ in 0..LOOKS {
                if asker == Asker::Player
                    && let Some(bytes) = inner.at_hand(ChunkKey { blob: id, chunk: wanted.start }, standing)
                {
                    return Ok(bytes);
                }
                let found = inner.memory().find(id, wanted.clone(), asker, |key| inner.is_on_disk(key));
                let mut coming = match found {
                    Found::Here(bytes) => return Ok(bytes),
                    Found::Coming(coming) => coming,
                    Found::Crowded => return Err(CacheError::crowded(id)),
                    Found::ToBring { coming, run, is_near } => {
                        let flight = Flight::new(Arc::clone(inner), Arc::clone(&blob), run, standing);
                        inner.send_off(flight, is_near);
                        coming
                    }
                };
                if let Ok(outcome) = coming.wait_for(Option::is_some).await
                    && let Some(outcome) = &*outcome
                {
                    return outcome.clone();
                }
            }
            Err(CacheError::unreadable(id, Fault::Unreachable))
        };
        let late = |_| Err(CacheError::unreadable(id, Fault::Unreachable));
        timeout(deadline, looking).await.unwrap_or_else(late)
    }

    /// A chunk on the disk that is there at once, neither in memory nor on its way there. Two who ask at the same time
    /// both read it; to wait for each other would cost more.
    fn at_hand(&self, key: ChunkKey, standing: Standing) -> Option<Slice> {
        let slab = self.slab.as_ref()?;
        if self.memory().expects(&key) {
            return None;
        }
        let bytes = self.hold(slab.read_at_hand(&key)?);
        let gone = self.memory().found_on_disk(key, &bytes, standing);
        self.let_go(gone);
        Some(bytes)
    }

    /// Gives the memory back of what made room.
    fn let_go(&self, gone: Gone) {
        self.ledger.wasted(self.lost(&gone));
    }

    /// How many chunks nobody asked for before they were gone; the others still lie on the disk.
    fn lost(&self, gone: &Gone) -> u64 {
        let is_lost = |key: &&ChunkKey| !self.slab.as_ref().is_some_and(|slab| slab.takes_over(key));
        gone.unread.iter().filter(is_lost).count() as u64
    }

    /// The same bytes, where the kernel sends them from, if they are kept.
    fn hold(&self, bytes: Bytes) -> Slice {
        if self.keeps { self.pages.hold(bytes) } else { bytes.into() }
    }

    fn is_on_disk(&self, key: &ChunkKey) -> bool {
        self.slab.as_ref().is_some_and(|slab| slab.holds(key))
    }

    fn send_off(&self, flight: Flight, is_near: bool) {
        match (&self.slab, is_near) {
            (Some(slab), true) => drop(self.shutdown.spawn("read from the disk cache", flight.fly_near(slab.clone()))),
            _ => drop(self.shutdown.spawn("segment flight", flight.fly())),
        }
    }
}
