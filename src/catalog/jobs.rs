//! Jobs: what is to be done, who holds it, and how far it is.
//!
//! A job is held by a *lease* with a *fence*: a number that grows with every claim, so that a
//! worker that overslept cannot commit anything any more.

use super::sqlite::word;
use super::turns::step;
use super::unseen::UNSEEN;
use super::{Catalog, CatalogError, videos};
pub use crate::events::JobState;
use crate::media::id::{JobId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;

/// What a job does. Each kind carries the video it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Make an arrived file playable.
    Ingest,
    /// Make a playable film better: further sizes, sounds, subtitles.
    Refine,
    /// Take in what a person added to a film beside its file, and remove what they took away.
    Attach,
    /// Remove a trashed video for good.
    Forget,
    /// Make the copies a video lacks.
    Mend,
    /// Bring a video's blobs to the store that is in use now.
    Move,
}

/// The right to work on a job, until somebody else claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLease {
    /// The job.
    pub job: JobId,
    /// Its fence at the time of the claim.
    pub fence: i64,
}

/// How far a job is, in words and numbers for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// What it does now: one word.
    pub stage: String,
    /// 0 to 1 of the whole job; `None` where the length is unknown.
    pub fraction: Option<f64>,
    /// Times playing speed.
    pub speed: Option<f64>,
    /// Seconds left.
    pub eta_s: Option<u64>,
}

/// A job as it stands.
#[derive(Clone, Debug)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// To which video.
    pub video: VideoId,
    /// That video's title.
    pub title: String,
    /// Where in its life it is.
    pub state: JobState,
    /// How often it was claimed without coming to an end by its own will.
    pub attempts: u32,
    /// How far it is.
    pub progress: Progress,
    /// Why it waits or failed.
    pub error: Option<String>,
}

/// How a claimed job ends, for now or for good.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// It did what it was for.
    Done,
    /// What it is about cannot be taken, for this reason.
    Refused(String),
    /// It gave up, for this reason.
    Failed(String),
    /// Try again at this time; the reason is shown meanwhile.
    Wait(Timestamp, String),
    /// The process ends: anybody may go on at once, and it was nobody's fault.
    HandedBack,
}

const COLUMNS: &str = "jobs.id, jobs.kind, videos.uuid, videos.title, jobs.state, jobs.attempts, jobs.stage,
    jobs.fraction, jobs.speed, jobs.eta_s, jobs.error, jobs.fence";

/// That nobody works on the job's video for another job at ?1: both would have their hands on its files.
const ALONE: &str = "NOT EXISTS (SELECT 1 FROM jobs AS other WHERE other.video = jobs.video
    AND other.id <> jobs.id AND other.state = 'running' AND other.lease_until >= ?1)";

impl JobKind {
    const ALL: [Self; 6] = [Self::Ingest, Self::Refine, Self::Attach, Self::Forget, Self::Mend, Self::Move];

    /// The word the catalog and the API use.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Refine => "refine",
            Self::Attach => "attach",
            Self::Forget => "forget",
            Self::Mend => "mend",
            Self::Move => "move",
        }
    }
}

impl Catalog {
    /// Claims the next job of a kind that is due: films that cannot be played yet first, then the highest priority, then
    /// what browsers wait for, then the oldest. A job whose lease ran out is due again; jobs of `busy` videos, and of
    /// those that another job is running for, are passed over. The version stays where there is none.
    pub async fn claim_job(
        &self,
        kind: JobKind,
        busy: Vec<VideoId>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<(JobRecord, JobLease)>, CatalogError> {
        // Most who ask find nothing: they keep nobody from writing.
        let known = busy.clone();
        if self.sqlite.read(move |tx| due(tx, kind, &known, now)).await?.is_none() {
            return Ok(None);
        }
        self.sqlite
            .write_if_any(move |tx| {
                let Some(id) = due(tx, kind, &busy, now)? else { return Ok(None) };
                tx.execute(
                    "UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, lease_until = ?2,
                            error = NULL, started_at = coalesce(started_at, ?3)
                      WHERE id = ?1",
                    params![id, lease_until.0, now.0],
                )?;
                let sql =
                    format!("SELECT {COLUMNS} FROM jobs JOIN videos ON videos.id = jobs.video WHERE jobs.id = ?1");
                let claimed = tx.query_row(&sql, [id], |row| Ok((record(row)?, row.get(11)?)))?;
                let lease = JobLease { job: JobId(id), fence: claimed.1 };
                Ok(Some((claimed.0, lease)))
            })
            .await
    }

    /// When the next waiting job of a kind is due that `claim_job` would not pass over now; `None` when there is none.
    pub async fn next_job_due(
        &self,
        kind: JobKind,
        busy: Vec<VideoId>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT jobs.run_after, videos.uuid FROM jobs JOIN videos ON videos.id = jobs.video
                      WHERE jobs.kind = ?2 AND jobs.state IN ('queued', 'waiting') AND {ALONE}
                      ORDER BY jobs.run_after"
                );
                Ok(first_free(tx, &sql, kind, &busy, now)?.map(Timestamp))
            })
            .await
    }

    /// Prolongs a lease and records how far the job is.
    ///
    /// # Errors
    /// `LeaseLost` when the job was cancelled or claimed by another.
    pub async fn beat_job(&self, lease: JobLease, until: Timestamp, progress: Progress) -> Result<(), CatalogError> {
        self.sqlite
            .write_aside(move |tx| {
                hold(tx, lease)?;
                tx.prepare_cached(
                    "UPDATE jobs SET lease_until = ?2, stage = ?3, fraction = ?4, speed = ?5, eta_s = ?6 WHERE id = ?1",
                )?
                .execute(params![
                    lease.job.0,
                    until.0,
                    progress.stage,
                    progress.fraction,
                    progress.speed,
                    progress.eta_s
                ])?;
                Ok(())
            })
            .await
    }

    /// Ends a claim. A failed ingest fails its video too, in the same transaction.
    ///
    /// # Errors
    /// `LeaseLost` when the job was cancelled or claimed by another meanwhile.
    pub async fn settle_job(&self, lease: JobLease, how: Settlement, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                hold(tx, lease)?;
                let (state, stage, run_after, error) = match how {
                    Settlement::Done => (JobState::Done, None, now, None),
                    Settlement::Refused(why) => (JobState::Failed, Some("refused"), now, Some(why)),
                    Settlement::Failed(why) => (JobState::Failed, Some("failed"), now, Some(why)),
                    Settlement::Wait(until, why) => (JobState::Waiting, None, until, Some(why)),
                    Settlement::HandedBack => (JobState::Queued, None, now, None),
                };
                tx.execute(
                    "UPDATE jobs SET state = ?2, run_after = ?3, error = ?4, lease_until = NULL, speed = NULL,
                            eta_s = NULL, stage = coalesce(?8, stage),
                            attempts = attempts - ?5, finished_at = iif(?6, ?7, NULL)
                      WHERE id = ?1",
                    params![
                        lease.job.0,
                        state.text(),
                        run_after.0,
                        error,
                        // What was handed back failed in no way.
                        i64::from(state == JobState::Queued),
                        state.is_over(),
                        now.0,
                        stage
                    ],
                )?;
                if state == JobState::Failed {
                    videos::fail(tx, lease.job, error.as_deref().unwrap_or_default(), now)?;
                }
                Ok(())
            })
            .await
    }

    /// Stops the video's running or waiting ingest for good. Answers the jobs that were running,
    /// so that their workers can be told; their commits are refused from now on.
    pub async fn cancel_ingest(&self, video: VideoId, now: Timestamp) -> Result<Vec<JobId>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::row_of(tx, video)? else { return Ok(Vec::new()) };
                let stopped = cancel(tx, row, JobKind::Ingest, now)?;
                if !stopped.is_empty() {
                    videos::mark_cancelled(tx, row, now)?;
                }
                Ok(stopped)
            })
            .await
    }

    /// Whether a film that cannot be played yet is being made, or could be now.
    pub async fn is_ingesting(&self, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT EXISTS (SELECT 1 FROM jobs JOIN videos ON videos.id = jobs.video
                            WHERE jobs.kind = 'ingest' AND videos.state <> 'ready'
                              AND (jobs.state = 'running' OR (jobs.state IN ('queued', 'waiting') AND jobs.run_after <= ?1)))";
                Ok(tx.prepare_cached(sql)?.query_row([now.0], |row| row.get(0))?)
            })
            .await
    }

    /// Gives every job that a dead process held back to the queue. Only for the process that just
    /// took the data folder's lock.
    pub async fn reclaim_jobs(&self, now: Timestamp) -> Result<usize, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let count = tx.execute(
                    "UPDATE jobs SET state = 'queued', run_after = ?1, lease_until = NULL WHERE state = 'running'",
                    [now.0],
                )?;
                Ok(count)
            })
            .await
    }

    /// Jobs that are not over, oldest first, at most `limit`.
    pub async fn open_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<JobRecord>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM jobs JOIN videos ON videos.id = jobs.video
                      WHERE jobs.state IN ('queued', 'running', 'waiting', 'paused')
                        AND (jobs.kind <> 'forget' OR jobs.run_after <= ?1)
                      ORDER BY jobs.id LIMIT ?2"
                );
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map(params![now.0, limit], record)?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })
            .await
    }
}

/// The job of a kind that is next now: a film that cannot be played yet, then what a person put first, then a refinement
/// that browsers wait for, then the oldest. Those that browsers wait for come one after the other, the one that was
/// handed back last at the end.
pub(super) fn due(
    tx: &Transaction<'_>,
    kind: JobKind,
    busy: &[VideoId],
    now: Timestamp,
) -> Result<Option<i64>, CatalogError> {
    let (step, waited_for) = (step(), format!("jobs.kind = 'refine' AND {UNSEEN}"));
    let sql = format!(
        "SELECT jobs.id, videos.uuid FROM jobs JOIN videos ON videos.id = jobs.video
          WHERE jobs.kind = ?2 AND {ALONE} AND ((jobs.state IN ('queued', 'waiting') AND jobs.run_after <= ?1)
             OR (jobs.state = 'running' AND jobs.lease_until < ?1))
          ORDER BY {step}, jobs.priority DESC, {waited_for} DESC, iif({waited_for}, jobs.run_after, 0), jobs.id"
    );
    first_free(tx, &sql, kind, busy, now)
}

/// What the first row says whose video is not busy.
fn first_free(
    tx: &Transaction<'_>,
    sql: &str,
    kind: JobKind,
    busy: &[VideoId],
    now: Timestamp,
) -> Result<Option<i64>, CatalogError> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![now.0, kind.text()])?;
    while let Some(row) = rows.next()? {
        if !busy.contains(&VideoId(row.get(1)?)) {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// Queues a job and answers its id.
pub(super) fn enqueue(
    tx: &Transaction<'_>,
    kind: JobKind,
    video_row: i64,
    run_after: Timestamp,
    now: Timestamp,
) -> Result<i64, CatalogError> {
    tx.execute(
        "INSERT INTO jobs (kind, video, state, run_after, stage, created_at) VALUES (?1, ?2, 'queued', ?3, 'waiting', ?4)",
        params![kind.text(), video_row, run_after.0, now.0],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Cancels the video's jobs of a kind that are not over; answers which were not.
pub(super) fn cancel(
    tx: &Transaction<'_>,
    video_row: i64,
    kind: JobKind,
    now: Timestamp,
) -> Result<Vec<JobId>, CatalogError> {
    let mut statement = tx.prepare_cached(
        "UPDATE jobs SET state = 'cancelled', finished_at = ?2, lease_until = NULL, speed = NULL, eta_s = NULL
          WHERE video = ?1 AND kind = ?3 AND state IN ('queued', 'running', 'waiting', 'paused') RETURNING id",
    )?;
    let rows = statement.query_map(params![video_row, now.0, kind.text()], |row| row.get(0).map(JobId))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// The video of a job that is still held; `LeaseLost` otherwise.
pub(super) fn hold(tx: &Transaction<'_>, lease: JobLease) -> Result<i64, CatalogError> {
    tx.prepare_cached("SELECT video FROM jobs WHERE id = ?1 AND fence = ?2 AND state = 'running'")?
        .query_row(params![lease.job.0, lease.fence], |row| row.get(0))
        .optional()?
        .ok_or(CatalogError::LeaseLost)
}

fn record(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    Ok(JobRecord {
        id: JobId(row.get(0)?),
        kind: word(row, 1, &JobKind::ALL, JobKind::text)?,
        video: VideoId(row.get(2)?),
        title: row.get(3)?,
        state: word(row, 4, &JobState::ALL, JobState::text)?,
        attempts: row.get(5)?,
        progress: Progress { stage: row.get(6)?, fraction: row.get(7)?, speed: row.get(8)?, eta_s: row.get(9)? },
        error: row.get(10)?,
    })
}
