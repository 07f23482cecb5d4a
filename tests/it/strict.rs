//! A parser of another make takes every playlist, and a measurer that is not ours finds the declared rates.
//! The films that players play are read by it, too (`players.rs`).

use crate::growing::seen_growing;
use crate::harness::World;
use crate::harness::film;
use crate::harness::shelf::{Files, Manners, Shelf};
use crate::harness::strict::{problems, read_strictly};

#[tokio::test]
async fn a_growing_film_is_read_by_a_strict_parser() {
    let world = World::start().await;
    let (video, _) = seen_growing(&world, 2).await;
    let said = read_strictly(&world.url(&world.player(&video).master_path())).await;
    assert_eq!(problems(&said), Vec::<String>::new());
    assert!(said["playlists"].as_u64() >= Some(3), "{said:#}");
}

#[tokio::test]
async fn sound_alone_is_read_by_a_strict_parser_and_has_the_rates_it_declares() {
    let world = World::start().await;
    let words = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=25 \
                 -f lavfi -i sine=frequency=220:sample_rate=48000:duration=25 -map 0 -map 1 -c:a aac -ac 2";
    let sounds = crate::harness::clip::made("m4a", &words.split_whitespace().collect::<Vec<_>>());
    let video = world.published(&sounds).await;
    world.at_rest().await;
    let said = read_strictly(&world.url(&world.player(&video).master_path())).await;
    assert_eq!(problems(&said), Vec::<String>::new());
    assert_eq!(said["variants"][0]["grows"], false, "it was measured: {said:#}");
}

#[tokio::test]
async fn the_strict_parser_sees_wrong_rates_and_wrong_lists() {
    let world = World::start().await;
    let video = world.published(&film::copied().clip).await;
    let player = world.player(&video);
    let mut files = Files::new();
    let master = player.text(&player.master_path()).await;
    let tracks = player.tracks().await;
    for track in [tracks.video.unwrap(), tracks.audio.unwrap()] {
        let reel = player.reel(&track).await;
        files.insert(format!("{track}playlist.m3u8"), reel.text.clone().into_bytes());
        files.extend(reel.segments.into_iter().map(|(name, bytes)| (format!("{track}{name}"), bytes)));
    }
    let path = player.master_path();
    let found = async |this: &str, that: &str| {
        let mut files = files.clone();
        let pictures_only: Vec<&str> = master.lines().filter(|line| !line.contains("I-FRAME")).collect();
        files.insert(path.clone(), pictures_only.join("\n").replace(this, that).into_bytes());
        let shelf = Shelf::of(files, Manners::Good).await;
        problems(&read_strictly(&shelf.url(&path)).await)
    };
    assert_eq!(found("", "").await, Vec::<String>::new());
    for (this, that, told) in [
        (":BANDWIDTH=", ":BANDWIDTH=1", "v0/playlist.m3u8: BANDWIDTH=1"),
        (",AVERAGE-BANDWIDTH=", ",AVERAGE-BANDWIDTH=1", "v0/playlist.m3u8: AVERAGE-BANDWIDTH=1"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=", "#EXT-X-STREAM-INF:BREADTH=", "master.m3u8: "),
        ("a0/playlist.m3u8", "a7/playlist.m3u8", "status 404"),
    ] {
        let seen = found(this, that).await;
        assert!(seen.len() == 1 && seen[0].contains(told), "{told} is not in {seen:?}");
    }
}
