//! Files on their way out of Telegram.
//!
//! Whether the file endpoint honours `Range` is nowhere documented. It is always sent; a 206 is used
//! as it is, a 200 is the whole file and is cut.

use super::super::error::{Fate, Kind, TelegramError};
use super::super::id::FileId;
use super::http::{Http, broken, late};
use super::link::Links;
use crate::disk;
use crate::media::range::ByteRange;
use bytes::Bytes;
use futures::stream::{Stream, StreamExt, try_unfold};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const DOING: &str = "downloading a file";

/// Bytes of a file in slices of any size. An error is its last item.
pub type FileStream = Pin<Box<dyn Stream<Item = Result<Bytes, TelegramError>> + Send>>;

/// The beginning of an answer with a file's bytes. Dropping it ends the transfer.
pub struct Download {
    range: ByteRange,
    coverage: Coverage,
    body: FileStream,
}

/// Which bytes the body has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coverage {
    /// From the beginning of the range.
    Range,
    /// From the beginning of the file.
    Whole,
}

impl Download {
    /// Whether the server ignored the range and sends the file from its first byte to its last.
    pub fn is_whole(&self) -> bool {
        self.coverage == Coverage::Whole
    }

    /// Exactly the range that was asked for, or it ends in an error: `Truncated` when the file is shorter.
    pub fn into_range(self) -> FileStream {
        let skip = if self.is_whole() { self.range.start() } else { 0 };
        Box::pin(try_unfold((self.body, skip, self.range.len()), next_of_range))
    }

    /// Everything the server sends: the whole file where [`Download::is_whole`], else the range. For a
    /// reader that keeps what it did not ask for; nobody has checked the length.
    pub fn into_body(self) -> FileStream {
        self.body
    }

    /// The same download with something done to each slice on its way.
    pub(in crate::telegram) fn through(self, wrap: impl FnOnce(FileStream) -> FileStream) -> Self {
        Self { body: wrap(self.body), ..self }
    }
}

type Cut = (FileStream, u64, u64);

/// The next slice of a body of which `skip` bytes are not wanted and then `left` bytes are.
async fn next_of_range((mut body, mut skip, left): Cut) -> Result<Option<(Bytes, Cut)>, TelegramError> {
    if left == 0 {
        return Ok(None);
    }
    while let Some(slice) = body.next().await {
        let mut slice = slice?;
        let unwanted = skip.min(slice.len() as u64);
        let _ = slice.split_to(unwanted as usize);
        skip -= unwanted;
        slice.truncate(left.min(slice.len() as u64) as usize);
        if !slice.is_empty() {
            let left = left - slice.len() as u64;
            return Ok(Some((slice, (body, skip, left))));
        }
    }
    Err(TelegramError::new(Kind::Truncated, DOING))
}

pub(super) async fn download(
    http: &Http,
    links: &Links,
    file: &FileId,
    range: ByteRange,
) -> Result<Download, TelegramError> {
    if let Some(path) = links.known(file) {
        match fetch(http, &path, range).await {
            // The link may have expired, or its server has let go of the file: a new one tells.
            Err(error) if matches!(error.kind, Kind::WrongFile | Kind::Malformed) => links.forget(file),
            answer => return answer,
        }
    }
    let path = links.ask(http, file).await?;
    let answer = fetch(http, &path, range).await;
    if answer.as_ref().is_err_and(|error| error.kind == Kind::WrongFile) {
        links.forget(file);
    }
    answer
}

async fn fetch(http: &Http, path: &str, range: ByteRange) -> Result<Download, TelegramError> {
    if path.starts_with('/') {
        return read_local(path.into(), range).await;
    }
    let response = http.file(DOING, path, range).await?;
    let too_short = || TelegramError::new(Kind::Truncated, DOING);
    let coverage = match response.status() {
        StatusCode::PARTIAL_CONTENT => match told_range(&response) {
            Some((start, end)) if start == range.start() && end >= range.end() => Coverage::Range,
            Some((start, _)) if start == range.start() => return Err(too_short()),
            _ => return Err(TelegramError::new(Kind::Malformed, DOING).saying("other bytes than were asked for")),
        },
        StatusCode::OK if response.content_length().is_some_and(|len| len < range.end()) => return Err(too_short()),
        StatusCode::OK => Coverage::Whole,
        StatusCode::RANGE_NOT_SATISFIABLE => return Err(too_short()),
        status => return Err(refused(http, status, response).await),
    };
    let body = slices(response, http.settings().stall);
    Ok(Download { range, coverage, body: Box::pin(body) })
}

/// A file that is not there, a link that expired and a token that was revoked are told apart by asking
/// for the link again. Only Telegram may say so: a proxy's page about a path it does not know says nothing
/// of the file.
async fn refused(http: &Http, status: StatusCode, response: Response) -> TelegramError {
    let error = http.refusal(DOING, response).await;
    match status.as_u16() {
        400 | 401 | 403 | 404 | 410 if error.kind != Kind::Malformed => error.of_kind(Kind::WrongFile),
        _ => error,
    }
}

/// First byte and end of the answer's `Content-Range: bytes <first>-<last>/<length>`.
fn told_range(response: &Response) -> Option<(u64, u64)> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, _) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?))
}

fn slices(response: Response, stall: Duration) -> impl Stream<Item = Result<Bytes, TelegramError>> + Send {
    try_unfold(response, move |mut response| async move {
        let slice = timeout(stall, response.chunk()).await.map_err(|_| late(DOING).with_fate(Fate::NotSent))?;
        let slice = slice.map_err(|error| broken(DOING, error).with_fate(Fate::NotSent))?;
        Ok(slice.map(|slice| (slice, response)))
    })
}

/// A self-hosted Bot API server that runs with `--local` answers with the path of a file on its own
/// disk and serves no files: where that path can be read here, it is.
async fn read_local(path: PathBuf, range: ByteRange) -> Result<Download, TelegramError> {
    let opened = disk::blocking(move || {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok((file, len))
    });
    let (file, len) = opened.await.map_err(|error| {
        TelegramError::new(Kind::LocalFile, DOING)
            .saying(
                "the Bot API server runs with --local and keeps files on its own disk: \
                 mount its folder here under the same path, readable for this user, or run it without --local",
            )
            // The system's words only: the path has the token in it.
            .because(io::Error::from(error.kind()))
    })?;
    if len < range.end() {
        return Err(TelegramError::new(Kind::Truncated, DOING));
    }
    let slices = disk::read_slices(Arc::new(file), range);
    let slices = slices.map(|slice| slice.map_err(|error| TelegramError::new(Kind::LocalFile, DOING).because(error)));
    Ok(Download { range, coverage: Coverage::Range, body: Box::pin(slices) })
}
