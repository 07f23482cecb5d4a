//! Asking a server, with bounds on everything it may do: size, time and redirects.

use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Url, redirect};
use std::error::Error;
use std::time::Duration;

/// Bytes of the largest playlist, init segment or subtitle file that is read.
pub(super) const TEXT_MAX: u64 = 16 << 20;
/// Bytes of the largest segment that is read.
pub(super) const SEGMENT_MAX: u64 = 512 << 20;

const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest that one answer may take.
const WHOLE: Duration = Duration::from_secs(600);
const REDIRECTS_MAX: u32 = 5;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection, or it broke, or it took too long.
    #[error("the server does not answer: {0}")]
    Unreachable(String),
    /// More bytes than anything of this kind has.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
    /// It leads on and on.
    #[error("the address redirects more than {REDIRECTS_MAX} times, or to nowhere")]
    Astray,
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    /// Names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Bytes of the longest body that is taken.
    pub(super) limit: u64,
}

impl<'a> Ask<'a> {
    /// A GET of the bytes as they are.
    pub(super) fn get(url: &'a Url, limit: u64) -> Self {
        Self { method: Method::GET, url, headers: vec![("accept-encoding", "identity".to_owned())], limit }
    }

    /// The same for a part, in the words of a `Range` header.
    pub(super) fn with_range(mut self, range: String) -> Self {
        self.headers.push(("range", range));
        self
    }
}

/// What was answered, without its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Times it led elsewhere before, and where the answer came from in the end.
    pub(super) redirects: u32,
    pub(super) place: Option<Url>,
    /// Bytes of the body that came.
    pub(super) len: u64,
}

impl Reply {
    /// A header's text; empty without it.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Asks.
pub(super) struct Fetcher {
    client: Client,
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, FetchError> {
        let client = Client::builder()
            .user_agent(concat!("telecine-check/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(WHOLE)
            .build();
        client.map(|client| Self { client }).map_err(unreachable)
    }

    /// Asks, follows where it leads, and hands each slice of the body to `sink`.
    pub(super) async fn ask(&self, ask: &Ask<'_>, mut sink: impl FnMut(&[u8])) -> Result<Reply, FetchError> {
        let mut url = ask.url.clone();
        for redirects in 0..=REDIRECTS_MAX {
            let response = self.request(ask, url.clone()).send().await.map_err(unreachable)?;
            let (status, headers) = (response.status(), response.headers().clone());
            if status.is_redirection() && headers.contains_key(LOCATION) {
                let place = headers.get(LOCATION).and_then(|place| place.to_str().ok());
                url = place.and_then(|place| url.join(place).ok()).ok_or(FetchError::Astray)?;
                continue;
            }
            let mut len = 0;
            let mut body = response.bytes_stream();
            while let Some(slice) = body.next().await {
                let slice = slice.map_err(unreachable)?;
                len += slice.len() as u64;
                if len > ask.limit {
                    return Err(FetchError::TooLarge(ask.limit));
                }
                sink(&slice);
            }
            return Ok(Reply { status: status.as_u16(), headers, redirects, place: Some(url), len });
        }
        Err(FetchError::Astray)
    }

    /// The same with the whole body kept.
    pub(super) async fn read(&self, ask: &Ask<'_>) -> Result<(Reply, Vec<u8>), FetchError> {
        let mut body = Vec::new();
        let reply = self.ask(ask, |slice| body.extend_from_slice(slice)).await?;
        Ok((reply, body))
    }

    fn request(&self, ask: &Ask<'_>, url: Url) -> reqwest::RequestBuilder {
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.client.request(ask.method.clone(), url).headers(headers)
    }
}

/// The last cause says most: "connection refused".
fn unreachable(error: reqwest::Error) -> FetchError {
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    FetchError::Unreachable(cause.to_string())
}
