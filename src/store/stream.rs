//! Bytes on their way out of a store, and the gate that lets only verified ones through.

use super::error::{Fault, StoreError};
use super::{BlobStore, Purpose};
use crate::media::extent::{CHUNK_SIZE, Hash, Locator, StoredBlob};
use crate::media::range::ByteRange;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// Exactly the bytes asked for, in slices of any size, or it ends in an error.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// Bytes of a copy on their way.
pub struct Reading {
    /// The bytes of the range; of the whole copy where `is_whole`.
    pub bytes: ByteStream,
    /// Whether the store gives all bytes of the copy whatever was asked for: what was not asked for is worth keeping.
    pub is_whole: bool,
}

impl Reading {
    /// Exactly the range that was asked for.
    pub fn of_range(bytes: ByteStream) -> Self {
        Self { bytes, is_whole: false }
    }
}

/// Reads one copy chunk by chunk; a chunk comes out only when its hash fits. The way in for every
/// byte that is served, and the read-back that makes a copy *verified*. Of what comes along unasked, damaged
/// chunks are left out.
pub struct VerifiedChunks {
    stream: ByteStream,
    arrived: BytesMut,
    hashes: Arc<[Hash]>,
    len: u64,
    asked: Range<u64>,
    run: Range<u64>,
}

/// Begins to read chunks `run` of `blob` from `copy`; from a store that only gives whole copies, all of them.
///
/// # Errors
/// As `BlobStore::read`; `Corrupt` when the blob's own record does not have these chunks.
pub async fn read_verified(
    store: &dyn BlobStore,
    copy: &Locator,
    blob: &StoredBlob,
    run: Range<u64>,
    purpose: Purpose,
) -> Result<VerifiedChunks, StoreError> {
    let end = run.end.saturating_mul(CHUNK_SIZE).min(blob.len);
    let range = ByteRange::within(blob.len, run.start.saturating_mul(CHUNK_SIZE), end)
        .filter(|_| blob.chunks.len() as u64 == blob.len.div_ceil(CHUNK_SIZE))
        .ok_or_else(|| StoreError::new(Fault::Corrupt, "looking up the chunks of a blob"))?;
    let Reading { bytes, is_whole } = store.read(copy, range, purpose).await?;
    let asked = run.clone();
    let run = if is_whole { 0..blob.chunks.len() as u64 } else { run };
    let hashes = Arc::clone(&blob.chunks);
    Ok(VerifiedChunks { stream: bytes, arrived: BytesMut::new(), hashes, len: blob.len, asked, run })
}

impl VerifiedChunks {
    /// The number of the chunk in the blob that is read next: one behind the one that came last.
    pub fn position(&self) -> u64 {
        self.run.start
    }

    /// The next chunk: `CHUNK_SIZE` bytes, the blob's last one possibly less. `None` after the last one of the run.
    ///
    /// # Errors
    /// As `BlobStore::read`; `Corrupt` when a hash does not fit or the stream ends early.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let chunk = self.run.start;
            let begin = chunk.saturating_mul(CHUNK_SIZE);
            if chunk >= self.run.end || begin >= self.len {
                return Ok(None);
            }
            let bytes = self.gather(CHUNK_SIZE.min(self.len - begin) as usize).await?;
            let fits = self.fits(chunk, &bytes);
            if !fits && self.asked.contains(&chunk) {
                return Err(StoreError::new(Fault::Corrupt, "verifying a chunk"));
            }
            self.run.start += 1;
            if fits {
                return Ok(Some(bytes));
            }
        }
    }

    fn fits(&self, chunk: u64, bytes: &[u8]) -> bool {
        let hash = usize::try_from(chunk).ok().and_then(|index| self.hashes.get(index));
        hash.is_some_and(|hash| *blake3::hash(bytes).as_bytes() == hash.0)
    }

    /// The next `len` bytes. A slice that happens to be exactly that is passed on uncopied.
    async fn gather(&mut self, len: usize) -> Result<Bytes, StoreError> {
        while self.arrived.len() < len {
            let slice = self
                .stream
                .next()
                .await
                .ok_or_else(|| StoreError::new(Fault::Corrupt, "reading a copy that ends too early"))??;
            if self.arrived.is_empty() && slice.len() == len {
                return Ok(slice);
            }
            self.arrived.reserve(len.saturating_sub(self.arrived.len()).max(slice.len()));
            self.arrived.extend_from_slice(&slice);
        }
        Ok(self.arrived.split_to(len).freeze())
    }
}
