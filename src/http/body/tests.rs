use super::*;
use crate::disk::Pages;
use crate::http::admission::{Admission, Capacity, Patience, Settings};
use crate::http::conditional::{Freshness, etag_of};
use crate::http::https::Transport;
use crate::http::server::over_wires;
use crate::http::wire;
use crate::media::extent::CHUNK_SIZE;
use crate::telemetry::metrics::Metrics;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, map_config};
use actix_web::App;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::{AppConfig, Server};
use actix_web::middleware::from_fn;
use futures::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const CHUNK: usize = CHUNK_SIZE as usize;

/// More than the system keeps for somebody who does not read.
const LEN: u64 = 4_000_000;

fn content() -> Bytes {
    static CONTENT: LazyLock<Bytes> = LazyLock::new(|| (0..LEN).map(|at| (at % 251) as u8).collect());
    CONTENT.clone()
}

fn described() -> Described {
    Described { content_type: "video/mp4", etag: etag_of(&content()), freshness: Freshness::Immutable }
}

/// Sends what was asked for, as one chunk; `/paged` in pages that the kernel sends, none of which is there at once; `/short` loses the last byte, `/broken` fails after it, `/failed` before the first, `/long` has one too many.
async fn serve(request: HttpRequest, pages: web::Data<Pages>) -> Result<HttpResponse, ApiError> {
    let wanted = match open(&request, &described(), LEN)? {
        Opening::Answered(response) => return Ok(response),
        Opening::Wanted(wanted) => wanted,
    };
    let range = wanted.range().start() as usize..wanted.range().end() as usize;
    let chunk = content().slice(range);
    let less = chunk.slice(..chunk.len() - 1).into();
    let slices: Vec<io::Result<Slice>> = match request.path() {
        "/whole" => vec![Ok(chunk.into())],
        "/paged" => chunk.chunks(CHUNK).map(|part| Ok(pages.hold(Bytes::copy_from_slice(part)))).collect(),
        "/short" => vec![Ok(less)],
        "/broken" => vec![Ok(less), Err(io::Error::other("the store went away"))],
        "/failed" => vec![Err(io::Error::other("the store is away"))],
        _ => vec![Ok(chunk.into()), Ok(Bytes::from_static(b"x").into())],
    };
    let slices = stream::iter(slices).then(async |slice| {
        tokio::task::yield_now().await;
        slice
    });
    Ok(wanted.send(&request, slices))
}

/// A real server, so that what the framework adds and leaves out is seen too.
fn start() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Settings { capacity: Capacity::of(16 << 30, 100_000), patience: Patience::default() };
    let admission = Arc::new(Admission::new(settings, Transport::default(), Metrics::new()));
    let pages = web::Data::new(Pages::new());
    let connections = move || {
        let app = App::new().app_data(pages.clone()).default_service(get_or_head().to(serve));
        let app = app.wrap(from_fn(wire::follow)).into_factory().map_err(|error: Error| error.error_response());
        over_wires(map_config(app, |()| AppConfig::default()), Arc::clone(&admission), std::future::pending)
    };
    let server = Server::build().workers(1).disable_signals().listen("test", listener, connections).unwrap();
    actix_web::rt::spawn(server.run());
    address
}

async fn get(path: &str, headers: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Result<Bytes, reqwest::Error>) {
    let mut request = Client::new().get(format!("http://{}{path}", start()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let headers = response.headers().clone();
    (response.status(), headers, response.bytes().await)
}

#[actix_web::test]
async fn the_whole_is_sent_with_its_length_and_what_caches_need() {
    let (status, headers, body) = get("/whole", &[]).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-length"], "4000000");
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["cache-control"], "max-age=31536000, immutable");
    assert_eq!(headers["etag"], described().etag.to_string().as_str());
    assert!(!headers.contains_key("transfer-encoding"));
    assert!(body.unwrap() == content());
}

#[actix_web::test]
async fn a_part_is_sent_with_its_place() {
    for (range, place, bytes) in [
        ("bytes=3-7", "bytes 3-7/4000000", 3..8),
        ("bytes=-3700000", "bytes 300000-3999999/4000000", 300_000..4_000_000),
    ] {
        let (status, headers, body) = get("/whole", &[("range", range)]).await;
        assert_eq!((status.as_u16(), headers["content-range"].to_str().unwrap()), (206, place));
        assert_eq!(headers["content-length"].to_str().unwrap(), bytes.len().to_string());
        assert!(body.unwrap() == content().slice(bytes));
    }
}

#[actix_web::test]
async fn a_part_that_does_not_exist_is_a_416_with_the_length() {
    let (status, headers, _) = get("/whole", &[("range", "bytes=4000000-")]).await;
    assert_eq!((status.as_u16(), headers["content-range"].to_str().unwrap()), (416, "bytes */4000000"));
}

#[actix_web::test]
async fn a_known_version_is_a_304_with_its_validators_and_no_body() {
    let etag = described().etag.to_string();
    let (status, headers, body) = get("/whole", &[("if-none-match", &etag), ("range", "bytes=0-1")]).await;
    assert_eq!((status.as_u16(), body.unwrap().len()), (304, 0));
    assert_eq!(headers["etag"], etag.as_str());
    assert_eq!(headers["cache-control"], "max-age=31536000, immutable");
}

#[actix_web::test]
async fn head_tells_the_length_and_sends_nothing() {
    let response =
        Client::new().head(format!("http://{}/whole", start())).header("range", "bytes=0-1").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], "4000000");
    assert_eq!(response.headers()["content-type"], "video/mp4");
    assert_eq!(response.bytes().await.unwrap().len(), 0);
}

#[test]
fn head_asks_for_no_bytes() {
    let request = actix_web::test::TestRequest::default().method(Method::HEAD).to_http_request();
    let Ok(Opening::Answered(response)) = open(&request, &described(), LEN) else {
        panic!("nothing is to be fetched for HEAD");
    };
    assert_eq!(response.body().size(), BodySize::Sized(LEN));
}

#[actix_web::test]
async fn a_body_that_ends_early_is_never_taken_for_a_whole_one() {
    assert!(get("/short", &[]).await.2.is_err());
    assert!(get("/broken", &[]).await.2.is_err());
    assert!(get("/failed", &[]).await.2.is_err());
}

#[actix_web::test]
async fn what_comes_slice_by_slice_from_pages_or_is_too_long_is_exact() {
    for path in ["/paged", "/long"] {
        for (range, bytes) in
            [("bytes=0-", 0..LEN), ("bytes=262143-524289", 262_143..524_290), ("bytes=-1", LEN - 1..LEN)]
        {
            let (status, headers, body) = get(path, &[("range", range)]).await;
            let (from, to) = (bytes.start as usize, bytes.end as usize);
            assert_eq!(
                (status.as_u16(), headers["content-length"].to_str().unwrap()),
                (206, &*(to - from).to_string())
            );
            assert!(body.unwrap() == content().slice(from..to), "{path} {range}");
        }
    }
}

/// Reads one answer from a connection, a little at a time.
async fn read_slowly(player: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut room = vec![0; 10_000];
    let end = loop {
        if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let count = player.read(&mut room[..7]).await.unwrap();
        answer.extend_from_slice(&room[..count]);
    };
    while answer.len() < end + LEN as usize {
        let left = (end + LEN as usize - answer.len()).min(room.len());
        let count = player.read(&mut room[..left]).await.unwrap();
        assert!(count > 0, "it was cut off");
        answer.extend_from_slice(&room[..count]);
    }
    answer.split_off(end)
}

#[actix_web::test]
async fn answers_on_one_connection_come_one_after_the_other_to_whoever_reads_slowly() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut player = socket.connect(start()).await.unwrap();
    let asked = ["/paged", "/whole", "/paged"].map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
    player.write_all(asked.concat().as_bytes()).await.unwrap();
    for _ in asked {
        assert!(read_slowly(&mut player).await == content());
    }
}

#[actix_web::test]
async fn a_request_of_no_connection_is_answered_through_the_framework() {
    let app = App::new().app_data(web::Data::new(Pages::new())).default_service(get_or_head().to(serve));
    let app = actix_web::test::init_service(app).await;
    let request = actix_web::test::TestRequest::get().uri("/paged").to_request();
    let response = actix_web::test::call_service(&app, request).await;
    assert_eq!(response.response().body().size(), BodySize::Sized(LEN));
    assert!(actix_web::test::read_body(response).await == content());
}

#[test]
fn nothing_at_all_is_a_whole_answer() {
    let request = actix_web::test::TestRequest::get().insert_header(("range", "bytes=-5")).to_http_request();
    let Ok(Opening::Answered(response)) = open(&request, &described(), 0) else {
        panic!("there is nothing to fetch");
    };
    assert_eq!(response.status(), 200);
}
