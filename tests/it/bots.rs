//! Films whose disk is Telegram: kept twice, played byte for byte, whatever happens to a bot.

use crate::harness::World;
use crate::harness::bots::Telegram;
use crate::harness::browser::Browser;
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::wait::{until, until_true};
use reqwest::Method;
use serde_json::Value;
use std::process::Output;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Rights, Standing, Trouble};

/// Pictures and sound, read from the store and not from memory.
async fn from_the_store(world: &World, video: &str) -> [Reel; 2] {
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
    [world.player(video).pictures().await, world.player(video).sound().await]
}

/// The same film from a server that keeps it on its own disk.
async fn from_a_disk(film: &clip::Clip) -> [Reel; 2] {
    let world = World::start().await;
    let video = world.published(film).await;
    [world.player(&video).pictures().await, world.player(&video).sound().await]
}

fn assert_same(seen: &[Reel; 2], wanted: &[Reel; 2]) {
    for (seen, wanted) in seen.iter().zip(wanted) {
        assert!(!wanted.segments.is_empty());
        assert!(seen == wanted, "not the film that went in:\n{}\n{}", seen.text, wanted.text);
    }
}

async fn tested(world: &World) -> Value {
    let answer = world.send(Method::POST, "/api/system/bots/test").await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_film_lies_in_two_channels_and_plays_byte_for_byte() {
    let telegram = Telegram::with(3);
    let world = telegram.server().await;
    let film = clip::h264_aac(16);
    let video = world.published(&film).await;
    world.protected(&video).await;

    assert_same(&from_the_store(&world, &video).await, &from_a_disk(&film).await);

    let copies = telegram.copies();
    assert!(copies.len() >= 3 && copies.values().all(|channels| *channels == 2), "{copies:?}");
    for message in telegram.messages() {
        let caption = message.caption.unwrap_or_default();
        assert!(caption.starts_with("telecine/1 "), "{caption}");
        assert!(!message.document.unwrap().name.contains("clip"), "names tell nothing");
    }
    assert_eq!(world.files("channels"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.files("spool/packs"), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn the_status_shows_where_everything_lies() {
    let telegram = Telegram::with(3);
    let world = telegram.server().await;
    let video = world.published(&clip::h264_aac(4)).await;
    world.protected(&video).await;
    until("each bot was looked at", async || {
        let status = world.json("/api/system/bots/status").await;
        status["bots"].as_array()?.iter().all(|bot| bot["username"].is_string()).then_some(())
    })
    .await;
    let status = world.json("/api/system/bots/status").await;
    assert_eq!((&status["store"], &status["litter"], &status["doubts"]), (&"telegram".into(), &0.into(), &0.into()));
    let mut shares = 0.0;
    for (bot, known) in telegram.bots().iter().zip(status["bots"].as_array().unwrap()) {
        let lie_there = telegram.world().messages(bot.channel).len();
        assert_eq!((&known["copies"], &known["messages"]), (&lie_there.into(), &lie_there.into()), "{known}");
        assert_eq!((&known["username"], &known["channel"]), (&bot.username.as_str().into(), &bot.channel.0.into()));
        assert_eq!(
            (&known["state"], &known["reason"], &known["can_delete"]),
            (&"healthy".into(), &Value::Null, &true.into())
        );
        shares += known["share"].as_f64().unwrap();
    }
    assert!((shares - 1.0).abs() < 1e-9, "{status}");
    let metrics = world.get("/metrics").await.text().await.unwrap();
    for bot in status["bots"].as_array().unwrap() {
        let line = format!("telecine_bot_messages_total{{slot=\"{}\"}} {}", bot["slot"], bot["messages"]);
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }

    let local = World::start().await;
    let status = local.json("/api/system/bots/status").await;
    assert_eq!((&status["store"], &status["bots"]), (&"local".into(), &Value::Array(Vec::new())));
    for path in ["/api/system/bots/test", "/api/system/migrate"] {
        let refused = local.send(Method::POST, path).await;
        assert_eq!(refused.status(), 409, "{path}");
        assert!(refused.text().await.unwrap().contains("TELEGRAM_BOT_TOKEN_1"), "{path}");
    }
}

#[tokio::test]
async fn a_flooded_bot_is_passed_over_and_rests_on_after_a_restart() {
    let telegram = Telegram::with(3);
    let mut world = telegram.server().await;
    let film = clip::h264_aac(16);
    let first = world.published(&film).await;
    world.protected(&first).await;
    let flooded = telegram.bots()[0].clone();
    let before = telegram.world().messages(flooded.channel).len();
    telegram.world().fault(flooded.id, Fault::once(Operation::Send, Trouble::Flood { seconds: 600 }));

    let found = tested(&world).await;
    assert_eq!((&found["ok"], &found["bots"][1]["failures"]), (&false.into(), &Value::Array(Vec::new())), "{found}");
    let advice = found["bots"][0]["failures"][0]["advice"].as_str().unwrap();
    assert!(advice.starts_with("Wait "), "{found}");
    let rests = world.bot(1).await;
    assert_eq!((&rests["state"], &rests["reason"]), (&"resting".into(), &"flood".into()));
    assert!(rests["resting_until"].as_str().is_some_and(|until| until.ends_with('Z')), "{rests}");
    assert_same(&from_the_store(&world, &first).await, &from_a_disk(&film).await);
    let second = world.published(&clip::matroska(4)).await;
    world.protected(&second).await;
    assert_eq!(telegram.world().messages(flooded.channel).len(), before, "nothing goes to the bot that rests");

    telegram.world().clear_faults(flooded.id);
    assert!(world.stop().await.success());
    world.resume().await;
    let asked = telegram.world().counters(flooded.id).requests;
    assert_same(&from_the_store(&world, &first).await, &from_a_disk(&film).await);
    let after = world.bot(1).await;
    assert_eq!((&after["state"], &after["resting_until"]), (&rests["state"], &rests["resting_until"]));
    assert_eq!(
        (&after["pace"], &rests["pace"]),
        (&0.5.into(), &0.5.into()),
        "and what the flood taught is not forgotten"
    );
    assert_eq!(telegram.world().counters(flooded.id).requests, asked, "a bot that rests is left alone");
}

#[tokio::test]
async fn a_revoked_token_stops_no_film_and_is_named() {
    let telegram = Telegram::with(3);
    let world = telegram.server().await;
    let film = clip::h264_aac(16);
    let videos = [world.published(&film).await, world.published(&clip::mpeg4_mp3(4)).await];
    for video in &videos {
        world.protected(video).await;
    }
    let before = from_the_store(&world, &videos[1]).await;
    let revoked = telegram.bots()[1].clone();
    telegram.world().revoke(revoked.id).unwrap();

    assert_same(&from_the_store(&world, &videos[0]).await, &from_a_disk(&film).await);
    assert_same(&from_the_store(&world, &videos[1]).await, &before);
    let found = tested(&world).await;
    assert_eq!(found["bots"][1]["failures"][0]["step"], "token", "{found}");
    let out = world.bot(2).await;
    assert_eq!((&out["state"], &out["reason"]), (&"out".into(), &"unauthorized".into()), "{out}");
    let (code, table, _) = said(&world.run(&["test-bots"]));
    assert!(code == Some(1) && table.contains("TELEGRAM_BOT_TOKEN_2"), "{table}");
    assert!(table.ends_with("3 bots: 2 well, 1 to repair\n"), "{table}");
}

#[tokio::test]
async fn a_film_deleted_for_good_leaves_no_message() {
    let telegram = Telegram::with(2);
    let world = telegram.server().await;
    let kept = world.published(&clip::matroska(4)).await;
    world.protected(&kept).await;
    let before = telegram.messages().len();
    let video = world.published(&clip::h264_aac(4)).await;
    world.protected(&video).await;
    assert!(telegram.messages().len() > before);
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status().as_u16() / 100, 2);
    until_true("its messages are gone", async || telegram.messages().len() == before).await;
    world.player(&kept).pictures().await;
}

#[tokio::test]
async fn a_film_older_than_two_days_leaves_the_library_and_its_messages_are_known_as_litter() {
    let telegram = Telegram::with(2);
    let world = telegram.server().await;
    let video = world.published(&clip::h264_aac(4)).await;
    world.protected(&video).await;
    let messages = telegram.messages().len();
    telegram.world().advance(Duration::from_secs(49 * 3600)).unwrap();
    assert_eq!(world.json("/api/system/bots/status").await["litter"], 0);

    assert!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status().is_success());

    until_true("it is gone", async || world.get(&format!("/api/videos/{video}")).await.status() == 404).await;
    world.at_rest().await;
    assert!(world.videos().await.is_empty());
    assert_eq!(telegram.messages().len(), messages, "Telegram deletes nothing that old for a bot");
    assert_eq!(world.json("/api/system/bots/status").await["litter"], messages);
}

#[tokio::test]
async fn test_bots_tells_what_works_and_what_to_do() {
    let telegram = Telegram::with(3);
    let world = telegram.folder();
    let (code, table, errors) = said(&world.run(&["test-bots"]));
    assert_eq!(code, Some(0), "{table}{errors}");
    assert_eq!(table.lines().count(), 6, "a heading, a line a bot, and the sum: {table}");
    for bot in telegram.bots() {
        let line = table.lines().find(|line| line.contains(&format!("@{} ", bot.username))).unwrap();
        assert!(line.contains(&bot.channel.0.to_string()) && line.contains("ok"), "{line}");
    }
    assert!(telegram.messages().is_empty(), "what was sent is deleted");

    let bare = telegram.bots()[1].clone();
    let rights = Rights { delete: false, ..Rights::ALL };
    telegram.world().set_standing(bare.channel, bare.id, Standing::Administrator(rights)).unwrap();
    let (code, table, _) = said(&world.run(&["test-bots"]));
    let advice = format!("Add @{} as administrator", bare.username);
    assert!(code == Some(1) && table.contains("may not delete") && table.contains(&advice), "{table}");
    let (code, json, _) = said(&world.run(&["test-bots", "--json"]));
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &found["ok"], &found["bots"][1]["can_delete"]), (Some(1), &false.into(), &false.into()));
    assert_eq!(found["bots"][0]["failures"], Value::Array(Vec::new()), "{found}");

    let (code, table, errors) = said(&World::prepared(&[]).run(&["test-bots"]));
    assert!(code == Some(2) && table.is_empty() && errors.contains("no bot is configured"), "{errors}");
}

#[tokio::test]
async fn films_of_this_machine_move_to_the_bots_and_play_on() {
    let film = clip::h264_aac(16);
    let mut world = World::start().await;
    let video = world.published(&film).await;
    world.at_rest().await;
    let before = from_the_store(&world, &video).await;
    assert_eq!(said(&world.run(&["migrate"])).0, Some(2), "there is nowhere to move to");
    assert!(world.stop().await.success());
    let telegram = Telegram::with(3);
    world.set(telegram.settings());

    // Nothing can be moved while no bot may post; the film stays where it is.
    let all_are = |standing| {
        telegram.bots().iter().for_each(|bot| telegram.world().set_standing(bot.channel, bot.id, standing).unwrap());
    };
    all_are(Standing::Member);
    let (code, told, errors) = said(&world.run(&["migrate", "--patience", "0"]));
    assert_eq!(code, Some(1), "{told}{errors}");
    assert!(told.contains("could not be moved now") && told.contains("The store does not answer"), "{told}{errors}");
    assert!(world.files("channels").len() >= 3);
    all_are(Standing::Administrator(Rights::ALL));
    world.resume().await;
    let left = world.json("/api/system/migrate").await;
    assert!(left["blobs"].as_u64() > Some(0), "{left}");
    assert_same(&from_the_store(&world, &video).await, &before);
    let (code, told, errors) = said(&world.run(&["migrate"]));
    assert_eq!(code, Some(0), "{told}{errors}");
    assert_eq!(world.json("/api/system/migrate").await["blobs"], 0);
    assert_eq!(world.files("channels"), Vec::<std::path::PathBuf>::new());
    world.protected(&video).await;
    assert_same(&from_the_store(&world, &video).await, &before);
    assert!(telegram.copies().values().all(|channels| *channels == 2), "{:?}", telegram.copies());
}

#[tokio::test]
async fn the_page_shows_each_bot_and_what_a_test_found() {
    let telegram = Telegram::with(8);
    let world = telegram.server().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let bots = telegram.bots();
    telegram.world().fault(bots[1].id, Fault::once(Operation::Any, Trouble::Flood { seconds: 600 }));
    telegram.world().revoke(bots[4].id).unwrap();
    let browser = Browser::open().await;
    browser.goto(&world.url("/system")).await;
    browser.until("a row for each bot", "document.querySelectorAll('#bots > .bot').length === 8").await;
    browser.run("document.querySelector('#test-bots').click()").await;
    let row = |bot: usize| format!("document.querySelectorAll('#bots > .bot')[{}].textContent", bot - 1);
    for (bot, word) in [
        (1, "Fine"),
        (1, "Sent, read back and deleted"),
        (2, "Waiting"),
        (2, "Telegram asked for a pause"),
        (5, "Needs you"),
        (5, "TELEGRAM_BOT_TOKEN_5"),
    ] {
        browser.until(&format!("{word} at bot {bot}"), &format!("{}.includes('{word}')", row(bot))).await;
    }
    let sentence = "document.querySelector('#sentence').textContent.includes('1 bot needs you.')";
    browser.until("the first sentence says it", sentence).await;
    for (width, theme) in [(390, "dark"), (1280, "light"), (1280, "dark"), (1920, "light")] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        browser.resize(width, 1400).await;
        browser.run("document.querySelector('#bots-box').scrollIntoView({block: 'center'})").await;
        let overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        browser.until("nothing is wider than the page", overflow).await;
        browser.keep_picture(&format!("bots-{theme}-{width}")).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
