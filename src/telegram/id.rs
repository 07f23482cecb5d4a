//! Telegram's own identities.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Ids of channels in the Bot API (core.telegram.org/api/bots/ids).
const CHANNELS: RangeInclusive<i64> = -1_997_852_516_352..=-1_000_000_000_001;

/// A bot, as Telegram numbers it: the digits of its token. Unlike a slot it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BotId(pub i64);

/// A chat, in the Bot API's numbering; of channels, like `-1001234567890`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub i64);

/// A message of one chat. Counts up from 1 in each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

/// What one bot calls a file. Of no use to any other bot; valid as long as the message is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(pub String);

/// The text is not the id of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a channel, which looks like -1001234567890")]
pub struct NotAChannelId;

impl FromStr for ChatId {
    type Err = NotAChannelId;

    /// Channels only: a group or a person is no place for blobs.
    fn from_str(text: &str) -> Result<Self, NotAChannelId> {
        text.parse().ok().filter(|id| CHANNELS.contains(id)).map(Self).ok_or(NotAChannelId)
    }
}

impl fmt::Display for BotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_of_a_channel_reads_as_one() {
        assert_eq!("-1001234567890".parse(), Ok(ChatId(-1_001_234_567_890)));
        for text in ["", "-100", "-123456789", "1234567890", "@films", "-1001234567890x", "-2000000000000"] {
            assert_eq!(text.parse::<ChatId>(), Err(NotAChannelId), "{text}");
        }
    }
}
