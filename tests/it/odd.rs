//! Films that are put together in odd ways: what can be played is, and what cannot is refused with the reason.

use crate::harness::World;
use crate::harness::clip::{Clip, made};
use crate::harness::measure;
use crate::harness::upload::Sending;
use std::fs;

/// A film of these words and a name's ending.
fn film(ending: &str, words: &str) -> Clip {
    made(ending, &words.split_whitespace().collect::<Vec<_>>())
}

/// `clips` one after the other, as files are joined.
fn joined(world: &World, name: &str, clips: &[Clip]) -> Clip {
    let path = world.folder().join(name);
    fs::write(&path, clips.iter().flat_map(Clip::bytes).collect::<Vec<_>>()).unwrap();
    Clip { path }
}

#[tokio::test]
async fn a_film_that_is_protected_against_copying_is_refused() {
    let world = World::start().await;
    for more in ["", "-movflags frag_keyframe+empty_moov"] {
        let words = format!(
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=3 -f lavfi -i sine=duration=3 -c:v libx264 -pix_fmt yuv420p \
             -c:a aac -encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff \
             -encryption_kid 00112233445566778899aabbccddeeff {more}"
        );
        let refusal = world.refused(&Sending::of(&film("mp4", &words))).await;
        refusal.assert_is_a_sentence();
        assert!(refusal.reason.contains("protected against copying"), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_film_whose_sound_outlasts_its_picture_is_taken() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -f lavfi -i sine=sample_rate=48000:duration=24 \
                 -c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac";
    for ending in ["mp4", "mkv"] {
        let video = world.published(&film(ending, words)).await;
        let length = world.video(&video).await["duration_seconds"].as_f64().unwrap();
        assert!((length - 24.0).abs() < 0.2, "{ending}: {length}");
    }
}

#[tokio::test]
async fn a_film_that_was_cut_off_is_refused() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=60 -f lavfi -i sine=sample_rate=48000:duration=60 \
                 -c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac";
    for (ending, more) in [("mp4", "-movflags +faststart"), ("mkv", "")] {
        let whole = film(ending, &format!("{words} {more}")).bytes();
        let half = whole[..whole.len() / 2].to_vec();
        let refusal = world.refused(&Sending::bytes(half, &format!("half.{ending}"))).await;
        assert!(refusal.reason.contains("ends early"), "{ending}: {refusal:?}");
    }
}

#[tokio::test]
async fn a_picture_that_changes_in_the_middle_is_encoded() {
    let world = World::start().await;
    let part = |size: &str, offset: u32| {
        film(
            "ts",
            &format!(
                "-f lavfi -i testsrc2=size={size}:rate=25:duration=8 -c:v libx264 -preset veryfast -g 25 -bf 0 -pix_fmt yuv420p \
                 -output_ts_offset {offset} -muxdelay 0"
            ),
        )
    };
    let stream = joined(&world, "change.ts", &[part("320x180", 0), part("640x360", 8)]);
    let source = stream.path.to_str().unwrap().to_owned();
    let in_mp4 = made("mp4", &["-i", &source, "-c", "copy"]);
    for clip in [stream, in_mp4] {
        let video = world.published(&clip).await;
        let tracks = world.video(&video).await["tracks"].clone();
        assert_eq!(tracks[0]["method"], "encoded", "{tracks:#}");
        assert!(tracks[0]["why"].as_str().unwrap().contains("changes in the middle"), "{tracks:#}");
        let pictures = world.player(&video).pictures().await.save(&world, "pictures.mp4");
        assert!(measure::frame_times(&pictures, "v").len() > 390, "{:?}", clip.path);
    }
}
