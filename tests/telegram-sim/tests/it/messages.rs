//! What can be done with messages once they are there.

use crate::client::{Talk, refused};
use serde_json::{Value, json};
use std::time::Duration;
use telegram_sim::{Bot, Settings};

fn place(bot: &Bot, message: &Value) -> Value {
    json!({ "chat_id": bot.channel, "message_id": message["message_id"] })
}

#[tokio::test]
async fn a_forward_gives_another_bot_its_own_file_id() {
    let talk = Talk::with(Settings::bots(2).everywhere());
    let (own, other) = (talk.bot(0), talk.bot(1));
    let sent = talk.send(&own, "shared").await.result();
    let body = json!({
        "chat_id": other.channel, "from_chat_id": own.channel, "message_id": sent["message_id"],
    });
    let forwarded = talk.call(&other, "forwardMessage", body.clone()).await.result();
    assert_eq!(forwarded["chat"]["id"], json!(other.channel));
    let origin = &forwarded["forward_origin"];
    assert_eq!((&origin["type"], &origin["message_id"]), (&json!("channel"), &sent["message_id"]));
    assert_eq!(origin["chat"]["id"], json!(own.channel));
    assert_ne!(forwarded["document"]["file_id"], sent["document"]["file_id"]);
    assert_eq!(forwarded["document"]["file_unique_id"], sent["document"]["file_unique_id"]);
    assert_eq!(forwarded["caption"], "a caption");
    let link = talk.link(&other, &forwarded["document"]["file_id"]).await;
    assert_eq!(talk.read(&link).await.unwrap(), b"shared");

    let copied = talk.call(&other, "copyMessage", body).await.result();
    assert_eq!(copied.as_object().unwrap().keys().collect::<Vec<_>>(), ["message_id"]);
    let copy = talk.world().messages(other.channel).pop().unwrap();
    assert_eq!((json!(copy.id), copy.forwarded_from), (copied["message_id"].clone(), None));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_forwarded_copied_edited_pinned_or_deleted() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let body = json!({ "chat_id": bot.channel, "from_chat_id": bot.channel, "message_id": 77, "caption": "c" });
    for (method, what) in [
        ("forwardMessage", "forward"),
        ("copyMessage", "copy"),
        ("editMessageCaption", "edit"),
        ("pinChatMessage", "pin"),
        ("unpinChatMessage", "unpin"),
        ("deleteMessage", "delete"),
    ] {
        let refusal = talk.call(&bot, method, body.clone()).await.refusal();
        assert_eq!(refusal, refused(400, &format!("Bad Request: message to {what} not found")));
    }
}

#[tokio::test]
async fn a_message_can_be_deleted_for_48_hours() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let young = talk.send(&bot, "x").await.result();
    assert_eq!(talk.call(&bot, "deleteMessage", place(&bot, &young)).await.result(), true);
    assert!(talk.world().messages(bot.channel).is_empty());
    let old = talk.send(&bot, "x").await.result();
    talk.world().advance(Duration::from_secs(48 * 3600)).unwrap();
    let too_late = refused(400, "Bad Request: message can't be deleted for everyone");
    assert_eq!(talk.call(&bot, "deleteMessage", place(&bot, &old)).await.refusal(), too_late);
    let fresh = talk.send(&bot, "y").await.result();
    let both = json!({ "chat_id": bot.channel, "message_ids": [old["message_id"], fresh["message_id"]] });
    assert_eq!(talk.call(&bot, "deleteMessages", both).await.refusal(), too_late);
    assert_eq!(talk.world().messages(bot.channel).len(), 2, "none of a batch is deleted if one may not be");
}

#[tokio::test]
async fn a_batch_skips_what_is_not_there_and_holds_a_hundred() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    talk.send(&bot, "x").await.result();
    talk.send(&bot, "y").await.result();
    let delete = async |ids: Value| {
        talk.call(&bot, "deleteMessages", json!({ "chat_id": bot.channel, "message_ids": ids })).await
    };
    let many: Vec<i64> = (1..=101).collect();
    assert_eq!(delete(json!(many)).await.refusal().0, 400);
    assert_eq!(delete(json!([])).await.refusal().0, 400);
    assert_eq!(talk.world().messages(bot.channel).len(), 2);
    assert_eq!(delete(json!(many[..100])).await.result(), true);
    assert!(talk.world().messages(bot.channel).is_empty());
    assert_eq!(delete(json!([5])).await.result(), true);
}

#[tokio::test]
async fn a_pinned_message_is_found_with_the_channel_alone() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let chat = async || talk.call(&bot, "getChat", json!({ "chat_id": bot.channel })).await.result();
    assert_eq!(chat().await.get("pinned_message"), None);
    let first = talk.send(&bot, "snapshot").await.result();
    talk.call(&bot, "pinChatMessage", place(&bot, &first)).await.result();
    assert_eq!(chat().await["pinned_message"], first);
    let second = talk.send(&bot, "newer").await.result();
    assert_eq!(second["message_id"], first["message_id"].as_i64().unwrap() + 2, "pinning takes a number, too");
    talk.call(&bot, "pinChatMessage", place(&bot, &second)).await.result();
    assert_eq!(chat().await["pinned_message"]["message_id"], second["message_id"]);
    talk.call(&bot, "unpinChatMessage", json!({ "chat_id": bot.channel })).await.result();
    assert_eq!(chat().await.get("pinned_message"), None);
    talk.call(&bot, "pinChatMessage", place(&bot, &first)).await.result();
    talk.call(&bot, "deleteMessage", place(&bot, &first)).await.result();
    assert_eq!(chat().await.get("pinned_message"), None);
    let unpinned = talk.call(&bot, "unpinChatMessage", json!({ "chat_id": bot.channel })).await.refusal();
    assert_eq!(unpinned, refused(400, "Bad Request: message to unpin not found"));
}

#[tokio::test]
async fn a_caption_can_be_changed() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let message = talk.send(&bot, "x").await.result();
    let mut body = place(&bot, &message);
    body["caption"] = "another".into();
    let edited = talk.call(&bot, "editMessageCaption", body.clone()).await.result();
    assert_eq!((&edited["caption"], edited["edit_date"].is_i64()), (&json!("another"), true));
    let same = talk.call(&bot, "editMessageCaption", body.clone()).await.refusal();
    assert!(same.1.starts_with("Bad Request: message is not modified"), "{same:?}");
    body["caption"] = "x".repeat(1025).into();
    let long = talk.call(&bot, "editMessageCaption", body).await.refusal();
    assert_eq!(long, refused(400, "Bad Request: message caption is too long"));
}
