//! Documents on their way out.

use crate::client::{Talk, answer, noise, refused};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use telegram_sim::{Limits, Ranges, Settings};

const WRONG_FILE: &str = "Bad Request: wrong file_id or the file is temporarily unavailable";

#[tokio::test]
async fn a_document_comes_back_as_it_was_sent() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let bytes = noise(1_500_000);
    let message = talk.send(&bot, bytes.clone()).await.result();
    let file = talk.call(&bot, "getFile", json!({ "file_id": message["document"]["file_id"] })).await.result();
    assert_eq!(file["file_unique_id"], message["document"]["file_unique_id"]);
    assert_eq!(file["file_size"], 1_500_000);
    let link = talk.link(&bot, &message["document"]["file_id"]).await;
    assert_eq!(talk.read(&link).await.unwrap(), bytes);
    let counters = talk.world().counters(bot.id);
    assert_eq!((counters.requests_of("download"), counters.requests_of("getFile")), (1, 2));
    assert_eq!((counters.bytes_out, counters.downloads_peak), (1_500_000, 1));
}

#[tokio::test]
async fn a_range_is_honoured_unless_told_otherwise() {
    let bytes = noise(600_000);
    for ranges in [Ranges::Honoured, Ranges::Ignored] {
        let talk = Talk::with(Settings { ranges, ..Settings::bots(1) });
        let bot = talk.bot(0);
        let message = talk.send(&bot, bytes.clone()).await.result();
        let link = talk.link(&bot, &message["document"]["file_id"]).await;
        let read = async |range: &str| talk.http.get(&link).header("range", range).send().await.unwrap();
        let part = read("bytes=1000-299999").await;
        if ranges == Ranges::Ignored {
            assert_eq!((part.status(), part.headers().get("accept-ranges")), (StatusCode::OK, None));
            assert_eq!(part.bytes().await.unwrap(), bytes);
            continue;
        }
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()["content-range"], "bytes 1000-299999/600000");
        assert_eq!(part.bytes().await.unwrap(), bytes[1000..300_000]);
        assert_eq!(read("bytes=599990-").await.bytes().await.unwrap(), bytes[599_990..]);
        assert_eq!(read("bytes=-5").await.bytes().await.unwrap(), bytes[599_995..]);
        assert_eq!(read("bytes=0-1,5-6").await.status(), StatusCode::OK);
        assert_eq!(read("letters=0-1").await.status(), StatusCode::OK);
        assert_eq!(read("bytes=600000-").await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    }
}

#[tokio::test]
async fn a_file_id_is_good_for_its_own_bot_only() {
    let talk = Talk::bots(2);
    let (own, other) = (talk.bot(0), talk.bot(1));
    let message = talk.send(&own, "secret").await.result();
    let wrong = json!({ "file_id": message["document"]["file_id"] });
    assert_eq!(talk.call(&other, "getFile", wrong).await.refusal(), refused(400, WRONG_FILE));
    let unique = json!({ "file_id": message["document"]["file_unique_id"] });
    assert_eq!(talk.call(&own, "getFile", unique).await.refusal(), refused(400, WRONG_FILE));
    let resend = json!({ "chat_id": other.channel, "document": message["document"]["file_id"] });
    assert_eq!(talk.call(&other, "sendDocument", resend).await.refusal(), refused(400, WRONG_FILE));
    let none = refused(400, "Bad Request: file_id not specified");
    assert_eq!(talk.call(&own, "getFile", json!({})).await.refusal(), none);
    let link = talk.link(&own, &message["document"]["file_id"]).await;
    let stolen = talk.http.get(link.replace(&own.token, &other.token)).send().await.unwrap();
    assert_eq!(answer(stolen).await.unwrap().refusal(), refused(404, "Not Found"));
}

#[tokio::test]
async fn a_file_above_the_limit_can_be_sent_but_not_read() {
    let limits = Limits { download_bytes: 10, ..Limits::default() };
    let talk = Talk::with(Settings { limits, ..Settings::bots(1) });
    let bot = talk.bot(0);
    let fits = talk.send(&bot, noise(10)).await.result();
    talk.link(&bot, &fits["document"]["file_id"]).await;
    let big = talk.send(&bot, noise(11)).await.result();
    let refusal = talk.call(&bot, "getFile", json!({ "file_id": big["document"]["file_id"] })).await.refusal();
    assert_eq!(refusal, refused(400, "Bad Request: file is too big"));
}

#[tokio::test]
async fn a_link_works_for_an_hour() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let message = talk.send(&bot, "x").await.result();
    let link = talk.link(&bot, &message["document"]["file_id"]).await;
    talk.world().advance(Duration::from_secs(3500)).unwrap();
    assert_eq!(talk.read(&link).await.unwrap(), b"x");
    talk.world().advance(Duration::from_secs(100)).unwrap();
    let late = talk.http.get(&link).send().await.unwrap();
    assert_eq!(answer(late).await.unwrap().refusal(), refused(404, "Not Found"));
    let fresh = talk.link(&bot, &message["document"]["file_id"]).await;
    assert_eq!(talk.read(&fresh).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_document_goes_with_its_last_message() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let message = talk.send(&bot, "x").await.result();
    let file_id = message["document"]["file_id"].clone();
    let again = json!({ "chat_id": bot.channel, "document": file_id });
    talk.call(&bot, "sendDocument", again).await.result();
    let stored = talk.world().messages(bot.channel);
    assert!(talk.world().lose_message(bot.channel, stored[0].id).unwrap());
    assert!(!talk.world().lose_message(bot.channel, stored[0].id).unwrap());
    let link = talk.link(&bot, &file_id).await;
    assert!(talk.world().lose_message(bot.channel, stored[1].id).unwrap());
    let refusal = talk.call(&bot, "getFile", json!({ "file_id": file_id })).await.refusal();
    assert_eq!(refusal, refused(400, WRONG_FILE));
    assert_eq!(talk.http.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(!stored[1].document.as_ref().unwrap().path.exists());
}
