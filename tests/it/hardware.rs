//! A graphics device that works in its trial and fails in the middle of a film.

use crate::harness::World;
use crate::harness::clip::{Clip, made};
use crate::harness::measure;
use crate::harness::stand_in::StandIn;
use crate::harness::wait::until_true;

/// Plays an `ffmpeg` with a VA-API device: what it is asked to do there is done in software. Runs that begin in the
/// middle of a film end after so many bytes, as they do when a driver gives up.
const STAND_IN: &str = r#"#!/bin/bash
words=(); on_device=; broken=; film=
while [ $# -gt 0 ]; do
  case "$1" in
    -init_hw_device|-filter_hw_device|-hwaccel|-hwaccel_output_format|-rc_mode) shift ;;
    -noautorotate) ;;
    h264_vaapi) on_device=1; words+=(libx264) ;;
    -ss) broken=1; words+=("$1") ;;
    mp4) film=1; words+=("$1") ;;
    *scale_vaapi*|*hwupload*)
      words+=("$(sed -E 's/scale_vaapi=w=([0-9]+):h=([0-9]+):format=nv12:extra_hw_frames=24/scale=\1:\2/g
                         s/format=nv12,hwupload=extra_hw_frames=24/format=yuv420p/g' <<<"$1")") ;;
    *) words+=("$1") ;;
  esac
  shift
done
if [ -n "$on_device" ] && [ -n "$film" ] && [ -n "$broken" ]; then
  REAL "${words[@]}" | head -c 60000
  END
fi
BEGIN REAL "${words[@]}"
"#;

/// How a device gives up: its driver says so, or it says nothing more.
const FAILS: &str = "echo 'Failed to sync surface: the device is lost' >&2; exit 1";
const STALLS: &str = "exec sleep 86400";

/// Software, on a machine however busy: it shows every second that it lives.
const LIVES: &str = r#"for (( beat = 1; ; beat++ )); do
  printf 'frame=%d\nprogress=continue\n' "$beat"; sleep 1 >/dev/null 2>&1
done >&2 &
trap 'kill $!' EXIT
"#;

const SECONDS: usize = 30;

fn stand_in(end: &str, begin: &str) -> StandIn {
    StandIn::of(&STAND_IN.replace("END", end).replace("BEGIN", begin))
}

fn film() -> Clip {
    let source = format!("testsrc2=size=320x180:rate=25:duration={SECONDS}");
    made("avi", &["-f", "lavfi", "-i", &source, "-c:v", "mpeg4", "-q:v", "4", "-g", "25"])
}

/// The film is made again in software, as a whole, and it is told why.
async fn assert_software_goes_on(stand_in: &StandIn, stall_timeout: &str, why: &str) {
    let path = stand_in.path();
    let world = World::with(&[
        ("PATH", path.as_str()),
        ("ENABLE_HARDWARE_ACCELERATION", "true"),
        ("ENABLE_COPY_MODE", "false"),
        ("ENABLE_ABR", "false"),
        ("STALL_TIMEOUT", stall_timeout),
    ])
    .await;
    // A machine that is busy with other things may not manage a trial in its time.
    until_true("the device works", async || {
        let answer = world.send(reqwest::Method::POST, "/api/system/encoders/probe").await;
        answer.json::<serde_json::Value>().await.unwrap()[0]["works"] == true
    })
    .await;
    let video = world.published(&film()).await;

    let encoders = world.json("/api/system/status").await["encoders"].clone();
    assert_eq!((&encoders[0]["name"], &encoders[0]["chosen"]), (&"vaapi".into(), &true.into()), "{encoders}");
    let tracks = world.video(&video).await["tracks"].clone();
    assert_eq!((&tracks[0]["name"], tracks.as_array().unwrap().len()), (&"v0g2".into(), 1), "{tracks}");
    let told = tracks[0]["why"].as_str().unwrap();
    assert!(told.contains("begun anew in software, since vaapi failed") && told.contains(why), "{told}");

    let pictures = world.player(&video).pictures().await;
    pictures.assert_well_formed();
    let file = pictures.save(&world, "pictures.mp4");
    assert_eq!(measure::frame_times(&file, "v").len(), SECONDS * 25);
    assert_eq!(world.get(&format!("/hls/{video}/v0/playlist.m3u8")).await.status(), 404);
    // The scrub pictures are made meanwhile.
    world.at_rest().await;
    let kept = world.json("/api/system/status").await["counts"]["blobs"].as_u64().unwrap();
    assert_eq!(world.files("channels").len() as u64, kept, "nothing is left of what the device made");
    assert_eq!(world.files("spool/packs"), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_device_that_fails_in_the_middle_leaves_the_film_to_software() {
    assert_software_goes_on(&stand_in(FAILS, "exec"), "60s", "the device is lost").await;
}

#[tokio::test]
async fn a_device_that_says_nothing_more_in_the_middle_leaves_the_film_to_software() {
    assert_software_goes_on(&stand_in(STALLS, LIVES), "10s", "no progress for 10 s").await;
}

#[tokio::test]
async fn the_encoders_are_tried_again_when_somebody_asks() {
    let stand_in = stand_in(FAILS, "exec");
    let path = stand_in.path();
    let world = World::with(&[("PATH", path.as_str()), ("ENABLE_HARDWARE_ACCELERATION", "true")]).await;
    let works = async || -> serde_json::Value {
        let answer = world.send(reqwest::Method::POST, "/api/system/encoders/probe").await;
        assert_eq!(answer.status(), 200);
        answer.json::<serde_json::Value>().await.unwrap()[0].clone()
    };
    let found = works().await;
    assert_eq!((&found["name"], &found["works"]), (&"vaapi".into(), &true.into()), "{found}");
    std::fs::remove_file(stand_in.folder().join("ffmpeg")).unwrap();
    let found = works().await;
    assert_eq!((&found["works"], found["why_not"].is_string()), (&false.into(), true), "{found}");
}
