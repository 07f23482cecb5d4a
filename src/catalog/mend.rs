//! Which blobs lack copies, or lie in a store that is not in use any more. `home` are the channels of
//! the store in use; a blob is *at home* once a copy of it was meant to go there.

use super::jobs::{self, JobKind, JobLease, hold};
use super::{Catalog, CatalogError};
use crate::media::extent::ChannelId;
use crate::media::id::BlobId;
use crate::media::time::Timestamp;
use rusqlite::{ToSql, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

/// How far the move to the store in use is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moving {
    /// Videos waiting for their move or in it.
    pub videos: u64,
    /// Blobs that lie elsewhere.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What every blob at home is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// The channels of the store in use.
    pub home: Vec<ChannelId>,
    /// Those that count: what lies in one of the others is wanted elsewhere, too.
    pub open: Vec<ChannelId>,
    /// Channels out of which no copy can be had.
    pub mute: Vec<ChannelId>,
    /// Verified copies on open channels, at most as many as there are.
    pub copies: u32,
}

impl Wanted {
    /// So many copies while all channels are open.
    pub fn of(home: Vec<ChannelId>, copies: u32) -> Self {
        Self { open: home.clone(), home, mute: Vec::new(), copies }
    }
}

/// Blobs that lack copies and that something can be done for; `?1` is what is wanted, as JSON, `?2` the copies.
const LACKING: &str = "blobs.state = 'stored'
    AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id
                   AND copies.channel IN (SELECT value FROM json_each(?1, '$.home')))
    AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.state IN ('verified', 'lost')
                   AND copies.channel NOT IN (SELECT value FROM json_each(?1, '$.mute')))
    AND (SELECT count(*) FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified'
            AND copies.channel IN (SELECT value FROM json_each(?1, '$.open'))) < ?2";

/// Blobs with a copy elsewhere; parameters as above.
const ELSEWHERE: &str = "blobs.state = 'stored' AND ?2 > 0
    AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified'
                   AND copies.channel NOT IN (SELECT value FROM json_each(?1, '$.home')))";

impl Catalog {
    /// Queues a mend for every ready video that lacks copies at home and that nothing works on.
    /// Answers how many.
    pub async fn queue_mends(&self, wanted: &Wanted, now: Timestamp) -> Result<usize, CatalogError> {
        self.queue_for(JobKind::Mend, LACKING, wanted, now).await
    }

    /// Queues a move for every ready video with copies elsewhere and that nothing works on. Answers how many.
    pub async fn queue_moves(&self, home: &[ChannelId], wanted: u32, now: Timestamp) -> Result<usize, CatalogError> {
        self.queue_for(JobKind::Move, ELSEWHERE, &Wanted::of(home.to_vec(), wanted), now).await
    }

    /// Lets moves that wait for something be tried now: a person asks for them. Answers how many.
    pub async fn hurry_moves(&self, now: Timestamp) -> Result<usize, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let sql = "UPDATE jobs SET state = 'queued', run_after = ?1 WHERE kind = 'move' AND state = 'waiting'";
                Ok(tx.prepare_cached(sql)?.execute([now.0])?)
            })
            .await
    }

    async fn queue_for(
        &self,
        kind: JobKind,
        which: &'static str,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<usize, CatalogError> {
        let (wanted, copies) = (as_json(wanted), wanted.copies);
        // What is in the trash can be restored, and moves along; it is mended when somebody wants it back.
        let which =
            if kind == JobKind::Mend { format!("{which} AND videos.trashed_at IS NULL") } else { which.to_owned() };
        let all = {
            let (wanted, which) = (wanted.clone(), which.clone());
            // The look at the whole library keeps nobody from writing.
            self.sqlite.read(move |tx| videos_of(tx, &which, params![wanted, copies])).await?
        };
        if all.is_empty() {
            return Ok(0);
        }
        self.sqlite
            .write(move |tx| {
                let mut queued = 0;
                for video in all {
                    // Somebody may have begun to work on it since.
                    let still = format!("{which} AND blobs.video = ?3");
                    if !videos_of(tx, &still, params![wanted, copies, video])?.is_empty() {
                        jobs::enqueue(tx, kind, video, now, now)?;
                        queued += 1;
                    }
                }
                Ok(queued)
            })
            .await
    }

    /// Blobs of the job's video that lack copies at home.
    pub async fn blobs_to_mend(&self, lease: JobLease, wanted: &Wanted) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_of(lease, LACKING, wanted).await
    }

    /// Blobs of the job's video with copies elsewhere.
    pub async fn blobs_to_move(
        &self,
        lease: JobLease,
        home: &[ChannelId],
        wanted: u32,
    ) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_of(lease, ELSEWHERE, &Wanted::of(home.to_vec(), wanted)).await
    }

    async fn blobs_of(
        &self,
        lease: JobLease,
        which: &'static str,
        wanted: &Wanted,
    ) -> Result<Vec<BlobId>, CatalogError> {
        let (wanted, copies) = (as_json(wanted), wanted.copies);
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let sql = format!("SELECT blobs.id FROM blobs WHERE blobs.video = ?3 AND {which} ORDER BY blobs.id");
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map(params![wanted, copies, video], |row| row.get(0).map(BlobId))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How much is left to move.
    pub async fn moving(&self, home: &[ChannelId]) -> Result<Moving, CatalogError> {
        let home = as_json(&Wanted::of(home.to_vec(), 1));
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT count(*), coalesce(sum(blobs.stored_len), 0) FROM blobs JOIN videos ON videos.id = blobs.video
                      WHERE {ELSEWHERE}"
                );
                let (blobs, bytes) = tx.query_row(&sql, params![home, 1], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let videos = tx.query_row(
                    "SELECT count(*) FROM jobs WHERE kind = 'move' AND state IN ('queued', 'running', 'waiting', 'paused')",
                    [],
                    |row| row.get(0),
                )?;
                Ok(Moving { videos, blobs, bytes })
            })
            .await
    }
}

/// Ready videos with such blobs that nothing works on, or will before they are removed for good.
fn videos_of(tx: &Transaction<'_>, which: &str, parameters: &[&dyn ToSql]) -> Result<Vec<i64>, CatalogError> {
    let sql = format!(
        "SELECT DISTINCT blobs.video FROM blobs JOIN videos ON videos.id = blobs.video
          WHERE videos.state = 'ready' AND {which}
            AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.video = blobs.video
                               AND jobs.state IN ('queued', 'running', 'waiting', 'paused')
                               AND NOT (jobs.kind = 'forget' AND jobs.state = 'queued'))
          ORDER BY blobs.video"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(parameters, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn as_json(wanted: &Wanted) -> String {
    serde_json::json!(wanted).to_string()
}
