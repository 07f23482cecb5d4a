//! Who may do what where.

use crate::client::{Talk, answer, refused};
use serde_json::{Value, json};
use std::time::Duration;
use telegram_sim::{BotId, ChannelId, Rights, Settings, Standing};

#[tokio::test]
async fn a_bot_knows_itself_and_its_channel() {
    let talk = Talk::bots(2);
    let bot = talk.bot(0);
    let me = talk.call(&bot, "getMe", json!({})).await.result();
    assert_eq!((&me["id"], &me["is_bot"]), (&json!(bot.id), &json!(true)));
    assert_eq!(me["username"], bot.username.as_str());
    let member =
        async |user: BotId| talk.call(&bot, "getChatMember", json!({ "chat_id": bot.channel, "user_id": user })).await;
    let own = member(bot.id).await.result();
    assert_eq!((&own["status"], &own["can_post_messages"]), (&json!("administrator"), &json!(true)));
    assert_eq!(own["user"]["id"], json!(bot.id));
    assert_eq!(member(talk.bot(1).id).await.result()["status"], "left");
    assert_eq!(member(BotId(5)).await.refusal(), refused(400, "Bad Request: PARTICIPANT_ID_INVALID"));
    let all = talk.call(&bot, "getChatAdministrators", json!({ "chat_id": bot.channel })).await.result();
    assert_eq!(all, json!([own]));
    assert_eq!(talk.call(&bot, "getUpdates", json!({})).await.result(), json!([]));
    assert_eq!(talk.call(&bot, "deleteWebhook", json!({})).await.result(), true);
}

#[tokio::test]
async fn a_channel_is_for_its_members() {
    let talk = Talk::bots(2);
    let (own, other) = (talk.bot(0), talk.bot(1));
    let asked = async |channel: ChannelId| talk.call(&own, "getChat", json!({ "chat_id": channel })).await;
    let stranger = refused(403, "Forbidden: bot is not a member of the channel chat");
    assert_eq!(asked(other.channel).await.refusal(), stranger);
    let into = json!({ "chat_id": other.channel, "text": "x" });
    assert_eq!(talk.call(&own, "sendMessage", into).await.refusal(), stranger);
    let unknown = refused(400, "Bad Request: chat not found");
    assert_eq!(asked(ChannelId(-1_009_999_999_999)).await.refusal(), unknown);
    talk.world().set_standing(other.channel, own.id, Standing::Member).unwrap();
    assert_eq!(asked(other.channel).await.result()["title"], "Simulated channel 2");
    talk.world().ban(own.id, other.channel).unwrap();
    let banned = refused(403, "Forbidden: bot was kicked from the channel chat");
    assert_eq!(asked(other.channel).await.refusal(), banned);
    talk.world().drop_channel(own.channel).unwrap();
    assert_eq!(asked(own.channel).await.refusal(), unknown);
}

#[tokio::test]
async fn each_right_is_needed_for_what_it_is_for() {
    let talk = Talk::with(Settings::bots(2).everywhere());
    let (own, other) = (talk.bot(0), talk.bot(1));
    let message = talk.send(&own, "x").await.result();
    let with = |standing: Standing| talk.world().set_standing(own.channel, other.id, standing).unwrap();
    let body = json!({ "chat_id": own.channel, "message_id": message["message_id"], "caption": "c", "text": "t" });
    let call = async |method: &str| talk.call(&other, method, body.clone()).await;
    let none = Rights { post: false, edit: false, delete: false };
    for standing in [Standing::Member, Standing::Administrator(none)] {
        with(standing);
        for (method, description) in [
            ("sendMessage", "need administrator rights in the channel chat"),
            ("editMessageCaption", "message can't be edited"),
            ("pinChatMessage", "not enough rights to manage pinned messages in the chat"),
            ("unpinChatMessage", "not enough rights to manage pinned messages in the chat"),
            ("deleteMessage", "message can't be deleted for everyone"),
        ] {
            let refusal = call(method).await.refusal();
            assert_eq!(refusal, refused(400, &format!("Bad Request: {description}")), "{method}");
        }
    }
    with(Standing::Administrator(Rights { post: true, ..none }));
    call("sendMessage").await.result();
    assert_eq!(call("deleteMessage").await.refusal().0, 400, "posting is enough for its own messages only");
    with(Standing::Administrator(Rights { edit: true, ..none }));
    call("editMessageCaption").await.result();
    call("pinChatMessage").await.result();
    with(Standing::Administrator(Rights { delete: true, ..none }));
    call("deleteMessage").await.result();
}

#[tokio::test]
async fn a_wrong_or_revoked_token_opens_nothing() {
    let talk = Talk::bots(1);
    let mut bot = talk.bot(0);
    let message = talk.send(&bot, "x").await.result();
    let link = talk.link(&bot, &message["document"]["file_id"]).await;
    let unauthorized = refused(401, "Unauthorized");
    talk.world().revoke(bot.id).unwrap();
    assert_eq!(talk.call(&bot, "getMe", json!({})).await.refusal(), unauthorized);
    assert_eq!(talk.send(&bot, vec![0; 5_000_000]).await.refusal(), unauthorized);
    let late = talk.http.get(link).send().await.unwrap();
    assert_eq!(answer(late).await.unwrap().refusal(), unauthorized);
    bot.token = "123:wrong".to_owned();
    assert_eq!(talk.call(&bot, "getMe", json!({})).await.refusal(), unauthorized);
}

#[tokio::test]
async fn two_worlds_share_neither_tokens_nor_file_ids() {
    let (here, there) = (Talk::bots(1), Talk::bots(1));
    let (bot, twin) = (here.bot(0), there.bot(0));
    assert_eq!(bot.id, twin.id);
    assert_ne!(bot.token, twin.token);
    let message = here.send(&bot, "x").await.result();
    there.send(&twin, "x").await.result();
    let body = json!({ "file_id": message["document"]["file_id"] });
    assert_eq!(there.call(&twin, "getFile", body).await.refusal().0, 400);
}

#[tokio::test]
async fn a_message_has_the_date_of_the_worlds_clock() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let date = |message: Value| message["date"].as_i64().unwrap();
    let before = date(talk.send(&bot, "x").await.result());
    talk.world().advance(Duration::from_secs(1_000_000)).unwrap();
    assert!(date(talk.send(&bot, "x").await.result()) >= before + 1_000_000);
}
