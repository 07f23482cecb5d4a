//! What there is in a world, as plain values, and how each event changes it.
//!
//! The state is exactly the sum of its events: `apply` is the only thing that changes it, when
//! something happens and when a journal is read again.

use super::event::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Telegram's number of a bot; the digits its token begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BotId(pub i64);

/// A channel's chat id as the Bot API writes it: −100 and ten digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub i64);

/// A message's number in its channel; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

/// A stored document. Several messages may hold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(pub u64);

impl fmt::Display for BotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A bot. Its token is good for this world only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bot {
    /// Telegram's number of it.
    pub id: BotId,
    /// `<id>:<35 letters>`, as the real ones look.
    pub token: String,
    /// What people read.
    pub name: String,
    /// Without the @.
    pub username: String,
    /// The channel that was made for it.
    pub channel: ChannelId,
}

/// What an administrator of a channel may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Post messages, and delete its own.
    pub post: bool,
    /// Edit messages of others, and pin.
    pub edit: bool,
    /// Delete messages of others.
    pub delete: bool,
}

impl Rights {
    /// All of them.
    pub const ALL: Self = Self { post: true, edit: true, delete: true };
}

/// What a bot is in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// With these rights.
    Administrator(Rights),
    /// It can read.
    Member,
    /// It was a member once.
    Left,
    /// It was thrown out.
    Banned,
}

/// Where a forwarded message came from first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// Its channel.
    pub channel: ChannelId,
    /// The channel's title at that time.
    pub title: String,
    /// Its number there.
    pub message: MessageId,
    /// When it was posted, in Unix seconds.
    pub date: i64,
}

/// A message of a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the channel.
    pub id: MessageId,
    /// When it was posted, in Unix seconds.
    pub date: i64,
    /// Who posted it.
    pub by: BotId,
    /// What is written, if it holds no document.
    pub text: Option<String>,
    /// What is written under the document.
    pub caption: Option<String>,
    /// What it holds.
    pub document: Option<DocumentId>,
    /// Where it was forwarded from.
    pub origin: Option<Origin>,
    /// When it was last edited, in Unix seconds.
    pub edited: Option<i64>,
}

/// A stored document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Its number in the world.
    pub id: DocumentId,
    /// The name it was sent with.
    pub name: String,
    /// The type it was sent with.
    pub mime: String,
    /// Its length in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub blake3: String,
}

/// A channel with all that is in it.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) title: String,
    pub(crate) members: BTreeMap<BotId, Standing>,
    pub(crate) messages: BTreeMap<MessageId, Message>,
    pub(crate) next_message: MessageId,
    pub(crate) pinned: Option<MessageId>,
    /// Whether nothing can be forwarded from it.
    pub(crate) is_protected: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) secret: [u8; 32],
    pub(crate) bots: BTreeMap<BotId, Bot>,
    pub(crate) revoked: Vec<BotId>,
    pub(crate) channels: BTreeMap<ChannelId, Channel>,
    pub(crate) documents: BTreeMap<DocumentId, Document>,
    /// How many messages hold each document.
    holders: BTreeMap<DocumentId, usize>,
    last_document: u64,
    last_channel: i64,
    pub(crate) added_ms: i64,
}

/// The first message of a channel says that it was created, so no client may count from one.
const FIRST_MESSAGE: MessageId = MessageId(2);
const CHANNELS_BEGIN: i64 = -1_002_000_000_000;
const BOTS_BEGIN: i64 = 7_000_000_000;

impl State {
    pub(crate) fn next_bot(&self) -> BotId {
        BotId(self.bots.keys().next_back().map_or(BOTS_BEGIN, |last| last.0) + 1)
    }

    pub(crate) fn next_channel(&self) -> ChannelId {
        ChannelId(CHANNELS_BEGIN - self.last_channel - 1)
    }

    pub(crate) fn next_document(&self) -> DocumentId {
        DocumentId(self.last_document + 1)
    }

    /// Makes `event` true. Returns the documents that no message holds any more.
    pub(crate) fn apply(&mut self, event: Event) -> Vec<DocumentId> {
        match event {
            Event::Created { secret } => self.secret = secret,
            Event::BotAdded(bot) => _ = self.bots.insert(bot.id, bot),
            Event::BotRevoked { bot } => self.revoked.push(bot),
            Event::ChannelAdded { channel, title } => self.open_channel(channel, title),
            Event::ChannelProtected { channel } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.is_protected = true;
                }
            }
            Event::ChannelDropped { channel } => return self.drop_channel(channel),
            Event::StandingSet { channel, bot, standing } => self.set_standing(channel, bot, standing),
            Event::Posted { channel, message, document } => self.post(channel, message, document),
            Event::CaptionSet { channel, message, caption, date } => {
                self.set_caption(channel, message, caption, date);
            }
            Event::Deleted { channel, messages } => return self.delete(channel, &messages),
            Event::Pinned { channel, message } => self.pin(channel, message),
            Event::Unpinned { channel } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.pinned = None;
                }
            }
            Event::Advanced { by_ms } => self.added_ms = self.added_ms.saturating_add(by_ms),
        }
        Vec::new()
    }

    fn open_channel(&mut self, id: ChannelId, title: String) {
        self.last_channel = self.last_channel.max(CHANNELS_BEGIN - id.0);
        let channel = Channel {
            title,
            members: BTreeMap::new(),
            messages: BTreeMap::new(),
            next_message: FIRST_MESSAGE,
            pinned: None,
            is_protected: false,
        };
        self.channels.insert(id, channel);
    }

    fn drop_channel(&mut self, id: ChannelId) -> Vec<DocumentId> {
        let Some(channel) = self.channels.remove(&id) else { return Vec::new() };
        channel.messages.into_values().filter_map(|message| self.release(message.document?)).collect()
    }

    fn set_standing(&mut self, channel: ChannelId, bot: BotId, standing: Standing) {
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.members.insert(bot, standing);
        }
    }

    fn post(&mut self, channel: ChannelId, message: Message, document: Option<Document>) {
        if let Some(document) = document {
            self.last_document = self.last_document.max(document.id.0);
            self.documents.insert(document.id, document);
        }
        let Some(channel) = self.channels.get_mut(&channel) else { return };
        if let Some(document) = message.document {
            *self.holders.entry(document).or_default() += 1;
        }
        channel.next_message = MessageId(message.id.0 + 1);
        channel.messages.insert(message.id, message);
    }

    fn set_caption(&mut self, channel: ChannelId, message: MessageId, caption: Option<String>, date: i64) {
        let channel = self.channels.get_mut(&channel);
        if let Some(message) = channel.and_then(|channel| channel.messages.get_mut(&message)) {
            message.caption = caption;
            message.edited = Some(date);
        }
    }

    fn delete(&mut self, channel: ChannelId, messages: &[MessageId]) -> Vec<DocumentId> {
        let Some(channel) = self.channels.get_mut(&channel) else { return Vec::new() };
        channel.pinned = channel.pinned.filter(|pinned| !messages.contains(pinned));
        let deleted: Vec<Message> = messages.iter().filter_map(|id| channel.messages.remove(id)).collect();
        deleted.into_iter().filter_map(|message| self.release(message.document?)).collect()
    }

    /// Pinning posts a service message, so it takes a number.
    fn pin(&mut self, channel: ChannelId, message: MessageId) {
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.pinned = Some(message);
            channel.next_message.0 += 1;
        }
    }

    /// One message less holds `document`. Returns it if that was the last one.
    fn release(&mut self, document: DocumentId) -> Option<DocumentId> {
        let holders = self.holders.get_mut(&document)?;
        *holders -= 1;
        if *holders > 0 {
            return None;
        }
        self.holders.remove(&document);
        self.documents.remove(&document).map(|document| document.id)
    }
}
