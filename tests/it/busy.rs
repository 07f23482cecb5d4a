//! Many films at once: each has its first seconds soon, however long others take, and no more ffmpegs run than is said.

use crate::harness::World;
use crate::harness::bots::{Blow, Telegram};
use crate::harness::browser::Browser;
use crate::harness::clip::{self, Clip};
use crate::harness::measure;
use crate::harness::stand_in::{MIDDLES, StandIn};
use crate::harness::upload::Sending;
use crate::harness::wait::until;
use telegram_sim::{Operation, Trouble};

/// Nothing is taken for stuck that is held up.
const DAYS: (&str, &str) = ("STALL_TIMEOUT", "1d");

/// One encode of pictures at a time and one of sounds; three copies; and one more of each for the first seconds of a film.
const PICTURES: usize = 1 + 1;
const SOUNDS: usize = 1 + 1;

/// Copies, and whatever looks into files.
const OTHERS: usize = 3 + 1 + 8;

/// More films than there are workers for, which are six beyond all slots.
const FILMS: u32 = 16;

/// The sound of a film stops after its first seconds, as that of a long one on a slow machine. What is listed every
/// half second is listed before that.
const LONG_SOUNDS: &str = r#"#!/bin/bash
if [[ " $* " == *" aac "* && " $* " != *libx264* ]]; then
  REAL "$@" | { head -c 400000; sleep 1; head -c 100000; while [ -e "$(dirname "$0")/held" ]; do sleep 0.05; done; cat; }
  exit "${PIPESTATUS[0]}"
fi
exec REAL "$@"
"#;

/// Encoded, in more than one span; no two are the same.
fn film(number: u32, seconds: u32) -> Clip {
    let picture = format!("testsrc2=size=160x90:rate=25:duration={seconds},hue=h={}", 20 * number);
    let sound = format!("sine=frequency={}:sample_rate=44100:duration={seconds}", 200 + 10 * number);
    let mut words = vec!["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    words.extend("-c:v mpeg4 -g 25 -c:a libmp3lame -b:a 96k".split(' '));
    clip::made("avi", &words)
}

async fn accepted(world: &World, clip: &Clip) -> String {
    world.accepted(&Sending::of(clip)).await.video
}

/// Holds what is said of the number of ffmpegs against those that run, again and again.
async fn watch(world: &World) -> ! {
    loop {
        let (mut pictures, mut sounds, mut others) = (0, 0, 0);
        let mut found = world.ffmpegs();
        // A stand-in that waits has children that look like it for a moment.
        found.retain(|process| process.parent == world.pid());
        for process in &found {
            let has = |word: &str| process.arguments.contains(word);
            let count = match (has("libx264") && has(" mp4 "), has(" aac ") && has(" mp4 ")) {
                (true, _) => &mut pictures,
                (false, true) => &mut sounds,
                (false, false) => &mut others,
            };
            *count += 1;
        }
        let told = || format!("{pictures} pictures, {sounds} sounds, {others} others: {found:#?}");
        assert!(pictures <= PICTURES && sounds <= SOUNDS && others <= OTHERS, "{}", told());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn every_film_has_its_first_seconds_while_others_encode_and_ffmpegs_stay_few() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let path = stand_in.path();
    let world = World::with(&[("PATH", &path), ("MAX_PARALLEL_ENCODES", "1"), DAYS]).await;
    let clips: Vec<Clip> = (0..FILMS).map(|number| film(number, 20)).collect();
    let story = async {
        let mut films = Vec::new();
        for clip in &clips {
            films.push(accepted(&world, clip).await);
        }
        for video in &films {
            world.playable(video).await;
        }
        let copied = world.published(&clip::h264_aac(16)).await;
        assert_eq!(world.video(&copied).await["tracks"][0]["method"], "copied");
        for video in &films {
            assert_eq!(world.status(video).await["state"], "processing");
        }
        stand_in.let_go();
        for video in &films {
            world.ready(video).await;
        }
        films
    };
    let films = tokio::select! {
        films = story => films,
        never = watch(&world) => never,
    };
    for video in [&films[0], &films[FILMS as usize - 1]] {
        let player = world.player(video);
        let (pictures, sound) = (player.pictures().await, player.sound().await);
        pictures.assert_well_formed();
        sound.assert_well_formed();
        assert_eq!(measure::frame_times(&pictures.save(&world, "pictures.mp4"), "v").len(), 20 * 25);
        assert!((sound.seconds() - 20.0).abs() < 0.1, "{} s of sound", sound.seconds());
    }
}

#[tokio::test]
async fn a_sound_that_has_begun_gives_way_to_one_that_has_not() {
    let stand_in = StandIn::of(LONG_SOUNDS);
    std::fs::write(stand_in.folder().join("held"), "").unwrap();
    let path = stand_in.path();
    let world = World::with(&[("PATH", &path), ("MAX_PARALLEL_ENCODES", "1"), DAYS]).await;
    let mut films = Vec::new();
    for number in 0..4 {
        let video = accepted(&world, &film(number, 90)).await;
        world.playable(&video).await;
        films.push(video);
    }
    stand_in.let_go();
    for video in &films {
        world.ready(video).await;
        let sound = world.player(video).sound().await;
        sound.assert_well_formed();
        assert!((sound.seconds() - 90.0).abs() < 0.1, "{} s of sound", sound.seconds());
        let file = sound.save(&world, "sound.mp4");
        let times = measure::frame_times(&file, "a");
        let lengths: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(lengths.iter().all(|length| (length - lengths[0]).abs() < 100), "it has no seam");
    }
}

/// A server with two channels, the second of which takes nothing until its faults are cleared.
async fn with_one_channel_of_two(settings: &[(&str, &str)]) -> (Telegram, World) {
    let telegram = Telegram::with(2);
    Blow::Meets(Operation::Send, Trouble::Flood { seconds: 3 }).strike(&telegram, &telegram.bots()[1]);
    let mut world = telegram.folder();
    let settings = settings.iter().chain([&("TELEGRAM_MESSAGES_PER_MINUTE", "3000"), &DAYS]);
    world.set(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    world.resume().await;
    (telegram, world)
}

/// That nothing is left to be sent, and nothing lies in the spool any more.
async fn assert_is_kept_twice(telegram: &Telegram, world: &World, videos: &[String]) {
    world.at_rest().await;
    assert_eq!(world.files("spool/packs"), Vec::<std::path::PathBuf>::new());
    for video in videos {
        assert_eq!(world.status(video).await["protected"], true);
    }
    let copies = telegram.copies();
    assert!(copies.len() >= 3 && copies.values().all(|channels| *channels == 2), "{copies:?}");
}

#[tokio::test]
async fn a_film_that_is_paused_while_its_second_copies_are_made_gets_them_when_it_goes_on() {
    let (telegram, world) = with_one_channel_of_two(&[]).await;
    let video = world.published(&film(0, 4)).await;
    let job = until("its copies are made", async || {
        let jobs = world.json("/api/system/status").await["jobs"].clone();
        jobs.as_array()?.iter().find(|job| job["stage"] == "protect").cloned()
    })
    .await;
    for order in ["pause", "resume"] {
        let order = format!("/api/jobs/{}/{order}", job["id"]);
        assert_eq!(world.send(reqwest::Method::POST, &order).await.status(), 204);
    }
    telegram.world().clear_faults(telegram.bots()[1].id);
    assert_is_kept_twice(&telegram, &world, &[video]).await;
}

#[tokio::test]
async fn a_film_that_waits_is_paused_at_once_and_says_that_it_waits() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let path = stand_in.path();
    let world = World::with(&[("PATH", &path), ("MAX_PARALLEL_ENCODES", "1"), DAYS]).await;
    let first = accepted(&world, &film(0, 20)).await;
    world.playable(&first).await;
    let second = accepted(&world, &film(1, 20)).await;
    let job = |video: &str| {
        let video = video.to_owned();
        let world = &world;
        async move {
            let jobs = world.json("/api/system/status").await["jobs"].clone();
            jobs.as_array().unwrap().iter().find(|job| job["video_id"] == video.as_str()).cloned()
        }
    };
    let waits = async || job(&second).await.filter(|job| job["stage"] == "in_line" && job["state"] == "running");
    let waiting = until("the second one waits", waits).await;
    assert!(waiting["speed"].is_null() && waiting["eta_seconds"].is_null(), "{waiting}");
    let browser = Browser::open().await;
    browser.goto(&world.url("/system")).await;
    for (what, words) in
        [("#jobs-sum", "1 running, 1 in line"), ("#figures", "1 in line, 0 stopped"), ("#jobs", "In line")]
    {
        let told = format!("document.querySelector('{what}').textContent.includes('{words}')");
        browser.until("the page says so", &told).await;
    }
    let pause = format!("/api/jobs/{}/pause", waiting["id"]);
    assert_eq!(world.send(reqwest::Method::POST, &pause).await.status(), 204);
    assert_eq!(job(&second).await.unwrap()["state"], "paused");
    let resume = format!("/api/jobs/{}/resume", waiting["id"]);
    assert_eq!(world.send(reqwest::Method::POST, &resume).await.status(), 204);
    until("it waits again", waits).await;
    // It runs again, so that its earlier run is over, by itself or not.
    assert!(!world.log().contains("a job that was told to stop did not"), "it was deaf");
    stand_in.let_go();
    world.ready(&second).await;
    world.ready(&first).await;
}
