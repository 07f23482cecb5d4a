//! The search of a channel for copies whose sends were never answered.
//!
//! The Bot API lists no messages. A document of no account, the *mark*, tells how far the numbers of a
//! channel go; below it they are *looked at* one by one, newest first: forwarded, read and deleted again.
//! A look costs the channel's budget of messages and takes a number itself. So each is looked at once for
//! all copies together, and what turned out to be a *blank* is remembered, from one search to the next.

use super::{Spot, TelegramStore, failed};
use crate::media::extent::{Locator, UnheardCopy};
use crate::store::{Search, StoreError};
use crate::telegram::{Bot, BotLease, ChatId, Content, Document, Kind, MessageId, Purpose, SentDocument};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Mutex as Turn;
use uuid::Uuid;

/// What every failure of a search was about.
pub(super) const DOING: &str = "looking for messages that nobody heard of";

/// Messages looked at in one search; what lies below them is given up. A channel is written to at most about
/// once a second, and an answer is given up after minutes.
const MOST_LOOKED_AT: usize = 300;

/// Blanks remembered of a channel, the newest ones.
const MOST_BLANKS: usize = 10_000;

/// Below a mark, so that one whose answer was lost is known again.
const MARK: &str = "telecine/1 mark";

/// What is known of the channels from earlier searches. A channel is searched by one at a time, or they would
/// find each other's forwards.
#[derive(Clone, Default)]
pub(super) struct Searched {
    channels: Arc<Mutex<HashMap<ChatId, Arc<Turn<Known>>>>>,
}

/// What is known of one channel.
#[derive(Default)]
pub(super) struct Known {
    /// Numbers at which nothing lies that anybody will ask for.
    blanks: BTreeSet<i64>,
    /// Marks and forwards of ours that are not deleted yet.
    leftovers: Vec<MessageId>,
    /// A look was not answered: what it looked at may lie there twice.
    is_doubled: bool,
}

/// An imprint that is looked for.
struct Wanted {
    /// Messages that may still carry it.
    left: usize,
    /// All of them lie behind this number.
    after: i64,
}

/// One search under way.
pub(super) struct Pass<'a> {
    pub(super) store: &'a TelegramStore,
    pub(super) bot: Bot,
    pub(super) known: &'a mut Known,
}

impl Searched {
    /// What is known of a channel, for whoever locks it to search it.
    pub(super) fn channel(&self, channel: ChatId) -> Arc<Turn<Known>> {
        let mut channels = self.channels.lock().expect("no panic while a channel is looked up");
        Arc::clone(channels.entry(channel).or_default())
    }
}

impl Known {
    fn add_blank(&mut self, message: MessageId) {
        self.blanks.insert(message.0);
        while self.blanks.len() > MOST_BLANKS {
            self.blanks.pop_first();
        }
    }
}

impl Pass<'_> {
    /// Searches for all of these at once. An error in the middle is part of the answer.
    ///
    /// # Errors
    /// As `BlobStore::find`.
    pub(super) async fn run(mut self, unheard: &[UnheardCopy], named: &[Locator]) -> Result<Search, StoreError> {
        let mut wanted = wanted(unheard)?;
        let named: HashSet<i64> = named.iter().filter_map(|at| Some(Spot::parse(at, DOING).ok()?.message.0)).collect();
        let newest = self.mark().await?.0;
        let oldest = wanted.values().map(|wanted| wanted.after + 1).min().unwrap_or(newest);
        let is_doubled = self.known.is_doubled;
        let (mut strays, mut looks) = (Vec::new(), 0);
        for message in (oldest..newest).rev() {
            if named.contains(&message) || self.known.blanks.contains(&message) {
                continue;
            }
            let is_open = |wanted: &Wanted| wanted.after < message && (wanted.left > 0 || is_doubled);
            if looks == MOST_LOOKED_AT || !wanted.values().any(is_open) {
                break;
            }
            looks += 1;
            match self.look_at(MessageId(message)).await {
                Ok(Some(seen)) => {
                    let Some(imprint) = imprint_of(&seen, &wanted) else { continue };
                    let (channel, bot) = (self.bot.channel, self.bot.id);
                    strays.push(Spot { channel, message: MessageId(message), bot, file: seen.file }.locator());
                    wanted.entry(imprint).and_modify(|wanted| wanted.left = wanted.left.saturating_sub(1));
                }
                Ok(None) => self.known.add_blank(MessageId(message)),
                Err(error) => {
                    let undecided = wanted.iter().filter(|(_, wanted)| is_open(wanted)).map(|(imprint, _)| *imprint);
                    return Ok(Search { strays, undecided: undecided.collect(), broke_off: Some(error) });
                }
            }
        }
        self.known.is_doubled = false;
        Ok(Search::complete(strays))
    }

    /// A number that no message of the channel had reached before.
    async fn mark(&mut self) -> Result<MessageId, StoreError> {
        let lease = self.lease().await?;
        let content = Content::Bytes(Bytes::from_static(b"telecine"));
        let mark = Document { name: "mark.bin".into(), caption: MARK.to_owned(), content };
        let mark = lease.send_document(mark).await.map_err(|error| failed(DOING, error))?;
        self.unsend(&lease, mark.message).await?;
        Ok(mark.message)
    }

    /// The document at a message, unless it is nobody's who ever asks here.
    async fn look_at(&mut self, message: MessageId) -> Result<Option<SentDocument>, StoreError> {
        let lease = self.lease().await?;
        let seen = match lease.forward(self.bot.channel, message).await {
            Ok(seen) => seen,
            // Gone, or no message that can be forwarded: none of ours.
            Err(error) if matches!(error.kind, Kind::MessageGone | Kind::BadRequest) => return Ok(None),
            Err(error) => {
                self.known.is_doubled |= error.may_have_been_sent();
                return Err(failed(DOING, error));
            }
        };
        self.unsend(&lease, seen.message).await?;
        if seen.caption.as_deref() == Some(MARK) {
            self.unsend(&lease, message).await?;
        }
        Ok(Some(seen).filter(|seen| imprints(seen).next().is_some()))
    }

    /// Deletes a message of the search itself, with those that could not be deleted before.
    async fn unsend(&mut self, lease: &BotLease, message: MessageId) -> Result<(), StoreError> {
        self.known.leftovers.push(message);
        lease.delete(self.bot.channel, &self.known.leftovers).await.map_err(|error| failed(DOING, error))?;
        for gone in std::mem::take(&mut self.known.leftovers) {
            self.known.add_blank(gone);
        }
        Ok(())
    }

    async fn lease(&self) -> Result<BotLease, StoreError> {
        self.store.lease(self.bot.id, Purpose::Upkeep, DOING).await
    }
}

/// What is looked for, by imprint: a copy that was sent again has the same one, and so has a forward of it.
fn wanted(unheard: &[UnheardCopy]) -> Result<HashMap<Uuid, Wanted>, StoreError> {
    let mut all: HashMap<Uuid, Wanted> = HashMap::new();
    for copy in unheard {
        let after = copy.after.as_ref().map(|after| Spot::parse(after, DOING)).transpose()?;
        let after = after.map_or(0, |spot| spot.message.0);
        let wanted = all.entry(copy.imprint).or_insert(Wanted { left: 0, after });
        wanted.left += 1;
        wanted.after = wanted.after.min(after);
    }
    Ok(all)
}

fn imprint_of(seen: &SentDocument, wanted: &HashMap<Uuid, Wanted>) -> Option<Uuid> {
    imprints(seen).find(|imprint| wanted.contains_key(imprint))
}

/// Every UUID in the caption: which of them is the imprint, only those know who wrote it.
fn imprints(seen: &SentDocument) -> impl Iterator<Item = Uuid> {
    let words = seen.caption.as_deref().unwrap_or_default().split_whitespace();
    words.filter_map(|word| Uuid::try_parse(word).ok())
}
