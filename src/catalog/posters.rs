//! Posters: the one that was found in the film, one that a person sent, or one of the film's stills that a
//! person chose. The last is no blob of its own: it is a segment of the rendition of stills.

use super::blobs::{SealedBlob, seal};
use super::jobs::{JobLease, hold};
use super::{Catalog, CatalogError, sidecars, videos};
use crate::media::id::{BlobId, VideoId};
use crate::media::rendition::TrackName;
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, params};

/// The posters that a video has and could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posters {
    /// The init segment of its stills, which says where in the film they are; `None` until there are some.
    pub stills: Option<Vec<u8>>,
    /// Which of them is the poster; `None` when it is none of them.
    pub chosen: Option<u32>,
    /// Whether it is a picture of its own.
    pub own: bool,
}

impl Catalog {
    /// Makes room for a poster of the job's video. One that was only begun is answered again, so
    /// that its file is written over and nothing half-made keeps the video from being published.
    pub async fn open_poster(&self, lease: JobLease) -> Result<BlobId, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let begun = tx
                    .prepare_cached(
                        "SELECT id FROM blobs WHERE video = ?1 AND role = 'poster' AND number = 0 AND state = 'open'",
                    )?
                    .query_row([video], |row| row.get(0).map(BlobId))
                    .optional()?;
                if let Some(begun) = begun {
                    return Ok(begun);
                }
                tx.execute(
                    "INSERT INTO blobs (video, number, role, state) VALUES (?1, 0, 'poster', 'open')",
                    params![video],
                )?;
                Ok(BlobId(tx.last_insert_rowid()))
            })
            .await
    }

    /// Seals the poster and shows it, unless a person gave the video one meanwhile.
    pub async fn seal_poster(&self, lease: JobLease, poster: SealedBlob) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                seal(tx, &poster)?;
                tx.execute(
                    "UPDATE videos SET poster = ?2 WHERE id = ?1 AND poster IS NULL AND poster_still IS NULL",
                    params![video, poster.blob.0],
                )?;
                Ok(())
            })
            .await
    }

    /// Whether the job's video has a poster.
    pub async fn has_poster(&self, lease: JobLease) -> Result<bool, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let sql = "SELECT poster IS NOT NULL OR poster_still IS NOT NULL FROM videos WHERE id = ?1";
                Ok(tx.query_row(sql, [video], |row| row.get(0))?)
            })
            .await
    }

    /// Makes room for a poster that a person sent; `None` when there is no such video outside the trash. No job
    /// owns it: what is only begun when the process ends goes away at the next start.
    pub async fn open_sent_poster(&self, video: VideoId) -> Result<Option<BlobId>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::live_row_of(tx, video)? else { return Ok(None) };
                tx.execute("INSERT INTO blobs (video, number, role, state) VALUES (?1, 1, 'poster', 'open')", [row])?;
                Ok(Some(BlobId(tx.last_insert_rowid())))
            })
            .await
    }

    /// Seals a poster that a person sent, shows it at once and has it stored. Answers whether the video is still
    /// there and outside the trash.
    pub async fn show_sent_poster(
        &self,
        video: VideoId,
        poster: SealedBlob,
        now: Timestamp,
    ) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::live_row_of(tx, video)? else { return Ok(false) };
                seal(tx, &poster)?;
                tx.execute(
                    "UPDATE videos SET poster = ?2, poster_still = NULL, updated_at = ?3 WHERE id = ?1",
                    params![row, poster.blob.0, now.0],
                )?;
                sidecars::attach(tx, row, now)?;
                Ok(true)
            })
            .await
    }

    /// Forgets a poster that was only begun.
    pub async fn drop_sent_poster(&self, poster: BlobId) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute("DELETE FROM blobs WHERE id = ?1 AND role = 'poster' AND state = 'open'", [poster.0])?;
                Ok(())
            })
            .await
    }

    /// Makes a still of the film its poster. Answers whether there is such a still.
    pub async fn choose_still(&self, video: VideoId, still: u32, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::live_row_of(tx, video)? else { return Ok(false) };
                let chosen = tx.execute(
                    "UPDATE videos SET poster = NULL, poster_still = ?2, updated_at = ?3
                      WHERE id = ?1 AND EXISTS (SELECT 1 FROM segments JOIN renditions ON renditions.id = segments.rendition
                            WHERE renditions.video = videos.id AND renditions.name = ?4 AND renditions.state = 'finished'
                              AND segments.number = ?2)",
                    params![row, still, now.0, TrackName::STILLS.to_string()],
                )?;
                sidecars::attach_if_due(tx, row, now)?;
                Ok(chosen == 1)
            })
            .await
    }

    /// The posters of a video; `None` when there is no such video outside the trash.
    pub async fn posters(&self, video: VideoId) -> Result<Option<Posters>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT (SELECT bytes FROM init_segments JOIN renditions ON renditions.id = init_segments.rendition
                              WHERE renditions.video = videos.id AND renditions.name = ?2 AND renditions.state = 'finished'
                              ORDER BY init_segments.id DESC LIMIT 1),
                            poster_still, poster IS NOT NULL
                       FROM videos WHERE uuid = ?1 AND trashed_at IS NULL";
                let found = tx.prepare_cached(sql)?.query_row(params![video.0, TrackName::STILLS.to_string()], |row| {
                    Ok(Posters { stills: row.get(0)?, chosen: row.get(1)?, own: row.get(2)? })
                });
                Ok(found.optional()?)
            })
            .await
    }
}
