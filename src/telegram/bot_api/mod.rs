//! One bot's wire: the Bot API over HTTP (core.telegram.org/bots/api).
//!
//! Every method is one request and one answer, with a deadline. Nothing in here waits for a turn,
//! retries a refusal or remembers floods: that is the fleet's. The one exception is a download link
//! that has expired, which is asked for again once.
//!
//! The token stands in every URL. It leaves through [`Http`] alone, which strips URLs from every error.

mod answer;
mod call;
mod document;
mod download;
mod http;
mod link;
mod url;

pub use call::{Chat, Me, Rights};
pub use document::{Content, Document, SentDocument};
pub use download::{Download, FileStream};
pub use url::{ApiUrl, NotAnApiUrl};

use super::error::TelegramError;
use super::id::{BotId, ChatId, FileId, MessageId};
use super::token::BotToken;
use crate::media::range::ByteRange;
use http::Http;
use link::Links;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where the Bot API is and how long to wait for it.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The Bot API server.
    pub url: ApiUrl,
    /// For a connection to be made.
    pub connect: Duration,
    /// For a small request to be answered in full.
    pub call: Duration,
    /// From the request for a file to its first byte; Telegram may have to fetch it for us first.
    pub first_byte: Duration,
    /// From the last byte of an upload that we let go of to the answer.
    pub upload_answer: Duration,
    /// Between two slices of a body, in either direction.
    pub stall: Duration,
    /// How long a download link is used. Telegram promises at least an hour.
    pub link_life: Duration,
    /// Links remembered for each bot.
    pub links_max: NonZeroUsize,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            url: ApiUrl::default(),
            connect: Duration::from_secs(5),
            call: Duration::from_secs(20),
            first_byte: Duration::from_secs(30),
            upload_answer: Duration::from_secs(60),
            stall: Duration::from_secs(15),
            link_life: Duration::from_secs(55 * 60),
            links_max: NonZeroUsize::new(8192).expect("8192 is not zero"),
        }
    }
}

/// The connections to one Bot API server, shared by all bots. Clones are the same.
#[derive(Clone)]
pub struct ApiClient {
    client: reqwest::Client,
    settings: ApiSettings,
}

/// One bot on the wire.
pub struct BotApi {
    http: Http,
    links: Links,
}

impl ApiClient {
    /// Connections as `settings` say.
    ///
    /// # Errors
    /// `Unreachable` when this machine has no certificates to check an `https` server with.
    pub fn new(settings: ApiSettings) -> Result<Self, TelegramError> {
        let client = http::client(&settings)?;
        Ok(Self { client, settings })
    }
}

impl BotApi {
    /// The bot that `token` belongs to. Asks nothing yet.
    pub fn new(client: &ApiClient, token: BotToken) -> Self {
        let links = Links::new(client.settings.links_max, client.settings.link_life);
        Self { http: Http::new(client.client.clone(), client.settings.clone(), token), links }
    }

    /// The bot's id, from its token.
    pub fn bot(&self) -> BotId {
        self.http.bot()
    }

    /// Who the bot is (`getMe`).
    ///
    /// # Errors
    /// `Unauthorized`; any class of [`TelegramError`] that a small request can have.
    pub async fn me(&self) -> Result<Me, TelegramError> {
        call::me(&self.http).await
    }

    /// What a chat is called (`getChat`).
    ///
    /// # Errors
    /// `ChatNotFound`, `Forbidden`.
    pub async fn chat(&self, chat: ChatId) -> Result<Chat, TelegramError> {
        call::chat(&self.http, chat).await
    }

    /// What this bot may do in a chat (`getChatMember` of itself).
    ///
    /// # Errors
    /// `ChatNotFound`, `Forbidden` where the bot is no member and may not ask.
    pub async fn member(&self, chat: ChatId) -> Result<Rights, TelegramError> {
        call::member(&self.http, chat).await
    }

    /// Sends a file as a plain document (`sendDocument`): silent, under a neutral type, never looked into.
    /// The body is streamed; nothing of the file is held beyond a slice.
    ///
    /// # Errors
    /// After any error [`TelegramError::may_have_been_sent`] says whether a message may be there all the same.
    /// `LocalFile` when the file is shorter than announced or cannot be read.
    pub async fn send_document(&self, chat: ChatId, document: Document) -> Result<SentDocument, TelegramError> {
        document::send(&self.http, chat, document).await
    }

    /// Copies a message to another chat (`forwardMessage`) and hands back what came of it: a new message,
    /// with a file id of *this* bot. The bot must be a member of both chats.
    ///
    /// # Errors
    /// `MessageGone`, `ChatNotFound`, `Forbidden` (of either chat); as for a send, the fate may be unknown.
    pub async fn forward(&self, from: ChatId, message: MessageId, to: ChatId) -> Result<SentDocument, TelegramError> {
        document::forward(&self.http, from, message, to).await
    }

    /// Reads a part of a file. `Download::is_whole` tells when the server ignored the range.
    ///
    /// # Errors
    /// `WrongFile`, `FileTooBig` (20 MB at api.telegram.org), `Truncated` where the file is shorter than the range.
    pub async fn download(&self, file: &FileId, range: ByteRange) -> Result<Download, TelegramError> {
        download::download(&self.http, &self.links, file, range).await
    }

    /// Whether a link to the file is at hand, so that a download costs one round trip and not two.
    pub fn knows_link(&self, file: &FileId) -> bool {
        self.links.known(file).is_some()
    }

    /// Deletes messages (`deleteMessages`), 100 a request, or singly where the server is too old for that. Those that
    /// are gone already count as deleted. Returns those that Telegram will not delete: older than 48 hours, or without the right to.
    ///
    /// # Errors
    /// After an error some may be gone, and the call can be repeated.
    pub async fn delete(&self, chat: ChatId, messages: &[MessageId]) -> Result<Vec<MessageId>, TelegramError> {
        call::delete(&self.http, chat, messages).await
    }
}
