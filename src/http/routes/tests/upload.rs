//! Films coming in, and what pretends to be one.

use super::{Answer, Bench, LIMIT, TOKEN};
use crate::media::id::UploadId;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

const BOUNDARY: &str = "a boundary";

/// A part of a form.
fn part(head: &str, body: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
}

fn file(body: &str) -> String {
    part("name=\"file\"; filename=\"The.Film.2019.1080p.mkv\"", body)
}

fn form(uri: &str, parts: &[String]) -> TestRequest {
    let body = format!("{}--{BOUNDARY}--\r\n", parts.concat());
    let kind = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    TestRequest::post().uri(uri).insert_header(("content-type", kind)).set_payload(body)
}

async fn title_of(bench: &Bench, accepted: &Answer) -> Value {
    let id = accepted.json()["video_id"].as_str().unwrap().to_owned();
    bench.get(&format!("/api/videos/{id}")).await.json()["title"].clone()
}

/// Nothing is on the disk and nothing in the records.
async fn assert_nothing_is_left(bench: &Bench) {
    let wait = async {
        while bench.sample.files() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.expect("the spool is not empty");
    assert_eq!(bench.get("/api/videos").await.json()["total"], 0);
    assert_eq!(bench.sample.spool.usage().uploads_bytes, 0);
}

#[actix_web::test]
async fn a_film_becomes_a_video_that_waits_to_be_prepared() {
    let bench = Bench::new().await;
    let id = UploadId::fresh();
    let request = form("/api/upload", &[file("bytes")]).insert_header(("upload-id", id.to_string()));
    let answer = bench.ask(request).await;
    let accepted = answer.json();
    assert_eq!((answer.status, &accepted["status"], &accepted["upload_id"]), (202, &json!("received"), &json!(id)));
    assert_eq!(title_of(&bench, &answer).await, "The Film (2019)");
    assert_eq!(std::fs::read(bench.sample.spool.upload_path(id)).unwrap(), b"bytes");
    let progress = bench.get(&format!("/api/upload/{id}/progress")).await.json();
    assert_eq!((&progress["state"], &progress["bytes_received"]), (&json!("received"), &json!(5)));
    assert_eq!(progress["video_id"], accepted["video_id"]);
    let unknown = bench.get(&format!("/api/upload/{}/progress", UploadId::fresh())).await;
    assert_eq!(unknown.code(), "not_found");
}

#[actix_web::test]
async fn fields_come_in_any_order_and_unknown_ones_are_read_over() {
    let bench = Bench::new().await;
    let (title, other) = (part("name=\"title\"", "A title"), part("name=\"other\"", "x"));
    for (number, parts) in [
        vec![title.clone(), other.clone(), file("one")],
        vec![file("two"), title],
        vec![other, file("three"), part("name=\"title\"", " \u{202e} ")],
    ]
    .iter()
    .enumerate()
    {
        let answer = bench.ask(form("/api/upload", parts)).await;
        let expected = if number < 2 { "A title" } else { "The Film (2019)" };
        assert_eq!(title_of(&bench, &answer).await, expected);
    }
}

#[actix_web::test]
async fn the_same_file_is_recognised_unless_it_is_wanted_twice() {
    let bench = Bench::new().await;
    let first = bench.ask(form("/api/upload", &[file("bytes")])).await;
    let second = bench.ask(form("/api/upload", &[file("bytes")])).await;
    assert_eq!((second.status, second.code().as_str()), (409, "already_in_library"));
    assert_eq!(second.json()["video_id"], first.json()["video_id"]);
    assert_eq!(bench.ask(form("/api/upload?again=true", &[file("bytes")])).await.status, 202);
}

#[actix_web::test]
async fn a_form_that_is_none_is_refused_and_leaves_nothing() {
    let bench = Bench::new().await;
    let long_header = part(&format!("name=\"file\"; filename=\"{}\"", "x".repeat(100_000)), "bytes");
    let many: Vec<String> = (0..10_000).map(|number| part(&format!("name=\"{number}\""), "")).collect();
    for (what, parts) in [
        ("no file", vec![part("name=\"title\"", "A title")]),
        ("nothing", vec![]),
        ("two files", vec![file("one"), file("two")]),
        ("a long title", vec![file("one"), part("name=\"title\"", &"x".repeat(1025))]),
        ("an endless header", vec![long_header]),
        ("many parts", many),
        ("many parts after the file", [vec![file("one")], vec![part("name=\"x\"", ""); 20]].concat()),
    ] {
        let answer = bench.ask(form("/api/upload", &parts)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{what}");
    }
    let kind = ("content-type", "multipart/form-data");
    let unbound = TestRequest::post().uri("/api/upload").insert_header(kind).set_payload(file("bytes"));
    assert_eq!(bench.ask(unbound).await.code(), "bad_request");
    let plain = TestRequest::post().uri("/api/upload").insert_header(("content-type", "video/mp4")).set_payload("x");
    assert_eq!(bench.ask(plain).await.code(), "unsupported_media");
    assert_nothing_is_left(&bench).await;
}

#[actix_web::test]
async fn a_form_may_have_twenty_parts_and_not_one_more() {
    let bench = Bench::new().await;
    for (others, status) in [(19, 202), (20, 400)] {
        let parts = [vec![part("name=\"x\"", ""); others], vec![file("bytes")]].concat();
        assert_eq!(bench.ask(form("/api/upload?again=true", &parts)).await.status, status, "{others} and the file");
    }
}

#[actix_web::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let bench = Bench::new().await;
    let kind = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    let request = TestRequest::post().uri("/api/upload").insert_header(("content-type", kind));
    let id = UploadId::fresh();
    let torn = file(&"x".repeat(50_000))[..40_000].to_owned();
    let answer = bench.ask(request.insert_header(("upload-id", id.to_string())).set_payload(torn)).await;
    assert_eq!(answer.code(), "bad_request");
    assert_nothing_is_left(&bench).await;
    // Its record goes a moment after its bytes.
    while bench.get(&format!("/api/upload/{id}/progress")).await.status != 404 {}
    let again = form("/api/upload", &[file("bytes")]).insert_header(("upload-id", id.to_string()));
    assert_eq!(bench.ask(again).await.status, 202, "its name is free again");
}

#[actix_web::test]
async fn too_long_is_said_at_once_or_as_soon_as_it_is_known() {
    let bench = Bench::new().await;
    let announced = form("/api/upload", &[]).insert_header(("content-length", "99999999999"));
    let answer = bench.ask(announced).await;
    assert_eq!((answer.status, &answer.json()["limit"]), (413, &json!(LIMIT)));
    let long = "x".repeat(usize::try_from(LIMIT).unwrap() + 1);
    let answer = bench.ask(form("/api/upload", &[file(&long)])).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert_nothing_is_left(&bench).await;
    assert_eq!(bench.ask(form("/api/upload", &[file(&long[1..])])).await.status, 202, "the limit itself is allowed");
}

#[actix_web::test]
async fn an_upload_has_a_name_of_its_own() {
    let bench = Bench::new().await;
    let named = |name: &str| form("/api/upload?again=true", &[file("bytes")]).insert_header(("upload-id", name));
    let id = UploadId::fresh().to_string();
    assert_eq!(bench.ask(named(&id)).await.status, 202);
    assert_eq!(bench.ask(named(&id)).await.code(), "conflict");
    for wrong in ["", "7", "../../x", &id.replace('-', "")] {
        assert_eq!(bench.ask(named(wrong)).await.code(), "bad_request", "{wrong}");
    }
}

#[actix_web::test]
async fn names_of_files_are_never_paths() {
    let bench = Bench::new().await;
    for name in ["../../etc/passwd", "-i.mp4", "a%03d.ts", "$(id).mp4", "concat:a|b.mp4", "\u{202e}4pm.exe", ""] {
        let part = part(&format!("name=\"file\"; filename=\"{name}\""), name);
        let answer = bench.ask(form("/api/upload?again=true", &[part])).await;
        assert_eq!(answer.status, 202, "{name}");
        let id: UploadId = answer.json()["upload_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(std::fs::read(bench.sample.spool.upload_path(id)).unwrap(), name.as_bytes());
    }
}

#[actix_web::test]
async fn a_file_of_this_machine_is_taken_from_those_who_know_the_token() {
    let bench = Bench::new().await;
    let path = bench.sample.folder.path().join("Film.mkv");
    std::fs::write(&path, "bytes").unwrap();
    let order = |path: &str| TestRequest::post().uri("/api/imports").set_json(json!({"path": path}));
    let known = |path: &str| order(path).insert_header(("authorization", format!("Bearer {TOKEN}")));
    let path = path.to_str().unwrap();
    assert_eq!(bench.ask(order(path)).await.code(), "unauthorized");
    let accepted = bench.ask(known(path)).await;
    assert_eq!(accepted.status, 202);
    assert_eq!(title_of(&bench, &accepted).await, "Film");
    assert_eq!(bench.ask(known(path)).await.code(), "already_in_library");
    for wrong in ["Film.mkv", "/nowhere", "/dev/zero", "/"] {
        assert_eq!(bench.ask(known(wrong)).await.code(), "unprocessable", "{wrong}");
    }
}

#[actix_web::test]
async fn a_server_knows_its_own_token_and_no_other() {
    let bench = Bench::new().await;
    let asked = |token: &str| TestRequest::get().uri("/api/imports").insert_header(("authorization", token.to_owned()));
    assert_eq!(bench.ask(asked(&format!("Bearer {TOKEN}"))).await.status, 204);
    assert_eq!(bench.ask(asked("Bearer another")).await.code(), "unauthorized");
    assert_eq!(bench.get("/api/imports").await.code(), "unauthorized");
}

#[actix_web::test]
async fn an_upload_is_followed_to_its_end() {
    let bench = Bench::new().await;
    let id = UploadId::fresh();
    let request = form("/api/upload", &[file("bytes")]).insert_header(("upload-id", id.to_string()));
    let video = bench.ask(request).await.json()["video_id"].as_str().unwrap().to_owned();
    let asked = TestRequest::get().uri(&format!("/api/upload/{id}/progress"));
    let following = bench.ask(asked.insert_header(("accept", "text/event-stream")));
    let cancel = format!("/api/videos/{video}/cancel");
    let stopping = bench.send(Method::POST, &cancel);
    let (heard, _) = tokio::join!(following, stopping);
    let text = String::from_utf8(heard.body.to_vec()).unwrap();
    assert!(text.contains("event: progress\ndata: {") && text.contains("\"failed\""), "{text}");
}
