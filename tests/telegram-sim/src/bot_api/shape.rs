//! Answers in the shapes of the Bot API's documentation.

use crate::World;
use crate::world::messages::Seen;
use crate::world::sight::ChannelSeen;
use crate::world::state::{Bot, BotId, ChannelId, Document, Rights, Standing};
use serde_json::{Value, json};

/// The bot itself, as `getMe` tells.
pub(super) fn me(bot: &Bot) -> Value {
    let mut user = user(bot);
    user["can_join_groups"] = true.into();
    user["can_read_all_group_messages"] = false.into();
    user["supports_inline_queries"] = false.into();
    user["can_connect_to_business"] = false.into();
    user["has_main_web_app"] = false.into();
    user
}

fn user(bot: &Bot) -> Value {
    json!({ "id": bot.id, "is_bot": true, "first_name": bot.name, "username": bot.username })
}

fn chat(id: ChannelId, title: &str) -> Value {
    json!({ "id": id, "title": title, "type": "channel" })
}

/// A channel as `getChat` tells, with what is pinned.
pub(super) fn full_chat(world: &World, bot: BotId, channel: &ChannelSeen) -> Value {
    let mut full = chat(channel.id, &channel.title);
    if channel.is_protected {
        full["has_protected_content"] = true.into();
    }
    full["accent_color_id"] = 0.into();
    full["max_reaction_count"] = 11.into();
    full["accepted_gift_types"] = json!({
        "unlimited_gifts": false,
        "limited_gifts": false,
        "unique_gifts": false,
        "premium_subscription": false,
        "gifts_from_channels": false,
    });
    if let Some(pinned) = &channel.pinned {
        full["pinned_message"] = message(world, bot, pinned);
    }
    full
}

/// What a bot is in a channel.
pub(super) fn member(bot: &Bot, standing: Standing) -> Value {
    let mut member = match standing {
        Standing::Administrator(rights) => administrator(rights),
        Standing::Member => json!({ "status": "member" }),
        Standing::Left => json!({ "status": "left" }),
        Standing::Banned => json!({ "status": "kicked", "until_date": 0 }),
    };
    member["user"] = user(bot);
    member
}

fn administrator(rights: Rights) -> Value {
    json!({
        "status": "administrator",
        "can_be_edited": false,
        "is_anonymous": false,
        "can_manage_chat": true,
        "can_change_info": false,
        "can_post_messages": rights.post,
        "can_edit_messages": rights.edit,
        "can_delete_messages": rights.delete,
        "can_invite_users": false,
        "can_restrict_members": false,
        "can_promote_members": false,
        "can_manage_video_chats": false,
        "can_post_stories": false,
        "can_edit_stories": false,
        "can_delete_stories": false,
    })
}

/// A message as `bot` sees it: the file id is its own.
pub(super) fn message(world: &World, bot: BotId, seen: &Seen) -> Value {
    let chat = chat(seen.channel, &seen.title);
    let message = &seen.message;
    let mut shaped = json!({ "message_id": message.id, "date": message.date, "sender_chat": chat, "chat": chat });
    if let Some(origin) = &message.origin {
        shaped["forward_origin"] = json!({
            "type": "channel",
            "date": origin.date,
            "chat": self::chat(origin.channel, &origin.title),
            "message_id": origin.message,
        });
    }
    if let Some(edited) = message.edited {
        shaped["edit_date"] = edited.into();
    }
    if let Some(text) = &message.text {
        shaped["text"] = text.as_str().into();
    }
    if let Some(caption) = &message.caption {
        shaped["caption"] = caption.as_str().into();
    }
    if let Some(document) = &seen.document {
        let mut shaped_document = file(world, bot, document);
        shaped_document["file_name"] = document.name.as_str().into();
        shaped_document["mime_type"] = document.mime.as_str().into();
        shaped["document"] = shaped_document;
    }
    shaped
}

/// A document's ids and size, as `bot` knows them.
pub(super) fn file(world: &World, bot: BotId, document: &Document) -> Value {
    json!({
        "file_id": world.file_id(bot, document.id),
        "file_unique_id": world.unique_id(document.id),
        "file_size": document.size,
    })
}
