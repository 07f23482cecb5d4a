//! Requests and answers as HTTP. The only place where a URL with a token exists.

use super::super::error::{Fate, Kind, TelegramError};
use super::super::id::BotId;
use super::super::token::BotToken;
use super::ApiSettings;
use super::answer::{self, Head};
use crate::media::range::ByteRange;
use reqwest::header::{RANGE, RETRY_AFTER};
use reqwest::multipart::Form;
use reqwest::{Client, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of an answer that are read: the API's are a few hundred, and nothing endless is kept.
const ANSWER_MAX: usize = 256 * 1024;

/// How long an unused connection is kept: less than servers do, so that none is found closed.
const IDLE: Duration = Duration::from_secs(30);

/// One bot's requests.
pub(super) struct Http {
    client: Client,
    settings: ApiSettings,
    token: BotToken,
}

/// Connections to the server that `settings` name.
pub(super) fn client(settings: &ApiSettings) -> Result<Client, TelegramError> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(settings.connect)
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("telecine/", env!("CARGO_PKG_VERSION")));
    if settings.url.is_loopback() {
        builder = builder.no_proxy();
    }
    if !settings.url.is_https() {
        // Else the certificates of the machine are read, and having none is a fault.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        TelegramError::new(Kind::Unreachable, "preparing connections to Telegram")
            .saying("are there CA certificates on this machine (Debian: package ca-certificates)?")
            .because(error.without_url())
    })
}

impl Http {
    pub(super) fn new(client: Client, settings: ApiSettings, token: BotToken) -> Self {
        Self { client, settings, token }
    }

    pub(super) fn bot(&self) -> BotId {
        self.token.bot()
    }

    pub(super) fn settings(&self) -> &ApiSettings {
        &self.settings
    }

    /// One method that sends no message, with small parameters and a small answer, within `deadline`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        method: &str,
        parameters: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, TelegramError> {
        self.call_once(doing, method, parameters, deadline).await.map_err(|error| error.with_fate(Fate::NotSent))
    }

    /// The same for a method that sends one: an error knows whether the request may have arrived.
    pub(super) async fn call_once<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        method: &str,
        parameters: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, TelegramError> {
        let request = self.client.post(self.settings.url.method(&self.token, method)).json(parameters);
        let asked = async {
            let response = request.send().await.map_err(|error| broken(doing, error))?;
            read(doing, response).await
        };
        timeout(deadline, asked).await.unwrap_or_else(|_| Err(late(doing)))
    }

    /// One method with a form. The caller watches over the time until the answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        method: &str,
        form: Form,
    ) -> Result<T, TelegramError> {
        let request = self.client.post(self.settings.url.method(&self.token, method)).multipart(form);
        let response = request.send().await.map_err(|error| broken(doing, error))?;
        timeout(self.settings.call, read(doing, response)).await.unwrap_or_else(|_| Err(late(doing)))
    }

    /// The answer to a request for a file, up to its head.
    pub(super) async fn file(
        &self,
        doing: &'static str,
        path: &str,
        range: ByteRange,
    ) -> Result<Response, TelegramError> {
        let last = range.end() - 1;
        let request = self.client.get(self.settings.url.file(&self.token, path));
        let sent = request.header(RANGE, format!("bytes={}-{last}", range.start())).send();
        let answer = match timeout(self.settings.first_byte, sent).await {
            Ok(answer) => answer.map_err(|error| broken(doing, error)),
            Err(_) => Err(late(doing)),
        };
        answer.map_err(|error| error.with_fate(Fate::NotSent))
    }

    /// What a refused request for a file says.
    pub(super) async fn refusal(&self, doing: &'static str, response: Response) -> TelegramError {
        let read = timeout(self.settings.call, read::<serde::de::IgnoredAny>(doing, response)).await;
        let error = match read {
            Ok(Err(error)) => error,
            Ok(Ok(_)) => TelegramError::new(Kind::Malformed, doing),
            Err(_) => late(doing),
        };
        error.with_fate(Fate::NotSent)
    }
}

/// A connection that could not be made, or broke.
pub(super) fn broken(doing: &'static str, error: reqwest::Error) -> TelegramError {
    let fate = if error.is_connect() || error.is_builder() { Fate::NotSent } else { Fate::Unknown };
    TelegramError::new(Kind::Unreachable, doing).with_fate(fate).because(error.without_url())
}

/// A deadline of ours that passed.
pub(super) fn late(doing: &'static str) -> TelegramError {
    TelegramError::new(Kind::Unreachable, doing).with_fate(Fate::Unknown).saying("no answer in time")
}

async fn read<T: DeserializeOwned>(doing: &'static str, mut response: Response) -> Result<T, TelegramError> {
    let head = head_of(&response);
    let mut body = Vec::new();
    while let Some(slice) = response.chunk().await.map_err(|error| broken(doing, error))? {
        if body.len() + slice.len() > ANSWER_MAX {
            return Err(TelegramError::new(Kind::Malformed, doing).saying("the answer does not end"));
        }
        body.extend_from_slice(&slice);
    }
    answer::read(doing, head, &body)
}

fn head_of(response: &Response) -> Head {
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    Head { status: response.status().as_u16(), retry_after }
}
