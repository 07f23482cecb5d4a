//! Why a file was not taken.

use crate::catalog::CatalogError;
use crate::spool::SpoolError;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is larger than the owner allows.
    #[error("the file is larger than the {limit} bytes that MAX_UPLOAD_SIZE allows")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The upload's id is in use.
    #[error("an upload with this id exists already: choose a new Upload-Id")]
    Taken,
    /// The file cannot be imported.
    #[error("{0}")]
    NotAFile(String),
    /// There is no upload of this name that could be continued.
    #[error("there is no such upload; it was ended, or nothing came of it for longer than UPLOAD_EXPIRES: begin anew")]
    NoSuchUpload,
    /// It goes on at another place.
    #[error("this upload goes on at byte {bytes_safe}: ask where with HEAD, and send from there")]
    WrongOffset {
        /// Bytes of it that count.
        bytes_safe: u64,
    },
    /// All of it is here.
    #[error("this upload is complete: it takes no more bytes, and is deleted with the film it has become")]
    Complete,
    /// It is made of parts.
    #[error("this upload was joined of parts: it takes no bytes itself")]
    Joined,
    /// It has another length than it had, or is shorter than what came of it.
    #[error("this upload has {bytes_safe} bytes, and its length is {known}; {claimed} cannot be its length")]
    WrongLength {
        /// Bytes of it that count.
        bytes_safe: u64,
        /// The length that is known, in words.
        known: String,
        /// The length that was given.
        claimed: u64,
    },
    /// More came than belongs to it.
    #[error("only {left} bytes of this upload were missing, and more came")]
    TooLong {
        /// Bytes that were missing.
        left: u64,
    },
    /// There are too many unfinished ones.
    #[error("there are {most} unfinished uploads already: finish or delete some, or wait until they expire")]
    TooMany {
        /// How many there may be.
        most: u64,
    },
    /// What was to be joined cannot be.
    #[error("{0}")]
    NotParts(String),
    /// Another connection sends this upload from now on.
    #[error("another connection has taken this upload over: ask where it goes on with HEAD")]
    Superseded,
    /// The server ends, or whoever sent before does not come to an end.
    #[error("this upload cannot go on right now")]
    Busy,
    /// The spool has no room, or its disk failed.
    #[error("keeping the file's bytes")]
    Spool(#[source] SpoolError),
    /// The catalog failed.
    #[error("recording the file")]
    Catalog(#[source] CatalogError),
}

impl From<SpoolError> for UploadError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Taken(_) => Self::Taken,
            // It was removed while it arrived.
            SpoolError::Cancelled => Self::NoSuchUpload,
            other => Self::Spool(other),
        }
    }
}

impl From<CatalogError> for UploadError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotAllowed(_) => Self::Taken,
            other => Self::Catalog(other),
        }
    }
}
