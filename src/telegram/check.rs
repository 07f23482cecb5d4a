//! Whether a bot is fit to hold blobs, found out by letting it hold one; and what to do where it is not.

use super::PASSING;
use super::bot_api::{Content, Document, Me, Rights, SentDocument};
use super::error::{Kind, TelegramError};
use super::fleet::{Bot, BotLease, Fleet, Look, Purpose};
use super::id::{BotId, ChatId};
use crate::media::range::ByteRange;
use bytes::Bytes;
use futures::TryStreamExt;
use serde::Serialize;
use std::error::Error;
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use uuid::Uuid;

/// Bytes of the round trip.
const PROBE_LEN: usize = 64 * 1024;

/// How long a test waits while films use up the bot's budget of messages.
const BUDGET_WAIT: Duration = Duration::from_secs(60);

/// What the test of one bot found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BotTest {
    /// The number people know it by.
    pub slot: u8,
    /// Its id.
    #[schema(value_type = i64)]
    pub bot: BotId,
    /// Its name without the `@`.
    pub username: Option<String>,
    /// Its channel.
    #[schema(value_type = i64)]
    pub channel: ChatId,
    /// The channel's name.
    pub title: Option<String>,
    /// Whether it may post; `None` when that is not known.
    pub can_post: Option<bool>,
    /// Whether it may delete; `None` when that is not known.
    pub can_delete: Option<bool>,
    /// Time of one small request, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Sending, from the request to the answer.
    pub up: Option<Transfer>,
    /// Reading back, from the request to the last byte.
    pub down: Option<Transfer>,
    /// What does not work, and what to do. Empty when all is well.
    pub failures: Vec<StepFailure>,
}

/// One direction of the round trip.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Transfer {
    /// Bytes that went.
    pub bytes: u64,
    /// How long they took, in milliseconds.
    pub elapsed_ms: u64,
    /// Millions of bytes a second. Of so few bytes: mostly latency.
    pub megabytes_per_second: f64,
}

/// A part of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Is the token accepted?
    Token,
    /// Is the channel there?
    Channel,
    /// May the bot post and delete?
    Rights,
    /// Does a document go in?
    Send,
    /// Does it come out as it went in?
    ReadBack,
    /// Can it be deleted?
    Delete,
}

/// A part that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepFailure {
    /// Which one.
    pub step: Step,
    /// What happened.
    pub wrong: String,
    /// What to do, as a sentence.
    pub advice: String,
}

impl BotTest {
    /// Whether the bot is fit for everything.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }

    fn of(look: &Look) -> Self {
        let rights = look.rights.as_ref().and_then(|rights| rights.as_ref().ok());
        let chat = look.chat.as_ref().and_then(|chat| chat.as_ref().ok());
        let mut test = Self {
            slot: look.bot.slot,
            bot: look.bot.id,
            username: look.me.as_ref().ok().map(|me: &Me| me.username.clone()),
            channel: look.bot.channel,
            title: chat.and_then(|chat| chat.title.clone()),
            can_post: rights.map(|rights: &Rights| rights.can_post),
            can_delete: rights.map(|rights: &Rights| rights.can_delete),
            latency_ms: look.latency.map(milliseconds),
            up: None,
            down: None,
            failures: Vec::new(),
        };
        if let Err(error) = &look.me {
            test.fail(Step::Token, error);
        }
        if let Some(Err(error)) = &look.chat {
            test.fail(Step::Channel, error);
        }
        if let Some(chat) = chat.filter(|chat| chat.kind != "channel") {
            let wrong = format!("{} is a {}, not a channel", test.channel, chat.kind);
            let advice = format!(
                "Make a private channel, add {} as its administrator and set TELEGRAM_CHANNEL_ID_{} to its id.",
                test.name(),
                test.slot
            );
            test.failures.push(StepFailure { step: Step::Channel, wrong, advice });
        }
        if chat.is_some_and(|chat| chat.has_protected_content) {
            let wrong = format!("nothing can be forwarded from {}", test.channel);
            let advice = "Turn off “Restrict saving content” in the channel's settings: a message whose sending was \
                          never confirmed is recognized by forwarding it."
                .to_owned();
            test.failures.push(StepFailure { step: Step::Channel, wrong, advice });
        }
        match &look.rights {
            // The same words twice help nobody.
            Some(Err(error)) if test.failures.is_empty() => test.fail(Step::Rights, error),
            Some(Ok(rights)) => test.judge(*rights),
            _ => {}
        }
        test
    }

    fn judge(&mut self, rights: Rights) {
        let wrong = match rights {
            Rights { is_member: false, .. } => "the bot is not in the channel",
            Rights { can_post: false, can_delete: false, .. } => "the bot may neither post nor delete",
            Rights { can_post: false, .. } => "the bot may not post",
            Rights { can_delete: false, .. } => "the bot may not delete",
            Rights { .. } => return,
        };
        let advice = self.appoint();
        self.failures.push(StepFailure { step: Step::Rights, wrong: wrong.to_owned(), advice });
    }

    fn fail(&mut self, step: Step, error: &TelegramError) {
        let advice = self.advice(error);
        self.failures.push(StepFailure { step, wrong: with_causes(error), advice });
    }

    fn advice(&self, error: &TelegramError) -> String {
        let wait = error.retry_after.map_or(60, |wait| wait.as_secs().max(1));
        match error.kind {
            Kind::Unauthorized => format!(
                "Copy the bot's token from @BotFather into TELEGRAM_BOT_TOKEN_{}; if it was revoked there, use the new one.",
                self.slot
            ),
            Kind::Forbidden => self.appoint(),
            Kind::ChatNotFound => format!(
                "Check TELEGRAM_CHANNEL_ID_{}: it starts with -100. If it is right, {}",
                self.slot,
                self.appoint().replacen("Add", "add", 1)
            ),
            Kind::Undeletable => self.appoint(),
            Kind::Flooded => format!("Wait {wait} seconds and test again: Telegram limits how often a bot may ask."),
            Kind::Unreachable => {
                "Check that this machine reaches the server of TELEGRAM_API_URL, then test again.".to_owned()
            }
            Kind::Malformed => "Check TELEGRAM_API_URL: what answers there is no Bot API server.".to_owned(),
            Kind::Unsupported => "Update the server of TELEGRAM_API_URL, then test again.".to_owned(),
            Kind::LocalFile => "Check where the Bot API server keeps its files, then test again.".to_owned(),
            Kind::ServerFault | Kind::Busy => "Test again in a few minutes: the fault is not on this side.".to_owned(),
            _ => "Test again; if it stays so, give the bot a fresh channel.".to_owned(),
        }
    }

    fn appoint(&self) -> String {
        format!(
            "Add {} as administrator of channel {} with the rights to post and to delete messages.",
            self.name(),
            self.title
                .as_ref()
                .map_or_else(|| self.channel.to_string(), |title| format!("“{title}” ({})", self.channel))
        )
    }

    fn name(&self) -> String {
        self.username.as_ref().map_or_else(|| format!("the bot {}", self.bot), |name| format!("@{name}"))
    }
}

impl Fleet {
    /// Tests one bot for real: who it is, its channel, its rights, and 64 KiB sent, read back, compared and
    /// deleted. What it finds counts: a bot that was out and passes is back. `None` when there is no such bot.
    pub async fn test(&self, bot: BotId) -> Option<BotTest> {
        let look = self.look_at(bot).await?;
        let mut test = BotTest::of(&look);
        // Nothing may be sent to a channel that refuses it; a missing right to delete would leave litter.
        if test.is_ok() {
            self.round_trip(look.bot, &mut test).await;
        }
        Some(test)
    }

    async fn round_trip(&self, bot: Bot, test: &mut BotTest) {
        let bytes = probe();
        let document = Document {
            name: "telecine-test.bin".to_owned(),
            caption: PASSING.to_owned(),
            content: Content::Bytes(bytes.clone()),
        };
        let begun = Instant::now();
        let sent = match self.lease(bot.id, Purpose::Deposit).await {
            Ok(lease) => lease.send_document_within(BUDGET_WAIT, document).await,
            Err(error) => Err(error),
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => return test.fail(Step::Send, &error),
        };
        test.up = Some(Transfer::of(begun.elapsed()));
        let begun = Instant::now();
        match self.read_back(bot, &sent).await {
            Ok(found) if found == bytes => test.down = Some(Transfer::of(begun.elapsed())),
            Ok(_) => test.failures.push(StepFailure {
                step: Step::ReadBack,
                wrong: "other bytes came back than were sent".to_owned(),
                advice: "Check what stands between this machine and Telegram: something changes files.".to_owned(),
            }),
            Err(error) => test.fail(Step::ReadBack, &error),
        }
        match self.lease(bot.id, Purpose::Deposit).await {
            Ok(lease) => discard(&lease, &sent, test).await,
            Err(error) => test.fail(Step::Delete, &error),
        }
    }

    async fn read_back(&self, bot: Bot, sent: &SentDocument) -> Result<Bytes, TelegramError> {
        let lease = self.lease(bot.id, Purpose::Deposit).await?;
        let range = ByteRange::at(0, PROBE_LEN as u64).expect("the probe is not empty");
        let slices: Vec<Bytes> = lease.download(&sent.file, range).await?.into_range().try_collect().await?;
        Ok(slices.concat().into())
    }
}

/// Deletes the test's message, at the second try if the first one fails in passing: what stays is cleared away only
/// when something in that channel is looked for.
async fn discard(lease: &BotLease, sent: &SentDocument, test: &mut BotTest) {
    let delete = || lease.delete(lease.bot().channel, std::slice::from_ref(&sent.message));
    let mut deleted = delete().await;
    if deleted.as_ref().is_err_and(|error| error.is_worth_retrying() && error.kind != Kind::Flooded) {
        deleted = delete().await;
    }
    match deleted {
        Ok(left) if left.is_empty() => {}
        Ok(_) => test.fail(Step::Delete, &TelegramError::new(Kind::Undeletable, "deleting the test message")),
        Err(error) => test.fail(Step::Delete, &error),
    }
}

impl Transfer {
    fn of(elapsed: Duration) -> Self {
        let bytes = PROBE_LEN as u64;
        let megabytes_per_second = bytes as f64 / 1e6 / elapsed.as_secs_f64().max(1e-6);
        Self { bytes, elapsed_ms: milliseconds(elapsed), megabytes_per_second }
    }
}

/// Bytes that no cache and no compression knows.
fn probe() -> Bytes {
    let mut bytes = vec![0; PROBE_LEN];
    blake3::Hasher::new().update(Uuid::new_v4().as_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An error with what lies beneath it, for people who repair things.
fn with_causes(error: &TelegramError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
