//! What of a file is not taken over, in words for people. Subtitles speak for themselves (`text`).

use super::sound;
use crate::media::probe::{AudioStream, Probe};

/// Sounds, pictures and data of which nothing is made, and why.
pub(super) fn of(probe: &Probe) -> Vec<String> {
    let sounds = probe.audio.iter().filter_map(|track| Some(format!("{} {}.", name(track), why_not(track)?)));
    let pictures = probe.video.iter().skip(1).map(|stream| {
        format!("The moving picture in stream {} is not taken over: only the first one of a file is.", stream.index)
    });
    // Cameras write many streams of one kind.
    let mut kinds: Vec<&str> = probe.data.iter().map(|data| data.kind.as_str()).collect();
    kinds.dedup();
    let data = kinds.into_iter().map(|kind| format!("Data ({kind}) are not taken over."));
    pictures.chain(sounds).chain(data).collect()
}

fn name(track: &AudioStream) -> String {
    sound::name(track.index, track.title.as_deref().or(track.language.as_deref()))
}

fn why_not(track: &AudioStream) -> Option<&'static str> {
    match track {
        track if track.is_empty => Some("is listed in the file, but holds nothing"),
        track if !sound::is_known(track) => Some("is of a kind that nobody knows"),
        _ => None,
    }
}
