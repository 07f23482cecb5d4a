//! Renditions that are of no more use: those begun anew, once the later one is there, and a kept file that was not
//! kept whole.

use super::doubts::abandon;
use super::jobs::{JobLease, hold};
use super::{Catalog, CatalogError};
use crate::media::extent::Locator;
use crate::media::id::BlobId;
use crate::media::time::Timestamp;

/// What is left of renditions that were forgotten.
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

/// The kept file of a video, where not all of it is stored.
const UNKEPT: &str = "SELECT id FROM renditions WHERE video = ?1 AND kind = 'original'
    AND (state = 'growing'
         OR EXISTS (SELECT 1 FROM blobs WHERE blobs.rendition = renditions.id AND blobs.state <> 'stored'))";

impl Catalog {
    /// Forgets the renditions of the job's video that were begun anew since, where the later one is finished.
    pub async fn discard_superseded(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.discard(lease, EARLIER, now).await
    }

    /// Forgets the kept file of the job's video, unless all of it is stored.
    pub async fn discard_unkept(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.discard(lease, UNKEPT, now).await
    }

    async fn discard(&self, lease: JobLease, which: &'static str, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                // Before their blobs go, which may be what they are told by.
                let renditions =
                    tx.prepare(which)?.query_map([video], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
                let (mut blobs, mut copies) = (Vec::new(), Vec::new());
                for rendition in renditions {
                    let mut statement = tx.prepare_cached("SELECT id FROM blobs WHERE rendition = ?1 ORDER BY id")?;
                    let its = statement
                        .query_map([rendition], |row| row.get(0).map(BlobId))?
                        .collect::<Result<Vec<_>, _>>()?;
                    for blob in &its {
                        copies.extend(abandon(tx, *blob, now)?);
                    }
                    blobs.extend(its);
                    tx.execute("DELETE FROM renditions WHERE id = ?1", [rendition])?;
                }
                Ok(Superseded { blobs, copies })
            })
            .await
    }
}
