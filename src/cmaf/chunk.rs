//! Segments as they are written: one `moof` and `mdat` for each chunk, a chunk being a GOP, or all
//! the sound of a segment.

use super::boxes::put;
use super::error::CmafError;
use super::init::TRACK_ID;
use crate::media::key_frame::KeyFrame;
use bytes::Bytes;
use mp4_atom::{Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

/// A finished segment. Times in ticks of the track.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Decode time of its first sample, as its `tfdt` says.
    pub start: u64,
    /// Sum of its samples' durations; the next segment starts at `start + duration`.
    pub duration: u64,
    /// Its bytes, in order: headers of ours between slices of the source's.
    pub data: Vec<Bytes>,
    /// How many bytes that is.
    pub len: u64,
    /// Whether everything in it can be decoded without the segment before: it starts with a sync
    /// sample and none of its pictures is shown before that one (as in an open GOP).
    pub independent: bool,
    /// The earliest presentation time in it.
    pub first_pts: i64,
    /// Its key frames, for I-frame playlists. Empty for sound.
    pub key_frames: Vec<KeyFrame>,
}

/// A sample with its final times.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: u32,
    pub(super) sync: bool,
    pub(super) data: Bytes,
}

/// Samples that share a `moof`; never empty, durations exact.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) samples: Vec<Placed>,
    pub(super) start: u64,
    pub(super) duration: u64,
    /// Bytes of the coded samples.
    pub(super) bytes: u64,
}

/// Flags of a sample that needs no other, and of one that does (ISO/IEC 14496-12 section 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

impl Chunk {
    /// A chunk of samples that are in decode order, the first not before zero.
    pub(super) fn new(samples: Vec<Placed>) -> Result<Self, CmafError> {
        let first = samples.first().map_or(0, |sample| sample.dts);
        let start = u64::try_from(first).map_err(|_| CmafError::times("a decode time is negative", first))?;
        let duration = samples.iter().map(|sample| u64::from(sample.duration)).sum();
        let bytes = samples.iter().map(|sample| sample.data.len() as u64).sum();
        Ok(Self { samples, start, duration, bytes })
    }

    /// Whether it starts with a sync sample that nothing is shown before.
    fn independent(&self) -> bool {
        let Some(first) = self.samples.first() else { return false };
        first.sync && self.samples.iter().all(|sample| sample.pts >= first.pts)
    }

    /// The `moof` and the header of the `mdat`.
    fn header(&self, sequence_number: u32) -> Result<Vec<u8>, CmafError> {
        let mdat_header = if self.bytes > u64::from(u32::MAX) - 8 { 16 } else { 8 };
        let mut moof = self.moof(sequence_number)?;
        let mut out = Vec::new();
        put(&mut out, &moof);
        // Only now is it known where the data starts; the field is there already.
        let offset = i32::try_from(out.len() + mdat_header);
        let offset = offset.map_err(|_| CmafError::Unsupported("a chunk of so many samples"))?;
        moof.traf[0].trun[0].data_offset = Some(offset);
        out.clear();
        put(&mut out, &moof);
        match u32::try_from(self.bytes + 8) {
            Ok(short) if mdat_header == 8 => {
                out.extend_from_slice(&short.to_be_bytes());
                out.extend_from_slice(b"mdat");
            }
            _ => {
                out.extend_from_slice(&1_u32.to_be_bytes());
                out.extend_from_slice(b"mdat");
                out.extend_from_slice(&(self.bytes + 16).to_be_bytes());
            }
        }
        Ok(out)
    }

    /// Offsets from decoding to showing stay as they are, though with lesser ones, below zero, the first `tfdt` were when
    /// the first picture is shown, which video.js takes it for: ffmpeg's reader (5.1) gives every picture late by the
    /// lowest offset, and sound not.
    fn moof(&self, sequence_number: u32) -> Result<Moof, CmafError> {
        let all_sync = self.samples.iter().all(|sample| sample.sync);
        let duration = self.samples.first().map_or(0, |sample| sample.duration);
        let even = self.samples.iter().all(|sample| sample.duration == duration);
        let in_order = self.samples.iter().all(|sample| sample.pts == sample.dts);
        let mut entries = Vec::with_capacity(self.samples.len());
        for sample in &self.samples {
            let far = || CmafError::times("a picture is shown too long after it is decoded", sample.pts);
            // Version 1 offsets are signed, and players read no other range alike.
            let cts = sample.pts.checked_sub(sample.dts).and_then(|cts| i32::try_from(cts).ok()).ok_or_else(far)?;
            let size = u32::try_from(sample.data.len());
            entries.push(TrunEntry {
                duration: (!even).then_some(sample.duration),
                size: Some(size.map_err(|_| CmafError::Unsupported("a sample over 4 GiB"))?),
                flags: (!all_sync).then_some(if sample.sync { SYNC } else { NOT_SYNC }),
                cts: (!in_order).then_some(cts.into()),
            });
        }
        let tfhd = Tfhd {
            track_id: TRACK_ID,
            default_sample_duration: even.then_some(duration),
            default_sample_flags: all_sync.then_some(SYNC),
            default_base_is_moof: true,
            ..Tfhd::default()
        };
        let tfdt = Some(Tfdt { base_media_decode_time: self.start });
        let trun = vec![Trun { data_offset: Some(0), samples: entries.into() }];
        Ok(Moof { mfhd: Mfhd { sequence_number }, traf: vec![Traf { tfhd, tfdt, trun, ..Traf::default() }] })
    }
}

impl Segment {
    /// Writes chunks, of which there is at least one, each numbered by `sequence`.
    pub(super) fn write(
        chunks: &[Chunk],
        key_frames: bool,
        mut sequence: impl FnMut(&Chunk) -> u32,
    ) -> Result<Self, CmafError> {
        let samples = || chunks.iter().flat_map(|chunk| &chunk.samples);
        let mut segment = Self {
            start: chunks.first().map_or(0, |chunk| chunk.start),
            duration: chunks.iter().map(|chunk| chunk.duration).sum(),
            data: Vec::with_capacity(chunks.len() + samples().count()),
            len: 0,
            independent: chunks.first().is_some_and(Chunk::independent),
            first_pts: samples().map(|sample| sample.pts).min().unwrap_or(0),
            key_frames: Vec::new(),
        };
        for chunk in chunks {
            let header = Bytes::from(chunk.header(sequence(chunk))?);
            if let Some(first) = chunk.samples.first().filter(|first| key_frames && first.sync) {
                segment.key_frames.push(KeyFrame {
                    offset: segment.len,
                    len: (header.len() + first.data.len()) as u64,
                    start: first.pts,
                });
            }
            segment.len += header.len() as u64 + chunk.bytes;
            segment.data.push(header);
            segment.data.extend(chunk.samples.iter().map(|sample| sample.data.clone()));
        }
        Ok(segment)
    }
}
