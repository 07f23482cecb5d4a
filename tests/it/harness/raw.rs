//! HTTP by hand, for requests no client library would send.

use super::wait::within;
use bytes::Bytes;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

/// An answer as it came over the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

/// Sends a whole request and reads until the server closes.
pub async fn exchange(address: SocketAddr, request: impl Into<Bytes>) -> Answer {
    let request: Bytes = request.into();
    pour(address, [request]).await
}

/// Sends pieces until they or the server's interest end, and reads what comes meanwhile. A server
/// that has heard enough answers before everything is sent.
pub async fn pour(address: SocketAddr, pieces: impl IntoIterator<Item = Bytes>) -> Answer {
    let stream = TcpStream::connect(address).await.expect("the server accepts a connection");
    let (reader, writer) = tokio::io::split(stream);
    let both = async { tokio::join!(send(writer, pieces), read(reader)) };
    let ((), said) = within("an answer over a raw connection", both).await;
    understood(&said)
}

async fn send(mut writer: WriteHalf<TcpStream>, pieces: impl IntoIterator<Item = Bytes>) {
    for piece in pieces {
        // The server may hang up on what it does not want to hear.
        if writer.write_all(&piece).await.is_err() {
            break;
        }
    }
}

async fn read(mut reader: ReadHalf<TcpStream>) -> Vec<u8> {
    let mut said = Vec::new();
    let mut slice = vec![0; 64 * 1024];
    // A reset after the answer is an end like any other.
    while let Ok(count @ 1..) = reader.read(&mut slice).await {
        said.extend(&slice[..count]);
    }
    said
}

fn understood(said: &[u8]) -> Answer {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer but {:?}", String::from_utf8_lossy(said)));
    let head = String::from_utf8_lossy(&said[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    Answer { status, head, body: said[end + 4..].to_vec() }
}

/// Sends the beginning of a request and leaves the rest to the caller.
pub async fn unfinished(address: SocketAddr, beginning: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts a connection");
    stream.write_all(beginning).await.expect("the server takes the beginning");
    stream.flush().await.expect("the server takes the beginning");
    stream
}
