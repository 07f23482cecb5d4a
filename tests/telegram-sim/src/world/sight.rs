//! What can be seen of a world: by its bots, and by tests.

use super::World;
use super::messages::{Place, Seen};
use super::refusal::Refusal;
use super::state::{Bot, BotId, ChannelId, MessageId, Standing};
use std::path::PathBuf;

/// A message as a test sees it.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Its number in the channel.
    pub id: MessageId,
    /// When it was posted, in Unix seconds of the world's clock.
    pub date: i64,
    /// Who posted it.
    pub by: BotId,
    /// What is written in it, if it holds no document.
    pub text: Option<String>,
    /// What is written under its document.
    pub caption: Option<String>,
    /// What it holds.
    pub document: Option<StoredDocument>,
    /// The channel and number it was forwarded from.
    pub forwarded_from: Option<(ChannelId, MessageId)>,
}

/// A document as a test sees it.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// The name it was sent with.
    pub name: String,
    /// The type it was sent with.
    pub mime: String,
    /// Its length in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub blake3: String,
    /// The file its bytes lie in. It is the world's: to be read only.
    pub path: PathBuf,
}

/// A channel as its members see it.
#[derive(Clone, Debug)]
pub(crate) struct ChannelSeen {
    pub(crate) id: ChannelId,
    pub(crate) title: String,
    pub(crate) pinned: Option<Seen>,
    pub(crate) is_protected: bool,
    pub(crate) members: Vec<(Bot, Standing)>,
}

impl World {
    /// The messages of a channel in their order; none if there is no such channel.
    pub fn messages(&self, channel: ChannelId) -> Vec<StoredMessage> {
        let live = self.live();
        let Some(found) = live.state.channels.get(&channel) else { return Vec::new() };
        let seen = found.messages.keys().filter_map(|id| live.see(Place { channel, message: *id }));
        seen.map(|seen| self.stored(seen)).collect()
    }

    /// Every channel with its title.
    pub fn channels(&self) -> Vec<(ChannelId, String)> {
        self.live().state.channels.iter().map(|(id, channel)| (*id, channel.title.clone())).collect()
    }

    /// The bot with this token, unless it was revoked.
    pub(crate) fn bot_with(&self, token: &str) -> Result<Bot, Refusal> {
        let live = self.live();
        let found = live.state.bots.values().find(|bot| bot.token == token);
        found.filter(|bot| !live.state.revoked.contains(&bot.id)).cloned().ok_or(Refusal::Unauthorized)
    }

    /// A channel, if the bot may see it.
    pub(crate) fn channel(&self, bot: BotId, id: ChannelId) -> Result<ChannelSeen, Refusal> {
        let live = self.live();
        let (channel, _) = live.channel_of(bot, id)?;
        let member = |(bot, standing): (&BotId, &Standing)| Some((live.state.bots.get(bot)?.clone(), *standing));
        Ok(ChannelSeen {
            id,
            title: channel.title.clone(),
            pinned: channel.pinned.and_then(|message| live.see(Place { channel: id, message })),
            is_protected: channel.is_protected,
            members: channel.members.iter().filter_map(member).collect(),
        })
    }

    fn stored(&self, seen: Seen) -> StoredMessage {
        let message = seen.message;
        let document = seen.document.map(|document| StoredDocument {
            path: self.document_path(document.id),
            name: document.name,
            mime: document.mime,
            size: document.size,
            blake3: document.blake3,
        });
        StoredMessage {
            id: message.id,
            date: message.date,
            by: message.by,
            text: message.text,
            caption: message.caption,
            document,
            forwarded_from: message.origin.map(|origin| (origin.channel, origin.message)),
        }
    }
}
