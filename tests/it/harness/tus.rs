//! Sending films in pieces, by tus 1.0, with requests made by hand so that they can also break off.

use super::World;
use super::raw;
use super::upload::Sending;
use super::wait::{until, until_true};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpStream;

/// Keeps the files themselves, so that they can be compared.
pub const KEPT: (&str, &str) = ("KEEP_ORIGINAL", "true");

const OFFSET_STREAM: &str = "application/offset+octet-stream";

impl World {
    /// A request of the protocol.
    pub fn tus(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("Tus-Resumable", "1.0.0")
    }

    /// Begins an upload with these headers and answers its path.
    pub async fn begun(&self, fields: &[(&str, &str)]) -> String {
        let request = self.tus(Method::POST, "/api/uploads");
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.expect("the server answers a beginning");
        assert_eq!(answer.status(), 201, "{fields:?}");
        header(&answer, "location").expect("a beginning has a place")
    }

    /// The answer to a piece.
    pub async fn piece(&self, place: &str, at: usize, bytes: &[u8]) -> Response {
        self.patch(place, at).body(bytes.to_vec()).send().await.expect("the server answers a piece")
    }

    /// The answer to a piece that is sent with this check sum.
    pub async fn piece_with_sum(&self, place: &str, at: usize, bytes: &[u8], sum: &str) -> Response {
        let request = self.patch(place, at).header("Upload-Checksum", sum).body(bytes.to_vec());
        request.send().await.expect("the server answers a piece")
    }

    fn patch(&self, place: &str, at: usize) -> RequestBuilder {
        self.tus(Method::PATCH, place).header("Upload-Offset", at).header("Content-Type", OFFSET_STREAM)
    }

    /// Where an upload goes on; nothing when there is no such upload.
    pub async fn offset(&self, place: &str) -> Option<usize> {
        let answer = self.tus(Method::HEAD, place).send().await.expect("the server tells how far it is");
        match answer.status().as_u16() {
            200 => header(&answer, "upload-offset").map(|offset| offset.parse().expect("an offset is a number")),
            404 | 410 => None,
            other => panic!("{other}: how far {place} is was not answered"),
        }
    }

    /// Sends the beginning of a piece that announces `len` bytes, until the server has `sent`.
    pub async fn hanging(&self, place: &str, at: usize, len: usize, sent: &[u8]) -> TcpStream {
        let mut beginning = format!(
            "PATCH {place} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n\
             Content-Type: {OFFSET_STREAM}\r\nContent-Length: {len}\r\n\r\n",
            self.address(),
        )
        .into_bytes();
        beginning.extend(sent);
        let connection = raw::unfinished(self.address(), &beginning).await;
        let wanted = (at + sent.len()) as u64;
        until("the server has the beginning", async || {
            (self.became(place).await["bytes_received"].as_u64()? >= wanted).then_some(())
        })
        .await;
        connection
    }

    /// What has become of an upload.
    pub async fn became(&self, place: &str) -> Value {
        let id = place.rsplit('/').next().expect("a place ends with a name");
        self.json(&format!("/api/upload/{id}/progress")).await
    }

    /// Uploads that were begun to come in pieces, read behind the server's back: to ask would end a turn.
    pub fn begun_in_pieces(&self) -> u64 {
        self.resumables("count(*)")
    }

    /// Most bytes of an upload that are recorded as safe, read behind the server's back, too.
    pub fn recorded_bytes(&self) -> u64 {
        self.resumables("max(bytes_safe)")
    }

    fn resumables(&self, what: &str) -> u64 {
        let catalog = rusqlite::Connection::open(self.data().join("catalog.sqlite")).expect("there is a catalog");
        let asked = catalog.query_row(&format!("SELECT {what} FROM resumables"), [], |row| row.get(0));
        asked.expect("it has uploads that come in pieces")
    }

    /// Asserts that the film of this upload was made of exactly these bytes, and waits until it is ready. For a
    /// server that keeps the files themselves: the hash it has is that of what came, and not of what it stored.
    pub async fn assert_became(&self, place: &str, bytes: &[u8]) {
        let video = self.became(place).await["video_id"].as_str().expect("it is a film").to_owned();
        self.ready(&video).await;
        until_true("the file itself is stored", async || self.video(&video).await["download"]["making"] == "original")
            .await;
        assert!(self.bytes(&format!("/media/{video}/original")).await == bytes, "it has other bytes");
        // The same bytes are recognised by their hash.
        let known = super::problem::problem(self.upload(&Sending::bytes(bytes.to_vec(), "x.mp4")).await, 409).await;
        assert_eq!(known["video_id"], video.as_str(), "it is hashed as other bytes");
    }
}

fn header(answer: &Response, name: &str) -> Option<String> {
    answer.headers().get(name).map(|value| value.to_str().expect("a header is text").to_owned())
}
