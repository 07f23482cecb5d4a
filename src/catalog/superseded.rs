//! Renditions that were begun anew: the earlier ones are forgotten once the later one is there.

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

impl Catalog {
    /// Forgets the renditions of the job's video that were begun anew since, where the later one is finished.
    pub async fn discard_superseded(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let mut statement = tx.prepare(&format!("SELECT id FROM blobs WHERE rendition IN ({EARLIER})"))?;
                let blobs =
                    statement.query_map([video], |row| row.get(0).map(BlobId))?.collect::<Result<Vec<_>, _>>()?;
                let mut copies = Vec::new();
                for blob in &blobs {
                    copies.extend(abandon(tx, *blob, now)?);
                }
                tx.execute(&format!("DELETE FROM renditions WHERE id IN ({EARLIER})"), [video])?;
                Ok(Superseded { blobs, copies })
            })
            .await
    }
}
