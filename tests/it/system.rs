//! What the owner sees of the server: status, cache, metrics, events and the description of the API.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::upload::Sending;
use crate::harness::wait::until;
use reqwest::{Method, StatusCode};
use serde_json::Value;

#[tokio::test]
async fn the_status_counts_what_there_is() {
    let world = World::start().await;
    let empty = world.json("/api/system/status").await;
    assert_eq!(empty["counts"]["videos"], 0, "{empty}");
    world.published(&clip::h264_aac(16)).await;
    let status = world.json("/api/system/status").await;
    assert_eq!(status["counts"]["ready"], 1, "{status}");
    assert!(status["counts"]["bytes"].as_u64() > Some(0), "{status}");
    assert!(status["disk"]["free_bytes"].as_u64() > Some(0), "{status}");
    assert!(status["version"].as_str().is_some_and(|version| !version.is_empty()), "{status}");
    world.an_encoder_works().await;
}

#[tokio::test]
async fn the_cache_fills_by_playing_and_empties_when_told() {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status().as_u16() / 100, 2);
    let count = |stats: &Value, name: &str| stats[name].as_u64().unwrap_or_else(|| panic!("no {name} in {stats}"));
    let before = world.json("/api/system/cache/stats").await;
    world.player(&video).pictures().await;
    let first = world.json("/api/system/cache/stats").await;
    assert!(count(&first, "misses") > count(&before, "misses"), "{before} then {first}");
    world.player(&video).pictures().await;
    let second = world.json("/api/system/cache/stats").await;
    assert_eq!(count(&second, "misses"), count(&first, "misses"), "the second time everything is near");
    assert!(count(&second, "hits") > count(&first, "hits"), "{first} then {second}");
    world.send(Method::POST, "/api/system/cache/clear").await;
    world.player(&video).pictures().await;
    let third = world.json("/api/system/cache/stats").await;
    assert!(count(&third, "misses") > count(&second, "misses"), "{second} then {third}");
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let world = World::start().await;
    world.published(&clip::h264_aac(4)).await;
    let text = world.get("/metrics").await.text().await.unwrap();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(!samples.is_empty());
    for sample in samples {
        let value = sample.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {sample}")).1;
        assert!(value.parse::<f64>().is_ok(), "{sample}");
        assert!(sample.starts_with("telecine_"), "{sample}");
    }
}

#[tokio::test]
async fn a_new_video_is_told_to_whoever_listens() {
    let world = World::start().await;
    let mut events = world.events("/api/events").await;
    let video = world.accepted(&Sending::of(&clip::h264_aac(4))).await.video;
    let event = events.find(|event| event.name == "video" && event.data["video_id"] == video.as_str()).await;
    assert_eq!(event.name, "video");
}

#[tokio::test]
async fn health_is_told_plainly() {
    let world = World::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.get(path).await.status(), 200, "{path}");
        assert_eq!(world.send(Method::HEAD, path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_description_of_the_api_names_every_route() {
    let world = World::start().await;
    let described = world.json("/api/openapi.json").await;
    let paths = described["paths"].as_object().unwrap();
    for (path, method) in [
        ("/api/upload", "post"),
        ("/api/upload/{upload_id}/progress", "get"),
        ("/api/uploads", "post"),
        ("/api/uploads/{id}", "patch"),
        ("/api/videos", "get"),
        ("/api/videos/{id}", "get"),
        ("/api/videos/{id}", "patch"),
        ("/api/videos/{id}", "delete"),
        ("/api/videos/{id}/status", "get"),
        ("/api/videos/{id}/restore", "post"),
        ("/api/videos/{id}/retry", "post"),
        ("/api/videos/{id}/cancel", "post"),
        ("/api/system/status", "get"),
        ("/api/system/cache/stats", "get"),
        ("/api/system/cache/clear", "post"),
        ("/api/events", "get"),
    ] {
        assert!(names(paths, path, method), "{method} {path} is not described");
    }
}

/// Whether the description names the route, whatever it calls its parameters.
fn names(paths: &serde_json::Map<String, Value>, path: &str, method: &str) -> bool {
    let shape = |path: &str| -> Vec<String> {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.map(str::to_owned).collect()
    };
    paths.iter().any(|(known, methods)| shape(known) == shape(path) && methods.get(method).is_some())
}

#[tokio::test]
async fn a_stranger_s_page_cannot_write_and_a_stranger_s_name_is_not_answered() {
    let world = World::start().await;
    let clear = world.request(Method::POST, "/api/system/cache/clear");
    let status = clear.header("Origin", "https://evil.example").send().await.unwrap().status();
    assert_eq!(status, 403);
    let named = world.request(Method::GET, "/api/videos").header("Host", "evil.example").send().await.unwrap();
    assert_eq!(named.status(), 421);
    assert!(!named.text().await.unwrap().contains("evil"));
}

#[tokio::test]
async fn a_job_is_held_up_let_go_and_put_first_by_hand() {
    let world = World::start().await;
    let picture = "testsrc2=size=854x480:rate=25:duration=60";
    let words =
        ["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];
    let video = world.published(&clip::made("mp4", &words)).await;
    let job = async || -> Option<Value> {
        world.json("/api/system/status").await["jobs"].as_array()?.iter().find(|job| job["kind"] == "refine").cloned()
    };
    let id = job().await.expect("a ladder takes longer than a question")["id"].clone();
    let ask = async |what: &str| world.send(Method::POST, &format!("/api/jobs/{id}/{what}")).await.status();
    let prioritise = async |priority: i64| {
        let request = world.request(Method::POST, &format!("/api/jobs/{id}/priority"));
        request.json(&serde_json::json!({ "priority": priority })).send().await.unwrap().status()
    };
    assert_eq!((prioritise(10).await, prioritise(11).await), (StatusCode::NO_CONTENT, StatusCode::BAD_REQUEST));
    assert_eq!(ask("pause").await, StatusCode::NO_CONTENT);
    until("its ffmpeg ends", async || world.ffmpegs().is_empty().then_some(())).await;
    assert_eq!(job().await.unwrap()["state"], "paused");
    assert_eq!(world.get(&format!("/hls/{video}/v1/playlist.m3u8")).await.status(), StatusCode::NOT_FOUND);

    assert_eq!(ask("resume").await, StatusCode::NO_CONTENT);
    world.at_rest().await;
    assert_eq!(world.get(&format!("/hls/{video}/v1/playlist.m3u8")).await.status(), StatusCode::OK);
    assert_eq!(ask("pause").await, StatusCode::CONFLICT, "it is over");
    for unknown in ["999/pause", "999/resume", "film/pause"] {
        let answer = world.send(Method::POST, &format!("/api/jobs/{unknown}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}
