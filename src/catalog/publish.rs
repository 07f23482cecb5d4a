//! The last step of an ingest: a video is ready only when everything of it is stored and verified.

use super::jobs::{self, JobKind, JobLease, hold};
use super::{Catalog, CatalogError, sidecars};
use crate::media::time::Timestamp;
use rusqlite::params;

impl Catalog {
    /// Makes the job's video ready, and queues its refinement if there is any, which may have begun, and the attaching
    /// of what a person added meanwhile.
    ///
    /// # Errors
    /// `NotAllowed` when a planned track is not finished or a blob of it has no verified copy.
    pub async fn publish(&self, lease: JobLease, refine: bool, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let complete: bool = tx.query_row(
                    "SELECT videos.tracks > 0 AND videos.tracks = (SELECT count(*) FROM renditions
                              WHERE renditions.video = videos.id AND renditions.state = 'finished' AND renditions.refines = 0)
                        AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.video = videos.id AND blobs.state <> 'stored'
                                           AND NOT (blobs.role = 'poster' AND blobs.number > 0)
                                           AND NOT EXISTS (SELECT 1 FROM renditions WHERE renditions.id = blobs.rendition
                                                              AND renditions.refines = 1))
                       FROM videos WHERE videos.id = ?1",
                    [video],
                    |row| row.get(0),
                )?;
                if !complete {
                    return Err(CatalogError::NotAllowed("not everything of the video is stored and verified"));
                }
                tx.execute(
                    "UPDATE videos SET state = 'ready', error = NULL, published_at = ?2, updated_at = ?2 WHERE id = ?1",
                    params![video, now.0],
                )?;
                if refine {
                    jobs::enqueue(tx, JobKind::Refine, video, now, now)?;
                }
                sidecars::attach_if_due(tx, video, now)
            })
            .await
    }
}
