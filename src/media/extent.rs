//! Where stored bytes lie, as plain values.

use super::id::BlobId;
use super::range::ByteRange;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// Bytes between two chunk hashes of a blob: the unit of verification, of memory and of writing.
pub const CHUNK_SIZE: u64 = 256 * 1024;

/// A BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

/// One place blobs are kept: a Telegram channel or a local folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub String);

/// Where one copy of a blob lies for ever (`local:<channel>/<name>`, `tg:<channel>/<message>/…`). Only the store that issued
/// it reads it; everybody else keeps it as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locator(pub String);

/// A copy that was meant to be made and of which nobody heard whether it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnheardCopy {
    /// The nonce that it carries where it lies: its own; a forward keeps that of the copy it was made from.
    pub imprint: Uuid,
    /// The newest copy known on its channel before it; `None` when there was none.
    pub after: Option<Locator>,
}

/// A run of bytes inside one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The blob.
    pub blob: BlobId,
    /// The bytes inside it.
    pub range: ByteRange,
}

/// What a reader needs to fetch a stored blob and to believe it.
#[derive(Clone, Debug)]
pub struct StoredBlob {
    /// Which blob.
    pub id: BlobId,
    /// Its length in bytes, at least 1.
    pub len: u64,
    /// One hash for each `CHUNK_SIZE` bytes, the last chunk being the rest.
    pub chunks: Arc<[Hash]>,
    /// Verified copies, best first. May be empty when all are lost.
    pub copies: Vec<Locator>,
}

/// Where a piece is read now.
#[derive(Clone, Debug)]
pub enum Place {
    /// Still in the spool: the pack file of this blob, not yet stored.
    Spool,
    /// In the store.
    Store(Arc<StoredBlob>),
}

/// A piece with the place to read it from. A stored thing is one or more of these, in order.
#[derive(Clone, Debug)]
pub struct PlacedPiece {
    /// Which bytes.
    pub piece: Piece,
    /// From where.
    pub place: Place,
}

impl Hash {
    /// The hash that names a blob: BLAKE3 over the hashes of its chunks, one after another. Its bytes
    /// are thereby hashed once for both.
    pub fn of_chunks(chunks: &[Hash]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for chunk in chunks {
            hasher.update(&chunk.0);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hash({self})")
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
