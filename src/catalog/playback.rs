//! What players ask for: tracks, playlists, and where the bytes of a segment lie now. A video in
//! the trash, or one that failed, has none of these for anybody.

use super::blobs::chunk_hashes;
use super::renditions::{COLUMNS, Rendition, record};
use super::sidecars::NOT_REMOVED;
use super::unseen::grows;
use super::{Catalog, CatalogError};
use crate::media::extent::{Locator, Piece, Place, PlacedPiece, StoredBlob};
use crate::media::id::{BlobId, VideoId};
use crate::media::range::ByteRange;
use crate::media::rendition::TrackName;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::sync::Arc;

/// The tracks of a video that can be played now.
#[derive(Clone, Debug)]
pub struct Tracks {
    /// Renditions that list a segment, in order.
    pub renditions: Vec<Rendition>,
    /// Whether all planned tracks are there and complete.
    pub finished: bool,
}

/// One line of a media playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// Position in the playlist.
    pub number: u32,
    /// Duration in ticks.
    pub duration: u32,
    /// Whether coding parameters or time stamps break before it.
    pub discontinuity: bool,
}

/// A media playlist as the catalog knows it.
#[derive(Clone, Debug)]
pub struct TrackPlaylist {
    /// The rendition.
    pub rendition: Rendition,
    /// Its segments, in order.
    pub segments: Vec<SegmentRow>,
    /// Whether no track of the video will get another segment, of those that can be played while they are made.
    pub finished: bool,
    /// Whether the video's master playlist names it: what refines a video is, once it is whole.
    pub shown: bool,
    /// Whether pictures for browsers grow beside what is in the master playlist.
    pub beside_growing: bool,
}

/// Only renditions that are shown: those that refine a film that can be played are, once they are whole.
const SHOWN: &str = "(renditions.refines = 0 OR renditions.state = 'finished')";

/// Only videos that are neither in the trash nor failed.
pub(super) const PLAYABLE: &str =
    "videos.uuid = ?1 AND videos.trashed_at IS NULL AND videos.state IN ('processing', 'ready')";

const FINISHED: &str = "videos.tracks = (SELECT count(*) FROM renditions AS done
    WHERE done.video = videos.id AND done.state = 'finished' AND done.refines = 0)";

impl Catalog {
    /// The tracks of a video; `None` when it is unknown or one of its planned tracks still lacks
    /// its first segment: a player must find sound and picture together.
    pub async fn tracks(&self, video: VideoId) -> Result<Option<Tracks>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!("SELECT videos.id, videos.tracks, {FINISHED} FROM videos WHERE {PLAYABLE}");
                let found: Option<(i64, usize, bool)> = tx
                    .prepare_cached(&sql)?
                    .query_row([video.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((row, planned, finished)) = found else { return Ok(None) };
                let sql = format!(
                    "SELECT {COLUMNS} FROM renditions WHERE video = ?1 AND {SHOWN} AND {NOT_REMOVED}
                        AND EXISTS (SELECT 1 FROM segments WHERE segments.rendition = renditions.id)
                      ORDER BY number, id"
                );
                let mut statement = tx.prepare_cached(&sql)?;
                let renditions = statement.query_map([row], record)?.collect::<Result<Vec<_>, _>>()?;
                let first = renditions.iter().filter(|rendition| !rendition.refines).count();
                let complete = planned > 0 && first >= planned;
                Ok(complete.then_some(Tracks { renditions, finished }))
            })
            .await
    }

    /// The renditions of a video, playable or not, for its details; of those that refine it only the whole ones, as
    /// players find no others.
    pub async fn details(&self, video: VideoId) -> Result<Vec<Rendition>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM renditions JOIN videos ON videos.id = renditions.video WHERE videos.uuid = ?1
                        AND {SHOWN} AND {NOT_REMOVED}
                      ORDER BY renditions.number, renditions.id"
                );
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map([video.0], record)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The media playlist of a track, shown or not.
    pub async fn track_playlist(&self, video: VideoId, track: String) -> Result<Option<TrackPlaylist>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}, {FINISHED} AS whole, {SHOWN} AS shown, {} AS beside_growing
                       FROM renditions JOIN videos ON videos.id = renditions.video
                      WHERE {PLAYABLE} AND renditions.name = ?2 AND {NOT_REMOVED}",
                    grows()
                );
                let found: Option<(Rendition, [bool; 3])> = tx
                    .prepare_cached(&sql)?
                    .query_row(params![video.0, track], |row| {
                        Ok((record(row)?, [row.get("whole")?, row.get("shown")?, row.get("beside_growing")?]))
                    })
                    .optional()?;
                let Some((rendition, [finished, shown, beside_growing])) = found else { return Ok(None) };
                let mut statement = tx.prepare_cached(
                    "SELECT number, duration, discontinuity FROM segments WHERE rendition = ?1 ORDER BY number",
                )?;
                let rows = statement.query_map([rendition.id.0], |row| {
                    Ok(SegmentRow { number: row.get(0)?, duration: row.get(1)?, discontinuity: row.get(2)? })
                })?;
                let segments = rows.collect::<Result<Vec<_>, _>>()?;
                Ok(Some(TrackPlaylist { rendition, segments, finished, shown, beside_growing }))
            })
            .await
    }

    /// The init segment of a track.
    pub async fn track_init(&self, video: VideoId, track: String) -> Result<Option<Vec<u8>>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT init_segments.bytes FROM init_segments JOIN renditions ON renditions.id = init_segments.rendition
                       JOIN videos ON videos.id = renditions.video WHERE {PLAYABLE} AND renditions.name = ?2 AND {NOT_REMOVED}
                      ORDER BY init_segments.id DESC LIMIT 1"
                );
                Ok(tx.prepare_cached(&sql)?.query_row(params![video.0, track], |row| row.get(0)).optional()?)
            })
            .await
    }

    /// The RFC 6381 codecs of a track.
    pub async fn track_codecs(&self, video: VideoId, track: String) -> Result<Option<String>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT codecs FROM renditions JOIN videos ON videos.id = renditions.video
                      WHERE {PLAYABLE} AND renditions.name = ?2 AND {NOT_REMOVED}"
                );
                Ok(tx.prepare_cached(&sql)?.query_row(params![video.0, track], |row| row.get(0)).optional()?)
            })
            .await
    }

    /// Where a segment's bytes lie now, in order.
    pub async fn segment_pieces(
        &self,
        video: VideoId,
        track: String,
        number: u32,
    ) -> Result<Option<Vec<PlacedPiece>>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT segments.rendition, blob, piece_offset, piece_len FROM segments
                       JOIN renditions ON renditions.id = segments.rendition JOIN videos ON videos.id = renditions.video
                      WHERE {PLAYABLE} AND renditions.name = ?2 AND segments.number = ?3 AND {NOT_REMOVED}"
                );
                let first: Option<(i64, Piece)> = tx
                    .prepare_cached(&sql)?
                    .query_row(params![video.0, track, number], |row| Ok((row.get(0)?, piece(row, 1)?)))
                    .optional()?;
                first.map(|(rendition, first)| place_all(tx, rendition, number, first)).transpose()
            })
            .await
    }

    /// Where the poster's bytes lie now; also of a video that failed, but of none in the trash.
    pub async fn poster_pieces(&self, video: VideoId) -> Result<Option<Vec<PlacedPiece>>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let still = "SELECT segments.rendition, segments.blob, piece_offset, piece_len, segments.number
                      FROM videos JOIN renditions ON renditions.video = videos.id AND renditions.name = ?2
                      JOIN segments ON segments.rendition = renditions.id AND segments.number = videos.poster_still
                     WHERE videos.uuid = ?1 AND videos.trashed_at IS NULL";
                let found: Option<(i64, Piece, u32)> = tx
                    .prepare_cached(still)?
                    .query_row(params![video.0, TrackName::STILLS.to_string()], |row| {
                        Ok((row.get(0)?, piece(row, 1)?, row.get(4)?))
                    })
                    .optional()?;
                if let Some((rendition, first, number)) = found {
                    return place_all(tx, rendition, number, first).map(Some);
                }
                let own = "SELECT blobs.id, 0, blobs.len FROM videos JOIN blobs ON blobs.id = videos.poster
                            WHERE videos.uuid = ?1 AND videos.trashed_at IS NULL AND blobs.len > 0";
                let found = tx.prepare_cached(own)?.query_row([video.0], |row| piece(row, 0)).optional()?;
                found.map(|piece| Ok(vec![place(tx, piece)?])).transpose()
            })
            .await
    }
}

fn piece(row: &Row<'_>, column: usize) -> rusqlite::Result<Piece> {
    let (start, len): (u64, u64) = (row.get(column + 1)?, row.get(column + 2)?);
    let range = ByteRange::at(start, len).ok_or(rusqlite::Error::IntegralValueOutOfRange(column + 2, 0))?;
    Ok(Piece { blob: BlobId(row.get(column)?), range })
}

/// Where all pieces of a segment lie, of which the first is known.
fn place_all(
    tx: &Transaction<'_>,
    rendition: i64,
    number: u32,
    first: Piece,
) -> Result<Vec<PlacedPiece>, CatalogError> {
    let mut placed = vec![place(tx, first)?];
    let mut statement = tx.prepare_cached(
        "SELECT blob, piece_offset, piece_len FROM segment_pieces WHERE rendition = ?1 AND number = ?2 ORDER BY part",
    )?;
    let more = statement.query_map(params![rendition, number], |row| piece(row, 0))?;
    for piece in more {
        placed.push(place(tx, piece?)?);
    }
    Ok(placed)
}

fn place(tx: &Transaction<'_>, piece: Piece) -> Result<PlacedPiece, CatalogError> {
    let (state, len, chunks): (String, u64, Option<Vec<u8>>) = tx
        .prepare_cached("SELECT state, len, chunks FROM blobs WHERE id = ?1")?
        .query_row([piece.blob.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if state != "stored" {
        return Ok(PlacedPiece { piece, place: Place::Spool });
    }
    let mut statement =
        tx.prepare_cached("SELECT locator FROM copies WHERE blob = ?1 AND state = 'verified' ORDER BY copy")?;
    let copies = statement.query_map([piece.blob.0], |row| row.get(0).map(Locator))?.collect::<Result<Vec<_>, _>>()?;
    let chunks: Arc<[_]> = chunk_hashes(&chunks.unwrap_or_default()).into();
    Ok(PlacedPiece { piece, place: Place::Store(Arc::new(StoredBlob { id: piece.blob, len, chunks, copies })) })
}
