//! One sender's turn at an upload: bytes come, are saved now and then, and count in the end or not.

use super::continuing::{Kept, Trust};
use super::telling::Telling;
use super::{UploadError, Uploads, titled};
use crate::catalog::{Accepted, Arrival, Resumable, ResumableKind, Source};
use crate::events::UploadState as Told;
use crate::spool::{SpoolError, UploadWriter};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

/// How much of a turn a kill may cost.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// What is to become of the bytes that came since the last save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are saved, too.
    Counts,
    /// They are forgotten.
    Void,
}

/// A turn. Its fields go in order: the seat is left last.
pub(super) struct Turn {
    telling: Telling,
    upload: Resumable,
    trust: Trust,
    torn: bool,
    saved: Instant,
    saving: Option<JoinHandle<Result<u64, UploadError>>>,
    seat: OwnedMutexGuard<Option<UploadWriter>>,
}

impl Turn {
    /// A turn of whoever has this seat, with its writer at the bytes that count.
    pub(super) fn begin(
        uploads: &Uploads,
        upload: Resumable,
        trust: Trust,
        seat: OwnedMutexGuard<Option<UploadWriter>>,
    ) -> Self {
        let telling = Telling::begin(uploads, upload.id, upload.bytes_total, upload.bytes_safe);
        Self { telling, upload, trust, torn: false, saved: Instant::now(), saving: None, seat }
    }

    pub(super) fn uploads(&self) -> &Uploads {
        &self.telling.uploads
    }

    pub(super) fn left(&self) -> Option<u64> {
        Some(self.upload.bytes_total?.saturating_sub(self.upload.bytes_safe))
    }

    /// What becomes of the bytes when their sender is lost.
    pub(super) fn verdict_if_left(&self) -> Verdict {
        match self.trust {
            Trust::AsTheyCome => Verdict::Counts,
            Trust::OnceKept => Verdict::Void,
        }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let written = self.take(bytes).await;
        self.torn |= written.is_err();
        written
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let limit = self.uploads().shared.max_bytes;
        let writer = self.seat.as_mut().ok_or(SpoolError::Torn)?;
        let (received, more) = (writer.received(), bytes.len() as u64);
        if let Some(total) = self.upload.bytes_total
            && received + more > total
        {
            return Err(UploadError::TooLong { left: total.saturating_sub(received) });
        }
        if received + more > limit {
            return Err(UploadError::TooLarge { limit });
        }
        writer.write(bytes).await?;
        self.telling.came(received + more);
        if self.trust == Trust::AsTheyCome && self.saved.elapsed() >= SAVE_EVERY {
            self.save().await?;
        }
        Ok(())
    }

    /// Makes durable what came so far while more comes, unless that is under way.
    async fn save(&mut self) -> Result<(), UploadError> {
        if self.saving.as_ref().is_some_and(|saving| !saving.is_finished()) {
            return Ok(());
        }
        self.saving_done().await?;
        self.saved = Instant::now();
        let checkpoint = self.seat.as_mut().ok_or(SpoolError::Torn)?.checkpoint().await?;
        let (shared, id) = (self.uploads().shared.clone(), self.upload.id);
        let shutdown = shared.shutdown.clone();
        self.saving = Some(shutdown.spawn("save an upload", async move {
            let bytes = checkpoint.sync().await?;
            shared.catalog.record_safe_bytes(id, bytes, shared.clock.now()).await?;
            Ok(bytes)
        }));
        Ok(())
    }

    /// The handle stays in place until it is done, so that a dropped wait does not leave the seat to the
    /// next one with a save under way.
    async fn saving_done(&mut self) -> Result<(), UploadError> {
        if let Some(saving) = &mut self.saving {
            let saved = saving.await;
            self.saving = None;
            self.upload.bytes_safe = saved.map_err(|_| SpoolError::Torn)??;
        }
        Ok(())
    }

    /// Ends the turn. Whatever fails, the next one begins at the bytes that count.
    pub(super) async fn end(mut self, verdict: Verdict) -> Result<Kept, UploadError> {
        let ended = match self.saving_done().await {
            Ok(()) if self.torn || verdict == Verdict::Void => {
                self.give_up_writer().await;
                let expires_at = self.uploads().expiry(&self.upload);
                Ok(Kept { bytes_safe: self.upload.bytes_safe, accepted: None, expires_at })
            }
            Ok(()) => self.count().await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.give_up_writer().await;
        }
        ended
    }

    async fn count(&mut self) -> Result<Kept, UploadError> {
        let writer = self.seat.as_mut().ok_or(SpoolError::Torn)?;
        let film = self.upload.labels.kind == ResumableKind::Whole;
        if film && self.upload.bytes_total == Some(writer.received()) {
            return self.become_film().await;
        }
        let bytes_safe = writer.checkpoint().await?.sync().await?;
        let shared = &self.telling.uploads.shared;
        self.upload.touched_at = shared.clock.now();
        shared.catalog.record_safe_bytes(self.upload.id, bytes_safe, self.upload.touched_at).await?;
        Ok(Kept { bytes_safe, accepted: None, expires_at: self.telling.uploads.expiry(&self.upload) })
    }

    async fn become_film(&mut self) -> Result<Kept, UploadError> {
        let (id, labels) = (self.upload.id, &self.upload.labels);
        let writer = self.seat.take().ok_or(SpoolError::Torn)?;
        let received = writer.finish().await?;
        let arrival = Arrival {
            source: Source::Upload(id),
            title: titled(labels.title.as_deref(), &labels.file_name),
            bytes: received.bytes,
            hash: Some(received.hash),
            again: labels.again,
        };
        let uploads = &self.telling.uploads;
        let accepted = uploads.accept(arrival).await?;
        match accepted {
            Accepted::New(..) => self.telling.tell(Told::Received),
            Accepted::Known(_) => uploads.shared.spool.remove_upload(id).await?,
        }
        uploads.seats().remove(&id);
        let expires_at = uploads.expiry(&self.upload);
        Ok(Kept { bytes_safe: received.bytes, accepted: Some(accepted), expires_at })
    }

    /// The next turn opens the file anew.
    async fn give_up_writer(&mut self) {
        if let Some(writer) = self.seat.take() {
            writer.abandon().await;
        }
    }
}
