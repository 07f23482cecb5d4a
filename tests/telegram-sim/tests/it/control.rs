//! Breaking things by hand.

use crate::client::Talk;
use reqwest::StatusCode;
use serde_json::{Value, json};
use telegram_sim::{Fault, Operation, Trouble};

async fn order(talk: &Talk, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = talk.http.post(format!("{}/sim/{path}", talk.sim.url())).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn state(talk: &Talk) -> Value {
    talk.http.get(format!("{}/sim/state", talk.sim.url())).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_state_shows_everything_but_tokens() {
    let talk = Talk::bots(2);
    let bot = talk.bot(1);
    talk.send(&bot, "xyz").await.result();
    talk.world().fault(bot.id, Fault::times(3, Operation::GetFile, Trouble::Latency { ms: 4 }));
    let state = state(&talk).await;
    assert!(!state.to_string().contains("SIMULATED"), "{state}");
    let shown = &state["bots"][1];
    assert_eq!((&shown["bot"], &shown["id"], &shown["revoked"]), (&json!(2), &json!(bot.id), &json!(false)));
    assert_eq!(
        shown["faults"],
        json!([{ "operation": "get_file", "trouble": { "latency": { "ms": 4 } }, "times": 3, "spared": 0 }])
    );
    assert_eq!(shown["counters"]["requests"], json!({ "sendDocument": 1 }));
    let channel = state["channels"].as_array().unwrap().iter().find(|shown| shown["channel"] == json!(bot.channel));
    let message = &channel.unwrap()["messages"][0];
    assert_eq!((&message["caption"], &message["bytes"]), (&json!("a caption"), &json!(3)));
}

#[tokio::test]
async fn faults_are_set_and_cleared_for_one_or_for_all() {
    let talk = Talk::bots(2);
    let status = async |number: usize| talk.call(&talk.bot(number), "getMe", json!({})).await.status.as_u16();
    let bad = json!({ "operation": "get_me", "trouble": { "status": { "code": 502 } } });
    assert_eq!(order(&talk, "fault", bad).await, (StatusCode::OK, json!({ "ok": true })));
    assert_eq!((status(0).await, status(1).await), (502, 502));
    order(&talk, "clear", json!({ "bot": 1 })).await;
    assert_eq!((status(0).await, status(1).await), (200, 502));
    order(&talk, "clear", json!({})).await;
    let flood = json!({ "bot": 1, "operation": "any", "trouble": { "flood": { "seconds": 50 } }, "times": 1 });
    order(&talk, "fault", flood).await;
    assert_eq!((status(0).await, status(1).await), (429, 200));
    order(&talk, "advance", json!({ "seconds": 50 })).await;
    assert_eq!(status(0).await, 200);
}

#[tokio::test]
async fn messages_bots_and_channels_can_be_taken_away() {
    let talk = Talk::bots(3);
    let sent = talk.send(&talk.bot(0), "x").await.result();
    let message = json!({ "channel": talk.bot(0).channel, "message": sent["message_id"] });
    assert_eq!(order(&talk, "lose", message.clone()).await.0, StatusCode::OK);
    assert!(talk.world().messages(talk.bot(0).channel).is_empty());
    assert_eq!(order(&talk, "lose", message).await.0, StatusCode::NOT_FOUND);
    order(&talk, "revoke", json!({ "bot": 1 })).await;
    order(&talk, "ban", json!({ "bot": 2 })).await;
    order(&talk, "drop", json!({ "channel": talk.bot(2).channel })).await;
    let code = async |number: usize| talk.send(&talk.bot(number), "x").await.refusal().0;
    assert_eq!((code(0).await, code(1).await, code(2).await), (401, 403, 400));
    assert_eq!(state(&talk).await["bots"][0]["revoked"], true);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_the_reason() {
    let talk = Talk::bots(1);
    let hang = json!({ "operation": "any", "trouble": "hang" });
    let with = |name: &str, value: Value| {
        let mut body = hang.clone();
        body[name] = value;
        body
    };
    for (path, body, status, word) in [
        ("fault", with("bot", json!(2)), 404, "no bot 2"),
        ("fault", with("bot", json!(0)), 404, "no bot 0"),
        ("fault", with("times", json!(0)), 400, "at least 1"),
        ("fault", with("trouble", json!("headache")), 400, "headache"),
        ("fault", with("trouble", json!({ "status": { "code": 200 } })), 400, "400 to 599"),
        ("fault", with("trouble", json!({ "slow": { "bytes_per_second": 0 } })), 400, "at least 1"),
        ("fault", with("trouble", json!({ "slow": { "speed": 5 } })), 400, "speed"),
        ("fault", with("when", json!(1)), 400, "when"),
        ("drop", json!({ "channel": 5 }), 404, "no such channel"),
        ("ban", json!({ "bot": 1, "channel": 5 }), 404, "no such channel"),
        ("advance", json!({ "seconds": -1 }), 400, "-1"),
        ("elsewhere", json!({}), 404, "/sim/state"),
    ] {
        let (got, answer) = order(&talk, path, body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(got.as_u16(), status, "{path}: {error}");
        assert!(error.contains(word), "{path}: {error}");
    }
    assert_eq!(talk.world().faults(talk.bot(0).id), []);
}
