//! kill -9 at any moment: what was shown stays, one video results, and nothing is left behind.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::dice::Dice;
use crate::harness::measure;
use crate::harness::player::Reel;
use crate::harness::raw;
use crate::harness::soak;
use crate::harness::upload::Sending;
use crate::harness::wait::{until, until_true};

/// Length of the film that is killed on its way.
const SECONDS: u32 = 90;

/// Five tests share the seeds among them, so that they run side by side: `first`, `first` + 5, …
async fn every_fifth_seed_from(first: u64) {
    for seed in (first..=soak::seeds()).step_by(5) {
        killed_and_continued(seed).await;
    }
}

#[tokio::test]
async fn a_killed_ingest_goes_on_where_it_was_1() {
    every_fifth_seed_from(1).await;
}

#[tokio::test]
async fn a_killed_ingest_goes_on_where_it_was_2() {
    every_fifth_seed_from(2).await;
}

#[tokio::test]
async fn a_killed_ingest_goes_on_where_it_was_3() {
    every_fifth_seed_from(3).await;
}

#[tokio::test]
async fn a_killed_ingest_goes_on_where_it_was_4() {
    every_fifth_seed_from(4).await;
}

#[tokio::test]
async fn a_killed_ingest_goes_on_where_it_was_5() {
    every_fifth_seed_from(5).await;
}

/// One film, killed up to three times on its way.
async fn killed_and_continued(seed: u64) {
    println!("seed {seed}");
    let mut dice = Dice::of(seed);
    let clip = clip::busy(540, SECONDS);
    let mut world = World::start().await;
    let video = world.accepted(&Sending::of(&clip)).await.video;
    let mut moments: Vec<f64> = (0..=dice.roll() % 3).map(|_| dice.fraction()).collect();
    moments.sort_by(f64::total_cmp);
    let mut shown: Option<Reel> = None;
    for moment in moments {
        reached(&world, &video, moment).await;
        let before = listed(&world, &video).await;
        world.kill();
        assert_no_ffmpeg_is_left(&world).await;
        world.resume().await;
        let after = listed(&world, &video).await;
        for (earlier, later) in [(&shown, &before), (&before, &after)] {
            if let Some(earlier) = earlier {
                later.as_ref().expect("what was listed is still listed").assert_continues(earlier);
            }
        }
        shown = after;
    }
    world.ready(&video).await;
    let pictures = world.player(&video).pictures().await;
    if let Some(shown) = shown {
        pictures.assert_continues(&shown);
    }
    let file = pictures.save(&world, "pictures.mp4");
    assert_eq!(measure::frame_times(&file, "v").len(), SECONDS as usize * 25, "seed {seed}: frames lost or doubled");
    world.player(&video).assert_lists_i_frames_of(&file).await;
    assert_eq!(world.videos().await.len(), 1, "seed {seed}");
    assert_nothing_is_left_behind(&world).await;
}

/// Waits until the ingest is that far, or done.
async fn reached(world: &World, video: &str, moment: f64) {
    until_true("the ingest comes far enough", async || {
        let status = world.status(video).await;
        assert_ne!(status["state"], "failed", "{status}");
        status["state"] == "ready" || status["fraction"].as_f64().is_some_and(|fraction| fraction >= moment)
    })
    .await;
}

/// The pictures as far as a player can see them now.
async fn listed(world: &World, video: &str) -> Option<Reel> {
    if world.status(video).await["playable"] != true {
        return None;
    }
    let player = world.player(video);
    let track = player.tracks().await.video.expect("the film has pictures");
    Some(player.reel(&track).await)
}

/// The system ends the children of a killed server; it may take a moment over it.
async fn assert_no_ffmpeg_is_left(world: &World) {
    until_true("no ffmpeg outlives its server", async || world.ffmpegs().is_empty()).await;
}

/// Uploads, growing packs and work are gone from the spool, and channels hold what the catalog counts.
async fn assert_nothing_is_left_behind(world: &World) {
    world.at_rest().await;
    until("the spool is empty", async || world.files("spool").is_empty().then_some(())).await;
    let status = world.json("/api/system/status").await;
    let blobs = status["counts"]["blobs"].as_u64().expect("a count of blobs");
    assert_eq!(world.files("channels").len() as u64, blobs, "{:?}", world.files("channels"));
    // The server that goes on tries its encoders for a moment, too.
    assert_no_ffmpeg_is_left(world).await;
}

#[tokio::test]
async fn a_killed_copy_goes_on_where_it_was() {
    let clip = clip::heavy();
    let mut world = World::start().await;
    let video = world.accepted(&Sending::of(&clip)).await.video;
    let before = until("something is listed", async || listed(&world, &video).await).await;
    world.kill();
    world.resume().await;
    world.ready(&video).await;
    let pictures = world.player(&video).pictures().await;
    pictures.assert_continues(&before);
    for (reel, kind) in [(pictures, "v"), (world.player(&video).sound().await, "a")] {
        let file = reel.save(&world, kind);
        assert_eq!(measure::packet_hash(&file, kind), measure::packet_hash(&clip.path, kind), "{kind}");
    }
    world.player(&video).assert_lists_i_frames_of(&world.folder().join("v")).await;
    assert_nothing_is_left_behind(&world).await;
}

#[tokio::test]
async fn a_kill_right_after_the_answer_loses_no_upload() {
    let mut world = World::start().await;
    let clip = clip::mpeg4_mp3(8);
    let video = world.accepted(&Sending::of(&clip)).await.video;
    world.kill();
    world.resume().await;
    world.ready(&video).await;
    assert_eq!(world.videos().await.len(), 1);
    assert_nothing_is_left_behind(&world).await;
}

#[tokio::test]
async fn a_kill_while_a_body_arrives_leaves_nothing() {
    let mut world = World::start().await;
    let clip = clip::busy(360, 20);
    let sending = Sending::of(&clip);
    let body = sending.body();
    let half = body.len() / 2;
    let mut beginning = sending.head(&world, body.len() as u64);
    beginning.extend(&body[..half]);
    let connection = raw::unfinished(world.address(), &beginning).await;
    until_true("the server has written some of it", async || !world.files("spool/uploads").is_empty()).await;
    world.kill();
    drop(connection);
    world.resume().await;
    assert!(world.videos().await.is_empty());
    assert_nothing_is_left_behind(&world).await;
}

#[tokio::test]
async fn a_kill_of_a_finished_library_changes_nothing() {
    let mut world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    let before = world.player(&video).pictures().await;
    world.kill();
    world.resume().await;
    assert_eq!(world.status(&video).await["state"], "ready");
    assert_eq!(world.player(&video).pictures().await, before);
}
