//! Which blobs lack copies, or lie in a store that is not in use any more. `home` are the channels of
//! the store in use; a blob is *at home* once a copy of it was meant to go there.

use super::jobs::{self, JobKind, JobLease, hold};
use super::{Catalog, CatalogError};
use crate::media::extent::ChannelId;
use crate::media::id::BlobId;
use crate::media::time::Timestamp;
use rusqlite::params;
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

/// Blobs of ready videos outside the trash; `?1` are the channels at home as JSON, `?2` the copies wanted.
const LACKING: &str = "blobs.state = 'stored'
    AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.channel IN (SELECT value FROM json_each(?1)))
    AND (SELECT count(*) FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified'
            AND copies.channel IN (SELECT value FROM json_each(?1))) < ?2";

/// Blobs with a copy elsewhere.
const ELSEWHERE: &str = "blobs.state = 'stored' AND ?2 > 0
    AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified'
                   AND copies.channel NOT IN (SELECT value FROM json_each(?1)))";

impl Catalog {
    /// Queues a mend for every ready video that lacks copies at home and that nothing works on.
    /// Answers how many.
    pub async fn queue_mends(&self, home: &[ChannelId], wanted: u32, now: Timestamp) -> Result<usize, CatalogError> {
        self.queue_for(JobKind::Mend, LACKING, home, wanted, now).await
    }

    /// Queues a move for every ready video with copies elsewhere and that nothing works on. Answers how many.
    pub async fn queue_moves(&self, home: &[ChannelId], wanted: u32, now: Timestamp) -> Result<usize, CatalogError> {
        self.queue_for(JobKind::Move, ELSEWHERE, home, wanted, now).await
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
        home: &[ChannelId],
        wanted: u32,
        now: Timestamp,
    ) -> Result<usize, CatalogError> {
        let home = as_json(home);
        self.sqlite
            .write(move |tx| {
                let sql = format!(
                    "SELECT DISTINCT blobs.video FROM blobs JOIN videos ON videos.id = blobs.video
                      WHERE videos.state = 'ready' AND videos.trashed_at IS NULL AND {which}
                        AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.video = blobs.video
                                           AND jobs.state IN ('queued', 'running', 'waiting', 'paused'))
                      ORDER BY blobs.video"
                );
                let videos = tx
                    .prepare_cached(&sql)?
                    .query_map(params![home, wanted], |row| row.get(0))?
                    .collect::<Result<Vec<i64>, _>>()?;
                for video in &videos {
                    jobs::enqueue(tx, kind, *video, now, now)?;
                }
                Ok(videos.len())
            })
            .await
    }

    /// Blobs of the job's video that lack copies at home.
    pub async fn blobs_to_mend(
        &self,
        lease: JobLease,
        home: &[ChannelId],
        wanted: u32,
    ) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_of(lease, LACKING, home, wanted).await
    }

    /// Blobs of the job's video with copies elsewhere.
    pub async fn blobs_to_move(
        &self,
        lease: JobLease,
        home: &[ChannelId],
        wanted: u32,
    ) -> Result<Vec<BlobId>, CatalogError> {
        self.blobs_of(lease, ELSEWHERE, home, wanted).await
    }

    async fn blobs_of(
        &self,
        lease: JobLease,
        which: &'static str,
        home: &[ChannelId],
        wanted: u32,
    ) -> Result<Vec<BlobId>, CatalogError> {
        let home = as_json(home);
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let sql = format!("SELECT blobs.id FROM blobs WHERE blobs.video = ?3 AND {which} ORDER BY blobs.id");
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map(params![home, wanted, video], |row| row.get(0).map(BlobId))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How much is left to move.
    pub async fn moving(&self, home: &[ChannelId]) -> Result<Moving, CatalogError> {
        let home = as_json(home);
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT count(*), coalesce(sum(blobs.stored_len), 0) FROM blobs JOIN videos ON videos.id = blobs.video
                      WHERE videos.trashed_at IS NULL AND {ELSEWHERE}"
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

fn as_json(channels: &[ChannelId]) -> String {
    serde_json::json!(channels).to_string()
}
