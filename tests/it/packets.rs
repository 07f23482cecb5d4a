//! `telecine check-hls` on HLS in MPEG-TS, which others make: what is good is found good, and what is broken is named.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::shelf::{Files, Manners, Shelf};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const PACKET: usize = 188;
const LIST: &str = "/list.m3u8";

const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=16 -c:a aac -ac 2";
const CODED: &str = "-c:v libx264 -preset veryfast -bf 2 -sc_threshold 0 -pix_fmt yuv420p";

/// Sixteen seconds of these words as ffmpeg makes HLS of them, below `/`.
fn hls(words: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("%d.ts");
    let mut all: Vec<&str> = words.split_whitespace().collect();
    all.extend("-f hls -hls_time 4 -hls_segment_type mpegts -hls_playlist_type vod -hls_segment_filename".split(' '));
    all.push(segments.to_str().unwrap());
    if !words.contains("-hls_flags") {
        all.extend(["-hls_flags", "independent_segments"]);
    }
    clip::ffmpeg(&all, &folder.path().join("list.m3u8"));
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        let (name, bytes) = (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        (format!("/{name}"), bytes)
    });
    files.collect()
}

fn pictures(words: &str) -> Files {
    hls(&format!("-f lavfi -i testsrc2=size=320x180:rate=25:duration=16 {SOUND} {CODED} -g 50 {words}"))
}

/// The rules that are broken, with the last part of the address where, and what was not judged.
async fn judged(files: Files, path: &str) -> (BTreeSet<(String, String)>, Value) {
    let world = World::prepared(&[]);
    let shelf = Shelf::of(files, Manners::Good).await;
    let mut command = tokio::process::Command::from(world.command(&["check-hls", "--json", &shelf.url(path)]));
    let report: Value = serde_json::from_slice(&command.output().await.unwrap().stdout).unwrap();
    let word = |violation: &Value, name: &str| violation[name].as_str().unwrap().replace(&shelf.url(""), "");
    let violations = report["violations"].as_array().unwrap().iter();
    let found = violations.map(|violation| (word(violation, "rule"), word(violation, "address"))).collect();
    eprintln!("{report:#}");
    (found, report["unchecked"].clone())
}

async fn assert_broken(files: Files, wanted: &[(&str, &str)]) {
    let found = judged(files, LIST).await.0;
    let wanted: BTreeSet<_> = wanted.iter().map(|(rule, place)| ((*rule).to_owned(), (*place).to_owned())).collect();
    assert_eq!(found, wanted);
}

/// Replaces a text in the playlist, which must be in it.
fn replaced(mut files: Files, this: &str, that: &str) -> Files {
    let text = String::from_utf8(files[LIST].clone()).unwrap();
    assert!(text.contains(this), "{this} is not in {text}");
    files.insert(LIST.to_owned(), text.replacen(this, that, 1).into_bytes());
    files
}

/// Tells another length of a segment.
fn with_length(files: Files, segment: usize, other: fn(f64) -> f64) -> Files {
    let end = format!(",\n{segment}.ts");
    let text = String::from_utf8(files[LIST].clone()).unwrap();
    let told = text.split(&end).next().unwrap().rsplit(':').next().unwrap().to_owned();
    let length = other(told.parse().unwrap());
    replaced(files, &format!("{told}{end}"), &format!("{length:.6}{end}"))
}

/// Packets of the picture in which one begins.
fn begins(bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    bytes.chunks_mut(PACKET).filter(|packet| packet[1..3] == [0x41, 0])
}

/// Where the time stamps are in such a packet.
fn stamps(packet: &[u8]) -> usize {
    packet.windows(3).position(|start| start == [0, 0, 1]).unwrap() + 9
}

#[tokio::test]
async fn good_segments_are_found_good() {
    for words in ["", "-g 100", "-output_ts_offset 95438", "-c:a libmp3lame", "-flags +cgop -r 30000/1001"] {
        let (found, left) = judged(pictures(words), LIST).await;
        assert_eq!((found.len(), left.as_array().unwrap().len()), (0, 0), "{words}: {found:?} {left:#}");
    }
    // ffmpeg takes each picture for as long as the first ones.
    let slow = "-vf select='lt(n,250)+not(mod(n,12))' -vsync vfr -force_key_frames 4,8,12";
    let slow = (0..4).fold(pictures(slow), |files, at| with_length(files, at, |_| 4.0));
    assert_broken(slow, &[]).await;
    for words in ["", "-ar 44100", "-ac 6 -b:a 400k"] {
        let (found, left) = judged(hls(&format!("{SOUND} {words}")), LIST).await;
        assert_eq!((found.len(), left.as_array().unwrap().len()), (0, 0), "{words}: {found:?} {left:#}");
    }
}

#[tokio::test]
async fn segments_without_an_idr_in_front_are_named() {
    let cut = pictures("-g 500 -hls_flags split_by_time");
    let places = ["/1.ts", "/2.ts", "/3.ts"];
    // ffmpeg takes the first one to last until the first picture of the next is shown, which is not the next one shown.
    let late = [("A 8.1", "/0.ts")];
    assert_broken(cut.clone(), &[&late[..], &places.map(|place| ("A 7.4", place))].concat()).await;
    let claimed = replaced(cut, "#EXT-X-PLAYLIST", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-PLAYLIST");
    let both = |place: &'static str| [("A 7.4", place), ("RFC 8216bis 4.4.2.1", place)];
    assert_broken(claimed, &[&late[..], &places.map(both).concat()].concat()).await;
    let silent = pictures("-hls_flags split_by_time");
    assert_broken(silent, &[("A 9.12", LIST)]).await;
}

#[tokio::test]
async fn times_that_do_not_go_on_are_named() {
    let good = pictures("");
    let mut gone = good.clone();
    gone.insert("/1.ts".to_owned(), good["/2.ts"].clone());
    let found = judged(gone, LIST).await.0;
    for wanted in [("A 7.3", "/1.ts"), ("A 7.3", "/2.ts"), ("T duplicate times", "/2.ts")] {
        assert!(found.contains(&(wanted.0.to_owned(), wanted.1.to_owned())), "{wanted:?} is not in {found:?}");
    }
    assert!(found.iter().all(|(_, place)| place == "/1.ts" || place == "/2.ts" || place == "/3.ts"), "{found:?}");

    // Marked, another time may begin.
    let list = String::from_utf8(good[LIST].clone()).unwrap();
    let second = list.split("0.ts\n").nth(1).unwrap().split("2.ts\n").next().unwrap().to_owned() + "2.ts\n";
    let third = second.split("1.ts\n").nth(1).unwrap().to_owned();
    let short = replaced(good.clone(), &second, &third);
    assert_broken(short.clone(), &[("A 7.3", "/2.ts")]).await;
    assert_broken(replaced(short, &third, &format!("#EXT-X-DISCONTINUITY\n{third}")), &[]).await;
}

#[tokio::test]
async fn lengths_that_are_not_true_are_named() {
    let good = pictures("");
    assert_broken(replaced(good.clone(), "4.000000,\n1.ts", "4.100000,\n1.ts"), &[("A 8.1", "/1.ts")]).await;
    let drifting = (0..4).fold(good, |files, at| with_length(files, at, |told| told + 0.03));
    assert_broken(drifting, &[("A 8.1", "/1.ts")]).await;
}

#[tokio::test]
async fn pictures_that_are_shown_at_once_are_named() {
    let mut files = pictures("-bf 0");
    let bytes = files.get_mut("/1.ts").unwrap();
    let fifth = begins(bytes).nth(4).map(|packet| packet[stamps(packet)..][..5].to_vec()).unwrap();
    let sixth = begins(bytes).nth(5).unwrap();
    let at = stamps(sixth);
    sixth[at..at + 5].copy_from_slice(&fifth);
    assert_broken(files, &[("A 7.3", "/1.ts"), ("T duplicate times", "/1.ts")]).await;
}

/// A master playlist of one variant.
fn master(codecs: &str, more: &str) -> String {
    format!(
        "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH=400000,AVERAGE-BANDWIDTH=400000,CODECS=\"{codecs}\",{more}\nlist.m3u8\n"
    )
}

/// The rules that are broken below such a master, but for how many sizes there are, and how many bits.
async fn rules(files: &Files, master: String) -> Vec<String> {
    let mut files = files.clone();
    files.insert("/master.m3u8".to_owned(), master.into_bytes());
    let found = judged(files, "/master.m3u8").await.0.into_iter().map(|(rule, _)| rule);
    found.filter(|rule| !["A 6.1", "A 9.9", "A 1.26", "A 1.27"].contains(&rule.as_str())).collect()
}

#[tokio::test]
async fn what_the_master_says_is_held_against_packets() {
    let good = pictures("");
    let size = "RESOLUTION=320x180,FRAME-RATE=25.000";
    assert_eq!(rules(&good, master("avc1.64000c,mp4a.40.2", size)).await, [""; 0]);
    assert_eq!(rules(&good, master("avc1.4d000c,mp4a.40.2", size)).await, ["RFC 8216bis 4.4.6.2"]);
    assert_eq!(
        rules(&good, master("avc1.64000c,mp4a.40.2", "RESOLUTION=320x240,FRAME-RATE=25.000")).await,
        ["RFC 8216bis 4.4.6.2"]
    );
    assert_eq!(
        rules(&good, master("avc1.64000c,mp4a.40.2", "RESOLUTION=320x180,FRAME-RATE=30.000")).await,
        ["RFC 8216bis 4.4.6.2"]
    );
}

/// Another kind of unit, which is skipped, stands where the first picture says what it is.
fn without_set(files: &mut Files, path: &str) {
    let bytes = files.get_mut(path).unwrap();
    let at = bytes.windows(4).position(|unit| unit == [0, 0, 1, 0x67]).unwrap();
    bytes[at + 3] = 0x6C;
}

#[tokio::test]
async fn segments_without_parameter_sets_are_not_independent() {
    let mut claimed = pictures("");
    without_set(&mut claimed, "/2.ts");
    assert_broken(claimed, &[("RFC 8216bis 4.4.2.1", "/2.ts")]).await;
    let mut silent = pictures("-hls_flags split_by_time");
    without_set(&mut silent, "/2.ts");
    assert_broken(silent, &[]).await;
}

#[tokio::test]
async fn pictures_that_do_not_say_what_they_are_may_be_what_the_master_says() {
    let mut files = pictures("");
    (0..4).for_each(|segment| without_set(&mut files, &format!("/{segment}.ts")));
    let size = "RESOLUTION=320x180,FRAME-RATE=25.000";
    assert_eq!(rules(&files, master("avc1.64000c,mp4a.40.2", size)).await, [""; 0]);
    assert_eq!(rules(&files, master("avc1.64000c,mp4a.40.34", size)).await, ["A 2.3", "RFC 8216bis 4.4.6.2"]);
    // Some say it.
    files = pictures("");
    without_set(&mut files, "/0.ts");
    assert_eq!(rules(&files, master("avc1.4d000c,mp4a.40.2", size)).await, ["RFC 8216bis 4.4.6.2"]);
}
