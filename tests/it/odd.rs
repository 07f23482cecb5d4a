//! Films that are put together in odd ways: what can be played is, and what cannot is refused with the reason.

use crate::harness::World;
use crate::harness::clip::{Clip, made};
use crate::harness::measure;
use crate::harness::stand_in::StandIn;
use crate::harness::upload::Sending;
use std::fs;

/// A film of these words and a name's ending.
fn film(ending: &str, words: &str) -> Clip {
    made(ending, &words.split_whitespace().collect::<Vec<_>>())
}

/// `clips` one after the other, as files are joined.
pub(crate) fn joined(world: &World, name: &str, clips: &[Clip]) -> Clip {
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

#[tokio::test]
async fn h264_whose_key_frames_are_no_idr_is_encoded_whatever_it_lies_in() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -c:v libx264 -preset veryfast -g 50 -bf 0 \
                 -x264-params intra-refresh=1 -pix_fmt yuv420p";
    let fragmented = ("mp4", "-movflags frag_keyframe+empty_moov");
    for (ending, more) in [("mkv", ""), ("ts", ""), ("mp4", ""), fragmented, ("flv", ""), ("nut", "")] {
        let video = world.published(&film(ending, &format!("{words} {more}"))).await;
        let tracks = world.video(&video).await["tracks"].clone();
        assert_eq!(tracks[0]["method"], "encoded", "{ending} {more}: {tracks:#}");
        assert!(tracks[0]["why"].as_str().unwrap().contains("lean on each other"), "{ending} {more}: {tracks:#}");
    }
}

#[tokio::test]
async fn h264_whose_key_frames_are_idrs_is_copied_where_its_pictures_have_times_and_keeps_to_the_rules() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -f lavfi -i sine=sample_rate=44100:duration=8 \
                 -c:v libx264 -preset veryfast -g 50 -bf 0 -pix_fmt yuv420p -c:a aac -b:a 96k";
    // AVI knows only when pictures are decoded.
    for (ending, made) in [("flv", "copied"), ("nut", "copied"), ("avi", "encoded")] {
        let video = world.published(&film(ending, words)).await;
        world.at_rest().await;
        let tracks = world.video(&video).await["tracks"].clone();
        assert_eq!(tracks[0]["method"], made, "{ending}: {tracks:#}");
        let found = violations(&world, &video).await;
        assert_eq!(found, serde_json::json!([]), "{ending}");
    }
}

#[tokio::test]
async fn a_picture_that_only_readers_take_for_a_key_frame_begins_no_segment() {
    let world = World::start().await;
    for timescale in [12_800, 23_040_000] {
        let words = format!(
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -c:v libx264 -preset veryfast -g 50 -bf 0 \
             -x264-params intra-refresh=1 -pix_fmt yuv420p -video_track_timescale {timescale}"
        );
        let clip = film("mp4", &words);
        let mut bytes = clip.bytes();
        // Only the first of its key frames is listed.
        let list = bytes.windows(4).position(|name| name == b"stss").unwrap();
        assert!(bytes[list + 11] > 1, "there are others");
        bytes[list + 11] = 1;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        fs::write(&path, bytes).unwrap();
        let video = world.published(&Clip { path }).await;
        let found = violations(&world, &video).await;
        let of_begins = found.as_array().unwrap().iter().filter(|found| found.to_string().contains("no IDR"));
        assert_eq!(of_begins.count(), 0, "{timescale}: {found:#}");
    }
}

/// What is wrong with a film by our own checker.
async fn violations(world: &World, video: &str) -> serde_json::Value {
    let url = world.url(&world.player(video).master_path());
    let output = tokio::process::Command::from(world.command(&["check-hls", "--json", &url])).output().await.unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["violations"].clone()
}

#[tokio::test]
async fn pictures_of_which_some_have_no_time_are_encoded_and_play() {
    let world = World::start().await;
    // A programme stream has one time for all pictures that begin in a packet.
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=16 -f lavfi -i sine=sample_rate=48000:duration=16 \
                 -c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a mp2 -ac 2";
    let video = world.published(&film("mpg", words)).await;
    let tracks = world.video(&video).await["tracks"].clone();
    assert_eq!(tracks[0]["method"], "encoded", "{tracks:#}");
    let pictures = world.player(&video).pictures().await;
    pictures.assert_well_formed();
    let shown = measure::frame_times(&pictures.save(&world, "pictures.mp4"), "v");
    assert!(shown.len() > 390 && shown.windows(2).all(|pair| pair[0] < pair[1]), "{} of 400", shown.len());
}

#[tokio::test]
async fn h264_of_a_kind_that_browsers_do_not_play_is_encoded() {
    let world = World::start().await;
    let words =
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p";
    for (more, why) in [("-qp 0", "profile High 4:4:4 Predictive"), ("-level 6.2", "level 6.2")] {
        let video = world.published(&film("mp4", &format!("{words} {more}"))).await;
        let tracks = world.video(&video).await["tracks"].clone();
        assert_eq!(tracks[0]["method"], "encoded", "{tracks:#}");
        assert!(tracks[0]["why"].as_str().unwrap().contains(why), "{tracks:#}");
    }
}

/// An ffprobe that finds no place in the sounds of a file, as the real one in some damaged streams.
const LOST: &str = r#"#!/bin/bash
if [[ " $* " == *" -select_streams a "*" -read_intervals "* ]]; then touch "$(dirname "$0")/asked"; exit 1; fi
exec REAL "$@"
"#;

#[tokio::test]
async fn a_film_whose_sound_cannot_be_listened_to_at_its_end_is_taken() {
    let stand_in = StandIn::playing("ffprobe", LOST);
    let world = World::with(&[("PATH", stand_in.path().as_str())]).await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -f lavfi -i sine=sample_rate=48000:duration=8 \
                 -c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac -b:a 48k";
    let video = world.published(&film("ts", words)).await;
    assert!(stand_in.folder().join("asked").exists(), "it was listened to");
    let player = world.player(&video);
    let (pictures, sound) = (player.pictures().await.seconds(), player.sound().await.seconds());
    assert!((pictures - 8.0).abs() < 0.1 && (sound - 8.0).abs() < 0.5, "{pictures} s and {sound} s");
}

#[tokio::test]
async fn a_film_whose_end_cannot_be_decoded_is_not_stretched_over_it() {
    let world = World::start().await;
    let mut bytes = film("mkv", "-f lavfi -i testsrc2=size=320x180:rate=25:duration=12 -c:v mjpeg -q:v 5").bytes();
    // From the 201st on, nothing of a picture is left but its place.
    let find = |bytes: &[u8], mark: &[u8], from: usize| {
        bytes[from..].windows(mark.len()).position(|found| found == mark).map(|at| from + at)
    };
    let (mut at, mut pictures) = (0, 0);
    while let Some(begin) = find(&bytes, &[0xFF, 0xD8, 0xFF], at) {
        at = find(&bytes, &[0xFF, 0xD9], begin).unwrap();
        pictures += 1;
        if pictures > 200 {
            bytes[begin..at].fill(0);
        }
    }
    assert_eq!(pictures, 300);
    let video = world.accepted(&Sending::bytes(bytes, "film.mkv")).await.video;
    let settled = world.settled(&video).await;
    assert_eq!(settled["state"], "failed", "{settled}");
    assert!(settled["error"].as_str().unwrap().starts_with("Only 67 % of the film"), "{settled}");
}

#[tokio::test]
async fn hdr_is_copied_and_its_smaller_sizes_are_sane_sdr() {
    let world = World::start().await;
    // A middle grey of 203 cd/m² or thereabouts, with something moving.
    let words = "-f lavfi -i color=0x8a8a8a:size=1280x720:rate=25:duration=8,noise=alls=8:allf=t -f lavfi -i sine=sample_rate=48000:duration=8 \
                 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -b:v 3M -color_primaries bt2020 -colorspace bt2020nc \
                 -color_trc arib-std-b67 -x265-params log-level=error:keyint=50:open-gop=0:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc \
                 -c:a aac -ac 2";
    let video = world.published(&film("mp4", words)).await;
    world.at_rest().await;
    let tracks = world.video(&video).await["tracks"].clone();
    assert_eq!(tracks[0]["method"], "copied", "{tracks:#}");
    let master = world.player(&video).text(&world.player(&video).master_path()).await;
    assert!(master.contains("VIDEO-RANGE=HLG") && master.contains("VIDEO-RANGE=SDR"), "{master}");
    assert_eq!(violations(&world, &video).await, serde_json::json!([]));

    let rung = world.player(&video).reel(&format!("/hls/{video}/v1/")).await.save(&world, "rung.mp4");
    let still = |source: &std::path::Path, filter: &str, name: &str| {
        let path = world.folder().join(name);
        let source = source.to_str().unwrap();
        crate::harness::clip::ffmpeg(&["-i", source, "-vf", filter, "-frames:v", "1"], &path);
        measure::brightness(&path)
    };
    let source = film("mp4", words).path;
    let mapped = "zscale=tin=arib-std-b67:min=2020_ncl:pin=2020:t=linear:npl=100,format=gbrpf32le,zscale=p=709,\
                  tonemap=tonemap=hable:desat=0,zscale=t=709:m=709:p=709:r=limited,format=yuv420p";
    let (found, wanted) = (still(&rung, "null", "rung.png"), still(&source, mapped, "mapped.png"));
    assert!((found - wanted).abs() < 8.0, "brightness {found}, of the source {wanted}");
}

#[tokio::test]
async fn encoded_sizes_have_key_frames_every_two_seconds_at_the_same_times() {
    let world = World::with(&[("ENABLE_COPY_MODE", "false")]).await;
    let words =
        "-f lavfi -i testsrc2=size=854x480:rate=30000/1001:duration=15,noise=alls=20:allf=t -c:v mpeg4 -b:v 4M -g 37";
    let video = world.published(&film("avi", words)).await;
    world.at_rest().await;
    let mut all = Vec::new();
    for track in ["v0", "v1"] {
        let reel = world.player(&video).reel(&format!("/hls/{video}/{track}/")).await;
        all.push(measure::key_times(&reel.save(&world, &format!("{track}.mp4"))));
    }
    assert_eq!(all[0], all[1]);
    assert!(all[0].len() >= 8, "{:?}", all[0]);
    let frame = 34_000;
    // A span begins with one, too.
    assert!(all[0].windows(2).all(|pair| pair[1] - pair[0] <= 2_000_000 + frame), "{:?}", all[0]);
}

#[tokio::test]
async fn a_still_in_the_middle_makes_no_long_segment() {
    let world = World::with(&[("ENABLE_COPY_MODE", "false")]).await;
    let source = "testsrc2=size=320x180:rate=25:duration=40,select='lt(t,4)+gte(t,34)'";
    let words =
        ["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=50", "-vsync", "vfr"];
    let more = "-c:v mpeg4 -q:v 4 -g 25 -c:a libmp3lame -ac 2";
    let clip = made("mkv", &words.into_iter().chain(more.split_whitespace()).collect::<Vec<_>>());
    let video = world.published(&clip).await;
    let reel = world.player(&video).pictures().await;
    reel.assert_well_formed();
    assert!(reel.text.contains("#EXT-X-TARGETDURATION:6\n"), "{}", reel.text);
    let shown = measure::frame_times(&reel.save(&world, "pictures.mp4"), "v");
    assert!(shown.windows(2).all(|pair| pair[1] - pair[0] <= 1_000_000), "every second has a picture");
    let own = measure::frame_times(&clip.path, "v");
    let lost = own.iter().filter(|time| !shown.iter().any(|found| (found - (*time - own[0] + shown[0])).abs() < 100));
    assert_eq!(lost.count(), 0, "no picture of the source is lost");
    assert!((reel.seconds() - world.player(&video).sound().await.seconds()).abs() < 0.1, "{}", reel.seconds());
}

#[tokio::test]
async fn fast_pictures_are_halved_over_every_joint() {
    let world = World::with(&[("ENABLE_COPY_MODE", "false")]).await;
    let words =
        "-f lavfi -i testsrc2=size=320x180:rate=120:duration=16 -c:v libx264 -preset ultrafast -g 111 -pix_fmt yuv420p";
    let video = world.published(&film("mp4", words)).await;
    let reel = world.player(&video).pictures().await;
    reel.assert_well_formed();
    let shown = measure::frame_times(&reel.save(&world, "pictures.mp4"), "v");
    let odd = shown.windows(2).filter(|pair| (pair[1] - pair[0] - 16_667).abs() > 20).count();
    assert!((950..=960).contains(&shown.len()) && odd <= 2, "{} pictures, {odd} odd steps", shown.len());
    assert!(shown.windows(2).all(|pair| pair[1] - pair[0] > 16_600), "none nearer than a sixtieth");
}

#[tokio::test]
async fn one_sound_that_cannot_be_made_costs_no_other() {
    let world = World::start().await;
    // The second sound claims to be AC-3 and is noise; the third one is whole.
    let path = world.folder().join("noise.raw");
    fs::write(
        &path,
        (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>(),
    )
    .unwrap();
    let noise = path.to_str().unwrap().to_owned();
    let words = "-f lavfi -i testsrc2=size=854x480:rate=25:duration=10,noise=alls=20:allf=t -f lavfi -i sine=sample_rate=48000:duration=10 -f u8 -ar 16000 -ac 1 -i";
    let more = "-map 0 -map 1 -map 2 -map 1 -c:v libx264 -preset ultrafast -b:v 3M -pix_fmt yuv420p -c:a aac -ac 2 -c:a:1 pcm_u8";
    let words: Vec<&str> = words.split_whitespace().chain([noise.as_str()]).chain(more.split_whitespace()).collect();
    let clip = made("mkv", &words);
    // What Matroska calls these samples becomes a codec whose packets they are not.
    let bytes = clip.bytes();
    let at = bytes.windows(13).position(|name| name == b"A_PCM/INT/LIT").unwrap();
    let mut bad = bytes;
    bad[at..at + 13].copy_from_slice(b"A_AC3\0\0\0\0\0\0\0\0");
    let video = world.accepted(&Sending::bytes(bad, "bad.mkv")).await.video;
    world.ready(&video).await;
    world.at_rest().await;
    let details = world.video(&video).await;
    let names: Vec<&str> =
        details["tracks"].as_array().unwrap().iter().filter_map(|track| track["name"].as_str()).collect();
    assert!(names.contains(&"v1"), "{details:#}");
    let master = world.player(&video).text(&world.player(&video).master_path()).await;
    assert!(master.contains("URI=\"a2") && !master.contains("URI=\"a1"), "{master}");
    assert!(details["left_out"].to_string().contains("stream 2"), "{details:#}");
    assert_eq!(details["protected"], true, "nothing is left of what was given up: {details:#}");
}
