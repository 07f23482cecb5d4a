//! The forms of a film's sound: each track once for two ears, and once for a room where it has the channels.

use super::{AudioAction, AudioPlan, Policy, Turn, name_of};
use crate::media::probe::{AudioStream, Probe};

/// Channels of sound for a room (5.1): what browsers decode of AAC.
const ROOM: u32 = 6;

/// Every form of every track: the main track first, the others in file order, those for a room last.
pub(super) fn forms(probe: &Probe, policy: &Policy) -> Vec<AudioPlan> {
    let Some(main) = main_track(&probe.audio) else { return Vec::new() };
    let others = probe.audio.iter().filter(|track| track.index != main.index);
    let tracks: Vec<&AudioStream> = std::iter::once(main).chain(others).filter(is_heard).collect();
    let form = |track: &AudioStream, (action, why): (AudioAction, String)| {
        let planned_bandwidth = match action {
            AudioAction::Copy => track.bit_rate.unwrap_or(192_000) * 11 / 10,
            AudioAction::Aac { bit_rate, .. } => bit_rate * 11 / 10,
        };
        let (language, label) = (track.language.clone(), track.title.clone());
        let is_default = track.index == main.index;
        AudioPlan { index: track.index, turn: Turn::Later, is_default, action, why, language, label, planned_bandwidth }
    };
    let copies = policy.copies(probe);
    let mut forms: Vec<AudioPlan> = tracks.iter().map(|track| form(track, as_it_is(track, copies.clone()))).collect();
    for (at, track) in tracks.iter().enumerate().filter(|(_, track)| track.channels > 2) {
        let more = match forms[at].action {
            AudioAction::Copy => (stereo(track), "two channels play everywhere".to_owned()),
            AudioAction::Aac { .. } => (aac(track, ROOM), "for a room with more than two loudspeakers".to_owned()),
        };
        forms.push(form(track, more));
    }
    if let Some(first) = forms.first_mut() {
        first.turn = Turn::First;
    }
    forms
}

/// What people may call a sound: by its name or language, where it has one.
pub(super) fn name(index: u32, known: Option<&str>) -> String {
    let known = known.map(|name| format!(" ({name})")).unwrap_or_default();
    format!("The sound in stream {index}{known}")
}

/// The sounds of which nothing is made, and why.
pub(super) fn left_out(probe: &Probe) -> Vec<String> {
    let why_not = |track: &AudioStream| match track {
        track if track.is_empty => Some("is listed in the file, but holds nothing"),
        track if !is_known(track) => Some("is of a kind that nobody knows"),
        _ => None,
    };
    let named = |track: &AudioStream| name(track.index, track.title.as_deref().or(track.language.as_deref()));
    probe.audio.iter().filter_map(|track| Some(format!("{} {}.", named(track), why_not(track)?))).collect()
}

/// Whether there is something to hear.
fn is_heard(track: &&AudioStream) -> bool {
    track.channels > 0 && !track.is_empty && is_known(track)
}

fn is_known(track: &AudioStream) -> bool {
    track.channels > 0 && !matches!(track.codec.as_str(), "" | "none" | "unknown")
}

/// The track a player should take unasked: the one marked as default, else the first.
fn main_track(tracks: &[AudioStream]) -> Option<&AudioStream> {
    let mut heard = tracks.iter().filter(is_heard);
    tracks.iter().find(|track| track.default && is_heard(track)).or_else(|| heard.next())
}

/// Copied if that plays, else for two ears.
fn as_it_is(track: &AudioStream, copies: Result<(), String>) -> (AudioAction, String) {
    let is_usual = !track.profile.as_deref().is_some_and(|profile| profile.contains("xHE"));
    let playable = copies.and_then(|()| match track.codec.as_str() {
        "aac" if is_usual => Ok(()),
        "mp3" => Err("MP3 does not play in every browser inside MP4".to_owned()),
        codec => Err(format!("{} does not play in every browser", name_of(codec))),
    });
    match playable {
        Ok(()) => (AudioAction::Copy, "AAC plays as it is".to_owned()),
        Err(why) => (stereo(track), why),
    }
}

fn stereo(track: &AudioStream) -> AudioAction {
    aac(track, track.channels.clamp(1, 2))
}

fn aac(track: &AudioStream, channels: u32) -> AudioAction {
    let bit_rate = if channels > 2 { 64_000 * u64::from(channels) } else { 80_000 * u64::from(channels) };
    let sample_rate = if track.sample_rate == 44_100 { 44_100 } else { 48_000 };
    AudioAction::Aac { channels, sample_rate, bit_rate }
}
