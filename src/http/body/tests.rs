use super::*;
use crate::http::conditional::{Freshness, etag_of};
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::{App, HttpServer};
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use std::io;

const LEN: u64 = 600_000;

fn content() -> Bytes {
    (0..LEN).map(|at| (at % 251) as u8).collect()
}

fn described() -> Described {
    Described { content_type: "video/mp4", etag: etag_of(&content()), freshness: Freshness::Immutable }
}

/// Sends what was asked for, as one chunk; `/short` loses the last byte, `/broken` fails after it.
async fn serve(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let wanted = match open(&request, &described(), LEN)? {
        Opening::Answered(response) => return Ok(response),
        Opening::Wanted(wanted) => wanted,
    };
    let range = wanted.range().start() as usize..wanted.range().end() as usize;
    let mut chunk = content().slice(range);
    let mut chunks = Vec::new();
    if request.path() != "/whole" {
        chunk.truncate(chunk.len() - 1);
    }
    chunks.push(Ok(chunk));
    if request.path() == "/broken" {
        chunks.push(Err(io::Error::other("the store went away")));
    }
    Ok(wanted.send(stream::iter(chunks)))
}

/// A real server, so that what the framework adds and leaves out is seen too.
fn start() -> String {
    let app = || App::new().default_service(get_or_head().to(serve));
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    address
}

async fn get(path: &str, headers: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Result<Bytes, reqwest::Error>) {
    let mut request = Client::new().get(start() + path);
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
    assert_eq!(headers["content-length"], "600000");
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["cache-control"], "max-age=31536000, immutable");
    assert_eq!(headers["etag"], described().etag.to_string().as_str());
    assert!(!headers.contains_key("transfer-encoding"));
    assert!(body.unwrap() == content());
}

#[actix_web::test]
async fn a_part_is_sent_with_its_place() {
    for (range, place, bytes) in
        [("bytes=3-7", "bytes 3-7/600000", 3..8), ("bytes=-300000", "bytes 300000-599999/600000", 300_000..600_000)]
    {
        let (status, headers, body) = get("/whole", &[("range", range)]).await;
        assert_eq!((status.as_u16(), headers["content-range"].to_str().unwrap()), (206, place));
        assert_eq!(headers["content-length"].to_str().unwrap(), bytes.len().to_string());
        assert!(body.unwrap() == content().slice(bytes));
    }
}

#[actix_web::test]
async fn a_part_that_does_not_exist_is_a_416_with_the_length() {
    let (status, headers, _) = get("/whole", &[("range", "bytes=600000-")]).await;
    assert_eq!((status.as_u16(), headers["content-range"].to_str().unwrap()), (416, "bytes */600000"));
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
    let response = Client::new().head(start() + "/whole").header("range", "bytes=0-1").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], "600000");
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
}

#[actix_web::test]
async fn no_slice_is_longer_than_the_write_buffer_likes() {
    let long = content().slice(..2 * SLICE + 7);
    let chunks = [long, Bytes::new(), content().slice(..5)].map(Ok::<_, io::Error>);
    let slices: Vec<Bytes> = sliced(stream::iter(chunks)).try_collect().await.unwrap();
    let lengths: Vec<usize> = slices.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [SLICE, SLICE, 7, 5]);
}

#[test]
fn nothing_at_all_is_a_whole_answer() {
    let request = actix_web::test::TestRequest::get().insert_header(("range", "bytes=-5")).to_http_request();
    let Ok(Opening::Answered(response)) = open(&request, &described(), 0) else {
        panic!("there is nothing to fetch");
    };
    assert_eq!(response.status(), 200);
}
