//! How the samples of a whole MP4 file are described, fragmented or not. What stands here ffmpeg passes
//! over when it copies: protected samples, and a decoder set up anew in the middle of a track.

use super::boxes::{Boxed, child, children};
use super::index::index_box;
use std::io::{self, Read, Seek};

/// Types of entries whose samples are encrypted (ISO/IEC 14496-12, 8.12), and those of old shops.
const PROTECTED: [&[u8; 4]; 6] = [b"encv", b"enca", b"enct", b"encs", b"drms", b"drmi"];

/// Bytes of an entry in front of its boxes: picture, and sound of each `QuickTime` version.
const FIXED: [usize; 4] = [78, 28, 44, 64];

/// The sample descriptions of every track, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptions {
    tracks: Vec<Track>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Track {
    entries: usize,
    is_protected: bool,
}

impl Descriptions {
    /// Reads those of a file; none when it is no MP4 or cannot be understood.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let file_len = file.seek(io::SeekFrom::End(0))?;
        let moov = index_box(file, file_len)?.unwrap_or_default();
        let tracks = children(&moov).map_while(Result::ok).filter(|found| found.kind == *b"trak");
        Ok(Self { tracks: tracks.map(|trak| Track::of(trak.body).unwrap_or_default()).collect() })
    }

    /// Whether a track is protected against copying.
    pub fn are_protected(&self) -> bool {
        self.tracks.iter().any(|track| track.is_protected)
    }

    /// In how many ways the samples of track number `stream`, counted from 0, are described; 0 when unknown.
    pub fn count(&self, stream: u32) -> usize {
        usize::try_from(stream).ok().and_then(|at| self.tracks.get(at)).map_or(0, |track| track.entries)
    }
}

impl Track {
    fn of(trak: &[u8]) -> Option<Self> {
        let mut body = trak;
        for kind in [b"mdia", b"minf", b"stbl", b"stsd"] {
            body = child(body, kind).ok()??.body;
        }
        let entries: Vec<Boxed<'_>> = children(body.get(8..)?).map_while(Result::ok).collect();
        Some(Self { entries: entries.len(), is_protected: entries.iter().any(|entry| is_protected(*entry)) })
    }
}

/// Whether the samples of an entry are encrypted.
pub(super) fn is_protected(entry: Boxed<'_>) -> bool {
    let has_scheme = |fixed: &usize| {
        let boxes = entry.body.get(*fixed..).unwrap_or_default();
        children(boxes).map_while(Result::ok).any(|found| found.kind == *b"sinf")
    };
    PROTECTED.contains(&&entry.kind) || FIXED.iter().any(has_scheme)
}
