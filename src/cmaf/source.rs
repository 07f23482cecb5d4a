//! The tracks of a source, as its `moov` describes them.

use super::boxes::{Boxed, child, children, leaf, required};
use super::error::CmafError;
use super::sample_entry::SampleEntry;
use mp4_atom::{Elst, Hdlr, Mdhd, Mvhd, Tkhd, Trex};

/// What a source holds. Tracks that are neither picture nor sound are left out.
#[derive(Clone, Debug)]
pub struct SourceInit {
    /// The tracks, in file order.
    pub tracks: Vec<SourceTrack>,
}

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
}

/// One track of a source.
#[derive(Clone, Debug)]
pub struct SourceTrack {
    /// Id inside the source; `TrackRun::track` refers to it.
    pub id: u32,
    /// Picture or sound.
    pub kind: TrackKind,
    /// Ticks per second, at least 1.
    pub timescale: u32,
    /// Width in square pixels as displayed (coded width stretched by the pixel aspect); 0 for sound.
    pub width: u32,
    /// Height in pixels as displayed; 0 for sound.
    pub height: u32,
    /// Samples of sound per second; 0 for video.
    pub sample_rate: u32,
    /// Channels of sound; 0 for video.
    pub channels: u32,
    /// Added to media times to get presentation times: the edit list.
    pub(super) shift: i64,
    pub(super) entry: SampleEntry,
    pub(super) defaults: Defaults,
}

/// What samples are when a fragment does not say (`trex`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl SourceTrack {
    /// The name of the codec for `CODECS` in a playlist (RFC 6381), such as `avc1.640028`.
    pub fn codecs(&self) -> String {
        self.entry.codecs.clone()
    }

    /// The sample description (`stsd`) as it goes into the init segment. Two runs of an encoder whose
    /// bytes are equal here, and whose timescale is, can share one init segment.
    pub fn configuration(&self) -> &[u8] {
        &self.entry.stsd
    }

    /// Reads a `trak`, all but its edit list.
    fn read(trak: Boxed<'_>, movie_timescale: u32) -> Result<Option<Self>, CmafError> {
        let media = required(trak.body, b"mdia")?;
        let handler: Hdlr = leaf(required(media.body, b"hdlr")?)?;
        let kind = match handler.handler.as_ref() {
            b"vide" => TrackKind::Video,
            b"soun" => TrackKind::Audio,
            _ => return Ok(None),
        };
        let header: Tkhd = leaf(required(trak.body, b"tkhd")?)?;
        let timescale = leaf::<Mdhd>(required(media.body, b"mdhd")?)?.timescale;
        if timescale == 0 || movie_timescale == 0 {
            return Err(CmafError::Malformed("a timescale is zero"));
        }
        let information = required(media.body, b"minf")?;
        let table = required(information.body, b"stbl")?;
        let entry = SampleEntry::read(required(table.body, b"stsd")?, kind)?;
        Ok(Some(Self {
            id: header.track_id,
            kind,
            timescale,
            width: entry.width,
            height: entry.height,
            // The field in the box ends at 65535 Hz; ffmpeg counts sound in samples.
            sample_rate: match (kind, entry.sample_rate) {
                (TrackKind::Video, _) => 0,
                (TrackKind::Audio, 0) => timescale,
                (TrackKind::Audio, rate) => rate,
            },
            channels: entry.channels,
            shift: 0,
            entry,
            defaults: Defaults::default(),
        }))
    }

    /// A track whose samples go into segments as they lie in the file; `None` when ffmpeg would have to
    /// change them, or would show them in another shape.
    pub(super) fn as_it_lies(trak: Boxed<'_>, movie_timescale: u32) -> Result<Option<Self>, CmafError> {
        let header: Tkhd = leaf(required(trak.body, b"tkhd")?)?;
        let shown = (u32::from(header.width.integer()), u32::from(header.height.integer()));
        let Some(track) = Self::read(trak, movie_timescale)? else { return Ok(None) };
        let fits = match track.kind {
            TrackKind::Video => shown == (track.width, track.height),
            TrackKind::Audio => true,
        };
        Ok((fits && track.entry.is_plain()).then_some(track))
    }
}

impl SourceInit {
    /// Reads the body of a `moov`.
    pub(super) fn read(moov: &[u8]) -> Result<Self, CmafError> {
        let movie: Mvhd = leaf(required(moov, b"mvhd")?)?;
        let mut tracks: Vec<SourceTrack> = Vec::new();
        for found in children(moov) {
            let found = found?;
            if found.kind == *b"trak" {
                let Some(mut track) = SourceTrack::read(found, movie.timescale)? else { continue };
                if let Some(edits) = child(found.body, b"edts")? {
                    let edits = leaf(required(edits.body, b"elst")?)?;
                    track.shift = shift(&edits, track.timescale, movie.timescale)?;
                }
                tracks.push(track);
            }
        }
        let extends = child(moov, b"mvex")?.ok_or(CmafError::Unsupported("a file that is not fragmented"))?;
        for found in children(extends.body) {
            let found = found?;
            if found.kind != *b"trex" {
                continue;
            }
            let trex: Trex = leaf(found)?;
            if let Some(track) = tracks.iter_mut().find(|track| track.id == trex.track_id) {
                track.defaults = Defaults {
                    duration: trex.default_sample_duration,
                    size: trex.default_sample_size,
                    flags: trex.default_sample_flags,
                };
            }
        }
        Ok(Self { tracks })
    }
}

/// What an edit list does to every time of a track: leading empty edits delay it (in the movie's
/// timescale), then the first real edit names the media time it starts from.
fn shift(edits: &Elst, timescale: u32, movie_timescale: u32) -> Result<i64, CmafError> {
    const OVERFLOW: CmafError = CmafError::Malformed("an edit list is out of range");
    let mut delay: u64 = 0;
    for edit in &edits.entries {
        if let Some(media_time) = edit.media_time {
            let delay = u128::from(delay) * u128::from(timescale) / u128::from(movie_timescale);
            let delay = i64::try_from(delay).map_err(|_| OVERFLOW)?;
            return i64::try_from(media_time).ok().and_then(|time| delay.checked_sub(time)).ok_or(OVERFLOW);
        }
        delay = delay.checked_add(edit.segment_duration).ok_or(OVERFLOW)?;
    }
    Ok(0)
}
