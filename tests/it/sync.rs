//! Sound and picture stay together from the beginning to the end, in every size and in every form of the sound.

use crate::harness::World;
use crate::harness::clip::{self, Flashes};
use crate::harness::measure;
use crate::odd::joined;

/// Near the start, in the middle and near the end; encoding in spans puts borders in between.
const FLASHES: Flashes = Flashes { size: "854x480", seconds: 90, at: &[3, 46, 86] };

/// One frame, in seconds.
const MOST_APART: f64 = 0.04;

/// Publishes the film and compares every picture with every sound; `sizes` and `sounds` are how many there must be.
async fn assert_together(copy_mode: &str, sizes: usize, sounds: usize) {
    let world = World::with(&[("ENABLE_COPY_MODE", copy_mode)]).await;
    // With as many bits as a picture with something in it, so that a smaller size is worth it.
    let codecs = "-c:v libx264 -preset veryfast -bf 3 -g 75 -pix_fmt yuv420p -b:v 1800k -minrate 1800k -maxrate 1800k \
                  -bufsize 900k -x264-params nal-hrd=cbr -c:a aac -ac 6";
    let clip = clip::flash_and_beep("mp4", codecs, &FLASHES);
    let video = world.published(&clip).await;
    world.at_rest().await;
    let tracks = world.video(&video).await["tracks"].clone();
    let names = |kind: &str| -> Vec<String> {
        let wanted = tracks.as_array().unwrap().iter().filter(|track| track["kind"] == kind);
        wanted.map(|track| track["name"].as_str().unwrap().to_owned()).collect()
    };
    let (pictures, heard) = (names("video"), names("audio"));
    assert_eq!((pictures.len(), heard.len()), (sizes, sounds), "{tracks:#}");
    let largest = tracks.as_array().unwrap().iter().find(|track| track["kind"] == "video").unwrap();
    assert_eq!(largest["method"], if copy_mode == "true" { "copied" } else { "encoded" }, "{tracks:#}");
    let saved = async |name: &str| {
        let reel = world.player(&video).reel(&format!("/hls/{video}/{name}/")).await;
        reel.save(&world, &format!("{name}.mp4"))
    };
    let source: Vec<f64> = apart(&measure::flashes(&clip.path), &measure::beeps(&clip.path));
    for picture in &pictures {
        let flashes = measure::flashes(&saved(picture).await);
        for sound in &heard {
            let found = apart(&flashes, &measure::beeps(&saved(sound).await));
            for ((found, source), second) in found.iter().zip(&source).zip(FLASHES.at) {
                let moved = found - source;
                assert!(moved.abs() < MOST_APART, "{picture} and {sound} are {moved} s apart at {second} s");
            }
        }
    }
}

/// How much later than its flash each beep is heard.
fn apart(flashes: &[f64], beeps: &[f64]) -> Vec<f64> {
    let places = FLASHES.at.len();
    assert!(flashes.len() >= places && beeps.len() >= places, "{flashes:?} {beeps:?}");
    beeps.iter().zip(flashes).take(places).map(|(beep, flash)| beep - flash).collect()
}

#[tokio::test]
async fn a_film_whose_sound_begins_first_keeps_picture_and_sound_together() {
    let codecs = "-c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -ac 2";
    let even = clip::flash_and_beep("mkv", codecs, &Flashes { size: "320x180", seconds: 8, at: &[3, 6] });
    let path = even.path.to_str().unwrap();
    for early in ["0.7", "5.5"] {
        let world = World::start().await;
        let words = ["-itsoffset", early, "-i", path, "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy"];
        let clip = clip::made("mkv", &words);
        let video = world.published(&clip).await;
        let player = world.player(&video);
        let pictures = player.pictures().await.save(&world, "pictures.mp4");
        let sound = player.sound().await.save(&world, "sound.mp4");
        let early: f64 = early.parse().unwrap();
        let (flashes, beeps) = (measure::flashes(&pictures), measure::beeps(&sound));
        assert_eq!((flashes.len(), beeps.len()), (2, 2), "{flashes:?} {beeps:?}");
        for (flash, beep) in flashes.into_iter().zip(beeps) {
            let moved = flash - beep - early;
            assert!(moved.abs() < MOST_APART, "a flash at {flash} s, its beep at {beep} s, {early} s before it");
        }
    }
}

#[tokio::test]
async fn sound_of_any_rate_stays_with_the_picture_where_the_file_begins_late() {
    for sound in ["-c:a libmp3lame -ar 22050", "-c:a ac3 -ar 32000"] {
        let world = World::start().await;
        let codecs = format!("-c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p {sound}");
        let clip = clip::flash_and_beep("ts", &codecs, &Flashes { size: "320x180", seconds: 8, at: &[1, 3, 6] });
        let video = world.published(&clip).await;
        let player = world.player(&video);
        let flashes = measure::flashes(&player.pictures().await.save(&world, "pictures.mp4"));
        let beeps = measure::beeps(&player.sound().await.save(&world, "sound.mp4"));
        let theirs = apart(&measure::flashes(&clip.path), &measure::beeps(&clip.path));
        for (found, source) in apart(&flashes, &beeps).into_iter().zip(theirs) {
            assert!((found - source).abs() < MOST_APART, "{sound}: {flashes:?} {beeps:?}, in the source {source} s");
        }
    }
}

#[tokio::test]
async fn sound_that_gets_other_channels_or_another_rate_stays_with_the_picture() {
    for sounds in [
        ["aac -ac 2", "aac -ac 6", "aac -ac 2"],
        ["ac3 -ac 2", "ac3 -ac 6", "ac3 -ac 2"],
        ["mp2 -ac 2", "mp2 -ac 1", "mp2 -ac 2 -ar 44100"],
    ] {
        let world = World::start().await;
        let pieces = sounds.iter().zip(["0", "10", "20"]).map(|(sound, begin)| {
            let codecs = format!(
                "-c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a {sound} -muxdelay 0 -muxpreload 0 \
                 -output_ts_offset {begin}"
            );
            clip::flash_and_beep("ts", &codecs, &Flashes { size: "320x180", seconds: 10, at: &[3, 7] })
        });
        let clip = joined(&world, "film.ts", &pieces.collect::<Vec<_>>());
        let video = world.published(&clip).await;
        let tracks = world.video(&video).await["tracks"].clone();
        let is_encoded = |track: &serde_json::Value| track["kind"] != "audio" || track["method"] == "encoded";
        assert!(tracks.as_array().unwrap().iter().all(is_encoded), "{tracks:#}");
        let player = world.player(&video);
        let pictures = player.pictures().await.save(&world, "pictures.mp4");
        let sound = player.sound().await.save(&world, "sound.mp4");
        let (flashes, beeps) = (measure::flashes(&pictures), measure::beeps(&sound));
        assert_eq!((flashes.len(), beeps.len()), (6, 6), "{sounds:?}: {flashes:?} {beeps:?}");
        for (flash, beep) in flashes.iter().zip(&beeps) {
            assert!((flash - beep).abs() < MOST_APART, "{sounds:?}: {flashes:?} {beeps:?}");
        }
        let frames = measure::decode_times(&sound, "a");
        let shortest = frames.windows(2).map(|two| two[1] - two[0]).min().unwrap();
        assert!(shortest > 20_000, "{sounds:?}: a frame of {shortest} µs");
    }
}

#[tokio::test]
async fn a_copied_film_keeps_picture_and_sound_together_to_its_end() {
    assert_together("true", 2, 2).await;
}

#[tokio::test]
async fn an_encoded_film_keeps_picture_and_sound_together_to_its_end() {
    assert_together("false", 2, 2).await;
}
