//! Blobs whose last copy was missing or wrong when somebody read it.

use super::blobs::chunk_hashes;
use super::{Catalog, CatalogError};
use crate::media::extent::{ChannelId, Locator, StoredBlob};
use crate::media::id::{BlobId, VideoId};
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

impl Catalog {
    /// Missed blobs that were not looked for since `before`, longest ago first, at most `limit`.
    pub async fn missed_blobs(&self, before: Timestamp, limit: u32) -> Result<Vec<StoredBlob>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let mut copies = tx.prepare_cached(
                    "SELECT locator FROM copies WHERE blob = ?1 AND state = 'verified' ORDER BY copy",
                )?;
                let mut missed = tx.prepare_cached(
                    "SELECT blobs.id, blobs.stored_len, blobs.chunks
                       FROM missed_blobs JOIN blobs ON blobs.id = missed_blobs.blob
                      WHERE missed_blobs.checked_at <= ?1 AND blobs.state = 'stored'
                      ORDER BY missed_blobs.checked_at, blobs.id LIMIT ?2",
                )?;
                let mut rows = missed.query(params![before.0, limit])?;
                let mut blobs = Vec::new();
                while let Some(row) = rows.next()? {
                    let (id, len, chunks): (i64, u64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    let copies = copies.query_map([id], |row| row.get(0).map(Locator))?.collect::<Result<_, _>>()?;
                    let chunks = chunk_hashes(&chunks).into();
                    blobs.push(StoredBlob { id: BlobId(id), len, chunks, copies });
                }
                Ok(blobs)
            })
            .await
    }

    /// A missed blob was looked for, and found or not.
    pub async fn missed_checked(&self, blob: BlobId, is_there: bool, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                if is_there {
                    return found(tx, blob);
                }
                tx.prepare_cached("UPDATE missed_blobs SET checked_at = ?2 WHERE blob = ?1")?
                    .execute(params![blob.0, now.0])?;
                Ok(())
            })
            .await
    }
}

/// A stored blob with its verified copies and their channels, to see whether they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToProbe {
    /// Which blob.
    pub blob: BlobId,
    /// Its verified copies.
    pub copies: Vec<(ChannelId, Locator)>,
}

impl Catalog {
    /// The video of a blob and all stored blobs of that video; `None` when there is no such blob any more.
    pub async fn blobs_beside(&self, blob: BlobId) -> Result<Option<(VideoId, Vec<ToProbe>)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video: Option<(i64, VideoId)> = tx
                    .prepare_cached(
                        "SELECT videos.id, videos.uuid FROM blobs JOIN videos ON videos.id = blobs.video WHERE blobs.id = ?1",
                    )?
                    .query_row([blob.0], |row| Ok((row.get(0)?, VideoId(row.get(1)?))))
                    .optional()?;
                let Some((row, video)) = video else { return Ok(None) };
                let blobs = tx
                    .prepare_cached("SELECT id FROM blobs WHERE video = ?1 AND state = 'stored' ORDER BY id")?
                    .query_map([row], |row| row.get(0).map(BlobId))?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Some((video, to_probe(tx, blobs)?)))
            })
            .await
    }

    /// Stored blobs all of whose verified copies lie on these channels, behind `after`, at most `limit` of them by id.
    pub async fn blobs_only_on(
        &self,
        channels: Vec<ChannelId>,
        after: BlobId,
        limit: u32,
    ) -> Result<Vec<ToProbe>, CatalogError> {
        let channels = serde_json::json!(channels).to_string();
        self.sqlite
            .read(move |tx| {
                let blobs = tx
                    .prepare_cached(
                        "SELECT id FROM blobs WHERE id > ?2 AND state = 'stored'
                            AND EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified')
                            AND NOT EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND copies.state = 'verified'
                                               AND copies.channel NOT IN (SELECT value FROM json_each(?1)))
                          ORDER BY id LIMIT ?3",
                    )?
                    .query_map(params![channels, after.0, limit], |row| row.get(0).map(BlobId))?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(to_probe(tx, blobs)?)
            })
            .await
    }
}

fn to_probe(tx: &Transaction<'_>, blobs: Vec<BlobId>) -> Result<Vec<ToProbe>, rusqlite::Error> {
    let mut copies = tx.prepare_cached(
        "SELECT channel, locator FROM copies WHERE blob = ?1 AND state = 'verified' AND locator IS NOT NULL ORDER BY copy",
    )?;
    let mut found = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let rows = copies.query_map([blob.0], |row| Ok((ChannelId(row.get(0)?), Locator(row.get(1)?))))?;
        found.push(ToProbe { blob, copies: rows.collect::<Result<_, _>>()? });
    }
    Ok(found)
}

/// A blob has a good copy.
pub(super) fn found(tx: &Transaction<'_>, blob: BlobId) -> Result<(), CatalogError> {
    tx.prepare_cached("DELETE FROM missed_blobs WHERE blob = ?1")?.execute([blob.0])?;
    Ok(())
}
