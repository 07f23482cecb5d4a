//! Files that players understand are kept bit for bit.

use crate::harness::World;
use crate::harness::clip::{self, Clip, Flashes};
use crate::harness::measure;
use crate::harness::player::Reel;
use crate::harness::upload::Sending;

/// One frame at 25 frames a second, in seconds.
const FRAME: f64 = 0.04;

async fn assert_copied(clip: &Clip, codec: &str) {
    let world = World::start().await;
    let video = world.published(clip).await;
    let player = world.player(&video);
    let (pictures, sound) = (player.pictures().await, player.sound().await);

    let tracks = world.video(&video).await["tracks"].clone();
    let own = tracks.as_array().unwrap().iter().filter(|track| track["name"] == "v0" || track["name"] == "a0");
    assert_eq!(own.filter(|track| track["method"] == "copied").count(), 2, "{tracks}");
    let saved = pictures.save(&world, "pictures.mp4");
    assert_eq!(measure::packet_hash(&saved, "v"), measure::packet_hash(&clip.path, "v"), "pictures");
    let heard = sound.save(&world, "sound.mp4");
    assert_eq!(measure::packet_hash(&heard, "a"), measure::packet_hash(&clip.path, "a"), "sound");
    for reel in [&pictures, &sound] {
        reel.assert_well_formed();
        assert!(!reel.is_growing());
    }
    let master = player.master().await;
    let codecs = master.variants[0].codecs.clone().unwrap();
    assert!(codecs.starts_with(codec) && codecs.ends_with(",mp4a.40.2"), "{codecs}");
}

#[tokio::test]
async fn h264_and_aac_are_copied_packet_for_packet() {
    assert_copied(&clip::h264_aac(16), "avc1.64").await;
}

#[tokio::test]
async fn hevc_and_aac_are_copied_packet_for_packet() {
    assert_copied(&clip::hevc_aac(10), "hvc1.1.6.").await;
}

#[tokio::test]
async fn h264_with_b_frames_is_copied_from_matroska_too() {
    let clip = clip::matroska(16);
    assert_copied(&clip, "avc1.64").await;
}

#[tokio::test]
async fn sound_in_a_transport_stream_that_ends_with_the_picture_is_copied() {
    let world = World::start().await;
    // Its last packet begins a third of a second before it ends.
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=15.2 -f lavfi -i sine=sample_rate=48000:duration=15.2 \
                 -c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac -b:a 48k";
    let clip = clip::made("ts", &words.split_whitespace().collect::<Vec<_>>());
    let video = world.published(&clip).await;
    let tracks = world.video(&video).await["tracks"].clone();
    let own = tracks.as_array().unwrap().iter().filter(|track| track["name"] == "v0" || track["name"] == "a0");
    assert_eq!(own.filter(|track| track["method"] == "copied").count(), 2, "{tracks:#}");
}

#[tokio::test]
async fn the_durations_in_playlists_are_those_of_the_media() {
    let world = World::start().await;
    let clip = clip::h264_aac(16);
    let video = world.published(&clip).await;
    let player = world.player(&video);
    let (pictures, sound) = (player.pictures().await, player.sound().await);
    assert!((pictures.seconds() - 16.0).abs() < FRAME, "{}", pictures.text);
    assert!((sound.seconds() - 16.0).abs() < 2.0 * 1024.0 / 48_000.0, "{}", sound.text);
    assert_eq!(pictures.playlist.target_duration, sound.playlist.target_duration);
    // The sum over any run is right, not only that over all of them.
    let saved = pictures.save(&world, "pictures.mp4");
    let times = measure::frame_times(&saved, "v");
    assert_segments_begin_at_key_frames(&pictures, &times);
}

/// Segments are cut at the source's key frames, which come every two seconds.
fn assert_segments_begin_at_key_frames(reel: &Reel, times: &[i64]) {
    let mut end = 0.0;
    for segment in &reel.playlist.segments {
        assert!((end / 2.0_f64 - (end / 2.0).round()).abs() < FRAME, "a cut at {end} s:\n{}", reel.text);
        end += f64::from(segment.duration);
    }
    let last = (times[times.len() - 1] - times[0]) as f64 / 1e6 + FRAME;
    assert!((last - end).abs() < FRAME, "{last} s of frames, {end} s in the playlist");
}

#[tokio::test]
async fn a_copied_film_keeps_picture_and_sound_together() {
    let world = World::start().await;
    let codecs = "-c:v libx264 -bf 3 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac";
    let clip = clip::flash_and_beep("mp4", codecs, &Flashes { size: "320x180", seconds: 8, at: &[3] });
    let video = world.published(&clip).await;
    let player = world.player(&video);
    let pictures = player.pictures().await.save(&world, "pictures.mp4");
    let sound = player.sound().await.save(&world, "sound.mp4");
    let (seen, heard) = (measure::flashes(&pictures)[0], measure::beeps(&sound)[0]);
    assert!((seen - heard).abs() < 0.03, "flash at {seen} s, beep at {heard} s");
    assert!((seen - 13.0).abs() < 0.001, "the time line starts at 10 s, so the flash is at 13 s and not at {seen} s");
}

#[tokio::test]
async fn rates_sizes_and_frame_rate_in_the_master_are_measured() {
    let world = World::start().await;
    let clip = clip::h264_aac(16);
    let video = world.published(&clip).await;
    let player = world.player(&video);
    let variant = player.master().await.variants.remove(0);
    let (pictures, sound) = (player.pictures().await, player.sound().await);
    let bits =
        |reel: &Reel| reel.segments.iter().map(|(_, bytes)| bytes.len() as f64 * 8.0).sum::<f64>() / reel.seconds();
    let average = bits(&pictures) + bits(&sound);
    let said = variant.average_bandwidth.unwrap() as f64;
    assert!((said / average - 1.0).abs() < 0.1, "AVERAGE-BANDWIDTH {said}, measured {average}");
    assert!(variant.bandwidth as f64 >= said, "{variant:?}");
    let size = variant.resolution.unwrap();
    assert_eq!((size.width, size.height), (640, 360));
    assert!((variant.frame_rate.unwrap() - 25.0).abs() < 0.01);
}

#[tokio::test]
async fn the_poster_is_a_picture_that_is_not_black() {
    let world = World::start().await;
    // More than half of it is black.
    let source = "testsrc2=size=320x180:rate=25:duration=12,drawbox=w=iw:h=ih:color=black:t=fill:enable='lt(t,7)'";
    let mut words = vec!["-f", "lavfi", "-i", source];
    words.extend("-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p".split(' '));
    let video = world.published(&clip::made("mp4", &words)).await;
    let answer = world.get(&format!("/media/{video}/poster.jpg")).await;
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let picture = answer.bytes().await.unwrap();
    assert!(picture.starts_with(&[0xFF, 0xD8, 0xFF]), "a JPEG begins so");
    let file = world.folder().join("poster.jpg");
    std::fs::write(&file, &picture).unwrap();
    let brightness = measure::brightness(&file);
    assert!(brightness > 40.0, "mean brightness {brightness}");
}

#[tokio::test]
async fn a_small_file_is_encoded_and_says_why() {
    let world = World::with(&[("COPY_MODE_MIN_SIZE", "20971520")]).await;
    let sending = Sending::of(&clip::h264_aac(16));
    let video = world.accepted(&sending).await.video;
    world.ready(&video).await;
    let tracks = world.video(&video).await["tracks"].clone();
    for track in tracks.as_array().unwrap() {
        assert_eq!(track["method"], "encoded", "{tracks}");
        assert!(track["why"].as_str().unwrap().split(' ').count() > 2, "{tracks}");
    }
}

#[tokio::test]
async fn every_segment_begins_with_a_key_frame_where_the_playlist_says() {
    for copy in ["true", "false"] {
        let world = World::with(&[("ENABLE_COPY_MODE", copy)]).await;
        let video = world.published(&clip::h264_aac(16)).await;
        let pictures = world.player(&video).pictures().await;
        assert!(pictures.segments.len() > 1, "{}", pictures.text);
        let mut begins = 10.0;
        for (number, segment) in pictures.playlist.segments.iter().enumerate() {
            let (time, is_key) = measure::first_packet(&pictures.save_segment(&world, number), "v");
            assert!(is_key, "segment {number} needs the one before");
            let shift = time as f64 / 1e6 - begins;
            assert!(shift.abs() < FRAME / 2.0, "segment {number} begins {shift} s off what the playlist says");
            begins += f64::from(segment.duration);
        }
    }
}
