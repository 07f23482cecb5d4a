//! What came from Telegram once lies on the disk: there after a restart, and after a kill in the middle of it.

use crate::harness::World;
use crate::harness::bots::{Telegram, forget_what_is_cached, small_packs};
use crate::harness::clip;
use crate::harness::dice::Dice;
use crate::harness::player::Reel;
use crate::harness::soak;
use crate::harness::wait::until_true;
use futures::future::join_all;
use reqwest::Method;
use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};
use telegram_sim::{Fault, Operation, Trouble};

/// Waits until all that is in memory is on the disk, too.
async fn all_on_disk(world: &World) {
    until_true("it lies on the disk", async || {
        let stats = world.json("/api/system/cache/stats").await;
        stats["entries"].as_u64() > Some(0) && stats["disk"]["entries"] == stats["entries"]
    })
    .await;
}

/// Waits until nothing more is being written to the disk, which nobody waits for else.
async fn written_down(world: &World) {
    let disk = async || world.json("/api/system/cache/stats").await["disk"].clone();
    let (mut before, mut alike) = (disk().await, 0);
    until_true("all is written", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = disk().await;
        alike = if now == before { alike + 1 } else { 0 };
        before = now;
        alike == 5
    })
    .await;
    assert_eq!(before["left_out"], 0, "the disk was too slow");
}

#[tokio::test]
async fn a_film_that_was_watched_plays_after_a_restart_without_asking_any_bot() {
    let telegram = Telegram::with(3);
    let mut world = small_packs(&telegram).await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    forget_what_is_cached(&world).await;
    let wanted = world.player(&video).pictures().await;
    let disk = async |world: &World| world.json("/api/system/cache/stats").await["disk"].clone();
    all_on_disk(&world).await;

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
async fn the_first_seconds_of_a_film_stay_while_another_runs_through_a_cache_that_holds_neither() {
    let telegram = Telegram::with(3);
    let mut world = telegram.folder();
    let rooms = [("CACHE_DISK_SIZE", "24MiB"), ("CACHE_MEMORY_SIZE", "1MiB"), ("ENABLE_ABR", "false")];
    world.set(rooms.map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let films = [world.published(&clip::dense(30)).await, world.published(&clip::dense(72)).await];
    for video in &films {
        world.protected(video).await;
    }
    let [one, another] = [world.player(&films[0]).pictures().await, world.player(&films[1]).pictures().await];
    forget_what_is_cached(&world).await;
    let path = |film: usize, name: &str| format!("/hls/{}/v0/{name}", films[film]);
    for (name, bytes) in &one.segments {
        assert!(world.bytes(&path(0, name)).await == *bytes, "{name}");
    }
    let passing = &another.segments[2..];
    assert!(passing.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 24 << 20);
    for (name, bytes) in passing {
        assert!(world.bytes(&path(1, name)).await == *bytes, "{name}");
    }
    written_down(&world).await;

    telegram.world().fault_all(&Fault::standing(Operation::Any, Trouble::Flood { seconds: 600 }));
    let found = async |number: usize| {
        let (name, bytes) = &one.segments[number];
        // The last chunk of an opening is the first one of what follows, whose answer is cut off behind it.
        let answer = world.get(&path(0, name)).await.error_for_status();
        let found = async { answer?.bytes().await }.await;
        found.is_ok_and(|found| found == *bytes)
    };
    let there = [found(0).await, found(1).await, found(2).await, found(3).await];
    assert_eq!(there, [true, true, false, false]);
}

#[tokio::test]
async fn of_a_film_that_was_deleted_nothing_stays_on_the_disk() {
    let telegram = Telegram::with(3);
    let world = small_packs(&telegram).await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    forget_what_is_cached(&world).await;
    let watched = world.player(&video).pictures().await.bytes().len() as u64;
    let disk = async || world.json("/api/system/cache/stats").await["disk"]["bytes"].as_u64().unwrap();
    all_on_disk(&world).await;
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status(), 204);
    until_true("nothing of it does", async || disk().await == 0).await;
    let file = world.data().join("cache/chunks");
    until_true("its bytes are gone", async || fs::read(&file).unwrap().iter().all(|byte| *byte == 0)).await;
    assert!(fs::metadata(&file).unwrap().len() >= watched, "they lay somewhere else");
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_fills_the_disk_never_gives_a_wrong_byte() {
    let telegram = Telegram::with(3);
    let mut world = telegram.server().await;
    // Both hold less than the film, so that everything is written over again and again.
    let rooms = [("CACHE_DISK_SIZE", "5MiB"), ("CACHE_MEMORY_SIZE", "1MiB"), ("ENABLE_ABR", "false")];
    world.set(rooms.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let video = world.published(&clip::dense(12)).await;
    world.protected(&video).await;
    let wanted = world.player(&video).pictures().await;
    world.stop().await;
    world.resume().await;
    let (mut hits, mut longest) = (0, Duration::ZERO);
    for seed in 1..=soak::seeds() {
        let mut dice = Dice::of(seed);
        let most = (dice.fraction() * 2.0 * wanted.bytes().len() as f64) as usize;
        watched_until(&world, &video, &wanted, most, &mut dice).await;
        world.kill();
        if seed % 2 == 0 {
            tear(&world, &mut dice);
        }
        let begun = Instant::now();
        world.resume().await;
        longest = longest.max(begun.elapsed());
        assert!(world.player(&video).pictures().await == wanted, "seed {seed}");
        hits += world.json("/api/system/cache/stats").await["disk"]["hits"].as_u64().unwrap();
    }
    println!("{} times killed, {hits} times something was left; the longest start took {longest:?}", soak::seeds());
    assert!(hits > 0, "nothing was ever left to be wrong");
}

/// Players ask for segments in any order until they have so many bytes; then some are still under way.
async fn watched_until(world: &World, video: &str, wanted: &Reel, most: usize, dice: &mut Dice) {
    let bytes = Cell::new(0);
    let players: Vec<u64> = (0..4).map(|_| dice.roll()).collect();
    let watching = join_all(players.into_iter().map(async |seed| {
        let mut dice = Dice::of(seed);
        loop {
            let (name, segment) = dice.pick(&wanted.segments);
            assert!(world.bytes(&format!("/hls/{video}/v0/{name}")).await == *segment, "{name}");
            bytes.set(bytes.get() + segment.len());
        }
    }));
    let enough = until_true("enough is watched", async || bytes.get() >= most);
    tokio::select! {
        _ = watching => {}
        () = enough => {}
    }
}

/// What a machine that lost its power leaves may be any bytes: of every other chunk a part is gone, and of the index.
fn tear(world: &World, dice: &mut Dice) {
    for (name, every, len) in [("chunks", 512 * 1024, 70_000), ("index", 400, 50)] {
        let file = world.data().join("cache").join(name);
        let mut bytes = fs::read(&file).expect("the server left it");
        for start in (dice.below(every)..bytes.len()).step_by(every) {
            let end = bytes.len().min(start + len);
            bytes[start..end].fill(0);
        }
        fs::write(&file, bytes).expect("it can be written");
    }
}
