//! How a file describes its tracks.

use super::element::{Stop, children, id, number};

/// Types of tracks that readers know: picture, sound, subtitles, data.
const KNOWN: [u64; 4] = [1, 2, 0x11, 0x21];

/// One track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    pub(super) number: u64,
    /// Matroska's name of its codec, such as `V_MPEG4/ISO/AVC`.
    pub codec: String,
    /// How its decoder is set up; empty when the file does not say.
    pub private: Vec<u8>,
    /// Nanoseconds of a frame that does not say how long it lasts; 0 when unknown.
    pub(super) duration_ns: u64,
    pub(super) is_known: bool,
    /// Whether its frames are those that lie in the file, at the times that stand there.
    pub(super) is_plain: bool,
}

/// The tracks in the body of `Tracks`.
pub(super) fn list(body: &[u8]) -> Result<Vec<Track>, Stop> {
    children(body)?.into_iter().filter(|(id, _)| *id == id::TRACK).map(|(_, body)| track(body)).collect()
}

fn track(body: &[u8]) -> Result<Track, Stop> {
    let mut track = Track { is_plain: true, ..Track::default() };
    for (id, body) in children(body)? {
        match id {
            id::NUMBER => track.number = number(body),
            id::TYPE => track.is_known = KNOWN.contains(&number(body)),
            id::CODEC => track.codec = String::from_utf8_lossy(body).trim_end_matches('\0').to_owned(),
            id::CODEC_PRIVATE => track.private = body.to_vec(),
            id::DEFAULT_DURATION => track.duration_ns = number(body),
            id::CODEC_DELAY | id::TRACK_OFFSET => track.is_plain &= number(body) == 0,
            // Of one: some muxers write it down.
            id::TRACK_TIMESTAMP_SCALE => {
                track.is_plain &= body == 1.0_f32.to_be_bytes() || body == 1.0_f64.to_be_bytes();
            }
            id::ENCODINGS => track.is_plain = false,
            _ => {}
        }
    }
    track.is_known &= !track.codec.is_empty();
    Ok(track)
}

/// Nanoseconds of a tick, by the body of `Info`.
pub(super) fn tick_ns(body: &[u8]) -> Result<u64, Stop> {
    let said = children(body)?.into_iter().find(|(id, _)| *id == id::TIMESTAMP_SCALE);
    let tick_ns = said.map_or(super::USUAL_TICK_NS, |(_, body)| number(body));
    if tick_ns == 0 { Err(Stop::Odd) } else { Ok(tick_ns) }
}
