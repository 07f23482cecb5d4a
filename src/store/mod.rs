//! Blobs at rest: packs and other stored things, as copies on channels.
//!
//! The store knows bytes, channels and locators; it does not know which blob is whose, does not
//! choose channels, and does not decide when a copy counts as verified.

mod error;
mod local;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

pub use error::{Fault, StoreError};
pub use local::{LocalStore, Settings as LocalSettings};
pub use stream::{ByteStream, VerifiedChunks, read_verified};

use crate::media::extent::{ChannelId, Hash, Locator};
use crate::media::id::BlobId;
use crate::media::range::ByteRange;
use async_trait::async_trait;
use std::path::Path;
use uuid::Uuid;

/// The right to put one copy of one blob, committed in the catalog before it is used.
#[derive(Clone, Debug)]
pub struct PutTicket {
    /// Which blob.
    pub blob: BlobId,
    /// Where to. One of `BlobStore::channels`.
    pub channel: ChannelId,
    /// Number of the copy among the blob's copies.
    pub copy: u32,
    /// Names this copy for ever: a retry carries the same one.
    pub nonce: Uuid,
    /// Words for people and for a rebuild of the catalog; stores without captions leave them out.
    pub caption: String,
    /// Length of the file in bytes.
    pub len: u64,
    /// The blob's hash (`Hash::of_chunks`).
    pub hash: Hash,
}

/// Whether a copy is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there, with so many bytes. Says nothing of what they are.
    Present {
        /// Length in bytes.
        len: u64,
    },
    /// The store answered, and it is not there.
    Absent,
}

/// A place for blobs. Every implementation passes the suite in `tests.rs`.
///
/// - `put` is idempotent by nonce: a second put with the same ticket finds the earlier copy, also after a crash or a
///   lost answer. On success the copy is durable. The file must not change any more, and may be removed afterwards.
/// - `read` yields exactly the range, or ends in an error; it does not verify (see `read_verified`).
/// - `remove` of an absent copy succeeds.
/// - Two copies on a store never share their bytes' fate by sharing one file.
/// - Dropping a future abandons the work safely: a put may or may not have happened.
/// - A locator of another store, or not spelt as it was issued, is `Refused`.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// The channels there are, in a stable order.
    fn channels(&self) -> Vec<ChannelId>;

    /// Stores the file as one copy and says where it lies for ever.
    ///
    /// # Errors
    /// `Refused` when the file is not as long as the ticket says or the channel is unknown; `Throttled` or
    /// `Unreachable` when a later try can succeed; `TooLarge`.
    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError>;

    /// Where a put of this nonce on this channel lies if it happened, for a copy whose locator was
    /// never heard. `None` when only the store's own answer could tell.
    fn foreseen(&self, channel: &ChannelId, nonce: Uuid) -> Option<Locator>;

    /// Reads bytes of a copy.
    ///
    /// # Errors
    /// `Missing`, `Corrupt` when the copy is shorter than the range, `Throttled`, `Unreachable`, `Refused`; at once or
    /// as the stream's last item.
    async fn read(&self, copy: &Locator, range: ByteRange) -> Result<ByteStream, StoreError>;

    /// Removes copies; after an error some may be gone, and the call can be repeated.
    ///
    /// # Errors
    /// `Throttled`, `Unreachable`, `Refused`.
    async fn remove(&self, copies: &[Locator]) -> Result<(), StoreError>;

    /// Asks whether a copy is there, without reading it.
    ///
    /// # Errors
    /// `Throttled`, `Unreachable`, `Refused`: nothing is known then.
    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError>;
}
