//! Where no file was kept, a film is downloaded as one MP4: the packets and times of its best form, from any byte on.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, COLOURS, Clip, Flashes, made};
use crate::harness::measure;
use reqwest::Method;
use std::path::PathBuf;

fn address(video: &str) -> String {
    format!("/media/{video}/original")
}

/// A refined film, with its download in the world's folder.
async fn downloaded(world: &World, clip: &Clip) -> (String, PathBuf) {
    let video = world.published(clip).await;
    world.at_rest().await;
    let path = world.folder().join("download.mp4");
    std::fs::write(&path, world.bytes(&address(&video)).await).unwrap();
    (video, path)
}

/// Every stream packet for packet, and every time to less than a tick of the coarser file.
async fn assert_same_film(clip: &Clip, streams: &[&str], tick_us: i64) {
    let world = World::with(&[("ENABLE_ABR", "false")]).await;
    let (video, file) = downloaded(&world, clip).await;
    assert_eq!(measure::packet_hashes(&file), measure::packet_hashes(&clip.path));
    for stream in streams {
        let (ours, theirs) = (measure::packet_times(&file, stream), measure::packet_times(&clip.path, stream));
        assert_eq!(ours.len(), theirs.len());
        let off = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).max();
        assert!(off <= Some(tick_us), "{stream} is {off:?} microseconds off");
    }
    let download = world.video(&video).await["download"].clone();
    assert_eq!((&download["making"], &download["sha256"]), (&"remuxed".into(), &serde_json::Value::Null));
    let len = std::fs::metadata(&file).unwrap().len();
    assert_eq!(download["bytes"], len);
}

#[tokio::test]
async fn a_file_has_the_packets_and_times_of_a_copied_film() {
    assert_same_film(&clip::h264_aac(16), &["v:0", "a:0"], 100).await;
}

#[tokio::test]
async fn a_film_with_two_sounds_has_both_in_its_file() {
    // Matroska counts milliseconds.
    assert_same_film(&clip::two_languages(16), &["v:0", "a:0", "a:1"], 1000).await;
}

#[tokio::test]
async fn a_film_in_hevc_comes_as_it_is() {
    assert_same_film(&clip::hevc_aac(10), &["v:0", "a:0"], 100).await;
}

#[tokio::test]
async fn sound_alone_and_pictures_alone_make_a_file_too() {
    let sound = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=20 -c:a aac";
    let sound = made("m4a", &sound.split_whitespace().collect::<Vec<_>>());
    assert_same_film(&sound, &["a:0"], 100).await;
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=14 -c:v libx264 -preset veryfast -bf 2 -g 50";
    let picture = made("mp4", &picture.split_whitespace().collect::<Vec<_>>());
    assert_same_film(&picture, &["v:0"], 100).await;
}

#[tokio::test]
async fn an_encoded_film_keeps_picture_and_sound_together_in_its_file() {
    let codecs = "-c:v libx264 -bf 3 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac";
    let flashes = Flashes { size: "320x180", seconds: 8, at: &[3] };
    let clip = clip::flash_and_beep("mp4", codecs, &flashes);
    let offset = |file: &PathBuf| measure::flashes(file)[0] - measure::beeps(file)[0];
    for copy in ["true", "false"] {
        let world = World::with(&[("ENABLE_COPY_MODE", copy)]).await;
        let (_, file) = downloaded(&world, &clip).await;
        let off = offset(&file) - offset(&clip.path);
        assert!(off.abs() < 0.002 || copy == "false" && off.abs() < 0.03, "copied: {copy}, {off} s");
        assert!(measure::start_time(&file).abs() < 0.03, "{} s", measure::start_time(&file));
    }
}

#[tokio::test]
async fn every_part_of_a_file_is_the_same_as_in_the_whole() {
    let world = World::start().await;
    let (video, file) = downloaded(&world, &clip::h264_aac(16)).await;
    let bytes = std::fs::read(&file).unwrap();
    let len = bytes.len();
    let fragments = bytes.windows(4).enumerate().filter(|(_, word)| word == b"moof").map(|(at, _)| at - 4);
    // Around the beginnings of fragments, where bytes are changed on their way.
    let seams: Vec<usize> = fragments.flat_map(|at| [at - 1, at, at + 1, at + 30, at + 47, at + 90]).collect();
    assert!(seams.len() > 12);
    let ends = [(0, 10), (0, len - 1), (len - 1, len - 1), (20, 5000)];
    for (from, to) in seams.into_iter().map(|at| (at, (at + 61).min(len - 1))).chain(ends) {
        let range = format!("bytes={from}-{to}");
        let part = world.request(Method::GET, &address(&video)).header("Range", &range).send().await.unwrap();
        assert_eq!(part.status(), 206, "{range}");
        assert!(part.bytes().await.unwrap() == bytes[from..=to], "{range} of {len}");
    }
    let head = world.send(Method::HEAD, &address(&video)).await;
    assert_eq!(head.headers()["content-length"], len.to_string().as_str());
    let saved = head.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(saved.starts_with("attachment; ") && saved.contains("(remuxed 360p).mp4"), "{saved}");
    assert!(!head.headers().contains_key("repr-digest"), "nobody hashed it");
}

#[tokio::test]
async fn a_browser_plays_a_file_by_itself_and_seeks_in_it() {
    let world = World::start().await;
    let (video, _) = downloaded(&world, &clip::colours()).await;
    let browser = Browser::open().await;
    browser.goto(&world.url("/api/docs")).await;
    let set_up = format!(
        "const v = document.createElement('video'); v.muted = true; v.id = 'plain'; v.src = '{}'; document.body.replaceChildren(v); \
         window.seen = () => {{ const c = document.createElement('canvas'); c.width = c.height = 1; \
         const x = c.getContext('2d'); x.drawImage(v, 0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data].slice(0, 3); }}; \
         window.v = v; return true",
        address(&video)
    );
    browser.run(&set_up).await;
    browser.until("the file is known", "v.readyState >= 2").await;
    assert_eq!(browser.run("return v.currentTime").await, 0.0);
    let length = browser.run("return v.duration").await.as_f64().unwrap();
    assert!((length - 24.0).abs() < 0.1, "{length} s");
    for (number, (name, colour)) in COLOURS.iter().enumerate().rev() {
        let middle = number * 4 + 2;
        browser.run(&format!("v.currentTime = {middle}; return true")).await;
        browser.until("it has sought", "!v.seeking && v.readyState >= 2").await;
        let seen = browser.run("return seen()").await;
        let near = colour
            .iter()
            .zip(seen.as_array().unwrap())
            .all(|(a, b)| (f64::from(*a) - b.as_f64().unwrap()).abs() < 60.0);
        assert!(near, "{name} at {middle} s, not {seen}");
    }
    browser.run("v.play(); return true").await;
    browser.until("it plays", "v.currentTime > 3").await;
    assert_eq!(browser.run("return v.error").await, serde_json::Value::Null);
}
