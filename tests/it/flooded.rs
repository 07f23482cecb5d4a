//! Every bot flooded at once: what is cached plays, the rest says when to come back, nobody asks meanwhile,
//! and all goes on by itself.

use crate::harness::World;
use crate::harness::bots::{SMALL_PACKS, Telegram, forget_what_is_cached, small_packs};
use crate::harness::clip;
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use reqwest::Method;
use std::time::{Duration, Instant};
use telegram_sim::{Fault, Operation, Settings, Throttle, Trouble};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Longer than a busy loop needs to be seen, whoever else uses the machine.
const WATCH: Duration = Duration::from_secs(3);

struct Scene {
    telegram: Telegram,
    world: World,
    video: String,
    /// The segments of the pictures, by path, as they are.
    segments: Vec<(String, Vec<u8>)>,
}

impl Scene {
    /// A film of which the first segment is cached, and eight bots that were just told to wait.
    async fn flooded_for(seconds: u64) -> Self {
        let telegram = Telegram::with(8);
        let world = small_packs(&telegram).await;
        let video = world.published(&clip::h264_aac(16)).await;
        world.protected(&video).await;
        let reel = world.player(&video).pictures().await;
        let path = |name: &str| format!("/hls/{video}/v0/{name}");
        let segments: Vec<_> = reel.segments.into_iter().map(|(name, bytes)| (path(&name), bytes)).collect();
        forget_what_is_cached(&world).await;
        assert!(world.bytes(&segments[0].0).await == segments[0].1);
        telegram.world().fault_all(&Fault::once(Operation::Any, Trouble::Flood { seconds }));
        assert_eq!(world.send(Method::POST, "/api/system/bots/test").await.status(), 200);
        Self { telegram, world, video, segments }
    }

    /// Seconds until the first and the last bot may be asked again.
    async fn rests(&self) -> (f64, f64) {
        let status = self.world.json("/api/system/bots/status").await;
        let left = |bot: &serde_json::Value| {
            assert_eq!((&bot["state"], &bot["reason"]), (&"resting".into(), &"flood".into()), "{bot}");
            let until = OffsetDateTime::parse(bot["resting_until"].as_str().unwrap(), &Rfc3339).unwrap();
            (until - OffsetDateTime::now_utc()).as_seconds_f64()
        };
        let left: Vec<f64> = status["bots"].as_array().unwrap().iter().map(left).collect();
        (left.iter().copied().fold(f64::MAX, f64::min), left.into_iter().fold(0.0, f64::max))
    }

    fn asked(&self) -> u64 {
        let bots = self.telegram.bots();
        bots.iter().map(|bot| self.telegram.world().counters(bot.id).requests.values().sum::<u64>()).sum()
    }
}

#[tokio::test]
async fn a_channel_that_takes_no_more_than_the_real_ones_never_has_to_say_so() {
    // A few at once, and then one a second.
    let throttle = Throttle { bot_per_second: Some(30), chat_per_second: Some(4), chat_per_minute: Some(20) };
    let telegram = Telegram::of(Settings { throttle, ..Settings::bots(2) });
    let mut world = telegram.folder();
    world.set([SMALL_PACKS].map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    for (slot, bot) in (1..).zip(telegram.bots()) {
        let sent = telegram.world().counters(bot.id).requests_of("sendDocument");
        assert!(sent > 5, "{sent} are less than come at once");
        let status = world.bot(slot).await;
        assert_eq!((&status["errors"], &status["pace"]), (&0.into(), &1.0.into()), "{status}");
    }
}

#[tokio::test]
async fn while_all_bots_are_flooded_what_is_cached_plays_and_nobody_asks_them() {
    let scene = Scene::flooded_for(600).await;
    let coming = scene.world.accepted(&Sending::of(&clip::matroska(4))).await.video;
    until_true("the new film waits", async || {
        let status = scene.world.json("/api/system/status").await;
        let waits =
            |job: &serde_json::Value| job["error"].as_str().is_some_and(|why| why.contains("goes on by itself"));
        status["jobs"].as_array().unwrap().iter().any(waits)
    })
    .await;
    let asked = scene.asked();
    let begun = Instant::now();
    let mut refused = 0;
    while begun.elapsed() < WATCH {
        assert!(scene.world.bytes(&scene.segments[0].0).await == scene.segments[0].1, "what is cached plays");
        for (path, bytes) in &scene.segments[1..] {
            let (_, before) = scene.rests().await;
            let answer = scene.world.get(path).await;
            let (after, _) = scene.rests().await;
            match answer.status().as_u16() {
                200 => assert!(answer.bytes().await.unwrap() == bytes, "it lies beside what is cached"),
                503 => {
                    let wait: f64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                    let truth = after..=before + 1.0;
                    assert!(truth.contains(&wait), "{wait} s were said, {truth:?} are true");
                    refused += 1;
                }
                other => panic!("{path}: {other}"),
            }
        }
    }
    assert!(refused > 0, "everything lies beside what is cached");
    assert_eq!(scene.asked(), asked, "nobody asks a bot that was told to wait");
    assert_ne!(scene.world.status(&coming).await["state"], "failed");
}

#[tokio::test]
async fn after_a_flood_of_all_bots_films_come_in_and_play_by_themselves() {
    let scene = Scene::flooded_for(5).await;
    let coming = scene.world.accepted(&Sending::of(&clip::matroska(4))).await.video;
    for (path, bytes) in &scene.segments {
        until_true("it plays again", async || {
            let answer = scene.world.get(path).await;
            answer.status() == 200 && answer.bytes().await.unwrap() == bytes
        })
        .await;
    }
    scene.world.ready(&coming).await;
    scene.world.protected(&coming).await;
    scene.world.protected(&scene.video).await;
}

#[tokio::test]
async fn a_download_under_way_waits_for_bots_that_rest() {
    let telegram = Telegram::with(2);
    let world = small_packs(&telegram).await;
    let video = world.published(&clip::dense(60)).await;
    world.protected(&video).await;
    let path = format!("/media/{video}/original");
    let whole = world.bytes(&path).await;
    forget_what_is_cached(&world).await;

    let mut answer = world.get(&path).await;
    let mut got = answer.chunk().await.unwrap().expect("it has a beginning").to_vec();
    telegram.world().fault_all(&Fault::once(Operation::Any, Trouble::Flood { seconds: 12 }));
    let reading = async {
        while let Some(bytes) = answer.chunk().await.unwrap() {
            got.extend_from_slice(&bytes);
        }
    };
    let both_rest = until_true("both bots rest", async || {
        let status = world.json("/api/system/bots/status").await;
        status["bots"].as_array().unwrap().iter().all(|bot| bot["state"] == "resting")
    });
    tokio::join!(reading, both_rest);
    assert!(got == whole, "{} of {} bytes", got.len(), whole.len());
}
