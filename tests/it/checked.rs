//! `telecine check-hls`: what Telecine serves keeps to the rules, and what breaks them is named.

use crate::harness::World;
use crate::harness::clip::{self, Clip};
use crate::harness::shelf::{Files, Manners, Shelf};
use serde_json::Value;
use std::collections::BTreeSet;

/// The exit code of a check, and its report.
pub(crate) async fn checked(world: &World, url: &str) -> (i32, Value) {
    let output = tokio::process::Command::from(world.command(&["check-hls", "--json", url])).output().await.unwrap();
    let code = output.status.code().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report, but {problem}"));
    (code, report)
}

async fn assert_clean(world: &World, url: &str) -> Value {
    let (code, report) = checked(world, url).await;
    assert_eq!(report["violations"].as_array().unwrap().len(), 0, "{report:#}");
    assert_eq!(code, 0, "{report:#}");
    report
}

fn film(ending: &str, codecs: &str) -> Clip {
    let words = "-f lavfi -i testsrc2=size=854x480:rate=25:duration=16 \
                 -f lavfi -i sine=frequency=440:sample_rate=48000:duration=16 -metadata:s:a:0 language=eng";
    let words: Vec<&str> = words.split_whitespace().chain(codecs.split_whitespace()).collect();
    clip::made(ending, &words)
}

fn to_copy() -> Clip {
    film("mp4", "-c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -ac 2 -b:a 96k")
}

/// A film with all its sizes: one alone would break a rule (A 9.9).
async fn complete(world: &World, clip: &Clip) -> String {
    let video = world.published(clip).await;
    world.at_rest().await;
    video
}

#[tokio::test]
async fn a_copied_film_keeps_to_the_rules() {
    let world = World::start().await;
    let video = complete(&world, &to_copy()).await;
    let report = assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
    assert_eq!(report["playlists"], 6, "{report:#}");
    assert!(report["segments"].as_u64() > Some(5) && report["bytes"].as_u64() > Some(100_000), "{report:#}");
    assert_eq!(report["unchecked"].as_array().unwrap().len(), 0, "{report:#}");
}

#[tokio::test]
async fn an_encoded_film_keeps_to_the_rules() {
    let world = World::start().await;
    let clip = film("mkv", "-c:v mpeg4 -q:v 4 -g 25 -c:a libmp3lame -ac 2");
    let video = complete(&world, &clip).await;
    let report = assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
    assert_eq!(report["unchecked"].as_array().unwrap().len(), 0, "{report:#}");
    let track = world.player(&video).tracks().await.audio.unwrap();
    assert_clean(&world, &world.url(&format!("{track}playlist.m3u8"))).await;
}

#[tokio::test]
async fn an_encoded_picture_is_as_long_as_the_sound_that_begins_before_it() {
    let world = World::start().await;
    let words = "-itsoffset 0.15 -f lavfi -i testsrc2=size=854x480:rate=25:duration=15.85 \
                 -f lavfi -i sine=frequency=440:sample_rate=48000:duration=16 -c:v mpeg4 -q:v 4 -g 25 -c:a aac -ac 2";
    let clip = clip::made("mkv", &words.split_whitespace().collect::<Vec<_>>());
    let video = complete(&world, &clip).await;
    let tracks = world.video(&video).await["tracks"].clone();
    let is_copied = |track: &Value| track["kind"] == "audio" && track["method"] == "copied";
    assert!(tracks.as_array().unwrap().iter().any(is_copied), "{tracks:#}");
    assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
}

#[tokio::test]
async fn an_encoded_picture_is_as_long_as_its_sound_whatever_its_container_knows_of_times() {
    // AVI knows when pictures are decoded, a programme stream when some of them are shown.
    for ending in ["avi", "mpg"] {
        let world = World::start().await;
        let words = "-f lavfi -i testsrc2=size=854x480:rate=25:duration=15.6,noise=alls=20:allf=t \
                     -f lavfi -i sine=sample_rate=48000:duration=16 -c:v mpeg2video -bf 2 -b:v 4M -g 25 -c:a mp2 -ac 2";
        let clip = clip::made(ending, &words.split_whitespace().collect::<Vec<_>>());
        let video = complete(&world, &clip).await;
        assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
    }
}

/// A film of these words, of which the picture is copied.
async fn complete_copy(world: &World, ending: &str, words: &str) -> String {
    let clip = clip::made(ending, &words.split_whitespace().collect::<Vec<_>>());
    let video = complete(world, &clip).await;
    let tracks = world.video(&video).await["tracks"].clone();
    assert_eq!((&tracks[0]["name"], &tracks[0]["method"]), (&"v0".into(), &"copied".into()), "{tracks:#}");
    video
}

#[tokio::test]
async fn a_copied_picture_of_uneven_pace_is_as_long_as_its_encoded_sound() {
    let world = World::start().await;
    // Its last pictures are far apart, and reordered.
    let words = "-f lavfi -i testsrc2=size=854x480:rate=25:duration=16 -f lavfi -i sine=sample_rate=48000:duration=16 \
                 -vf select='lt(n,300)+not(mod(n,12))' -vsync vfr -c:v libx264 -preset veryfast -bf 3 -b_strategy 0 -g 50 \
                 -pix_fmt yuv420p -c:a ac3 -ac 2";
    let video = complete_copy(&world, "mkv", words).await;
    assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
}

#[tokio::test]
async fn a_copied_picture_is_as_long_as_the_sound_that_begins_before_it() {
    for ending in ["mp4", "mkv"] {
        let world = World::start().await;
        let words = "-itsoffset 0.7 -f lavfi -i testsrc2=size=854x480:rate=25:duration=15.3 \
                     -f lavfi -i sine=sample_rate=48000:duration=16 \
                     -vsync passthrough -c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -ac 2";
        let video = complete_copy(&world, ending, words).await;
        assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
    }
}

#[tokio::test]
async fn a_picture_that_begins_long_after_the_sound_stands_still_until_then() {
    let world = World::start().await;
    let words = "-itsoffset 5.5 -f lavfi -i testsrc2=size=854x480:rate=25:duration=10.5 \
                 -f lavfi -i sine=sample_rate=48000:duration=16 \
                 -c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -ac 2";
    let clip = clip::made("mkv", &words.split_whitespace().collect::<Vec<_>>());
    let video = complete(&world, &clip).await;
    assert_clean(&world, &world.url(&world.player(&video).master_path())).await;
}

#[tokio::test]
async fn what_is_no_playlist_cannot_be_checked() {
    let world = World::prepared(&[]);
    let shelf = Shelf::of(Files::from([("/page.html".to_owned(), b"<html>".to_vec())]), Manners::Good).await;
    for url in
        [shelf.url("/page.html"), shelf.url("/nothing.m3u8"), "ftp://a/b.m3u8".to_owned(), "master.m3u8".to_owned()]
    {
        let mut command = tokio::process::Command::from(world.command(&["check-hls", &url]));
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("could not be checked"), "{url}");
    }
}

/// A film of Telecine as files, below `/`.
async fn files_of(world: &World, video: &str) -> Files {
    let player = world.player(video);
    let mut files = Files::new();
    files.insert("/master.m3u8".to_owned(), world.bytes(&player.master_path()).await);
    for folder in ["/v0/", "/v1/", "/a0/"] {
        let track = format!("/hls/{video}{folder}");
        if folder.starts_with("/v") {
            files.insert(format!("{folder}iframes.m3u8"), world.bytes(&format!("{track}iframes.m3u8")).await);
        }
        let reel = player.reel(&track).await;
        files.insert(format!("{folder}playlist.m3u8"), reel.text.clone().into_bytes());
        files.insert(format!("{folder}init.mp4"), reel.init);
        files.extend(reel.segments.into_iter().map(|(name, bytes)| (format!("{folder}{name}"), bytes)));
    }
    files
}

/// Replaces a text in a file, which must be in it.
fn replace(files: &mut Files, path: &str, this: &str, that: &str) {
    let bytes = files.get_mut(path).unwrap_or_else(|| panic!("no {path}"));
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(this), "{this} is not in {text}");
    *bytes = text.replacen(this, that, 1).into_bytes();
}

/// The rules that are broken, with the last part of the address where.
async fn broken(world: &World, files: Files, manners: Manners) -> BTreeSet<(String, String)> {
    let shelf = Shelf::of(files, manners).await;
    let (code, report) = checked(world, &shelf.url("/master.m3u8")).await;
    let violations = report["violations"].as_array().unwrap();
    assert_eq!(code, i32::from(!violations.is_empty()), "{report:#}");
    let word = |violation: &Value, name: &str| violation[name].as_str().unwrap().to_owned();
    let place = |violation: &Value| word(violation, "address").replace(&shelf.url(""), "");
    violations.iter().map(|violation| (word(violation, "rule"), place(violation))).collect()
}

fn set(wanted: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    wanted.iter().map(|(rule, place)| ((*rule).to_owned(), (*place).to_owned())).collect()
}

#[tokio::test]
async fn every_broken_file_is_named_with_the_rule_it_breaks() {
    const LIST: &str = "/v0/playlist.m3u8";
    const MASTER: &str = "/master.m3u8";
    let world = World::start().await;
    let video = complete(&world, &to_copy()).await;
    let good = files_of(&world, &video).await;
    assert_eq!(broken(&world, good.clone(), Manners::Good).await, set(&[]));

    let mut texts = good.clone();
    replace(&mut texts, LIST, "#EXT-X-VERSION:6", "#EXT-X-VERSION:5\n#EXT-X-NOVELTY:1");
    replace(&mut texts, LIST, "#EXT-X-INDEPENDENT-SEGMENTS\n", "");
    replace(&mut texts, MASTER, "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=9");
    replace(&mut texts, MASTER, "FRAME-RATE=25.000", "FRAME-RATE=24.000");
    replace(&mut texts, MASTER, ",LANGUAGE=\"en\"", "");
    let found = broken(&world, texts, Manners::Good).await;
    let wanted = [
        ("RFC 8216bis 8", LIST),
        ("RFC 8216bis 4.4", LIST),
        ("A 1.26", MASTER),
        ("RFC 8216bis 4.4.6.2", MASTER),
        ("A 8.10", MASTER),
    ];
    assert_eq!(found, set(&wanted));

    // The third segment is gone, and the second is served in the place of the first.
    let mut segments = good.clone();
    segments.remove("/v0/2.m4s");
    segments.insert("/v0/0.m4s".to_owned(), good["/v0/1.m4s"].clone());
    let found = broken(&world, segments, Manners::Good).await;
    for wanted in [("RFC 8216bis 6.2.1", "/v0/2.m4s"), ("A 7.3", "/v0/1.m4s"), ("T duplicate times", "/v0/1.m4s")] {
        assert!(found.is_superset(&set(&[wanted])), "{wanted:?} is not in {found:?}");
    }

    let mut sound = good.clone();
    let cut = sound.get_mut("/a0/1.m4s").unwrap();
    cut.truncate(cut.len() - 1);
    replace(&mut sound, "/a0/playlist.m3u8", "#EXT-X-MAP:URI=\"init.mp4\"\n", "");
    let found = broken(&world, sound, Manners::Good).await;
    let wanted = [("A 8.20", "/a0/0.m4s"), ("A 8.20", "/a0/1.m4s"), ("RFC 8216bis 3.1.2", "/a0/1.m4s")];
    assert!(found.is_superset(&set(&wanted)), "{found:?}");
    assert!(
        found.iter().all(|(rule, _)| ["A 8.20", "RFC 8216bis 3.1.2", "RFC 8216bis 4.4.6.2"].contains(&rule.as_str()))
    );
}

/// Adds I-frames (the first pictures of the segments) and subtitles to the files of a film.
fn enrich(files: &mut Files, cue_end: &str) {
    let list = String::from_utf8(files["/v0/playlist.m3u8"].clone()).unwrap();
    let durations: Vec<f64> =
        list.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse().ok()).collect();
    let target = list.lines().find(|line| line.starts_with("#EXT-X-TARGETDURATION")).unwrap();
    let mut frames = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n{target}\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"../v0/init.mp4\"\n"
    );
    let mut peak: f64 = 0.0;
    for (number, duration) in durations.iter().enumerate() {
        let len = i_frame_len(&files[&format!("/v0/{number}.m4s")]);
        peak = peak.max(len as f64 * 8.0 / duration);
        frames += &format!("#EXTINF:{duration:.6},\n#EXT-X-BYTERANGE:{len}@0\n../v0/{number}.m4s\n");
    }
    let seconds: f64 = durations.iter().sum();
    let master = String::from_utf8(files["/master.m3u8"].clone()).unwrap();
    let codec = master.split("CODECS=\"").nth(1).unwrap().split(',').next().unwrap();
    let master = master.replace(",AUDIO=", ",SUBTITLES=\"s\",AUDIO=")
        + "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"English\",LANGUAGE=\"en\",URI=\"s0/playlist.m3u8\"\n"
        + &format!(
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},CODECS=\"{codec}\",RESOLUTION=854x480,URI=\"k0/playlist.m3u8\"\n",
            peak.round()
        );
    let cues = format!(
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\nOne\n\n00:03.000 --> {cue_end}\nTwo\n"
    );
    let texts = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:16\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{seconds:.6},\n0.vtt\n#EXT-X-ENDLIST\n"
    );
    files.insert("/master.m3u8".to_owned(), master.into_bytes());
    files.insert("/k0/playlist.m3u8".to_owned(), (frames + "#EXT-X-ENDLIST\n").into_bytes());
    files.insert("/s0/playlist.m3u8".to_owned(), texts.into_bytes());
    files.insert("/s0/0.vtt".to_owned(), cues.into_bytes());
}

/// Bytes up to the end of a segment's first picture: the first box, the header of the `mdat`, and as many
/// bytes as the length before the first large unit says.
fn i_frame_len(segment: &[u8]) -> usize {
    let number = |at: usize| u32::from_be_bytes(segment[at..at + 4].try_into().unwrap()) as usize;
    let mut at = number(0) + 8;
    // Units of type 5 are those of an IDR; parameter sets and remarks come before it.
    while segment[at + 4] & 0x1F != 5 {
        at += 4 + number(at);
    }
    at + 4 + number(at)
}

#[tokio::test]
async fn i_frames_and_subtitles_are_checked_too() {
    let world = World::start().await;
    let video = complete(&world, &to_copy()).await;
    let good = files_of(&world, &video).await;
    let mut rich = good.clone();
    enrich(&mut rich, "00:15.000");
    let shelf = Shelf::of(rich.clone(), Manners::Good).await;
    let report = assert_clean(&world, &shelf.url("/master.m3u8")).await;
    assert_eq!((&report["playlists"], &report["excepted_count"]), (&Value::from(8), &Value::from(0)), "{report:#}");

    let len = i_frame_len(&good["/v0/0.m4s"]);
    let mut short = rich.clone();
    replace(&mut short, "/k0/playlist.m3u8", &format!("BYTERANGE:{len}@0"), &format!("BYTERANGE:{}@0", len - 1));
    let wanted = [("RFC 8216bis 4.4.3.6", "/v0/0.m4s")];
    assert_eq!(broken(&world, short, Manners::Good).await, set(&wanted));

    let mut late = good;
    enrich(&mut late, "00:17.000");
    replace(&mut late, "/s0/playlist.m3u8", "EXTINF:16", "EXTINF:15");
    replace(&mut late, "/s0/0.vtt", "WEBVTT", "WEBVT");
    let wanted = [("RFC 8216bis 3.1.4", "/s0/0.vtt"), ("A 5.5", "/s0/playlist.m3u8")];
    assert_eq!(broken(&world, late, Manners::Good).await, set(&wanted));
}

#[tokio::test]
async fn a_server_without_manners_is_told_them() {
    let world = World::start().await;
    let video = complete(&world, &to_copy()).await;
    let found = broken(&world, files_of(&world, &video).await, Manners::None).await;
    let rules: BTreeSet<&str> = found.iter().map(|(rule, _)| rule.as_str()).collect();
    let wanted =
        ["A 10.1", "A 10.4", "RFC 8246 2", "RFC 9110 14.3", "RFC 9110 15.3.7", "RFC 9110 15.5.17", "RFC 9110 8.8.3"];
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), wanted);
}
