//! Files on their way into a channel.

use super::super::error::{Fate, Kind, TelegramError};
use super::super::id::{ChatId, FileId, MessageId};
use super::http::{Http, late};
use crate::disk;
use crate::media::range::ByteRange;
use crate::media::time::Timestamp;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Letters of a caption (Bot API, `sendDocument`: "0-1024 characters after entities parsing").
const CAPTION_MAX: usize = 1024;

/// A file to be sent.
#[derive(Clone, Debug)]
pub struct Document {
    /// The name people see in the channel. Neutral: it says nothing of what is in the file.
    pub name: String,
    /// Words below it, 1024 UTF-16 units at most. May be empty.
    pub caption: String,
    /// Its bytes.
    pub content: Content,
}

/// The bytes of a file to be sent, at least one.
#[derive(Clone, Debug)]
pub enum Content {
    /// The first `len` bytes of a file on this machine.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Bytes to send.
        len: u64,
    },
    /// Bytes in memory.
    Bytes(Bytes),
}

impl Content {
    /// Bytes to send.
    #[expect(clippy::len_without_is_empty, reason = "an empty document cannot be sent")]
    pub fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// A document that is in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentDocument {
    /// Its message there.
    pub message: MessageId,
    /// What the bot that sent it calls the file.
    pub file: FileId,
    /// The same for all bots, and of no use for downloading.
    pub unique_id: String,
    /// Length in bytes, where Telegram told it.
    pub len: Option<u64>,
    /// When it was sent, by Telegram's clock, to the second.
    pub date: Timestamp,
    /// The words below it.
    pub caption: Option<String>,
    /// Which message of which channel it was forwarded from, over any number of forwards; `None` when it is no
    /// forward, or the server does not say (Bot API before 7.0).
    pub origin: Option<(ChatId, MessageId)>,
}

#[derive(Deserialize)]
struct Message {
    message_id: MessageId,
    date: i64,
    document: Option<Attached>,
    caption: Option<String>,
    forward_origin: Option<Origin>,
}

/// Where a forward comes from. People and groups have no message there.
#[derive(Deserialize)]
struct Origin {
    chat: Option<OriginChat>,
    message_id: Option<MessageId>,
}

#[derive(Deserialize)]
struct OriginChat {
    id: ChatId,
}

#[derive(Deserialize)]
struct Attached {
    file_id: FileId,
    file_unique_id: String,
    file_size: Option<u64>,
}

type Slices = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

pub(super) async fn send(http: &Http, chat: ChatId, document: Document) -> Result<SentDocument, TelegramError> {
    const DOING: &str = "sending a document";
    if document.caption.encode_utf16().count() > CAPTION_MAX {
        return Err(TelegramError::new(Kind::BadRequest, DOING).saying("the caption is too long"));
    }
    let (slices, len) = open(document.content).await.map_err(|error| unreadable(DOING, error))?;
    let (handed_over, watched) = watch::channel(0);
    let body = Body::wrap_stream(counted(slices, handed_over));
    let part = Part::stream_with_length(body, len).file_name(document.name);
    let part = part.mime_str("application/octet-stream").map_err(|error| unreadable(DOING, io::Error::other(error)))?;
    let mut form = Form::new()
        .text("chat_id", chat.to_string())
        .text("disable_content_type_detection", "true")
        .text("disable_notification", "true");
    if !document.caption.is_empty() {
        form = form.text("caption", document.caption);
    }
    let form = form.part("document", part);

    let mut progress = watched.clone();
    let answer = tokio::select! {
        answer = http.post::<Message>(DOING, "sendDocument", form) => answer,
        () = stalled(http, &mut progress, len) => Err(late(DOING)),
    };
    let is_complete = *watched.borrow() >= len;
    answer.and_then(|message| sent(DOING, message)).map_err(|error| {
        let broke_off = !is_complete && is_read_error(&error);
        let error = if broke_off { error.of_kind(Kind::LocalFile) } else { error };
        // The length was announced, so a body that never ended is no message.
        let fate = if is_complete { fate_of(&error) } else { Fate::NotSent };
        error.with_fate(fate)
    })
}

pub(super) async fn forward(
    http: &Http,
    from: ChatId,
    message: MessageId,
    to: ChatId,
) -> Result<SentDocument, TelegramError> {
    const DOING: &str = "forwarding a message";
    let parameters =
        json!({ "chat_id": to, "from_chat_id": from, "message_id": message, "disable_notification": true });
    let answer = http.call_once::<Message>(DOING, "forwardMessage", &parameters, http.settings().call).await;
    let forwarded = answer.map_err(|error| {
        let fate = fate_of(&error);
        error.with_fate(fate)
    })?;
    if forwarded.document.is_none() {
        // Somebody's words: they are not to stand in the channel twice.
        let undone = super::call::delete(http, to, &[forwarded.message_id]).await;
        undone.map_err(|error| error.with_fate(Fate::Unknown))?;
        return Err(TelegramError::new(Kind::BadRequest, DOING).saying("there is no document in it"));
    }
    sent(DOING, forwarded)
}

/// What became of a message that was handed over whole.
fn fate_of(error: &TelegramError) -> Fate {
    match error.kind {
        Kind::Unreachable if !error.may_have_been_sent() => Fate::NotSent,
        Kind::Unreachable | Kind::ServerFault | Kind::Malformed => Fate::Unknown,
        _ => Fate::NotSent,
    }
}

fn sent(doing: &'static str, message: Message) -> Result<SentDocument, TelegramError> {
    let document = message
        .document
        .ok_or_else(|| TelegramError::new(Kind::Malformed, doing).saying("there is no document in it"))?;
    Ok(SentDocument {
        message: message.message_id,
        file: document.file_id,
        unique_id: document.file_unique_id,
        len: document.file_size,
        date: Timestamp(message.date.saturating_mul(1000)),
        caption: message.caption,
        origin: message.forward_origin.and_then(|origin| Some((origin.chat?.id, origin.message_id?))),
    })
}

/// The bytes in slices, and how many there are.
async fn open(content: Content) -> io::Result<(Slices, u64)> {
    let empty = || io::Error::other("there are no bytes to send");
    let (path, len) = match content {
        Content::Bytes(bytes) if bytes.is_empty() => return Err(empty()),
        Content::Bytes(bytes) => {
            let len = bytes.len() as u64;
            return Ok((Box::pin(futures::stream::iter([Ok(bytes)])), len));
        }
        Content::File { path, len } => (path, len),
    };
    let range = ByteRange::at(0, len).ok_or_else(empty)?;
    let file = disk::blocking(move || {
        let file = File::open(path)?;
        let found = file.metadata()?.len();
        if found < len {
            return Err(io::Error::other(format!("the file has {found} bytes, {len} were announced")));
        }
        Ok(file)
    })
    .await?;
    Ok((Box::pin(disk::read_slices(Arc::new(file), range)), len))
}

/// Counts the bytes that the connection has taken.
fn counted(slices: Slices, handed_over: watch::Sender<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    slices.map(move |slice| {
        let slice = slice.map_err(|error| io::Error::new(error.kind(), Unreadable(error)))?;
        handed_over.send_modify(|sent| *sent += slice.len() as u64);
        Ok(slice)
    })
}

/// Returns when nothing has moved for too long.
async fn stalled(http: &Http, progress: &mut watch::Receiver<u64>, len: u64) {
    let settings = http.settings();
    let mut limit = settings.connect + settings.stall;
    while *progress.borrow_and_update() < len {
        match timeout(limit, progress.changed()).await {
            Ok(Ok(())) => limit = settings.stall,
            // The body was let go of before its end; what comes now is an answer, if anything.
            Ok(Err(_)) => break,
            Err(_) => return,
        }
    }
    sleep(settings.upload_answer).await;
}

/// Marks a failure to read our own file, so that it is found again below what the HTTP client made of it.
#[derive(Debug, thiserror::Error)]
#[error("reading the file to send: {0}")]
struct Unreadable(io::Error);

fn is_read_error(error: &TelegramError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<Unreadable>()) {
            return true;
        }
        next = cause.source();
    }
    false
}

fn unreadable(doing: &'static str, error: io::Error) -> TelegramError {
    TelegramError::new(Kind::LocalFile, doing).because(error)
}
