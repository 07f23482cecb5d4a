//! The parts of a form as they arrive (RFC 7578, and RFC 2046, section 5.1).
//!
//! What is in a part is handed on as it came, in slices of what was received. Copied are only heads, and where the end of
//! a slice may be the beginning of a boundary, that and the next slice. Of a form no more is held than one head.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{ContentDisposition, DispositionType, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;
use memchr::memmem::{self, Finder};
use std::mem;

/// Longest head of a part in bytes, and the most that may stand before the first one.
const MAX_HEAD: usize = 16 * 1024;

/// Longest boundary in bytes, by RFC 2046.
const MAX_BOUNDARY: usize = 70;

/// Why a form cannot be read further.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    /// The body says that it is something else.
    #[error("the body is no form")]
    NotAForm,
    /// Nobody said what stands between the parts, or it does not stand there as it should.
    #[error("the boundary is missing")]
    NoBoundary,
    /// The body ended before the form did.
    #[error("the form broke off")]
    BrokeOff,
    /// The head of a part is longer than anybody's.
    #[error("the head of a part is too long")]
    LongHead,
    /// A part is a form itself.
    #[error("there is a form within the form")]
    Nested,
    /// A part does not say what it is called.
    #[error("a part has no name")]
    NoName,
    /// The body did not come.
    #[error("the form could not be received")]
    Body(#[source] PayloadError),
}

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What the field is called.
    pub(super) name: String,
    /// What its sender calls the file; empty where it is none.
    pub(super) file_name: String,
}

/// A form whose parts are read one after the other.
pub(super) struct Parts {
    body: Payload,
    delimiter: Finder<'static>,
    /// What came and was not handed on.
    ahead: Bytes,
    is_within: bool,
    /// Whether the first part is still to come.
    is_before: bool,
    is_over: bool,
}

impl Parts {
    /// The parts of a request's body.
    ///
    /// # Errors
    /// `NotAForm`, `NoBoundary`.
    pub(super) fn of(request: &HttpRequest, body: Payload) -> Result<Self, FormError> {
        let kind = request.mime_type().map_err(|_| FormError::NotAForm)?.ok_or(FormError::NotAForm)?;
        if kind.type_() != "multipart" {
            return Err(FormError::NotAForm);
        }
        let boundary = kind.get_param("boundary").filter(|given| (1..=MAX_BOUNDARY).contains(&given.as_str().len()));
        let boundary = boundary.ok_or(FormError::NoBoundary)?;
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first one needs no end of a line before it, and what stands there is no part.
        let ahead = Bytes::from_static(b"\r\n");
        Ok(Self { body, delimiter, ahead, is_within: true, is_before: true, is_over: false })
    }

    /// The next part, behind whatever was not read of the present one; `None` at the end of the form.
    ///
    /// # Errors
    /// All but `NotAForm`.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, FormError> {
        if self.is_over {
            return Ok(None);
        }
        let mut read_over = 0;
        while let Some(bytes) = self.bytes().await? {
            read_over += bytes.len();
            if self.is_before && read_over > MAX_HEAD {
                return Err(FormError::NoBoundary);
            }
        }
        self.is_before = false;
        while self.ahead.len() < 2 {
            self.receive().await?;
        }
        if self.ahead.starts_with(b"--") {
            self.ahead.advance(2);
            return self.end().await.map(|()| None);
        }
        let len = loop {
            let most = self.ahead.len().min(MAX_HEAD);
            if let Some(at) = memmem::find(&self.ahead[..most], b"\r\n\r\n") {
                break at;
            }
            if most == MAX_HEAD {
                return Err(FormError::LongHead);
            }
            self.receive().await?;
        };
        let head = self.ahead.split_to(len);
        self.ahead.advance(4);
        self.is_within = true;
        part(&head).map(Some)
    }

    /// The next bytes of the present part; `None` at its end.
    ///
    /// # Errors
    /// `BrokeOff`, `Body`.
    pub(super) async fn bytes(&mut self) -> Result<Option<Bytes>, FormError> {
        while self.is_within {
            let (len, is_end) = match self.delimiter.find(&self.ahead) {
                Some(at) => (at, at == 0),
                None => (self.ahead.len() - self.begun(), false),
            };
            if is_end {
                self.ahead.advance(self.delimiter.needle().len());
                self.is_within = false;
            } else if len > 0 {
                return Ok(Some(self.ahead.split_to(len)));
            } else {
                self.receive().await?;
            }
        }
        Ok(None)
    }

    /// Sees to it that the last boundary is no line that only begins like it.
    async fn end(&mut self) -> Result<(), FormError> {
        while self.ahead.len() < 2 {
            match self.receive().await {
                Err(FormError::BrokeOff) => break,
                received => received?,
            }
        }
        let is_end = |behind: &[u8]| behind.is_empty() || behind == b"\r" || behind.starts_with(b"\r\n");
        self.is_over = is_end(&self.ahead) || self.ahead.starts_with(b" ") || self.ahead.starts_with(b"\t");
        if self.is_over { Ok(()) } else { Err(FormError::NoBoundary) }
    }

    /// How many bytes at the end of what is there may be the beginning of a delimiter.
    fn begun(&self) -> usize {
        let delimiter = self.delimiter.needle();
        let most = self.ahead.len().min(delimiter.len() - 1);
        (1..=most).rev().find(|len| self.ahead.ends_with(&delimiter[..*len])).unwrap_or(0)
    }

    /// Waits for more. Only a head or the beginning of a boundary may be there already.
    async fn receive(&mut self) -> Result<(), FormError> {
        let more = self.body.next().await.ok_or(FormError::BrokeOff)?.map_err(FormError::Body)?;
        self.ahead = if self.ahead.is_empty() {
            more
        } else {
            // A head that comes byte by byte grows where it is.
            let ahead = mem::take(&mut self.ahead).try_into_mut();
            let mut both = ahead.unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            both.extend_from_slice(&more);
            both.freeze()
        };
        Ok(())
    }
}

/// Reads the head of a part, and what stands on the line of the boundary before it.
fn part(head: &[u8]) -> Result<Part, FormError> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next().is_some_and(|padding| !padding.trim_ascii().is_empty()) {
        return Err(FormError::NoBoundary);
    }
    let fields: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| line.split_at_checked(line.iter().position(|byte| *byte == b':')?))
        .map(|(name, value)| (name, value[1..].trim_ascii()))
        .collect();
    let field = |wanted: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    if field("content-type").is_some_and(|(_, value)| value.to_ascii_lowercase().starts_with(b"multipart/")) {
        return Err(FormError::Nested);
    }
    let disposition = field("content-disposition").and_then(|(_, value)| HeaderValue::from_bytes(value).ok());
    let disposition = disposition.and_then(|value| ContentDisposition::from_raw(&value).ok());
    let disposition = disposition.filter(|value| value.disposition == DispositionType::FormData);
    let disposition = disposition.ok_or(FormError::NoName)?;
    let name = disposition.get_name().ok_or(FormError::NoName)?.to_owned();
    Ok(Part { name, file_name: disposition.get_filename().unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests;
