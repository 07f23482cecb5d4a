//! The server beside us, through which commands work: found by the file it leaves in its data folder,
//! or started by the command itself when there is none.

use crate::app::{self, Running};
use crate::config::Config;
use crate::telemetry::redact::Redactor;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Name of the file in the data folder by which commands find the server.
const FILE: &str = "server.json";
const CONNECT_WAIT: Duration = Duration::from_secs(2);
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a server may be away, as when it is restarted, while its work is watched.
const ABSENCE: Duration = Duration::from_secs(60);
const KNOCK_AGAIN: Duration = Duration::from_secs(1);

/// A server on this machine, as it describes itself in a file only its user can read.
#[derive(Clone, Deserialize)]
pub struct RunningServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What proves that we may do what the owner may.
    pub token: String,
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RunningServer").field("address", &self.address).field("token", &"***").finish()
    }
}

/// The server a command works through.
pub(super) enum Workplace {
    /// It ran before and goes on afterwards.
    Found(RunningServer),
    /// It is ours, and ends with the command.
    Own(Box<Running>),
}

/// Something went wrong between us and the server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its file is there and cannot be used.
    #[error("reading {FILE} in the data folder: {0}; remove it if no server runs")]
    File(#[source] io::Error),
    /// It does not answer.
    #[error("no answer from the server ({0}); films it has accepted go on when it runs again")]
    Away(&'static str),
    /// It answered with something else than was agreed.
    #[error("the server answered {status}: {detail}")]
    Unexpected {
        /// Status code.
        status: u16,
        /// Its own words, or what was wrong with its answer.
        detail: String,
    },
    /// The name of a file cannot be sent.
    #[error("the path is not UTF-8; rename the file")]
    Path,
    /// The token cannot be sent, or there is no client.
    #[error("preparing requests to the server: {0}")]
    Client(String),
}

impl RunningServer {
    /// The server that keeps `data_dir`, if one is there and knows the token from its file.
    ///
    /// # Errors
    /// Its file exists and cannot be used.
    pub async fn find(data_dir: &Path) -> Result<Option<Self>, ServerError> {
        let text = match tokio::fs::read(data_dir.join(FILE)).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ServerError::File(error)),
        };
        let server: Self = serde_json::from_slice(&text).map_err(|error| ServerError::File(error.into()))?;
        let answer = Api::new(&server)?.get("/api/imports").timeout(ANSWER_WAIT).send().await;
        // A server that was killed leaves its file behind, and by now another one, with films of its
        // own, may listen where it did.
        Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(server))
    }
}

impl Workplace {
    /// The server that runs on the configured data folder, or one of our own.
    pub(super) async fn enter(config: &Config, redactor: &Redactor) -> anyhow::Result<Self> {
        Ok(match RunningServer::find(&config.storage.data_dir).await? {
            Some(server) => Self::Found(server),
            None => Self::Own(Box::new(app::start(config, Some(0), redactor).await?)),
        })
    }

    pub(super) fn server(&self) -> RunningServer {
        match self {
            Self::Found(server) => server.clone(),
            Self::Own(running) => RunningServer { address: running.address, token: running.token.clone() },
        }
    }

    /// Ends what was started.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        match self {
            Self::Found(_) => Ok(()),
            Self::Own(running) => running.stop().await,
        }
    }
}

/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// The API of one server.
pub(super) struct Api {
    client: Client,
    address: SocketAddr,
}

impl Api {
    pub(super) fn new(server: &RunningServer) -> Result<Self, ServerError> {
        let bad = |error: &dyn fmt::Display| ServerError::Client(error.to_string());
        let mut token = HeaderValue::try_from(format!("Bearer {}", server.token)).map_err(|error| bad(&error))?;
        token.set_sensitive(true);
        // The token must reach nobody else: no proxy of the environment, no redirect.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]))
            .connect_timeout(CONNECT_WAIT)
            .build()
            .map_err(|error| bad(&error))?;
        Ok(Self { client, address: server.address })
    }

    /// What stands at a path, which must be there.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, ServerError> {
        let answer = self.get(path).timeout(ANSWER_WAIT).send().await.map_err(ServerError::away)?;
        match answer.status() {
            StatusCode::OK => read(answer).await,
            status => Err(ServerError::Unexpected { status: status.as_u16(), detail: words_of(answer).await }),
        }
    }

    /// The same; patient with a server that is being restarted.
    pub(super) async fn ask_patiently<T: DeserializeOwned>(&self, path: &str) -> Result<T, ServerError> {
        let begun = Instant::now();
        loop {
            match self.ask(path).await {
                Err(ServerError::Away(_)) if begun.elapsed() < ABSENCE => tokio::time::sleep(KNOCK_AGAIN).await,
                answer => return answer,
            }
        }
    }

    /// Asks for something to be done that the server does by itself.
    pub(super) async fn ask_to(&self, path: &str) -> Result<(), ServerError> {
        let answer = self.post(path).timeout(ANSWER_WAIT).send().await.map_err(ServerError::away)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(ServerError::Unexpected { status: status.as_u16(), detail: words_of(answer).await }),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }
}

impl ServerError {
    pub(super) fn away(error: reqwest::Error) -> Self {
        Self::Away(match () {
            () if error.is_timeout() => "it took too long",
            () if error.is_connect() => "it does not listen",
            () => "the connection broke",
        })
    }
}

pub(super) async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, ServerError> {
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(ServerError::away)?;
    serde_json::from_slice(&body).map_err(|error| ServerError::Unexpected { status, detail: error.to_string() })
}

/// What a problem document says to people.
pub(super) async fn words_of(answer: Response) -> String {
    let problem = answer.json::<Problem>().await.ok();
    let words = problem.and_then(|problem| problem.detail.or(problem.title));
    words.unwrap_or_else(|| "it gave no reason".to_owned())
}
