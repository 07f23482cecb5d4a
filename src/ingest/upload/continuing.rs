//! Uploads that come in several pieces and go on after any interruption, that of this server included.
//!
//! One sender at a time has an upload's seat; a newcomer ends the turn of whoever has it, as that is
//! most often the same sender over a connection that died. What counts is what the catalog says:
//! bytes are made durable first and recorded then, every two seconds and at the end of each turn.
//! The last bytes are recorded by the same step that makes the upload a film.

use super::turn::{Turn, Verdict};
use super::{UploadError, Uploads};
use crate::catalog::{Accepted, Beginning, CatalogError, Labels, Resumable, ResumableKind};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use crate::spool::{SpoolError, UploadWriter};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// Most unfinished uploads. Each may hold an open file.
pub(super) const MOST_UNFINISHED: u64 = 100;

/// How long a newcomer waits for the end of the turn before its own.
const HANDOVER: Duration = Duration::from_secs(30);

/// Where one sender of an upload sits. Between turns the writer waits there, with the hash so far.
#[derive(Default)]
pub(super) struct Seat {
    held: Arc<Mutex<Option<UploadWriter>>>,
    stop: CancellationToken,
}

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

/// A turn taken over: nobody else writes.
pub(super) struct Taken {
    pub(super) seat: OwnedMutexGuard<Option<UploadWriter>>,
    stop: CancellationToken,
}

impl Uploads {
    /// Begins an upload that may come in pieces.
    ///
    /// # Errors
    /// `TooLarge`, `TooMany`, or when there is no room.
    pub async fn create(&self, labels: Labels, bytes_total: Option<u64>) -> Result<Resumable, UploadError> {
        let id = UploadId::fresh();
        self.record_beginning(id, labels, bytes_total).await?;
        if let Err(error) = self.shared.spool.reserve_upload(id, bytes_total.unwrap_or_default()) {
            self.shared.catalog.drop_upload(id).await?;
            return Err(error.into());
        }
        self.find(id).await
    }

    pub(super) async fn record_beginning(
        &self,
        id: UploadId,
        labels: Labels,
        bytes_total: Option<u64>,
    ) -> Result<(), UploadError> {
        self.admit(bytes_total)?;
        let now = self.shared.clock.now();
        match self.shared.catalog.begin_resumable(id, labels, bytes_total, MOST_UNFINISHED, now).await? {
            Beginning::Begun => Ok(()),
            Beginning::TooMany => Err(UploadError::TooMany { most: MOST_UNFINISHED }),
        }
    }

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
        let taken = self.take_over(id).await?;
        let upload = self.find(id).await?;
        let complete = upload.labels.kind == ResumableKind::Whole && upload.bytes_total == Some(upload.bytes_safe);
        if !complete || upload.video.is_some() {
            return Ok(upload);
        }
        let go_on = GoOn { at: upload.bytes_safe, bytes_total: None, trust: Trust::AsTheyCome };
        self.seated(taken, upload, go_on).await?.keep().await?;
        self.find(id).await
    }

    /// Takes a turn at an upload; a turn that is under way ends.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Complete`, `WrongOffset`, `WrongLength`, `TooLarge`, `Superseded` by the next
    /// one, `Busy`, or when there is no room.
    pub async fn go_on(&self, id: UploadId, go_on: GoOn) -> Result<Continuing, UploadError> {
        self.find(id).await?;
        let taken = self.take_over(id).await?;
        let upload = self.find(id).await?;
        self.seated(taken, upload, go_on).await
    }

    /// When an unfinished upload expires unless something of it comes.
    pub fn expiry(&self, upload: &Resumable) -> Timestamp {
        upload.touched_at.after(self.shared.expires)
    }

    /// Ends an unfinished upload: nothing is left of it.
    ///
    /// # Errors
    /// `NoSuchUpload`, `Complete`, `Superseded`, `Busy`.
    pub async fn terminate(&self, id: UploadId) -> Result<(), UploadError> {
        self.find(id).await?;
        let taken = self.take_over(id).await?;
        let upload = self.find(id).await?;
        if upload.video.is_some() || upload.labels.kind == ResumableKind::Joined {
            return Err(UploadError::Complete);
        }
        self.remove(id, taken).await
    }

    /// Removes what expired, now and then, until the end.
    pub async fn keep_tidy(self, end: CancellationToken) {
        let pause = (self.shared.expires / 4).clamp(Duration::from_millis(250), Duration::from_secs(60));
        loop {
            if let Err(error) = self.remove_expired().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "expired uploads were not removed; this is tried again");
            }
            if end.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn remove_expired(&self) -> Result<(), UploadError> {
        let now = self.shared.clock.now();
        let before =
            Timestamp(now.0.saturating_sub(i64::try_from(self.shared.expires.as_millis()).unwrap_or(i64::MAX)));
        for id in self.shared.catalog.abandoned_uploads(before).await? {
            let held = Arc::clone(&self.seats().entry(id).or_default().held);
            // Who sends right now has not abandoned it.
            let Ok(seat) = held.try_lock_owned() else { continue };
            let still = self.shared.catalog.resumable(id).await?;
            if still.is_some_and(|upload| upload.video.is_none() && self.expiry(&upload) <= now) {
                self.remove(id, Taken { seat, stop: CancellationToken::new() }).await?;
                tracing::info!("an unfinished upload expired");
            }
        }
        Ok(())
    }

    /// The record first: bytes without one are removed by the next start.
    pub(super) async fn remove(&self, id: UploadId, mut taken: Taken) -> Result<(), UploadError> {
        self.shared.catalog.drop_upload(id).await?;
        if let Some(writer) = taken.seat.take() {
            writer.abandon().await;
        }
        self.shared.spool.remove_upload(id).await?;
        self.seats().remove(&id);
        Ok(())
    }

    pub(super) async fn find(&self, id: UploadId) -> Result<Resumable, UploadError> {
        let upload = self.shared.catalog.resumable(id).await?.ok_or(UploadError::NoSuchUpload)?;
        let expired = upload.video.is_none() && self.expiry(&upload) <= self.shared.clock.now();
        if expired { Err(UploadError::NoSuchUpload) } else { Ok(upload) }
    }

    pub(super) async fn take_over(&self, id: UploadId) -> Result<Taken, UploadError> {
        let (held, stop) = {
            let mut seats = self.seats();
            let seat = seats.entry(id).or_default();
            seat.stop.cancel();
            seat.stop = self.shared.shutdown.token().child_token();
            (Arc::clone(&seat.held), seat.stop.clone())
        };
        tokio::select! {
            seat = held.lock_owned() => Ok(Taken { seat, stop }),
            () = stop.cancelled() => Err(self.displaced()),
            () = tokio::time::sleep(HANDOVER) => Err(UploadError::Busy),
        }
    }

    /// Why a turn ends early.
    fn displaced(&self) -> UploadError {
        let ending = self.shared.shutdown.token().is_cancelled();
        if ending { UploadError::Busy } else { UploadError::Superseded }
    }

    async fn seated(&self, taken: Taken, mut upload: Resumable, go_on: GoOn) -> Result<Continuing, UploadError> {
        let Taken { mut seat, stop } = taken;
        let (id, at) = (upload.id, upload.bytes_safe);
        if upload.video.is_some() || upload.labels.kind == ResumableKind::Joined {
            return Err(UploadError::Complete);
        }
        if go_on.at != at {
            return Err(UploadError::WrongOffset { bytes_safe: at });
        }
        if let Some(claimed) = go_on.bytes_total {
            self.learn_length(&mut upload, claimed).await?;
        }
        if seat.as_ref().is_none_or(|writer| writer.received() != at) {
            *seat = Some(self.reopen(id, at).await?);
        }
        Ok(Continuing { stop, turn: Some(Turn::begin(self, upload, go_on.trust, seat)) })
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

    async fn reopen(&self, id: UploadId, at: u64) -> Result<UploadWriter, UploadError> {
        match self.shared.spool.continue_upload(id, at).await {
            Err(SpoolError::NotFound { .. }) => {
                tracing::warn!("the bytes of an unfinished upload are gone; it has to begin anew");
                self.shared.catalog.drop_upload(id).await?;
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

    /// In a task of its own: a sender that hangs up does not tear this.
    async fn end(mut self, verdict: Verdict) -> Result<Kept, UploadError> {
        let turn = self.turn.take().ok_or(UploadError::Superseded)?;
        let shutdown = turn.uploads().shared.shutdown.clone();
        let ending = shutdown.spawn("end a turn at an upload", turn.end(verdict));
        ending.await.map_err(|_| UploadError::Catalog(CatalogError::Closed))?
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
