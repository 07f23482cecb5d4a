//! The table itself: every address is described, guarded, and fails in one shape.

use super::Bench;
use crate::http::auth::OPEN_TO_ALL;
use crate::http::openapi::Description;
use crate::media::id::VideoId;
use actix_web::body::MessageBody as _;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use utoipa::OpenApi as _;

/// Method and path of every route, read from the source of the table, as the router itself cannot
/// be asked. Of those for GET and HEAD only the first counts.
fn written() -> BTreeSet<(String, String)> {
    let source = include_str!("../../routes.rs").split("#[cfg(test)]").next().unwrap();
    let mut found = BTreeSet::new();
    for entry in source.split(".service(at(").skip(1) {
        let (path, answers) = entry.split_once('[').unwrap();
        let path = path.split('"').nth(1).unwrap_or("/assets/{set}/{path}");
        for answer in answers.split_once(']').unwrap().0.split(',').filter(|answer| answer.contains('(')) {
            let method = answer.trim().split('(').next().unwrap();
            let method = if method == "read" { "get" } else { method };
            found.insert((method.to_owned(), path.to_owned()));
        }
    }
    found
}

fn is_page(path: &str) -> bool {
    ["/", "/watch/{id}", "/system", "/api/docs", "/assets/{set}/{path}", "/favicon.svg"].contains(&path)
}

fn described() -> BTreeSet<(String, String)> {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
    });
    operations.collect()
}

fn request(method: &str, path: &str) -> TestRequest {
    let id = VideoId::fresh().to_string();
    let names = [("{id}", &*id), ("{video}", &id), ("{track}", "v0"), ("{segment}", "0.m4s"), ("{set}", "x")];
    let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    TestRequest::default().method(method).uri(&path.replace("{path}", "app/api.js"))
}

#[test]
fn every_route_but_the_pages_is_described_and_nothing_else() {
    let written: BTreeSet<_> = written().into_iter().filter(|(_, path)| !is_page(path)).collect();
    assert!(written.len() > 20, "{written:?}");
    assert_eq!(described(), written);
}

#[test]
fn every_described_error_is_a_problem() {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    let items = description["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let answers = items.flat_map(|operation| operation["responses"].as_object().unwrap());
    let described = answers.filter(|(status, answer)| status.starts_with(['4', '5']) && answer["content"].is_object());
    let types: BTreeSet<_> = described.flat_map(|(_, answer)| answer["content"].as_object().unwrap().keys()).collect();
    assert_eq!(Vec::from_iter(types), ["application/problem+json"]);
}

#[test]
fn whoever_may_find_no_place_is_told_so_beforehand() {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    for (method, path, may) in [
        ("get", "/hls/{video}/master.m3u8", true),
        ("get", "/hls/{video}/{track}/{segment}", true),
        ("get", "/media/{video}/original", true),
        ("post", "/api/upload", true),
        ("patch", "/api/uploads/{id}", true),
        ("put", "/api/videos/{id}/poster", true),
        ("get", "/api/events", true),
        ("get", "/api/upload/{id}/progress", true),
        ("get", "/api/videos", false),
        ("get", "/metrics", false),
    ] {
        let answer = &description["paths"][path][method]["responses"]["503"];
        assert_eq!(answer["content"].is_object(), may, "{method} {path}");
    }
}

#[test]
fn whoever_sends_a_body_is_told_that_it_may_be_too_slow() {
    let description = serde_json::to_value(Description::openapi()).unwrap();
    for (method, path, may) in [
        ("post", "/api/upload", true),
        ("post", "/api/uploads", true),
        ("patch", "/api/uploads/{id}", true),
        ("put", "/api/videos/{id}/poster", true),
        ("post", "/api/videos/{id}/subtitles", true),
        ("patch", "/api/videos/{id}", true),
        ("post", "/api/jobs/{id}/priority", true),
        ("post", "/api/system/cache/clear", false),
        ("get", "/api/videos", false),
    ] {
        let operation = &description["paths"][path][method];
        assert!(operation.is_object(), "{method} {path}");
        assert_eq!(operation["responses"]["408"]["content"].is_object(), may, "{method} {path}");
    }
}

#[actix_web::test]
async fn every_described_operation_is_answered_by_a_handler() {
    let bench = Bench::new().await;
    for (method, path) in described().into_iter().filter(|(_, path)| path != "/api/events") {
        let answer = bench.ask(request(&method, &path)).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        let nowhere = answer.status == 404 && answer.header("content-type").starts_with("text/html");
        assert!(!nowhere && answer.status < 500, "{method} {path}: {}", answer.status);
    }
}

#[actix_web::test]
async fn every_route_refuses_a_stranger_unless_it_is_on_the_list() {
    let bench = Bench::new().await;
    for (method, path) in written() {
        let answer = bench.ask_from("203.0.113.7:9", request(&method, &path)).await;
        let expected = if OPEN_TO_ALL.contains(&path.as_str()) { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{method} {path}");
    }
    assert_eq!(bench.ask_from("203.0.113.7:9", TestRequest::get().uri("/nowhere")).await.status, 403);
}

#[actix_web::test]
async fn an_unknown_address_is_a_problem_under_the_api_and_a_page_elsewhere() {
    let bench = Bench::new().await;
    for (path, code) in
        [("/api/nowhere", "not_found"), ("/api/videos/x/y/z", "not_found"), ("/%61pi/nowhere", "not_found")]
    {
        assert_eq!(bench.get(path).await.code(), code);
    }
    let wrong = bench.send(Method::PUT, "/api/videos").await;
    assert_eq!((wrong.status, wrong.code().as_str(), wrong.header("allow")), (405, "method_not_allowed", "GET"));
    let page = bench.send(Method::POST, "/system").await;
    assert_eq!((page.status, page.header("allow")), (405, "GET, HEAD"));
    let several = bench.send(Method::PUT, &format!("/api/videos/{}", VideoId::fresh())).await;
    assert_eq!((several.status, several.header("allow")), (405, "GET, PATCH, DELETE"));
    let page = bench.get("/nowhere").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
}

#[actix_web::test]
async fn every_answer_has_a_name_of_ours_and_tells_browsers_to_be_strict() {
    let bench = Bench::new().await;
    let request = TestRequest::get().uri("/healthz").insert_header(("x-request-id", "theirs"));
    let answer = bench.ask(request).await;
    assert_eq!(answer.header("x-request-id").len(), 36);
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[actix_web::test]
async fn a_page_of_a_stranger_cannot_write_and_a_strange_name_is_reflected_nowhere() {
    let bench = Bench::new().await;
    let from_evil =
        TestRequest::post().uri("/api/system/cache/clear").insert_header(("origin", "https://evil.example"));
    let refused = bench.ask(from_evil).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let forwarded = TestRequest::get().uri("/api/videos").insert_header(("x-forwarded-host", "evil.example"));
    let answer = bench.ask(forwarded).await;
    let said = format!("{:?} {:?}", answer.headers, answer.body);
    assert!(answer.status == 200 && !said.contains("evil.example"), "{said}");
}

#[actix_web::test]
async fn requests_are_counted_by_pattern_and_never_by_path() {
    let bench = Bench::new().await;
    let id = VideoId::fresh();
    bench.get(&format!("/api/videos/{id}")).await;
    bench.send(Method::from_bytes(b"BREW").unwrap(), "/nowhere-at-all").await;
    let page = String::from_utf8(bench.get("/metrics").await.body.to_vec()).unwrap();
    assert!(page.contains(r#"route="/api/videos/{id}",method="GET",status="404"} 1"#), "{page}");
    assert!(page.contains(r#"route="none",method="other""#) && !page.contains("nowhere-at-all"), "{page}");
    assert!(!page.contains(&id.to_string()));
    // What is refused before it gets to its address is counted there, too.
    bench
        .ask(TestRequest::delete().uri(&format!("/api/videos/{id}")).insert_header(("origin", "https://evil.example")))
        .await;
    let page = String::from_utf8(bench.get("/metrics").await.body.to_vec()).unwrap();
    assert!(page.contains(r#"route="/api/videos/{id}",method="DELETE",status="403"} 1"#), "{page}");
}

#[actix_web::test]
async fn the_system_tells_how_it_is() {
    let bench = Bench::new().await;
    bench.sample.growing("Film").await;
    let status = bench.get("/api/system/status").await.json();
    assert!(status["memory_bytes"].as_u64().unwrap() > 0 && status["disk"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!((&status["counts"]["processing"], &status["jobs"][0]["title"]), (&1.into(), &"Film".into()));
    assert_eq!((&status["jobs"][0]["kind"], &status["jobs"][0]["state"]), (&"ingest".into(), &"running".into()));
    assert!(status["spool"]["packs_bytes"].as_u64().unwrap() > 2_000_000, "{status}");
    let stats = bench.get("/api/system/cache/stats").await.json();
    assert_eq!((&stats["hits"], &stats["hit_rate"]), (&0.into(), &Value::from(0.0)));
    assert_eq!(bench.send(Method::POST, "/api/system/cache/clear").await.status, 204);
    assert_eq!(bench.get("/readyz").await.status, 200);
    bench.sample.shutdown.begin();
    assert_eq!(bench.get("/readyz").await.status, 503);
}

#[actix_web::test]
async fn a_listener_hears_what_changes_until_the_program_ends() {
    let bench = Bench::new().await;
    let id = bench.sample.arrived("Film").await;
    let app = init_service(bench.site.app()).await;
    let request = TestRequest::get().uri("/api/events").insert_header(("host", "localhost"));
    let response = call_service(&app, request.peer_addr("127.0.0.1:9".parse().unwrap()).to_request()).await;
    assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
    bench.send(Method::DELETE, &format!("/api/videos/{id}")).await;
    let mut body = response.into_body().boxed();
    let mut text = String::new();
    while let Some(bytes) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        if text.contains("event: ") {
            bench.sample.shutdown.begin();
        }
    }
    assert!(text.contains("event: video\ndata: {\"type\":\"video\"") && text.contains("\"deleted\""), "{text}");
}
