//! The forms of a film's sound: each track once for two ears, once for a room where it has the channels, and once
//! as it is where that is MP3, or AAC of one channel.

use super::reach::{SLACK_S, Within};
use super::{AudioAction, AudioPlan, Policy, Turn, name_of};
use crate::media::probe::{AudioStream, Probe};

/// Channels of sound for a room (5.1), whatever it has more than two of: of AAC with more than two, every decoder knows
/// this one. Three to five have their places among the six, and the others are silent; more are mixed down.
const ROOM: u32 = 6;

/// Places of more than two loudspeakers that AAC has a number for (ISO/IEC 14496-3, table 1.19), in ffmpeg's words. It
/// may describe others by itself, as ffmpeg's encoder does of 5.1 with two at the sides: Chromium plays nothing of that.
const NUMBERED: [&str; 6] = ["3.0", "4.0", "5.0", "5.1", "7.1", "7.1(wide)"];

/// Samples per second below which MP3 is of a kind ("2.5") that transport streams know nothing of.
const LEAST_MP3: u32 = 16_000;

/// Profiles of AAC that every browser plays.
const PLAYED: [&str; 3] = ["LC", "HE-AAC", "HE-AACv2"];

/// Every form of every track: the main track first, the others in file order, those for a room behind
/// them, and last MP3 as it is.
/// All begin and end `within` the same bounds, as one length is declared of everything (A 8.3).
pub(super) fn forms(probe: &Probe, policy: &Policy, within: Within) -> Vec<AudioPlan> {
    let Some(main) = main_track(&probe.audio) else { return Vec::new() };
    let others = probe.audio.iter().filter(|track| track.index != main.index);
    let tracks: Vec<&AudioStream> = std::iter::once(main).chain(others).filter(|track| is_heard(track)).collect();
    let form = |track: &AudioStream, (action, why): (AudioAction, String)| {
        let planned_bandwidth = match action {
            AudioAction::Copy => track.bit_rate.unwrap_or(192_000) * 11 / 10,
            AudioAction::Aac { bit_rate, .. } => bit_rate * 11 / 10,
            AudioAction::Mp3 { .. } => track.bit_rate.unwrap_or(320_000) * 12 / 10,
        };
        let (language, label) = (track.language.clone(), track.title.clone());
        let is_default = track.index == main.index;
        // Sound in front of the picture is not cut off.
        let from_s = track.start_s.filter(|start| *start < within.from_s - SLACK_S).unwrap_or(within.from_s);
        let is_copied = action.is_copied();
        let goes_on = |until: &f64| track.end_s.is_some_and(|end| end > until + SLACK_S);
        let until_s = within.until_s.filter(|until| !is_copied || goes_on(until));
        AudioPlan {
            index: track.index,
            turn: Turn::Later,
            is_default,
            action,
            why,
            language,
            label,
            planned_bandwidth,
            from_s: (!is_copied).then_some(from_s - probe.start_s),
            end_s: until_s.map(|until| until - probe.start_s),
            // Only where it is known to be needed: it would make silence of a sound that cannot be decoded, too.
            is_padded: !is_copied && until_s.is_some_and(|until| track.end_s.is_none_or(|end| end < until - SLACK_S)),
        }
    };
    let copies = policy.copies(probe);
    let mut forms: Vec<AudioPlan> =
        tracks.iter().map(|track| form(track, as_it_is(track, copies.clone(), within))).collect();
    let more = |track: &AudioStream, made: AudioAction| match (made, track.channels) {
        (AudioAction::Copy, 1 | 3..) => Some((stereo(track), "two channels play everywhere".to_owned())),
        (AudioAction::Aac { .. }, 3..) => {
            Some((aac(track, ROOM), "for a room with more than two loudspeakers".to_owned()))
        }
        _ => None,
    };
    for (at, track) in tracks.iter().enumerate() {
        forms.extend(more(track, forms[at].action).map(|more| form(track, more)));
    }
    let lossless = tracks.iter().filter_map(|track| Some((track, mp3(track, &copies, within)?)));
    forms.extend(lossless.map(|(track, more)| form(track, more)));
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

/// Whether there is something to hear.
pub(super) fn is_heard(track: &AudioStream) -> bool {
    track.channels > 0 && !track.is_empty && is_known(track)
}

pub(super) fn is_known(track: &AudioStream) -> bool {
    track.channels > 0 && !matches!(track.codec.as_str(), "" | "none" | "unknown")
}

/// The track a player should take unasked: the one marked as default, else the first.
fn main_track(tracks: &[AudioStream]) -> Option<&AudioStream> {
    let mut heard = tracks.iter().filter(|track| is_heard(track));
    tracks.iter().find(|track| track.default && is_heard(track)).or_else(|| heard.next())
}

/// Copied if that plays, else for two ears.
fn as_it_is(track: &AudioStream, copies: Result<(), String>, within: Within) -> (AudioAction, String) {
    let profile = track.profile.as_deref().unwrap_or("unknown");
    let playable = copies.and_then(|()| match track.codec.as_str() {
        "aac" if track.changes => Err("its channels or its rate change in the middle".to_owned()),
        "aac" if !PLAYED.contains(&profile) => Err(format!("AAC of the kind {profile} does not play in every browser")),
        "aac" if !is_placed(track) => {
            Err("AAC that describes the places of its loudspeakers by itself does not play in every browser".to_owned())
        }
        "aac" => gap(track, within).map_or(Ok(()), |gap| Err(gap.to_owned())),
        "mp3" => Err("MP3 does not play in every browser inside MP4".to_owned()),
        codec => Err(format!("{} does not play in every browser", name_of(codec))),
    });
    match playable {
        Ok(()) => (AudioAction::Copy, "AAC plays as it is".to_owned()),
        Err(why) => (stereo(track), why),
    }
}

/// Whether AAC has a number for where its loudspeakers stand.
fn is_placed(track: &AudioStream) -> bool {
    track.channels <= 2 || track.layout.as_deref().is_some_and(|layout| NUMBERED.contains(&layout))
}

/// MP3 as it is, beside the AAC that every player takes.
fn mp3(track: &AudioStream, copies: &Result<(), String>, within: Within) -> Option<(AudioAction, String)> {
    let is_kept = track.codec == "mp3" && track.channels <= 2 && track.sample_rate >= LEAST_MP3;
    let is_whole = copies.is_ok() && gap(track, within).is_none();
    let why = "MP3 as it is, for players that take it; the others are given AAC".to_owned();
    (is_kept && is_whole).then_some((AudioAction::Mp3 { channels: track.channels }, why))
}

/// What a sound lacks that is to be `within` these bounds.
fn gap(track: &AudioStream, within: Within) -> Option<&'static str> {
    let begins_late = track.start_s.is_some_and(|start| start > within.from_s + SLACK_S);
    let ends_early = track.end_s.zip(within.until_s).is_some_and(|(end, until)| end < until - SLACK_S);
    match (begins_late, ends_early) {
        (true, _) => Some("it begins later than the film, and silence goes before it"),
        (false, true) => Some("it ends earlier than the film, and silence follows it"),
        (false, false) => None,
    }
}

/// For two ears (A 2.3), also what has one channel only.
fn stereo(track: &AudioStream) -> AudioAction {
    aac(track, 2)
}

fn aac(track: &AudioStream, channels: u32) -> AudioAction {
    let bit_rate = if channels > 2 { 64_000 * u64::from(channels) } else { 80_000 * u64::from(channels) };
    let sample_rate = if track.sample_rate == 44_100 { 44_100 } else { 48_000 };
    AudioAction::Aac { channels, sample_rate, bit_rate }
}
