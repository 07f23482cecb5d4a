//! The search of a channel for copies whose sends were never answered.
//!
//! The Bot API lists no messages. A document of no account, the *mark*, tells how far the numbers of a
//! channel go; below it they are *looked at* one by one, newest first: forwarded, read and deleted again.
//! A look costs the channel's budget of messages and takes a number itself. So each is looked at once for
//! all copies together, and what turned out to be a *blank* is remembered, from one search to the next.
//!
//! A look that is not answered may leave a *double* of what it looked at. The double of a copy that is asked
//! for is found as the copy is; after a restart, too, unless the first search breaks off between the two. The
//! double of anything else is known by where it was forwarded from, and is a stray as well. Such a double stays
//! in the channel, and is counted nowhere,
//! - when the program ends before the channel is searched again: nothing else knows which looks were lost;
//! - when what was looked at was itself a forward: its double names the same origin;
//! - when what was looked at was somebody's words: so is the double, and words are left alone;
//! - when the server does not say where a message was forwarded from (Bot API before 7.0);
//! - when more than `MOST_LOOKED_AT` messages came after it.

use super::{Spot, TelegramStore, failed};
use crate::media::extent::{Locator, UnheardCopy};
use crate::store::{Search, StoreError};
use crate::telegram::{
    Bot, BotLease, ChatId, Content, Document, Kind, MessageId, PASSING, Purpose, SentDocument, TelegramError,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
    /// What was looked at without an answer, with a number behind which a double of it may lie.
    unanswered: BTreeMap<i64, i64>,
    /// A search came to its end and found nothing, so that none of an earlier run of the program left a double.
    was_clean: bool,
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

    /// Whether a document at this message was left by a look at another one.
    fn is_double(&self, seen: &SentDocument, channel: ChatId, message: i64) -> bool {
        let Some((from, looked_at)) = seen.origin else { return false };
        from == channel && self.unanswered.get(&looked_at.0).is_some_and(|after| *after < message)
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
        // Behind this a double may lie.
        let lost_look = self.known.unanswered.values().min().copied();
        let may_be_doubled = lost_look.is_some() || !self.known.was_clean;
        let oldest = wanted.values().map(|wanted| wanted.after).chain(lost_look).min().unwrap_or(newest);
        let (mut strays, mut looks) = (Vec::new(), 0);
        for message in (oldest + 1..newest).rev() {
            if named.contains(&message) || self.known.blanks.contains(&message) {
                continue;
            }
            let is_open = |wanted: &Wanted| wanted.after < message && (wanted.left > 0 || may_be_doubled);
            let is_due = wanted.values().any(is_open) || lost_look.is_some_and(|after| after < message);
            if looks == MOST_LOOKED_AT || !is_due {
                break;
            }
            looks += 1;
            match self.look_at(MessageId(message), newest).await {
                Ok(Some(seen)) => {
                    let (channel, bot) = (self.bot.channel, self.bot.id);
                    if let Some(wanted) = imprint_of(&seen, &wanted).and_then(|imprint| wanted.get_mut(&imprint)) {
                        wanted.left = wanted.left.saturating_sub(1);
                    } else if !self.known.is_double(&seen, channel, message) {
                        continue;
                    }
                    strays.push(Spot { channel, message: MessageId(message), bot, file: seen.file }.locator());
                }
                Ok(None) => self.known.add_blank(MessageId(message)),
                Err(error) => {
                    let is_open = |wanted: &Wanted| is_open(wanted) && (wanted.left > 0 || lost_look.is_some());
                    let undecided = wanted.iter().filter(|(_, wanted)| is_open(wanted)).map(|(imprint, _)| *imprint);
                    return Ok(Search {
                        undecided: undecided.collect(),
                        broke_off: Some(error),
                        ..found(strays, &wanted)
                    });
                }
            }
        }
        if strays.is_empty() {
            self.known.unanswered.clear();
            self.known.was_clean = true;
        }
        Ok(found(strays, &wanted))
    }

    /// A number that no message of the channel had reached before.
    async fn mark(&mut self) -> Result<MessageId, StoreError> {
        let lease = self.lease().await?;
        // While nothing can be deleted, nothing is sent.
        self.unsend_leftovers(&lease).await?;
        let content = Content::Bytes(Bytes::from_static(b"telecine"));
        let mark = Document { name: "mark.bin".into(), caption: PASSING.to_owned(), content };
        let mark = lease.send_document(mark).await.map_err(|error| failed(DOING, error))?;
        self.unsend(&lease, mark.message).await?;
        Ok(mark.message)
    }

    /// The document at a message, unless it is nobody's who ever asks here. What this sends goes behind `newest`.
    async fn look_at(&mut self, message: MessageId, newest: i64) -> Result<Option<SentDocument>, StoreError> {
        let lease = self.lease().await?;
        // Noted before: whoever waits for the answer may be dropped.
        let was_unanswered = self.known.unanswered.contains_key(&message.0);
        self.known.unanswered.entry(message.0).or_insert(newest);
        let answer = lease.forward(self.bot.channel, message).await;
        let is_unanswered = answer.as_ref().is_err_and(TelegramError::may_have_been_sent);
        if !was_unanswered && !is_unanswered {
            self.known.unanswered.remove(&message.0);
        }
        let seen = match answer {
            Ok(seen) => seen,
            // Gone, or no message that can be forwarded: none of ours.
            Err(error) if matches!(error.kind, Kind::MessageGone | Kind::BadRequest) => return Ok(None),
            Err(error) => return Err(failed(DOING, error)),
        };
        self.unsend(&lease, seen.message).await?;
        if seen.caption.as_deref() == Some(PASSING) {
            self.unsend(&lease, message).await?;
        }
        let is_ours = imprints(&seen).next().is_some() || self.known.is_double(&seen, self.bot.channel, message.0);
        Ok(is_ours.then_some(seen))
    }

    /// Deletes a message of the search itself, with those that could not be deleted before.
    async fn unsend(&mut self, lease: &BotLease, message: MessageId) -> Result<(), StoreError> {
        self.known.leftovers.push(message);
        self.unsend_leftovers(lease).await
    }

    async fn unsend_leftovers(&mut self, lease: &BotLease) -> Result<(), StoreError> {
        if self.known.leftovers.is_empty() {
            return Ok(());
        }
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

/// What was found, and what was not.
fn found(strays: Vec<Locator>, wanted: &HashMap<Uuid, Wanted>) -> Search {
    let absent = wanted.iter().filter(|(_, wanted)| wanted.left > 0).map(|(imprint, _)| *imprint).collect();
    Search { absent, ..Search::complete(strays) }
}

fn imprint_of(seen: &SentDocument, wanted: &HashMap<Uuid, Wanted>) -> Option<Uuid> {
    imprints(seen).find(|imprint| wanted.contains_key(imprint))
}

/// Every UUID in the caption: which of them is the imprint, only those know who wrote it.
fn imprints(seen: &SentDocument) -> impl Iterator<Item = Uuid> {
    let words = seen.caption.as_deref().unwrap_or_default().split_whitespace();
    words.filter_map(|word| Uuid::try_parse(word).ok())
}
