//! From the catalog's records to playlists.

use super::{DeliveryError, Sounds};
use crate::catalog::{KeyFrames, Rendition, TrackPlaylist};
use crate::media::playlist::{Content, IFramePlaylist, Lists, Master, MediaPlaylist, SegmentEntry, State};
use crate::media::probe::Ratio;
use crate::media::rendition::{
    AudioRendition, MP3, Method, Rates, RenditionKind, Resolution, TextRendition, TrackName, VideoRange, VideoRendition,
};
use crate::media::time::Timescale;

/// The master playlist's text. Of a track that was begun anew, only the last generation is named. `chapters`: there
/// is a list of them.
pub(super) fn master(
    renditions: &[Rendition],
    lists: Lists,
    sounds: Sounds,
    chapters: bool,
) -> Result<String, DeliveryError> {
    let independent_segments = renditions.iter().all(is_independent);
    let mut master = Master { independent_segments, chapters, lists, ..Master::default() };
    for (name, rendition) in last_generations(renditions)? {
        match rendition.kind {
            RenditionKind::Video => master.video.push(video(name, rendition)),
            RenditionKind::Audio if sounds == Sounds::ForAll && rendition.codecs == MP3 => {}
            RenditionKind::Audio => master.audio.push(audio(name, rendition)),
            RenditionKind::Subtitles => master.subtitles.push(text(name, rendition)),
            // Players have no use for these in a master playlist.
            RenditionKind::IFrames | RenditionKind::Images | RenditionKind::Original => {}
        }
    }
    Ok(master.write())
}

/// The master playlist's text of pictures that grow, with the sounds and subtitles that are shown.
pub(super) fn growing_master(
    shown: Vec<Rendition>,
    growing: Vec<Rendition>,
    chapters: bool,
) -> Result<String, DeliveryError> {
    let others = shown.into_iter().filter(|rendition| rendition.kind != RenditionKind::Video);
    let renditions: Vec<Rendition> = growing.into_iter().chain(others).collect();
    master(&renditions, Lists::Growing, Sounds::ForAll, chapters)
}

/// A media playlist's text.
pub(super) fn media(playlist: &TrackPlaylist) -> String {
    let segments: Vec<SegmentEntry> = playlist
        .segments
        .iter()
        .map(|segment| SegmentEntry {
            number: segment.number,
            duration: u64::from(segment.duration),
            discontinuity: segment.discontinuity,
        })
        .collect();
    let rendition = &playlist.rendition;
    let text = MediaPlaylist {
        target_duration_s: rendition.target_duration,
        timescale: rendition.timescale,
        independent_segments: is_independent(rendition),
        content: Content::of(rendition.kind, &rendition.codecs),
        state: if playlist.finished { State::Finished } else { State::Growing },
        segments: &segments,
    };
    text.write()
}

/// An I-frame playlist's text, of a track that has one.
pub(super) fn i_frames(timescale: Timescale, key_frames: KeyFrames) -> Option<String> {
    let playlist = IFramePlaylist::of(&key_frames.frames, key_frames.span, timescale);
    playlist.map(|playlist| playlist.write())
}

/// Copied pictures may have open GOPs, whose first frames need the ones before; that none has is
/// known of all segments at last.
fn is_independent(rendition: &Rendition) -> bool {
    let settled = rendition.kind != RenditionKind::Video || rendition.method == Method::Encoded || rendition.finished;
    rendition.independent && settled
}

pub(super) fn last_generations(renditions: &[Rendition]) -> Result<Vec<(TrackName, &Rendition)>, DeliveryError> {
    let mut last: Vec<(TrackName, &Rendition)> = Vec::with_capacity(renditions.len());
    for rendition in renditions {
        let name: TrackName =
            rendition.name.parse().map_err(|_| DeliveryError::UnknownTrackName(rendition.name.clone()))?;
        match last.iter_mut().find(|(known, _)| (known.kind, known.number) == (name.kind, name.number)) {
            Some(known) if known.0.generation < name.generation => *known = (name, rendition),
            Some(_) => {}
            None => last.push((name, rendition)),
        }
    }
    Ok(last)
}

fn video(name: TrackName, rendition: &Rendition) -> VideoRendition {
    let (width, height) = rendition.size.unwrap_or_default();
    VideoRendition {
        name,
        codecs: rendition.codecs.clone(),
        resolution: Resolution { width, height },
        frame_rate: rendition.frame_rate_milli.map(|num| Ratio { num, den: 1000 }),
        range: match rendition.video_range.as_deref() {
            Some(range) if range.eq_ignore_ascii_case("pq") => VideoRange::Pq,
            Some(range) if range.eq_ignore_ascii_case("hlg") => VideoRange::Hlg,
            _ => VideoRange::Sdr,
        },
        rates: rates(rendition),
        i_frames: rendition.i_frames,
    }
}

pub(super) fn audio(name: TrackName, rendition: &Rendition) -> AudioRendition {
    AudioRendition {
        name,
        codecs: rendition.codecs.clone(),
        language: rendition.language.clone(),
        label: rendition.label.clone(),
        channels: rendition.channels.unwrap_or(2),
        default: rendition.is_default,
        source: rendition.source_stream,
        rates: rates(rendition),
    }
}

fn text(name: TrackName, rendition: &Rendition) -> TextRendition {
    let (language, label) = (rendition.language.clone(), rendition.label.clone());
    TextRendition { name, language, label, forced: rendition.forced }
}

/// Planned while it grows, measured afterwards; an average of 0 is not written.
fn rates(rendition: &Rendition) -> Rates {
    Rates { peak: rendition.bandwidth, average: rendition.average_bandwidth.unwrap_or(0) }
}
