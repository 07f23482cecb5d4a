//! A Telegram that fails all the time: nothing is lost, nothing wrong is served, nothing is left behind.

use crate::harness::World;
use crate::harness::bots::Telegram;
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::wait::{until, until_true};
use reqwest::Method;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telegram_sim::{Fault, Operation, Trouble};

/// Packs of so many bytes make a short film many messages.
const SMALL_PACKS: (&str, &str) = ("TELEGRAM_MAX_FILE_SIZE", "256KiB");

/// What a request meets, in turn.
const TROUBLES: [(Operation, Trouble); 7] = [
    (Operation::Any, Trouble::Status { code: 500 }),
    (Operation::Any, Trouble::Reset),
    (Operation::Send, Trouble::LoseAnswer),
    (Operation::Download, Trouble::DropAfter { bytes: 1_000 }),
    (Operation::Any, Trouble::Status { code: 502 }),
    (Operation::Download, Trouble::FlipBit { at: 99 }),
    (Operation::Send, Trouble::LoseAnswer),
];

/// Keeps about three of ten requests failing until told to stop. Answers how many faults were made.
async fn trouble(telegram: &Telegram, stop: &AtomicBool) -> u64 {
    let bots = telegram.bots();
    let mut made = vec![0_u64; bots.len()];
    while !stop.load(Ordering::Relaxed) {
        for (bot, made) in bots.iter().zip(&mut made) {
            let asked = telegram.world().counters(bot.id).requests.values().sum::<u64>();
            let is_idle = telegram.world().faults(bot.id).is_empty();
            if is_idle && *made * 10 < asked * 3 {
                let turn = usize::try_from(*made).unwrap() + usize::try_from(bot.id.0 % 7).unwrap();
                let (operation, trouble) = TROUBLES[turn % TROUBLES.len()].clone();
                telegram.world().fault(bot.id, Fault::once(operation, trouble));
                *made += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bots.iter().for_each(|bot| telegram.world().clear_faults(bot.id));
    made.into_iter().sum()
}

async fn served(world: &World, video: &str) -> [Reel; 2] {
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
    [world.player(video).pictures().await, world.player(video).sound().await]
}

#[tokio::test]
async fn a_film_survives_a_third_of_all_calls_failing() {
    let telegram = Telegram::with(8);
    let mut world = telegram.folder();
    world.set(vec![(SMALL_PACKS.0.into(), SMALL_PACKS.1.into())]);
    world.resume().await;
    let film = clip::h264_aac(16);
    let stop = AtomicBool::new(false);
    let ingest = async {
        let video = world.published(&film).await;
        stop.store(true, Ordering::Relaxed);
        video
    };
    let (made, video) = tokio::join!(trouble(&telegram, &stop), ingest);
    assert!(made > 10, "only {made} faults");
    world.protected(&video).await;

    let healthy = World::with(&[SMALL_PACKS]).await;
    let wanted = healthy.published(&film).await;
    assert_eq!(served(&world, &video).await, served(&healthy, &wanted).await, "not the film that went in");
    nothing_unnamed_is_left(&telegram).await;
}

/// Waits until every message is one of two copies of a document, each in a channel of its own.
async fn nothing_unnamed_is_left(telegram: &Telegram) {
    until_true("every document lies in two channels, once in each", async || {
        let copies = telegram.copies();
        copies.values().all(|channels| *channels == 2) && telegram.messages().len() == copies.len() * 2
    })
    .await;
}

#[tokio::test]
async fn what_lost_answers_left_in_the_channels_is_removed() {
    let telegram = Telegram::with(3);
    let world = telegram.server().await;
    telegram.world().fault_all(&Fault::once(Operation::Send, Trouble::LoseAnswer));
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    nothing_unnamed_is_left(&telegram).await;
}

#[tokio::test]
async fn what_is_forwarded_from_a_dead_bot_lies_once_in_its_new_channel() {
    let telegram = Telegram::of_members(2);
    let world = telegram.server().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let [dead, alive] = &telegram.bots()[..] else { panic!("there are two bots") };
    for message in telegram.world().messages(alive.channel) {
        telegram.world().lose_message(alive.channel, message.id).unwrap();
    }
    telegram.world().fault(alive.id, Fault::once(Operation::Forward, Trouble::LoseAnswer));
    telegram.world().revoke(dead.id).unwrap();
    let forwards = || telegram.world().counters(alive.id).requests_of("forwardMessage");
    let before = forwards();

    until_true("a missed copy is forwarded, and once more as nobody answered", async || {
        assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
        let _ = world.get(&format!("/hls/{video}/v0/0.m4s")).await;
        forwards() >= before + 2
    })
    .await;
    until_true("the first forward is looked for", async || world.json("/api/system/bots/status").await["doubts"] == 0)
        .await;

    let rescued = telegram.world().messages(alive.channel);
    let documents: BTreeSet<_> = rescued.iter().map(|message| &message.document.as_ref().unwrap().blake3).collect();
    assert!(!rescued.is_empty() && rescued.len() == documents.len(), "{rescued:?}");
    assert_eq!(world.get(&format!("/hls/{video}/v0/0.m4s")).await.status(), 200);
}

#[tokio::test]
async fn when_all_bots_rest_what_is_cached_plays_and_the_rest_says_when_to_ask_again() {
    let telegram = Telegram::with(2);
    let world = telegram.server().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
    let segment = |number: u32| format!("/hls/{video}/v0/{number}.m4s");
    let cached = world.get(&segment(0)).await.bytes().await.unwrap();
    telegram.world().fault_all(&Fault::once(Operation::Any, Trouble::Flood { seconds: 3 }));

    let refused = until("a bot is asked and rests", async || {
        assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
        let answer = world.get(&segment(1)).await;
        (answer.status() == 503).then_some(answer)
    })
    .await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait} s");
    until_true("the film goes on by itself", async || world.get(&segment(1)).await.status() == 200).await;
    assert_eq!(world.get(&segment(0)).await.bytes().await.unwrap(), cached);
}
