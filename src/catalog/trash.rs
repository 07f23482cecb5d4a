//! Deleting in two phases: to the trash, where nobody reads it any more and it can be restored;
//! then, when its time has come, doomed blob by blob until nothing is left.

use super::doubts::{abandon, unheard_of};
use super::jobs::{self, JobKind, JobLease, JobState, cancel, hold};
use super::videos::{self, requeue};
use super::{Catalog, CatalogError, NotRemoved, Source, litter, sidecars};
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::id::{BlobId, JobId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// A blob that nobody may name any more, with every place where bytes of it may lie.
#[derive(Clone, Debug)]
pub struct DoomedBlob {
    /// The blob.
    pub blob: BlobId,
    /// Its copies, whatever their state.
    pub locators: Vec<Locator>,
    /// Copies that were intended and of which nobody heard whether they were made, by channel.
    pub unheard: BTreeMap<ChannelId, Vec<UnheardCopy>>,
}

impl Catalog {
    /// Moves a video to the trash and stops what works on it; it is removed for good at
    /// `forget_at`. One that is there already gets the earlier of both times. Answers the jobs to
    /// stop, or `None` when there is no such video.
    pub async fn trash_video(
        &self,
        id: VideoId,
        forget_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Vec<JobId>>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::row_of(tx, id)? else { return Ok(None) };
                let trashed: bool =
                    tx.query_row("SELECT trashed_at IS NOT NULL FROM videos WHERE id = ?1", [row], |row| row.get(0))?;
                if trashed {
                    hasten(tx, row, forget_at, now)?;
                    return Ok(Some(Vec::new()));
                }
                let mut stopped = Vec::new();
                for kind in [JobKind::Ingest, JobKind::Refine, JobKind::Attach, JobKind::Mend, JobKind::Move] {
                    stopped.extend(cancel(tx, row, kind, now)?);
                }
                videos::mark_cancelled(tx, row, now)?;
                tx.execute("UPDATE videos SET trashed_at = ?2, updated_at = ?2 WHERE id = ?1", params![row, now.0])?;
                jobs::enqueue(tx, JobKind::Forget, row, forget_at, now)?;
                Ok(Some(stopped))
            })
            .await
    }

    /// Takes a video out of the trash. One whose preparation was stopped by the deletion goes on.
    /// Answers whether there is such a video.
    ///
    /// # Errors
    /// `NotAllowed` when it is being removed already.
    pub async fn restore_video(&self, id: VideoId, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let found: Option<(i64, bool, bool)> = tx
                    .query_row(
                        "SELECT id, trashed_at IS NOT NULL,
                                EXISTS (SELECT 1 FROM blobs WHERE blobs.video = videos.id AND blobs.state = 'doomed')
                             OR EXISTS (SELECT 1 FROM jobs WHERE jobs.video = videos.id AND jobs.kind = 'forget'
                                           AND jobs.state = 'running')
                           FROM videos WHERE uuid = ?1",
                        [id.0],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                    )
                    .optional()?;
                let Some((row, trashed, doomed)) = found else { return Ok(false) };
                if doomed {
                    return Err(CatalogError::NotAllowed("the video is being removed for good already"));
                }
                if trashed {
                    let (goes_on, is_refined) =
                        (was_stopped_by_deletion(tx, row)?, was_refined_until_deletion(tx, row)?);
                    cancel(tx, row, JobKind::Forget, now)?;
                    tx.execute(
                        "UPDATE videos SET trashed_at = NULL, updated_at = ?2 WHERE id = ?1",
                        params![row, now.0],
                    )?;
                    if goes_on {
                        requeue(tx, row, now)?;
                    }
                    if is_refined {
                        jobs::enqueue(tx, JobKind::Refine, row, now, now)?;
                    }
                    sidecars::attach_if_due(tx, row, now)?;
                }
                Ok(true)
            })
            .await
    }

    /// Dooms every blob of the job's video and answers them: from now on there is no way back.
    ///
    /// # Errors
    /// `NotAllowed` when the video is not in the trash.
    pub async fn doom(&self, lease: JobLease) -> Result<Vec<DoomedBlob>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let trashed: bool =
                    tx.query_row("SELECT trashed_at IS NOT NULL FROM videos WHERE id = ?1", [video], |row| row.get(0))?;
                if !trashed {
                    return Err(CatalogError::NotAllowed("only a video in the trash can be removed for good"));
                }
                tx.execute("UPDATE blobs SET state = 'doomed' WHERE video = ?1", [video])?;
                let mut statement = tx.prepare("SELECT id FROM blobs WHERE video = ?1 ORDER BY id")?;
                let blobs =
                    statement.query_map([video], |row| row.get(0).map(BlobId))?.collect::<Result<Vec<_>, _>>()?;
                let mut doomed = Vec::with_capacity(blobs.len());
                for blob in blobs {
                    let mut statement =
                        tx.prepare_cached("SELECT locator FROM copies WHERE blob = ?1 AND locator IS NOT NULL")?;
                    let locators =
                        statement.query_map([blob.0], |row| row.get(0).map(Locator))?.collect::<Result<Vec<_>, _>>()?;
                    doomed.push(DoomedBlob { blob, locators, unheard: unheard_of(tx, blob)? });
                }
                Ok(doomed)
            })
            .await
    }

    /// Forgets copies of the job's doomed blobs after the store was asked to remove them. Those `refused` it may not:
    /// they are litter, as is what was found beside them.
    pub async fn forget_copies(
        &self,
        lease: JobLease,
        removed: Vec<Locator>,
        refused: Vec<Locator>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let all: Vec<&Locator> = removed.iter().chain(&refused).collect();
        let all = serde_json::json!(all).to_string();
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                litter::keep(tx, &refused, NotRemoved::Refused, now)?;
                tx.prepare_cached(
                    "DELETE FROM copies WHERE blob IN (SELECT id FROM blobs WHERE video = ?1 AND state = 'doomed')
                        AND locator IN (SELECT value FROM json_each(?2))",
                )?
                .execute(params![video, all])?;
                Ok(())
            })
            .await
    }

    /// Forgets doomed blobs whose bytes are gone everywhere.
    pub async fn forget_blobs(&self, lease: JobLease, blobs: Vec<BlobId>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let mut statement =
                    tx.prepare_cached("DELETE FROM blobs WHERE id = ?1 AND video = ?2 AND state = 'doomed'")?;
                for blob in blobs {
                    statement.execute(params![blob.0, video])?;
                }
                Ok(())
            })
            .await
    }

    /// Gives up doomed blobs of which something may be left: their copies are litter from now on, and those of which
    /// nobody heard are doubts.
    pub async fn abandon_blobs(&self, lease: JobLease, blobs: Vec<BlobId>, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                for blob in blobs {
                    let is_doomed = tx
                        .prepare_cached("SELECT 1 FROM blobs WHERE id = ?1 AND video = ?2 AND state = 'doomed'")?
                        .exists(params![blob.0, video])?;
                    if is_doomed {
                        abandon(tx, blob, now)?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Removes the last trace of the job's video, the job included. Answers its source, whose
    /// bytes the caller removes if they are ours.
    ///
    /// # Errors
    /// `NotAllowed` while a blob of it is known.
    pub async fn forget_video(&self, lease: JobLease) -> Result<Source, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let left: bool =
                    tx.query_row("SELECT EXISTS (SELECT 1 FROM blobs WHERE video = ?1)", [video], |row| row.get(0))?;
                if left {
                    return Err(CatalogError::NotAllowed("blobs of the video are still known"));
                }
                let source =
                    tx.query_row("SELECT source_kind, source FROM videos WHERE id = ?1", [video], videos::source)?;
                tx.execute("DELETE FROM videos WHERE id = ?1", [video])?;
                Ok(source)
            })
            .await
    }
}

/// Brings forward when a trashed video is forgotten. A job that failed at it is followed by a new
/// one, or the video would stay in the trash for ever.
fn hasten(tx: &rusqlite::Transaction<'_>, row: i64, forget_at: Timestamp, now: Timestamp) -> Result<(), CatalogError> {
    let open = tx.execute(
        "UPDATE jobs SET run_after = min(run_after, ?2) WHERE video = ?1 AND kind = 'forget'
            AND state IN ('queued', 'waiting', 'running')",
        params![row, forget_at.0],
    )?;
    if open == 0 {
        jobs::enqueue(tx, JobKind::Forget, row, forget_at, now)?;
    }
    Ok(())
}

/// Whether the trashed video's own ingest was stopped by its deletion, and not by a person before.
fn was_stopped_by_deletion(tx: &rusqlite::Transaction<'_>, row: i64) -> Result<bool, CatalogError> {
    Ok(tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM videos JOIN jobs ON jobs.id = videos.job
           WHERE videos.id = ?1 AND videos.state = 'failed' AND jobs.state = ?2
             AND jobs.finished_at >= videos.trashed_at)",
        params![row, JobState::Cancelled.text()],
        |row| row.get(0),
    )?)
}

/// Whether the trashed video was still being refined when it was deleted; its last refinement tells.
fn was_refined_until_deletion(tx: &rusqlite::Transaction<'_>, row: i64) -> Result<bool, CatalogError> {
    Ok(tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM videos JOIN jobs ON jobs.id = (SELECT max(id) FROM jobs AS refined
               WHERE refined.video = videos.id AND refined.kind = 'refine')
           WHERE videos.id = ?1 AND jobs.state = ?2 AND jobs.finished_at >= videos.trashed_at)",
        params![row, JobState::Cancelled.text()],
        |row| row.get(0),
    )?)
}
