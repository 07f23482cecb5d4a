//! Matroska as our children write it: how several tracks come back through one pipe, each frame
//! with its length, its track and its time in milliseconds.

use super::FfmpegError;
use matroska_demuxer::{DemuxError, ElementId, Frame, MatroskaFile};
use std::io::{self, Cursor};

/// One frame of one track.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Which of the tracks, from 0 in the order in which they were mapped.
    pub(super) track: usize,
    pub(super) start_ms: u64,
    /// 0 where it is not said.
    pub(super) duration_ms: u64,
    pub(super) data: Vec<u8>,
}

/// What a child wrote, frames in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    /// Matroska's names of the codecs, such as `S_TEXT/UTF8`.
    pub(super) codecs: Vec<String>,
    pub(super) packets: Vec<Packet>,
}

/// Reads all of what a child wrote. A film without a frame is no error.
pub(super) fn read(bytes: Vec<u8>) -> Result<Tracks, FfmpegError> {
    let mut file = match MatroskaFile::open(Cursor::new(bytes)) {
        // Only the first frame begins a cluster.
        Err(DemuxError::CantFindCluster | DemuxError::ElementNotFound(ElementId::Cluster)) => {
            return Ok(Tracks::default());
        }
        opened => opened.map_err(fault)?,
    };
    let numbers: Vec<u64> = file.tracks().iter().map(|track| track.track_number().get()).collect();
    let codecs = file.tracks().iter().map(|track| track.codec_id().to_owned()).collect();
    let mut packets = Vec::new();
    let mut frame = Frame::default();
    while file.next_frame(&mut frame).map_err(fault)? {
        let Some(track) = numbers.iter().position(|number| *number == frame.track) else { continue };
        let data = std::mem::take(&mut frame.data);
        packets.push(Packet { track, start_ms: frame.timestamp, duration_ms: frame.duration.unwrap_or(0), data });
    }
    Ok(Tracks { codecs, packets })
}

fn fault(error: DemuxError) -> FfmpegError {
    FfmpegError::io("reading what ffmpeg wrote", io::Error::new(io::ErrorKind::InvalidData, error))
}
