//! One asker's way through the pieces: chunk by chunk, only as fast as it is polled.

use super::Inner;
use super::error::CacheError;
use super::memory::Asker;
use super::ranking::Standing;
use crate::disk::Slice;
use crate::media::extent::{CHUNK_SIZE, Place, PlacedPiece, StoredBlob};
use crate::media::id::BlobId;
use crate::media::range::ByteRange;
use crate::spool::SpoolStream;
use crate::store::Fault;
use futures::StreamExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is still to be read of one piece.
#[derive(Debug)]
struct Portion {
    blob: BlobId,
    range: ByteRange,
    place: Place,
    /// Its first slice, where that was asked for already.
    begun: Option<Slice>,
}

pub(super) struct Reader {
    inner: Arc<Inner>,
    rest: VecDeque<Portion>,
    standing: Standing,
    spooled: Option<(BlobId, SpoolStream)>,
    is_begun: bool,
}

impl Reader {
    pub(super) fn new(
        inner: Arc<Inner>,
        pieces: Vec<PlacedPiece>,
        within: ByteRange,
        standing: Standing,
    ) -> Result<Self, CacheError> {
        Ok(Self { inner, rest: portions(pieces, within)?, standing, spooled: None, is_begun: false })
    }

    /// The next slice, at most `CHUNK_SIZE` bytes; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Slice>, CacheError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            begin(&self.inner, &mut self.rest, self.standing).await?;
        }
        loop {
            if let Some((blob, stream)) = &mut self.spooled {
                match stream.next().await {
                    Some(slice) => {
                        return slice.map(|slice| Some(slice.into())).map_err(|error| CacheError::spool(*blob, &error));
                    }
                    None => self.spooled = None,
                }
            }
            let Some(portion) = self.rest.pop_front() else { return Ok(None) };
            match &portion.place {
                Place::Spool => {
                    let opened = self.inner.spool.read_pack(portion.blob, portion.range).await;
                    let stream = opened.map_err(|error| CacheError::spool(portion.blob, &error))?;
                    self.spooled = Some((portion.blob, stream));
                }
                Place::Store(stored) => {
                    let slice = match portion.begun {
                        Some(slice) => slice,
                        None => slice_of_chunk(&self.inner, Arc::clone(stored), portion.range, self.standing).await?,
                    };
                    if let Some(range) = after(portion.range, slice.len()) {
                        self.rest.push_front(Portion { range, begun: None, ..portion });
                    }
                    return Ok(Some(slice));
                }
            }
        }
    }
}

/// What goes on in a second blob is begun when both can be read: that it cannot is told before the first byte, and the
/// second one is on its way while the first is read.
async fn begin(inner: &Arc<Inner>, rest: &mut VecDeque<Portion>, standing: Standing) -> Result<(), CacheError> {
    let begin = async |portion: &Portion| match &portion.place {
        Place::Store(stored) => slice_of_chunk(inner, Arc::clone(stored), portion.range, standing).await.map(Some),
        Place::Spool => Ok(None),
    };
    let (Some(first), Some(second)) = (rest.front(), rest.get(1)) else { return Ok(()) };
    let (first, second) = tokio::try_join!(begin(first), begin(second))?;
    (rest[0].begun, rest[1].begun) = (first, second);
    Ok(())
}

/// The first bytes of `range`, as many as lie in its first chunk.
async fn slice_of_chunk(
    inner: &Arc<Inner>,
    blob: Arc<StoredBlob>,
    range: ByteRange,
    standing: Standing,
) -> Result<Slice, CacheError> {
    let id = blob.id;
    let chunk = range.start() / CHUNK_SIZE;
    let run = chunk..range.end().div_ceil(CHUNK_SIZE);
    let bytes = Inner::chunk(inner, blob, run, standing, Asker::Player).await?;
    let begin = chunk * CHUNK_SIZE;
    ByteRange::within(bytes.len() as u64, range.start() - begin, (range.end() - begin).min(CHUNK_SIZE))
        .map(|part| bytes.slice(part.start() as usize..part.end() as usize))
        .ok_or(CacheError::unreadable(id, Fault::Corrupt))
}

fn after(range: ByteRange, len: usize) -> Option<ByteRange> {
    ByteRange::within(range.end(), range.start().saturating_add(len as u64), range.end())
}

/// The parts of the pieces that lie `within` their concatenation.
fn portions(pieces: Vec<PlacedPiece>, within: ByteRange) -> Result<VecDeque<Portion>, CacheError> {
    let mut portions = VecDeque::new();
    let mut begin = 0_u64;
    for PlacedPiece { piece, place } in pieces {
        let end = begin.saturating_add(piece.range.len());
        let (from, to) = (within.start().max(begin), within.end().min(end));
        let part = ByteRange::within(end, from, to)
            .and_then(|part| ByteRange::within(piece.range.len(), part.start() - begin, part.end() - begin));
        if let Some(range) = part.and_then(|part| piece.range.part(part)) {
            portions.push_back(Portion { blob: piece.blob, range, place, begun: None });
        }
        begin = end;
    }
    if within.end() > begin {
        return Err(CacheError::BeyondEnd { len: begin });
    }
    Ok(portions)
}
