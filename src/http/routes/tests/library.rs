//! The library over the API.

use super::Bench;
use crate::media::id::VideoId;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

async fn titles(bench: &Bench, query: &str) -> Vec<String> {
    let page = bench.get(&format!("/api/videos?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {:?}", page.body);
    let page = page.json();
    page["videos"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_film_is_shown_with_everything_known_of_it() {
    let bench = Bench::new().await;
    let id = bench.sample.film("Film").await;
    let video = bench.get(&format!("/api/videos/{id}")).await.json();
    let mut expected = json!({
        "id": id, "title": "Film", "description": "", "state": "ready", "stage": null, "fraction": 1.0,
        "eta_seconds": null, "playable": true, "protected": true, "error": null, "duration_seconds": 4.0,
        "width": 640, "height": 360, "bytes": 4, "created_at": "1970-01-01T00:16:40Z", "trashed_at": null,
        "master_url": format!("/hls/{id}/master.m3u8"), "poster_url": video["poster_url"],
        "left_out": [], "chapters": [], "thumbnails_url": null,
        "tracks": [
            {"name": "v0", "kind": "video", "method": "copied", "why": "players take it as it is",
             "codecs": "avc1.640028", "width": 640, "height": 360, "frame_rate": 25.0, "bandwidth": 2_500_000,
             "average_bandwidth": 2_400_000, "language": null, "label": null, "channels": null, "forced": false, "added": false},
            {"name": "a0", "kind": "audio", "method": "copied", "why": "players take it as it is",
             "codecs": "mp4a.40.2", "width": null, "height": null, "frame_rate": null, "bandwidth": 2_500_000,
             "average_bandwidth": 2_400_000, "language": "de", "label": null, "channels": 2, "forced": false, "added": false},
        ],
    });
    let nothings = ["chapters_url", "download", "growing_url", "refinement"].map(|name| (name, Value::Null));
    for (name, nothing) in [("waiting", json!([])), ("planned", json!([]))].into_iter().chain(nothings) {
        expected[name] = nothing;
    }
    expected["mp3_url"] = Value::Null;
    assert_eq!(video, expected);
    let poster = video["poster_url"].as_str().unwrap();
    assert!(poster.starts_with(&format!("/media/{id}/poster.jpg?v=b")), "{poster}");
    let status = bench.get(&format!("/api/videos/{id}/status")).await.json();
    let expected = json!({"video_id": id, "state": "ready", "stage": null, "fraction": 1.0, "eta_seconds": null,
                          "playable": true, "protected": true, "error": null});
    assert_eq!(status, expected);
}

#[actix_web::test]
async fn pages_follow_each_other_without_gaps_in_every_order() {
    let bench = Bench::new().await;
    for title in ["b", "A", "c", "a", "B"] {
        bench.sample.arrived(title).await;
    }
    for (sort, expected) in [
        ("newest", ["B", "a", "c", "A", "b"]),
        ("oldest", ["b", "A", "c", "a", "B"]),
        ("title", ["A", "a", "b", "B", "c"]),
        ("longest", ["B", "a", "c", "A", "b"]),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = bench.get(&format!("/api/videos?sort={sort}&limit=2{cursor}")).await.json();
            assert_eq!(page["total"], 5);
            seen.extend(page["videos"].as_array().unwrap().iter().map(|video| video["title"].clone()));
            let Value::String(next) = &page["next_cursor"] else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected, "{sort}");
    }
}

#[actix_web::test]
async fn a_search_takes_whatever_people_type() {
    let bench = Bench::new().await;
    for title in ["A hundred percent", "Near and far", "Überfahrt"] {
        bench.sample.arrived(title).await;
    }
    assert_eq!(titles(&bench, "q=hund").await, ["A hundred percent"]);
    assert_eq!(titles(&bench, "q=uber").await, ["Überfahrt"]);
    assert_eq!(titles(&bench, "q=NEAR(").await, ["Near and far"]);
    assert_eq!(titles(&bench, "q=far+AND+near").await, ["Near and far"]);
    for odd in ["%25", "_", "%22", "%27%3B+drop+table+videos%3B--", "*", "%00", "%F0%9F%8E%AC", "a%22+OR+%22b"] {
        titles(&bench, &format!("q={odd}")).await;
    }
    assert_eq!(titles(&bench, "").await.len(), 3);
}

#[actix_web::test]
async fn a_wrong_question_is_told_so() {
    let bench = Bench::new().await;
    let long = format!("q={}", "x".repeat(201));
    for query in ["sort=sideways", "limit=many", "limit=-1", "cursor=zz", "cursor=7b7d", "trash=maybe", &long] {
        assert_eq!(bench.get(&format!("/api/videos?{query}")).await.code(), "bad_request", "{query}");
    }
    for limit in ["0", "4294967295"] {
        titles(&bench, &format!("limit={limit}")).await;
    }
}

#[actix_web::test]
async fn a_film_is_renamed_and_an_empty_name_refused() {
    let bench = Bench::new().await;
    let id = bench.sample.arrived("Film").await;
    let change = |body: Value| TestRequest::patch().uri(&format!("/api/videos/{id}")).set_json(body);
    let video = bench.ask(change(json!({"title": "<script>"}))).await;
    assert_eq!((video.status, &video.json()["title"]), (200, &json!("<script>")));
    assert_eq!(video.header("content-type"), "application/json");
    for (body, status) in [(json!({"title": " "}), 422), (json!({"titel": "x"}), 400), (json!({"title": 1}), 400)] {
        assert_eq!(bench.ask(change(body.clone())).await.status, status, "{body}");
    }
    let deep = TestRequest::patch().uri(&format!("/api/videos/{id}"));
    let deep = deep.insert_header(("content-type", "application/json")).set_payload("[".repeat(60_000));
    assert_eq!(bench.ask(deep).await.code(), "bad_request");
}

#[actix_web::test]
async fn a_film_goes_to_the_trash_and_back() {
    let bench = Bench::new().await;
    let id = bench.sample.film("Film").await;
    let path = format!("/api/videos/{id}");
    assert_eq!(bench.send(Method::DELETE, &path).await.status, 204);
    assert_eq!(bench.get(&path).await.code(), "not_found");
    assert_eq!(titles(&bench, "").await, [""; 0]);
    let trash = bench.get("/api/videos?trash=true").await.json();
    assert_eq!(trash["videos"][0]["trashed_at"], "1970-01-01T00:16:40Z");
    assert_eq!(bench.send(Method::POST, &format!("{path}/restore")).await.json()["state"], "ready");
    assert_eq!(bench.send(Method::DELETE, &format!("{path}?now=true")).await.status, 204);
    assert_eq!(bench.send(Method::DELETE, &format!("/api/videos/{}", VideoId::fresh())).await.status, 404);
}

#[actix_web::test]
async fn a_stopped_film_says_so_and_is_tried_again() {
    let bench = Bench::new().await;
    let id = bench.sample.arrived("Film").await;
    let path = format!("/api/videos/{id}");
    assert_eq!(bench.get(&format!("{path}/status")).await.json()["stage"], "queued");
    assert_eq!(bench.send(Method::POST, &format!("{path}/retry")).await.code(), "conflict");
    assert_eq!(bench.send(Method::POST, &format!("{path}/cancel")).await.json()["stage"], "cancelled");
    assert_eq!(bench.send(Method::POST, &format!("{path}/cancel")).await.code(), "conflict");
    let again = bench.send(Method::POST, &format!("{path}/retry")).await;
    assert_eq!((again.status, &again.json()["state"]), (202, &json!("received")));
}
