//! The right to ask a bot something, and the one place its answers pass through.

use super::{Bot, Inner, OffDuty, Purpose};
use crate::media::range::ByteRange;
use crate::telegram::bot_api::{Chat, Document, Download, FileStream, Me, Rights, SentDocument};
use crate::telegram::circuit::{OutReason, Outcome};
use crate::telegram::error::{Kind, TelegramError};
use crate::telegram::gate::Pass;
use crate::telegram::id::{ChatId, FileId, MessageId};
use bytes::Bytes;
use futures::stream::{StreamExt, unfold};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A bot that may be asked now. Dropping it, also in the middle of a request, frees its slot.
pub struct BotLease {
    inner: Arc<Inner>,
    number: usize,
    pass: Pass,
}

/// What a refusal is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Concern {
    /// The bot's own channel, and posting there: a refusal tells what the bot lacks.
    OwnChannel,
    /// Anything else: only a refused token says something of the bot.
    Else,
}

impl BotLease {
    pub(super) fn new(inner: Arc<Inner>, number: usize, pass: Pass) -> Self {
        Self { inner, number, pass }
    }

    /// The bot.
    pub fn bot(&self) -> Bot {
        self.inner.berths[self.number].bot
    }

    /// As `BotApi::me`.
    ///
    /// # Errors
    /// As there.
    pub async fn me(&self) -> Result<Me, TelegramError> {
        self.timed(self.inner.berths[self.number].api.me()).await
    }

    /// As `BotApi::chat`.
    ///
    /// # Errors
    /// As there.
    pub async fn chat(&self, chat: ChatId) -> Result<Chat, TelegramError> {
        self.timed(self.inner.berths[self.number].api.chat(chat)).await
    }

    /// As `BotApi::chat` of the bot's own channel: a refusal tells that it has lost it.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn own_chat(&self) -> Result<Chat, TelegramError> {
        let berth = &self.inner.berths[self.number];
        self.settled(Concern::OwnChannel, berth.api.chat(berth.bot.channel)).await
    }

    /// As `BotApi::member`.
    ///
    /// # Errors
    /// As there.
    pub async fn member(&self, chat: ChatId) -> Result<Rights, TelegramError> {
        self.timed(self.inner.berths[self.number].api.member(chat)).await
    }

    /// As `BotApi::delete`.
    ///
    /// # Errors
    /// As there.
    pub async fn delete(&self, chat: ChatId, messages: &[MessageId]) -> Result<Vec<MessageId>, TelegramError> {
        self.timed(self.inner.berths[self.number].api.delete(chat, messages)).await
    }

    /// Sends a document to the bot's own channel, when its budget allows: waits for that a few seconds.
    ///
    /// # Errors
    /// As `BotApi::send_document`; `Flooded` with the time left when the budget is spent for longer than
    /// `Waits::patience`; what is wrong with the bot when it is out.
    pub async fn send_document(&self, document: Document) -> Result<SentDocument, TelegramError> {
        self.send_document_within(self.inner.waits.patience, document).await
    }

    /// The same, but waits as long as `patience` for the budget.
    ///
    /// # Errors
    /// As there.
    pub(in crate::telegram) async fn send_document_within(
        &self,
        patience: Duration,
        document: Document,
    ) -> Result<SentDocument, TelegramError> {
        let len = document.content.len();
        self.await_budget(patience, "sending a document").await?;
        let berth = &self.inner.berths[self.number];
        let call = berth.api.send_document(berth.bot.channel, document);
        self.note_sent(len, self.settled(Concern::OwnChannel, call).await)
    }

    /// Forwards a message into the bot's own channel, within the same budget.
    ///
    /// # Errors
    /// As `BotApi::forward` and [`BotLease::send_document`].
    pub async fn forward(&self, from: ChatId, message: MessageId) -> Result<SentDocument, TelegramError> {
        self.await_budget(self.inner.waits.patience, "forwarding a message").await?;
        let berth = &self.inner.berths[self.number];
        let call = berth.api.forward(from, message, berth.bot.channel);
        self.note_sent(0, self.settled(Concern::Else, call).await)
    }

    /// As `BotApi::download`. The lease lives until the bytes are at their end or dropped.
    ///
    /// # Errors
    /// As there.
    pub async fn download(self, file: &FileId, range: ByteRange) -> Result<Download, TelegramError> {
        let (inner, number) = (Arc::clone(&self.inner), self.number);
        let passage = Passage { flight: Flight::new(&inner, number), lease: self, fared: Fared::NothingYet };
        let wait = Wait { inner: &inner, number, begun: Instant::now(), is_over: false };
        let answer = inner.berths[number].api.download(file, range).await;
        let waited = wait.over();
        if let Err(error) = &answer {
            passage.lease.note_error(Concern::Else, error);
            if error.kind == Kind::WrongFile {
                inner.suspect(number);
            }
        }
        let download = answer?;
        inner.berths[number].duty().meter.answered(waited);
        Ok(download.through(|body| passage.over(body)))
    }

    async fn timed<T>(&self, call: impl Future<Output = Result<T, TelegramError>>) -> Result<T, TelegramError> {
        let begun = Instant::now();
        let answer = self.settled(Concern::Else, call).await;
        if answer.is_ok() {
            self.inner.berths[self.number].duty().meter.answered(begun.elapsed());
        }
        answer
    }

    async fn settled<T>(
        &self,
        concern: Concern,
        call: impl Future<Output = Result<T, TelegramError>>,
    ) -> Result<T, TelegramError> {
        let _flight = Flight::new(&self.inner, self.number);
        let answer = call.await;
        match &answer {
            Ok(_) => self.inner.note(self.number, Outcome::Succeeded),
            Err(error) => self.note_error(concern, error),
        }
        answer
    }

    fn note_error(&self, concern: Concern, error: &TelegramError) {
        self.inner.berths[self.number].duty().meter.failed();
        if let Some(outcome) = outcome_of(concern, error) {
            self.inner.note(self.number, outcome);
        }
    }

    fn note_sent(
        &self,
        bytes: u64,
        answer: Result<SentDocument, TelegramError>,
    ) -> Result<SentDocument, TelegramError> {
        let berth = &self.inner.berths[self.number];
        match &answer {
            Ok(_) => berth.duty().meter.sent(bytes, Instant::now()),
            Err(error) if error.kind == Kind::Flooded => {
                berth.duty().pace.flooded(error.retry_after.unwrap_or_default(), Instant::now());
                self.inner.remember();
            }
            Err(_) => {}
        }
        answer
    }

    /// Takes the budget of one message. The bot is looked at again: it may have been flooded or thrown out
    /// since the lease was taken.
    async fn await_budget(&self, patience: Duration, doing: &'static str) -> Result<(), TelegramError> {
        let begun = Instant::now();
        loop {
            let (wait, error) = match self.inner.off_duty(self.number, Purpose::Deposit) {
                Some(OffDuty::Resting { reason, left }) => (left, OffDuty::Resting { reason, left }.into_error(doing)),
                Some(out) => return Err(out.into_error(doing)),
                None => match self.inner.berths[self.number].duty().pace.take(self.pass.purpose(), Instant::now()) {
                    Ok(()) => return Ok(()),
                    Err(wait) => (wait, TelegramError::flooded(doing, wait).saying("its budget of messages is spent")),
                },
            };
            if begun.elapsed() + wait > patience {
                return Err(error);
            }
            sleep(wait).await;
        }
    }
}

/// What an error says of the bot; `None` when nothing.
fn outcome_of(concern: Concern, error: &TelegramError) -> Option<Outcome> {
    Some(match error.kind {
        Kind::Flooded => Outcome::Flooded(error.retry_after.unwrap_or_default()),
        Kind::Unauthorized => Outcome::Expelled(OutReason::Unauthorized),
        Kind::Forbidden if concern == Concern::OwnChannel => Outcome::Expelled(OutReason::Forbidden),
        Kind::ChatNotFound if concern == Concern::OwnChannel => Outcome::Expelled(OutReason::ChannelGone),
        Kind::ServerFault | Kind::Unreachable | Kind::Malformed => Outcome::Failed,
        Kind::LocalFile | Kind::Busy | Kind::UnknownBot => return None,
        _ => Outcome::Answered,
    })
}

/// A request under way, as the meter counts it.
struct Flight {
    inner: Arc<Inner>,
    number: usize,
}

impl Flight {
    fn new(inner: &Arc<Inner>, number: usize) -> Self {
        inner.berths[number].duty().meter.begin();
        Self { inner: Arc::clone(inner), number }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.inner.berths[self.number].duty().meter.end();
    }
}

/// The wait for the beginning of an answer. A reader that goes elsewhere after a while tells of a bot that
/// does not answer.
struct Wait<'a> {
    inner: &'a Inner,
    number: usize,
    begun: Instant,
    is_over: bool,
}

/// Whoever leaves sooner had reasons of their own.
const LONG_WAIT: Duration = Duration::from_secs(1);

impl Wait<'_> {
    /// Ends it with an answer, and says how long it was.
    fn over(mut self) -> Duration {
        self.is_over = true;
        self.begun.elapsed()
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.begun.elapsed() >= LONG_WAIT {
            self.inner.berths[self.number].duty().meter.failed();
            self.inner.note(self.number, Outcome::Failed);
        }
    }
}

/// A body on its way to its reader.
struct Passage {
    lease: BotLease,
    flight: Flight,
    fared: Fared,
}

/// How a passage went so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fared {
    NothingYet,
    Well,
    Badly,
}

impl Passage {
    fn over(self, body: FileStream) -> FileStream {
        Box::pin(unfold((body, self), |(mut body, mut passage)| async move {
            let item = body.next().await?;
            passage.note(&item);
            Some((item, (body, passage)))
        }))
    }

    fn note(&mut self, item: &Result<Bytes, TelegramError>) {
        match item {
            Ok(slice) => {
                self.fared = Fared::Well;
                let mut duty = self.flight.inner.berths[self.flight.number].duty();
                duty.meter.received(slice.len() as u64, Instant::now());
            }
            Err(error) => {
                self.fared = Fared::Badly;
                self.lease.note_error(Concern::Else, error);
            }
        }
    }
}

impl Drop for Passage {
    /// A reader that leaves early has got what it wanted. Only now: the head of an answer is no
    /// success of a bot that then hangs.
    fn drop(&mut self) {
        if self.fared == Fared::Well {
            self.flight.inner.note(self.flight.number, Outcome::Succeeded);
        }
    }
}
