//! Everything that goes wrong on purpose, as a client sees it.

use crate::client::{Talk, document, noise, refused, until};
use serde_json::json;
use std::time::Duration;
use telegram_sim::{Bot, Fault, Operation, Trouble};

async fn link_of(talk: &Talk, bot: &Bot, bytes: Vec<u8>) -> String {
    let message = talk.send(bot, bytes).await.result();
    talk.link(bot, &message["document"]["file_id"]).await
}

#[tokio::test]
async fn a_flood_wait_stays_for_its_time() {
    let talk = Talk::bots(2);
    let (bot, other) = (talk.bot(0), talk.bot(1));
    talk.world().fault(bot.id, Fault::once(Operation::Any, Trouble::Flood { seconds: 600 }));
    let refused = talk.send(&bot, "x").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["parameters"]["retry_after"], 600);
    assert_eq!(refused.retry_after.as_deref(), Some("600"));
    talk.send(&other, "x").await.result();
    talk.world().advance(Duration::from_secs(300)).unwrap();
    let later = talk.send(&bot, "x").await.body["parameters"]["retry_after"].as_u64().unwrap();
    assert!((200..=300).contains(&later), "{later}");
    talk.world().advance(Duration::from_secs(300)).unwrap();
    talk.send(&bot, "x").await.result();
    assert!(talk.world().faults(bot.id).is_empty());
}

#[tokio::test]
async fn refusals_on_demand_look_like_the_real_ones() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    for (trouble, refusal) in [
        (Trouble::Status { code: 500 }, refused(500, "Internal Server Error")),
        (Trouble::Status { code: 502 }, refused(502, "Bad Gateway")),
        (Trouble::Unauthorized, refused(401, "Unauthorized")),
        (Trouble::Forbidden, refused(403, "Forbidden: bot was kicked from the channel chat")),
    ] {
        talk.world().fault(bot.id, Fault::once(Operation::GetMe, trouble));
        assert_eq!(talk.call(&bot, "getMe", json!({})).await.refusal(), refusal);
        talk.call(&bot, "getMe", json!({})).await.result();
    }
    talk.world().fault(bot.id, Fault::standing(Operation::Download, Trouble::Status { code: 503 }));
    let link = link_of(&talk, &bot, noise(9)).await;
    for _ in 0..3 {
        assert_eq!(talk.http.get(&link).send().await.unwrap().status(), 503);
    }
    talk.world().clear_faults(bot.id);
    assert_eq!(talk.read(&link).await.unwrap(), noise(9));
}

#[tokio::test]
async fn a_reset_breaks_the_connection_and_does_nothing() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    talk.world().fault(bot.id, Fault::once(Operation::Send, Trouble::Reset));
    let error = talk.try_send(&bot, noise(3_000_000)).await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(talk.world().messages(bot.channel).is_empty());
    talk.send(&bot, noise(3_000_000)).await.result();
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message_there() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    talk.world().fault(bot.id, Fault::once(Operation::Send, Trouble::LoseAnswer));
    let error = talk.try_send(&bot, "x").await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(talk.world().messages(bot.channel).len(), 1);
    assert_eq!(talk.world().counters(bot.id).requests_of("sendDocument"), 1);
}

#[tokio::test]
async fn a_hung_request_is_never_answered_and_ends_when_the_client_leaves() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    talk.world().fault(bot.id, Fault::once(Operation::Send, Trouble::Hang));
    let form = document("x").text("chat_id", bot.channel.to_string());
    let mut sent = tokio::spawn(talk.http.post(talk.address(&bot, "sendDocument")).multipart(form).send());
    until("the send has begun", || talk.world().counters(bot.id).sends == 1).await;
    let hung = tokio::time::timeout(Duration::from_millis(300), &mut sent).await;
    assert!(hung.is_err(), "{hung:?}");
    assert_eq!(talk.world().counters(bot.id).sends, 1);
    sent.abort();
    until("the send has ended", || talk.world().counters(bot.id).sends == 0).await;
    assert!(talk.world().messages(bot.channel).is_empty());
}

#[tokio::test]
async fn a_dropped_download_is_too_short_and_an_error() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let link = link_of(&talk, &bot, noise(2_000_000)).await;
    talk.world().fault(bot.id, Fault::once(Operation::Download, Trouble::DropAfter { bytes: 1_000_000 }));
    let mut answer = talk.http.get(&link).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(2_000_000));
    let mut got = Vec::new();
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => panic!("the body ended well after {} bytes", got.len()),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(got, noise(2_000_000)[..got.len()]);
    assert!(!got.is_empty() && got.len() <= 1_000_000, "{}", got.len());
    assert_eq!(talk.read(&link).await.unwrap(), noise(2_000_000));
}

#[tokio::test]
async fn exactly_one_bit_is_flipped_where_it_was_asked_for() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let bytes = noise(700_000);
    let link = link_of(&talk, &bot, bytes.clone()).await;
    talk.world().fault(bot.id, Fault::once(Operation::Download, Trouble::FlipBit { at: 500_000 }));
    let part = talk.http.get(&link).header("range", "bytes=0-499999").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), bytes[..500_000], "the byte is not in there");
    let mut expected = bytes[400_000..].to_vec();
    expected[100_000] ^= 1;
    let part = talk.http.get(&link).header("range", "bytes=400000-").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), expected);
    assert_eq!(talk.read(&link).await.unwrap(), bytes);
}

#[tokio::test]
async fn slow_and_late_take_at_least_their_time() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let link = link_of(&talk, &bot, noise(20_000)).await;
    talk.world().fault(bot.id, Fault::times(2, Operation::Any, Trouble::Slow { bytes_per_second: 50_000 }));
    let begun = std::time::Instant::now();
    assert_eq!(talk.read(&link).await.unwrap(), noise(20_000));
    assert!(begun.elapsed() >= Duration::from_millis(400));
    talk.send(&bot, noise(10_000)).await.result();
    assert!(begun.elapsed() >= Duration::from_millis(600));
    talk.world().fault(bot.id, Fault::once(Operation::GetMe, Trouble::Latency { ms: 200 }));
    let begun = std::time::Instant::now();
    talk.call(&bot, "getMe", json!({})).await.result();
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn what_is_held_up_goes_on_when_it_is_let_go() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let link = link_of(&talk, &bot, noise(5000)).await;
    talk.world().fault(bot.id, Fault::standing(Operation::Download, Trouble::Hold));
    let download = tokio::spawn(talk.http.get(&link).send());
    until("the download has arrived", || talk.world().counters(bot.id).downloads == 1).await;
    talk.call(&bot, "getMe", json!({})).await.result();
    assert!(!download.is_finished());
    talk.world().clear_faults(bot.id);
    assert_eq!(download.await.unwrap().unwrap().bytes().await.unwrap(), noise(5000));
}

#[tokio::test]
async fn a_download_is_counted_while_it_runs_and_until_the_client_leaves() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let link = link_of(&talk, &bot, noise(50_000)).await;
    talk.world().fault(bot.id, Fault::standing(Operation::Download, Trouble::Slow { bytes_per_second: 1 }));
    let (one, two) = (talk.http.get(&link).send().await.unwrap(), talk.http.get(&link).send().await.unwrap());
    assert_eq!(talk.world().counters(bot.id).downloads, 2);
    drop((one, two));
    until("the downloads have ended", || talk.world().counters(bot.id).downloads == 0).await;
    let counters = talk.world().counters(bot.id);
    assert_eq!((counters.downloads_peak, counters.requests_of("download")), (2, 2));
}

#[tokio::test]
async fn a_simulator_ends_though_a_client_waits() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    talk.world().fault(bot.id, Fault::once(Operation::Any, Trouble::Hang));
    let request = tokio::spawn(talk.http.post(talk.address(&bot, "getMe")).send());
    until("the request has arrived", || talk.world().counters(bot.id).requests_of("getMe") == 1).await;
    drop(talk);
    let error = request.await.unwrap().unwrap_err();
    assert!(error.is_request(), "{error:?}");
}
