//! What a request brings: parameters and files, in each of the four ways the Bot API allows.

use super::failure::Failure;
use super::pacer::Pacer;
use crate::World;
use crate::world::documents::Spool;
use crate::world::refusal::Refusal;
use crate::world::state::{ChannelId, MessageId};
use crate::world::traffic::UnderWay;
use actix_multipart::{Field, Multipart};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use futures::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// Most bytes of a body without files, and of a single parameter.
const TEXT_MAX: usize = 1024 * 1024;
/// Bytes of a document that are collected before they are written.
const WRITE_SIZE: usize = 256 * 1024;

/// A file of a request.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) spool: Spool,
    pub(super) name: String,
    pub(super) mime: String,
}

/// Everything a request brings.
#[derive(Debug, Default)]
pub(super) struct Input {
    parameters: BTreeMap<String, String>,
    files: BTreeMap<String, Upload>,
}

/// Reads the bodies of requests.
pub(super) struct Reader<'a> {
    pub(super) world: &'a World,
    pub(super) pacer: Pacer,
    pub(super) under_way: Option<&'a UnderWay>,
}

impl Reader<'_> {
    /// Reads the whole request. A body that is refused is read to its end all the same, so that the
    /// client is there to hear why; the framework alone would read on for a moment only.
    pub(super) async fn read(&mut self, request: &HttpRequest, payload: web::Payload) -> Result<Input, Failure> {
        let mut input = Input::default();
        input.add_urlencoded(request.query_string().as_bytes())?;
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            let mut multipart = Multipart::new(request.headers(), payload);
            let read = self.read_parts(&mut multipart, &mut input).await;
            // A broken body has no end, and its reader must not be asked again.
            if matches!(read, Err(Failure::Refused(_))) {
                drain_parts(&mut multipart).await;
            }
            read?;
            return Ok(input);
        }
        let body = read_text(payload).await?;
        if kind.starts_with("application/json") && !body.is_empty() {
            input.add_json(&body)?;
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            input.add_urlencoded(&body)?;
        }
        Ok(input)
    }

    async fn read_parts(&mut self, multipart: &mut Multipart, input: &mut Input) -> Result<(), Failure> {
        while let Some(field) = multipart.next().await {
            let mut field = field.map_err(|_| BROKEN)?;
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.content_disposition().and_then(|disposition| disposition.get_filename());
            if let Some(file) = file.map(str::to_owned) {
                let upload = self.read_file(&mut field, file).await?;
                input.files.insert(name, upload);
            } else {
                let value = field.bytes(TEXT_MAX).await.map_err(|_| BROKEN)?.map_err(|_| BROKEN)?;
                input.parameters.insert(name, String::from_utf8(value.to_vec()).map_err(|_| BROKEN)?);
            }
        }
        Ok(())
    }

    async fn read_file(&mut self, field: &mut Field, name: String) -> Result<Upload, Failure> {
        let mime = field.content_type().map_or_else(|| "application/octet-stream".to_owned(), ToString::to_string);
        let mut spool = self.world.spool()?;
        let mut waiting = Vec::new();
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(|_| BROKEN)?;
            self.pacer.pass(chunk.len() as u64).await;
            if let Some(under_way) = self.under_way {
                under_way.count(chunk.len() as u64);
            }
            waiting.extend_from_slice(&chunk);
            if spool.size() + waiting.len() as u64 > self.world.settings().limits.upload_bytes {
                return Err(Refusal::UploadTooBig.into());
            }
            if waiting.len() >= WRITE_SIZE {
                spool = write(spool, std::mem::take(&mut waiting)).await?;
            }
        }
        let spool = write(spool, waiting).await?;
        Ok(Upload { spool, name, mime })
    }
}

const BROKEN: Failure = Failure::Bad("Bad Request: the body of the request is broken");

async fn write(mut spool: Spool, bytes: Vec<u8>) -> Result<Spool, Failure> {
    let written = web::block(move || spool.write(&bytes).map(|()| spool)).await;
    Ok(written.map_err(|_| BROKEN)??)
}

/// Reads on until the body ends or breaks, and keeps nothing.
async fn drain_parts(multipart: &mut Multipart) {
    while let Some(Ok(mut field)) = multipart.next().await {
        while let Some(Ok(_)) = field.next().await {}
    }
}

/// Reads a body to its end; keeps it if it is small.
async fn read_text(mut payload: web::Payload) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut fits = true;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BROKEN)?;
        fits &= body.len() + chunk.len() <= TEXT_MAX;
        if fits {
            body.extend_from_slice(&chunk);
        }
    }
    if fits { Ok(body) } else { Err(Refusal::UploadTooBig.into()) }
}

impl Input {
    fn add_urlencoded(&mut self, text: &[u8]) -> Result<(), Failure> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(text).map_err(|_| BROKEN)?;
        self.parameters.extend(pairs);
        Ok(())
    }

    /// Every value of a JSON body is taken as the text it has in the other ways.
    fn add_json(&mut self, text: &[u8]) -> Result<(), Failure> {
        let unreadable = Failure::Bad("Bad Request: can't parse the request as a JSON object");
        let Ok(Value::Object(object)) = serde_json::from_slice(text) else { return Err(unreadable) };
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::String(text) => _ = self.parameters.insert(name, text),
                other => _ = self.parameters.insert(name, other.to_string()),
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// A channel by its number. Channels of the simulator have no user names.
    pub(super) fn channel(&self, name: &str) -> Result<ChannelId, Failure> {
        match self.text(name) {
            None | Some("") => Err(Failure::Bad("Bad Request: chat_id is empty")),
            Some(text) => Ok(ChannelId(text.parse().map_err(|_| Refusal::NoChannel)?)),
        }
    }

    /// A message's number. A missing one is 0, which no message has; so does the public server.
    pub(super) fn message(&self) -> MessageId {
        MessageId(self.text("message_id").and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// The numbers for `deleteMessages`.
    pub(super) fn messages(&self) -> Result<Vec<MessageId>, Failure> {
        let ids: Option<Vec<i64>> = self.text("message_ids").and_then(|text| serde_json::from_str(text).ok());
        match ids {
            None => Err(Failure::Bad("Bad Request: message identifiers are not specified")),
            Some(ids) if ids.is_empty() => Err(Failure::Bad("Bad Request: message identifiers are not specified")),
            Some(ids) if ids.len() > 100 => Err(Failure::Bad("Bad Request: too many message identifiers specified")),
            Some(ids) => Ok(ids.into_iter().map(MessageId).collect()),
        }
    }

    /// The file of the parameter `name`, in place or under another name (`attach://…`).
    pub(super) fn take_file(&mut self, name: &str) -> Option<Upload> {
        let attached = self.parameters.get(name).and_then(|text| text.strip_prefix("attach://"));
        self.files.remove(attached.unwrap_or(name))
    }
}
