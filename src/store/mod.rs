//! Blobs at rest: packs and other stored things, as copies on channels.
//!
//! The store knows bytes, channels and locators; it does not know which blob is whose, does not
//! choose channels, and does not decide when a copy counts as verified.

mod error;
mod local;
mod routed;
mod search;
mod stream;
mod telegram;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::telegram::Purpose;
pub use error::{Fault, StoreError};
pub use local::{LocalStore, Settings as LocalSettings};
pub use routed::RoutedStore;
pub use search::Search;
pub use stream::{ByteStream, Reading, VerifiedChunks, read_verified};
pub use telegram::TelegramStore;

use crate::media::extent::{ChannelId, Hash, Locator, UnheardCopy};
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
    /// Names this copy for ever: a retry carries the same one. The imprint of what `put` makes.
    pub nonce: Uuid,
    /// Words for people and for a rebuild of the catalog, with the nonce in them; stores without captions leave them out.
    pub caption: String,
    /// Length of the file in bytes.
    pub len: u64,
    /// The blob's hash (`Hash::of_chunks`).
    pub hash: Hash,
    /// Who waits for it.
    pub purpose: Purpose,
}

/// Whether a copy is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there. Says nothing of its bytes.
    Present,
    /// The store answered, and it is not there.
    Absent,
}

/// A channel that takes no copies and gives none to be read, until somebody repairs that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedChannel {
    /// Which one.
    pub channel: ChannelId,
    /// The channels to which its copies can be forwarded (`put_again`); none when they cannot be had at all.
    pub forwards_to: Vec<ChannelId>,
}

/// A place for blobs. Every implementation passes the suite in `tests.rs`.
///
/// - On success of a `put` the copy is durable. The file must not change any more, and may be removed afterwards.
/// - After an error `StoreError::may_be_there` tells whether a copy may lie there all the same. Where names are ours
///   (the local store) a second put with the same ticket finds it; elsewhere it makes another one, and `find` finds
///   the first.
/// - `read` yields exactly the range, or ends in an error; it does not verify (see `read_verified`).
/// - `remove` of an absent copy succeeds.
/// - Two copies on a store never share their bytes' fate by sharing one file.
/// - Dropping a future abandons the work safely: a put may or may not have happened.
/// - A locator of another store, or not spelt as it was issued, is `Refused`.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// The channels there are, in a stable order.
    fn channels(&self) -> Vec<ChannelId>;

    /// Whether there is such a channel, be it one to which nothing new goes.
    fn knows(&self, channel: &ChannelId) -> bool {
        self.channels().contains(channel)
    }

    /// Those of the channels that have given nothing for so long that nobody should wait for them.
    fn closed(&self) -> Vec<ClosedChannel> {
        Vec::new()
    }

    /// The channel on which this store issued such a locator; `None` when it issues none like it.
    fn channel_of(&self, copy: &Locator) -> Option<ChannelId>;

    /// Whether a copy lies on this machine's own disk, so that another copy of it there would help nobody.
    fn is_near(&self, _copy: &Locator) -> bool {
        false
    }

    /// Whether whoever reads a copy has nothing to do now, so that reading it unasked is in nobody's way.
    fn is_idle(&self, _copy: &Locator) -> bool {
        true
    }

    /// Stores the file as one copy and says where it lies for ever.
    ///
    /// # Errors
    /// `Refused` when the file is not as long as the ticket says or the channel is unknown; `Throttled` or
    /// `Unreachable` when a later try can succeed; `TooLarge`.
    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError>;

    /// Makes a copy out of another one without its bytes passing through here: the way out when they cannot be read
    /// where they are. It keeps the imprint of the other one; the ticket's caption is not used.
    ///
    /// # Errors
    /// As `put`; `Refused` by a store that cannot.
    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError>;

    /// Looks for the copies on a channel whose puts were never answered, all of them together; `named` are the
    /// channel's copies that are known, and none of them is a stray, whatever its imprint. An imprint is asked for as
    /// often as it was put; one that is being put again meanwhile may be among the strays, and the caller spares it.
    ///
    /// # Errors
    /// `Throttled`, `Unreachable`, `Refused`: nothing is known then. What ends a search that has begun is in its answer.
    async fn find(&self, channel: &ChannelId, unheard: &[UnheardCopy], named: &[Locator])
    -> Result<Search, StoreError>;

    /// Reads bytes of a copy.
    ///
    /// # Errors
    /// `Missing`, `Corrupt` when the copy is shorter than the range, `Throttled`, `Unreachable`, `Refused`; at once or
    /// as the stream's last item.
    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError>;

    /// Removes copies, and answers those that it may not remove, now or ever; after an error some may be gone, and the
    /// call can be repeated.
    ///
    /// # Errors
    /// `Throttled`, `Unreachable`, `Refused`.
    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError>;

    /// Asks whether a copy is there, without reading it.
    ///
    /// # Errors
    /// `Throttled`, `Unreachable`, `Refused`: nothing is known then.
    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError>;
}

/// The channel in a locator that begins with this scheme.
fn channel_in(copy: &Locator, scheme: &str) -> Option<ChannelId> {
    let (channel, _) = copy.0.strip_prefix(scheme)?.split_once('/')?;
    Some(ChannelId(channel.to_owned()))
}
