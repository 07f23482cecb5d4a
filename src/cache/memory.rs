//! Verified chunks in memory, weighed by their bytes; and who waits for which chunk.

use super::error::CacheError;
use super::ranking::{ONE_VIEWING, Ranking, Standing};
use super::worth::Ledger;
use crate::disk::Slice;
use crate::media::id::BlobId;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::time::Instant;
use tokio::sync::watch;

/// One chunk of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChunkKey {
    pub(super) blob: BlobId,
    pub(super) chunk: u64,
}

/// What came of a chunk; `None` while it is on its way.
pub(super) type Outcome = Option<Result<Slice, CacheError>>;

/// For whom a chunk is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody who waits for it.
    Player,
    /// Nobody yet.
    Ahead,
}

struct Kept {
    bytes: Slice,
    /// Whether it was brought ahead and nobody asked for it yet.
    is_ahead: bool,
    /// When a player asked for it first.
    asked: Option<Instant>,
}

/// Chunks that made room. To give their memory back takes a while, and nobody is to wait for that: it is done when this is
/// dropped, which must be behind the lock.
#[must_use = "it is let go behind the lock"]
pub(super) struct Gone {
    #[expect(dead_code, reason = "it is only kept until it is dropped")]
    kept: Vec<Kept>,
    /// Those of them that were brought ahead, and nobody asked for them yet.
    pub(super) unread: Vec<ChunkKey>,
}

/// A chunk on its way.
struct Coming {
    sender: watch::Sender<Outcome>,
    /// Who made it come.
    begun: Asker,
    /// Whether a player waits for it.
    is_awaited: bool,
}

impl Coming {
    fn to(asker: Asker) -> Self {
        Self { sender: watch::channel(None).0, begun: asker, is_awaited: false }
    }

    fn subscribe(&mut self, asker: Asker) -> watch::Receiver<Outcome> {
        self.is_awaited |= asker == Asker::Player;
        self.sender.subscribe()
    }
}

/// Most flights at the same time. They outlive who began them, so that nothing else bounds them; one that waits for its
/// turn at the store is some kilobytes.
const MOST_FLIGHTS: usize = 4096;

/// Where a chunk is found.
pub(super) enum Found {
    /// Nowhere near, and too much is being brought already.
    Crowded,
    /// In memory.
    Here(Slice),
    /// On its way already.
    Coming(watch::Receiver<Outcome>),
    /// On its way from now on: whoever asked has to bring these chunks.
    ToBring {
        coming: watch::Receiver<Outcome>,
        run: Range<u64>,
        /// Whether all of them are on the disk; else none is.
        is_near: bool,
    },
}

/// Behind one lock; no operation waits. Several but the bringing ones are O(1).
pub(super) struct Memory {
    chunks: Ranking<ChunkKey, Kept>,
    coming: HashMap<ChunkKey, Coming>,
    pub(super) max_bytes: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) evictions: u64,
    pub(super) flights: u64,
    pub(super) ledger: Ledger,
    /// Chunks here that were brought ahead, and nobody asked for them yet.
    pub(super) unread: u64,
    /// Flights under way, and how many there may be.
    pub(super) flying: usize,
    pub(super) most_flights: usize,
}

impl Memory {
    pub(super) fn new(max_bytes: u64, ledger: Ledger) -> Self {
        Self {
            chunks: Ranking::new(max_bytes),
            coming: HashMap::new(),
            max_bytes,
            hits: 0,
            misses: 0,
            evictions: 0,
            flights: 0,
            ledger,
            unread: 0,
            flying: 0,
            most_flights: MOST_FLIGHTS,
        }
    }

    /// Looks for the first chunk of `wanted` (not empty), and when nobody brings it, registers the run of missing
    /// chunks from there that are all on the disk, or all not; they have to be flown. Only what players ask for counts as hit or miss.
    pub(super) fn find(
        &mut self,
        blob: BlobId,
        wanted: Range<u64>,
        asker: Asker,
        is_on_disk: impl Fn(&ChunkKey) -> bool,
    ) -> Found {
        let key = |chunk| ChunkKey { blob, chunk };
        let first = key(wanted.start);
        let is_player = asker == Asker::Player;
        if let Some(bytes) = self.get(&first, asker) {
            self.hits += u64::from(is_player);
            return Found::Here(bytes);
        }
        self.misses += u64::from(is_player);
        if let Some(coming) = self.coming.get_mut(&first) {
            return Found::Coming(coming.subscribe(asker));
        }
        if self.flying >= self.most_flights {
            return Found::Crowded;
        }
        self.flights += 1;
        self.flying += 1;
        let coming = self.coming.entry(first).or_insert(Coming::to(asker)).subscribe(asker);
        let (mut end, is_near) = (wanted.start + 1, is_on_disk(&first));
        let is_alike = |next: &ChunkKey| is_on_disk(next) == is_near;
        while end < wanted.end
            && !self.chunks.contains(&key(end))
            && !self.coming.contains_key(&key(end))
            && is_alike(&key(end))
        {
            self.coming.insert(key(end), Coming::to(asker));
            end += 1;
        }
        Found::ToBring { coming, run: wanted.start..end, is_near }
    }

    /// Registers those of a blob's first so many chunks that are neither here nor on their way: they come along with a
    /// flight that brings others, and whoever asks for one waits for that.
    pub(super) fn expect(&mut self, blob: BlobId, chunks: u64) -> BTreeSet<u64> {
        let key = |chunk| ChunkKey { blob, chunk };
        let unknown: BTreeSet<u64> = (0..chunks).filter(|chunk| !self.expects(&key(*chunk))).collect();
        self.coming.extend(unknown.iter().map(|chunk| (key(*chunk), Coming::to(Asker::Player))));
        unknown
    }

    /// What was brought ahead is worth no more than anything else when it is asked for first, nor is what somebody asks
    /// for again at once: segments share chunks, and who runs through a film asks for those of sound three times.
    fn get(&mut self, key: &ChunkKey, asker: Asker) -> Option<Slice> {
        let kept = self.chunks.peek_mut(key)?;
        if asker != Asker::Player {
            return Some(kept.bytes.clone());
        }
        if std::mem::take(&mut kept.is_ahead) {
            self.unread -= 1;
            self.ledger.useful();
        }
        let is_same_viewing = kept.asked.get_or_insert_with(Instant::now).elapsed() < ONE_VIEWING;
        let kept = if is_same_viewing { self.chunks.touch(key) } else { self.chunks.get(key) };
        kept.map(|kept| kept.bytes.clone())
    }

    /// Keeps a chunk that a player found on the disk, and gives it to whoever waits for it.
    pub(super) fn found_on_disk(&mut self, key: ChunkKey, bytes: &Slice, standing: Standing) -> Gone {
        self.misses += 1;
        let gone = self.keep(key, bytes, standing);
        if let Some(kept) = self.chunks.peek_mut(&key) {
            kept.asked.get_or_insert_with(Instant::now);
        }
        gone
    }

    /// Whether a chunk is there, or on its way, without a trace.
    pub(super) fn expects(&self, key: &ChunkKey) -> bool {
        self.chunks.contains(key) || self.coming.contains_key(key)
    }

    /// Whether a chunk is there, without a trace.
    pub(super) fn holds(&self, key: &ChunkKey) -> bool {
        self.chunks.contains(key)
    }

    /// Keeps a verified chunk and gives it to everybody who waits for it.
    pub(super) fn publish(&mut self, key: ChunkKey, bytes: &Slice, standing: Standing) -> Gone {
        let coming = self.coming.remove(&key);
        let was_ahead = coming.as_ref().is_some_and(|coming| coming.begun == Asker::Ahead);
        let is_ahead = was_ahead && coming.as_ref().is_some_and(|coming| !coming.is_awaited);
        if was_ahead {
            self.ledger.brought();
            if !is_ahead {
                self.ledger.useful();
            }
        }
        let is_awaited = coming.as_ref().is_some_and(|coming| coming.is_awaited);
        let kept = Kept { bytes: bytes.clone(), is_ahead, asked: is_awaited.then(Instant::now) };
        self.unread += u64::from(is_ahead);
        let gone = self.chunks.insert(key, kept, bytes.len() as u64, standing);
        self.evictions += gone.iter().filter(|(evicted, _)| *evicted != key).count() as u64;
        if let Some(coming) = coming {
            coming.sender.send_replace(Some(Ok(bytes.clone())));
        }
        self.gone(gone)
    }

    /// Keeps a verified chunk that came along unasked.
    pub(super) fn keep(&mut self, key: ChunkKey, bytes: &Slice, standing: Standing) -> Gone {
        if self.chunks.contains(&key) { self.gone(Vec::new()) } else { self.publish(key, bytes, standing) }
    }

    /// Tells everybody who waits for the chunk that it will not come.
    pub(super) fn fail(&mut self, key: ChunkKey, error: CacheError) {
        if let Some(coming) = self.coming.remove(&key) {
            coming.sender.send_replace(Some(Err(error)));
        }
    }

    /// Nobody brings the chunk any more; whoever waits for it will look again.
    pub(super) fn abandon(&mut self, key: ChunkKey) {
        self.coming.remove(&key);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.chunks.weight()
    }

    pub(super) fn entries(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// Forgets every chunk of these blobs; those on their way still arrive.
    pub(super) fn forget(&mut self, blobs: &HashSet<BlobId>) -> Gone {
        let gone = self.chunks.retain(|key, _| !blobs.contains(&key.blob));
        self.gone(gone)
    }

    /// Forgets all chunks; those on their way still arrive.
    pub(super) fn clear(&mut self) -> Gone {
        let gone = self.chunks.retain(|_, _| false);
        self.gone(gone)
    }

    fn gone(&mut self, gone: Vec<(ChunkKey, Kept)>) -> Gone {
        let unread: Vec<ChunkKey> = gone.iter().filter(|(_, kept)| kept.is_ahead).map(|(key, _)| *key).collect();
        self.unread -= unread.len() as u64;
        Gone { kept: gone.into_iter().map(|(_, kept)| kept).collect(), unread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;

    fn key(blob: i64, chunk: u64) -> ChunkKey {
        ChunkKey { blob: BlobId(blob), chunk }
    }

    fn bring(memory: &mut Memory, key: ChunkKey) {
        drop(memory.publish(key, &Slice::from(Bytes::from_static(&[0; 100])), Standing::Passing));
    }

    /// As if it had been asked for first so long ago.
    fn age(memory: &mut Memory, key: &ChunkKey, by: Duration) {
        let kept = memory.chunks.peek_mut(key).unwrap();
        kept.asked = kept.asked.map(|asked| asked.checked_sub(by).expect("the machine has run for longer"));
    }

    #[test]
    fn what_was_found_on_the_disk_was_asked_for_once_already() {
        let mut memory = Memory::new(200, Ledger::default());
        let slice = Slice::from(Bytes::from_static(&[0; 100]));
        drop(memory.found_on_disk(key(1, 0), &slice, Standing::Passing));
        age(&mut memory, &key(1, 0), ONE_VIEWING);
        assert!(memory.get(&key(1, 0), Asker::Player).is_some());
        (0..3).for_each(|chunk| bring(&mut memory, key(2, chunk)));
        assert!(memory.holds(&key(1, 0)));
    }

    #[test]
    fn one_viewer_who_comes_back_to_each_chunk_pushes_out_nothing_that_others_came_back_to() {
        let mut memory = Memory::new(800, Ledger::default());
        bring(&mut memory, key(1, 0));
        assert!(memory.get(&key(1, 0), Asker::Player).is_some());
        age(&mut memory, &key(1, 0), ONE_VIEWING);
        assert!(memory.get(&key(1, 0), Asker::Player).is_some());
        for chunk in 0..20 {
            bring(&mut memory, key(2, chunk));
            for _ in 0..3 {
                assert!(memory.get(&key(2, chunk), Asker::Player).is_some());
                age(&mut memory, &key(2, chunk), ONE_VIEWING / 4);
            }
        }
        assert!(memory.holds(&key(1, 0)) && !memory.holds(&key(2, 0)));
    }
}
