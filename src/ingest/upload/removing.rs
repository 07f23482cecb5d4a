//! Uploads that end before they are complete: given up by their sender, expired, or never heard of.

use super::seat::Taken;
use super::{UploadError, Uploads};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl Uploads {
    /// Ends an unfinished upload: nothing is left of it.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Complete`, `Superseded`, `Busy`.
    pub async fn terminate(&self, id: UploadId) -> Result<(), UploadError> {
        match self.seize(id).await {
            Ok((taken, _)) => self.removed(id, taken).await,
            // It is a film, or just becomes one.
            Err(UploadError::Joined) => Err(UploadError::Complete),
            Err(error) => Err(error),
        }
    }

    /// Nothing is left of it, whoever hangs up meanwhile.
    pub(super) async fn removed(&self, id: UploadId, taken: Taken) -> Result<(), UploadError> {
        self.to_its_end("remove an upload", self.clone().remove(id, taken)).await
    }

    /// Removes what expired, now and then, until the end.
    pub async fn keep_tidy(self, end: CancellationToken) {
        let pause = (self.shared.expires / 4).clamp(Duration::from_millis(250), Duration::from_secs(60));
        loop {
            if let Err(error) = self.remove_expired().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "expired uploads were not looked for; this is tried again");
            }
            if end.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// One that cannot be removed keeps no other.
    async fn remove_expired(&self) -> Result<(), UploadError> {
        let now = self.shared.clock.now();
        let before =
            Timestamp(now.0.saturating_sub(i64::try_from(self.shared.expires.as_millis()).unwrap_or(i64::MAX)));
        for id in self.shared.catalog.abandoned_uploads(before).await? {
            if let Err(error) = self.expire(id, now).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "an expired upload was not removed; this is tried again");
            }
        }
        Ok(())
    }

    async fn expire(&self, id: UploadId, now: Timestamp) -> Result<(), UploadError> {
        let held = Arc::clone(&self.seats().entry(id).or_default().held);
        // Who sends right now has not abandoned it.
        let Ok(seat) = held.try_lock_owned() else { return Ok(()) };
        match self.shared.catalog.resumable(id).await? {
            Some(upload) if upload.video.is_some() => {}
            Some(upload) if self.expiry(&upload) > now => return Ok(()),
            Some(_) => {
                let taken = Taken { seat, stop: CancellationToken::new() };
                self.removed(id, taken).await?;
                tracing::info!("an unfinished upload expired");
            }
            None => {}
        }
        self.seats().remove(&id);
        Ok(())
    }

    /// The record first: bytes without one are removed by the next start.
    async fn remove(self, id: UploadId, mut taken: Taken) -> Result<(), UploadError> {
        self.shared.catalog.drop_upload(id).await?;
        self.seats().remove(&id);
        if let Some(writer) = taken.seat.take() {
            writer.abandon().await;
        }
        self.shared.spool.remove_upload(id).await?;
        Ok(())
    }
}
