//! The server's own life: stopping, starting again, and refusing to start.

use crate::growing::seen_growing;
use crate::harness::World;
use crate::harness::clip;
use crate::harness::wait::until_true;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn a_stop_hands_the_work_back_and_a_start_goes_on() {
    let mut world = World::start().await;
    let (video, seen) = seen_growing(&world, 1).await;
    let ended = world.stop().await;
    assert_eq!(ended.code(), Some(0), "{ended}");
    until_true("no ffmpeg outlives it", async || world.ffmpegs().is_empty()).await;
    assert!(!world.data().join("server.json").exists(), "a stopped server has no address");
    world.resume().await;
    let status = world.status(&video).await;
    assert_ne!(status["state"], "failed", "{status}");
    world.player(&video).pictures().await.assert_continues(&seen);
    world.ready(&video).await;
    world.player(&video).pictures().await.assert_continues(&seen);
}

#[tokio::test]
async fn a_stop_lets_an_answer_finish() {
    let mut world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    let reel = world.player(&video).pictures().await;
    let track = world.player(&video).tracks().await.video.unwrap();
    let mut answer = world.get(&format!("{track}{}", reel.segments[0].0)).await;
    let mut bytes = Vec::new();
    let reading = async {
        while let Some(chunk) = answer.chunk().await.expect("the answer arrives whole") {
            bytes.extend(chunk);
        }
    };
    let (ended, ()) = tokio::join!(world.stop(), reading);
    assert_eq!(ended.code(), Some(0), "{ended}");
    assert!(bytes == reel.segments[0].1);
}

#[tokio::test]
async fn an_open_event_stream_does_not_hold_a_stop_up() {
    let mut world = World::start().await;
    let mut events = world.events("/api/events").await;
    let begun = std::time::Instant::now();
    assert_eq!(world.stop().await.code(), Some(0));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn what_was_published_is_there_after_a_start() {
    let mut world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    let before = world.player(&video).pictures().await;
    world.stop().await;
    world.resume().await;
    assert_eq!(world.player(&video).pictures().await, before);
}

#[tokio::test]
async fn a_data_folder_has_one_server() {
    let world = World::start().await;
    let second = world.run(&["serve"]);
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains(world.data().to_str().unwrap()), "it does not say which folder: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(world.get("/readyz").await.status(), 200);
    assert!(world.data().join("server.json").exists(), "the refused server took the other's address away");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_every_fault() {
    let faults = [
        ("LOCAL_HOST", "0.0.0.0"),
        ("REPLICAS", "99"),
        ("CACHE_MEMORY_SIZE", "much"),
        ("HLS_SEGMENT_DURATION", "1h"),
        ("FORCE_HTTPS", "perhaps"),
    ];
    let world = World::prepared(&faults);
    let refused = world.run(&["serve"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    for (name, _) in faults {
        assert!(said.contains(name), "{name} is missing in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(!world.data().join("catalog.sqlite").exists(), "a refused start makes nothing");
}

#[tokio::test]
async fn a_damaged_catalog_is_refused_and_left_alone() {
    let mut world = World::start().await;
    world.published(&clip::h264_aac(4)).await;
    world.stop().await;
    let catalog = world.data().join("catalog.sqlite");
    let mut bytes = fs::read(&catalog).unwrap();
    let end = bytes.len().min(8192);
    bytes[..end].fill(0x5A);
    fs::write(&catalog, &bytes).unwrap();
    let refused = world.run(&["serve"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("catalog"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(fs::read(&catalog).unwrap() == bytes, "a damaged catalog is never replaced");
}

#[tokio::test]
async fn a_newer_catalog_is_refused() {
    let mut world = World::start().await;
    world.stop().await;
    let catalog = rusqlite::Connection::open(world.data().join("catalog.sqlite")).unwrap();
    let version: i64 = catalog.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    catalog.pragma_update(None, "user_version", version + 1).unwrap();
    drop(catalog);
    let refused = world.run(&["serve"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("newer"), "{said}");
}

#[tokio::test]
async fn only_the_owner_reads_the_address_and_token() {
    let world = World::start().await;
    let mode = fs::metadata(world.data().join("server.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token: serde_json::Value =
        serde_json::from_slice(&fs::read(world.data().join("server.json")).unwrap()).unwrap();
    let token = token["token"].as_str().unwrap();
    assert!(token.len() >= 20, "a token that can be guessed");
    assert!(!world.log().contains(token), "the token is in the log");
}
