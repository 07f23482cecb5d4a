//! Videos that cannot be played whole now, because no copy of some pack can be read.

use super::{Catalog, CatalogError};
use crate::media::extent::ChannelId;
use crate::media::id::VideoId;
use rusqlite::params;

/// A video of which some packs cannot be read now. Each of those is counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedVideo {
    /// Which one.
    pub id: VideoId,
    /// Its title.
    pub title: String,
    /// Packs with a copy on a channel that rests: they can be read again by themselves.
    pub resting: u64,
    /// Packs whose copies lie where nobody can read now, until somebody repairs that.
    pub out_of_reach: u64,
    /// Packs whose last copy was missing or wrong when it was read.
    pub lost: u64,
}

/// Channels that cannot be read now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// For a while.
    pub resting: Vec<ChannelId>,
    /// Until somebody repairs them.
    pub out: Vec<ChannelId>,
}

impl Catalog {
    /// The videos outside the trash that cannot be played whole while these channels cannot be read, at
    /// most `limit` of them by title, and how many there are. Costs as much as those channels hold.
    pub async fn affected(
        &self,
        unreadable: Unreadable,
        limit: u32,
    ) -> Result<(u64, Vec<AffectedVideo>), CatalogError> {
        let Unreadable { resting, out } = unreadable;
        let closed: Vec<&ChannelId> = resting.iter().chain(&out).collect();
        let (closed, resting) = (serde_json::json!(closed).to_string(), serde_json::json!(resting).to_string());
        self.sqlite
            .read(move |tx| {
                let mut statement = tx.prepare_cached(
                    "WITH
                       doubtful (blob) AS (
                         SELECT blob FROM missed_blobs
                         UNION
                         SELECT blob FROM copies
                          WHERE state = 'verified' AND channel IN (SELECT value FROM json_each(?1))),
                       unread (video, rests, is_missed) AS (
                         SELECT blobs.video,
                                EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND state = 'verified'
                                           AND channel IN (SELECT value FROM json_each(?2))),
                                EXISTS (SELECT 1 FROM missed_blobs WHERE missed_blobs.blob = blobs.id)
                           FROM doubtful JOIN blobs ON blobs.id = doubtful.blob
                          WHERE blobs.state = 'stored' AND blobs.role = 'pack'
                            AND (doubtful.blob IN (SELECT blob FROM missed_blobs)
                                 OR NOT EXISTS (SELECT 1 FROM copies WHERE copies.blob = blobs.id AND state = 'verified'
                                                   AND channel NOT IN (SELECT value FROM json_each(?1)))))
                     SELECT videos.uuid, videos.title, sum(rests AND NOT is_missed), sum(NOT rests AND NOT is_missed),
                            sum(is_missed), count(*) OVER ()
                       FROM unread JOIN videos ON videos.id = unread.video
                      WHERE videos.trashed_at IS NULL
                      GROUP BY videos.id ORDER BY videos.title COLLATE NOCASE, videos.id LIMIT ?3",
                )?;
                let mut all = 0;
                let rows = statement.query_map(params![closed, resting, limit], |row| {
                    all = row.get(5)?;
                    Ok(AffectedVideo {
                        id: VideoId(row.get(0)?),
                        title: row.get(1)?,
                        resting: row.get(2)?,
                        out_of_reach: row.get(3)?,
                        lost: row.get(4)?,
                    })
                })?;
                let videos = rows.collect::<Result<_, _>>()?;
                Ok((all, videos))
            })
            .await
    }
}
