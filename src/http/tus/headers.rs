//! What a sender says in headers, read strictly: what is not understood is a 400 and never a guess.

use crate::catalog::{Labels, ResumableKind};
use crate::http::error::ApiError;
use crate::media::id::UploadId;
use actix_web::http::header::{self, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;

/// The folder of all uploads.
pub(super) const FOLDER: &str = "/api/uploads/";

/// Most that may be said of an upload, in bytes.
const MAX_SAID: usize = 8 * 1024;

/// Most parts of one film.
const MAX_PARTS: usize = 64;

/// The type of a body that holds bytes of an upload.
const OFFSET_STREAM: &str = "application/offset+octet-stream";

/// What shall begin.
#[derive(Debug)]
pub(super) enum NewUpload {
    /// An upload, or a part of one.
    Begun {
        /// What was said of it.
        labels: Labels,
        /// Its length, unless it comes later.
        bytes_total: Option<u64>,
    },
    /// A film out of parts that are here.
    Joined {
        /// The parts in their order.
        parts: Vec<UploadId>,
        /// What was said of it.
        labels: Labels,
    },
}

/// # Errors
/// 400 for anything that is not as tus says.
pub(super) fn new_upload(headers: &HeaderMap, again: bool) -> Result<NewUpload, ApiError> {
    let (bytes_total, deferred) = (number(headers, "upload-length")?, is_deferred(headers)?);
    let concat = one(headers, "upload-concat")?.unwrap_or_default();
    let kind = match concat {
        "" => ResumableKind::Whole,
        "partial" => ResumableKind::Part,
        _ => ResumableKind::Joined,
    };
    let mut labels = labels(one(headers, "upload-metadata")?.unwrap_or_default(), kind, again)?;
    match (kind, bytes_total, deferred) {
        (ResumableKind::Joined, None, false) => {
            let parts = parts(concat)?;
            labels.parts = concat.to_owned();
            Ok(NewUpload::Joined { parts, labels })
        }
        (ResumableKind::Joined, ..) => Err(wrong("Upload-Concat", "what is joined has the length of its parts")),
        (_, None, false) => Err(wrong("Upload-Length", "say the length, or send `Upload-Defer-Length: 1`")),
        (_, Some(_), true) => Err(wrong("Upload-Defer-Length", "the length came, too")),
        _ => Ok(NewUpload::Begun { labels, bytes_total }),
    }
}

/// Where a piece begins, and the length of the whole if it is told only now.
///
/// # Errors
/// 400 for what is no number, 415 for a body of another type.
pub(super) fn place(headers: &HeaderMap) -> Result<(u64, Option<u64>), ApiError> {
    check_type(headers)?;
    let at = number(headers, "upload-offset")?.ok_or_else(|| wrong("Upload-Offset", "say where the bytes belong"))?;
    Ok((at, number(headers, "upload-length")?))
}

/// Whether the first bytes come along with the beginning.
///
/// # Errors
/// 415 for a body of another type.
pub(super) fn brings_bytes(headers: &HeaderMap) -> Result<bool, ApiError> {
    let typed = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == OFFSET_STREAM);
    let brings =
        typed || headers.contains_key(header::TRANSFER_ENCODING) || body_len(headers).is_some_and(|len| len > 0);
    if brings {
        check_type(headers)?;
    }
    Ok(brings)
}

/// The announced length of the body.
pub(super) fn body_len(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The only value of a header, if it is there.
///
/// # Errors
/// 400 when it came twice or is no plain text.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut fields = headers.get_all(name);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(wrong(name, "it came twice"));
    }
    field.to_str().map(|text| Some(text.trim())).map_err(|_| wrong(name, "it is not plain text"))
}

pub(super) fn wrong(name: &str, why: &str) -> ApiError {
    ApiError::BadRequest(format!("the header {name} cannot be used: {why}").into())
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == OFFSET_STREAM) {
        return Ok(());
    }
    Err(ApiError::UnsupportedMedia(format!("bytes of an upload are sent as `Content-Type: {OFFSET_STREAM}`").into()))
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(text) = one(headers, name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.map(Some).ok_or_else(|| wrong(name, "write a whole number of bytes"))
}

fn is_deferred(headers: &HeaderMap) -> Result<bool, ApiError> {
    match one(headers, "upload-defer-length")? {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(wrong("Upload-Defer-Length", "it can only be 1")),
    }
}

fn labels(said: &str, kind: ResumableKind, again: bool) -> Result<Labels, ApiError> {
    const NAME: &str = "Upload-Metadata";
    if said.len() > MAX_SAID {
        return Err(wrong(NAME, "it is longer than 8 KiB"));
    }
    let mut values = HashMap::new();
    for pair in said.split(',').filter(|_| !said.is_empty()) {
        let pair = pair.trim_matches(' ');
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() || !key.bytes().all(|letter| letter.is_ascii_graphic()) {
            return Err(wrong(NAME, "each pair is a key, a space and a value in base64; pairs are parted by commas"));
        }
        let value = STANDARD.decode(value).map_err(|_| wrong(NAME, "a value is no base64 with padding"))?;
        if values.insert(key, value).is_some() {
            return Err(wrong(NAME, "a key came twice"));
        }
    }
    let mut text = |key: &str| {
        let value = values.remove(key).map(String::from_utf8).transpose();
        value.map_err(|_| wrong(NAME, "filename and title must be UTF-8"))
    };
    let (file_name, title) = (text("filename")?.unwrap_or_default(), text("title")?);
    Ok(Labels { kind, file_name, title, again, said: said.to_owned(), parts: String::new() })
}

/// The parts of `final;<address> <address>`. An address may have a scheme and a host: they are not asked.
fn parts(concat: &str) -> Result<Vec<UploadId>, ApiError> {
    const NAME: &str = "Upload-Concat";
    let list =
        concat.strip_prefix("final;").ok_or_else(|| wrong(NAME, "write `partial`, or `final;` and addresses"))?;
    let parts: Option<Vec<UploadId>> = list.split(' ').filter(|address| !address.is_empty()).map(part).collect();
    match parts {
        Some(parts) if parts.is_empty() => Err(wrong(NAME, "it names no part")),
        Some(parts) if parts.len() > MAX_PARTS => Err(wrong(NAME, "it names more than 64 parts")),
        Some(parts) => Ok(parts),
        None => Err(wrong(NAME, "write the addresses of parts as their `Location` said, parted by spaces")),
    }
}

fn part(address: &str) -> Option<UploadId> {
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => address,
    };
    path.strip_prefix(FOLDER)?.parse().ok()
}

#[cfg(test)]
mod tests;
