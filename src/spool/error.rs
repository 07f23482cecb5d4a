//! What can go wrong with bytes on local disk.

use crate::disk;
use crate::media::id::{BlobId, UploadId};
use std::io;

/// Why the spool could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The upload does not fit into the spool's budget now.
    #[error(
        "the spool has room for {free} more bytes of uploads and {wanted} are needed (its limit is {max_bytes}); \
         try again when running jobs have freed some, or raise SPOOL_MAX_SIZE"
    )]
    Full {
        /// Bytes that were asked for and are not reserved yet.
        wanted: u64,
        /// Bytes that uploads may still take.
        free: u64,
        /// The whole budget in bytes.
        max_bytes: u64,
    },
    /// The disk itself, or this user's quota of it, is full. Worth waiting for.
    #[error("{doing}: the disk is full; free some space, the work goes on by itself")]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such file in the spool: it was never there, or it is stored and freed by now.
    #[error("{doing}: it is not in the spool")]
    NotFound {
        /// What was being done.
        doing: &'static str,
    },
    /// An upload of this name is arriving or has arrived.
    #[error("upload {0} is already in the spool; use another upload id")]
    Taken(UploadId),
    /// The file ends before the bytes that were asked for.
    #[error("pack {blob} has {len} bytes in the spool and {wanted} were promised")]
    Short {
        /// The pack.
        blob: BlobId,
        /// Bytes there are.
        len: u64,
        /// Bytes there should be at least.
        wanted: u64,
    },
    /// An earlier step failed or was abandoned half-way, so the writer no longer knows its file.
    #[error("an earlier write was torn; begin the upload again, or reopen the pack at its committed length")]
    Torn,
    /// The wait was given up, or the upload was removed while it arrived.
    #[error("given up while bytes were written to the spool")]
    Cancelled,
    /// Anything else the system said.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl SpoolError {
    /// Puts a system's error into its class.
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { doing },
            _ if disk::is_full(&source) => Self::DiskFull { doing, source },
            _ => Self::Io { doing, source },
        }
    }

    /// Whether the same request can succeed later without anybody changing it.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::DiskFull { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_file_are_classes_of_their_own() {
        let class = |errno: rustix::io::Errno| SpoolError::io("testing")(errno.into());
        assert!(matches!(class(rustix::io::Errno::NOSPC), SpoolError::DiskFull { .. }));
        assert!(matches!(class(rustix::io::Errno::DQUOT), SpoolError::DiskFull { .. }));
        assert!(matches!(class(rustix::io::Errno::NOENT), SpoolError::NotFound { .. }));
        assert!(matches!(class(rustix::io::Errno::IO), SpoolError::Io { .. }));
    }
}
