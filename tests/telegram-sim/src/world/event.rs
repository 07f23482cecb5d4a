//! What can happen to a world: the lines of its journal.

use super::state::{Bot, BotId, ChannelId, Document, Message, MessageId, Standing};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Created {
        secret: [u8; 32],
    },
    BotAdded(Bot),
    BotRevoked {
        bot: BotId,
    },
    ChannelAdded {
        channel: ChannelId,
        title: String,
    },
    ChannelProtected {
        channel: ChannelId,
    },
    ChannelDropped {
        channel: ChannelId,
    },
    StandingSet {
        channel: ChannelId,
        bot: BotId,
        standing: Standing,
    },
    Posted {
        channel: ChannelId,
        message: Message,
        /// The document, if this message is the first to hold it.
        document: Option<Document>,
    },
    CaptionSet {
        channel: ChannelId,
        message: MessageId,
        caption: Option<String>,
        /// In Unix seconds.
        date: i64,
    },
    Deleted {
        channel: ChannelId,
        messages: Vec<MessageId>,
    },
    Pinned {
        channel: ChannelId,
        message: MessageId,
    },
    Unpinned {
        channel: ChannelId,
    },
    Advanced {
        by_ms: i64,
    },
}
