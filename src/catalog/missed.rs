//! Blobs whose last copy was missing or wrong when somebody read it.

use super::blobs::chunk_hashes;
use super::{Catalog, CatalogError};
use crate::media::extent::{Locator, StoredBlob};
use crate::media::id::BlobId;
use crate::media::time::Timestamp;
use rusqlite::{Transaction, params};

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

/// A blob has a good copy.
pub(super) fn found(tx: &Transaction<'_>, blob: BlobId) -> Result<(), CatalogError> {
    tx.prepare_cached("DELETE FROM missed_blobs WHERE blob = ?1")?.execute([blob.0])?;
    Ok(())
}
