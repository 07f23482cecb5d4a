//! The library: finding, naming, throwing away and taking back.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::problem::problem;
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A world with one short film of each title, in this order.
async fn shelf(titles: &[&str]) -> (World, Vec<String>) {
    let world = World::start().await;
    let clip = clip::h264_aac(4);
    let mut videos = Vec::new();
    for title in titles {
        let video = world.accepted(&Sending::of(&clip).titled(title).again()).await.video;
        world.ready(&video).await;
        videos.push(video);
    }
    (world, videos)
}

fn titles(page: &Value) -> Vec<&str> {
    page["videos"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_library_is_listed_in_the_order_asked_for() {
    let (world, _) = shelf(&["banana", "Apple", "cherry"]).await;
    assert_eq!(titles(&world.json("/api/videos").await), ["cherry", "Apple", "banana"]);
    assert_eq!(titles(&world.json("/api/videos?sort=oldest").await), ["banana", "Apple", "cherry"]);
    assert_eq!(titles(&world.json("/api/videos?sort=title").await), ["Apple", "banana", "cherry"]);
    problem(world.get("/api/videos?sort=colour").await, 400).await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let (world, _) = shelf(&["e", "a", "d", "b", "c"]).await;
    for sort in ["newest", "oldest", "title", "longest"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = world.json(&format!("/api/videos?sort={sort}&limit=2{cursor}")).await;
            assert!(titles(&page).len() <= 2, "{page}");
            seen.extend(titles(&page).into_iter().map(str::to_owned));
            assert_eq!(page["total"], 5, "{page}");
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let whole = world.json(&format!("/api/videos?sort={sort}")).await;
        assert_eq!(seen, titles(&whole), "{sort}");
    }
    problem(world.get("/api/videos?cursor=rubbish").await, 400).await;
}

#[tokio::test]
async fn a_search_finds_words_and_survives_anything() {
    let (world, videos) = shelf(&["Der Läufer", "The runner", "Running late"]).await;
    assert_eq!(titles(&world.json("/api/videos?q=runn&sort=oldest").await), ["The runner", "Running late"]);
    assert_eq!(titles(&world.json("/api/videos?q=LAUFER").await), ["Der Läufer"]);
    assert_eq!(titles(&world.json("/api/videos?q=the+runner").await), ["The runner"]);
    assert!(titles(&world.json("/api/videos?q=nowhere").await).is_empty());
    let changed = json!({ "description": "filmed in Prague" });
    world.request(Method::PATCH, &format!("/api/videos/{}", videos[0])).json(&changed).send().await.unwrap();
    assert_eq!(titles(&world.json("/api/videos?q=prague").await), ["Der Läufer"]);
    for odd in ["%25", "_", "%22", "NEAR(", "'%3B+drop+table+videos", "*", "%00", "a+AND+NOT"] {
        let status = world.get(&format!("/api/videos?q={odd}")).await.status();
        assert!([200, 400].contains(&status.as_u16()), "{odd}: {status}");
    }
    assert_eq!(world.videos().await.len(), 3);
}

#[tokio::test]
async fn a_title_can_be_changed_and_nothing_else() {
    let (world, videos) = shelf(&["before"]).await;
    let path = format!("/api/videos/{}", videos[0]);
    let changed = json!({ "title": "  <script>alert(1)</script> after " });
    let answer = world.request(Method::PATCH, &path).json(&changed).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(world.video(&videos[0]).await["title"], "<script>alert(1)</script> after");
    for wrong in [json!({ "title": "" }), json!({ "title": "x".repeat(100_000) }), json!({ "title": 7 })] {
        let status = world.request(Method::PATCH, &path).json(&wrong).send().await.unwrap().status();
        assert!([400, 413, 422].contains(&status.as_u16()), "{status}");
    }
    let state = json!({ "state": "failed" });
    world.request(Method::PATCH, &path).json(&state).send().await.unwrap();
    assert_eq!(world.status(&videos[0]).await["state"], "ready");
}

/// Everything a reader can ask of a video.
async fn readers(world: &World, video: &str) -> Vec<String> {
    let player = world.player(video);
    let track = player.tracks().await.video.unwrap();
    let mut paths = vec![
        player.master_path(),
        format!("{track}playlist.m3u8"),
        format!("{track}init.mp4"),
        format!("{track}0.m4s"),
        format!("/media/{video}/poster.jpg"),
    ];
    for path in &paths {
        assert_eq!(world.get(path).await.status(), 200, "{path}");
    }
    paths.push(format!("/api/videos/{video}/status"));
    paths
}

#[tokio::test]
async fn a_deleted_video_is_gone_for_every_reader_and_comes_back() {
    let (world, videos) = shelf(&["kept for a while"]).await;
    let video = &videos[0];
    let paths = readers(&world, video).await;
    let before = world.player(video).pictures().await;
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}")).await.status(), 204);
    for path in &paths {
        assert_eq!(world.get(path).await.status(), 404, "{path}");
    }
    assert!(world.videos().await.is_empty());
    let restored = world.send(Method::POST, &format!("/api/videos/{video}/restore")).await;
    assert!(restored.status().is_success(), "{}", restored.status());
    for path in &paths {
        assert_eq!(world.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(world.player(video).pictures().await, before);
}

#[tokio::test]
async fn a_video_deleted_for_good_leaves_no_byte() {
    let (world, videos) = shelf(&["stays", "goes"]).await;
    world.at_rest().await;
    let kept = world.player(&videos[0]).pictures().await;
    let with_both = world.files("channels").len();
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{}?now=true", videos[1])).await.status(), 204);
    assert_eq!(world.get(&format!("/api/videos/{}", videos[1])).await.status(), 404);
    until_true("its blobs are removed", async || world.files("channels").len() == with_both / 2).await;
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
    let restored = world.send(Method::POST, &format!("/api/videos/{}/restore", videos[1])).await.status().as_u16();
    assert!([404, 409].contains(&restored), "{restored}");
    assert_eq!(world.player(&videos[0]).pictures().await, kept);
    assert_eq!(world.videos().await.len(), 1);
}

#[tokio::test]
async fn a_video_that_encodes_can_be_deleted_for_good() {
    let world = World::start().await;
    let (video, _) = crate::growing::seen_growing(&world, 1).await;
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status(), 204);
    until_true("ffmpeg ends", async || world.ffmpegs().is_empty()).await;
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
    // Films before it were encoded too fast to be caught, and stay.
    let kept = world.videos().await.len();
    until_true("the channels hold nothing of it", async || (kept > 0) != world.files("channels").is_empty()).await;
}

#[tokio::test]
async fn a_cancelled_job_says_so_and_goes_on_when_asked() {
    let world = World::start().await;
    let (video, seen) = crate::growing::seen_growing(&world, 1).await;
    let answer = world.send(Method::POST, &format!("/api/videos/{video}/cancel")).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    until_true("the stage says cancelled", async || world.status(&video).await["stage"] == "cancelled").await;
    until_true("ffmpeg ends", async || world.ffmpegs().is_empty()).await;
    let answer = world.send(Method::POST, &format!("/api/videos/{video}/retry")).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    world.ready(&video).await;
    world.player(&video).pictures().await.assert_continues(&seen);
}

#[tokio::test]
async fn a_failed_video_keeps_its_upload_and_can_be_tried_again() {
    let world = World::start().await;
    let refusal = world.refused(&Sending::bytes(b"this is no film at all".repeat(100), "diary.mp4")).await;
    assert_eq!(refusal.status, 202, "it is looked into later");
    let video = world.videos().await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.files("spool/uploads").len(), 1, "the upload is kept for a retry");
    let answer = world.send(Method::POST, &format!("/api/videos/{video}/retry")).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    until_true("it was tried again", async || world.status(&video).await["state"] == "failed").await;
    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status(), 204);
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
}

#[tokio::test]
async fn a_ready_video_is_neither_cancelled_nor_retried() {
    let (world, videos) = shelf(&["done"]).await;
    for action in ["cancel", "retry"] {
        problem(world.send(Method::POST, &format!("/api/videos/{}/{action}", videos[0])).await, 409).await;
    }
    assert_eq!(world.status(&videos[0]).await["state"], "ready");
}
