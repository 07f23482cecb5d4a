//! Stored bytes that changed: another copy is read, and with none there is an error and never a wrong
//! byte.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::player::Reel;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Publishes a clip, waits for all its copies, and empties the cache.
async fn stored(world: &World) -> (String, Reel) {
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let reel = world.player(&video).pictures().await;
    world.send(reqwest::Method::POST, "/api/system/cache/clear").await;
    (video, reel)
}

/// Damages a file in the middle of each 64 KiB.
fn damage(world: &World, file: &PathBuf) {
    let path = world.data().join("channels").join(file);
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    (0..len).step_by(64 * 1024).for_each(|start| bytes[start + (len - start).min(64 * 1024) / 2] ^= 1);
    // Both copies may be links to one file: the damage is to be this copy's alone.
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
}

/// The first file of every blob: files of the same content are copies of each other.
fn one_of_each(world: &World) -> Vec<PathBuf> {
    let mut first = BTreeMap::new();
    for file in world.files("channels") {
        let bytes = fs::read(world.data().join("channels").join(&file)).unwrap();
        first.entry(bytes).or_insert(file);
    }
    first.into_values().collect()
}

#[tokio::test]
async fn a_damaged_copy_is_never_served_while_another_is_whole() {
    let world = World::with(&[("REPLICAS", "2")]).await;
    let (video, before) = stored(&world).await;
    let files = one_of_each(&world);
    assert_eq!(files.len() * 2, world.files("channels").len(), "two copies of everything");
    files.iter().for_each(|file| damage(&world, file));
    assert_eq!(world.player(&video).pictures().await, before);
}

#[tokio::test]
async fn a_lost_copy_is_not_missed_while_another_is_there() {
    let world = World::with(&[("REPLICAS", "2")]).await;
    let (video, before) = stored(&world).await;
    for file in one_of_each(&world) {
        fs::remove_file(world.data().join("channels").join(file)).unwrap();
    }
    assert_eq!(world.player(&video).pictures().await, before);
}

#[tokio::test]
async fn the_only_copy_damaged_is_an_error_and_never_wrong_bytes() {
    let world = World::start().await;
    let (video, before) = stored(&world).await;
    world.files("channels").iter().for_each(|file| damage(&world, file));
    let track = world.player(&video).tracks().await.video.unwrap();
    for (name, right) in &before.segments {
        let answer = world.get(&format!("{track}{name}")).await;
        let status = answer.status().as_u16();
        // Chunks that are whole may be sent before the bad one is met: then the answer is cut short.
        match answer.bytes().await {
            Ok(bytes) if status == 200 => assert!(bytes == right[..], "{name}: wrong bytes were served"),
            Ok(_) => assert_eq!(status, 502, "{name}"),
            Err(_) => assert_eq!(status, 200, "{name}"),
        }
    }
    let spoilt = world.get(&format!("{track}{}", before.segments[0].0)).await;
    assert!(spoilt.status() == 502 || spoilt.bytes().await.is_err(), "the damage was not noticed");
    assert_eq!(world.get("/readyz").await.status(), 200);
}
