//! What went wrong with Telegram, in the only terms a caller may act on.

use super::circuit::OutReason;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The class of a failure. Callers branch on it and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asked too often: `retry_after` says how long this bot is to be left alone.
    Flooded,
    /// The token is wrong or was revoked.
    Unauthorized,
    /// The bot is not in the chat, or lacks the right that this needs.
    Forbidden,
    /// There is no such chat, or none this bot can see.
    ChatNotFound,
    /// The message is not there.
    MessageGone,
    /// The message is there and Telegram will not delete it: too old (48 hours), or the right is missing.
    Undeletable,
    /// The file id is not of this bot, or its file is not to be had.
    WrongFile,
    /// Telegram takes or gives no file of this length.
    FileTooBig,
    /// The file has fewer bytes than were asked for.
    Truncated,
    /// The server does not know the method: it is older than it.
    Unsupported,
    /// Any other refusal: the same request will be refused again.
    BadRequest,
    /// Telegram failed at its end (5xx).
    ServerFault,
    /// No answer, none in time, or the connection broke.
    Unreachable,
    /// An answer that the Bot API never gives: another server, or a proxy's page.
    Malformed,
    /// Every slot of this bot stayed taken.
    Busy,
    /// No such bot is configured.
    UnknownBot,
    /// The file on this machine could not be read.
    LocalFile,
}

/// What is known about a message whose sending failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not sent.
    NotSent,
    /// All of it left this machine and no answer said what became of it.
    Unknown,
}

/// A failed request to Telegram. Neither its text nor its causes hold a token or a URL.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {kind}{}", .description.as_deref().map(|said| format!(" ({said})")).unwrap_or_default())]
pub struct TelegramError {
    /// Its class.
    pub kind: Kind,
    /// How long this bot wants to be left alone, where that is known.
    pub retry_after: Option<Duration>,
    doing: &'static str,
    description: Option<String>,
    fate: Fate,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl TelegramError {
    /// A failure while `doing` something ("sending a document").
    pub fn new(kind: Kind, doing: &'static str) -> Self {
        Self { kind, retry_after: None, doing, description: None, fate: Fate::NotSent, cause: None }
    }

    /// The bot is to be left alone for `wait`.
    pub fn flooded(doing: &'static str, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(Kind::Flooded, doing) }
    }

    /// Adds what lies beneath.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Adds words for people; they must not hold a token.
    #[must_use]
    pub(super) fn saying(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// The same failure, understood better by who knows more.
    #[must_use]
    pub(super) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Adds how long to wait.
    #[must_use]
    pub(super) fn after(self, wait: Option<Duration>) -> Self {
        Self { retry_after: wait, ..self }
    }

    /// Adds what became of the message.
    #[must_use]
    pub(super) fn with_fate(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }

    /// Whether a message may be in the channel all the same: everything was sent, and the answer
    /// was lost or said nothing definite. Always `false` where nothing was to be sent.
    pub fn may_have_been_sent(&self) -> bool {
        self.fate == Fate::Unknown
    }

    /// Whether the same request can succeed later without anybody repairing anything.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self.kind, Kind::Flooded | Kind::ServerFault | Kind::Unreachable | Kind::Malformed | Kind::Busy)
    }

    /// What Telegram said, without secrets.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
}

impl From<OutReason> for Kind {
    fn from(reason: OutReason) -> Self {
        match reason {
            OutReason::Unauthorized => Self::Unauthorized,
            OutReason::Forbidden => Self::Forbidden,
            OutReason::ChannelGone => Self::ChatNotFound,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Flooded => "Telegram asks to wait",
            Self::Unauthorized => "Telegram does not accept the bot's token",
            Self::Forbidden => "the bot is not in the channel or lacks a right",
            Self::ChatNotFound => "the bot sees no such channel",
            Self::MessageGone => "the message is not there",
            Self::Undeletable => "Telegram does not let the bot delete the message",
            Self::WrongFile => "the file is not to be had by this bot",
            Self::FileTooBig => "the file is too big for Telegram",
            Self::Truncated => "the file ends too early",
            Self::Unsupported => "the Bot API server is too old for this",
            Self::BadRequest => "Telegram refused",
            Self::ServerFault => "Telegram failed at its end",
            Self::Unreachable => "Telegram did not answer",
            Self::Malformed => "the answer is not one of the Bot API",
            Self::Busy => "the bot has too much to do",
            Self::UnknownBot => "no such bot is configured",
            Self::LocalFile => "the file on this machine cannot be read",
        })
    }
}
