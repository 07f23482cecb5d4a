//! A film in HEVC, whose picture most browsers cannot decode: they play it in H.264 while that is made.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, Clip};
use crate::harness::measure;
use crate::harness::stand_in::{MIDDLES, StandIn};
use crate::harness::strict::{problems, read_strictly};
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use reqwest::{Method, StatusCode};
use serde_json::Value;

const VIDEO: &str = "document.querySelector('video#player')";

/// More than one span, and so much behind the first that a page takes in what is new, also when it has heard already that
/// what it plays grows no more: near the end of such it would not.
const SECONDS: u32 = 60;

/// In closed groups of pictures, so that it breaks no rule.
fn film() -> Clip {
    let (picture, sound) = (
        format!("testsrc2=size=640x360:rate=25:duration={SECONDS}"),
        format!("sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
    );
    let codecs = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50:open-gop=0 -tag:v hvc1 \
                  -pix_fmt yuv420p -c:a aac -ac 2";
    let sources = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    clip::made("mp4", &sources.into_iter().chain(codecs.split_whitespace()).collect::<Vec<_>>())
}

/// A server that encodes no more than the first seconds of a film, until the stand-in lets go.
async fn held_up(stand_in: &StandIn) -> World {
    World::with(&[("PATH", stand_in.path().as_str()), ("STALL_TIMEOUT", "1d")]).await
}

/// The codecs of the variants of a master playlist, and how many segments the first list has that it leads to.
async fn offered(world: &World, video: &str, master: &str) -> (Vec<String>, usize) {
    let text = world.player(video).text(&format!("/hls/{video}/{master}")).await;
    let master = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    let played: Vec<_> = master.variants.iter().filter(|variant| !variant.is_i_frame).collect();
    let list = world.player(video).text(&format!("/hls/{video}/{}", played[0].uri)).await;
    let codecs = played.iter().map(|variant| variant.codecs.clone().unwrap().chars().take(4).collect());
    (codecs.collect(), list.matches("#EXTINF").count())
}

#[tokio::test]
async fn a_browser_plays_hevc_in_h264_while_that_is_made_and_the_film_is_ready_before() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let world = held_up(&stand_in).await;
    let browser = Browser::open().await;
    let video = world.accepted(&Sending::of(&film())).await.video;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", &format!("{VIDEO}?.readyState >= 2")).await;
    browser.run(&format!("const v = {VIDEO}; v.muted = true; v.play().catch(() => {{}})")).await;
    browser.until("it plays", &format!("{VIDEO}.currentTime > 2 && {VIDEO}.videoHeight === 360")).await;

    world.ready(&video).await;
    assert_eq!(offered(&world, &video, "master.m3u8").await.0, ["hvc1"], "what is finished is by itself");
    let (codecs, segments) = offered(&world, &video, "growing.m3u8").await;
    assert_eq!(codecs, ["avc1"]);
    assert!((1..5).contains(&segments), "{segments} segments of {SECONDS} seconds");
    // One size is all there is of each yet, and key frames are listed of what is whole.
    for (master, lacks) in [("master.m3u8", vec!["A 9.9"]), ("growing.m3u8", vec!["A 6.1", "A 9.9"])] {
        let url = world.url(&format!("/hls/{video}/{master}"));
        assert_eq!(problems(&read_strictly(&url).await), Vec::<String>::new());
        let checked = world.run(&["check-hls", &url]);
        let said = String::from_utf8(checked.stdout).unwrap();
        let broken = said.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
        let broken: Vec<&str> = broken.map(|(rule, _)| rule).filter(|rule| !rule.contains("//")).collect();
        assert_eq!(broken, lacks, "{said}");
    }

    browser.run(&format!("{VIDEO}.pause()")).await;
    stand_in.let_go();
    world.at_rest().await;
    assert_eq!(offered(&world, &video, "master.m3u8").await.0, ["hvc1", "avc1", "avc1"]);
    assert_eq!(world.video(&video).await["growing_url"], Value::Null);
    let asked = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/master.m3u8'))";
    browser.until("the page goes over to all there is", asked).await;
    browser.run(&format!("{VIDEO}.currentTime = {}; {VIDEO}.play()", SECONDS - 3)).await;
    browser.until("it ends", &format!("{VIDEO}.ended")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_browsers_wait_for_is_one_film_though_two_jobs_and_two_servers_made_it() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let mut world = held_up(&stand_in).await;
    let film = film();
    let video = world.published(&film).await;
    let grows = async |world: &World| world.video(&video).await["growing_url"].is_string();
    until_true("something of it grows", async || grows(&world).await).await;
    world.kill();
    world.resume().await;
    assert!(grows(&world).await, "what was there is still there");
    stand_in.let_go();
    world.at_rest().await;

    let player = world.player(&video);
    let (copied, encoded) = (player.pictures().await, player.reel(&format!("/hls/{video}/v1/")).await);
    encoded.assert_well_formed();
    assert_eq!(measure::frame_times(&encoded.save(&world, "v1.mp4"), "v").len(), SECONDS as usize * 25);
    assert_eq!(measure::packet_hash(&copied.save(&world, "v0.mp4"), "v"), measure::packet_hash(&film.path, "v"));
    for list in ["v1/growing.m3u8", "a0/growing.m3u8"] {
        let text = player.text(&format!("/hls/{video}/{list}")).await;
        assert!(
            text.contains("PLAYLIST-TYPE:VOD") && text.contains("#EXT-X-ENDLIST"),
            "whoever plays it comes to the end"
        );
    }
    let checked = world.run(&["check-hls", &world.url(&player.master_path())]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(world.files("spool").is_empty(), "{:?}", world.files("spool"));
}

/// Holds up encodes behind the first span as long as there is a file, and notes of which film each is, as the name of a
/// folder: files cannot be written there.
const NOTED: &str = r#"#!/bin/bash
if [[ " $* " == *" -ss "*" mp4 "* ]]; then
  while [ -e "$(dirname "$0")/held" ]; do sleep 0.05; done
  for word in "$@"; do
    case $word in file:*) mkdir "$(dirname "$0")/turn $(date +%s%N) ${word##*/}" ;; esac
  done
fi
exec REAL "$@"
"#;

/// A minute that is soon encoded, in more spans than the first two.
fn plain_film(colour: &str) -> Clip {
    let picture = format!("color={colour}:size=320x180:rate=5:duration=60");
    let codecs = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10:open-gop=0 -tag:v hvc1";
    let words = ["-f", "lavfi", "-i", &picture].into_iter().chain(codecs.split_whitespace());
    clip::made("mp4", &words.chain(["-pix_fmt", "yuv420p"]).collect::<Vec<_>>())
}

#[tokio::test]
async fn films_that_browsers_wait_for_grow_in_turns() {
    let stand_in = StandIn::of(NOTED);
    let turns = || -> Vec<String> {
        let names = std::fs::read_dir(stand_in.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut turns: Vec<String> =
            names.filter_map(|name| Some(name.to_str()?.strip_prefix("turn ")?.into())).collect();
        turns.sort();
        turns
    };
    let held = stand_in.folder().join("held");
    std::fs::write(&held, "").unwrap();
    let world = held_up(&stand_in).await;
    world.an_encoder_works().await;
    for colour in ["red", "green"] {
        world.published(&plain_film(colour)).await;
    }
    let jobs = async |kind: &str| -> Vec<Value> {
        let jobs = world.json("/api/system/status").await["jobs"].as_array().unwrap().clone();
        jobs.into_iter().filter(|job| job["kind"] == kind).collect()
    };
    let refinements = jobs("refine").await;
    assert_eq!(refinements.len(), 2);
    let ask = async |what: &str| {
        for job in &refinements {
            let answer = world.send(Method::POST, &format!("/api/jobs/{}/{what}", job["id"])).await;
            assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        }
    };
    ask("pause").await;
    std::fs::remove_file(&held).unwrap();
    until_true("both are left to their refinements", async || jobs("ingest").await.is_empty()).await;

    std::fs::write(&held, "").unwrap();
    let before = turns().len();
    ask("resume").await;
    until_true("one of them goes on", async || jobs("refine").await.iter().any(|job| job["state"] == "running")).await;
    std::fs::remove_file(&held).unwrap();
    world.at_rest().await;
    let turns = turns().split_off(before);
    let films: Vec<&str> = turns.iter().filter_map(|turn| Some(turn.split_once(' ')?.1)).collect();
    assert!(films.len() >= 4 && films.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
}
