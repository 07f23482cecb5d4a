//! The beginning of an upload that may come in pieces, until its sender knows its name.

use super::{UploadError, Uploads};
use crate::catalog::{Beginning, Labels};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;

/// Most unfinished uploads. Each may hold an open file.
const MOST_UNFINISHED: u64 = 100;

/// An upload whose name nobody was told yet. Dropped before, it is given up with all that came of it,
/// unless it is a film by then.
pub struct Begun {
    uploads: Uploads,
    id: UploadId,
    expires_at: Timestamp,
    told: bool,
}

impl Uploads {
    /// Begins an upload that may come in pieces.
    ///
    /// # Errors
    /// `TooLarge`, `TooMany`, or when there is no room.
    pub async fn create(&self, labels: Labels, bytes_total: Option<u64>) -> Result<Begun, UploadError> {
        self.to_its_end("begin an upload", self.clone().begun(labels, bytes_total)).await
    }

    async fn begun(self, labels: Labels, bytes_total: Option<u64>) -> Result<Begun, UploadError> {
        let id = UploadId::fresh();
        let expires_at = self.record_beginning(id, labels, bytes_total).await?.after(self.shared.expires);
        let begun = Begun { uploads: self, id, expires_at, told: false };
        match begun.uploads.shared.spool.reserve_upload(id, bytes_total.unwrap_or_default()) {
            Ok(()) => Ok(begun),
            Err(error) => {
                begun.give_up().await;
                Err(error.into())
            }
        }
    }

    /// Answers when that was.
    pub(super) async fn record_beginning(
        &self,
        id: UploadId,
        labels: Labels,
        bytes_total: Option<u64>,
    ) -> Result<Timestamp, UploadError> {
        self.admit(bytes_total)?;
        let now = self.shared.clock.now();
        match self.shared.catalog.begin_resumable(id, labels, bytes_total, MOST_UNFINISHED, now).await? {
            Beginning::Begun => Ok(now),
            Beginning::TooMany => Err(UploadError::TooMany { most: MOST_UNFINISHED }),
        }
    }

    async fn forget_unheard_of(self, id: UploadId) {
        match self.terminate(id).await {
            Ok(()) | Err(UploadError::NoSuchUpload | UploadError::Complete) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "an upload that nobody was told of was not removed; it will expire");
            }
        }
    }
}

impl Begun {
    /// Its name, for who begins.
    pub fn id(&self) -> UploadId {
        self.id
    }

    /// When it expires unless it is complete or something of it comes.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Its sender hears of it now, so it stays.
    pub fn told(mut self) -> UploadId {
        self.told = true;
        self.id
    }

    /// Gives it up; its room is free then.
    pub async fn give_up(mut self) {
        self.told = true;
        let forgetting = self.uploads.clone().forget_unheard_of(self.id);
        // A panic in it was logged, and there is nothing else to know.
        drop(self.uploads.shared.shutdown.spawn("forget an upload", forgetting).await);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.told {
            let forgetting = self.uploads.clone().forget_unheard_of(self.id);
            self.uploads.shared.shutdown.spawn("forget an upload", forgetting);
        }
    }
}
