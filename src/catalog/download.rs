//! What a download is made of: a source file that was kept, or the segments of tracks.

use super::jobs::{JobLease, hold};
use super::playback::PLAYABLE;
use super::segments::sizes;
use super::{Catalog, CatalogError, key_frames};
use crate::media::id::{RenditionId, VideoId};
use rusqlite::{OptionalExtension, params};

/// A source file that is kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOriginal {
    /// The name of the track that its runs are segments of.
    pub track: String,
    /// What was noted of it when it was begun.
    pub init: Vec<u8>,
    /// SHA-256 of all its bytes.
    pub sha256: [u8; 32],
    /// Bytes of its runs, in order.
    pub runs: Vec<u64>,
}

/// A complete track, as far as it can be told without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTrack {
    /// Its init segment.
    pub init: Vec<u8>,
    /// Decode time at which it begins, in ticks.
    pub start: u64,
    /// When its first picture is shown, in ticks; `None` of sound, and where that was not noted.
    pub first_shown: Option<i64>,
    /// Bytes of each segment, and ticks that it lasts, in order.
    pub segments: Vec<(u64, u32)>,
}

impl Catalog {
    /// Says that all of a source file is kept, and what its bytes are together.
    pub async fn finish_original(
        &self,
        lease: JobLease,
        rendition: RenditionId,
        sha256: [u8; 32],
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                tx.execute(
                    "UPDATE renditions SET state = 'finished', sha256 = ?3 WHERE id = ?1 AND video = ?2",
                    params![rendition.0, video, sha256],
                )?;
                Ok(())
            })
            .await
    }

    /// The kept source file of a video; `None` while there is none that is whole.
    pub async fn kept_original(&self, video: VideoId) -> Result<Option<KeptOriginal>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT renditions.id, renditions.name, renditions.sha256, init_segments.bytes FROM renditions
                       JOIN videos ON videos.id = renditions.video JOIN init_segments ON init_segments.rendition = renditions.id
                      WHERE {PLAYABLE} AND renditions.kind = 'original' AND renditions.sha256 IS NOT NULL"
                );
                let found: Option<(i64, KeptOriginal)> = tx
                    .prepare_cached(&sql)?
                    .query_row([video.0], |row| {
                        let (track, sha256, init) = (row.get(1)?, row.get(2)?, row.get(3)?);
                        Ok((row.get(0)?, KeptOriginal { track, init, sha256, runs: Vec::new() }))
                    })
                    .optional()?;
                let Some((rendition, kept)) = found else { return Ok(None) };
                let runs = sizes(tx, rendition)?.into_iter().map(|(bytes, _)| bytes).collect();
                Ok(Some(KeptOriginal { runs, ..kept }))
            })
            .await
    }

    /// All of a finished track but its bytes.
    pub async fn whole_track(&self, video: VideoId, track: String) -> Result<Option<WholeTrack>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT renditions.id, init_segments.bytes,
                            (SELECT min(start) FROM segments WHERE segments.rendition = renditions.id)
                       FROM renditions JOIN videos ON videos.id = renditions.video
                       JOIN init_segments ON init_segments.rendition = renditions.id
                      WHERE {PLAYABLE} AND renditions.name = ?2 AND renditions.state = 'finished'"
                );
                let found: Option<(i64, Vec<u8>, Option<u64>)> = tx
                    .prepare_cached(&sql)?
                    .query_row(params![video.0, track], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((rendition, init, Some(start))) = found else { return Ok(None) };
                let first_shown = key_frames::first(tx, rendition, start)?;
                Ok(Some(WholeTrack { init, start, first_shown, segments: sizes(tx, rendition)? }))
            })
            .await
    }
}
