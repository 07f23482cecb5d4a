//! Whose turn it is: jobs that a person holds up, lets go on, or puts before others.

use super::jobs::{JobLease, JobState, hold};
use super::sqlite::word;
use super::{Catalog, CatalogError};
use crate::media::id::JobId;
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, params};

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
