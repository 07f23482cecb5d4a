//! What can be wrong with fragments, classed by what the caller can do about it.

use thiserror::Error;

/// Why a stream of fragments cannot be packaged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CmafError {
    /// The bytes are not the fragmented MP4 they should be: the writer is broken or was cut short.
    #[error("reading a fragment of MP4: {0}")]
    Malformed(&'static str),
    /// Valid MP4, but of a form that ffmpeg does not write with the flags we give it.
    #[error("reading a fragment of MP4: {0} is not supported")]
    Unsupported(&'static str),
    /// A box is bigger than the limit. Nothing of it was kept.
    #[error("reading a fragment of MP4: a box of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What the box says of itself.
        bytes: u64,
        /// The limit it was held against.
        limit: u64,
    },
    /// The stream ended in the middle of a box.
    #[error("reading a fragment of MP4: the stream ends inside a box, {0} bytes into it")]
    Truncated(u64),
    /// Pictures are missing where encoding promised some: they could not be decoded.
    #[error("packaging: pictures are missing after tick {0}")]
    Hole(i64),
    /// The time stamps cannot stand in a playlist as they are. Encoding the stream makes new ones.
    #[error("packaging: {what} at tick {at}; the stream must be encoded to be played")]
    Times {
        /// What is wrong with them.
        what: &'static str,
        /// Where, in ticks of the track.
        at: i64,
    },
}

impl CmafError {
    /// A fault in the time stamps near `at`.
    pub(super) fn times(what: &'static str, at: i64) -> Self {
        Self::Times { what, at }
    }
}
