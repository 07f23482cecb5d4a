//! Answers with bytes of a known length that arrive as a stream: whole, in part, not at all.
//!
//! `open` settles from the request's headers what is to be sent, so that a handler fetches only
//! that. The connection sends the bytes by itself.

use super::conditional::{Described, is_unchanged};
use super::error::ApiError;
use super::link::Link;
use super::outgoing::{Outgoing, PastFramework};
use super::range::{Requested, requested};
use crate::delivery::Slice;
use crate::media::range::ByteRange;
use actix_web::body::SizedStream;
use actix_web::http::{Method, header};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, Route, guard, web};
use bytes::Bytes;
use futures::stream::{self, Stream, TryStreamExt as _};
use std::error::Error as StdError;
use std::rc::Rc;

/// What is left to do for a request.
pub enum Opening {
    /// Nothing: this is the answer (304, the answer to HEAD, or nothing to send).
    Answered(HttpResponse),
    /// To send these bytes.
    Wanted(Wanted),
}

/// The bytes an answer needs, and the head it will have.
pub struct Wanted {
    range: ByteRange,
    head: HttpResponseBuilder,
}

/// A route for GET and HEAD, which always go together here.
pub fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Decides what a GET or HEAD for something of `len` bytes gets.
///
/// # Errors
/// `RangeNotSatisfiable` when only bytes past the end are asked for.
pub fn open(request: &HttpRequest, what: &Described, len: u64) -> Result<Opening, ApiError> {
    if is_unchanged(request, &what.etag) {
        return Ok(Opening::Answered(what.not_modified().finish()));
    }
    let mut head = HttpResponse::Ok();
    let range = match requested(request, len, &what.etag) {
        Requested::Whole => ByteRange::at(0, len),
        Requested::Part(range) => {
            head = HttpResponse::PartialContent();
            let sent = format!("bytes {}-{}/{len}", range.start(), range.end() - 1);
            head.insert_header((header::CONTENT_RANGE, sent));
            Some(range)
        }
        Requested::Unsatisfiable => return Err(ApiError::RangeNotSatisfiable { len }),
    };
    what.validators(&mut head);
    head.content_type(what.content_type).insert_header((header::ACCEPT_RANGES, "bytes"));
    match range {
        Some(range) if request.method() != Method::HEAD => Ok(Opening::Wanted(Wanted { range, head })),
        // HEAD: the length, and nothing fetched.
        _ => Ok(Opening::Answered(head.body(SizedStream::new(len, stream::empty::<Result<Bytes, Error>>())))),
    }
}

impl Wanted {
    /// Which bytes to send.
    pub fn range(&self) -> ByteRange {
        self.range
    }

    /// The answer to `request` whose body is `slices`, which must yield exactly `range()` or fail. When they fail
    /// or end early, the connection is closed, so that the caller sees an answer cut short and
    /// never a wrong one.
    pub fn send<E>(
        mut self,
        request: &HttpRequest,
        slices: impl Stream<Item = Result<Slice, E>> + 'static,
    ) -> HttpResponse
    where
        E: StdError + 'static,
    {
        let (len, slices) = (self.range.len(), slices.map_err(Box::<dyn StdError>::from));
        match request.conn_data::<Rc<Link>>() {
            Some(link) => {
                let body = PastFramework::new(Rc::clone(link), Outgoing::new(len, slices));
                self.head.no_chunking(len).body(body)
            }
            // It came by no connection of ours.
            None => self.head.body(SizedStream::new(len, slices.and_then(async |slice| Ok(slice.to_bytes()?)))),
        }
    }
}

#[cfg(test)]
mod tests;
