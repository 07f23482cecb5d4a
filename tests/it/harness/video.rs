//! What the API says of a video, and waiting for it to get there.

use super::World;
use super::upload::Sending;
use super::wait::{until, until_while_moving};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// How the server dealt with a file it should not take.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status of the upload itself; 202 when it was refused later.
    pub status: u16,
    /// What a person reads.
    pub reason: String,
}

impl World {
    /// `GET /api/videos/{id}`.
    pub async fn video(&self, video: &str) -> Value {
        self.json(&format!("/api/videos/{video}")).await
    }

    /// `GET /api/videos/{id}/status`.
    pub async fn status(&self, video: &str) -> Value {
        self.json(&format!("/api/videos/{video}/status")).await
    }

    /// Waits until the video is ready or has failed.
    pub async fn settled(&self, video: &str) -> Value {
        until_while_moving("the video is ready or has failed", async || {
            let status = self.status(video).await;
            let is_settled = matches!(status["state"].as_str(), Some("ready" | "failed"));
            if is_settled { Ok(status) } else { Err(json!([status["state"], status["stage"], status["fraction"]])) }
        })
        .await
    }

    /// Waits until the video is ready; a failure ends the test with its reason.
    pub async fn ready(&self, video: &str) -> Value {
        let status = self.settled(video).await;
        assert_eq!(status["state"], "ready", "{status}");
        status
    }

    /// Waits until the video can be played, be it complete or not.
    pub async fn playable(&self, video: &str) -> Value {
        until("the video can be played", async || {
            let status = self.status(video).await;
            assert_ne!(status["state"], "failed", "{status}");
            (status["playable"] == true).then_some(status)
        })
        .await
    }

    /// Sends what must not become a video, and tells how it was refused.
    pub async fn refused(&self, sending: &Sending) -> Refusal {
        let answer = self.upload(sending).await;
        let status = answer.status();
        let text = answer.text().await.expect("an answer arrives whole");
        let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON, status {status}: {text}"));
        if status != StatusCode::ACCEPTED {
            assert!(status.is_client_error(), "{status}: {text}");
            let reason = said["detail"].as_str().unwrap_or_default().to_owned();
            return Refusal { status: status.as_u16(), reason };
        }
        let video = said["video_id"].as_str().expect("an accepted upload names its video");
        let settled = self.settled(video).await;
        assert_eq!(settled["state"], "failed", "this must not become ready: {settled}");
        assert_eq!(settled["playable"], false, "{settled}");
        let reason = settled["error"].as_str().unwrap_or_default().to_owned();
        Refusal { status: 202, reason }
    }

    /// Every video in the library.
    pub async fn videos(&self) -> Vec<Value> {
        let list = self.json("/api/videos?limit=200").await;
        list["videos"].as_array().expect("a list of videos").clone()
    }
}

impl Refusal {
    /// A reason for people is a sentence and not the last line of a log.
    pub fn assert_is_a_sentence(&self) {
        let words = self.reason.split_whitespace().count();
        assert!(words >= 4, "no reason a person understands: {self:?}");
        for inside in ["/proc", "0x", "panicked", "src/", "/spool/"] {
            assert!(!self.reason.contains(inside), "the reason speaks of insides: {self:?}");
        }
    }
}
