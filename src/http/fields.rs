//! A form whose file is small enough to be held in memory, with fields of text beside it; and a body that is
//! such a file. Reading stops where the limit is.

use super::error::ApiError;
use super::form::{MAX_PARTS, OVERHEAD, wrong};
use super::pace::is_too_slow;
use super::parts::{Part, Parts};
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use std::collections::HashMap;

/// Longest field of text in bytes.
const MAX_TEXT: usize = 1024;

/// What a form holds.
pub(super) struct Fields {
    /// Its part `file`.
    pub(super) file: Vec<u8>,
    texts: HashMap<String, String>,
}

impl Fields {
    /// Reads a form to its end. Its file has at most `limit` bytes; every other part is text of 1024 at most.
    ///
    /// # Errors
    /// 413 as soon as it is too long, 400 for a form that cannot be read or has no file, 408 when it comes too slowly.
    pub(super) async fn read(request: &HttpRequest, body: web::Payload, limit: u64) -> Result<Self, ApiError> {
        refuse_announced(request, limit + OVERHEAD, limit)?;
        let mut form = Parts::of(request, body.into_inner())?;
        let (mut file, mut texts) = (None, HashMap::new());
        for _ in 0..MAX_PARTS {
            let Some(Part { name, .. }) = form.next().await? else {
                let file = file.ok_or_else(|| wrong("it has no part named \"file\""))?;
                return Ok(Self { file, texts });
            };
            if name == "file" {
                let read = bytes_of(&mut form, limit).await?.ok_or(ApiError::TooLarge { limit })?;
                if file.replace(read).is_some() {
                    return Err(wrong("it has two files; send each in a request of its own"));
                }
                continue;
            }
            let text = bytes_of(&mut form, MAX_TEXT as u64)
                .await?
                .ok_or_else(|| wrong("a field is longer than 1024 bytes"))?;
            texts.insert(name, String::from_utf8(text).map_err(|_| wrong("a field is not UTF-8"))?);
        }
        Err(wrong("it has too many parts"))
    }

    /// A field of text; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// A field that says yes or no; no when there is none.
    ///
    /// # Errors
    /// 422 for any other word.
    pub(super) fn yes(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name).trim() {
            "" | "false" => Ok(false),
            "true" => Ok(true),
            _ => Err(ApiError::Unprocessable(format!("the field {name} must be true or false").into())),
        }
    }
}

/// The bytes of the present part; `None` when there are more than `most`.
async fn bytes_of(form: &mut Parts, most: u64) -> Result<Option<Vec<u8>>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(more) = form.bytes().await? {
        if (bytes.len() + more.len()) as u64 > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&more);
    }
    Ok(Some(bytes))
}

/// A whole body of at most `limit` bytes.
///
/// # Errors
/// 413 as soon as it is longer, 400 when it breaks off, 408 when it comes too slowly.
pub(super) async fn body(request: &HttpRequest, mut payload: web::Payload, limit: u64) -> Result<Bytes, ApiError> {
    refuse_announced(request, limit, limit)?;
    let mut body = BytesMut::new();
    while let Some(more) = payload.next().await {
        let more = more.map_err(|error| match error {
            error if is_too_slow(&error) => ApiError::TimedOut,
            _ => ApiError::BadRequest("the body broke off before its end; send it again".into()),
        })?;
        if (body.len() + more.len()) as u64 > limit {
            return Err(ApiError::TooLarge { limit });
        }
        body.extend_from_slice(&more);
    }
    Ok(body.freeze())
}

fn refuse_announced(request: &HttpRequest, most: u64, limit: u64) -> Result<(), ApiError> {
    let len = request.headers().get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if len.is_some_and(|len| len > most) { Err(ApiError::TooLarge { limit }) } else { Ok(()) }
}
