mod ahead;
mod copies;
pub(crate) mod watched;

use super::*;

use crate::media::extent::{CHUNK_SIZE, Piece, Place};
use crate::spool::Settings as SpoolSettings;
use crate::store::tests::{pattern, stored, ticket_for};
use crate::store::{LocalSettings, LocalStore};
use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use watched::Watched;

const CHUNK: usize = CHUNK_SIZE as usize;
const EVERYTHING: u64 = 64 * 1024 * 1024;

struct Bench {
    folder: TempDir,
    store: Arc<Watched>,
    spool: Spool,
    cache: SegmentCache,
    damage: mpsc::Receiver<Damage>,
}

impl Bench {
    async fn of(memory_bytes: u64) -> Self {
        Self::patient(memory_bytes, PATIENCE).await
    }

    async fn patient(memory_bytes: u64, patience: Duration) -> Self {
        Self::over(tempfile::tempdir().unwrap(), Settings { memory_bytes, disk: None }, patience).await
    }

    /// With so many chunks on a disk below.
    async fn with_disk(memory_bytes: u64, chunks: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = SlabSettings { folder: folder.path().join("cache"), max_bytes: chunks * CHUNK_SIZE };
        Self::over(folder, Settings { memory_bytes, disk: Some(disk) }, PATIENCE).await
    }

    async fn over(folder: TempDir, kept: Settings, patience: Duration) -> Self {
        let local = LocalStore::open(LocalSettings { root: folder.path().join("store") }).await.unwrap();
        let settings = SpoolSettings { root: folder.path().join("spool"), max_bytes: EVERYTHING };
        let spool = Spool::open(settings).await.unwrap();
        let store = Arc::new(Watched::over(local));
        let (cache, damage) = SegmentCache::with_patience(
            kept,
            Arc::clone(&store) as Arc<dyn BlobStore>,
            spool.clone(),
            Shutdown::new(),
            patience,
        )
        .unwrap();
        Self { folder, store, spool, cache, damage }
    }

    fn reads(&self) -> u64 {
        self.store.reads.load(Ordering::SeqCst)
    }

    /// One copy on the store, with the byte at each of `flipped` wrong.
    async fn copy_of(&self, bytes: &[u8], flipped: &[usize]) -> Locator {
        let mut bytes = bytes.to_vec();
        flipped.iter().for_each(|at| bytes[*at] ^= 1);
        let (ticket, file) = ticket_for(self.folder.path(), &bytes, &self.store.channels()[0]);
        self.store.put(&ticket, &file).await.unwrap()
    }

    async fn blob(&self, id: i64, bytes: &[u8]) -> PlacedPiece {
        let copy = self.copy_of(bytes, &[]).await;
        whole(id, bytes, vec![copy])
    }

    async fn read(&self, pieces: Vec<PlacedPiece>, start: usize, len: usize) -> Result<Vec<u8>, CacheError> {
        let slices: Vec<Slice> = self.cache.get(pieces, range(start, len), Standing::Passing).try_collect().await?;
        assert!(slices.iter().all(|slice| slice.len() <= CHUNK));
        Ok(joined(&slices))
    }
}

fn joined(slices: &[Slice]) -> Vec<u8> {
    slices.iter().map(|slice| slice.to_bytes().unwrap()).collect::<Vec<Bytes>>().concat()
}

fn range(start: usize, len: usize) -> ByteRange {
    ByteRange::at(start as u64, len as u64).unwrap()
}

fn whole(id: i64, bytes: &[u8], copies: Vec<Locator>) -> PlacedPiece {
    let blob = stored(BlobId(id), bytes, copies);
    let piece = Piece { blob: blob.id, range: range(0, bytes.len()) };
    PlacedPiece { piece, place: Place::Store(Arc::new(blob)) }
}

fn spooled(id: i64, start: usize, len: usize) -> PlacedPiece {
    PlacedPiece { piece: Piece { blob: BlobId(id), range: range(start, len) }, place: Place::Spool }
}

async fn eventually(fact: impl Fn() -> bool) {
    let wait = async {
        while !fact() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("it never became true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_askers_cost_one_read() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK + 5);
    let piece = bench.blob(1, &bytes).await;
    let askers = (0..500).map(|_| bench.read(vec![piece.clone()], 0, bytes.len()));

    let answers = futures::future::join_all(askers).await;

    assert!(answers.into_iter().all(|answer| answer.as_deref() == Ok(&bytes[..])));
    assert_eq!((bench.reads(), bench.cache.stats().flights), (1, 1));
}

#[tokio::test]
async fn a_second_reader_is_served_from_memory_without_copying() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    let first: Vec<Slice> =
        bench.cache.get(vec![piece.clone()], range(0, bytes.len()), Standing::Passing).try_collect().await.unwrap();
    let mut second = bench.cache.get(vec![piece], range(10, 100), Standing::Passing);

    let slice = second.next().now_or_never().expect("it does not wait").unwrap().unwrap();

    let place = |slice: &Slice| match slice.source() {
        Source::File(_, at) => at,
        Source::Memory(_) => panic!("it lies in pages that the kernel sends"),
    };
    assert_eq!(place(&slice), place(&first[0]) + 10);
    assert_eq!(slice.to_bytes().unwrap(), bytes[10..110]);
    assert_eq!(bench.reads(), 1);
    let stats = bench.cache.stats();
    assert_eq!((stats.entries, stats.bytes, stats.hits + stats.misses), (2, 2 * CHUNK_SIZE, 3));
}

#[tokio::test]
async fn every_range_is_exact_also_over_two_pieces() {
    let bench = Bench::of(EVERYTHING).await;
    let (left, right) = (pattern(2 * CHUNK + 7), pattern(CHUNK + 3));
    let mut pieces = vec![bench.blob(1, &left).await, bench.blob(2, &right).await];
    pieces[0].piece.range = range(5, left.len() - 10);
    let all = [&left[5..left.len() - 5], &right[..]].concat();
    let seam = left.len() - 10;
    assert_eq!(bench.read(pieces.clone(), seam - 1, 2).await.unwrap(), all[seam - 1..][..2]);
    assert_eq!((bench.cache.stats().hits, bench.cache.stats().misses), (0, 2), "each is asked for once");
    for (start, len) in
        [(0, all.len()), (seam - 1, 2), (seam, 1), (seam - 1, 1), (CHUNK - 5, 1), (CHUNK - 6, 2), (all.len() - 1, 1)]
    {
        assert_eq!(bench.read(pieces.clone(), start, len).await.unwrap(), all[start..start + len], "{len} at {start}");
    }
    let beyond = bench.read(pieces, 1, all.len()).await;
    assert_eq!(beyond, Err(CacheError::BeyondEnd { len: all.len() as u64 }));
}

#[tokio::test]
async fn only_the_chunks_a_range_needs_are_fetched() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    bench.read(vec![piece.clone()], CHUNK + 1, CHUNK).await.unwrap();
    assert_eq!(bench.cache.stats().entries, 2);
    bench.read(vec![piece], 0, bytes.len()).await.unwrap();
    assert_eq!((bench.cache.stats().entries, bench.reads()), (4, 3));
}

#[tokio::test]
async fn an_asker_that_leaves_cancels_nobodys_flight() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(3 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    let closed = bench.store.gate.acquire_many(1000).await.unwrap();
    let mut leaver = bench.cache.get(vec![piece.clone()], range(0, bytes.len()), Standing::Passing);
    assert!(leaver.next().now_or_never().is_none());
    drop(leaver);
    drop(closed);

    eventually(|| bench.cache.stats().entries == 3).await;
    assert_eq!(bench.read(vec![piece], 0, bytes.len()).await.unwrap(), bytes);
    assert_eq!(bench.reads(), 1);
}

#[tokio::test]
async fn what_would_be_one_flight_too_many_is_told_to_come_back_and_flies_then() {
    let bench = Bench::of(EVERYTHING).await;
    bench.cache.inner.memory().most_flights = 1;
    let (first, second) = (bench.blob(1, &pattern(CHUNK)).await, bench.blob(2, &pattern(2 * CHUNK)).await);
    let held = bench.store.gate.acquire_many(1000).await.unwrap();
    assert!(bench.read(vec![first.clone()], 0, CHUNK).now_or_never().is_none());
    let refused = bench.read(vec![second.clone()], 0, CHUNK).await.unwrap_err();
    let busy =
        CacheError::Unreadable { blob: BlobId(2), fault: Fault::Throttled, retry_after: Some(Duration::from_secs(2)) };
    assert_eq!(refused, busy);
    drop(held);
    assert_eq!(bench.read(vec![first], 0, CHUNK).await.unwrap(), pattern(CHUNK));
    eventually(|| bench.cache.inner.memory().flying == 0).await;
    assert_eq!(bench.read(vec![second], 0, 2 * CHUNK).await.unwrap(), pattern(2 * CHUNK));
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_poll() {
    let bench = Bench::of(EVERYTHING).await;
    let piece = bench.blob(1, &pattern(10)).await;
    drop(bench.cache.get(vec![piece], range(0, 10), Standing::Passing));
    assert_eq!((bench.reads(), bench.cache.stats().flights), (0, 0));
}

#[tokio::test]
async fn memory_is_bounded_by_bytes_and_the_oldest_goes_first() {
    let bench = Bench::of(2 * CHUNK_SIZE + 10).await;
    let large = bench.blob(1, &pattern(2 * CHUNK)).await;
    let small = bench.blob(2, &pattern(20)).await;
    bench.read(vec![large.clone()], 0, 2 * CHUNK).await.unwrap();
    bench.read(vec![large.clone()], 0, 1).await.unwrap();
    bench.read(vec![small], 0, 20).await.unwrap();
    let stats = bench.cache.stats();
    assert_eq!((stats.bytes, stats.evictions, stats.entries), (CHUNK_SIZE + 20, 1, 2));
    let reads = bench.reads();
    bench.read(vec![large], 0, 1).await.unwrap();
    assert_eq!(bench.reads(), reads, "the chunk used last stayed");
    bench.cache.clear().await.unwrap();
    assert_eq!((bench.cache.stats().bytes, bench.cache.stats().entries), (0, 0));
}

#[tokio::test]
async fn a_cache_without_memory_still_serves() {
    let bench = Bench::of(0).await;
    let bytes = pattern(2 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    assert_eq!(bench.read(vec![piece], 0, bytes.len()).await.unwrap(), bytes);
    assert_eq!(bench.cache.stats().bytes, 0);
}

#[tokio::test]
async fn what_is_in_the_spool_is_read_there_and_not_kept() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK);
    bench.spool.finish_file(BlobId(9), bytes.clone().into()).await.unwrap();
    let pieces = vec![spooled(9, 100, CHUNK), bench.blob(1, &bytes).await];
    let expected = [&bytes[150..100 + CHUNK], &bytes[..50]].concat();
    assert_eq!(bench.read(pieces, 50, CHUNK).await.unwrap(), expected);
    assert_eq!(bench.cache.stats().entries, 1);
}

#[tokio::test]
async fn what_left_the_spool_has_moved() {
    let bench = Bench::of(EVERYTHING).await;
    let moved = Err(CacheError::Moved { blob: BlobId(9) });
    assert_eq!(bench.read(vec![spooled(9, 0, 10)], 0, 10).await, moved);
    let opened = bench.cache.open(vec![spooled(9, 0, 10)], range(0, 10), Standing::Passing).await;
    assert_eq!(opened.err(), Some(CacheError::Moved { blob: BlobId(9) }));
}

#[tokio::test]
async fn an_opened_stream_begins_with_what_was_fetched_first() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK + 1);
    let piece = bench.blob(1, &bytes).await;
    let stream = bench.cache.open(vec![piece], range(3, bytes.len() - 3), Standing::Passing).await.unwrap();
    let slices: Vec<Slice> = stream.try_collect().await.unwrap();
    assert_eq!(joined(&slices), bytes[3..]);
}

#[test]
fn what_makes_room_before_anybody_asked_is_brought_seldom() {
    let (ledger, blob) = (Ledger::default(), BlobId(1));
    let mut memory = Memory::new(4 * CHUNK_SIZE, ledger.clone());
    let slice = Slice::from(Bytes::from(vec![0; CHUNK]));
    for chunk in 0..300 {
        assert!(matches!(memory.find(blob, chunk..chunk + 1, Asker::Ahead, |_| false), Found::ToBring { .. }));
        let gone = memory.publish(ChunkKey { blob, chunk }, &slice, Standing::Passing);
        ledger.wasted(gone.unread.len() as u64);
    }
    assert_eq!((ledger.stats().wasted, memory.unread), (296, 4));
    let tries = || (0..16).filter(|_| ledger.try_again()).count();
    assert_eq!(tries(), 1);
    assert!(matches!(memory.find(blob, 299..300, Asker::Player, |_| false), Found::Here(_)));
    assert_eq!(tries(), 16);
}

#[tokio::test]
async fn chunks_come_out_as_they_arrive_and_who_stops_reading_holds_nobody_up() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    let permits = Arc::new(Semaphore::new(0));
    *bench.store.permits.lock().unwrap() = Some(Arc::clone(&permits));
    let reading =
        |from: usize| bench.cache.get(vec![piece.clone()], range(from, bytes.len() - from), Standing::Passing);
    let (mut stopped, mut on) = (reading(0), reading(0));
    assert!(stopped.next().now_or_never().is_none() && on.next().now_or_never().is_none());
    permits.add_permits(1);
    for reader in [&mut stopped, &mut on] {
        assert_eq!(reader.next().await.unwrap().unwrap().to_bytes().unwrap(), bytes[..CHUNK]);
    }
    assert!(on.next().now_or_never().is_none(), "the second chunk is not there yet");

    let mut late = reading(3 * CHUNK);
    assert!(late.next().now_or_never().is_none());
    permits.add_permits(3);
    assert_eq!(joined(&on.try_collect::<Vec<_>>().await.unwrap()), bytes[CHUNK..]);
    assert_eq!(joined(&late.try_collect::<Vec<_>>().await.unwrap()), bytes[3 * CHUNK..]);
    assert_eq!(joined(&stopped.try_collect::<Vec<_>>().await.unwrap()), bytes[CHUNK..]);
    assert_eq!(bench.reads(), 1);
}
