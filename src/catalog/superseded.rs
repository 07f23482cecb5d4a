//! What nobody needs any more of a film that stays: renditions that were begun anew are forgotten once the later
//! one is there, and so is what a person took away.

use super::doubts::abandon;
use super::jobs::{JobLease, hold};
use super::{Catalog, CatalogError};
use crate::media::extent::Locator;
use crate::media::id::BlobId;
use crate::media::time::Timestamp;
use rusqlite::Transaction;

/// What is left of what was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Superseded {
    /// Their blobs, whose files may lie in the spool.
    pub blobs: Vec<BlobId>,
    /// Their copies: litter until they are removed.
    pub copies: Vec<Locator>,
}

/// Renditions of a video of which a later generation is finished.
const EARLIER: &str = "SELECT earlier.id FROM renditions AS earlier JOIN renditions AS later
      ON later.video = earlier.video AND later.number = earlier.number
     AND later.generation > earlier.generation AND later.state = 'finished'
   WHERE earlier.video = ?1";

/// Renditions of a video that a person took away.
const REMOVED: &str = "SELECT renditions.id FROM renditions JOIN sidecars
      ON sidecars.video = renditions.video AND sidecars.track = renditions.name AND sidecars.state = 'removed'
   WHERE renditions.video = ?1";

impl Catalog {
    /// Forgets the renditions of the job's video that were begun anew since, where the later one is finished.
    pub async fn discard_superseded(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let blobs = blobs(tx, &format!("SELECT id FROM blobs WHERE rendition IN ({EARLIER})"), video)?;
                let copies = abandon_all(tx, &blobs, now)?;
                tx.execute(&format!("DELETE FROM renditions WHERE id IN ({EARLIER})"), [video])?;
                Ok(Superseded { blobs, copies })
            })
            .await
    }

    /// Forgets what a person took away from the job's video: added tracks, and posters that another one took the
    /// place of.
    pub async fn discard_removed(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let sql = format!(
                    "SELECT id FROM blobs WHERE rendition IN ({REMOVED})
                     UNION
                     SELECT blobs.id FROM blobs JOIN videos ON videos.id = blobs.video
                      WHERE blobs.video = ?1 AND role = 'poster' AND blobs.state IN ('sealed', 'stored')
                        AND blobs.id IS NOT videos.poster"
                );
                let blobs = blobs(tx, &sql, video)?;
                let copies = abandon_all(tx, &blobs, now)?;
                tx.execute(&format!("DELETE FROM renditions WHERE id IN ({REMOVED})"), [video])?;
                Ok(Superseded { blobs, copies })
            })
            .await
    }
}

fn blobs(tx: &Transaction<'_>, sql: &str, video: i64) -> Result<Vec<BlobId>, CatalogError> {
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([video], |row| row.get(0).map(BlobId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn abandon_all(tx: &Transaction<'_>, blobs: &[BlobId], now: Timestamp) -> Result<Vec<Locator>, CatalogError> {
    let mut copies = Vec::new();
    for blob in blobs {
        copies.extend(abandon(tx, *blob, now)?);
    }
    Ok(copies)
}
