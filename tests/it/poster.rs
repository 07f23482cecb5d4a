//! Posters that people choose or send, and what a sound without a picture shows.

use crate::harness::World;
use crate::harness::clip::{self, Clip, made};
use crate::harness::problem::problem;
use crate::harness::stand_in::{MIDDLES, StandIn};
use crate::harness::upload::Sending;
use crate::harness::wait::until;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Command;
use uuid::Uuid;

async fn set(world: &World, video: &str, kind: &str, body: impl Into<reqwest::Body>) -> Response {
    let request = world.request(Method::PUT, &format!("/api/videos/{video}/poster"));
    request.header("Content-Type", kind).body(body).send().await.unwrap()
}

async fn choices(world: &World, video: &str) -> Value {
    world.json(&format!("/api/videos/{video}/posters")).await
}

/// Where the poster is, and the poster.
async fn poster(world: &World, video: &str) -> (String, Vec<u8>) {
    let url = world.video(video).await["poster_url"].as_str().unwrap().to_owned();
    let bytes = world.bytes(&url).await;
    (url, bytes)
}

/// Width and height of a picture, and the colour of its middle.
fn seen(world: &World, picture: &[u8]) -> (String, [u8; 3]) {
    let file = world.folder().join(Uuid::new_v4().to_string());
    std::fs::write(&file, picture).unwrap();
    let size = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"])
        .arg(&file)
        .output();
    let pixel = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&file)
        .args(["-vf", "crop=2:2,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output();
    let size = String::from_utf8(size.unwrap().stdout).unwrap().trim().to_owned();
    (size, pixel.unwrap().stdout.try_into().expect("one pixel"))
}

/// A black PNG of this size, of which every byte is right.
fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes(), &kind[..], data, &crc.sum().to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; 1 + width.div_ceil(8) as usize];
    (0..height).for_each(|_| pixels.write_all(&row).unwrap());
    let pixels = pixels.finish().unwrap();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])].concat()
}

fn picture(ending: &str, source: &str) -> Vec<u8> {
    made(ending, &["-f", "lavfi", "-i", source, "-frames:v", "1"]).bytes()
}

/// Each second in another picture, so that stills differ.
fn film() -> Clip {
    clip::h264_aac(16)
}

#[tokio::test]
async fn a_still_of_the_film_is_chosen_and_shown_at_once() {
    let world = World::start().await;
    let video = world.published(&film()).await;
    assert_eq!(choices(&world, &video).await["other"], true);
    world.at_rest().await;
    let stored = world.files("channels").len();
    let (first_url, first) = poster(&world, &video).await;
    let offered = choices(&world, &video).await["candidates"].as_array().unwrap().clone();
    assert!((4..=8).contains(&offered.len()), "{offered:?}");
    assert!(offered.iter().all(|still| still["in_use"] == false));

    let mut events = world.events("/api/events").await;
    let answer = set(&world, &video, "application/json", json!({"candidate": 2}).to_string()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let now: Value = answer.json().await.unwrap();
    assert_eq!((&now["candidates"][2]["in_use"], &now["other"]), (&json!(true), &json!(false)));
    events.find(|event| event.data["change"] == "described" && event.data["video_id"] == video.as_str()).await;
    let (url, still) = poster(&world, &video).await;
    assert_eq!(still, world.bytes(offered[2]["url"].as_str().unwrap()).await);
    assert!(url != first_url && still != first);
    until("the one before is removed", async || (world.files("channels").len() == stored - 1).then_some(())).await;

    let unknown = set(&world, &video, "application/json", json!({"candidate": 99}).to_string()).await;
    problem(unknown, 404).await;
    assert_eq!(poster(&world, &video).await, (url, still), "what was chosen stays");
}

#[tokio::test]
async fn a_picture_that_is_sent_becomes_the_poster() {
    let mut world = World::start().await;
    let video = world.published(&film()).await;
    world.at_rest().await;
    let stored = world.files("channels").len();
    let address = format!("/media/{video}/poster.jpg");
    let tag = world.get(&address).await.headers()["etag"].clone();
    let red = picture("png", "color=red:size=2000x1000,format=rgba");
    assert_eq!(set(&world, &video, "image/png", red).await.status(), StatusCode::OK);
    let answer = world.request(Method::GET, &address).header("If-None-Match", tag).send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["content-type"]), (StatusCode::OK, &"image/jpeg".parse().unwrap()));
    let (size, [red, green, blue]) = seen(&world, &answer.bytes().await.unwrap());
    assert_eq!(size, "1280,640");
    assert!(red > 240 && green < 15 && blue < 15, "{red} {green} {blue}");

    world.at_rest().await;
    world.kill();
    world.resume().await;
    until("the one before is removed", async || (world.files("channels").len() == stored).then_some(())).await;
    until("the spool is empty", async || world.files("spool").is_empty().then_some(())).await;
    for (kind, ending, colour) in [("image/webp", "webp", "blue"), ("image/jpeg", "jpg", "blue")] {
        let sent = picture(ending, &format!("color={colour}:size=300x500"));
        assert_eq!(set(&world, &video, kind, sent).await.status(), StatusCode::OK, "{kind}");
        let (size, [red, _, blue]) = seen(&world, &poster(&world, &video).await.1);
        assert!(size == "300,500" && red < 15 && blue > 240, "{kind} {size}");
    }
    assert_eq!(world.video(&video).await["state"], "ready");
}

#[tokio::test]
async fn a_poster_that_is_sent_while_the_film_is_prepared_stays() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let world = World::with(&[("PATH", stand_in.path().as_str()), ("STALL_TIMEOUT", "1d")]).await;
    let video = world.accepted(&Sending::of(&clip::busy(360, 40))).await.video;
    let red = picture("png", "color=red:size=320x180");
    assert_eq!(set(&world, &video, "image/png", red).await.status(), StatusCode::OK);
    assert_ne!(world.status(&video).await["state"], "ready");
    stand_in.let_go();
    world.ready(&video).await;
    world.at_rest().await;
    let (size, [red, green, _]) = seen(&world, &poster(&world, &video).await.1);
    assert!(size == "320,180" && red > 240 && green < 15, "{size} {red} {green}");
    until("the spool is empty", async || world.files("spool").is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_is_no_picture_we_take_is_refused() {
    let world = World::start().await;
    let video = world.published(&film()).await;
    world.at_rest().await;
    let before = poster(&world, &video).await;
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"file:///etc/passwd\"/></svg>";
    let playlist = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";
    let good = png(64, 64);
    for (kind, bytes, status) in [
        ("image/svg+xml", svg.as_bytes(), 415),
        ("image/png", svg.as_bytes(), 415),
        ("image/jpeg", playlist.as_bytes(), 415),
        ("image/gif", &b"GIF89a"[..], 415),
        ("text/html", &good, 415),
        ("", &good, 415),
        ("image/png", &png(16_000, 16_000), 422),
        ("image/png", &good[..good.len() / 2], 422),
        ("image/png", &b"\x89PNG\r\n\x1a\n"[..], 422),
        ("image/jpeg", &b""[..], 415),
        ("image/png", &vec![0; (16 << 20) + 1], 413),
        ("application/json", &b"{}"[..], 400),
        ("application/json", &b"{\"candidate\":-1}"[..], 400),
    ] {
        let refused = problem(set(&world, &video, kind, bytes.to_vec()).await, status).await;
        let words = refused["detail"].as_str().unwrap().split(' ').count();
        assert!(words > 4, "{refused}");
    }
    problem(set(&world, &Uuid::new_v4().to_string(), "image/png", good).await, 404).await;
    assert_eq!(poster(&world, &video).await, before);
    assert_eq!(world.files("spool/work"), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_sound_without_a_picture_has_a_drawn_still() {
    let world = World::start().await;
    let words = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8", "-c:a", "aac"];
    let video = world.published(&made("m4a", &words)).await;
    let (size, [red, green, blue]) = seen(&world, &poster(&world, &video).await.1);
    assert_eq!(size, "1280,720");
    assert!(red > 100 && red > blue && green > 60, "a lamp by night: {red} {green} {blue}");
}
