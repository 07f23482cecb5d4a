//! Bytes on their way out of a store, and the gate that lets only verified ones through.

use super::error::{Fault, StoreError};
use super::{BlobStore, Purpose};
use crate::media::extent::{CHUNK_SIZE, Hash, Locator, StoredBlob};
use crate::media::range::ByteRange;
use bytes::Bytes;
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
    /// What came and was not given out.
    arrived: Bytes,
    hashes: Arc<[Hash]>,
    len: u64,
    asked: Range<u64>,
    run: Range<u64>,
    is_whole: bool,
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
    Ok(VerifiedChunks { stream: bytes, arrived: Bytes::new(), hashes, len: blob.len, asked, run, is_whole })
}

impl VerifiedChunks {
    /// Whether all chunks of the blob come, whatever was asked for.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

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

    /// The next `len` bytes, in no more memory than that: they may be kept for long. A slice that is exactly that is
    /// passed on uncopied; one of which something was taken before is larger than it looks.
    async fn gather(&mut self, len: usize) -> Result<Bytes, StoreError> {
        let mut gathered = Vec::new();
        while gathered.len() < len {
            if self.arrived.is_empty() {
                self.arrived = self.slice().await?;
                if gathered.is_empty() && self.arrived.len() == len {
                    return Ok(std::mem::take(&mut self.arrived));
                }
            }
            let part = self.arrived.split_to(self.arrived.len().min(len - gathered.len()));
            gathered.reserve_exact(len - gathered.len());
            gathered.extend_from_slice(&part);
        }
        Ok(gathered.into())
    }

    async fn slice(&mut self) -> Result<Bytes, StoreError> {
        let ended = || StoreError::new(Fault::Corrupt, "reading a copy that ends too early");
        self.stream.next().await.ok_or_else(ended)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::id::BlobId;
    use crate::store::tests::{pattern, stored};
    use futures::stream;

    /// As it comes from a network; somebody counts how many are left.
    struct Slice(Vec<u8>, #[expect(dead_code, reason = "it is counted")] Arc<()>);

    impl AsRef<[u8]> for Slice {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[tokio::test]
    async fn a_chunk_takes_no_more_memory_than_its_bytes_however_they_come() {
        let bytes = pattern(600_001);
        let blob = stored(BlobId(1), &bytes, vec![]);
        for size in [1000, 100_000, 262_145, 600_001] {
            let arriving = Arc::new(());
            let slice = |slice: &[u8]| Ok(Bytes::from_owner(Slice(slice.to_vec(), Arc::clone(&arriving))));
            let slices: Vec<_> = bytes.chunks(size).map(slice).collect();
            let run = 0..blob.chunks.len() as u64;
            let mut chunks = VerifiedChunks {
                stream: Box::pin(stream::iter(slices)),
                arrived: Bytes::new(),
                hashes: Arc::clone(&blob.chunks),
                len: blob.len,
                asked: run.clone(),
                run,
                is_whole: false,
            };
            let mut all = Vec::new();
            while let Some(chunk) = chunks.next().await.unwrap() {
                all.push(chunk);
            }
            assert_eq!(Arc::strong_count(&arriving), 1, "slices of {size} are not kept");
            assert!(all.concat() == bytes, "slices of {size}");
        }
    }
}
