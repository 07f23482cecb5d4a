//! Transport streams are walked while they arrive, so that nobody waits until they are read once they are there.

use crate::harness::World;
use crate::harness::clip::{Clip, made};
use crate::harness::measure;
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;

const LOGGED: (&str, &str) = ("LOG_LEVEL", "info,telecine::ingest=debug");

/// What is logged of a walk that has begun, and of one that came to its end.
const WALKING: &str = "a film is being walked";
const WALKED: &str = "a film was walked while it arrived";

/// A check sum that nothing has.
const ZEROS: &str = "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Twelve seconds with more bytes than are wanted for a probe, and key frames so far apart, in seconds.
fn film(apart: u32) -> Clip {
    let words = format!(
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration=12,noise=alls=30:allf=t \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration=12 -c:v libx264 -preset ultrafast -bf 2 -g {} \
         -sc_threshold 0 -b:v 8M -maxrate 8M -bufsize 4M -pix_fmt yuv420p -c:a aac",
        25 * apart
    );
    made("ts", &words.split_whitespace().collect::<Vec<_>>())
}

/// It is copied whole, and cut where its key frames are.
async fn assert_is(world: &World, video: &str, film: &Clip, segments: &[f32]) {
    world.ready(video).await;
    let pictures = world.player(video).pictures().await;
    let saved = pictures.save(world, "pictures.mp4");
    let tracks = world.video(video).await["tracks"].clone();
    assert_eq!(tracks[0]["method"], "copied", "{tracks}");
    assert_eq!(measure::frame_times(&saved, "v").len(), 300);
    let likeness = measure::worst_likeness(&saved, &film.path);
    assert!(likeness > 60.0, "{likeness} dB");
    let lengths: Vec<f32> = pictures.playlist.segments.iter().map(|segment| segment.duration).collect();
    assert_eq!(lengths, segments);
}

#[tokio::test]
async fn a_transport_stream_is_walked_while_it_arrives() {
    let world = World::with(&[LOGGED]).await;
    let film = film(2);
    let video = world.accepted(&Sending::of(&film)).await.video;
    assert_is(&world, &video, &film, &[6.0, 6.0]).await;
    assert_eq!(world.log().matches(WALKED).count(), 1, "{}", world.log());
}

#[tokio::test]
async fn what_was_seen_of_bytes_that_were_taken_back_is_not_believed() {
    let world = World::with(&[LOGGED]).await;
    let (film, other) = (film(2), film(4));
    let (bytes, others) = (film.bytes(), other.bytes());
    let begun = 7_000_000;
    assert!(bytes.len() > begun && others.len() > bytes.len() / 188 * 188 - begun, "there is something to come");
    let place = world.begun(&[("Upload-Length", &bytes.len().to_string())]).await;
    assert_eq!(world.piece(&place, 0, &bytes[..begun]).await.status(), 204);
    until_true("its walk waits for more", async || world.log().contains(WALKING)).await;
    let wrong = world.piece_with_sum(&place, begun, &others[begun..bytes.len().min(others.len())], ZEROS).await;
    assert_eq!(wrong.status().as_u16(), 460, "it was taken back");
    assert_eq!(world.piece(&place, begun, &bytes[begun..]).await.status(), 204);
    let video = world.became(&place).await["video_id"].as_str().unwrap().to_owned();
    assert_is(&world, &video, &film, &[6.0, 6.0]).await;
    assert_eq!(world.log().matches(WALKED).count(), 1, "{}", world.log());
}
