//! What nobody needs any more of a film that stays: renditions that were begun anew, once the later one is there; a
//! kept file that was not kept whole; what a person took away or replaced.

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

/// The kept file of a video, where not all of it is stored.
const UNKEPT: &str = "SELECT id FROM renditions WHERE video = ?1 AND kind = 'original'
    AND (state = 'growing'
         OR EXISTS (SELECT 1 FROM blobs WHERE blobs.rendition = renditions.id AND blobs.state <> 'stored'))";

/// What was to refine a video and did not become whole.
const UNMADE: &str = "SELECT id FROM renditions WHERE video = ?1 AND refines = 1 AND state = 'growing'";

/// Further sounds among these.
const UNMADE_SOUNDS: &str =
    "SELECT id FROM renditions WHERE video = ?1 AND refines = 1 AND state = 'growing' AND kind = 'audio'";

/// Renditions of a video that a person took away.
const REMOVED: &str = "SELECT renditions.id FROM renditions JOIN sidecars
      ON sidecars.video = renditions.video AND sidecars.track = renditions.name AND sidecars.state = 'removed'
   WHERE renditions.video = ?1";

/// Posters of a video that another one took the place of.
const REPLACED: &str = "SELECT blobs.id FROM blobs JOIN videos ON videos.id = blobs.video
    WHERE blobs.video = ?1 AND role = 'poster' AND blobs.state IN ('sealed', 'stored')
      AND blobs.id IS NOT videos.poster";

impl Catalog {
    /// Forgets the renditions of the job's video that were begun anew since, where the later one is finished.
    pub async fn discard_superseded(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite.write(move |tx| renditions(tx, hold(tx, lease)?, EARLIER, now)).await
    }

    /// Forgets the kept file of the job's video, unless all of it is stored.
    pub async fn discard_unkept(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite.write(move |tx| renditions(tx, hold(tx, lease)?, UNKEPT, now)).await
    }

    /// Forgets what was to refine the job's video and is not whole, as nobody makes more of it.
    pub async fn discard_unmade(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite.write(move |tx| renditions(tx, hold(tx, lease)?, UNMADE, now)).await
    }

    /// Forgets the further sounds of the job's video that are not whole, as they could not be made.
    pub async fn discard_unmade_sounds(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite.write(move |tx| renditions(tx, hold(tx, lease)?, UNMADE_SOUNDS, now)).await
    }

    /// Forgets what a person took away from the job's video: added tracks, and posters that another one took the
    /// place of.
    pub async fn discard_removed(&self, lease: JobLease, now: Timestamp) -> Result<Superseded, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let mut found = renditions(tx, video, REMOVED, now)?;
                let posters: Vec<i64> = ids(tx, REPLACED, video)?;
                found.take(tx, posters.into_iter().map(BlobId).collect(), now)?;
                Ok(found)
            })
            .await
    }
}

impl Superseded {
    /// Adds blobs, of which the copies become litter.
    fn take(&mut self, tx: &Transaction<'_>, blobs: Vec<BlobId>, now: Timestamp) -> Result<(), CatalogError> {
        for blob in &blobs {
            self.copies.extend(abandon(tx, *blob, now)?);
        }
        self.blobs.extend(blobs);
        Ok(())
    }
}

/// Forgets the renditions that a query chooses of a video.
fn renditions(tx: &Transaction<'_>, video: i64, which: &str, now: Timestamp) -> Result<Superseded, CatalogError> {
    let mut found = Superseded::default();
    // All are chosen before their blobs go, which may be what they are told by.
    for rendition in ids(tx, which, video)? {
        let blobs = ids(tx, "SELECT id FROM blobs WHERE rendition = ?1 ORDER BY id", rendition)?;
        found.take(tx, blobs.into_iter().map(BlobId).collect(), now)?;
        tx.execute("DELETE FROM renditions WHERE id = ?1", [rendition])?;
    }
    Ok(found)
}

fn ids(tx: &Transaction<'_>, sql: &str, of: i64) -> Result<Vec<i64>, CatalogError> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([of], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
