//! The few questions of the API that an import asks.

use crate::cli::server::{Api, ServerError, read, words_of};
use reqwest::StatusCode;
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Before the server accepts a file it reads the whole of it to recognise it.
const IMPORT_WAIT: Duration = Duration::from_secs(3600);

/// What the server said to a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It will be this video.
    Accepted(String),
    /// It is in the library already.
    Known(String),
    /// It is nothing that can be played.
    Refused(String),
}

/// Where a video is on its way.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) state: String,
    pub(super) stage: Option<String>,
    pub(super) fraction: Option<f64>,
    pub(super) eta_seconds: Option<f64>,
    pub(super) error: Option<String>,
}

/// A form that a film has or will have.
#[derive(Debug, Deserialize)]
pub(super) struct Planned {
    kind: String,
    method: String,
    why: String,
    turn: String,
    width: Option<u32>,
    height: Option<u32>,
    channels: Option<u32>,
    language: Option<String>,
    label: Option<String>,
}

/// `video 1280 × 720 copied: H.264 plays as it is`, with `then` before what is made when the film can be played.
impl fmt::Display for Planned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = if self.turn == "first" { "" } else { "then " };
        write!(out, "{turn}{}", self.kind)?;
        if let (Some(width), Some(height)) = (self.width, self.height) {
            write!(out, " {width} × {height}")?;
        }
        if let Some(name) = self.label.as_ref().or(self.language.as_ref()) {
            write!(out, " {name}")?;
        }
        match self.channels {
            Some(1) => write!(out, ", 1 channel,")?,
            Some(channels) => write!(out, ", {channels} channels,")?,
            None => {}
        }
        write!(out, " {}: {}", self.method, self.why)
    }
}

#[derive(Deserialize)]
struct Accepted {
    video_id: String,
}

/// What is made of a film.
#[derive(Debug, Deserialize)]
pub(super) struct Making {
    pub(super) planned: Vec<Planned>,
    pub(super) left_out: Vec<String>,
}

impl Api {
    /// Hands a file over.
    pub(super) async fn import(&self, file: &Path, again: bool) -> Result<Answer, ServerError> {
        let path = file.to_str().ok_or(ServerError::Path)?;
        let order = serde_json::json!({ "path": path, "again": again });
        let request = self.post("/api/imports").json(&order).timeout(IMPORT_WAIT);
        let answer = request.send().await.map_err(ServerError::away)?;
        Ok(match answer.status() {
            StatusCode::ACCEPTED => Answer::Accepted(read::<Accepted>(answer).await?.video_id),
            StatusCode::CONFLICT => Answer::Known(words_of(answer).await),
            StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(words_of(answer).await),
            status => {
                return Err(ServerError::Unexpected { status: status.as_u16(), detail: words_of(answer).await });
            }
        })
    }

    /// Where a video is; patient with a server that is being restarted.
    pub(super) async fn status(&self, video: &str) -> Result<Status, ServerError> {
        self.ask_patiently(&format!("/api/videos/{video}/status")).await
    }

    /// What is made of a video, and what is not.
    pub(super) async fn making(&self, video: &str) -> Result<Making, ServerError> {
        self.ask(&format!("/api/videos/{video}")).await
    }
}
