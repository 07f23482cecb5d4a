//! Segments: appended in order, never changed. What one commit lists becomes visible together.

use super::blobs::{PackLength, SealedBlob, seal};
use super::jobs::{JobLease, hold};
use super::{Catalog, CatalogError, key_frames};
use crate::media::id::{BlobId, RenditionId};
use crate::media::key_frame::KeyFrame;
use crate::media::range::ByteRange;
use rusqlite::{OptionalExtension, Transaction, params};

/// A run of a segment's bytes in one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewPiece {
    /// The blob.
    pub blob: BlobId,
    /// The bytes inside it.
    pub range: ByteRange,
}

/// A segment to be listed.
#[derive(Clone, Debug)]
pub struct NewSegment {
    /// Its position, from 0 without gaps.
    pub number: u32,
    /// Decode time of its first sample, in ticks.
    pub start: u64,
    /// Its duration in ticks.
    pub duration: u32,
    /// Whether it can be decoded without the segment before it.
    pub independent: bool,
    /// Its bytes, in order; at least one.
    pub pieces: Vec<NewPiece>,
    /// Those of its key frames that are kept, in order; none for sound.
    pub key_frames: Vec<KeyFrame>,
}

/// Everything that becomes true of a rendition in one commit. The bytes are synced already.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// Segments to list.
    pub segments: Vec<NewSegment>,
    /// How far packs that stay open have grown.
    pub grown: Vec<PackLength>,
    /// Packs that are complete.
    pub sealed: Vec<SealedBlob>,
}

/// Where a rendition goes on after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Number of the next segment.
    pub next_number: u32,
    /// Decode time at which it begins, in ticks; `None` when none is listed.
    pub next_start: Option<u64>,
}

impl Catalog {
    /// Lists segments and records how far their packs are, all or nothing.
    ///
    /// # Errors
    /// `NotAllowed` when the numbers do not continue what is listed, or the rendition is finished.
    pub async fn grow(&self, lease: JobLease, rendition: RenditionId, growth: Growth) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let init: Option<i64> = tx
                    .prepare_cached(
                        "SELECT max(init_segments.id) FROM init_segments JOIN renditions ON renditions.id = rendition
                          WHERE renditions.id = ?1 AND video = ?2 AND state = 'growing'",
                    )?
                    .query_row(params![rendition.0, video], |row| row.get(0))?;
                let init = init.ok_or(CatalogError::NotAllowed("only a rendition that still grows gets segments"))?;
                let first = resume(tx, rendition)?.next_number;
                for (expected, segment) in (first..).zip(&growth.segments) {
                    if segment.number != expected {
                        return Err(CatalogError::NotAllowed("segments must be listed in order"));
                    }
                    insert(tx, rendition, init, segment)?;
                    key_frames::insert(tx, rendition, segment)?;
                }
                if growth.segments.iter().any(|segment| !segment.independent) {
                    tx.execute("UPDATE renditions SET independent = 0 WHERE id = ?1", [rendition.0])?;
                }
                for pack in &growth.grown {
                    tx.prepare_cached("UPDATE blobs SET len = ?2 WHERE id = ?1 AND state = 'open'")?
                        .execute(params![pack.blob.0, pack.len])?;
                }
                growth.sealed.iter().try_for_each(|sealed| seal(tx, sealed))
            })
            .await
    }

    /// Where a rendition goes on.
    pub async fn resume_of(&self, rendition: RenditionId) -> Result<Resume, CatalogError> {
        self.sqlite.read(move |tx| resume(tx, rendition)).await
    }

    /// Length in bytes and duration in ticks of every listed segment, in order.
    pub async fn segment_sizes(&self, rendition: RenditionId) -> Result<Vec<(u64, u32)>, CatalogError> {
        self.sqlite.read(move |tx| sizes(tx, rendition.0)).await
    }

    /// The pack entries of the segments whose bytes lie in a blob: segment number, part, duration
    /// in ticks and length in bytes, in the order of the bytes.
    pub async fn entries_in(
        &self,
        rendition: RenditionId,
        blob: BlobId,
    ) -> Result<Vec<(u32, u16, u32, u64)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let mut statement = tx.prepare_cached(
                    "SELECT number, 0, duration, piece_len, piece_offset FROM segments WHERE rendition = ?1 AND blob = ?2
                     UNION ALL
                     SELECT more.number, more.part, segments.duration, more.piece_len, more.piece_offset
                       FROM segment_pieces AS more JOIN segments USING (rendition, number)
                      WHERE more.rendition = ?1 AND more.blob = ?2
                     ORDER BY 5",
                )?;
                let rows = statement.query_map(params![rendition.0, blob.0], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

pub(super) fn sizes(tx: &Transaction<'_>, rendition: i64) -> Result<Vec<(u64, u32)>, CatalogError> {
    let mut statement = tx.prepare_cached(
        "SELECT piece_len + coalesce((SELECT sum(more.piece_len) FROM segment_pieces AS more
                  WHERE more.rendition = segments.rendition AND more.number = segments.number), 0), duration
           FROM segments WHERE rendition = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([rendition], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn resume(tx: &Transaction<'_>, rendition: RenditionId) -> Result<Resume, CatalogError> {
    let last: Option<(u32, u64)> = tx
        .prepare_cached(
            "SELECT number, start + duration FROM segments WHERE rendition = ?1 ORDER BY number DESC LIMIT 1",
        )?
        .query_row([rendition.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(last.map_or(Resume::default(), |(number, end)| Resume { next_number: number + 1, next_start: Some(end) }))
}

fn insert(tx: &Transaction<'_>, rendition: RenditionId, init: i64, segment: &NewSegment) -> Result<(), CatalogError> {
    let (first, more) =
        segment.pieces.split_first().ok_or(CatalogError::NotAllowed("a segment must have at least one piece"))?;
    tx.prepare_cached(
        "INSERT INTO segments (rendition, number, start, duration, init, blob, piece_offset, piece_len)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        rendition.0,
        segment.number,
        segment.start,
        segment.duration,
        init,
        first.blob.0,
        first.range.start(),
        first.range.len()
    ])?;
    for (part, piece) in more.iter().enumerate() {
        tx.prepare_cached(
            "INSERT INTO segment_pieces (rendition, number, part, blob, piece_offset, piece_len)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            rendition.0,
            segment.number,
            part + 1,
            piece.blob.0,
            piece.range.start(),
            piece.range.len()
        ])?;
    }
    Ok(())
}
