//! Bots that are few, slow, at rest or configured no more.

use crate::harness::bots::{Telegram, watched};
use crate::harness::clip;
use crate::harness::wait::until_true;
use reqwest::Method;
use serde_json::Value;
use telecine::catalog::Catalog;
use telegram_sim::{Fault, Operation, Trouble};

#[tokio::test]
async fn a_flipped_bit_at_the_read_back_of_an_only_bot_costs_no_film() {
    let telegram = Telegram::with(1);
    let mut world = telegram.folder();
    world.set([("REPLICAS".to_owned(), "1".to_owned())]);
    world.resume().await;
    let only = telegram.bots()[0].clone();
    telegram.world().fault(only.id, Fault::once(Operation::Download, Trouble::FlipBit { at: 99 }));

    let video = world.published(&clip::h264_aac(4)).await;

    assert!(telegram.world().faults(only.id).is_empty(), "the bit was flipped");
    world.protected(&video).await;
    assert!(telegram.copies().values().all(|channels| *channels == 1));
    assert_eq!(telegram.messages().len(), telegram.copies().len(), "what came back damaged is deleted");
}

#[tokio::test]
async fn films_of_bots_that_are_configured_no_more_say_so_and_can_be_deleted() {
    let telegram = Telegram::with(2);
    let mut world = telegram.server().await;
    let video = world.published(&clip::h264_aac(4)).await;
    world.protected(&video).await;
    let messages = telegram.messages().len();
    assert!(world.stop().await.success());
    let names = telegram.settings().into_iter().map(|(name, _)| name);
    world.set(
        names.filter(|name| name.contains("_BOT_") || name.contains("_CHANNEL_")).map(|name| (name, String::new())),
    );
    world.resume().await;

    let answer = world.get(&format!("/hls/{video}/v0/0.m4s")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"60".parse().unwrap()));
    let said: Value = answer.json().await.unwrap();
    let detail = said["detail"].as_str().unwrap();
    let is_named =
        telegram.bots().iter().any(|bot| detail.contains(&format!("the bot {}, which is not configured", bot.id)));
    assert!(said["code"] == "unavailable" && is_named, "{said}");

    let gone = world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status();
    assert!(gone.is_success(), "{gone}");
    until_true("the film is forgotten", async || world.get(&format!("/api/videos/{video}")).await.status() == 404)
        .await;
    world.at_rest().await;
    assert_eq!(world.json("/api/system/bots/status").await["litter"], messages);
    assert_eq!(telegram.messages().len(), messages, "nobody is there to delete them");
}

#[tokio::test]
async fn test_bots_leaves_a_bot_alone_that_a_server_was_told_to() {
    let telegram = Telegram::with(2);
    let world = telegram.server().await;
    let flooded = telegram.bots()[0].clone();
    telegram.world().fault(flooded.id, Fault::once(Operation::Any, Trouble::Flood { seconds: 600 }));
    assert_eq!(world.send(Method::POST, "/api/system/bots/test").await.status(), 200);
    let catalog = world.data().join("catalog.sqlite");
    until_true("the server notes it", async || !Catalog::saved_bots_beside(&catalog).unwrap().0.is_empty()).await;
    let asked = telegram.world().counters(flooded.id).requests;

    let tested = world.run(&["test-bots"]);

    let table = String::from_utf8(tested.stdout).unwrap();
    assert_eq!(tested.status.code(), Some(1), "{table}");
    assert!(table.contains("Wait ") && table.ends_with("2 bots: 1 well, 1 to repair\n"), "{table}");
    assert_eq!(telegram.world().counters(flooded.id).requests, asked, "it is left alone");
}

#[tokio::test]
async fn a_bot_api_slower_than_viewers_like_is_no_fault_of_the_bots() {
    let telegram = Telegram::with(2);
    let mut world = telegram.server().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let wanted = watched(&world, &video).await;
    // No link is remembered, so that a first byte costs two requests.
    assert!(world.stop().await.success());
    world.resume().await;
    telegram.world().fault_all(&Fault::standing(Operation::Any, Trouble::Latency { ms: 1_300 }));

    assert!(watched(&world, &video).await == wanted);

    for slot in [1, 2] {
        until_true("every request is answered", async || world.bot(slot).await["in_flight"] == 0).await;
        let bot = world.bot(slot).await;
        assert_eq!((&bot["state"], &bot["errors"]), (&"healthy".into(), &0.into()), "{bot}");
    }
}
