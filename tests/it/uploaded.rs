//! The life of an upload: from its first byte to a video, or to nothing.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::problem::problem;
use crate::harness::raw;
use crate::harness::upload::{BOUNDARY, Sending};
use crate::harness::wait::{until, until_true};
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

#[tokio::test]
async fn a_broken_upload_leaves_nothing() {
    let world = World::start().await;
    let sending = Sending::of(&clip::busy(360, 20)).with_id(Uuid::now_v7());
    let body = sending.body();
    let mut beginning = sending.head(&world, body.len() as u64);
    beginning.extend(&body[..body.len() / 2]);
    let connection = raw::unfinished(world.address(), &beginning).await;
    until_true("the server has written some of it", async || !world.files("spool/uploads").is_empty()).await;
    drop(connection);
    until_true("the spool is empty again", async || world.files("spool").is_empty()).await;
    assert!(world.videos().await.is_empty());
    let progress = format!("/api/upload/{}/progress", sending.id.unwrap());
    until_true("nobody knows of the upload", async || world.get(&progress).await.status() == 404).await;
    // The same name can be used again.
    let accepted = world.accepted(&sending).await;
    assert_eq!(accepted.upload, sending.id.unwrap().to_string());
}

#[tokio::test]
async fn progress_can_be_asked_while_the_body_still_arrives() {
    let world = World::start().await;
    let id = Uuid::now_v7();
    let sending = Sending::of(&clip::busy(360, 20)).with_id(id);
    let body = sending.body();
    let (first, rest) = body.split_at(body.len() / 2);
    let mut beginning = sending.head(&world, body.len() as u64);
    beginning.extend(first);
    let mut connection = raw::unfinished(world.address(), &beginning).await;
    let path = format!("/api/upload/{id}/progress");
    let arriving = until("the server tells of the bytes that came", async || {
        let answer = world.get(&path).await;
        let said: serde_json::Value = answer.json().await.ok()?;
        (said["bytes_received"].as_u64()? > 0).then_some(said)
    });
    let arriving = arriving.await;
    assert_eq!(arriving["state"], "receiving", "{arriving}");
    assert_eq!(arriving["upload_id"], id.to_string());
    assert!(arriving["bytes_received"].as_u64() <= Some(body.len() as u64), "{arriving}");
    connection.write_all(rest).await.unwrap();
    let done = until("the video is ready", async || {
        let said = world.json(&path).await;
        assert_ne!(said["state"], "failed", "{said}");
        (said["state"] == "ready").then_some(said)
    });
    let done = done.await;
    assert!(Uuid::parse_str(done["video_id"].as_str().unwrap()).is_ok(), "{done}");
}

#[tokio::test]
async fn progress_is_told_as_events_to_whoever_wants_them() {
    let world = World::start().await;
    let accepted = world.accepted(&Sending::of(&clip::mpeg4_mp3(40))).await;
    let mut events = world.events(&format!("/api/upload/{}/progress", accepted.upload)).await;
    let mut last = 0;
    let rank = |state: &str| ["receiving", "received", "processing", "ready"].iter().position(|known| *known == state);
    loop {
        let event = events.next().await.expect("events go on until the video is ready");
        assert_eq!(event.data["video_id"], accepted.video.as_str(), "{event:?}");
        let now = rank(event.data["state"].as_str().unwrap()).unwrap_or_else(|| panic!("{event:?}"));
        assert!(now >= last, "it went back: {event:?}");
        last = now;
        if event.data["state"] == "ready" {
            break;
        }
    }
}

#[tokio::test]
async fn a_file_that_is_there_already_is_recognised() {
    let world = World::start().await;
    let clip = clip::h264_aac(16);
    let video = world.published(&clip).await;
    let sending = Sending::of(&clip).named("another name.mp4");
    let said = problem(world.upload(&sending).await, 409).await;
    assert_eq!(said["video_id"], video.as_str());
    until_true("the refused copy is gone", async || world.files("spool").is_empty()).await;
    let second = world.accepted(&sending.again()).await.video;
    assert_ne!(second, video);
    world.ready(&second).await;
    assert_eq!(world.videos().await.len(), 2);
}

#[tokio::test]
async fn a_title_comes_from_the_form_or_the_file_name() {
    let world = World::start().await;
    let clip = clip::mpeg4_mp3(8);
    let named = Sending::of(&clip).named("The.Long.Walk_home-2019.avi");
    let video = world.accepted(&named).await.video;
    let title = world.video(&video).await["title"].as_str().unwrap().to_owned();
    assert!(title.starts_with("The Long Walk home") && !title.contains("avi"), "{title}");
    let titled = Sending::of(&clip).titled("A film of mine").again();
    let video = world.accepted(&titled).await.video;
    assert_eq!(world.video(&video).await["title"], "A film of mine");
}

#[tokio::test]
async fn many_files_arrive_at_once() {
    let world = World::start().await;
    let clips: Vec<_> = (5..11).map(clip::mpeg4_mp3).collect();
    let sent = futures::future::join_all(clips.iter().map(async |clip| {
        let accepted = world.accepted(&Sending::of(clip)).await;
        world.ready(&accepted.video).await;
        accepted.video
    }));
    let videos = sent.await;
    for (video, seconds) in videos.iter().zip(5_u32..) {
        let long = world.player(video).pictures().await.seconds();
        assert!((long - f64::from(seconds)).abs() < 0.05, "{long} s of {seconds}");
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let world = World::with(&[("MAX_UPLOAD_SIZE", "1MiB"), ("SPOOL_MAX_SIZE", "64MiB")]).await;
    let sending = Sending::bytes(vec![7; 64 * 1024], "big.mp4");
    // The answer comes although nothing follows of the gigabyte that is announced.
    let mut request = sending.head(&world, 1 << 30);
    request.extend(&sending.body()[..64 * 1024]);
    let answer = raw::exchange(world.address(), request).await;
    assert_eq!(answer.status, 413, "{}", answer.head);
    until_true("the spool is empty again", async || world.files("spool").is_empty()).await;
    assert!(world.videos().await.is_empty());
}

#[tokio::test]
async fn a_file_that_hides_its_size_is_refused_when_it_gets_too_large() {
    let world = World::with(&[("MAX_UPLOAD_SIZE", "1MiB"), ("SPOOL_MAX_SIZE", "64MiB")]).await;
    let sending = Sending::bytes(vec![7; 3 << 20], "big.mp4");
    let body = sending.body();
    let head = String::from_utf8(sending.head(&world, 0)).unwrap();
    let head = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunks = body.chunks(64 * 1024).map(|chunk| {
        let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
        framed.extend(chunk);
        framed.extend(b"\r\n");
        Bytes::from(framed)
    });
    let end = Bytes::from_static(b"0\r\n\r\n");
    let answer = raw::pour(world.address(), [Bytes::from(head)].into_iter().chain(chunks).chain([end])).await;
    assert_eq!(answer.status, 413, "{}", answer.head);
    until_true("the spool is empty again", async || world.files("spool").is_empty()).await;
}

#[tokio::test]
async fn an_upload_id_that_is_none_is_refused() {
    let world = World::start().await;
    let sending = Sending::of(&clip::mpeg4_mp3(8)).with_id(Uuid::now_v7());
    let body = sending.body();
    let head = String::from_utf8(sending.head(&world, body.len() as u64)).unwrap();
    let mut request = head.replace(&sending.id.unwrap().to_string(), "../../etc").into_bytes();
    request.extend(body);
    let answer = raw::exchange(world.address(), request).await;
    assert_eq!(answer.status, 400, "{}", answer.head);
    problem(world.get("/api/upload/no-such-thing/progress").await, 404).await;
}

#[tokio::test]
async fn a_large_file_costs_no_more_memory_than_a_small_one() {
    let world = World::start().await;
    let sending = Sending::bytes(Vec::new(), "large.mp4");
    let (megabyte, count) = (Bytes::from(vec![7; 1 << 20]), 384);
    let empty = sending.body();
    let (start, end) = empty.split_at(empty.len() - format!("\r\n--{BOUNDARY}--\r\n").len());
    let head = sending.head(&world, empty.len() as u64 + (count << 20));
    let middle = std::iter::repeat_n(megabyte, usize::try_from(count).unwrap());
    let pieces = [Bytes::from(head), Bytes::from(start.to_vec())].into_iter().chain(middle);
    let before = world.memory_peak();
    let answer = raw::pour(world.address(), pieces.chain([Bytes::from(end.to_vec())])).await;
    assert_eq!(answer.status, 202, "{}", answer.head);
    let grown = world.memory_peak() - before;
    assert!(grown < 48 << 20, "{grown} bytes more for {count} MiB");
}
