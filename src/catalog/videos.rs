//! Videos: what people call them, and where each stands on its way.

use super::jobs::{self, JobKind, JobLease, JobState, hold};
use super::sqlite::{parsed, word};
use super::{Catalog, CatalogError};
use crate::media::id::{JobId, UploadId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use std::path::PathBuf;

/// Where a video is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoState {
    /// Its bytes are here; nothing was done with them yet.
    Received,
    /// It is being prepared; it may be playable already.
    Processing,
    /// Everything of it is stored and verified.
    Ready,
    /// It could not be prepared; its error says why.
    Failed,
}

/// Where the bytes of a video come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Uploaded; they lie in the spool and are ours to remove.
    Upload(UploadId),
    /// A file of the person's own, read where it lies and never touched.
    File(PathBuf),
}

/// A video as lists and details show it.
#[derive(Clone, Debug)]
pub struct Video {
    /// Its public id.
    pub id: VideoId,
    /// Its title.
    pub title: String,
    /// What a person wrote about it.
    pub description: String,
    /// Where it is on its way.
    pub state: VideoState,
    /// Why it failed.
    pub error: Option<String>,
    /// Stage of its job: one word.
    pub stage: String,
    /// How far its job is, 0 to 1.
    pub fraction: Option<f64>,
    /// Seconds its job still needs.
    pub eta_s: Option<u64>,
    /// Where its job is in its life.
    pub job_state: Option<JobState>,
    /// Whether a player can start it now.
    pub playable: bool,
    /// Whether every blob has as many verified copies as configured.
    pub protected: bool,
    /// Length in milliseconds, once known.
    pub duration_ms: Option<u64>,
    /// Size of the picture as shown.
    pub size: Option<(u32, u32)>,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// A word that is another one for another poster; `None` without any.
    pub poster: Option<String>,
    /// When it arrived.
    pub created_at: Timestamp,
    /// When it went to the trash.
    pub trashed_at: Option<Timestamp>,
}

/// What a person changes about a video; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// New title, already cleaned and not empty.
    pub title: Option<String>,
    /// New description, already cleaned.
    pub description: Option<String>,
}

/// The last try to refine a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refinement {
    /// Where it is in its life.
    pub state: JobState,
    /// Why it waits or failed.
    pub error: Option<String>,
    /// Whether it failed in a way that another try may cure; the source is kept for that.
    pub retriable: bool,
}

impl VideoState {
    pub(super) const ALL: [Self; 4] = [Self::Received, Self::Processing, Self::Ready, Self::Failed];

    /// The word the catalog and the API use.
    pub fn text(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// That a video can be played: each of its planned tracks lists a segment.
pub(super) const PLAYABLE: &str = "(videos.tracks > 0 AND videos.tracks <= (SELECT count(*) FROM renditions
    WHERE renditions.video = videos.id AND renditions.refines = 0
      AND EXISTS (SELECT 1 FROM segments WHERE segments.rendition = renditions.id)))";

/// Columns of `Video`; `?1` is the number of copies that make a blob protected.
pub(super) fn columns() -> String {
    format!(
        "videos.uuid, videos.title, videos.description, videos.state, videos.error,
             jobs.stage, jobs.fraction, jobs.eta_s, jobs.state,
             {PLAYABLE},
             videos.state = 'ready' AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.video = videos.id
                 AND (SELECT count(*) FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified') < ?1),
             videos.duration_ms, videos.width, videos.height, videos.source_bytes,
             CASE WHEN videos.poster_still IS NOT NULL THEN 's' || videos.poster_still WHEN videos.poster IS NOT NULL THEN 'b' || videos.poster END,
             videos.created_at, videos.trashed_at"
    )
}

impl Catalog {
    /// One video, trashed or not; `None` when there is none. `replicas`: verified copies that make it protected.
    pub async fn video(&self, id: VideoId, replicas: u32) -> Result<Option<Video>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let columns = columns();
                let sql = format!(
                    "SELECT {columns} FROM videos LEFT JOIN jobs ON jobs.id = videos.job WHERE videos.uuid = ?2"
                );
                Ok(tx.prepare_cached(&sql)?.query_row(params![replicas, id.0], record).optional()?)
            })
            .await
    }

    /// Changes what people call a video. Answers whether it exists and is not in the trash.
    pub async fn describe_video(&self, id: VideoId, changes: Changes, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let touched = tx.execute(
                    "UPDATE videos SET title = coalesce(?2, title), description = coalesce(?3, description), updated_at = ?4
                      WHERE uuid = ?1 AND trashed_at IS NULL",
                    params![id.0, changes.title, changes.description, now.0],
                )?;
                Ok(touched == 1)
            })
            .await
    }

    /// What was found in a video's file and what was planned for it, as JSON; `None` before that is known.
    pub async fn planned_for(&self, video: VideoId) -> Result<Option<(String, String)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT probe, plan FROM videos WHERE uuid = ?1 AND probe IS NOT NULL AND plan IS NOT NULL";
                Ok(tx.prepare_cached(sql)?.query_row([video.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
            })
            .await
    }

    /// The last try to refine a video; `None` before there is any.
    pub async fn refinement(&self, video: VideoId) -> Result<Option<Refinement>, CatalogError> {
        self.sqlite
            .read(move |tx| match row_of(tx, video)? {
                Some(row) => refinement_of(tx, row),
                None => Ok(None),
            })
            .await
    }

    /// Where the bytes of the job's video lie, and how many they were when it was accepted.
    pub async fn source_of(&self, lease: JobLease) -> Result<(Source, u64), CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let known = "SELECT source_kind, source, source_bytes FROM videos WHERE id = ?1";
                Ok(tx.query_row(known, [video], |row| Ok((source(row)?, row.get(2)?)))?)
            })
            .await
    }

    /// Says that the job's video is being prepared now. Answers whether there is anything to do: a
    /// job that was cut off after it had published its video has nothing left but to end.
    pub async fn begin_processing(&self, lease: JobLease, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let begun = tx.execute(
                    "UPDATE videos SET state = 'processing', error = NULL, updated_at = ?2
                      WHERE id = ?1 AND state <> 'ready'",
                    params![video, now.0],
                )?;
                Ok(begun == 1)
            })
            .await
    }

    /// Records what was found in the file and what is to be done with it, both as JSON, so that a
    /// job that runs again does the same.
    pub async fn record_plan(
        &self,
        lease: JobLease,
        probe: String,
        plan: String,
        shown: Shown,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                tx.execute(
                    "UPDATE videos SET probe = ?2, plan = ?3, duration_ms = ?4, width = ?5, height = ?6, tracks = ?7,
                            updated_at = ?8
                      WHERE id = ?1",
                    params![
                        video,
                        probe,
                        plan,
                        shown.duration_ms,
                        shown.size.map(|size| size.0),
                        shown.size.map(|size| size.1),
                        shown.tracks,
                        now.0
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// The recorded probe and plan of the job's video, as JSON.
    pub async fn plan_of(&self, lease: JobLease) -> Result<Option<(String, String)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let row: (Option<String>, Option<String>) =
                    tx.query_row("SELECT probe, plan FROM videos WHERE id = ?1", [video], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
                Ok(row.0.zip(row.1))
            })
            .await
    }

    /// Queues what failed or was stopped of a video again: its ingest, or what refines it.
    ///
    /// # Errors
    /// `NotAllowed` when the video is in the trash, still worked on, or did not fail.
    pub async fn retry_ingest(&self, id: VideoId, now: Timestamp) -> Result<Option<JobId>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let found: Option<(i64, String, bool)> = tx
                    .query_row("SELECT id, state, trashed_at IS NULL FROM videos WHERE uuid = ?1", [id.0], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                    })
                    .optional()?;
                match found {
                    None => Ok(None),
                    Some((row, state, true)) if state == "failed" => requeue(tx, row, now).map(Some),
                    Some((row, _, true)) if refinement_of(tx, row)?.is_some_and(|last| last.retriable) => {
                        jobs::enqueue(tx, JobKind::Refine, row, now, now).map(|job| Some(JobId(job)))
                    }
                    Some((_, _, true)) => Err(CatalogError::NotAllowed("only a video that failed can be tried again")),
                    Some(_) => Err(CatalogError::NotAllowed("the video is in the trash: restore it first")),
                }
            })
            .await
    }
}

fn refinement_of(tx: &Transaction<'_>, row: i64) -> Result<Option<Refinement>, CatalogError> {
    let sql = "SELECT state, error, state = 'failed' AND stage = 'failed' FROM jobs
                WHERE video = ?1 AND kind = 'refine' ORDER BY id DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        let state = word(row, 0, &JobState::ALL, JobState::text)?;
        Ok(Refinement { state, error: row.get(1)?, retriable: row.get(2)? })
    };
    Ok(tx.prepare_cached(sql)?.query_row([row], read).optional()?)
}

/// What is shown of a video before it is prepared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// How many tracks it will have: with a segment of each it is playable.
    pub tracks: u32,
    /// Length in milliseconds.
    pub duration_ms: Option<u64>,
    /// Width and height as shown.
    pub size: Option<(u32, u32)>,
}

/// Begins a new ingest of the video from what is there.
pub(super) fn requeue(tx: &Transaction<'_>, row: i64, now: Timestamp) -> Result<JobId, CatalogError> {
    let job = jobs::enqueue(tx, JobKind::Ingest, row, now, now)?;
    tx.execute(
        "UPDATE videos SET state = 'received', error = NULL, job = ?2, updated_at = ?3 WHERE id = ?1",
        params![row, job, now.0],
    )?;
    Ok(JobId(job))
}

/// The row number of a video.
pub(super) fn row_of(tx: &Transaction<'_>, id: VideoId) -> Result<Option<i64>, CatalogError> {
    Ok(tx.prepare_cached("SELECT id FROM videos WHERE uuid = ?1")?.query_row([id.0], |row| row.get(0)).optional()?)
}

/// The row number of a video outside the trash.
pub(super) fn live_row_of(tx: &Transaction<'_>, id: VideoId) -> Result<Option<i64>, CatalogError> {
    let sql = "SELECT id FROM videos WHERE uuid = ?1 AND trashed_at IS NULL";
    Ok(tx.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?)
}

/// Marks the video of a failed ingest as failed.
pub(super) fn fail(tx: &Transaction<'_>, job: JobId, why: &str, now: Timestamp) -> Result<(), CatalogError> {
    tx.execute(
        "UPDATE videos SET state = 'failed', error = ?2, updated_at = ?3
          WHERE id = (SELECT video FROM jobs WHERE id = ?1 AND kind = 'ingest') AND state <> 'ready'",
        params![job.0, why, now.0],
    )?;
    Ok(())
}

/// Marks a video whose ingest a person stopped.
pub(super) fn mark_cancelled(tx: &Transaction<'_>, row: i64, now: Timestamp) -> Result<(), CatalogError> {
    tx.execute(
        "UPDATE videos SET state = 'failed', error = 'It was stopped before it was ready. Try again to go on.', updated_at = ?2
          WHERE id = ?1 AND state IN ('received', 'processing')",
        params![row, now.0],
    )?;
    Ok(())
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Video> {
    let stage: Option<String> = row.get(5)?;
    let job_state = match row.get::<_, Option<String>>(8)? {
        None => None,
        Some(_) => Some(word(row, 8, &JobState::ALL, JobState::text)?),
    };
    let size: (Option<u32>, Option<u32>) = (row.get(12)?, row.get(13)?);
    Ok(Video {
        id: VideoId(row.get(0)?),
        title: row.get(1)?,
        description: row.get(2)?,
        state: word(row, 3, &VideoState::ALL, VideoState::text)?,
        error: row.get(4)?,
        stage: stage.unwrap_or_default(),
        fraction: row.get(6)?,
        eta_s: row.get(7)?,
        job_state,
        playable: row.get(9)?,
        protected: row.get(10)?,
        duration_ms: row.get(11)?,
        size: size.0.zip(size.1),
        source_bytes: row.get(14)?,
        poster: row.get(15)?,
        created_at: Timestamp(row.get(16)?),
        trashed_at: row.get::<_, Option<i64>>(17)?.map(Timestamp),
    })
}

pub(super) fn source(row: &Row<'_>) -> rusqlite::Result<Source> {
    let kind: String = row.get(0)?;
    if kind == "file" {
        return Ok(Source::File(PathBuf::from(row.get::<_, String>(1)?)));
    }
    parsed(row, 1).map(Source::Upload)
}
