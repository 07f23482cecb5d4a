//! Fragments: the samples that a `moof` describes and the `mdat` behind it holds.

use super::boxes::{Boxed, children, leaf, required};
use super::error::CmafError;
use super::source::SourceInit;
use bytes::Bytes;
use mp4_atom::{Tfdt, Tfhd, Trun, TrunEntry};

/// Samples that arrived together: for video one GOP when ffmpeg was told `frag_keyframe`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// One entry for each track that has samples in here.
    pub runs: Vec<TrackRun>,
}

/// Consecutive samples of one track, in decode order.
#[derive(Clone, Debug)]
pub struct TrackRun {
    /// The track's id in the source.
    pub track: u32,
    /// Its samples, at least one.
    pub samples: Vec<Sample>,
}

/// One coded picture, or one packet of sound. Times in ticks of the track's timescale, the source's
/// edit list applied: they are where the sample is really presented, and need no edit list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Decode time.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// What the source says of its duration; the last one of a fragment may be a guess.
    pub duration: u32,
    /// Whether decoding can start here.
    pub sync: bool,
    /// The coded bytes: a slice of what was fed.
    pub data: Bytes,
}

/// Set in a sample's flags when decoding cannot start at it (ISO/IEC 14496-12 section 8.8.3).
const NOT_SYNC: u32 = 0x0001_0000;

const PAST_DATA: CmafError = CmafError::Malformed("a sample lies outside the fragment's data");
const OVERFLOW: CmafError = CmafError::Malformed("a time does not fit 64 bits");

/// A `moof` and its `mdat`, whole boxes as they were fed.
pub(super) struct Pair<'a> {
    pub(super) moof: &'a [u8],
    pub(super) moof_body: &'a [u8],
    pub(super) mdat: &'a Bytes,
    pub(super) mdat_header: usize,
}

impl Pair<'_> {
    /// The samples, each a slice of the `mdat`.
    pub(super) fn read(&self, init: &SourceInit) -> Result<Fragment, CmafError> {
        let mut runs: Vec<TrackRun> = Vec::new();
        for found in children(self.moof_body) {
            let found = found?;
            if found.kind != *b"traf" {
                continue;
            }
            let run = self.track(found, init)?;
            if !run.samples.is_empty() {
                runs.push(run);
            }
        }
        Ok(Fragment { runs })
    }

    fn track(&self, traf: Boxed<'_>, init: &SourceInit) -> Result<TrackRun, CmafError> {
        let header: Tfhd = leaf(required(traf.body, b"tfhd")?)?;
        if header.base_data_offset.is_some() || !header.default_base_is_moof {
            return Err(CmafError::Unsupported("a data offset that does not count from the fragment"));
        }
        let track = init.tracks.iter().find(|track| track.id == header.track_id);
        let track = track.ok_or(CmafError::Malformed("a fragment names a track that does not exist"))?;
        let time: Tfdt = leaf(required(traf.body, b"tfdt")?)?;
        let start = i64::try_from(time.base_media_decode_time).map_err(|_| OVERFLOW)?;
        let mut reading = Reading {
            dts: start.checked_add(track.shift).ok_or(OVERFLOW)?,
            offset: 0,
            defaults: TrunEntry {
                duration: header.default_sample_duration.or(Some(track.defaults.duration)),
                size: header.default_sample_size.or(Some(track.defaults.size)),
                flags: header.default_sample_flags.or(Some(track.defaults.flags)),
                cts: Some(0),
            },
            samples: Vec::new(),
        };
        for found in children(traf.body) {
            let found = found?;
            if found.kind == *b"trun" {
                self.samples(&leaf(found)?, &mut reading)?;
            }
        }
        Ok(TrackRun { track: track.id, samples: reading.samples })
    }

    fn samples(&self, run: &Trun, reading: &mut Reading) -> Result<(), CmafError> {
        if let Some(offset) = run.data_offset {
            let data = self.moof.len() + self.mdat_header;
            let offset = usize::try_from(offset).ok().and_then(|offset| offset.checked_sub(data)).ok_or(PAST_DATA)?;
            reading.offset = offset;
        }
        let data = self.mdat.slice(self.mdat_header..);
        for entry in run.samples.iter() {
            let size = entry.size.or(reading.defaults.size).unwrap_or(0) as usize;
            // Also what bounds a run that states a count and no entries.
            if size == 0 {
                return Err(CmafError::Malformed("a sample is empty"));
            }
            let end = reading.offset.checked_add(size).filter(|&end| end <= data.len()).ok_or(PAST_DATA)?;
            let duration = entry.duration.or(reading.defaults.duration).unwrap_or(0);
            let flags = entry.flags.or(reading.defaults.flags).unwrap_or(0);
            reading.samples.push(Sample {
                dts: reading.dts,
                pts: reading.dts.checked_add(entry.cts.unwrap_or(0)).ok_or(OVERFLOW)?,
                duration,
                sync: flags & NOT_SYNC == 0,
                data: data.slice(reading.offset..end),
            });
            reading.offset = end;
            reading.dts = reading.dts.checked_add(i64::from(duration)).ok_or(OVERFLOW)?;
        }
        Ok(())
    }
}

/// Where the reading of one track's runs stands.
struct Reading {
    dts: i64,
    /// Bytes into the data of the `mdat`.
    offset: usize,
    defaults: TrunEntry,
    samples: Vec<Sample>,
}
