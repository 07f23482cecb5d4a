//! Errands: runs that look into films and make neither pictures nor sounds of them. So many of each kind run at a time,
//! whoever asks, first come, first served; [`super::PackageTask`]s are counted by those who start them.

use super::FfmpegError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Of each kind, how many run at a time.
const LOOKS: usize = 3;
const STILLS: usize = 2;
const READS: usize = 3;

/// What a child is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// What a file holds: done in a moment, and films cannot begin without it.
    Look,
    /// A single picture, or a second of film.
    Still,
    /// Over the whole of a film, as long as its disk takes.
    Read,
}

/// The errands that may run.
#[derive(Clone, Debug)]
pub(super) struct Errands {
    looks: Arc<Semaphore>,
    stills: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl Errands {
    pub(super) fn new() -> Self {
        let [looks, stills, reads] = [LOOKS, STILLS, READS].map(|count| Arc::new(Semaphore::new(count)));
        Self { looks, stills, reads }
    }

    /// Waits until one more of this kind may run; it may as long as what this answers is kept.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(super) async fn turn(
        &self,
        errand: Errand,
        cancel: &CancellationToken,
    ) -> Result<OwnedSemaphorePermit, FfmpegError> {
        let kind = match errand {
            Errand::Look => &self.looks,
            Errand::Still => &self.stills,
            Errand::Read => &self.reads,
        };
        let turn = cancel.run_until_cancelled(kind.clone().acquire_owned()).await.ok_or(FfmpegError::Cancelled)?;
        Ok(turn.expect("they are never closed"))
    }
}
