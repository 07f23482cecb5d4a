//! Where key frames lie in segments. They come with their segments and are never changed; a row
//! holds those of one segment, about ten bytes each.

use super::playback::PLAYABLE;
use super::{Catalog, CatalogError, NewSegment};
use crate::media::id::{RenditionId, VideoId};
use crate::media::key_frame::KeyFrame;
use crate::media::time::Timescale;
use integer_encoding::VarInt;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Transaction, params};
use std::ops::Range;

/// The key frames of a rendition that were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFrames {
    /// Each with the number of its segment, in order.
    pub frames: Vec<(u32, KeyFrame)>,
    /// From the start of the first segment to the end of the last, in ticks of decode time.
    pub span: Range<u64>,
}

impl Catalog {
    /// The key frames of the segments listed so far; none of sound, and of segments listed before key
    /// frames were kept.
    pub async fn key_frames_of(&self, rendition: RenditionId) -> Result<KeyFrames, CatalogError> {
        self.sqlite.read(move |tx| key_frames(tx, rendition.0)).await
    }

    /// Ticks per second and key frames of a track that is finished and has an I-frame playlist.
    pub async fn track_key_frames(
        &self,
        video: VideoId,
        track: String,
    ) -> Result<Option<(Timescale, KeyFrames)>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = format!(
                    "SELECT renditions.id, timescale FROM renditions JOIN videos ON videos.id = renditions.video
                      WHERE {PLAYABLE} AND renditions.name = ?2 AND renditions.state = 'finished'
                        AND i_frame_peak_bandwidth IS NOT NULL"
                );
                let found: Option<(i64, Timescale)> = tx
                    .prepare_cached(&sql)?
                    .query_row(params![video.0, track], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let Some((rendition, timescale)) = found else { return Ok(None) };
                Ok(Some((timescale, key_frames(tx, rendition)?)))
            })
            .await
    }
}

/// Keeps those of a segment, if it has any.
pub(super) fn insert(tx: &Transaction<'_>, rendition: RenditionId, segment: &NewSegment) -> Result<(), CatalogError> {
    if !segment.key_frames.is_empty() {
        tx.prepare_cached("INSERT INTO key_frames (rendition, number, frames) VALUES (?1, ?2, ?3)")?
            .execute(params![rendition.0, segment.number, packed(&segment.key_frames, segment.start)])?;
    }
    Ok(())
}

fn key_frames(tx: &Transaction<'_>, rendition: i64) -> Result<KeyFrames, CatalogError> {
    let span: (u64, u64) = tx
        .prepare_cached(
            "SELECT coalesce(min(start), 0), coalesce(max(start + duration), 0) FROM segments WHERE rendition = ?1",
        )?
        .query_row([rendition], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = tx.prepare_cached(
        "SELECT segments.number, segments.start, key_frames.frames FROM key_frames JOIN segments USING (rendition, number)
          WHERE rendition = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([rendition])?;
    let mut frames = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, bytes) = (row.get(0)?, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
        let found = unpacked(bytes, row.get(1)?).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(2, Type::Blob, "key frames that were cut short".into())
        })?;
        frames.extend(found.into_iter().map(|frame| (number, frame)));
    }
    Ok(KeyFrames { frames, span: span.0..span.1 })
}

/// When the first key frame of a rendition that begins at `start` is shown, where that is known.
pub(super) fn first(tx: &Transaction<'_>, rendition: i64, start: u64) -> Result<Option<i64>, CatalogError> {
    let packed: Option<Vec<u8>> = tx
        .prepare_cached("SELECT frames FROM key_frames WHERE rendition = ?1 AND number = 0")?
        .query_row([rendition], |row| row.get(0))
        .optional()?;
    let frames = packed.and_then(|packed| unpacked(&packed, start)).unwrap_or_default();
    Ok(frames.first().map(|frame| frame.start))
}

/// As the migration describes it.
fn packed(frames: &[KeyFrame], segment_start: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frames.len() * 12);
    for frame in frames {
        bytes.extend(frame.offset.encode_var_vec());
        bytes.extend(frame.len.encode_var_vec());
        bytes.extend(frame.start.wrapping_sub_unsigned(segment_start).encode_var_vec());
    }
    bytes
}

/// `None` when the bytes end inside a number or a frame.
fn unpacked(mut bytes: &[u8], segment_start: u64) -> Option<Vec<KeyFrame>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (offset, len) = (taken::<u64>(&mut bytes)?, taken::<u64>(&mut bytes)?);
        let start = taken::<i64>(&mut bytes)?.wrapping_add_unsigned(segment_start);
        frames.push(KeyFrame { offset, len, start });
    }
    Some(frames)
}

fn taken<T: VarInt>(bytes: &mut &[u8]) -> Option<T> {
    let (number, len) = T::decode_var(bytes)?;
    *bytes = bytes.get(len..)?;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [KeyFrame; 3] = [
        KeyFrame { offset: 0, len: 41_000, start: 907_200 },
        KeyFrame { offset: 1_500_123, len: 120_456, start: 1_087_200 },
        KeyFrame { offset: u64::MAX, len: 1, start: -5 },
    ];

    #[test]
    fn key_frames_read_back_as_they_were_packed() {
        for start in [0, 900_000, u64::MAX] {
            assert_eq!(unpacked(&packed(&FRAMES, start), start).unwrap(), FRAMES);
        }
        assert_eq!(packed(&FRAMES[..2], 900_000).len(), (1 + 3 + 2) + (3 + 3 + 3));
    }

    #[test]
    fn key_frames_that_were_cut_short_are_refused() {
        let whole = packed(&FRAMES[..1], 0);
        assert!((1..whole.len()).all(|len| unpacked(&whole[..len], 0).is_none()));
        assert!(unpacked(&[0x80; 40], 0).is_none());
    }
}
