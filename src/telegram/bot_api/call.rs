//! The methods with small answers.

use super::super::error::{Kind, TelegramError};
use super::super::id::{BotId, ChatId, MessageId};
use super::http::Http;
use serde::Deserialize;
use serde_json::json;

/// Messages that one `deleteMessages` takes.
const BATCH: usize = 100;

const DELETING: &str = "deleting messages";

/// Who a bot is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// Its id, the digits of its token.
    pub id: BotId,
    /// Its name without the `@`.
    pub username: String,
    /// The name people see.
    #[serde(rename = "first_name")]
    pub name: String,
}

/// What a chat is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Chat {
    /// Its id.
    pub id: ChatId,
    /// `channel`, `supergroup`, `group` or `private`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name; people have none.
    pub title: Option<String>,
    /// Whether nothing can be forwarded from it.
    #[serde(default)]
    pub has_protected_content: bool,
}

/// What a bot may do in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whether it is in there.
    pub is_member: bool,
    /// Whether it may post messages.
    pub can_post: bool,
    /// Whether it may delete messages.
    pub can_delete: bool,
}

#[derive(Deserialize)]
struct Member {
    status: String,
    #[serde(default)]
    can_post_messages: bool,
    #[serde(default)]
    can_delete_messages: bool,
}

pub(super) async fn me(http: &Http) -> Result<Me, TelegramError> {
    http.call("asking who the bot is", "getMe", &json!({}), http.settings().call).await
}

pub(super) async fn chat(http: &Http, chat: ChatId) -> Result<Chat, TelegramError> {
    http.call("asking for the channel", "getChat", &json!({ "chat_id": chat }), http.settings().call).await
}

pub(super) async fn member(http: &Http, chat: ChatId) -> Result<Rights, TelegramError> {
    let parameters = json!({ "chat_id": chat, "user_id": http.bot() });
    let doing = "asking for the bot's rights";
    let member: Member = http.call(doing, "getChatMember", &parameters, http.settings().call).await?;
    let is_owner = member.status == "creator";
    let is_administrator = member.status == "administrator";
    Ok(Rights {
        is_member: is_owner || is_administrator || member.status == "member",
        can_post: is_owner || (is_administrator && member.can_post_messages),
        can_delete: is_owner || (is_administrator && member.can_delete_messages),
    })
}

/// Newest first. Telegram refuses a batch as a whole when one message in it may not be deleted, and
/// what forbids one (age, a missing right) forbids all that are older: so the border is searched for
/// by halving, and nothing older than it is asked about.
pub(super) async fn delete(http: &Http, chat: ChatId, messages: &[MessageId]) -> Result<Vec<MessageId>, TelegramError> {
    let mut ids = messages.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut left = ids.len();
    while left > 0 {
        let begin = left.saturating_sub(BATCH);
        let kept = match delete_batch(http, chat, &ids[begin..left]).await {
            Err(error) if error.kind == Kind::Unsupported => delete_singly(http, chat, &ids[begin..left]).await?,
            kept => kept?,
        };
        let kept = begin + kept;
        if kept > begin {
            ids.truncate(kept);
            return Ok(ids);
        }
        left = begin;
    }
    Ok(Vec::new())
}

/// Returns how many of `ids`, counted from the oldest, cannot be deleted.
async fn delete_batch(http: &Http, chat: ChatId, ids: &[MessageId]) -> Result<usize, TelegramError> {
    if try_delete(http, chat, ids).await? {
        return Ok(0);
    }
    // `ids[refused]` is in every refused try; everything from `kept` on is deleted.
    let (mut refused, mut kept) = (0, ids.len());
    while kept - refused > 1 {
        let middle = refused + (kept - refused) / 2;
        if try_delete(http, chat, &ids[middle..kept]).await? { kept = middle } else { refused = middle }
    }
    Ok(kept)
}

/// As `delete_batch`, on a server that is older than `deleteMessages` (Bot API 7.0).
async fn delete_singly(http: &Http, chat: ChatId, ids: &[MessageId]) -> Result<usize, TelegramError> {
    for (older, id) in ids.iter().enumerate().rev() {
        let parameters = json!({ "chat_id": chat, "message_id": id });
        match http.call::<bool>(DELETING, "deleteMessage", &parameters, http.settings().call).await {
            Err(error) if error.kind == Kind::Undeletable => return Ok(older + 1),
            Err(error) if error.kind != Kind::MessageGone => return Err(error),
            _ => {}
        }
    }
    Ok(0)
}

/// Whether these messages are gone now; `false` when one of them may not be deleted.
async fn try_delete(http: &Http, chat: ChatId, ids: &[MessageId]) -> Result<bool, TelegramError> {
    match ask_to_delete(http, chat, ids).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind == Kind::Undeletable => Ok(false),
        Err(error) if error.kind == Kind::MessageGone => {
            // Documented is that missing ones are skipped; a server that stops at one is asked singly.
            for id in ids.iter().filter(|_| ids.len() > 1) {
                match ask_to_delete(http, chat, std::slice::from_ref(id)).await {
                    Err(error) if error.kind == Kind::Undeletable => return Ok(false),
                    Err(error) if error.kind != Kind::MessageGone => return Err(error),
                    _ => {}
                }
            }
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

async fn ask_to_delete(http: &Http, chat: ChatId, ids: &[MessageId]) -> Result<(), TelegramError> {
    let parameters = json!({ "chat_id": chat, "message_ids": ids });
    http.call::<bool>(DELETING, "deleteMessages", &parameters, http.settings().call).await.map(drop)
}
