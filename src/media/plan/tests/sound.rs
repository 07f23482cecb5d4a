//! Every sound is there for two ears, and with the channels it has as far as players take them.

use super::*;

/// The forms of this sound beside a picture of a minute: AAC by its channels, and MP3.
pub(super) fn made(track: AudioStream, policy: &Policy) -> Vec<String> {
    let plan = plan(&probe(vec![video()], vec![track]), &packets(50), policy).unwrap();
    let named = |form: &AudioPlan| match form.action {
        AudioAction::Copy => "copy".to_owned(),
        AudioAction::Aac { channels, .. } => format!("aac {channels}"),
        AudioAction::Mp3 { channels } => format!("mp3 {channels}"),
    };
    plan.audio.iter().map(named).collect()
}

fn placed(codec: &str, channels: u32, layout: Option<&str>) -> AudioStream {
    AudioStream { channels, layout: layout.map(Into::into), ..sound(codec) }
}

#[test]
fn aac_is_copied_where_it_has_a_number_for_its_loudspeakers_and_is_always_there_in_two_channels() {
    let (both, anew) = (vec!["copy", "aac 2"], vec!["aac 2", "aac 6"]);
    let table = [
        (1, Some("mono"), &both),
        (1, None, &both),
        (2, Some("stereo"), &vec!["copy"]),
        (2, None, &vec!["copy"]),
        (3, Some("3.0"), &both),
        (4, Some("4.0"), &both),
        (5, Some("5.0"), &both),
        (6, Some("5.1"), &both),
        (8, Some("7.1"), &both),
        (8, Some("7.1(wide)"), &both),
        (3, Some("2.1"), &anew),
        (4, Some("quad"), &anew),
        (5, Some("5.0(side)"), &anew),
        (6, Some("5.1(side)"), &anew),
        (6, None, &anew),
        (7, Some("6.1"), &anew),
        (8, None, &anew),
    ];
    for (channels, layout, wanted) in table {
        assert_eq!(&made(placed("aac", channels, layout), &policy()), wanted, "{channels} channels as {layout:?}");
    }
}

#[test]
fn other_sound_of_more_than_two_channels_becomes_that_of_six_loudspeakers() {
    for (channels, wanted) in [
        (1, vec!["aac 2"]),
        (2, vec!["aac 2"]),
        (3, vec!["aac 2", "aac 6"]),
        (4, vec!["aac 2", "aac 6"]),
        (5, vec!["aac 2", "aac 6"]),
        (6, vec!["aac 2", "aac 6"]),
        (7, vec!["aac 2", "aac 6"]),
        (8, vec!["aac 2", "aac 6"]),
    ] {
        assert_eq!(made(placed("ac3", channels, None), &policy()), wanted, "{channels} channels");
    }
}

#[test]
fn a_film_does_not_wait_for_the_second_channel() {
    let second = AudioStream { index: 2, default: false, ..placed("aac", 1, Some("mono")) };
    let tracks = vec![placed("aac", 1, Some("mono")), second];
    let plan = plan(&probe(vec![video()], tracks), &packets(50), &policy()).unwrap();
    let made: Vec<_> = plan.audio.iter().map(|form| (form.index, form.turn, form.action.is_copied())).collect();
    use Turn::{First, Later};
    assert_eq!(made, [(1, First, true), (2, Later, true), (1, Later, false), (2, Later, false)]);
    assert_eq!(plan.audio[2].why, "two channels play everywhere");
    assert!(plan.audio[2].is_default && !plan.audio[3].is_default);
}
