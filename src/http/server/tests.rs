//! Over a real socket: what the framework does before and after our code.

mod crowded;
mod slow;
mod together;

use super::*;
use crate::http::admission::{Capacity, Patience};
use crate::http::routes::tests::parts;
use crate::tests::{SEGMENT, Sample, segment};
use actix_web::dev::ServerHandle;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn served() -> (Sample, SocketAddr, ServerHandle) {
    let sample = Sample::new().await;
    let (address, handle) = started(parts(&sample));
    (sample, address, handle)
}

fn started(parts: Parts) -> (SocketAddr, ServerHandle) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(parts, listener).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

/// Longer than anything here takes on a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(120);

/// Patience that never ends in a test, of which each shortens what it is about.
const ENDLESS: Patience =
    Patience { head: DEADLINE, idle: DEADLINE, body: DEADLINE, reader: DEADLINE, haste: DEADLINE, line: DEADLINE };

const SHORT: Duration = Duration::from_millis(300);

/// A server with a film, and its numbers.
struct Stage {
    sample: Sample,
    address: SocketAddr,
    metrics: Metrics,
    path: String,
    _handle: ServerHandle,
}

impl Stage {
    async fn set(capacity: Capacity, patience: Patience, behind_proxy: bool) -> Self {
        let sample = Sample::new().await;
        let mut parts = parts(&sample);
        parts.settings = Settings { capacity, patience };
        parts.transport.behind_proxy = behind_proxy;
        let metrics = parts.metrics.clone();
        let path = format!("/hls/{}/v0/0.m4s", sample.film("Film").await);
        let (address, handle) = started(parts);
        Self { sample, address, metrics, path, _handle: handle }
    }

    async fn connected(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What a numbers' line says; 0 when it is not there.
    fn number(&self, line: &str) -> u64 {
        let page = self.metrics.encode();
        let found = page.lines().find_map(|found| found.strip_prefix(&format!("telecine_{line} ")).map(str::to_owned));
        found.map_or(0, |number| number.parse().unwrap())
    }

    async fn until(&self, line: &str, wanted: u64) {
        let begun = std::time::Instant::now();
        while self.number(line) != wanted {
            assert!(begun.elapsed() < DEADLINE, "{line} is {} and not {wanted}", self.number(line));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A machine with room for everybody.
fn roomy() -> Capacity {
    Capacity::of(16 << 30, 100_000)
}

/// Reads the head of an answer and leaves what comes behind it.
async fn head(socket: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let reading = async {
        while !heard.ends_with(b"\r\n\r\n") {
            heard.push(socket.read_u8().await.expect("a head before the end"));
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("a head in time");
    String::from_utf8(heard).unwrap().to_lowercase()
}

/// Reads on until the connection is closed, in good order or not.
async fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    // What came before a reset is there all the same.
    _ = tokio::time::timeout(DEADLINE, socket.read_to_end(&mut heard)).await.expect("it is closed in time");
    heard
}

/// Sends these bytes again and again, slowly, until the other side closes; what it said meanwhile.
async fn trickled(socket: TcpStream, bytes: &[u8]) -> String {
    let (mut reader, mut writer) = socket.into_split();
    let mut heard = Vec::new();
    let trickling = async {
        while writer.write_all(bytes).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await;
    };
    let both = async {
        tokio::select! {
            _ = reader.read_to_end(&mut heard) => {}
            () = trickling => {}
        }
    };
    tokio::time::timeout(DEADLINE, both).await.expect("it is closed in time");
    String::from_utf8(heard).unwrap().to_lowercase()
}

fn keep_alive(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// Everything that is answered until the connection closes.
async fn said(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // Who is refused may be hung up on before everything is sent.
    _ = socket.write_all(request.as_bytes()).await;
    let mut heard = Vec::new();
    _ = socket.read_to_end(&mut heard).await;
    heard
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[actix_web::test]
async fn a_segment_comes_whole_over_the_wire_and_the_server_stops_when_told() {
    let (sample, address, handle) = served().await;
    let video = sample.film("Film").await;
    let heard = said(address, &get(&format!("/hls/{video}/v0/0.m4s"))).await;
    let head = String::from_utf8_lossy(&heard[..heard.len() - SEGMENT]).to_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 600001\r\n"), "{head}");
    assert!(heard.ends_with(&segment("v0", 0)));
    handle.stop(true).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[actix_web::test]
async fn requests_without_measure_are_refused_quickly() {
    let (_sample, address, handle) = served().await;
    let keys = get(&format!("/api/videos?{}", "a=1&".repeat(1_000_000)));
    let header = get("/api/videos").replace("connection", &format!("x: {}\r\nconnection", "y".repeat(1_000_000)));
    let json = "PATCH /api/videos/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 100000000\r\n\r\n{";
    let both = "POST /api/upload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    for (what, request) in [("query", &*keys), ("header", &header), ("json", json), ("two lengths", both)] {
        let heard = tokio::time::timeout(Duration::from_secs(10), said(address, request)).await.expect(what);
        let status = String::from_utf8_lossy(&heard).chars().take(12).collect::<String>();
        assert!(heard.is_empty() || status.starts_with("HTTP/1.1 4"), "{what}: {status}");
    }
    assert!(said(address, &get("/healthz")).await.starts_with(b"HTTP/1.1 200"));
    handle.stop(false).await;
}
