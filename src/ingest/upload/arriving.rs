//! An upload that comes in one piece, or not at all.

use super::telling::Telling;
use super::{UploadError, titled};
use crate::catalog::{Accepted, Arrival, Source};
use crate::events::UploadState as Told;
use crate::spool::UploadWriter;
use bytes::Bytes;

/// An upload whose bytes arrive. Dropped before its end, it leaves neither bytes nor a record.
pub struct Uploading {
    telling: Telling,
    writer: Option<UploadWriter>,
    /// Whether it would leave a record behind if it ended now.
    broken: bool,
}

impl Uploading {
    pub(super) fn new(telling: Telling, writer: UploadWriter) -> Self {
        Self { telling, writer: Some(writer), broken: true }
    }

    /// Takes the next bytes; waits while the disk is behind.
    ///
    /// # Errors
    /// `TooLarge` past the limit, or when there is no room any more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let limit = self.telling.uploads.shared.max_bytes;
        let Some(writer) = &mut self.writer else { return Err(UploadError::Taken) };
        if writer.received() + bytes.len() as u64 > limit {
            return Err(UploadError::TooLarge { limit });
        }
        writer.write(bytes).await?;
        self.telling.came(writer.received());
        Ok(())
    }

    /// Ends the upload: its bytes are synced and it becomes a video with a queued ingest. The same
    /// bytes as a video's that is there already are let go, unless `again`.
    ///
    /// # Errors
    /// When the disk or the catalog fails; nothing is left then.
    pub async fn finish(self, name: &str, title: Option<&str>, again: bool) -> Result<Accepted, UploadError> {
        let title = titled(title, name);
        let uploads = self.telling.uploads.clone();
        uploads.to_its_end("finish an upload", self.end(title, again)).await
    }

    async fn end(mut self, title: String, again: bool) -> Result<Accepted, UploadError> {
        let Some(writer) = self.writer.take() else { return Err(UploadError::Taken) };
        let (id, uploads) = (self.telling.id, self.telling.uploads.clone());
        let received = writer.finish().await?;
        let arrival =
            Arrival { source: Source::Upload(id), title, bytes: received.bytes, hash: Some(received.hash), again };
        let accepted = uploads.accept(arrival).await;
        self.broken = accepted.is_err();
        match &accepted {
            Ok(Accepted::New(..)) => self.telling.tell(Told::Received),
            Ok(Accepted::Known(_)) | Err(_) => uploads.shared.spool.remove_upload(id).await?,
        }
        accepted
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if self.broken {
            self.telling.tell(Told::Failed);
            let (shared, id) = (self.telling.uploads.shared.clone(), self.telling.id);
            let catalog = shared.catalog.clone();
            shared.shutdown.spawn("forget a broken upload", async move {
                if let Err(error) = catalog.drop_upload(id).await {
                    // The next start removes it.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a broken upload was not forgotten");
                }
            });
        }
    }
}
