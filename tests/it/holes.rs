//! Films that are encoded and have nothing to show in their middle: pictures that cannot be decoded, or none at all.

use crate::checked::checked;
use crate::harness::World;
use crate::harness::clip::{self, Clip, Flashes, made};
use crate::harness::measure;
use crate::harness::upload::Sending;

/// Before the hole and after it.
const FLASHES: Flashes = Flashes { size: "854x480", seconds: 30, at: &[2, 22, 26] };

/// Seconds at which pictures are missing: the second span of what is encoded lies in between, with parts of its neighbours.
const HOLE: std::ops::Range<usize> = 5..20;

/// One frame, in seconds.
const MOST_APART: f64 = 0.04;

fn film() -> Clip {
    clip::flash_and_beep("mkv", "-c:v mjpeg -q:v 9 -c:a ac3 -ac 2", &FLASHES)
}

/// Its bytes, of whose pictures `HOLE` nothing is left but their places.
fn damaged(pictures: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = film().bytes();
    let find = |bytes: &[u8], mark: &[u8], from: usize| {
        bytes[from..].windows(mark.len()).position(|found| found == mark).map(|at| from + at)
    };
    let (mut at, mut count) = (0, 0);
    while let Some(begin) = find(&bytes, &[0xFF, 0xD8, 0xFF], at) {
        at = find(&bytes, &[0xFF, 0xD9], begin).unwrap();
        if pictures.contains(&count) {
            bytes[begin..at].fill(0);
        }
        count += 1;
    }
    assert_eq!(count, 30 * 25);
    bytes
}

/// It keeps to the rules, is whole, and picture and sound are together at these flashes.
async fn assert_is_whole(world: &World, video: &str, flashes: &[u32]) {
    world.at_rest().await;
    let report = checked(world, &world.url(&world.player(video).master_path())).await.1;
    // It has few bits, and one size may be enough for it.
    let mut broken = report["violations"].as_array().unwrap().iter().filter(|violation| violation["rule"] != "A 9.9");
    assert!(broken.next().is_none(), "{report:#}");
    let player = world.player(video);
    let pictures = player.pictures().await.save(world, "pictures.mp4");
    let sound = player.sound().await.save(world, "sound.mp4");
    let times = measure::frame_times(&pictures, "v");
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    // A second, and a tenth by which copies of the first picture may come later.
    assert!(longest <= 1_100_000, "a picture is shown for {longest} µs");
    assert!((39_900_000..=40_100_000).contains(times.last().unwrap()), "{:?}", times.last());
    let (seen, heard) = (measure::flashes(&pictures), measure::beeps(&sound));
    for second in flashes {
        let near = |times: &[f64]| {
            let due = f64::from(*second) + 10.0;
            times.iter().copied().find(|time| (time - due).abs() < 0.5).unwrap_or_else(|| panic!("{second}: {times:?}"))
        };
        let apart = near(&seen) - near(&heard);
        assert!(apart.abs() < MOST_APART, "{apart} s apart at {second} s");
    }
}

#[tokio::test]
async fn pictures_stand_still_over_those_that_cannot_be_decoded() {
    let world = World::start().await;
    let bytes = damaged(HOLE.start * 25..HOLE.end * 25);
    let video = world.accepted(&Sending::bytes(bytes, "film.mkv")).await.video;
    world.ready(&video).await;
    assert_is_whole(&world, &video, FLASHES.at).await;
}

#[tokio::test]
async fn the_first_pictures_may_be_missing() {
    let world = World::start().await;
    let bytes = damaged(0..10 * 25);
    let video = world.accepted(&Sending::bytes(bytes, "film.mkv")).await.video;
    world.ready(&video).await;
    assert_is_whole(&world, &video, &FLASHES.at[1..]).await;
}

#[tokio::test]
async fn a_film_that_shows_nothing_for_a_while_is_filled() {
    let world = World::start().await;
    let film = film();
    let words = format!(
        "-i {} -vf select='not(between(t,{},{}))' -vsync passthrough -c:v mpeg4 -q:v 4 -g 50 -c:a copy",
        film.path.display(),
        HOLE.start,
        HOLE.end
    );
    let film = made("mkv", &words.split_whitespace().collect::<Vec<_>>());
    let video = world.published(&film).await;
    assert_is_whole(&world, &video, FLASHES.at).await;
}
