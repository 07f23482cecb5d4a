//! Blobs as documents in the private channels of bots.
//!
//! A copy is one message: `tg:<channel>/<message>/<bot>/<file>`, with the bot that sent it and what that
//! bot calls the file, both of which reading needs and nothing else can tell.

mod search;
#[cfg(test)]
mod tests;

use super::error::{Fault, StoreError};
use super::stream::Reading;
use super::{BlobStore, ClosedChannel, Presence, Purpose, PutTicket, Search, channel_in};
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::range::ByteRange;
use crate::telegram::{
    Bot, BotId, BotLease, ChatId, ClosedBot, Content, Document, FileId, Fleet, Kind, MessageId, TelegramError,
};
use async_trait::async_trait;
use futures::StreamExt;
use search::{Pass, Searched};
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

/// Blobs in Telegram.
#[derive(Clone)]
pub struct TelegramStore {
    fleet: Fleet,
    searched: Searched,
}

/// The parsed form of a locator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    channel: ChatId,
    message: MessageId,
    bot: BotId,
    file: FileId,
}

impl TelegramStore {
    /// The channels of these bots.
    pub fn new(fleet: Fleet) -> Self {
        Self { fleet, searched: Searched::default() }
    }

    /// A bot that failed, and what to do about it where that is known.
    fn unusable(&self, bot: BotId, doing: &'static str, error: TelegramError) -> StoreError {
        let kind = error.kind;
        let failed = failed(doing, error);
        match kind {
            Kind::UnknownBot => failed.until(missing(bot)),
            Kind::Unauthorized | Kind::Forbidden | Kind::ChatNotFound => {
                let known = self.fleet.bots().into_iter().find(|known| known.id == bot);
                let name = known.map_or_else(|| bot.to_string(), |known| known.slot.to_string());
                failed.until(format!(
                    "it lies with bot {name}, which is out; the system page and `telecine test-bots` say what to do"
                ))
            }
            _ => failed,
        }
    }

    fn bot_of(&self, channel: &ChannelId, doing: &'static str) -> Result<Bot, StoreError> {
        let bot = channel.0.parse().ok().and_then(|channel| self.fleet.by_channel(channel));
        bot.ok_or_else(|| StoreError::new(Fault::Refused, doing).definitely())
    }

    async fn lease(&self, bot: BotId, purpose: Purpose, doing: &'static str) -> Result<BotLease, StoreError> {
        self.fleet.lease(bot, purpose).await.map_err(|error| self.unusable(bot, doing, error).definitely())
    }
}

#[async_trait]
impl BlobStore for TelegramStore {
    fn channels(&self) -> Vec<ChannelId> {
        self.fleet.bots().into_iter().map(|bot| ChannelId(bot.channel.to_string())).collect()
    }

    fn closed(&self) -> Vec<ClosedChannel> {
        let id = |channel: ChatId| ChannelId(channel.to_string());
        let closed = self.fleet.closed().into_iter();
        closed
            .map(|ClosedBot { channel, seen_from }| ClosedChannel {
                channel: id(channel),
                forwards_to: seen_from.into_iter().map(id).collect(),
            })
            .collect()
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        channel_in(copy, "tg:")
    }

    fn is_idle(&self, copy: &Locator) -> bool {
        Spot::parse(copy, "looking who is idle").is_ok_and(|spot| self.fleet.is_idle(spot.bot))
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        const DOING: &str = "sending a blob to Telegram";
        let bot = self.bot_of(&ticket.channel, DOING)?;
        let refused = |cause: std::io::Error| StoreError::new(Fault::Refused, DOING).because(cause).definitely();
        let found = tokio::fs::metadata(file).await.map_err(refused)?.len();
        if found != ticket.len {
            let cause = format!("the spooled file has {found} bytes, {} were announced", ticket.len);
            return Err(refused(std::io::Error::other(cause)));
        }
        let lease = self.lease(bot.id, ticket.purpose, DOING).await?;
        let document = Document {
            name: neutral_name(ticket.nonce),
            caption: ticket.caption.clone(),
            content: Content::File { path: file.to_path_buf(), len: ticket.len },
        };
        let sent = lease.send_document(document).await.map_err(|error| unsent(DOING, error))?;
        Ok(Spot { channel: bot.channel, message: sent.message, bot: bot.id, file: sent.file }.locator())
    }

    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError> {
        const DOING: &str = "forwarding a blob in Telegram";
        let (bot, from) = (self.bot_of(&ticket.channel, DOING)?, Spot::parse(from, DOING)?);
        let lease = self.lease(bot.id, Purpose::Upkeep, DOING).await?;
        let sent = lease.forward(from.channel, from.message).await.map_err(|error| unsent(DOING, error))?;
        Ok(Spot { channel: bot.channel, message: sent.message, bot: bot.id, file: sent.file }.locator())
    }

    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        let bot = self.bot_of(channel, search::DOING)?;
        let known = self.searched.channel(bot.channel);
        let mut known = known.lock().await;
        Pass { store: self, bot, known: &mut known }.run(unheard, named).await
    }

    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        const DOING: &str = "reading a blob from Telegram";
        let spot = Spot::parse(copy, DOING)?;
        let lease = self.lease(spot.bot, purpose, DOING).await?;
        let answer = lease.download(&spot.file, range).await;
        let download = answer.map_err(|error| self.unusable(spot.bot, DOING, error))?;
        let is_whole = download.is_whole();
        let bytes = if is_whole { download.into_body() } else { download.into_range() };
        Ok(Reading { bytes: Box::pin(bytes.map(|slice| slice.map_err(|error| failed(DOING, error)))), is_whole })
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        const DOING: &str = "deleting messages";
        let mut channels: BTreeMap<i64, Vec<(Spot, &Locator)>> = BTreeMap::new();
        for copy in copies {
            let spot = Spot::parse(copy, DOING)?;
            channels.entry(spot.channel.0).or_default().push((spot, copy));
        }
        let mut kept = Vec::new();
        for (channel, spots) in channels {
            let Some(bot) = self.fleet.by_channel(ChatId(channel)) else {
                // Nobody here is in that channel any more.
                kept.extend(spots.into_iter().map(|(_, copy)| copy.clone()));
                continue;
            };
            let messages: Vec<MessageId> = spots.iter().map(|(spot, _)| spot.message).collect();
            let lease = self.lease(bot.id, Purpose::Upkeep, DOING).await?;
            let undeletable = match lease.delete(bot.channel, &messages).await {
                Ok(undeletable) => undeletable,
                // Nobody may, until somebody gives the bot its right back.
                Err(error) if error.kind == Kind::Forbidden => messages,
                // Among them a channel that is not seen: it may be gone, or the bot thrown out of it.
                Err(error) => return Err(failed(DOING, error)),
            };
            let left = spots.into_iter().filter(|(spot, _)| undeletable.contains(&spot.message));
            kept.extend(left.map(|(_, copy)| copy.clone()));
        }
        Ok(kept)
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        const DOING: &str = "looking for a blob in Telegram";
        let spot = Spot::parse(copy, DOING)?;
        let lease = self.lease(spot.bot, Purpose::Upkeep, DOING).await?;
        let first = ByteRange::at(0, 1).ok_or_else(|| StoreError::new(Fault::Refused, DOING))?;
        match lease.download(&spot.file, first).await {
            Ok(_) => Ok(Presence::Present),
            Err(error) if matches!(error.kind, Kind::MessageGone | Kind::WrongFile) => Ok(Presence::Absent),
            Err(error) => Err(failed(DOING, error)),
        }
    }
}

impl Spot {
    /// Strict: the only accepted spelling is the one `locator` makes.
    fn parse(copy: &Locator, doing: &'static str) -> Result<Self, StoreError> {
        let parts = || {
            let mut parts = copy.0.strip_prefix("tg:")?.splitn(4, '/');
            Some(Self {
                channel: parts.next()?.parse().ok()?,
                message: MessageId(parts.next()?.parse().ok()?),
                bot: BotId(parts.next()?.parse().ok()?),
                file: FileId(parts.next().filter(|file| !file.is_empty())?.to_owned()),
            })
        };
        let spot = parts().filter(|spot| spot.locator() == *copy);
        spot.ok_or_else(|| StoreError::new(Fault::Refused, doing).definitely())
    }

    fn locator(&self) -> Locator {
        let Self { channel, message, bot, file } = self;
        Locator(format!("tg:{channel}/{message}/{bot}/{}", file.0))
    }
}

/// What to do about a copy of a bot that is configured no more.
fn missing(bot: BotId) -> String {
    format!(
        "it lies with the bot {bot}, which is not configured; set that bot's TELEGRAM_BOT_TOKEN and TELEGRAM_CHANNEL_ID \
         again and restart the server"
    )
}

/// Says nothing of the film, and is not the same twice.
fn neutral_name(nonce: Uuid) -> String {
    format!("{:08x}.bin", nonce.as_fields().0)
}

/// A failed send: whether a message may be there decides what happens next.
fn unsent(doing: &'static str, error: TelegramError) -> StoreError {
    let is_definite = !error.may_have_been_sent();
    let failed = failed(doing, error);
    if is_definite { failed.definitely() } else { failed }
}

fn failed(doing: &'static str, error: TelegramError) -> StoreError {
    let fault = match error.kind {
        Kind::Flooded | Kind::Busy => Fault::Throttled,
        // A bot that is out is back when somebody repaired it.
        Kind::Unauthorized | Kind::Forbidden | Kind::ChatNotFound | Kind::UnknownBot => Fault::Unreachable,
        Kind::ServerFault | Kind::Unreachable | Kind::Malformed => Fault::Unreachable,
        Kind::MessageGone | Kind::WrongFile => Fault::Missing,
        Kind::Truncated => Fault::Corrupt,
        Kind::FileTooBig => Fault::TooLarge,
        Kind::Undeletable | Kind::Unsupported | Kind::BadRequest | Kind::LocalFile => Fault::Refused,
    };
    StoreError::new(fault, doing).after(error.retry_after).because(error)
}
