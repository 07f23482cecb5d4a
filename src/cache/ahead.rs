//! Chunks that are brought before anybody asks, by whoever has nothing else to do.

use super::error::CacheError;
use super::memory::{Asker, ChunkKey};
use super::{Inner, SegmentCache, Standing};
use crate::media::extent::{CHUNK_SIZE, Place, PlacedPiece, StoredBlob};
use std::ops::Range;
use std::sync::Arc;

/// The share of the memory that may hold what nobody asked for yet: one in so many.
const SHARE: u64 = 4;

/// What came of bringing pieces ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// They were near already.
    Near,
    /// They are near now.
    Brought,
    /// Not all of them are, as everybody who could bring the rest has something else to do.
    Busy,
    /// Not all of them are, as too much lies in memory already that nobody asked for yet, or the last ones went before
    /// anybody did.
    Full,
}

impl SegmentCache {
    /// Whether pieces lie in a store that is far away, however much of them is near now.
    pub fn is_remote(&self, pieces: &[PlacedPiece]) -> bool {
        self.inner.remote(pieces).next().is_some()
    }

    /// Brings what is neither in memory nor on the disk into memory, unless that would be in anybody's way.
    ///
    /// # Errors
    /// As for a player who asks.
    pub async fn bring(&self, pieces: &[PlacedPiece], standing: Standing) -> Result<Ahead, CacheError> {
        let inner = &self.inner;
        let mut done = Ahead::Near;
        for (blob, run) in inner.remote(pieces) {
            let mut chunk = run.start;
            while let Some(missing) = inner.missing(blob, chunk..run.end) {
                if inner.is_full_of_ahead() {
                    return Ok(Ahead::Full);
                }
                let Some(blob) = inner.idle_first(blob) else { return Ok(Ahead::Busy) };
                if !inner.ledger.try_again() {
                    return Ok(Ahead::Full);
                }
                for next in missing.clone() {
                    let run = next..missing.end;
                    Inner::chunk(inner, Arc::clone(&blob), run, standing, Asker::Ahead).await?;
                }
                (chunk, done) = (missing.end, Ahead::Brought);
            }
        }
        Ok(done)
    }
}

impl Inner {
    /// The stored blobs of pieces that lie far away, with the chunks that the pieces touch.
    fn remote<'a>(&'a self, pieces: &'a [PlacedPiece]) -> impl Iterator<Item = (&'a Arc<StoredBlob>, Range<u64>)> {
        pieces.iter().filter_map(|PlacedPiece { piece, place }| {
            let Place::Store(blob) = place else { return None };
            let is_far = !blob.copies.iter().any(|copy| self.store.is_near(copy));
            let chunks = piece.range.start() / CHUNK_SIZE..piece.range.end().div_ceil(CHUNK_SIZE);
            is_far.then_some((blob, chunks))
        })
    }

    fn is_full_of_ahead(&self) -> bool {
        let memory = self.memory();
        memory.unread * CHUNK_SIZE >= memory.max_bytes / SHARE
    }

    /// The first run of chunks that are neither in memory nor on the disk.
    fn missing(&self, blob: &StoredBlob, within: Range<u64>) -> Option<Range<u64>> {
        let memory = self.memory();
        let is_here = |chunk: &u64| {
            let key = ChunkKey { blob: blob.id, chunk: *chunk };
            memory.holds(&key) || self.is_on_disk(&key)
        };
        let start = within.clone().find(|chunk| !is_here(chunk))?;
        let end = (start..within.end).find(is_here).unwrap_or(within.end);
        Some(start..end)
    }

    /// The blob with its copies in such an order that one is asked first which has nothing else to do; `None` when
    /// there is none.
    fn idle_first(&self, blob: &Arc<StoredBlob>) -> Option<Arc<StoredBlob>> {
        let idle = blob.copies.iter().position(|copy| self.store.is_idle(copy))?;
        let mut blob = StoredBlob::clone(blob);
        blob.copies.rotate_left(idle);
        Some(Arc::new(blob))
    }
}
