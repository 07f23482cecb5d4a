//! A sound in two forms: no player is told of MP3 unasked, and who asks for it hears it.

use super::{native, players};
use crate::harness::World;
use crate::harness::clip::{Clip, made};
use crate::harness::film;
use crate::harness::stage::Stage;
use serde_json::{Value, json};

/// A refined film on a server that lets the stage play it, and the folder of its playlists.
async fn offered(stage: &Stage, clip: &Clip) -> (World, String) {
    let world = World::with(&[("CORS_ALLOWED_ORIGINS", &stage.origin()), ("ENABLE_ABR", "false")]).await;
    let video = world.published(clip).await;
    world.at_rest().await;
    let folder = world.url(&format!("/hls/{video}"));
    (world, folder)
}

fn sound_alone() -> Clip {
    let words = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=20 -c:a libmp3lame -b:a 192k";
    made("mp3", &words.split_whitespace().collect::<Vec<_>>())
}

fn assert_faultless(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[tokio::test]
async fn whoever_does_not_ask_for_mp3_is_given_aac() {
    let stage = Stage::built().await;
    for clip in [film::mp3().clip, sound_alone()] {
        let (_world, folder) = offered(&stage, &clip).await;
        let url = format!("{folder}/master.m3u8");
        let forms = json!({ "url": url, "heard": "/a0/0.m4s", "other": "/a1/", "group": Value::Null });
        let mut faults = Vec::new();
        for player in players().split_whitespace() {
            let found = match player {
                "ffmpeg" | "mpv" => native::faults_of_sounds(&url, 1).await,
                _ => stage.faults_of_forms(player, &forms).await,
            };
            faults.extend(found.into_iter().map(|fault| format!("{player}: {fault}")));
        }
        assert_faultless(&faults);
    }
}

#[tokio::test]
async fn hls_js_plays_mp3_alone_that_it_is_asked_for() {
    let stage = Stage::built().await;
    let (_world, folder) = offered(&stage, &sound_alone()).await;
    let url = format!("{folder}/mp3.m3u8");
    let forms = json!({ "url": url, "heard": "/a1/0.ts", "other": "/a0/0.m4s", "group": "audio2" });
    assert_faultless(&stage.faults_of_forms("hls.js", &forms).await);
}

#[tokio::test]
async fn ffmpeg_plays_both_forms_of_a_film() {
    let stage = Stage::built().await;
    let (_world, folder) = offered(&stage, &film::mp3().clip).await;
    assert_faultless(&native::faults_of_sounds(&format!("{folder}/mp3.m3u8"), 2).await);
}
