//! A Telegram that fails all the time: nothing is lost, nothing wrong is served, nothing is left behind.

use crate::harness::World;
use crate::harness::bots::{Inventory, SMALL_PACKS, Telegram, forget_what_is_cached, small_packs, watched};
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::wait::until_true;
use reqwest::Method;
use std::collections::BTreeSet;
use telegram_sim::{Dice, Fault, Operation, Trouble};

/// So many of a hundred requests fail, in every way there is.
const DICE: Dice = Dice { percent: 30, seed: 8 };

/// Enough requests to tell what chance did.
const MANY: u64 = 400;

/// What all bots asked for so far.
fn requests(telegram: &Telegram) -> u64 {
    let counters = telegram.bots().into_iter().map(|bot| telegram.world().counters(bot.id));
    counters.map(|counters| counters.requests.values().sum::<u64>()).sum()
}

/// The film read from the store, as patiently as players are: a segment that is not to be had now is asked for again.
async fn read_patiently(world: &World, video: &str, wanted: &[Reel; 2]) {
    let tracks = world.player(video).tracks().await;
    for (reel, track) in wanted.iter().zip([tracks.video.unwrap(), tracks.audio.unwrap()]) {
        for (name, bytes) in &reel.segments {
            until_true("the segment comes", async || {
                let answer = world.get(&format!("{track}{name}")).await;
                let status = answer.status().as_u16();
                assert!([200, 502, 503].contains(&status), "{status}");
                let Ok(body) = answer.bytes().await else { return false };
                assert!(status != 200 || body == bytes, "a wrong byte was served");
                status == 200
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_film_survives_a_third_of_all_calls_failing() {
    let film = clip::h264_aac(16);
    let healthy = World::with(&[SMALL_PACKS]).await;
    let twin = healthy.published(&film).await;
    let wanted = watched(&healthy, &twin).await;
    let telegram = Telegram::with(8);
    let world = small_packs(&telegram).await;
    let before = requests(&telegram);
    telegram.world().set_dice(Some(DICE));

    let video = world.published(&film).await;
    while requests(&telegram) - before < MANY {
        forget_what_is_cached(&world).await;
        read_patiently(&world, &video, &wanted).await;
    }

    let asked = requests(&telegram) - before;
    let troubled: u64 = telegram.bots().iter().map(|bot| telegram.world().counters(bot.id).troubled).sum();
    assert!(troubled as f64 >= 0.25 * asked as f64, "{troubled} of {asked} requests met trouble");
    telegram.world().set_dice(None);
    world.protected(&video).await;
    forget_what_is_cached(&world).await;
    for (seen, wanted) in watched(&world, &video).await.iter().zip(&wanted) {
        assert!(seen.segments == wanted.segments && seen.init == wanted.init, "not the film that went in");
    }
    every_message_is_known(&telegram, &world).await;
}

/// Waits until the records know every message: as a copy, and then it lies where they say, or as litter, which a
/// deletion that failed left over.
async fn every_message_is_known(telegram: &Telegram, world: &World) {
    until_true("the records know what lies in the channels, and nothing else", async || {
        Inventory::of(telegram, world).is_exact()
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
    until_true("every document lies in two channels, once in each", async || {
        let copies = telegram.copies();
        copies.values().all(|channels| *channels == 2) && telegram.messages().len() == copies.len() * 2
    })
    .await;
    every_message_is_known(&telegram, &world).await;
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
