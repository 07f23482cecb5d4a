//! What went wrong with a blob at rest, in the only terms a caller may act on.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The class of a failure. Callers branch on it and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The blob is not there.
    Missing,
    /// Not now: the store asked to wait, or its disk is full. Another copy or a later try can succeed.
    Throttled,
    /// No answer, or none in time. Another copy or a later try can succeed.
    Unreachable,
    /// The store will not do this, however often it is asked.
    Refused,
    /// The bytes are not those that were put, or not as many.
    Corrupt,
    /// The store takes no blob of this length.
    TooLarge,
}

/// A failed step of a store.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {fault}")]
pub struct StoreError {
    /// Its class.
    pub fault: Fault,
    /// How long the store wants to be left alone, where it said so.
    pub retry_after: Option<Duration>,
    /// What somebody has to do before it can succeed, as a sentence for the owner, where that is known.
    pub remedy: Option<Arc<str>>,
    doing: &'static str,
    is_definite: bool,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// A failure while `doing` something ("reading a local copy").
    pub fn new(fault: Fault, doing: &'static str) -> Self {
        Self { fault, retry_after: None, remedy: None, doing, is_definite: false, cause: None }
    }

    /// The store asked to wait.
    pub fn throttled(doing: &'static str, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(Fault::Throttled, doing) }
    }

    /// Adds what lies beneath.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Nothing was made or changed, for certain.
    #[must_use]
    pub fn definitely(self) -> Self {
        Self { is_definite: true, ..self }
    }

    /// Adds how long to wait.
    #[must_use]
    pub fn after(self, wait: Option<Duration>) -> Self {
        Self { retry_after: wait, ..self }
    }

    /// Adds what somebody has to do.
    #[must_use]
    pub fn until(self, remedy: impl Into<Arc<str>>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Whether a copy may lie there although its put failed.
    pub fn may_be_there(&self) -> bool {
        !self.is_definite
    }

    /// Whether the same request can succeed later without anybody repairing anything.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self.fault, Fault::Throttled | Fault::Unreachable)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Missing => "the blob is not there",
            Self::Throttled => "the store cannot take it now",
            Self::Unreachable => "the store did not answer",
            Self::Refused => "the store refused",
            Self::Corrupt => "the bytes are not those that were stored",
            Self::TooLarge => "the blob is too large for this store",
        })
    }
}
