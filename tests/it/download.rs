//! The file itself, where it was kept: it comes back as it was, whole and in parts, from wherever it lies.

use crate::harness::World;
use crate::harness::bots::Telegram;
use crate::harness::clip::{self, Clip, made};
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response};
use sha2::{Digest, Sha256};
use telegram_sim::{Fault, Operation, Trouble};

const KEPT: (&str, &str) = ("KEEP_ORIGINAL", "true");

/// Packs of so many bytes make a short film many of them.
const SMALL_PACKS: (&str, &str) = ("TELEGRAM_MAX_FILE_SIZE", "256KiB");

fn address(video: &str) -> String {
    format!("/media/{video}/original")
}

async fn ranged(world: &World, video: &str, range: &str) -> Response {
    world.request(Method::GET, &address(video)).header("Range", range).send().await.unwrap()
}

/// A film that is kept itself and refined.
async fn kept(world: &World, sending: &Sending) -> String {
    let video = world.accepted(sending).await.video;
    world.ready(&video).await;
    world.at_rest().await;
    assert_eq!(world.video(&video).await["download"]["making"], "original", "{:#}", world.video(&video).await);
    video
}

#[tokio::test]
async fn a_kept_file_comes_back_as_it_was_whole_and_in_parts() {
    let world = World::with(&[KEPT, SMALL_PACKS]).await;
    let clip = clip::matroska(16);
    let (bytes, len) = (clip.bytes(), clip.bytes().len());
    let video = kept(&world, &Sending::of(&clip).titled("A/B: \"Bäume\"")).await;

    let whole = world.get(&address(&video)).await;
    assert_eq!(whole.status(), 200);
    let sha256 = Sha256::digest(&bytes);
    let header = |answer: &Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&whole, "repr-digest"), format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256)));
    assert_eq!(header(&whole, "content-type"), "video/x-matroska");
    assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
    let saved = header(&whole, "content-disposition");
    assert!(saved.starts_with("attachment; filename=\"A-B- -B_ume-.mkv\"; filename*=UTF-8''A%2DB"), "{saved}");
    let etag = header(&whole, "etag");
    assert!(whole.bytes().await.unwrap() == bytes, "not the file that went in");

    let download = world.video(&video).await["download"].clone();
    assert_eq!(download["bytes"], len);
    let digits: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&download["sha256"], &download["name"]), (&digits.into(), &"A-B- -Bäume-.mkv".into()));

    // Across the seams of packs, at both ends, and deep inside.
    for (from, to) in [(0, 0), (0, 300_000), (262_000, 263_000), (len / 2, len / 2 + 70_000), (len - 5, len - 1)] {
        let part = ranged(&world, &video, &format!("bytes={from}-{to}")).await;
        assert_eq!(part.status(), 206);
        assert_eq!(header(&part, "content-range"), format!("bytes {from}-{to}/{len}"));
        assert!(part.bytes().await.unwrap() == bytes[from..=to], "{from} to {to}");
    }
    assert_eq!(ranged(&world, &video, &format!("bytes={len}-")).await.status(), 416);
    let head = world.send(Method::HEAD, &address(&video)).await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, len.to_string()));
    for (known, status) in [(etag.as_str(), 206), ("\"another\"", 200)] {
        let again = world.request(Method::GET, &address(&video)).header("Range", "bytes=7-").header("If-Range", known);
        assert_eq!(again.send().await.unwrap().status(), status, "{known}");
    }
}

#[tokio::test]
async fn a_kept_file_is_no_track_of_its_film() {
    let world = World::with(&[KEPT]).await;
    let video = kept(&world, &Sending::of(&clip::mpeg4_mp3(8))).await;
    let tracks = world.video(&video).await["tracks"].clone();
    assert!(tracks.as_array().unwrap().iter().all(|track| track["kind"] != "original"), "{tracks:#}");
    for name in ["playlist.m3u8", "init.mp4", "0.m4s"] {
        assert_eq!(world.get(&format!("/hls/{video}/o0/{name}")).await.status(), 404, "{name}");
    }
    let player = world.player(&video);
    assert!(!player.text(&player.master_path()).await.contains("o0/"));
}

#[tokio::test]
async fn a_kept_file_lies_with_two_bots_and_comes_back_from_there() {
    let telegram = Telegram::with(2);
    let mut world = telegram.folder();
    world.set([KEPT, SMALL_PACKS].map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let clip = clip::h264_aac(16);
    let video = kept(&world, &Sending::of(&clip)).await;
    world.protected(&video).await;
    assert!(telegram.copies().values().all(|channels| *channels == 2), "{:?}", telegram.copies());
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
    assert!(world.bytes(&address(&video)).await == clip.bytes(), "not the file that went in");
}

/// Sound alone, of which nothing is made later: about four megabytes, so that a small spool does not hold it twice.
fn sound() -> Clip {
    let words = "-f lavfi -i anoisesrc=duration=20:sample_rate=48000:seed=7 -ac 2 -c:a pcm_s16le";
    made("wav", &words.split_whitespace().collect::<Vec<_>>())
}

/// Sends of all of a film but its file itself.
async fn sends_without_the_file(clip: &Clip) -> u32 {
    let telegram = Telegram::with(1);
    let mut world = telegram.folder();
    world.set([SMALL_PACKS, ("REPLICAS", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    world.published(clip).await;
    world.at_rest().await;
    u32::try_from(telegram.messages().len()).unwrap()
}

/// A film of which a part of the file is kept, killed.
async fn half_kept(telegram: &Telegram, world: &mut World, clip: &Clip) -> String {
    let sends = sends_without_the_file(clip).await;
    let bot = telegram.bots()[0].id;
    let small = [("MAX_UPLOAD_SIZE", "4MiB"), ("SPOOL_MAX_SIZE", "6MiB"), ("REPLICAS", "1")];
    world.set(small.into_iter().chain([KEPT, SMALL_PACKS]).map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    // Three packs of the file get through; then nothing is answered, until the spool is full.
    telegram.world().fault(bot, Fault::standing(Operation::Send, Trouble::Hang).after(sends + 3));
    let video = world.published(clip).await;
    let three_are_stored = || telegram.messages().len() >= sends as usize + 3;
    let is_half_kept = async || world.files("spool/packs").len() >= 7 && three_are_stored();
    until_true("a part of the file is stored and another one waits in the spool", is_half_kept).await;
    assert_eq!(world.video(&video).await["download"]["making"], "remuxed", "it is not kept yet");
    world.kill();
    telegram.world().clear_faults(bot);
    video
}

#[tokio::test]
async fn a_kill_in_the_middle_of_keeping_a_file_loses_nothing_of_it() {
    let (clip, telegram) = (sound(), Telegram::with(1));
    let mut world = telegram.folder();
    let video = half_kept(&telegram, &mut world, &clip).await;
    world.resume().await;
    world.at_rest().await;

    assert_eq!(world.video(&video).await["download"]["making"], "original");
    assert!(world.bytes(&address(&video)).await == clip.bytes(), "not the file that went in");
    assert!(world.files("spool").is_empty(), "{:?}", world.files("spool"));
}

#[tokio::test]
async fn a_file_that_was_changed_while_it_was_kept_is_not_kept_as_two_halves() {
    let (clip, telegram) = (sound(), Telegram::with(1));
    let mut world = telegram.folder();
    let video = half_kept(&telegram, &mut world, &clip).await;
    let file = world.data().join("spool/uploads").join(world.files("spool/uploads").pop().expect("the file"));
    let mut bytes = clip.bytes();
    bytes[200_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    world.resume().await;
    world.at_rest().await;

    let details = world.video(&video).await;
    assert_eq!(details["download"]["making"], "remuxed", "{details:#}");
    assert!(details["left_out"].to_string().contains("was changed after it was added"), "{details:#}");
    assert!(world.files("spool").is_empty(), "{:?}", world.files("spool"));
}

#[tokio::test]
async fn a_kept_file_goes_with_its_film() {
    let world = World::with(&[KEPT]).await;
    let video = kept(&world, &Sending::of(&clip::mpeg4_mp3(8))).await;
    let path = format!("/api/videos/{video}");
    assert_eq!(world.send(Method::DELETE, &path).await.status(), 204);
    assert_eq!(world.get(&address(&video)).await.status(), 404, "what lies in the trash cannot be had");
    assert_eq!(world.send(Method::DELETE, &format!("{path}?now=true")).await.status(), 204);
    world.at_rest().await;
    assert!(world.files("channels").is_empty(), "{:?}", world.files("channels"));
}

#[tokio::test]
async fn there_is_no_file_of_a_film_that_failed_or_never_was() {
    let world = World::start().await;
    let unknown = world.get("/media/0198c0de-0000-7000-8000-000000000000/original").await;
    assert_eq!(unknown.status(), 404);
    let html = b"<script>alert(1)</script>".repeat(100);
    let answer = world.upload(&Sending::bytes(html, "film.mp4")).await;
    let said: serde_json::Value = answer.json().await.unwrap();
    let video = said["video_id"].as_str().expect("it is taken, and looked at later");
    world.settled(video).await;
    let answer = world.get(&address(video)).await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("could not be prepared"));
}
