//! Why bytes that should be there did not come.

use crate::media::id::BlobId;
use crate::spool::SpoolError;
use crate::store::Fault;
use std::sync::Arc;
use std::time::Duration;

/// How soon it is worth asking again where too much was asked for at once.
const SOON: Duration = Duration::from_secs(2);

/// What a reader learns when a stream breaks off. Everything before it was verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// No copy gives the bytes now. `Throttled` and `Unreachable` pass; `Missing` and `Corrupt` mean that all copies
    /// are lost until somebody mends one.
    #[error("no copy of blob {blob} can be read: {fault}")]
    Unreadable {
        /// Which blob.
        blob: BlobId,
        /// The class, the most hopeful one of all copies.
        fault: Fault,
        /// When to try again, where a store said so.
        retry_after: Option<Duration>,
    },
    /// No copy can be read before somebody did something.
    #[error("no copy of blob {blob} can be read: {remedy}")]
    ToRepair {
        /// Which blob.
        blob: BlobId,
        /// What has to be done, as a sentence for the owner.
        remedy: Arc<str>,
    },
    /// The blob left the spool while it was looked up: ask the catalog again where its bytes are now.
    #[error("blob {blob} is no longer in the spool")]
    Moved {
        /// Which blob.
        blob: BlobId,
    },
    /// The range runs past the pieces.
    #[error("the range ends past the {len} bytes there are")]
    BeyondEnd {
        /// Bytes of all pieces together.
        len: u64,
    },
}

impl CacheError {
    pub(super) fn unreadable(blob: BlobId, fault: Fault) -> Self {
        Self::Unreadable { blob, fault, retry_after: None }
    }

    /// So much is being brought that this has to wait.
    pub(super) fn crowded(blob: BlobId) -> Self {
        Self::Unreadable { blob, fault: Fault::Throttled, retry_after: Some(SOON) }
    }

    /// The spool's own file failed: nothing else has these bytes yet.
    pub(super) fn spool(blob: BlobId, error: &SpoolError) -> Self {
        match error {
            SpoolError::NotFound { .. } => return Self::Moved { blob },
            SpoolError::Short { .. } => tracing::error!(blob.id = blob.0, %error, "a pack in the spool is damaged"),
            _ => tracing::warn!(blob.id = blob.0, %error, "a pack in the spool could not be read"),
        }
        let is_short = matches!(error, SpoolError::Short { .. });
        Self::unreadable(blob, if is_short { Fault::Corrupt } else { Fault::Unreachable })
    }
}
