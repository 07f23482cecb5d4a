//! What players do not understand is encoded, in spans that join without a seam.

use crate::harness::World;
use crate::harness::clip::{self, Clip, Flashes, made};
use crate::harness::measure;
use crate::harness::player::Reel;

/// Where every time line begins, in microseconds.
const OFFSET: i64 = 10_000_000;

/// Rounding of time stamps to 1/90000 s and back, and of sources that have whole milliseconds.
const ROUNDING: i64 = 30;

/// Two frames less alike than this are not the same picture. What is one frame away in these moving
/// pictures is below 25 dB; the worst that our encoders make of them is above 30.
const SAME_PICTURE_DB: f64 = 27.0;

/// A flash early on.
const ONE_FLASH: Flashes = Flashes { size: "320x180", seconds: 8, at: &[3] };

/// Publishes the clip and compares its pictures, frame by frame, with one uninterrupted encode.
async fn assert_joins_without_a_seam(clip: &Clip) -> (World, String) {
    let world = World::with(&[("ENABLE_COPY_MODE", "false")]).await;
    let video = world.published(clip).await;
    let pictures = world.player(&video).pictures().await;
    pictures.assert_well_formed();
    let file = pictures.save(&world, "pictures.mp4");
    let whole = uninterrupted(&world, clip);

    let (found, wanted) = (measure::frame_times(&file, "v"), measure::frame_times(&whole, "v"));
    let start = (measure::start_time(&clip.path) * 1e6).round() as i64;
    assert_eq!(found.len(), wanted.len(), "frames lost or doubled");
    for (number, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        let shift = found - (wanted - start + OFFSET);
        assert!(shift.abs() <= ROUNDING, "frame {number} is {shift} µs away from where it belongs");
    }
    let decoded = measure::decode_times(&file, "v");
    assert!(decoded.is_sorted_by(|one, next| one < next), "decoding times go forward only");
    let likeness = measure::worst_likeness(&file, &clip.path);
    assert!(likeness > SAME_PICTURE_DB, "some frame is another picture: {likeness} dB");
    (world, video)
}

/// The clip encoded in one go, on the source's own time stamps.
fn uninterrupted(world: &World, clip: &Clip) -> std::path::PathBuf {
    let path = world.folder().join("uninterrupted.mkv");
    let source = clip.path.to_str().unwrap();
    let words = "-map 0:v:0 -an -vsync passthrough -enc_time_base 1:90000 -c:v libx264 -preset ultrafast -f nut";
    let mut all = vec!["-copyts", "-i", source];
    all.extend(words.split(' '));
    clip::ffmpeg(&all, &path);
    path
}

#[tokio::test]
async fn constant_rate_pictures_join_without_a_seam() {
    let (world, video) = assert_joins_without_a_seam(&clip::mpeg4_mp3(40)).await;
    let tracks = world.video(&video).await["tracks"].clone();
    let codecs: Vec<&str> = tracks.as_array().unwrap().iter().filter_map(|track| track["codecs"].as_str()).collect();
    assert!(codecs.iter().any(|codecs| codecs.starts_with("avc1.")), "{codecs:?}");
    assert!(codecs.contains(&"mp4a.40.2"), "{codecs:?}");
}

#[tokio::test]
async fn pictures_with_millisecond_times_join_without_a_seam() {
    assert_joins_without_a_seam(&clip::vp9_opus(24)).await;
}

#[tokio::test]
async fn variable_rate_pictures_join_without_a_seam() {
    // 50 frames a second, of which ever other ones are left out: steps of 20 to 100 ms.
    let source = "testsrc2=size=320x180:rate=50:duration=24,select='not(mod(n\\,2))+not(mod(n\\,5))'";
    let words = "-vsync vfr -c:v libx264 -preset veryfast -bf 2 -g 60 -pix_fmt yuv420p -video_track_timescale 12800";
    let mut all = vec!["-f", "lavfi", "-i", source];
    all.extend(words.split(' '));
    assert_joins_without_a_seam(&made("mp4", &all)).await;
}

#[tokio::test]
async fn open_gop_pictures_join_without_a_seam() {
    let words = "-c:v libx264 -preset veryfast -bf 3 -x264-params open-gop=1:keyint=40:min-keyint=40:scenecut=0 -pix_fmt yuv420p";
    let mut all = vec!["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=24"];
    all.extend(words.split(' '));
    assert_joins_without_a_seam(&made("mkv", &all)).await;
}

#[tokio::test]
async fn pictures_with_many_b_frames_join_without_a_seam() {
    let words =
        "-c:v libx264 -preset veryfast -bf 8 -b_strategy 0 -x264-params b-pyramid=normal:keyint=75 -pix_fmt yuv420p";
    let mut all = vec!["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=24000/1001:duration=24"];
    all.extend(words.split(' '));
    assert_joins_without_a_seam(&made("mp4", &all)).await;
}

#[tokio::test]
async fn an_encoded_film_keeps_picture_and_sound_together() {
    let world = World::start().await;
    let clip = clip::flash_and_beep("avi", "-c:v mpeg4 -q:v 3 -g 25 -c:a libmp3lame", &ONE_FLASH);
    let video = world.published(&clip).await;
    let player = world.player(&video);
    let pictures = player.pictures().await.save(&world, "pictures.mp4");
    let sound = player.sound().await.save(&world, "sound.mp4");
    let source = measure::beeps(&clip.path)[0] - measure::flashes(&clip.path)[0];
    let apart = measure::beeps(&sound)[0] - measure::flashes(&pictures)[0];
    assert!((apart - source).abs() < 0.03, "{apart} s apart, {source} s in the source");
}

#[tokio::test]
async fn sound_that_begins_late_and_ends_early_is_silent_before_and_after() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=12 -itsoffset 1.5 \
                 -f lavfi -i sine=frequency=500:sample_rate=48000:duration=8 -map 0:v -map 1:a";
    let codecs = [
        "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 500k -g 50 -c:a libopus",
        "-c:v libx264 -g 50 -pix_fmt yuv420p -c:a aac",
    ];
    for codecs in codecs {
        let clip = made("mkv", &words.split_whitespace().chain(codecs.split_whitespace()).collect::<Vec<_>>());
        let video = world.published(&clip).await;
        let player = world.player(&video);
        let (pictures, sound) = (player.pictures().await, player.sound().await);
        assert!((pictures.seconds() - sound.seconds()).abs() < 0.1, "{} and {} s", pictures.seconds(), sound.seconds());
        let (pictures, sound) = (pictures.save(&world, "pictures.mp4"), sound.save(&world, "sound.mp4"));
        let first = |file: &std::path::Path, kind: &str| measure::frame_times(file, kind)[0] as f64 / 1e6;
        assert!((first(&sound, "a") - first(&pictures, "v")).abs() < 0.05, "both begin together");
        let begins = measure::beeps(&sound)[0] - first(&pictures, "v");
        assert!((begins - 1.5).abs() < 0.04, "{codecs}: the tone begins {begins} s after the picture");
    }
}

#[tokio::test]
async fn interlaced_pictures_become_whole_ones() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=640x360:rate=50:duration=6 -vf tinterlace=interleave_top \
                 -c:v libx264 -preset veryfast -flags +ildct+ilme -x264-params tff=1 -pix_fmt yuv420p";
    let clip = made("mkv", &words.split_whitespace().collect::<Vec<_>>());
    let (combed, whole) = measure::combed(&clip.path);
    assert!(combed > whole, "the source has {combed} and {whole}");
    let video = world.published(&clip).await;
    let file = world.player(&video).pictures().await.save(&world, "pictures.mp4");
    let (combed, whole) = measure::combed(&file);
    assert!(combed * 20 < whole, "{combed} of {whole}");
}

#[tokio::test]
async fn sound_alone_becomes_a_video_with_sound() {
    let world = World::start().await;
    let words = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=15 -c:a flac";
    let clip = made("flac", &words.split(' ').collect::<Vec<_>>());
    let video = world.published(&clip).await;
    let reel: Reel = world.player(&video).sound().await;
    reel.assert_well_formed();
    assert!((reel.seconds() - 15.0).abs() < 0.1, "{}", reel.text);
}

#[tokio::test]
async fn pictures_without_sound_play() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=10 -an -c:v mpeg4 -q:v 4 -g 25";
    let video = world.published(&made("avi", &words.split(' ').collect::<Vec<_>>())).await;
    let player = world.player(&video);
    assert_eq!(player.tracks().await.audio, None);
    assert!((player.pictures().await.seconds() - 10.0).abs() < 0.04);
}
