//! Films that come in while one of the bots is of no use: they become ready, and are protected on the others.

use crate::harness::bots::{Blow, SMALL_PACKS, Telegram, small_packs};
use crate::harness::browser::Browser;
use crate::harness::clip;
use crate::harness::wait::until_true;
use std::collections::BTreeSet;
use telegram_sim::{Fault, Operation, Trouble};

/// A film comes in while the first of four bots has its blow. Nothing of it goes there.
async fn a_film_goes_to_the_others(blow: Blow) {
    let telegram = Telegram::with(4);
    let world = small_packs(&telegram).await;
    let struck = telegram.bots()[0].clone();
    blow.strike(&telegram, &struck);

    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;

    let copies = telegram.copies();
    assert!(copies.len() >= 3 && copies.values().all(|channels| *channels == 2), "{blow:?}: {copies:?}");
    assert!(telegram.world().messages(struck.channel).is_empty(), "{blow:?}: something went to the bot that is out");
    let used: BTreeSet<_> = telegram.messages().iter().map(|message| message.by).collect();
    assert_eq!(used.len(), 3, "{blow:?}: the others share it");
    assert!(!world.player(&video).pictures().await.segments.is_empty());
}

#[tokio::test]
async fn a_film_comes_in_while_a_token_is_revoked() {
    a_film_goes_to_the_others(Blow::Revoked).await;
}

#[tokio::test]
async fn a_film_comes_in_while_a_bot_is_banned_from_its_channel() {
    a_film_goes_to_the_others(Blow::Banned).await;
}

#[tokio::test]
async fn a_film_comes_in_while_a_channel_is_gone() {
    a_film_goes_to_the_others(Blow::ChannelGone).await;
}

#[tokio::test]
async fn a_film_comes_in_while_a_bot_never_answers_a_send() {
    a_film_goes_to_the_others(Blow::Meets(Operation::Send, Trouble::Hang)).await;
}

#[tokio::test]
async fn with_one_copy_a_film_is_ready_and_once_the_second_bot_is_back_it_is_protected() {
    let telegram = Telegram::with(2);
    let mut world = telegram.folder();
    world.set([(SMALL_PACKS.0.to_owned(), SMALL_PACKS.1.to_owned())]);
    world.resume().await;
    let [first, second] = &telegram.bots()[..] else { panic!("there are two bots") };
    telegram.world().fault(second.id, Fault::standing(Operation::Any, Trouble::Status { code: 502 }));
    let video = world.published(&clip::h264_aac(4)).await;
    let status = world.status(&video).await;
    assert_eq!((&status["state"], &status["protected"]), (&"ready".into(), &false.into()), "{status}");
    assert!(
        telegram.world().messages(second.channel).is_empty() && !telegram.world().messages(first.channel).is_empty()
    );
    let browser = Browser::open().await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    let facts = "document.querySelector('#facts').textContent";
    browser.until("the page tells of the film", &format!("{facts}.includes('Added')")).await;
    assert_eq!(browser.run(&format!("return {facts}.includes('Protected')")).await, false);

    telegram.world().clear_faults(second.id);

    until_true("it is protected", async || world.status(&video).await["protected"] == true).await;
    assert!(telegram.copies().values().all(|channels| *channels == 2), "{:?}", telegram.copies());
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("and the page says so", &format!("{facts}.includes('Protected')")).await;
}
