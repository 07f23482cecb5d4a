//! What came from Telegram once lies on the disk: there after a restart, and after a kill in the middle of it.

use crate::harness::bots::{Telegram, forget_what_is_cached, small_packs};
use crate::harness::clip;
use crate::harness::wait::until_true;
use serde_json::Value;
use std::fs;
use telegram_sim::{Fault, Operation, Trouble};

#[tokio::test]
async fn a_film_that_was_watched_plays_after_a_restart_without_asking_any_bot() {
    let telegram = Telegram::with(3);
    let mut world = small_packs(&telegram).await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    forget_what_is_cached(&world).await;
    let wanted = world.player(&video).pictures().await;
    let disk = async |world: &crate::harness::World| world.json("/api/system/cache/stats").await["disk"].clone();
    let bytes: usize = wanted.segments.iter().map(|(_, bytes)| bytes.len()).sum();
    until_true("it lies on the disk", async || disk(&world).await["bytes"].as_u64() >= Some(bytes as u64)).await;

    world.stop().await;
    telegram.world().fault_all(&Fault::standing(Operation::Any, Trouble::Flood { seconds: 600 }));
    world.resume().await;
    assert!(world.player(&video).pictures().await == wanted);
    assert!(disk(&world).await["hits"].as_u64() > Some(0));

    forget_what_is_cached(&world).await;
    assert_eq!(disk(&world).await["entries"], 0);
    let (name, _) = &wanted.segments[0];
    assert_eq!(world.get(&format!("/hls/{video}/v0/{name}")).await.status(), 503, "the disk was emptied, too");
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_fills_the_disk_never_gives_a_wrong_byte() {
    let telegram = Telegram::with(3);
    let mut world = small_packs(&telegram).await;
    world.set([("CACHE_DISK_SIZE".to_owned(), "1MiB".to_owned())]);
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let wanted = world.player(&video).pictures().await;
    for seed in 0..5 {
        world.kill();
        // What a machine that lost its power leaves may be any bytes.
        let file = world.data().join("cache/chunks");
        let mut bytes = fs::read(&file).unwrap_or_default();
        let torn = (seed * 100_003) % bytes.len().max(1);
        bytes.iter_mut().skip(torn).take(70_000).for_each(|byte| *byte = 0);
        fs::write(&file, bytes).unwrap();
        world.resume().await;
        assert!(world.player(&video).pictures().await == wanted, "seed {seed}");
        // Memory may be smaller than the film: from the disk, too.
        let (name, bytes) = &wanted.segments[seed % wanted.segments.len()];
        assert!(world.bytes(&format!("/hls/{video}/v0/{name}")).await == *bytes);
    }
    let stats: Value = world.json("/api/system/cache/stats").await;
    assert!(stats["disk"]["evictions"].as_u64() > Some(0), "the film is larger than the disk's share: {stats}");
}
