//! Sound of one channel is there as it is, and for two ears.

use super::*;

/// A form of the film's sound in this stream.
fn form(number: u32, source: u32, channels: u32) -> AudioRendition {
    AudioRendition { source: Some(source), channels, ..audio(number, "mp4a.40.2", Some("eng"), None) }
}

/// Group, name, channels and track of each member.
fn members(master: &Master) -> Vec<String> {
    let word = |it: &m3u8_rs::AlternativeMedia| {
        let track = it.uri.as_deref().map_or("itself", |uri| uri.strip_suffix("/playlist.m3u8").unwrap());
        format!("{} {} {} {track}", it.group_id, it.name, it.channels.as_deref().unwrap())
    };
    parsed(master).alternatives.iter().map(word).collect()
}

/// Track and group of each variant.
fn variants(master: &Master) -> Vec<String> {
    let word = |it: &m3u8_rs::VariantStream| format!("{} {}", &it.uri[..2], it.audio.as_deref().unwrap());
    parsed(master).variants.iter().map(word).collect()
}

fn of(video: Vec<VideoRendition>, audio: Vec<AudioRendition>) -> Master {
    Master { video, audio, ..Master::default() }
}

#[test]
fn one_channel_goes_with_the_first_picture_and_two_go_with_all() {
    let master = of(vec![video(0, 6_000_000), video(1, 3_000_000)], vec![form(0, 1, 1), form(1, 1, 2)]);
    assert_eq!(members(&master), ["audio3 English 1 a0", "audio0 English 2 a1"]);
    assert_eq!(variants(&master), ["v0 audio3", "v0 audio0", "v1 audio0"]);
    assert!(parsed(&master).alternatives.iter().all(|it| it.default && it.autoselect));
}

#[test]
fn one_channel_that_nothing_stands_beside_is_what_every_player_gets() {
    let alone = of(vec![video(0, 6_000_000), video(1, 3_000_000)], vec![form(0, 1, 1)]);
    assert_eq!(members(&alone), ["audio0 English 1 a0"]);
    assert_eq!(variants(&alone), ["v0 audio0", "v1 audio0"]);
}

#[test]
fn every_group_has_every_sound_once() {
    let sounds = vec![form(0, 1, 1), form(1, 2, 2), form(2, 3, 6), form(3, 1, 2), form(4, 3, 2)];
    let wanted = [
        ("audio3", ["English 1 a0", "English (2) 2 a1", "English (3) 2 a4"]),
        ("audio0", ["English 2 a3", "English (2) 2 a1", "English (3) 2 a4"]),
        ("audio1", ["English 2 a3", "English (2) 2 a1", "English (3) 6 a2"]),
    ];
    let wanted = wanted.map(|(group, members)| members.map(|member| format!("{group} {member}")));
    let master = of(vec![video(0, 1)], sounds.clone());
    assert_eq!(members(&master), wanted.concat());
    assert_eq!(variants(&master), ["v0 audio3", "v0 audio0", "v0 audio1"]);
    let own: Vec<String> = fullest(&sounds).iter().map(ToString::to_string).collect();
    assert_eq!(own, ["a0", "a1", "a2"], "a file holds each as the film had it");
}

#[test]
fn sound_alone_of_one_channel_is_a_variant_and_in_two_another() {
    let master = of(Vec::new(), vec![form(0, 0, 1), form(1, 0, 2)]);
    assert_eq!(members(&master), ["audio3 English 1 itself", "audio0 English 2 itself"]);
    assert_eq!(variants(&master), ["a0 audio3", "a1 audio0"]);
}

#[test]
fn one_channel_and_two_of_an_older_film_are_two_sounds() {
    let unknown = |sound: AudioRendition| AudioRendition { source: None, ..sound };
    let master = of(vec![video(0, 1)], vec![unknown(form(0, 0, 1)), unknown(form(1, 0, 2))]);
    assert_eq!(members(&master), ["audio0 English 1 a0", "audio0 English (2) 2 a1"]);
}
