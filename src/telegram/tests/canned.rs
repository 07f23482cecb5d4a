//! Servers that are no Bot API, or an odd one: each connection gets one prepared answer.

use super::{api_settings, kind, noise, range, read_all};
use crate::telegram::bot_api::{ApiClient, BotApi};
use crate::telegram::error::Kind;
use crate::telegram::id::{ChatId, FileId, MessageId};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";

/// Serves `answers` one after the other, each on a connection of its own, and ends. After one that is
/// held the connection stays open and nothing more comes.
async fn serve(listener: TcpListener, answers: Vec<(Vec<u8>, End)>) {
    let mut held = Vec::new();
    for (answer, end) in answers {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        // A client that has seen enough leaves.
        let _ = socket.write_all(&answer).await;
        match end {
            End::Close => drop(socket.shutdown().await),
            End::Hold => held.push(socket),
        }
    }
    if !held.is_empty() {
        std::future::pending::<()>().await;
    }
}

/// To its last byte: a connection closed before that is a connection reset.
async fn read_request(socket: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let len = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    socket.read_exact(&mut vec![0; len.unwrap_or(0)]).await.unwrap();
}

#[derive(Clone, Copy)]
enum End {
    Close,
    Hold,
}

fn json(body: &str) -> (Vec<u8>, End) {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    ([head.as_bytes(), body.as_bytes()].concat(), End::Close)
}

fn refused(body: &str) -> (Vec<u8>, End) {
    raw(&format!("404 Not Found\r\nContent-Length: {}", body.len()), body.as_bytes(), End::Close)
}

fn path(path: &str) -> (Vec<u8>, End) {
    json(&format!(r#"{{"ok":true,"result":{{"file_id":"x","file_unique_id":"y","file_path":"{path}"}}}}"#))
}

fn raw(head: &str, body: &[u8], end: End) -> (Vec<u8>, End) {
    ([format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat(), end)
}

async fn api() -> (TcpListener, BotApi) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut settings = api_settings(&url);
    (settings.stall, settings.first_byte) = (Duration::from_secs(2), Duration::from_secs(2));
    (listener, BotApi::new(&ApiClient::new(settings).unwrap(), TOKEN.parse().unwrap()))
}

/// What becomes of reading bytes 10 to 20 of a file.
async fn read(answers: Vec<(Vec<u8>, End)>) -> Result<Vec<u8>, Kind> {
    let (listener, api) = api().await;
    let reading = async {
        let download = api.download(&FileId("x".into()), range(10, 20)).await?;
        read_all(download.into_range()).await
    };
    tokio::select! {
        answer = reading => answer.map_err(|error| error.kind),
        () = async { serve(listener, answers).await; std::future::pending().await } => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn what_is_no_bot_api_is_told() {
    for (answer, expected) in [
        (json("<html>welcome</html>"), Kind::Malformed),
        (
            raw(
                "302 Found\r\nConnection: close\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0",
                b"",
                End::Close,
            ),
            Kind::Malformed,
        ),
        (raw("200 OK", &vec![b'x'; 300_000], End::Close), Kind::Malformed),
        (raw("502 Bad Gateway\r\nContent-Length: 4", b"<ht>", End::Close), Kind::ServerFault),
        (raw("200 OK\r\nContent-Length: 50", b"{\"ok\":", End::Close), Kind::Unreachable),
        ((b"nonsense\r\n\r\n".to_vec(), End::Close), Kind::Unreachable),
    ] {
        let (listener, api) = api().await;
        let text = String::from_utf8_lossy(&answer.0[..answer.0.len().min(60)]).into_owned();
        let (answer, ()) = tokio::join!(api.me(), serve(listener, vec![answer]));
        assert_eq!(kind(&answer), Some(expected), "{text}");
    }
}

#[tokio::test]
async fn only_the_right_bytes_are_taken() {
    let bytes = noise(30);
    let whole = |len: &str| raw(&format!("200 OK{len}"), &bytes, End::Close);
    let part = |told: &str, body: &[u8]| {
        let head = format!("206 Partial Content\r\nContent-Range: {told}\r\nContent-Length: {}", body.len());
        raw(&head, body, End::Close)
    };
    for (answer, expected) in [
        (whole("\r\nContent-Length: 30"), Ok(bytes[10..20].to_vec())),
        (whole(""), Ok(bytes[10..20].to_vec())),
        (raw("200 OK", &bytes[..15], End::Close), Err(Kind::Truncated)),
        (raw("200 OK\r\nContent-Length: 15", &bytes[..15], End::Close), Err(Kind::Truncated)),
        (raw("200 OK\r\nContent-Length: 30", &bytes[..15], End::Close), Err(Kind::Unreachable)),
        (raw("200 OK\r\nContent-Length: 30", &bytes[..15], End::Hold), Err(Kind::Unreachable)),
        ((Vec::new(), End::Hold), Err(Kind::Unreachable)),
        (part("bytes 10-19/30", &bytes[10..20]), Ok(bytes[10..20].to_vec())),
        (part("bytes 10-29/30", &bytes[10..30]), Ok(bytes[10..20].to_vec())),
        (part("bytes 10-14/15", &bytes[10..15]), Err(Kind::Truncated)),
        (part("bytes 0-9/30", &bytes[0..10]), Err(Kind::Malformed)),
        (part("nonsense", &bytes[10..20]), Err(Kind::Malformed)),
        (raw("416 Range Not Satisfiable\r\nContent-Length: 0", b"", End::Close), Err(Kind::Truncated)),
        (raw("429 Too Many Requests\r\nContent-Length: 0", b"", End::Close), Err(Kind::Flooded)),
        // A server in between that knows no such path; only Telegram's own words say that the file is not there.
        (raw("404 Not Found\r\nContent-Length: 0", b"", End::Close), Err(Kind::Malformed)),
        (raw("404 Not Found\r\nContent-Length: 15", b"<h1>nginx</h1>\n", End::Close), Err(Kind::Malformed)),
        (refused(r#"{"ok":false,"error_code":404,"description":"Not Found"}"#), Err(Kind::WrongFile)),
    ] {
        let text = String::from_utf8_lossy(&answer.0[..answer.0.len().min(70)]).into_owned();
        assert_eq!(read(vec![path("a/b"), answer]).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_file_of_a_local_server_is_read_from_the_disk_or_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bytes) = (folder.path().join("file"), noise(30));
    std::fs::write(&file, &bytes).unwrap();
    let told = file.to_str().unwrap();
    assert_eq!(read(vec![path(told)]).await, Ok(bytes[10..20].to_vec()));
    std::fs::write(&file, &bytes[..19]).unwrap();
    assert_eq!(read(vec![path(told)]).await, Err(Kind::Truncated));

    let (listener, api) = api().await;
    let missing = format!("{told}/bot{TOKEN}/file");
    let file = FileId("x".into());
    let (answer, ()) = tokio::join!(api.download(&file, range(0, 1)), serve(listener, vec![path(&missing)]));
    let error = answer.err().unwrap();
    assert_eq!(error.kind, Kind::LocalFile);
    assert!(error.to_string().contains("--local"), "{error}");
    assert!(!format!("{error:?}").contains("AAEXAMPLE"), "{error:?}");
}

#[tokio::test]
async fn a_server_without_the_method_for_many_messages_is_asked_to_delete_each() {
    let says =
        |code: u16, text: &str| refused(&format!(r#"{{"ok":false,"error_code":{code},"description":"{text}"}}"#));
    let answers = vec![
        says(404, "Not Found: method not found"),
        json(r#"{"ok":true,"result":true}"#),
        says(400, "Bad Request: message to delete not found"),
        says(400, "Bad Request: message can't be deleted"),
    ];
    let (listener, api) = api().await;
    let ids = [1, 2, 3, 4].map(MessageId);
    let (left, ()) = tokio::join!(api.delete(ChatId(-100_123), &ids), serve(listener, answers));
    assert_eq!(left.unwrap(), ids[..2], "newest first; what is older than one that may not go stays, too");
}
