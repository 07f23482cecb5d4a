//! Who has an upload: one sender at a time. A newcomer ends the turn of whoever has the seat, as that is
//! most often the same sender over a connection that died.
//!
//! A seat is left only when nothing is done to the upload's file and record any more. Whatever touches
//! them therefore runs in a task that has the seat, and not in the request: that one may be dropped
//! between any two steps, while its work on the disk goes on.

use super::{UploadError, Uploads};
use crate::catalog::{CatalogError, Resumable, ResumableKind};
use crate::media::id::UploadId;
use crate::spool::UploadWriter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// How long a newcomer waits for the end of the turn before its own.
const HANDOVER: Duration = Duration::from_secs(30);

/// Where one sender of an upload sits. Between turns the writer waits there, with the hash so far.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) held: Arc<Mutex<Option<UploadWriter>>>,
    stop: CancellationToken,
}

/// An upload taken over: nobody else writes.
pub(super) struct Taken {
    pub(super) seat: OwnedMutexGuard<Option<UploadWriter>>,
    /// Cancelled when the next one wants the seat, and at the end of the server.
    pub(super) stop: CancellationToken,
}

impl Uploads {
    /// Takes an unfinished upload over, and answers how far it is then.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Complete`, `Joined`, `Superseded`, `Busy`.
    pub(super) async fn seize(&self, id: UploadId) -> Result<(Taken, Resumable), UploadError> {
        // Asked before, too: what is complete needs no seat.
        self.unfinished(id).await?;
        let taken = self.take_over(id).await?;
        let upload = self.unfinished(id).await;
        if let Err(UploadError::NoSuchUpload | UploadError::Complete) = upload {
            // It never becomes unfinished again.
            self.seats().remove(&id);
        }
        Ok((taken, upload?))
    }

    async fn unfinished(&self, id: UploadId) -> Result<Resumable, UploadError> {
        let upload = self.find(id).await?;
        match upload.labels.kind {
            ResumableKind::Joined => Err(UploadError::Joined),
            _ if upload.video.is_some() => Err(UploadError::Complete),
            ResumableKind::Whole | ResumableKind::Part => Ok(upload),
        }
    }

    pub(super) async fn find(&self, id: UploadId) -> Result<Resumable, UploadError> {
        let upload = self.shared.catalog.resumable(id).await?.ok_or(UploadError::NoSuchUpload)?;
        let expired = upload.video.is_none() && self.expiry(&upload) <= self.shared.clock.now();
        if expired { Err(UploadError::NoSuchUpload) } else { Ok(upload) }
    }

    async fn take_over(&self, id: UploadId) -> Result<Taken, UploadError> {
        let (held, stop) = {
            let mut seats = self.seats();
            let seat = seats.entry(id).or_default();
            seat.stop.cancel();
            seat.stop = self.shared.shutdown.token().child_token();
            (Arc::clone(&seat.held), seat.stop.clone())
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(self.displaced()),
            seat = held.lock_owned() => Ok(Taken { seat, stop }),
            () = tokio::time::sleep(HANDOVER) => Err(UploadError::Busy),
        }
    }

    /// Why a turn ends early.
    pub(super) fn displaced(&self) -> UploadError {
        let ending = self.shared.shutdown.token().is_cancelled();
        if ending { UploadError::Busy } else { UploadError::Superseded }
    }

    /// Does work in a task of its own: it comes to its end, also when nobody waits for that any more.
    pub(super) fn to_its_end<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, UploadError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, UploadError>> {
        let working = self.shared.shutdown.spawn(name, work);
        async move { working.await.map_err(|_| UploadError::Catalog(CatalogError::Closed))? }
    }
}
