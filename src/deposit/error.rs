//! Why bytes did not get from the spool to the store.

use crate::catalog::CatalogError;
use crate::spool::SpoolError;
use crate::store::{Fault, StoreError};
use std::time::Duration;

/// A failure on the way; `is_worth_retrying` says whether waiting helps.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    /// It was told to stop.
    #[error("stopped before everything was stored")]
    Cancelled,
    /// The spool failed.
    #[error("keeping segments in the spool")]
    Spool(#[from] SpoolError),
    /// The catalog failed, or the job's lease is lost.
    #[error("recording what was stored")]
    Catalog(#[from] CatalogError),
    /// The store failed on every channel.
    #[error("storing a pack")]
    Store(#[from] StoreError),
    /// The file in the spool is not what was sealed: no channel can be given what it should have.
    #[error("storing a pack: its file on this machine is damaged")]
    Spoilt,
}

impl DepositError {
    /// Whether the same can succeed later without anybody changing the video.
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Spool(error) => error.is_worth_retrying(),
            // A copy that came back damaged is gone; the next one may be whole.
            Self::Store(error) => error.is_worth_retrying() || matches!(error.fault, Fault::Missing | Fault::Corrupt),
            Self::Catalog(error) => matches!(error, CatalogError::DiskFull | CatalogError::Engine(_)),
            Self::Cancelled | Self::Spoilt => false,
        }
    }

    /// How long the store wants to be left alone, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Store(error) => error.retry_after,
            _ => None,
        }
    }

    /// The failure in words for people.
    pub fn for_people(&self) -> String {
        match self {
            Self::Spool(SpoolError::DiskFull { .. }) | Self::Catalog(CatalogError::DiskFull) => {
                "The disk is full. Free some space; it goes on by itself.".into()
            }
            Self::Store(error) if error.fault == Fault::Throttled => {
                "The store cannot take more now. It goes on by itself.".into()
            }
            Self::Store(error) if error.fault == Fault::Unreachable => {
                "The store does not answer. It goes on by itself when it does; the system page says more.".into()
            }
            Self::Store(error) if matches!(error.fault, Fault::Missing | Fault::Corrupt) => {
                "What was stored came back damaged several times. It is stored again by itself; the system page says more."
                    .into()
            }
            Self::Store(_) => "The store refused the film's packs. The server's log says why.".into(),
            Self::Spool(_) | Self::Catalog(_) => "The server could not keep the film's packs. Its log says why.".into(),
            Self::Spoilt => {
                "A pack of the film is damaged on this machine. Check its disk, delete the film and add it again.".into()
            }
            Self::Cancelled => "It was stopped.".into(),
        }
    }
}

/// The failure after which a later try is soonest worth it; `nothing` when nothing was tried.
pub(super) fn most_hopeful(failures: Vec<StoreError>, nothing: impl FnOnce() -> StoreError) -> StoreError {
    let wait = failures.iter().filter_map(|error| error.retry_after).min();
    let rank = |error: &StoreError| match error.fault {
        Fault::Throttled => 0,
        Fault::Unreachable => 1,
        Fault::Missing | Fault::Corrupt => 2,
        Fault::Refused | Fault::TooLarge => 3,
    };
    let best = failures.into_iter().min_by_key(rank);
    match best {
        Some(error) if error.fault == Fault::Throttled => error.after(wait),
        Some(error) => error,
        None => nothing(),
    }
}
