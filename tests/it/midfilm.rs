//! A bot that is struck while somebody is in the middle of a film: nothing is noticed.

use crate::harness::World;
use crate::harness::bots::{Blow, Telegram, forget_what_is_cached, most_read, small_packs, watched};
use crate::harness::browser::Browser;
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::wait::until_true;
use telegram_sim::{Bot, Operation, Trouble};

const VIDEO: &str = "document.querySelector('video#player')";

/// Plays these segments of the pictures.
async fn play(world: &World, video: &str, segments: &[(String, Vec<u8>)], told: &str) {
    for (name, bytes) in segments {
        let answer = world.get(&format!("/hls/{video}/v0/{name}")).await;
        assert_eq!(answer.status(), 200, "{told}: {name}");
        assert!(answer.bytes().await.unwrap() == bytes, "{told}: {name}");
    }
}

/// Plays the pictures, with a blow after the first third to the bot that most of the rest is read from.
async fn struck_in_mid_film(telegram: &Telegram, world: &World, video: &str, wanted: &Reel, blow: &Blow) {
    // A blow before may have brought a bot to rest, left it requests that nobody answers, and damaged copies; two at
    // once are another story.
    for slot in (1..).take(telegram.bots().len()) {
        let is_well = |bot: &serde_json::Value| bot["state"] == "healthy" && bot["in_flight"] == 0;
        until_true("every bot is well", async || is_well(&world.bot(slot).await)).await;
    }
    world.protected(video).await;
    let (first, rest) = wanted.segments.split_at(wanted.segments.len() / 3);
    let asked = |bot: &Bot| telegram.world().counters(bot.id).requests.values().sum::<u64>();
    forget_what_is_cached(world).await;
    play(world, video, first, "all are well").await;
    let before: Vec<(Bot, u64)> = telegram.bots().into_iter().map(|bot| (bot.clone(), asked(&bot))).collect();
    play(world, video, rest, "all are well").await;
    let (struck, _) = before.into_iter().max_by_key(|(bot, before)| asked(bot) - before).unwrap();

    forget_what_is_cached(world).await;
    play(world, video, first, "all are well").await;
    blow.strike(telegram, &struck);
    // Much of it may have been read ahead.
    forget_what_is_cached(world).await;
    let before = asked(&struck);
    play(world, video, rest, &format!("{blow:?}")).await;
    if matches!(blow, Blow::Revoked) {
        // Nobody can count what is asked with a worthless token; that it is worthless, the server learns by asking.
        let slot = (1..).zip(telegram.bots()).find(|(_, bot)| bot.id == struck.id).unwrap().0;
        assert_eq!(world.bot(slot).await["state"], "out", "{blow:?}: the bot was not even asked");
    } else {
        assert!(asked(&struck) > before, "{blow:?}: the bot was not even asked");
    }
    telegram.world().clear_faults(struck.id);
}

async fn film() -> (Telegram, World, String, Reel) {
    let telegram = Telegram::with(8);
    let world = small_packs(&telegram).await;
    let video = world.published(&clip::h264_aac(60)).await;
    world.protected(&video).await;
    let [pictures, _] = watched(&world, &video).await;
    (telegram, world, video, pictures)
}

#[tokio::test]
async fn a_bot_that_falls_ill_in_mid_film_is_not_noticed() {
    let (telegram, world, video, wanted) = film().await;
    let blows = [
        (Operation::Any, Trouble::Hang),
        (Operation::Any, Trouble::Reset),
        (Operation::Any, Trouble::Status { code: 500 }),
        (Operation::Download, Trouble::Status { code: 502 }),
        (Operation::Download, Trouble::DropAfter { bytes: 1000 }),
        (Operation::Download, Trouble::FlipBit { at: 99 }),
        (Operation::Download, Trouble::Slow { bytes_per_second: 1 }),
        (Operation::Any, Trouble::Flood { seconds: 3 }),
        (Operation::Any, Trouble::Flood { seconds: 600 }),
    ];
    for (operation, trouble) in blows {
        struck_in_mid_film(&telegram, &world, &video, &wanted, &Blow::Meets(operation, trouble)).await;
    }
}

#[tokio::test]
async fn a_bot_that_dies_in_mid_film_is_not_noticed() {
    for blow in [Blow::Revoked, Blow::Banned, Blow::ChannelGone] {
        let (telegram, world, video, wanted) = film().await;
        struck_in_mid_film(&telegram, &world, &video, &wanted, &blow).await;
    }
}

#[tokio::test]
async fn in_a_browser_a_film_plays_on_over_a_bot_that_is_silent() {
    let telegram = Telegram::with(8);
    let world = small_packs(&telegram).await;
    let video = world.published(&clip::h264_aac(60)).await;
    world.protected(&video).await;
    let (_, struck) = most_read(&telegram, &world, &video).await;
    forget_what_is_cached(&world).await;
    let browser = Browser::open().await;
    // A player may fetch all of a small film in a moment: the blow comes before that.
    Blow::Meets(Operation::Any, Trouble::Hang).strike(&telegram, &struck);
    let asked = || telegram.world().counters(struck.id).requests.values().sum::<u64>();
    let before = asked();
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", &format!("{VIDEO}?.readyState >= 2")).await;
    let watch = format!(
        "const v = {VIDEO}; v.muted = true; v.play().catch(() => {{}}); window.breaks = [];
         for (const name of ['emptied', 'seeking', 'pause', 'error']) v.addEventListener(name, () => breaks.push(name));"
    );
    browser.run(&watch).await;
    browser.until("it plays", &format!("{VIDEO}.currentTime > 1")).await;
    browser.run(&format!("{VIDEO}.playbackRate = 2")).await;
    browser.until("it plays on", &format!("{VIDEO}.currentTime > 50 && !{VIDEO}.paused")).await;
    assert!(asked() > before, "the silent bot was not even asked");
    assert_eq!(browser.run("return breaks").await, serde_json::json!([]), "it went on in one piece");
}
