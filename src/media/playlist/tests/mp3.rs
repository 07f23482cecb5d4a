//! MP3 is a group of its own, behind those that every player takes.

use super::*;
use crate::media::rendition::MP3;

/// A form of the film's sound in this stream.
fn form(number: u32, source: u32, codecs: &str, channels: u32) -> AudioRendition {
    AudioRendition { source: Some(source), channels, ..audio(number, codecs, None, None) }
}

fn of(video: Vec<VideoRendition>, audio: Vec<AudioRendition>) -> m3u8_rs::MasterPlaylist {
    parsed(&Master { video, audio, ..Master::default() })
}

/// Group, name and address of each member.
fn members(master: &m3u8_rs::MasterPlaylist) -> Vec<(&str, &str, Option<&str>)> {
    let members = master.alternatives.iter();
    members.map(|it| (it.group_id.as_str(), it.name.as_str(), it.uri.as_deref())).collect()
}

/// Group and codecs of each variant.
fn variants(master: &m3u8_rs::MasterPlaylist) -> Vec<(&str, &str)> {
    let variants = master.variants.iter();
    variants.map(|it| (it.audio.as_deref().unwrap(), it.codecs.as_deref().unwrap())).collect()
}

/// What goes into a file of the film.
fn names(sounds: &[AudioRendition]) -> Vec<String> {
    fullest(sounds).iter().map(ToString::to_string).collect()
}

#[test]
fn a_variant_with_mp3_follows_the_one_that_every_player_takes() {
    let aac = "mp4a.40.2";
    let master = of(vec![video(0, 6_000_000)], vec![form(0, 1, aac, 2), form(1, 1, MP3, 2)]);
    let wanted = [("audio0", "avc1.640028,mp4a.40.2"), ("audio2", "avc1.640028,mp4a.40.34")];
    assert_eq!(variants(&master), wanted);
    let wanted = [("audio0", "Sound 1", Some("a0/playlist.m3u8")), ("audio2", "Sound 1", Some("a1/playlist.m3u8"))];
    assert_eq!(members(&master), wanted);
}

#[test]
fn every_group_has_every_sound_in_the_form_it_has_for_it() {
    let aac = "mp4a.40.2";
    let sounds = vec![form(0, 1, aac, 2), form(1, 2, aac, 2), form(2, 2, aac, 6), form(3, 1, MP3, 1)];
    let wanted = [("audio0", "a0", "a1"), ("audio1", "a0", "a2"), ("audio2", "a3", "a1")];
    let addresses = wanted.map(|(group, one, other)| [one, other].map(|it| (group, format!("{it}/playlist.m3u8"))));
    let master = of(vec![video(0, 1)], sounds.clone());
    let found: Vec<_> = members(&master).into_iter().map(|(group, _, uri)| (group, uri.unwrap().to_owned())).collect();
    assert_eq!(found, addresses.concat());
    assert_eq!(variants(&master)[2].1, "avc1.640028,mp4a.40.34,mp4a.40.2");
    assert_eq!(names(&sounds), ["a0", "a2"], "a file holds no MP3");
}

#[test]
fn mp3_that_nothing_stands_beside_is_not_offered() {
    let alone = vec![form(0, 1, "mp4a.40.2", 2), form(1, 2, MP3, 2)];
    assert_eq!(members(&of(vec![video(0, 1)], alone.clone())), [("audio0", "Sound 1", Some("a0/playlist.m3u8"))]);
    assert_eq!(names(&alone), ["a0"]);
    assert_eq!(names(&alone[1..]), [""; 0]);
}

#[test]
fn sound_alone_is_offered_in_both_forms() {
    let master = of(Vec::new(), vec![form(0, 0, "mp4a.40.2", 2), form(1, 0, MP3, 2)]);
    assert_eq!(variants(&master), [("audio0", "mp4a.40.2"), ("audio2", MP3)]);
    let addresses: Vec<&str> = master.variants.iter().map(|it| it.uri.as_str()).collect();
    assert_eq!(addresses, ["a0/playlist.m3u8", "a1/playlist.m3u8"]);
}

#[test]
fn a_list_of_transport_streams_names_no_init_segment() {
    let segments = [entry(0, 540_000)];
    let text =
        MediaPlaylist { content: Content::of(RenditionKind::Audio, MP3), ..playlist(&segments, State::Finished) };
    let wanted = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n\
        #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:6.000000,\n0.ts\n#EXT-X-ENDLIST\n";
    assert_eq!(text.write(), wanted);
    assert_eq!(Content::of(RenditionKind::Audio, "mp4a.40.2"), Content::Fragments);
}
