//! MP3 is offered as AAC, which every player takes, and as it is.

use crate::harness::World;
use crate::harness::clip::{self, Clip, Flashes, made};
use crate::harness::measure;
use crate::harness::player::{Reel, parsed};
use crate::harness::stand_in::{SCRUB_PICTURES, StandIn};
use crate::harness::strict::{problems, read_strictly};
use crate::harness::wait::until;
use m3u8_rs::{MasterPlaylist, Playlist};
use serde_json::Value;

/// Ticks of 90 kHz that a time stamp in a transport stream is rounded to, in microseconds.
const TICK_US: i64 = 12;

fn film(ending: &str, sound: &str) -> Clip {
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=16 \
                 -f lavfi -i sine=frequency=440:sample_rate=48000:duration=16 \
                 -c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a libmp3lame";
    let words: Vec<&str> = words.split_whitespace().chain(sound.split_whitespace()).collect();
    made(ending, &words)
}

/// What `folder` of a film holds, and its file in the world's folder.
async fn track(world: &World, video: &str, folder: &str, name: &str) -> (Reel, std::path::PathBuf) {
    let reel = world.player(video).reel(&format!("/hls/{video}/{folder}/")).await;
    reel.assert_well_formed();
    let file = reel.save(world, name);
    (reel, file)
}

/// The master playlist that names MP3.
async fn master(world: &World, video: &str) -> MasterPlaylist {
    let text = world.player(video).text(&format!("/hls/{video}/mp3.m3u8")).await;
    match parsed(&text) {
        Playlist::MasterPlaylist(master) => master,
        Playlist::MediaPlaylist(_) => panic!("not a master playlist:\n{text}"),
    }
}

async fn complete(world: &World, clip: &Clip) -> String {
    let video = world.published(clip).await;
    world.at_rest().await;
    video
}

#[tokio::test]
async fn mp3_is_copied_packet_for_packet_beside_its_aac() {
    for (ending, sound) in [
        ("mp4", "-b:a 128k"),
        ("mkv", "-b:a 320k -ac 2"),
        ("avi", "-q:a 4 -ac 2"),
        ("mkv", "-ar 22050"),
        // Its packets in a transport stream hold half a second each, and one of them begins last.
        ("ts", "-ar 22050 -b:a 40k"),
        ("mpg", "-ar 24000 -b:a 64k"),
    ] {
        let world = World::with(&[("ENABLE_ABR", "false")]).await;
        let clip = film(ending, sound);
        let video = complete(&world, &clip).await;
        let (aac, aac_file) = track(&world, &video, "a0", "aac.mp4").await;
        let (mp3, file) = track(&world, &video, "a1", "mp3.ts").await;
        assert_eq!(measure::packet_hash(&file, "a"), measure::packet_hash(&clip.path, "a"), "{ending}");
        assert_eq!(aac.playlist.target_duration, mp3.playlist.target_duration);
        // An encoder of MP3 adds silence before and behind, which a decoder takes off for AAC.
        for seconds in [aac.seconds(), mp3.seconds()] {
            assert!((seconds - 16.0).abs() < 0.1, "{ending}: {seconds} s");
        }
        let begins = |file| measure::first_packet(file, "a").0 as f64 / 1e6;
        assert!((begins(&file) - begins(&aac_file)).abs() < 0.1, "{ending}: {} s", begins(&file));
        assert!(mp3.text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), "{}", mp3.text);

        let master = master(&world, &video).await;
        let offered: Vec<_> = master.variants.iter().filter(|form| !form.is_i_frame).collect();
        let groups: Vec<_> = offered.iter().map(|form| form.audio.as_deref().unwrap()).collect();
        assert_eq!(groups, ["audio0", "audio2"], "{ending}");
        assert!(offered[0].codecs.as_ref().unwrap().ends_with(",mp4a.40.2"), "{offered:?}");
        assert!(offered[1].codecs.as_ref().unwrap().ends_with(",mp4a.40.34"), "{offered:?}");
        let channels: Vec<_> = master.alternatives.iter().map(|form| form.channels.as_deref().unwrap()).collect();
        assert_eq!(channels, ["2", if sound.ends_with("-ac 2") { "2" } else { "1" }]);
    }
}

#[tokio::test]
async fn mp3_is_named_to_those_only_who_ask_for_it() {
    let world = World::start().await;
    let video = complete(&world, &film("mp4", "-b:a 128k")).await;
    let usual = world.player(&video).master().await;
    assert!(usual.alternatives.iter().all(|form| form.uri.as_deref() == Some("a0/playlist.m3u8")), "{usual:?}");
    assert!(usual.variants.iter().all(|form| !form.codecs.as_ref().unwrap().contains("mp4a.40.34")), "{usual:?}");
    assert_eq!(world.video(&video).await["mp3_url"], format!("/hls/{video}/mp3.m3u8"));
    let said = read_strictly(&world.url(&format!("/hls/{video}/mp3.m3u8"))).await;
    assert_eq!(problems(&said), Vec::<String>::new());
    let without = complete(&world, &clip::h264_aac(16)).await;
    assert_eq!(world.video(&without).await["mp3_url"], Value::Null);
    assert_eq!(world.get(&format!("/hls/{without}/mp3.m3u8")).await.status(), 404);
}

#[tokio::test]
async fn segments_of_mp3_are_of_their_type_and_have_no_init_segment() {
    let world = World::start().await;
    let video = complete(&world, &film("mp4", "-b:a 128k")).await;
    let path = |name: &str| format!("/hls/{video}/{name}");
    let answer = world.get(&path("a1/0.ts")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"video/mp2t".parse().unwrap()));
    for name in ["a1/init.mp4", "a1/0.m4s", "a0/0.ts", "v0/0.ts"] {
        assert_eq!(world.get(&path(name)).await.status(), 404, "{name}");
    }
    let tracks = world.video(&video).await["tracks"].clone();
    let said: Vec<&Value> = tracks.as_array().unwrap().iter().filter(|track| track["kind"] == "audio").collect();
    assert_eq!((&said[0]["method"], &said[1]["method"]), (&"encoded".into(), &"copied".into()), "{tracks:#}");
    assert_eq!(said[1]["why"], "MP3 as it is, for players that take it; the others are given AAC");
}

#[tokio::test]
async fn mp3_as_it_is_stays_with_the_picture() {
    let world = World::start().await;
    let codecs = "-c:v libx264 -bf 3 -preset veryfast -g 50 -pix_fmt yuv420p -c:a libmp3lame -b:a 128k";
    let clip = clip::flash_and_beep("mp4", codecs, &Flashes { size: "320x180", seconds: 8, at: &[3] });
    let video = complete(&world, &clip).await;
    let (_, pictures) = track(&world, &video, "v0", "pictures.mp4").await;
    let (_, sound) = track(&world, &video, "a1", "mp3.ts").await;
    let offset = |pictures, sound| measure::flashes(pictures)[0] - measure::beeps(sound)[0];
    let (ours, theirs) = (offset(&pictures, &sound), offset(&clip.path, &clip.path));
    assert!((ours - theirs).abs() < 0.04, "{ours} s, in the source {theirs} s");
}

#[tokio::test]
async fn times_of_mp3_are_those_of_its_frames() {
    let world = World::start().await;
    let video = complete(&world, &film("mp4", "-b:a 128k")).await;
    let (reel, file) = track(&world, &video, "a1", "mp3.ts").await;
    let times = measure::packet_times(&file, "a:0");
    let first = times[0];
    for (number, time) in (0..).zip(&times) {
        let due = first + number * 1152 * 1_000_000 / 48_000;
        assert!((time - due).abs() <= 2 * TICK_US, "frame {number} at {time} and not {due}");
    }
    let seconds = times.len() as f64 * 1152.0 / 48_000.0;
    assert!((reel.seconds() - seconds).abs() < 0.024, "{} s of {seconds}", reel.seconds());
}

#[tokio::test]
async fn a_film_with_mp3_keeps_to_the_rules_and_is_downloaded_with_aac() {
    // FLV knows times in whole milliseconds, and frames of this kind are small.
    let rounded = film("flv", "-ar 22050 -b:a 32k");
    for clip in [film("mkv", "-b:a 128k -metadata:s:a:0 language=eng"), rounded, sound_alone()] {
        let world = World::start().await;
        let video = complete(&world, &clip).await;
        for master in ["mp3.m3u8", "master.m3u8"] {
            let output = world.run(&["check-hls", "--json", &world.url(&format!("/hls/{video}/{master}"))]);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["unchecked"].as_array().unwrap().len(), 0, "{report:#}");
            assert_eq!(report["violations"].as_array().unwrap().len(), 0, "{report:#}");
        }
        let file = world.folder().join("download.mp4");
        std::fs::write(&file, world.bytes(&format!("/media/{video}/original")).await).unwrap();
        let (_, aac) = track(&world, &video, "a0", "aac.mp4").await;
        assert_eq!(measure::packet_hash(&file, "a"), measure::packet_hash(&aac, "a"));
    }
}

fn sound_alone() -> Clip {
    let words = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=40 -c:a libmp3lame -b:a 192k";
    made("mp3", &words.split_whitespace().collect::<Vec<_>>())
}

#[tokio::test]
async fn sound_alone_is_offered_as_aac_and_as_mp3() {
    let world = World::start().await;
    let clip = sound_alone();
    let video = complete(&world, &clip).await;
    let (_, file) = track(&world, &video, "a1", "mp3.ts").await;
    assert_eq!(measure::packet_hash(&file, "a"), measure::packet_hash(&clip.path, "a"));
    let master = master(&world, &video).await;
    let offered: Vec<_> =
        master.variants.iter().map(|form| (form.uri.as_str(), form.codecs.as_deref().unwrap())).collect();
    assert_eq!(offered, [("a0/playlist.m3u8", "mp4a.40.2"), ("a1/playlist.m3u8", "mp4a.40.34")]);
}

#[tokio::test]
async fn mp3_that_was_cut_off_goes_on_where_it_was() {
    let stand_in = StandIn::that_holds_up(SCRUB_PICTURES);
    let mut world = World::with(&[("PATH", stand_in.path().as_str())]).await;
    let clip = film("mkv", "-b:a 128k");
    let video = world.published(&clip).await;
    until("it is refined", async || (!world.ffmpegs().is_empty()).then_some(())).await;
    world.kill();
    stand_in.let_go();
    world.resume().await;
    world.at_rest().await;
    let (_, file) = track(&world, &video, "a1", "mp3.ts").await;
    assert_eq!(measure::packet_hash(&file, "a"), measure::packet_hash(&clip.path, "a"));
}
