//! Whose turn it is: jobs that a person holds up, lets go on, or puts before others.

use super::jobs::{self, JobKind, JobLease, JobState, hold};
use super::sqlite::word;
use super::videos::PLAYABLE;
use super::{Catalog, CatalogError};
use crate::media::id::{BlobId, JobId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;

/// That pictures with which a video is played are still being encoded.
const ENCODES: &str = "EXISTS (SELECT 1 FROM renditions WHERE renditions.video = videos.id AND renditions.refines = 0
    AND renditions.kind = 'video' AND renditions.method = 'encoded' AND renditions.state = 'growing')";

/// How far an ingested film is: 0 while it is not known what is in it, which is soon found out; 1 until it can be played;
/// 2 if nothing is left to be encoded of its pictures, as they are copied, or made and on their way to the store; 3 else.
pub(super) fn step() -> String {
    format!(
        "CASE WHEN jobs.kind <> 'ingest' OR videos.plan IS NULL THEN 0 WHEN NOT {PLAYABLE} THEN 1
         WHEN {ENCODES} THEN 3 ELSE 2 END"
    )
}

/// What a job's place among others of its kind follows from, the least first.
type Rank = (i64, i64, i64);

/// A running job that another one goes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outranked {
    /// The job.
    pub job: JobId,
    /// Whether something of its film is on its way to a store.
    pub is_sending: bool,
}

/// What lies of a film on the local disk until it is stored.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    bytes: u64,
    /// Whether some of it is complete, and so on its way.
    is_sending: bool,
}

impl Catalog {
    /// Holds a job up until it is resumed; that is no attempt of a running one. Answers whether it was running, so that its worker can be told; `None`
    /// when there is no such job.
    ///
    /// # Errors
    /// `NotAllowed` for one that is over, or that removes a film.
    pub async fn pause_job(&self, job: JobId) -> Result<Option<bool>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let found: Option<(String, String)> = tx
                    .query_row("SELECT kind, state FROM jobs WHERE id = ?1", [job.0], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()?;
                let Some((kind, state)) = found else { return Ok(None) };
                if kind == "forget" {
                    return Err(CatalogError::NotAllowed(
                        "a film that is being removed cannot wait; restore it instead",
                    ));
                }
                let paused = tx.execute(
                    "UPDATE jobs SET state = 'paused', lease_until = NULL, speed = NULL, eta_s = NULL,
                            attempts = attempts - (state = 'running')
                      WHERE id = ?1 AND state IN ('queued', 'running', 'waiting', 'paused')",
                    [job.0],
                )?;
                if paused == 0 {
                    return Err(CatalogError::NotAllowed("this job is over"));
                }
                Ok(Some(state == JobState::Running.text()))
            })
            .await
    }

    /// Lets a paused job go on; any other one stays as it is. Answers whether there is such a job.
    pub async fn resume_job(&self, job: JobId, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute(
                    "UPDATE jobs SET state = 'queued', run_after = ?2, error = NULL WHERE id = ?1 AND state = 'paused'",
                    params![job.0, now.0],
                )?;
                Ok(tx.query_row("SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)", [job.0], |row| row.get(0))?)
            })
            .await
    }

    /// Sets which jobs of its kind a job goes before: those with a lower number. Answers whether there is such a job.
    pub async fn prioritise_job(&self, job: JobId, priority: i8) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                Ok(tx.execute("UPDATE jobs SET priority = ?2 WHERE id = ?1", params![job.0, priority])? > 0)
            })
            .await
    }

    /// Which number a claimed job has now: a person may change it while the job runs.
    ///
    /// # Errors
    /// `LeaseLost`.
    pub async fn priority_of(&self, lease: JobLease) -> Result<i8, CatalogError> {
        self.sqlite
            .read(move |tx| {
                hold(tx, lease)?;
                Ok(tx.query_row("SELECT priority FROM jobs WHERE id = ?1", [lease.job.0], |row| row.get(0))?)
            })
            .await
    }

    /// Those of these running jobs of a kind that the next one which is due goes before, the last in rank first. Films
    /// in line leave no more than `most` bytes on the local disk, of what is `unstored` there: nobody stores those
    /// meanwhile, and who is at work could be left without room. Whose own would be too many stays.
    pub async fn outranked(
        &self,
        kind: JobKind,
        running: Vec<JobId>,
        busy: Vec<VideoId>,
        (unstored, most): (Vec<(BlobId, u64)>, u64),
        now: Timestamp,
    ) -> Result<Vec<Outranked>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let Some(next) = jobs::due(tx, kind, &busy, now)? else { return Ok(Vec::new()) };
                let Some(next) = rank_of(tx, next)? else { return Ok(Vec::new()) };
                let mut ranked = Vec::new();
                for job in running {
                    ranked.extend(rank_of(tx, job.0)?.filter(|rank| next < *rank).map(|rank| (rank, job)));
                }
                if ranked.is_empty() {
                    return Ok(Vec::new());
                }
                ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
                let left = left_by_films(tx, &unstored)?;
                let in_line = left_in_line(tx, &left)?;
                let mut outranked = Vec::new();
                for (_, job) in ranked {
                    let sql = "SELECT video FROM jobs WHERE id = ?1";
                    let video: i64 = tx.prepare_cached(sql)?.query_row([job.0], |row| row.get(0))?;
                    let own = left.get(&video).copied().unwrap_or_default();
                    if in_line.saturating_add(own.bytes) <= most {
                        outranked.push(Outranked { job, is_sending: own.is_sending });
                    }
                }
                Ok(outranked)
            })
            .await
    }

    /// Where in its life a job is; `None` when there is no such job.
    pub async fn job_state(&self, job: JobId) -> Result<Option<JobState>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let state = tx.query_row("SELECT state FROM jobs WHERE id = ?1", [job.0], |row| {
                    word(row, 0, &JobState::ALL, JobState::text)
                });
                Ok(state.optional()?)
            })
            .await
    }
}

fn rank_of(tx: &Transaction<'_>, job: i64) -> Result<Option<Rank>, CatalogError> {
    let step = step();
    let sql = format!(
        "SELECT {step}, -jobs.priority, jobs.id FROM jobs JOIN videos ON videos.id = jobs.video WHERE jobs.id = ?1"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    Ok(statement.query_row([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?)
}

/// Of each film, what lies on the local disk until it is stored, with as many copies as are wanted.
fn left_by_films(tx: &Transaction<'_>, unstored: &[(BlobId, u64)]) -> Result<HashMap<i64, Left>, CatalogError> {
    let mut statement = tx.prepare_cached("SELECT video, state <> 'open' FROM blobs WHERE id = ?1")?;
    let mut films: HashMap<i64, Left> = HashMap::new();
    for (blob, bytes) in unstored {
        let known: Option<(i64, bool)> =
            statement.query_row([blob.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((video, is_sealed)) = known {
            let left = films.entry(video).or_default();
            left.bytes = left.bytes.saturating_add(*bytes);
            left.is_sending |= is_sealed;
        }
    }
    Ok(films)
}

/// Bytes that were left by films whose ingest does not run.
fn left_in_line(tx: &Transaction<'_>, left: &HashMap<i64, Left>) -> Result<u64, CatalogError> {
    let sql = "SELECT DISTINCT video FROM jobs WHERE kind = 'ingest' AND state IN ('queued', 'waiting', 'paused')";
    let mut statement = tx.prepare_cached(sql)?;
    let films = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    Ok(films.iter().filter_map(|video| left.get(video)).fold(0, |sum, left| sum.saturating_add(left.bytes)))
}
