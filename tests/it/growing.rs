//! While a film still encodes it can be watched, and what was shown never changes.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::player::{Player, Reel};
use crate::harness::upload::Sending;
use crate::harness::wait::until;
use m3u8_rs::MediaPlaylistType;

/// Sends films of growing length until one is seen while it still grows: a fast machine gets a long
/// film. Returns the video and its pictures as they were then.
pub async fn seen_growing(world: &World, at_least: usize) -> (String, Reel) {
    for seconds in [40, 160, 640] {
        let video = world.accepted(&Sending::of(&clip::busy(720, seconds))).await.video;
        world.playable(&video).await;
        let player = world.player(&video);
        let track = player.tracks().await.video.expect("the film has pictures");
        let seen = until("the playlist names some segments", async || {
            let reel = player.reel(&track).await;
            (reel.segments.len() >= at_least || !reel.is_growing()).then_some(reel)
        });
        let seen = seen.await;
        if seen.is_growing() {
            return (video, seen);
        }
    }
    panic!("this machine encodes ten minutes before anybody looks");
}

#[tokio::test]
async fn a_film_that_encodes_is_an_event_that_starts_at_its_beginning() {
    let world = World::start().await;
    let (video, seen) = seen_growing(&world, 1).await;
    assert_eq!(seen.playlist.playlist_type, Some(MediaPlaylistType::Event));
    let start = seen.playlist.start.as_ref().expect("EXT-X-START while it grows");
    assert!(start.time_offset.abs() < f64::EPSILON, "{start:?}");
    seen.assert_well_formed();
    assert!(world.player(&video).master().await.variants[0].bandwidth > 0);
    let path = world.player(&video).tracks().await.video.unwrap();
    let answer = world.get(&format!("{path}playlist.m3u8")).await;
    let caching = answer.headers()["cache-control"].to_str().unwrap();
    assert!(caching.contains("no-cache") || caching.contains("max-age=0"), "{caching}");
}

#[tokio::test]
async fn what_was_listed_stays_when_the_film_is_ready() {
    let world = World::start().await;
    let (video, first) = seen_growing(&world, 1).await;
    let player: Player<'_> = world.player(&video);
    let track = player.tracks().await.video.unwrap();
    let later = until("the playlist grows", async || {
        let reel = player.reel(&track).await;
        (reel.segments.len() > first.segments.len()).then_some(reel)
    });
    let later = later.await;
    later.assert_continues(&first);
    world.ready(&video).await;
    let last = player.reel(&track).await;
    last.assert_continues(&later);
    assert_eq!(last.playlist.playlist_type, Some(MediaPlaylistType::Vod));
    assert!(last.playlist.end_list);
    last.assert_well_formed();
    let sound = player.sound().await;
    assert!(!sound.is_growing());
    assert_eq!(sound.playlist.target_duration, last.playlist.target_duration);
}
