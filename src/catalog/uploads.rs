//! Arrivals: from the first byte of an upload, or a file that lies on this machine, to a video
//! that waits for its ingest.

use super::jobs::{self, JobKind};
use super::{Catalog, CatalogError, Source};
use crate::media::extent::Hash;
use crate::media::id::{JobId, UploadId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;

/// A whole file that is here, to become a video.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where its bytes lie.
    pub source: Source,
    /// The title to give it, cleaned and not empty.
    pub title: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of all its bytes, by which the same file is recognised; `None` if it was not hashed.
    pub hash: Option<Hash>,
    /// Take it even if the same bytes are in the library already.
    pub again: bool,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is a new video with a job queued.
    New(VideoId, JobId),
    /// The same bytes are this video already; nothing was changed.
    Known(VideoId),
}

/// An upload as the catalog knows it.
#[derive(Clone, Copy, Debug)]
pub struct UploadRecord {
    /// The video it became, once it was received; or the one that had the same bytes before.
    pub video: Option<VideoId>,
    /// Whether that video was there before.
    pub known: bool,
    /// Its announced length.
    pub bytes_total: Option<u64>,
    /// Bytes of it that are durable and count, if it can be continued.
    pub bytes_safe: Option<u64>,
}

impl Catalog {
    /// Records that an upload begins, so that its bytes are found again after a crash.
    ///
    /// # Errors
    /// `NotAllowed` when an upload of this id exists already.
    pub async fn begin_upload(
        &self,
        id: UploadId,
        bytes_total: Option<u64>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let added = tx.execute(
                    "INSERT INTO uploads (uuid, state, bytes_total, created_at) VALUES (?1, 'receiving', ?2, ?3)
                     ON CONFLICT DO NOTHING",
                    params![id.0, bytes_total, now.0],
                )?;
                if added == 0 {
                    return Err(CatalogError::NotAllowed(
                        "an upload with this id exists already: choose a new Upload-Id",
                    ));
                }
                Ok(())
            })
            .await
    }

    /// Turns a received file into a video with a queued ingest, in one step: an acknowledged
    /// upload is a video from then on. Of bytes that are known already no row is kept, unless they
    /// came in pieces: then who lost the answer can still ask.
    pub async fn accept(&self, arrival: Arrival, now: Timestamp) -> Result<Accepted, CatalogError> {
        self.sqlite
            .write(move |tx| {
                if let (Some(hash), false) = (&arrival.hash, arrival.again)
                    && let Some((known, row)) = same_bytes(tx, hash)?
                {
                    if let Source::Upload(upload) = arrival.source {
                        let sql = "DELETE FROM uploads WHERE uuid = ?1
                                      AND NOT EXISTS (SELECT 1 FROM resumables WHERE upload = uuid)";
                        tx.execute(sql, [upload.0])?;
                        receive(tx, upload, arrival.bytes, row)?;
                    }
                    return Ok(Accepted::Known(known));
                }
                let (video, row) = insert(tx, &arrival, now)?;
                let job = jobs::enqueue(tx, JobKind::Ingest, row, now, now)?;
                tx.execute("UPDATE videos SET job = ?2 WHERE id = ?1", [row, job])?;
                if let Source::Upload(upload) = arrival.source {
                    receive(tx, upload, arrival.bytes, row)?;
                }
                Ok(Accepted::New(video, JobId(job)))
            })
            .await
    }

    /// The video that holds exactly these source bytes, if one does and is not in the trash.
    pub async fn video_of_bytes(&self, hash: Hash) -> Result<Option<VideoId>, CatalogError> {
        self.sqlite.read(move |tx| Ok(same_bytes(tx, &hash)?.map(|(video, _)| video))).await
    }

    /// Forgets an upload that broke off.
    pub async fn drop_upload(&self, id: UploadId) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute("DELETE FROM uploads WHERE uuid = ?1 AND state = 'receiving'", [id.0])?;
                Ok(())
            })
            .await
    }

    /// An upload, if it is known.
    pub async fn upload(&self, id: UploadId) -> Result<Option<UploadRecord>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT videos.uuid, uploads.bytes_total, videos.source, bytes_safe FROM uploads
                             LEFT JOIN videos ON videos.id = uploads.video
                             LEFT JOIN resumables ON resumables.upload = uploads.uuid WHERE uploads.uuid = ?1";
                let found = tx.prepare_cached(sql)?.query_row([id.0], |row| {
                    let source: Option<String> = row.get(2)?;
                    Ok(UploadRecord {
                        video: row.get::<_, Option<_>>(0)?.map(VideoId),
                        known: source.is_some_and(|source| source != id.to_string()),
                        bytes_total: row.get(1)?,
                        bytes_safe: row.get(3)?,
                    })
                });
                Ok(found.optional()?)
            })
            .await
    }

    /// Drops the uploads that a dead process was receiving in one piece, or joining, and answers those
    /// whose bytes are still needed, with how many are to come of them: what is continued, and the
    /// sources of videos that are not ready, not refined yet, or to be refined once more.
    pub async fn sort_out_uploads(&self) -> Result<HashMap<UploadId, u64>, CatalogError> {
        self.sqlite
            .write(|tx| {
                tx.execute(
                    "DELETE FROM uploads WHERE state = 'receiving'
                        AND NOT EXISTS (SELECT 1 FROM resumables WHERE upload = uuid AND kind <> 'joined')",
                    [],
                )?;
                let mut needed = HashMap::new();
                let mut statement = tx.prepare(
                    "SELECT uploads.uuid, videos.source FROM uploads JOIN videos ON videos.id = uploads.video
                      WHERE videos.state <> 'ready' OR EXISTS (SELECT 1 FROM jobs
                            WHERE jobs.video = videos.id AND jobs.kind = 'refine'
                              AND (jobs.state NOT IN ('done', 'failed') OR jobs.state = 'failed' AND jobs.stage = 'failed'))",
                )?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let (upload, source) = (UploadId(row.get(0)?), row.get::<_, String>(1)?);
                    // Others brought bytes that were known already.
                    if source == upload.to_string() {
                        needed.insert(upload, 0);
                    }
                }
                let mut statement = tx.prepare(
                    "SELECT uuid, max(coalesce(bytes_total, 0), bytes_safe) FROM uploads
                       JOIN resumables ON upload = uuid WHERE state = 'receiving'",
                )?;
                let rows = statement.query_map([], |row| Ok((UploadId(row.get(0)?), row.get(1)?)))?;
                for row in rows {
                    needed.extend([row?]);
                }
                Ok(needed)
            })
            .await
    }
}

/// From now on the upload is the video of this row.
fn receive(tx: &Transaction<'_>, upload: UploadId, bytes: u64, video: i64) -> Result<(), CatalogError> {
    tx.execute(
        "UPDATE uploads SET state = 'received', video = ?2, bytes_total = ?3 WHERE uuid = ?1",
        params![upload.0, video, bytes],
    )?;
    tx.execute("UPDATE resumables SET bytes_safe = ?2 WHERE upload = ?1", params![upload.0, bytes])?;
    Ok(())
}

fn same_bytes(tx: &Transaction<'_>, hash: &Hash) -> Result<Option<(VideoId, i64)>, CatalogError> {
    let found = tx
        .prepare_cached("SELECT uuid, id FROM videos WHERE source_hash = ?1 AND trashed_at IS NULL AND state <> 'failed' ORDER BY id LIMIT 1")?
        .query_row([&hash.0[..]], |row| Ok((VideoId(row.get(0)?), row.get(1)?)));
    Ok(found.optional()?)
}

fn insert(tx: &Transaction<'_>, arrival: &Arrival, now: Timestamp) -> Result<(VideoId, i64), CatalogError> {
    let (kind, source) = match &arrival.source {
        Source::Upload(upload) => ("upload", upload.to_string()),
        Source::File(path) => {
            let path =
                path.to_str().ok_or(CatalogError::NotAllowed("the file's path is not valid UTF-8: rename it"))?;
            ("file", path.to_owned())
        }
    };
    let id = VideoId::fresh();
    tx.execute(
        "INSERT INTO videos (uuid, title, state, source_kind, source, source_bytes, source_hash, created_at, updated_at)
         VALUES (?1, ?2, 'received', ?3, ?4, ?5, ?6, ?7, ?7)",
        params![
            id.0,
            arrival.title,
            kind,
            source,
            arrival.bytes,
            arrival.hash.as_ref().map(|hash| &hash.0[..]),
            now.0
        ],
    )?;
    Ok((id, tx.last_insert_rowid()))
}
