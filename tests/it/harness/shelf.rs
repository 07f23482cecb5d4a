//! Files served over HTTP as they should be, or by a server that knows nothing: for what Telecine
//! itself would never serve.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How well the server knows HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    Good,
    /// Whole files without a type, whatever is asked for.
    None,
}

/// Files by their path, with the first slash.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A server of files on port 0 that ends with the test.
pub struct Shelf {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Shelf {
    pub async fn of(files: Files, manners: Manners) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let files = Arc::new(files);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, files.clone(), manners));
            }
        });
        Self { address, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, files: Arc<Files>, manners: Manners) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => asked.push(byte),
            Err(_) => return,
        }
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let mut words = asked.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let header =
        |name: &str| asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default();
    let (status, head, body) = match files.get(path) {
        None => ("404 Not Found", String::new(), Vec::new()),
        Some(bytes) if manners == Manners::None => ("200 OK", String::new(), bytes.clone()),
        Some(bytes) if path.ends_with(".m3u8") => playlist(bytes, header("accept-encoding")),
        Some(bytes) => segment(path, bytes, header("range")),
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n", body.len());
    let body = if method == "HEAD" { &[][..] } else { &body };
    // A client may have heard enough.
    _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
}

fn playlist(text: &[u8], accepted: &str) -> (&'static str, String, Vec<u8>) {
    let kind = "content-type: application/vnd.apple.mpegurl\r\n";
    if !accepted.contains("gzip") {
        return ("200 OK", kind.to_owned(), text.to_vec());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory takes every byte");
    ("200 OK", format!("{kind}content-encoding: gzip\r\n"), encoder.finish().expect("memory takes every byte"))
}

fn segment(path: &str, bytes: &[u8], range: &str) -> (&'static str, String, Vec<u8>) {
    let kind = match path {
        _ if path.ends_with(".vtt") => "text/vtt",
        _ if path.ends_with(".html") => "text/html",
        _ if path.ends_with(".mjs") || path.ends_with(".js") => "text/javascript",
        _ if path.ends_with(".ts") => "video/mp2t",
        _ if path.contains("/a") => "audio/mp4",
        _ => "video/mp4",
    };
    let head = format!(
        "content-type: {kind}\r\netag: \"{}\"\r\naccept-ranges: bytes\r\ncache-control: max-age=31536000, immutable\r\n",
        bytes.len()
    );
    let Some(range) = range.strip_prefix("bytes=") else { return ("200 OK", head, bytes.to_vec()) };
    let whole = bytes.len();
    let (first, last) = range.split_once('-').expect("a range has a dash");
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Err(_), Ok(count)) => (whole.saturating_sub(count), whole),
        (Ok(start), Ok(last)) => (start, whole.min(last.saturating_add(1))),
        (Ok(start), Err(_)) => (start, whole),
        _ => panic!("no range: {range}"),
    };
    if start >= end {
        return ("416 Range Not Satisfiable", format!("{head}content-range: bytes */{whole}\r\n"), Vec::new());
    }
    let told = format!("{head}content-range: bytes {start}-{}/{whole}\r\n", end - 1);
    ("206 Partial Content", told, bytes[start..end].to_vec())
}
