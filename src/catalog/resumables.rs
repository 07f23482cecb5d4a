//! Uploads that arrive in pieces, may be interrupted between any two bytes, and go on. What counts
//! of one is what stands here: its bytes were durable before.

use super::{Catalog, CatalogError};
use crate::media::id::{UploadId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, params};

/// What an upload becomes when all of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumableKind {
    /// A film.
    Whole,
    /// A part of a joined one.
    Part,
    /// A film that was joined of parts. It is never continued itself.
    Joined,
}

/// What its sender said when an upload began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// What it becomes.
    pub kind: ResumableKind,
    /// What the sender calls the file; outside input, perhaps empty.
    pub file_name: String,
    /// The title to give it.
    pub title: Option<String>,
    /// Whether it is taken even if the same bytes are in the library already.
    pub again: bool,
    /// All that was said of it, in the sender's own words.
    pub said: String,
    /// The names of its parts, in the sender's own words; empty unless it was joined.
    pub parts: String,
}

/// An upload that arrives in pieces, as far as it is.
#[derive(Clone, Debug)]
pub struct Resumable {
    /// Which one.
    pub id: UploadId,
    /// What was said of it.
    pub labels: Labels,
    /// Its length, once that is known.
    pub bytes_total: Option<u64>,
    /// Bytes that are durable and count.
    pub bytes_safe: u64,
    /// The film it became, or the one that had the same bytes before.
    pub video: Option<VideoId>,
    /// When something of it came last.
    pub touched_at: Timestamp,
}

/// Whether an upload could begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It has its record.
    Begun,
    /// There are as many unfinished ones as there may be; nothing was recorded.
    TooMany,
}

const COLUMNS: &str =
    "SELECT uploads.uuid, uploads.bytes_total, videos.uuid, kind, file_name, resumables.title, again, said, parts,
     bytes_safe, touched_at FROM resumables
     JOIN uploads ON uploads.uuid = resumables.upload LEFT JOIN videos ON videos.id = uploads.video";

impl Catalog {
    /// Records an upload that may come in pieces, unless `most` of them are unfinished. What is joined is
    /// recorded in any case: parts that are complete are relieved by nothing else.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn begin_resumable(
        &self,
        id: UploadId,
        labels: Labels,
        bytes_total: Option<u64>,
        most: u64,
        now: Timestamp,
    ) -> Result<Beginning, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let unfinished: u64 = tx
                    .prepare_cached("SELECT count(*) FROM resumables JOIN uploads ON uuid = upload WHERE state = 'receiving'")?
                    .query_row([], |row| row.get(0))?;
                if unfinished >= most && labels.kind != ResumableKind::Joined {
                    return Ok(Beginning::TooMany);
                }
                tx.execute(
                    "INSERT INTO uploads (uuid, state, bytes_total, created_at) VALUES (?1, 'receiving', ?2, ?3)",
                    params![id.0, bytes_total, now.0],
                )?;
                tx.execute(
                    "INSERT INTO resumables (upload, kind, bytes_safe, file_name, title, again, said, parts, touched_at)
                     VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![id.0, labels.kind, labels.file_name, labels.title, labels.again, labels.said, labels.parts, now.0],
                )?;
                Ok(Beginning::Begun)
            })
            .await
    }

    /// An upload that came or comes in pieces, if it is known.
    pub async fn resumable(&self, id: UploadId) -> Result<Option<Resumable>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!("{COLUMNS} WHERE resumables.upload = ?1");
                Ok(tx.prepare_cached(&sql)?.query_row([id.0], resumable).optional()?)
            })
            .await
    }

    /// The upload and the film that were joined of these parts last, named as their sender names them, unless
    /// that film was deleted.
    pub async fn joined_of(&self, parts: String) -> Result<Option<(UploadId, VideoId)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT uploads.uuid, videos.uuid FROM resumables JOIN uploads ON uploads.uuid = upload
                             JOIN videos ON videos.id = uploads.video
                            WHERE kind = 'joined' AND parts = ?1 ORDER BY touched_at DESC LIMIT 1";
                let mut statement = tx.prepare_cached(sql)?;
                let found = statement.query_row([parts], |row| Ok((UploadId(row.get(0)?), VideoId(row.get(1)?))));
                Ok(found.optional()?)
            })
            .await
    }

    /// The unfinished ones that nothing came of since `before`. What is being joined is not among them.
    pub async fn abandoned_uploads(&self, before: Timestamp) -> Result<Vec<UploadId>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT upload FROM resumables JOIN uploads ON uuid = upload
                            WHERE touched_at <= ?1 AND state = 'receiving' AND kind <> 'joined' ORDER BY touched_at";
                let mut statement = tx.prepare_cached(sql)?;
                let rows = statement.query_map([before.0], |row| row.get(0).map(UploadId))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Records that the first `bytes` of an unfinished upload are durable. Never takes anything back.
    pub async fn record_safe_bytes(&self, id: UploadId, bytes: u64, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute(
                    "UPDATE resumables SET bytes_safe = max(bytes_safe, ?2), touched_at = ?3 WHERE upload = ?1",
                    params![id.0, bytes, now.0],
                )?;
                Ok(())
            })
            .await
    }

    /// Records the length of an upload that began without one.
    pub async fn record_upload_length(&self, id: UploadId, bytes_total: u64) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute(
                    "UPDATE uploads SET bytes_total = ?2 WHERE uuid = ?1 AND state = 'receiving' AND bytes_total IS NULL",
                    params![id.0, bytes_total],
                )?;
                Ok(())
            })
            .await
    }
}

fn resumable(row: &Row<'_>) -> rusqlite::Result<Resumable> {
    Ok(Resumable {
        id: UploadId(row.get(0)?),
        bytes_total: row.get(1)?,
        video: row.get::<_, Option<_>>(2)?.map(VideoId),
        labels: Labels {
            kind: row.get(3)?,
            file_name: row.get(4)?,
            title: row.get(5)?,
            again: row.get(6)?,
            said: row.get(7)?,
            parts: row.get(8)?,
        },
        bytes_safe: row.get(9)?,
        touched_at: Timestamp(row.get(10)?),
    })
}

impl ToSql for ResumableKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Whole => "whole",
            Self::Part => "part",
            Self::Joined => "joined",
        }
        .into())
    }
}

impl FromSql for ResumableKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "whole" => Ok(Self::Whole),
            "part" => Ok(Self::Part),
            "joined" => Ok(Self::Joined),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
