//! The index of a whole MP4 file (ISO/IEC 14496-12, 8.6 and 8.7): every sample of a track, its times
//! and its place, known without reading the film itself.
//!
//! Only plain files are understood: one whole edit at most, no fragments, every byte in the file.
//! Anything else is `None`, and somebody who reads the film has to say what is in it.

mod edits;
mod tables;

use super::boxes::{Boxed, Header, child, children};
use super::source::{SourceTrack, TrackKind};
use crate::media::probe::Packet;
use edits::Edit;
use std::io::{self, Read, Seek, SeekFrom};
use tables::Tables;

/// Boxes before the index, at most: a plain file has half a dozen.
const MOST_BOXES: usize = 64;

/// A film of ten hours at 60 pictures a second has an index of 40 MB.
const LARGEST_INDEX: u64 = 64 * 1024 * 1024;

/// The index of a file.
#[derive(Debug)]
pub struct Index {
    /// The body of the `moov` box.
    moov: Vec<u8>,
    file_len: u64,
}

/// The samples of one track, in decode order.
#[derive(Clone, Debug)]
pub struct IndexedTrack {
    /// Picture or sound.
    pub kind: TrackKind,
    /// Ticks per second, at least 1.
    pub timescale: u32,
    /// At least one.
    pub samples: Vec<IndexedSample>,
}

/// One coded picture or packet of sound, and where it lies. Times in ticks of the track, the edit
/// list applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedSample {
    /// Decode time.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// Its first byte in the file.
    pub at: u64,
    /// Ticks to the next sample's decode time.
    pub duration: u32,
    /// Its bytes, at least 1.
    pub bytes: u32,
    /// Whether decoding can start here.
    pub sync: bool,
}

impl Index {
    /// Finds the index of a file. `None` when it has none, or lists its samples elsewhere.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let file_len = file.seek(SeekFrom::End(0))?;
        let moov = index_box(file, file_len)?;
        let whole = moov.filter(|moov| child(moov, b"mvex").is_ok_and(|fragments| fragments.is_none()));
        Ok(whole.map(|moov| Self { moov, file_len }))
    }

    /// Track number `stream`, counted from 0. `None` when its tables are not plain.
    pub fn track(&self, stream: u32) -> Option<IndexedTrack> {
        let track = self.box_of(stream)?.body;
        let media = inside(track, b"mdia")?;
        let kind = match inside(media, b"hdlr")?.get(8..12)? {
            b"vide" => TrackKind::Video,
            b"soun" => TrackKind::Audio,
            _ => return None,
        };
        let timescale = timescale_of(inside(media, b"mdhd")?)?;
        let information = inside(media, b"minf")?;
        if !lies_here(information)? {
            return None;
        }
        let tables = Tables::read(inside(information, b"stbl")?)?;
        let mut samples = tables.samples(self.file_len)?;
        if let Some(edits) = child(track, b"edts").ok()? {
            let edit = Edit::read(edits, timescale_of(inside(&self.moov, b"mvhd")?)?, timescale)?;
            edit.apply(&mut samples, kind)?;
        }
        Some(IndexedTrack { kind, timescale, samples })
    }

    /// What track number `stream` carries, if its samples can go into segments as they lie in the file:
    /// H.264 or HEVC whose parameter sets are all in the header, or AAC. Its edit list is left to
    /// [`Index::track`].
    pub fn source(&self, stream: u32) -> Option<SourceTrack> {
        let movie_timescale = timescale_of(inside(&self.moov, b"mvhd")?)?;
        SourceTrack::as_it_lies(self.box_of(stream)?, movie_timescale).ok()?
    }

    fn box_of(&self, stream: u32) -> Option<Boxed<'_>> {
        let mut tracks = children(&self.moov).filter_map(Result::ok).filter(|found| found.kind == *b"trak");
        tracks.nth(usize::try_from(stream).ok()?)
    }
}

impl IndexedSample {
    /// The packet that a reader of the film would list.
    pub fn packet(&self) -> Packet {
        let (duration, bytes) = (u64::from(self.duration), u64::from(self.bytes));
        Packet { pts: Some(self.pts), dts: Some(self.dts), duration, bytes, key: self.sync }
    }
}

impl IndexedTrack {
    /// Presentation time of what is shown first, in ticks.
    pub fn first_shown(&self) -> Option<i64> {
        self.samples.iter().map(|sample| sample.pts).min()
    }
}

/// The body of the `moov` box; `None` where there is none, or none of a believable size.
pub(super) fn index_box(file: &mut (impl Read + Seek), len: u64) -> io::Result<Option<Vec<u8>>> {
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        if at >= len {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut begin = Vec::with_capacity(Header::LONGEST);
        file.by_ref().take(Header::LONGEST as u64).read_to_end(&mut begin)?;
        let Ok(Some(header)) = Header::read(&begin) else { break };
        if header.kind == *b"moov" {
            let body = header.total - header.header as u64;
            if body > LARGEST_INDEX || header.total > len - at {
                break;
            }
            file.seek(SeekFrom::Start(at + header.header as u64))?;
            let mut moov = Vec::new();
            file.by_ref().take(body).read_to_end(&mut moov)?;
            return Ok(Some(moov));
        }
        at = at.saturating_add(header.total);
    }
    Ok(None)
}

/// Whether all samples lie in the file itself, as far as it says where.
fn lies_here(information: &[u8]) -> Option<bool> {
    /// The flag of a data reference that is the file.
    const SELF_CONTAINED: u8 = 1;
    let Some(places) = child(information, b"dinf").ok()? else { return Some(true) };
    let Some(places) = child(places.body, b"dref").ok()? else { return Some(true) };
    let mut all = children(places.body.get(8..)?);
    Some(all.all(|place| place.is_ok_and(|place| place.body.get(3).is_some_and(|flags| flags & SELF_CONTAINED != 0))))
}

fn timescale_of(header: &[u8]) -> Option<u32> {
    let at = if header.first()? == &1 { 20 } else { 12 };
    Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?)).filter(|timescale| *timescale > 0)
}

fn inside<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    child(bytes, kind).ok()?.map(|found| found.body)
}
