//! Over a real socket: what the framework does before and after our code.

use super::*;
use crate::http::routes::tests::parts;
use crate::tests::{SEGMENT, Sample, segment};
use actix_web::dev::ServerHandle;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn served() -> (Sample, SocketAddr, ServerHandle) {
    let sample = Sample::new().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(parts(&sample), listener).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (sample, address, handle)
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
