//! Films coming in by tus 1.0, as far as it needs no second connection.

use super::{Answer, Bench, LIMIT};
use crate::media::id::UploadId;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// base64 of `The.Film.2019.1080p.mkv`.
const NAMED: (&str, &str) = ("upload-metadata", "filename VGhlLkZpbG0uMjAxOS4xMDgwcC5ta3Y=");

fn tus(method: Method, uri: &str) -> TestRequest {
    TestRequest::default().method(method).uri(uri).insert_header(("tus-resumable", "1.0.0"))
}

fn creation(fields: &[(&str, &str)]) -> TestRequest {
    fields.iter().fold(tus(Method::POST, "/api/uploads"), |request, field| request.insert_header(*field))
}

fn piece(place: &str, at: usize, bytes: &str) -> TestRequest {
    let kind = ("content-type", "application/offset+octet-stream");
    let request = tus(Method::PATCH, place).insert_header(kind).insert_header(("upload-offset", at.to_string()));
    request.insert_header(("content-length", bytes.len().to_string())).set_payload(bytes.to_owned())
}

/// The address of a fresh upload.
async fn begun(bench: &Bench, fields: &[(&str, &str)]) -> String {
    let answer = bench.ask(creation(fields)).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.header("location").to_owned()
}

async fn sent(bench: &Bench, place: &str, at: usize, bytes: &str) -> Answer {
    bench.ask(piece(place, at, bytes)).await
}

async fn told(bench: &Bench, place: &str) -> Answer {
    bench.ask(tus(Method::HEAD, place)).await
}

/// What `/api/upload/{id}/progress` says of it.
async fn progress(bench: &Bench, place: &str) -> serde_json::Value {
    bench.get(&format!("/api/upload/{}/progress", place.rsplit('/').next().unwrap())).await.json()
}

#[actix_web::test]
async fn an_upload_in_pieces_becomes_the_same_film_as_one_in_a_form() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-length", "9"), NAMED]).await;
    assert!(place.starts_with("/api/uploads/"), "{place}: no host, so it is right behind every proxy");
    let first = sent(&bench, &place, 0, "some ").await;
    assert_eq!((first.status, first.header("upload-offset")), (204, "5"));
    assert_eq!(first.header("upload-expires"), "Thu, 01 Jan 1970 00:17:40 GMT");
    let head = told(&bench, &place).await;
    assert_eq!((head.status, head.header("upload-offset"), head.header("upload-length")), (200, "5", "9"));
    assert_eq!((head.header("upload-metadata"), head.header("cache-control")), (NAMED.1, "no-store"));
    assert_eq!(progress(&bench, &place).await["bytes_received"], 5);

    let last = sent(&bench, &place, 5, "byte").await;

    assert_eq!((last.status, last.header("upload-offset"), last.header("upload-expires")), (204, "9", ""));
    let became = progress(&bench, &place).await;
    assert_eq!((&became["state"], &became["already_in_library"]), (&json!("received"), &json!(false)));
    let video = bench.get(&format!("/api/videos/{}", became["video_id"].as_str().unwrap())).await.json();
    assert_eq!(video["title"], "The Film (2019)");
    let id: UploadId = place.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(std::fs::read(bench.sample.spool.upload_path(id)).unwrap(), b"some byte");
    assert_eq!(told(&bench, &place).await.header("upload-offset"), "9", "who lost the answer asks again");
    let hash = crate::media::extent::Hash(*blake3::hash(b"some byte").as_bytes());
    assert!(bench.sample.catalog.video_of_bytes(hash).await.unwrap().is_some(), "it is hashed as one");
}

#[actix_web::test]
async fn bytes_that_are_known_are_told_and_leave_nothing() {
    let bench = Bench::new().await;
    let first = begun(&bench, &[("upload-length", "0")]).await;
    let second = begun(&bench, &[("upload-length", "0")]).await;
    let (one, other) = (progress(&bench, &first).await, progress(&bench, &second).await);
    assert_eq!((&other["already_in_library"], &other["video_id"]), (&json!(true), &one["video_id"]));
    assert_eq!(bench.sample.files(), 1);
    let again = bench.ask(tus(Method::POST, "/api/uploads?again=true").insert_header(("upload-length", "0"))).await;
    let third = progress(&bench, again.header("location")).await;
    assert_ne!(third["video_id"], one["video_id"]);
}

#[actix_web::test]
async fn the_first_bytes_may_come_along_and_the_length_later() {
    let bench = Bench::new().await;
    let bytes = ("content-type", "application/offset+octet-stream");
    let answer = bench.ask(creation(&[("upload-defer-length", "1"), bytes]).set_payload("some ")).await;
    assert_eq!((answer.status, answer.header("upload-offset")), (201, "5"));
    let place = answer.header("location").to_owned();
    let head = told(&bench, &place).await;
    assert_eq!((head.header("upload-defer-length"), head.header("upload-length")), ("1", ""));
    for wrong in ["4", "1000001"] {
        let refused = bench.ask(piece(&place, 5, "").insert_header(("upload-length", wrong))).await;
        assert!([400, 413].contains(&refused.status), "{wrong}: {}", refused.status);
    }
    assert_eq!(bench.ask(piece(&place, 5, "by").insert_header(("upload-length", "9"))).await.status, 204);
    assert_eq!(bench.ask(piece(&place, 7, "").insert_header(("upload-length", "8"))).await.code(), "bad_request");
    assert_eq!(sent(&bench, &place, 7, "te").await.header("upload-offset"), "9");
    assert_eq!(progress(&bench, &place).await["state"], "received");
}

#[actix_web::test]
async fn a_piece_that_does_not_fit_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-length", "9")]).await;
    sent(&bench, &place, 0, "some ").await;
    for at in [0, 4, 6, 9] {
        assert_eq!(sent(&bench, &place, at, "byte").await.code(), "conflict", "{at}");
    }
    let long = sent(&bench, &place, 5, "bytes").await;
    assert_eq!((long.code().as_str(), &long.json()["limit"]), ("too_large", &json!(4)));
    let kind = ("content-type", "application/offset+octet-stream");
    let hidden = tus(Method::PATCH, &place).insert_header(kind).insert_header(("upload-offset", "5"));
    assert_eq!(bench.ask(hidden.set_payload("bytes")).await.code(), "too_large", "nor when its length is hidden");
    let plain = piece(&place, 5, "byte").insert_header(("content-type", "video/mp4"));
    assert_eq!(bench.ask(plain).await.code(), "unsupported_media");
    let unspoken = piece(&place, 5, "byte").insert_header(("tus-resumable", "0.2.2"));
    let unspoken = bench.ask(unspoken).await;
    assert_eq!((unspoken.status, unspoken.header("tus-version")), (412, "1.0.0"));
    assert_eq!(unspoken.code(), "wrong_version");
    assert_eq!(told(&bench, &place).await.header("upload-offset"), "5");
    let nowhere = format!("/api/uploads/{}", UploadId::fresh());
    assert_eq!((sent(&bench, &nowhere, 0, "x").await.status, told(&bench, &nowhere).await.status), (404, 404));
    assert_eq!(sent(&bench, &place, 5, "byte").await.status, 204);
    assert_eq!(sent(&bench, &place, 9, "").await.code(), "conflict", "it is complete");
}

#[actix_web::test]
async fn a_wrong_checksum_lets_go_what_came_with_it() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-length", "9")]).await;
    sent(&bench, &place, 0, "some ").await;
    let sum = |bytes: &str| {
        use sha2::Digest as _;
        format!("sha256 {}", STANDARD.encode(sha2::Sha256::digest(bytes)))
    };
    let wrong = bench.ask(piece(&place, 5, "bite").insert_header(("upload-checksum", sum("byte")))).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (460, "checksum_mismatch"));
    assert_eq!(told(&bench, &place).await.header("upload-offset"), "5");
    let unknown = piece(&place, 5, "byte").insert_header(("upload-checksum", "crc32 AAAAAA=="));
    assert_eq!(bench.ask(unknown).await.code(), "bad_request");
    let right = bench.ask(piece(&place, 5, "byte").insert_header(("upload-checksum", sum("byte")))).await;
    assert_eq!((right.status, right.header("upload-offset")), (204, "9"));
    let id: UploadId = place.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(std::fs::read(bench.sample.spool.upload_path(id)).unwrap(), b"some byte");
}

#[actix_web::test]
async fn parts_are_joined_in_their_order() {
    let bench = Bench::new().await;
    let part = [("upload-concat", "partial"), ("upload-length", "5")];
    let (one, two) = (begun(&bench, &part).await, begun(&bench, &part).await);
    let concat = format!("final;{two} http://localhost:5050{one}");
    let join = [("upload-concat", concat.as_str()), NAMED];
    sent(&bench, &one, 0, "bytes").await;
    assert_eq!(bench.ask(creation(&join)).await.code(), "unprocessable", "a part is not complete");
    sent(&bench, &two, 0, "some ").await;
    assert_eq!(told(&bench, &one).await.header("upload-concat"), "partial");
    let twice = format!("final;{one} {one}");
    assert_eq!(bench.ask(creation(&[("upload-concat", &twice)])).await.code(), "unprocessable");

    let whole = begun(&bench, &join).await;

    let head = told(&bench, &whole).await;
    assert_eq!((head.header("upload-concat"), head.header("upload-offset")), (concat.as_str(), "10"));
    let id: UploadId = whole.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(std::fs::read(bench.sample.spool.upload_path(id)).unwrap(), b"some bytes");
    assert_eq!((told(&bench, &one).await.status, bench.sample.files()), (404, 1), "its parts are gone");
    assert_eq!(sent(&bench, &whole, 10, "").await.code(), "forbidden");
    assert_eq!(bench.ask(tus(Method::DELETE, &whole)).await.code(), "conflict", "it is a film now");
    assert_eq!(begun(&bench, &join).await, whole, "who lost the answer asks again");
    let other = format!("final;{one} {two}");
    assert_eq!(bench.ask(creation(&[("upload-concat", &other)])).await.code(), "unprocessable", "in another order");
}

#[actix_web::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-length", "9")]).await;
    sent(&bench, &place, 0, "some ").await;
    assert_eq!(bench.sample.spool.usage().uploads_bytes, 9, "its room is kept");
    let refused = bench.ask(TestRequest::delete().uri(&place)).await;
    assert_eq!(refused.code(), "wrong_version");
    assert_eq!(bench.ask(tus(Method::DELETE, &place)).await.status, 204);
    assert_eq!((told(&bench, &place).await.status, bench.sample.files()), (404, 0));
    assert_eq!(bench.sample.spool.usage().uploads_bytes, 0);
    let film = begun(&bench, &[("upload-length", "0")]).await;
    assert_eq!(bench.ask(tus(Method::DELETE, &film)).await.code(), "conflict", "it is a film now");
}

#[actix_web::test]
async fn who_asks_while_the_server_ends_is_told_to_wait_and_not_to_begin_anew() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-length", "9")]).await;
    sent(&bench, &place, 0, "some ").await;
    bench.sample.shutdown.begin();
    assert_eq!(told(&bench, &place).await.status, 423);
    assert_eq!(sent(&bench, &place, 5, "byte").await.status, 503);
}

#[actix_web::test]
async fn what_is_too_long_too_much_or_too_many_is_refused_at_once() {
    let bench = Bench::new().await;
    let long = bench.ask(creation(&[("upload-length", &(LIMIT + 1).to_string())])).await;
    assert_eq!((long.status, &long.json()["limit"]), (413, &json!(LIMIT)));
    let endless = begun(&bench, &[("upload-defer-length", "1")]).await;
    let len = usize::try_from(LIMIT).unwrap() + 1;
    assert_eq!(sent(&bench, &endless, 0, &"x".repeat(len)).await.code(), "too_large");
    // The spool gives uploads 48 MiB: one film of a megabyte after the other finds room until then.
    let film = LIMIT.to_string();
    let mut begun = 0;
    let full = loop {
        let answer = bench.ask(creation(&[("upload-length", &film)])).await;
        if answer.status != 201 {
            break answer;
        }
        begun += 1;
    };
    assert_eq!((begun, full.code().as_str()), (50, "insufficient_storage"));
    for _ in 0..49 {
        assert_eq!(bench.ask(creation(&[("upload-defer-length", "1")])).await.status, 201);
    }
    let many = bench.ask(creation(&[("upload-defer-length", "1")])).await;
    assert_eq!((many.status, many.code().as_str()), (429, "limit_reached"));
    assert!(many.json()["detail"].as_str().unwrap().contains("100 unfinished uploads"), "{:?}", many.body);
}

#[actix_web::test]
async fn the_server_says_what_it_can_and_a_post_may_stand_for_another_method() {
    let bench = Bench::new().await;
    let options = bench.send(Method::OPTIONS, "/api/uploads").await;
    assert_eq!(
        (options.status, options.header("tus-version"), options.header("tus-resumable")),
        (204, "1.0.0", "1.0.0")
    );
    assert_eq!(options.header("tus-max-size"), LIMIT.to_string());
    assert_eq!(options.header("tus-checksum-algorithm"), "sha1,sha256,md5");
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
        "concatenation",
    ] {
        assert!(options.header("tus-extension").split(',').any(|known| known == extension), "{extension}");
    }
    let place = begun(&bench, &[("upload-length", "9")]).await;
    let as_post = |request: TestRequest, meant: &str| {
        request.method(Method::POST).insert_header(("x-http-method-override", meant.to_owned()))
    };
    assert_eq!(bench.ask(as_post(piece(&place, 0, "some "), "PATCH")).await.header("upload-offset"), "5");
    assert_eq!(bench.ask(as_post(tus(Method::POST, &place), "HEAD")).await.header("upload-offset"), "5");
    for wrong in ["", "PUT", "patch", "POST"] {
        assert_eq!(bench.ask(as_post(tus(Method::POST, &place), wrong)).await.code(), "bad_request", "{wrong}");
    }
    assert_eq!(bench.ask(tus(Method::POST, &place)).await.code(), "bad_request");
    assert_eq!(bench.ask(as_post(tus(Method::POST, &place), "DELETE")).await.status, 204);
    let stranger = creation(&[("upload-length", "9"), ("origin", "https://evil.example")]);
    assert_eq!(bench.ask(stranger).await.code(), "forbidden");
}

#[actix_web::test]
async fn no_header_however_odd_is_a_fault_of_the_server() {
    let bench = Bench::new().await;
    let place = begun(&bench, &[("upload-defer-length", "1")]).await;
    let long = "9".repeat(5_000);
    let odd = [
        "",
        " ",
        "0",
        "-1",
        "+1",
        "1e3",
        "1.0",
        "0x10",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        &long,
        ",",
        ",,",
        "final;",
        "final;;",
        "final;/api/uploads/../../etc/passwd",
        "partial;",
        "sha1",
        "sha1 =",
        "md5 AAAA====",
        "a b c",
        "filename Li4vLi4vZXRjL3Bhc3N3ZA==",
        "filename AA==",
        "title AAAA,title",
        "\u{1}",
        "ü",
        "1, 1",
        "%00",
        "' OR 1=1 --",
    ];
    let names = [
        "upload-length",
        "upload-offset",
        "upload-defer-length",
        "upload-metadata",
        "upload-concat",
        "upload-checksum",
        "tus-resumable",
        "x-http-method-override",
        "content-type",
        "upload-expires",
    ];
    for name in names {
        for value in odd.iter().filter(|value| actix_web::http::header::HeaderValue::from_str(value).is_ok()) {
            for request in [
                creation(&[("upload-length", "5")]),
                creation(&[("upload-concat", "partial")]),
                piece(&place, 0, "x"),
                piece(&place, 0, "x").method(Method::POST),
                tus(Method::HEAD, &place),
            ] {
                let answer = bench.ask(request.insert_header((name, *value))).await;
                assert!(answer.status < 500 || answer.status == 507, "{name}: {value}: {}", answer.status);
                if answer.status == 201 {
                    bench.ask(tus(Method::DELETE, answer.header("location"))).await;
                }
            }
        }
    }
    for path in ["..%2f..%2fetc", "%00", "x", "0198c0de", "0198C0DE-0000-7000-8000-000000000000/.."] {
        for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
            let answer = bench.ask(tus(method, &format!("/api/uploads/{path}"))).await;
            assert!([400, 404, 415].contains(&answer.status), "{path}: {}", answer.status);
        }
    }
}
