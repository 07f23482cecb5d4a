//! Uploads that come in several pieces and go on after any interruption, that of this server included.
//!
//! One sender at a time has an upload's seat. What counts is what the catalog says: bytes are made
//! durable first and recorded then, every two seconds and at the end of each turn.
//! The last bytes are recorded by the same step that makes the upload a film.

use super::seat::Taken;
use super::turn::{Turn, Verdict};
use super::{UploadError, Uploads};
use crate::catalog::{Accepted, Resumable, ResumableKind};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use crate::spool::{SpoolError, UploadWriter};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// What a turn begins with.
#[derive(Clone, Copy, Debug)]
pub struct GoOn {
    /// Where its sender goes on.
    pub at: u64,
    /// The length of the whole, if it is told only now.
    pub bytes_total: Option<u64>,
    /// When its bytes count.
    pub trust: Trust,
}

/// When bytes of a turn count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// As soon as they are durable, however the turn ends.
    AsTheyCome,
    /// Only when the turn is kept: until then their sender may find them wrong.
    OnceKept,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Bytes of the upload that count now.
    pub bytes_safe: u64,
    /// What it became, if it is complete and no part of another.
    pub accepted: Option<Accepted>,
    /// When it expires unless it is complete or more of it comes.
    pub expires_at: Timestamp,
}

/// A turn at an upload. Dropped, what came and counts is kept.
pub struct Continuing {
    stop: CancellationToken,
    turn: Option<Turn>,
}

impl Uploads {
    /// How far an upload is that comes in pieces. Whoever sends it now ends first, so that the answer
    /// stays true. One that is complete and did not become a film yet, as the server was killed just
    /// then, becomes it now.
    ///
    /// # Errors
    /// `NoSuchUpload`, and those of a turn.
    pub async fn resumable(&self, id: UploadId) -> Result<Resumable, UploadError> {
        let upload = self.find(id).await?;
        if upload.video.is_some() || upload.labels.kind == ResumableKind::Joined {
            return Ok(upload);
        }
        let (taken, upload) = match self.seize(id).await {
            Err(UploadError::Complete) => return self.find(id).await,
            taken => taken?,
        };
        let complete = upload.labels.kind == ResumableKind::Whole && upload.bytes_total == Some(upload.bytes_safe);
        if !complete {
            return Ok(upload);
        }
        let go_on = GoOn { at: upload.bytes_safe, bytes_total: None, trust: Trust::AsTheyCome };
        self.seated(taken, upload, go_on).await?.keep().await?;
        self.find(id).await
    }

    /// Takes a turn at an upload; a turn that is under way ends.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Complete`, `Joined`, `WrongOffset`, `WrongLength`, `TooLarge`, `Superseded` by the next
    /// one, `Busy`, or when there is no room.
    pub async fn go_on(&self, id: UploadId, go_on: GoOn) -> Result<Continuing, UploadError> {
        let (taken, upload) = self.seize(id).await?;
        self.seated(taken, upload, go_on).await
    }

    /// When an unfinished upload expires unless something of it comes.
    pub fn expiry(&self, upload: &Resumable) -> Timestamp {
        upload.touched_at.after(self.shared.expires)
    }

    /// The seat is left when the turn is over, or could not begin: not before the file is closed again,
    /// as the next one would go on in a file that is still cut off and read.
    pub(super) async fn seated(&self, taken: Taken, upload: Resumable, go_on: GoOn) -> Result<Continuing, UploadError> {
        self.to_its_end("begin a turn at an upload", self.clone().begin_turn(taken, upload, go_on)).await
    }

    async fn begin_turn(self, taken: Taken, mut upload: Resumable, go_on: GoOn) -> Result<Continuing, UploadError> {
        let Taken { mut seat, stop } = taken;
        let (id, at) = (upload.id, upload.bytes_safe);
        if go_on.at != at {
            return Err(UploadError::WrongOffset { bytes_safe: at });
        }
        if let Some(claimed) = go_on.bytes_total {
            self.learn_length(&mut upload, claimed).await?;
        }
        if seat.as_ref().is_none_or(|writer| writer.received() != at) {
            *seat = None;
            let writer = self.reopen(id, at, &stop).await?;
            if upload.labels.kind != ResumableKind::Part {
                self.look_ahead(&writer);
            }
            *seat = Some(writer);
        }
        Ok(Continuing { stop, turn: Some(Turn::begin(&self, upload, go_on.trust, seat)) })
    }

    async fn learn_length(&self, upload: &mut Resumable, claimed: u64) -> Result<(), UploadError> {
        let bytes_safe = upload.bytes_safe;
        let known = upload.bytes_total.map_or_else(|| "not known yet".to_owned(), |bytes| bytes.to_string());
        if claimed < bytes_safe || upload.bytes_total.is_some_and(|known| known != claimed) {
            return Err(UploadError::WrongLength { bytes_safe, known, claimed });
        }
        self.admit(Some(claimed))?;
        self.shared.spool.extend_upload(upload.id, claimed)?;
        self.shared.catalog.record_upload_length(upload.id, claimed).await?;
        upload.bytes_total = Some(claimed);
        Ok(())
    }

    async fn reopen(&self, id: UploadId, at: u64, stop: &CancellationToken) -> Result<UploadWriter, UploadError> {
        match self.shared.spool.continue_upload(id, at, stop).await {
            Err(SpoolError::Cancelled) => Err(self.displaced()),
            Err(SpoolError::NotFound { .. }) => {
                tracing::warn!("the bytes of an unfinished upload are gone; it has to begin anew");
                self.shared.catalog.drop_upload(id).await?;
                self.seats().remove(&id);
                self.shared.spool.remove_upload(id).await?;
                Err(UploadError::NoSuchUpload)
            }
            opened => Ok(opened?),
        }
    }
}

impl Continuing {
    /// How many bytes of the upload were still to come when the turn began, if its length is known.
    pub fn left(&self) -> Option<u64> {
        self.turn.as_ref()?.left()
    }

    /// Waits until the turn is over, for one of these reasons: `Superseded`, `Busy`.
    pub async fn displaced(&self) -> UploadError {
        self.stop.cancelled().await;
        self.turn.as_ref().map_or(UploadError::Superseded, |turn| turn.uploads().displaced())
    }

    /// Takes the next bytes; waits while the disk is behind. After an error, what came since the
    /// last save does not count.
    ///
    /// # Errors
    /// `TooLong`, `TooLarge`, or when there is no room any more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.turn.as_mut().ok_or(UploadError::Superseded)?.write(bytes).await
    }

    /// Ends the turn: what came counts. An upload that is complete by that becomes a film.
    ///
    /// # Errors
    /// When the disk or the catalog fails: what came since the last save does not count then.
    pub async fn keep(self) -> Result<Kept, UploadError> {
        self.end(Verdict::Counts).await
    }

    /// Ends the turn: what came since the last save does not count.
    ///
    /// # Errors
    /// When the last save failed.
    pub async fn discard(self) -> Result<Kept, UploadError> {
        self.end(Verdict::Void).await
    }

    async fn end(mut self, verdict: Verdict) -> Result<Kept, UploadError> {
        let turn = self.turn.take().ok_or(UploadError::Superseded)?;
        let uploads = turn.uploads().clone();
        uploads.to_its_end("end a turn at an upload", turn.end(verdict)).await
    }
}

impl Drop for Continuing {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let shutdown = turn.uploads().shared.shutdown.clone();
        let verdict = turn.verdict_if_left();
        shutdown.spawn("keep what came of an upload", async move {
            if let Err(error) = turn.end(verdict).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the last bytes of an interrupted upload were not kept; its sender sends them again"
                );
            }
        });
    }
}
