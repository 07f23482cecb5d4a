//! Verified chunks in memory, weighed by their bytes; and who waits for which chunk.

use super::error::CacheError;
use super::ranking::{Ranking, Standing};
use crate::media::id::BlobId;
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use tokio::sync::watch;

/// One chunk of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChunkKey {
    pub(super) blob: BlobId,
    pub(super) chunk: u64,
}

/// What came of a chunk; `None` while it is on its way.
pub(super) type Outcome = Option<Result<Bytes, CacheError>>;

/// Where a chunk is found.
pub(super) enum Found {
    /// In memory.
    Here(Bytes),
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
    chunks: Ranking<ChunkKey, Bytes>,
    coming: HashMap<ChunkKey, watch::Sender<Outcome>>,
    pub(super) max_bytes: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) evictions: u64,
    pub(super) flights: u64,
}

impl Memory {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            chunks: Ranking::new(max_bytes),
            coming: HashMap::new(),
            max_bytes,
            hits: 0,
            misses: 0,
            evictions: 0,
            flights: 0,
        }
    }

    /// Looks for the first chunk of `wanted` (not empty), and when nobody brings it, registers the run of missing
    /// chunks from there that are all on the disk, or all not.
    pub(super) fn find(&mut self, blob: BlobId, wanted: Range<u64>, is_on_disk: impl Fn(&ChunkKey) -> bool) -> Found {
        let key = |chunk| ChunkKey { blob, chunk };
        let first = key(wanted.start);
        if let Some(bytes) = self.chunks.get(&first) {
            self.hits += 1;
            return Found::Here(bytes.clone());
        }
        self.misses += 1;
        if let Some(coming) = self.coming.get(&first) {
            return Found::Coming(coming.subscribe());
        }
        self.flights += 1;
        let (sender, receiver) = watch::channel(None);
        self.coming.insert(first, sender);
        let (mut end, is_near) = (wanted.start + 1, is_on_disk(&first));
        let is_alike = |next: &ChunkKey| is_on_disk(next) == is_near;
        while end < wanted.end
            && !self.chunks.contains(&key(end))
            && !self.coming.contains_key(&key(end))
            && is_alike(&key(end))
        {
            self.coming.insert(key(end), watch::channel(None).0);
            end += 1;
        }
        Found::ToBring { coming: receiver, run: wanted.start..end, is_near }
    }

    /// Keeps a verified chunk and gives it to everybody who waits for it.
    pub(super) fn publish(&mut self, key: ChunkKey, bytes: &Bytes, standing: Standing) {
        let gone = self.chunks.insert(key, bytes.clone(), bytes.len() as u64, standing);
        self.evictions += gone.iter().filter(|(evicted, _)| *evicted != key).count() as u64;
        if let Some(waiting) = self.coming.remove(&key) {
            waiting.send_replace(Some(Ok(bytes.clone())));
        }
    }

    /// Keeps a verified chunk that came along unasked.
    pub(super) fn keep(&mut self, key: ChunkKey, bytes: &Bytes, standing: Standing) {
        if !self.chunks.contains(&key) {
            self.publish(key, bytes, standing);
        }
    }

    /// Tells everybody who waits for the chunk that it will not come.
    pub(super) fn fail(&mut self, key: ChunkKey, error: CacheError) {
        if let Some(waiting) = self.coming.remove(&key) {
            waiting.send_replace(Some(Err(error)));
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

    /// Forgets all chunks; those on their way still arrive.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }
}
