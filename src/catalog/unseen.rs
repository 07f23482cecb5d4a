//! Films of which browsers see nothing yet: their picture is copied, in a form that most browsers cannot decode, and
//! the one in H.264 is not whole. While it grows it is shown apart from what is finished.

use super::jobs::{self, JobKind, JobLease, hold};
use super::renditions::{COLUMNS, Rendition, record};
use super::{Catalog, CatalogError};
use crate::media::id::VideoId;
use crate::media::time::Timestamp;
use std::cmp::Ordering;

/// Another refinement than the one that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// It is to go first: a person put it first, or browsers wait for it.
    Urgent,
    /// Browsers wait for it just as for the one that runs: they take turns. Others do not, as what is made of them is of
    /// use only when it is whole.
    Equal,
}

/// That a film has pictures, and that none of them in H.264 is shown in its master. Most browsers decode no others of
/// those that are copied.
pub(super) const UNSEEN: &str =
    "(EXISTS (SELECT 1 FROM renditions AS seen WHERE seen.video = videos.id AND seen.kind = 'video')
      AND NOT EXISTS (SELECT 1 FROM renditions AS seen WHERE seen.video = videos.id AND seen.kind = 'video'
          AND seen.codecs LIKE 'avc1.%' AND (seen.refines = 0 OR seen.state = 'finished')))";

/// Of an unseen film, its pictures that grow and can be begun with.
const GROWING: &str = "renditions.video = videos.id AND renditions.kind = 'video' AND renditions.codecs LIKE 'avc1.%'
    AND renditions.state = 'growing' AND EXISTS (SELECT 1 FROM segments WHERE segments.rendition = renditions.id)";

/// Whether there is something that browsers can play of an unseen film, as a condition on `videos`.
pub(super) fn grows() -> String {
    format!("{UNSEEN} AND EXISTS (SELECT 1 FROM renditions WHERE {GROWING})")
}

impl Catalog {
    /// The pictures in H.264 that grow, in order, of a film that has none yet in its master; nothing once it has.
    pub async fn growing_pictures(&self, video: VideoId) -> Result<Vec<Rendition>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM videos JOIN renditions ON {GROWING} WHERE videos.uuid = ?1 AND {UNSEEN}
                      ORDER BY renditions.number, renditions.id"
                );
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map([video.0], record)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// What waits beside a refinement that runs, and could be claimed while jobs have their hands on `busy` videos.
    ///
    /// # Errors
    /// `LeaseLost`.
    pub async fn rival_of(
        &self,
        lease: JobLease,
        busy: Vec<VideoId>,
        now: Timestamp,
    ) -> Result<Option<Rival>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                hold(tx, lease)?;
                let next = jobs::due(tx, JobKind::Refine, &busy, now)?;
                let Some(next) = next.filter(|next| *next != lease.job.0) else { return Ok(None) };
                let sql = format!(
                    "SELECT jobs.priority, {UNSEEN} FROM jobs JOIN videos ON videos.id = jobs.video WHERE jobs.id = ?1"
                );
                let mut statement = tx.prepare_cached(&sql)?;
                let mut rank = |job: i64| -> rusqlite::Result<(i8, bool)> {
                    statement.query_row([job], |row| Ok((row.get(0)?, row.get(1)?)))
                };
                let (next, mine) = (rank(next)?, rank(lease.job.0)?);
                Ok(match next.cmp(&mine) {
                    Ordering::Greater => Some(Rival::Urgent),
                    Ordering::Equal if mine.1 => Some(Rival::Equal),
                    _ => None,
                })
            })
            .await
    }
}
