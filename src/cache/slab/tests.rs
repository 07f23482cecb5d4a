use super::*;
use crate::cache::ranking::Worth;
use crate::store::tests::pattern;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;
use tempfile::TempDir;

const CHUNK: usize = CHUNK_SIZE as usize;
const PLENTY: (u64, u64) = (1 << 40, 1 << 40);

struct Bench {
    folder: TempDir,
    shutdown: Shutdown,
    slab: Slab,
}

impl Bench {
    fn of(chunks: u64) -> Self {
        Self::opened(tempfile::tempdir().unwrap(), chunks, Box::new(|_| Ok(PLENTY)))
    }

    fn opened(folder: TempDir, chunks: u64, space: Space) -> Self {
        let shutdown = Shutdown::new();
        let settings = SlabSettings { folder: folder.path().join("cache"), max_bytes: chunks * CHUNK_SIZE };
        let slab = Slab::with_space(&settings, &shutdown, Ledger::default(), space).unwrap();
        Self { folder, shutdown, slab }
    }

    /// The same folder in the next run of the program.
    async fn restarted(self, chunks: u64) -> Self {
        let Self { folder, shutdown, slab } = self;
        drop(slab);
        assert!(shutdown.finish(Duration::from_secs(60)).await.is_empty());
        Self::opened(folder, chunks, Box::new(|_| Ok(PLENTY)))
    }

    fn file(&self) -> File {
        open(&self.folder.path().join("cache/chunks")).unwrap()
    }

    async fn keep(&self, chunk: u64, standing: Standing) {
        self.slab.offer(key(chunk), &bytes_of(chunk), standing);
        while !self.slab.holds(&key(chunk)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn fill(&self, chunks: std::ops::Range<u64>) {
        for chunk in chunks {
            self.keep(chunk, Standing::Passing).await;
        }
    }

    async fn read(&self, chunk: u64) -> Option<Bytes> {
        self.slab.read(key(chunk), hash_of(chunk)).await
    }

    fn held(&self, chunks: std::ops::Range<u64>) -> Vec<u64> {
        chunks.filter(|chunk| self.slab.holds(&key(*chunk))).collect()
    }
}

fn key(chunk: u64) -> ChunkKey {
    ChunkKey { blob: BlobId(1), chunk }
}

/// Every fourth is shorter, as the last of a blob is.
fn bytes_of(chunk: u64) -> Bytes {
    let len = if chunk % 4 == 3 { 1000 } else { CHUNK };
    let mut bytes = pattern(len);
    bytes[..8].copy_from_slice(&chunk.to_le_bytes());
    bytes.into()
}

fn hash_of(chunk: u64) -> Hash {
    Hash(*blake3::hash(&bytes_of(chunk)).as_bytes())
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_restart() {
    let bench = Bench::of(8).restarted(8).await;
    bench.fill(0..4).await;
    for _ in 0..2 {
        assert_eq!(bench.read(2).await, Some(bytes_of(2)));
    }
    let bench = bench.restarted(8).await;
    for chunk in 0..4 {
        assert_eq!(bench.read(chunk).await, Some(bytes_of(chunk)));
    }
    assert_eq!(bench.read(9).await, None);
    let stats = bench.slab.stats();
    assert_eq!((stats.hits, stats.entries, stats.max_bytes), (4, 4, 8 * CHUNK_SIZE));
}

#[tokio::test]
async fn a_chunk_that_was_half_written_when_the_program_was_killed_is_as_good_as_none() {
    let bench = Bench::of(8);
    bench.fill(0..4).await;
    let file = bench.file();
    // The record is of the chunk before.
    disk::write_all_at(&file, &[Bytes::from(vec![7; 5000])], CHUNK_SIZE).unwrap();
    let bench = bench.restarted(8).await;

    assert_eq!(bench.read(1).await, None);
    assert!(!bench.slab.holds(&key(1)));
    assert_eq!(bench.read(2).await, Some(bytes_of(2)));
    bench.keep(1, Standing::Passing).await;
    assert_eq!(bench.read(1).await, Some(bytes_of(1)));
}

#[tokio::test]
async fn what_the_disk_did_not_keep_is_as_good_as_none_however_often_it_was_right_before() {
    let bench = Bench::of(8);
    bench.fill(0..4).await;
    assert_eq!(bench.read(1).await, Some(bytes_of(1)));
    disk::write_all_at(&bench.file(), &[Bytes::from(vec![7; 5000])], CHUNK_SIZE).unwrap();
    assert_eq!(bench.read(1).await, None);
    assert!(!bench.slab.holds(&key(1)));
    assert_eq!(bench.read(2).await, Some(bytes_of(2)));
}

#[tokio::test]
async fn what_the_kernel_holds_is_read_at_once_when_it_is_known_to_be_right() {
    let bench = Bench::of(8);
    bench.fill(0..4).await;
    let bench = bench.restarted(8).await;
    assert_eq!(bench.slab.read_at_hand(&key(2)), None, "nobody compared it with its hash yet");
    bench.read(2).await.unwrap();

    // Not every file system tells what it would have to wait for.
    let is_told = Buffers::new(1).read_cached_at(&bench.file(), 0, CHUNK).is_ok();
    assert_eq!(bench.slab.read_at_hand(&key(2)), is_told.then(|| bytes_of(2)));
    assert_eq!(bench.slab.stats().hits, 1 + u64::from(is_told));
    assert_eq!(bench.slab.read_at_hand(&key(9)), None);
}

#[tokio::test]
async fn a_chunk_of_another_blob_that_had_its_number_is_not_given_out() {
    let bench = Bench::of(8);
    bench.fill(0..1).await;
    let bench = bench.restarted(8).await;
    assert_eq!(bench.slab.read(key(0), hash_of(1)).await, None);
}

#[tokio::test]
async fn a_full_file_does_not_grow_and_keeps_openings() {
    let bench = Bench::of(8);
    bench.keep(100, Standing::Opening).await;
    bench.fill(0..20).await;
    assert_eq!(bench.held(0..101), [13, 14, 15, 16, 17, 18, 19, 100]);
    assert_eq!(bench.slab.stats().evictions, 13);
    assert!(bench.file().metadata().unwrap().len() <= 8 * CHUNK_SIZE);
    for chunk in bench.held(0..101) {
        assert_eq!(bench.read(chunk).await, Some(bytes_of(chunk)));
    }
    let smaller = bench.restarted(3).await;
    assert!(smaller.file().metadata().unwrap().len() <= 3 * CHUNK_SIZE);
    for chunk in smaller.held(0..101) {
        assert_eq!(smaller.read(chunk).await, Some(bytes_of(chunk)));
    }
    assert_eq!(smaller.slab.stats().entries, 3);
}

#[tokio::test]
async fn where_the_file_system_is_short_of_room_some_is_given_back() {
    let free = Arc::new(AtomicU64::new(1 << 40));
    let shown = Arc::clone(&free);
    let enough = MOST_LEFT_FREE + CHUNK_SIZE;
    let space: Space = Box::new(move |_| {
        // What is given back once is enough.
        let seen = shown.fetch_max(enough, Ordering::SeqCst);
        Ok((seen, 40 << 30))
    });
    let bench = Bench::opened(tempfile::tempdir().unwrap(), 100, space);
    bench.fill(0..6).await;
    bench.keep(100, Standing::Opening).await;

    free.store(enough, Ordering::SeqCst);
    bench.fill(6..8).await;
    assert_eq!(bench.held(0..101), [2, 3, 4, 5, 6, 7, 100], "it stays as long as it is");

    free.store(MOST_LEFT_FREE - 3 * CHUNK_SIZE, Ordering::SeqCst);
    bench.fill(8..9).await;
    assert_eq!(bench.held(0..101), [6, 7, 8, 100], "what passes goes first, wherever it lies");
    let room = bench.file().metadata().unwrap().blocks() * 512;
    assert!(room <= 4 * CHUNK_SIZE, "{room} bytes");
    for chunk in bench.held(0..101) {
        assert_eq!(bench.read(chunk).await, Some(bytes_of(chunk)));
    }

    free.store(1 << 40, Ordering::SeqCst);
    bench.fill(10..14).await;
    assert_eq!(bench.slab.stats().entries, 8);
}

#[tokio::test]
async fn room_that_others_need_is_given_back_while_nothing_is_kept() {
    let free = Arc::new(AtomicU64::new(1 << 40));
    let shown = Arc::clone(&free);
    let space: Space = Box::new(move |_| Ok((shown.load(Ordering::SeqCst), 40 << 30)));
    let bench = Bench::opened(tempfile::tempdir().unwrap(), 100, space);
    bench.fill(0..6).await;
    free.store(0, Ordering::SeqCst);
    while bench.file().metadata().unwrap().blocks() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.slab.stats().entries, 0);
}

#[tokio::test]
async fn what_a_full_disk_does_not_take_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    disk::create_private_folder(&folder.path().join("cache")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("cache/chunks")).unwrap();
    let bench = Bench::opened(folder, 4, Box::new(|_| Ok(PLENTY)));
    for chunk in 0..20 {
        let offer = Offer { key: key(chunk), bytes: bytes_of(chunk), standing: Standing::Passing };
        let written = bench.slab.inner.write(&mut bench.slab.inner.index(), &offer);
        assert!(disk::is_full(&written.unwrap_err()), "its slot is free for the next one, too");
    }
    assert_eq!((bench.held(0..20), bench.slab.stats().entries, bench.read(0).await), (vec![], 0, None));

    // Whoever offers a chunk hears nothing of it; it is said once in the log.
    bench.slab.offer(key(0), &bytes_of(0), Standing::Passing);
    while !bench.slab.inner.is_failing.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(bench.held(0..20).is_empty());
}

#[tokio::test]
async fn an_emptied_file_takes_no_room_and_is_filled_again() {
    let bench = Bench::of(8);
    bench.fill(0..6).await;
    bench.slab.clear().await.unwrap();
    assert_eq!((bench.held(0..6), bench.file().metadata().unwrap().len()), (vec![], 0));
    bench.fill(2..4).await;
    assert_eq!(bench.read(2).await, Some(bytes_of(2)));
    let bench = bench.restarted(8).await;
    assert_eq!(bench.held(0..6), [2, 3]);
}

#[tokio::test]
async fn of_a_forgotten_blob_no_byte_is_left() {
    let bench = Bench::of(8);
    bench.fill(0..3).await;
    let other = ChunkKey { blob: BlobId(2), chunk: 0 };
    bench.slab.offer(other, &bytes_of(9), Standing::Passing);
    while !bench.slab.holds(&other) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bench.slab.forget(HashSet::from([BlobId(1)])).await.unwrap();

    assert_eq!((bench.held(0..3), bench.slab.stats().entries), (vec![], 1));
    let mut bytes = std::fs::read(bench.folder.path().join("cache/chunks")).unwrap();
    assert!(bytes.drain(..3 * CHUNK).all(|byte| byte == 0) && bytes == bytes_of(9));
    let bench = bench.restarted(8).await;
    assert_eq!((bench.held(0..3), bench.slab.stats().entries), (vec![], 1));
    bench.fill(0..3).await;
    assert_eq!(bench.read(2).await, Some(bytes_of(2)));
    assert_eq!(bench.slab.read(other, hash_of(9)).await, Some(bytes_of(9)));
}

#[tokio::test]
async fn what_was_asked_for_again_outlives_what_passes_also_after_a_restart() {
    let bench = Bench::of(8);
    bench.fill(0..8).await;
    let bench = bench.restarted(8).await;
    for chunk in [1, 4] {
        bench.read(chunk).await.unwrap();
    }
    let bench = bench.restarted(8).await;
    bench.fill(10..30).await;
    assert_eq!(bench.held(0..30), [1, 4, 24, 25, 26, 27, 28, 29]);
}

/// Bytes that this thread has read from files so far, and from pipes and sockets.
fn bytes_read() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// `make soak` says how often servers are killed, and there a start has to be quick, too.
#[tokio::test]
async fn a_start_over_ten_gigabytes_reads_nothing_but_the_index() {
    const CHUNKS: u32 = 40_960;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    disk::create_private_folder(&cache).unwrap();
    open(&cache.join("chunks")).unwrap().set_len(u64::from(CHUNKS) * CHUNK_SIZE).unwrap();
    let (mut index, _) = Index::open(open(&cache.join("index")).unwrap()).unwrap();
    let left =
        (0..CHUNKS).map(|number| (key(number.into()), Slot { number, len: 700, is_proven: false }, Worth::Passing));
    index.note_all(&left.collect::<Vec<_>>()).unwrap();
    drop(index);

    let (begun, before) = (Instant::now(), bytes_read());
    let bench = Bench::opened(folder, CHUNKS.into(), Box::new(|_| Ok(PLENTY)));
    let (took, read) = (begun.elapsed(), bytes_read() - before);

    println!("opened in {took:?}, {read} bytes read");
    assert_eq!(bench.slab.stats().entries, u64::from(CHUNKS));
    assert!(read < 2 << 20, "{read} bytes");
    if std::env::var_os("TELECINE_SOAK_SEEDS").is_some() {
        assert!(took < Duration::from_millis(200), "{took:?}");
    }
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let bench = Bench::of(1);
    let settings = SlabSettings { folder: bench.folder.path().join("cache"), max_bytes: CHUNK_SIZE };
    let refused = Slab::open(&settings, &Shutdown::new(), Ledger::default()).err().unwrap();
    assert!(refused.to_string().contains("CACHE_DIR"), "{refused}");
}
