//! Sending files the way browsers and curl do: multipart bodies, made by hand so that they can also
//! be wrong.

use super::World;
use super::clip::Clip;
use super::wait::{until, until_while_moving};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

pub const BOUNDARY: &str = "----telecine-story";

/// A file on its way, and how it is sent.
#[derive(Clone, Debug)]
pub struct Sending {
    pub bytes: Vec<u8>,
    pub name: Vec<u8>,
    pub title: Option<String>,
    pub id: Option<Uuid>,
    pub again: Option<&'static str>,
}

impl Sending {
    pub fn of(clip: &Clip) -> Self {
        let name = clip.path.file_name().expect("a clip has a name");
        Self::bytes(clip.bytes(), name.to_str().expect("a clip's name is plain"))
    }

    pub fn bytes(bytes: Vec<u8>, name: &str) -> Self {
        Self { bytes, name: name.as_bytes().to_vec(), title: None, id: None, again: None }
    }

    pub fn named(mut self, name: impl AsRef<[u8]>) -> Self {
        self.name = name.as_ref().to_vec();
        self
    }

    pub fn titled(mut self, title: &str) -> Self {
        self.title = Some(title.to_owned());
        self
    }

    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    pub fn again(mut self) -> Self {
        self.again = Some("?again=true");
        self
    }

    /// The whole body.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.bytes.len() + 512);
        if let Some(title) = &self.title {
            body.extend(part("name=\"title\"", "", title.as_bytes()));
        }
        let mut name = b"name=\"file\"; filename=\"".to_vec();
        name.extend(&self.name);
        name.push(b'"');
        body.extend(part(name, "Content-Type: application/octet-stream\r\n", &self.bytes));
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        body
    }

    /// A request by hand up to its blank line, for a body of `len` bytes.
    pub fn head(&self, world: &World, len: u64) -> Vec<u8> {
        let id = self.id.map(|id| format!("Upload-Id: {id}\r\n")).unwrap_or_default();
        format!(
            "POST /api/upload{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{id}\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len}\r\n\r\n",
            self.again.unwrap_or_default(),
            world.address(),
        )
        .into_bytes()
    }
}

/// One part of a multipart body.
pub fn part(disposition: impl AsRef<[u8]>, more: &str, content: &[u8]) -> Vec<u8> {
    let mut part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; ").into_bytes();
    part.extend(disposition.as_ref());
    part.extend(format!("\r\n{more}\r\n").into_bytes());
    part.extend(content);
    part.extend(b"\r\n");
    part
}

/// What the server said to an accepted upload.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub upload: String,
    pub video: String,
}

impl World {
    /// The answer to an upload.
    pub async fn upload(&self, sending: &Sending) -> Response {
        let path = format!("/api/upload{}", sending.again.unwrap_or_default());
        let mut request = self
            .request(Method::POST, &path)
            .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(sending.body());
        if let Some(id) = sending.id {
            request = request.header("Upload-Id", id.to_string());
        }
        request.send().await.expect("the server answers an upload")
    }

    /// Uploads what must be accepted.
    pub async fn accepted(&self, sending: &Sending) -> Accepted {
        let answer = self.upload(sending).await;
        let status = answer.status();
        let text = answer.text().await.expect("an answer arrives whole");
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        let said: Value = serde_json::from_str(&text).expect("the answer to an upload is JSON");
        let word = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("no {name} in {text}")).to_owned();
        Accepted { upload: word("upload_id"), video: word("video_id") }
    }

    /// Uploads a clip and waits until its video is ready.
    pub async fn published(&self, clip: &Clip) -> String {
        let video = self.accepted(&Sending::of(clip)).await.video;
        self.ready(&video).await;
        video
    }

    /// Waits until the encoders were tried, which goes on while the server answers already.
    pub async fn an_encoder_works(&self) {
        until("an encoder works", async || {
            let status = self.json("/api/system/status").await;
            let mut encoders = status["encoders"].as_array()?.iter();
            encoders.any(|encoder| encoder["works"] == true).then_some(())
        })
        .await;
    }

    /// Waits until nothing is left to be done for any film: one that is ready is refined afterwards.
    pub async fn at_rest(&self) {
        until_while_moving("everything is made", async || {
            let status = self.json("/api/system/status").await;
            let jobs = status["jobs"].as_array().expect("a list of jobs");
            let far = |job: &Value| json!([job["id"], job["state"], job["stage"], job["fraction"]]);
            if jobs.is_empty() { Ok(()) } else { Err(jobs.iter().map(far).collect()) }
        })
        .await;
    }
}
