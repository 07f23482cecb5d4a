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

/// What was made of one track.
#[derive(Debug, Deserialize)]
pub(super) struct Track {
    kind: Option<String>,
    method: Option<String>,
    why: Option<String>,
    codecs: Option<String>,
}

impl fmt::Display for Track {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind.as_deref().unwrap_or("track");
        write!(out, "{name} {}", self.method.as_deref().unwrap_or("made"))?;
        if let Some(codecs) = &self.codecs {
            write!(out, " [{codecs}]")?;
        }
        match self.why.as_deref() {
            Some(why) if !why.is_empty() => write!(out, " ({why})"),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Accepted {
    video_id: String,
}

#[derive(Deserialize)]
struct Video {
    #[serde(default)]
    tracks: Vec<Track>,
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

    /// What was made of a video's tracks.
    pub(super) async fn tracks(&self, video: &str) -> Result<Vec<Track>, ServerError> {
        Ok(self.ask::<Video>(&format!("/api/videos/{video}")).await?.tracks)
    }
}
