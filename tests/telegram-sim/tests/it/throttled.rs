//! Too many messages.

use crate::client::Talk;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use telegram_sim::{Settings, Throttle};

#[tokio::test]
async fn one_message_too_many_has_to_wait_as_long_as_it_says() {
    let throttle = Throttle { chat_per_minute: Some(2), ..Throttle::default() };
    let talk = Talk::with(Settings { throttle, ..Settings::bots(1) });
    let bot = talk.bot(0);
    for _ in 0..2 {
        talk.send(&bot, "x").await.result();
    }
    let refused = talk.send(&bot, "x").await;
    let seconds = refused.body["parameters"]["retry_after"].as_u64().unwrap();
    assert!((30..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.retry_after.as_deref(), Some(seconds.to_string().as_str()));
    assert_eq!(refused.body["description"], format!("Too Many Requests: retry after {seconds}"));
    // Reading is not a message.
    talk.call(&bot, "getChat", json!({ "chat_id": bot.channel })).await.result();
    talk.world().advance(Duration::from_secs(seconds)).unwrap();
    talk.send(&bot, "x").await.result();
}
