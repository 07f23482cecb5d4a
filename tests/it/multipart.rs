//! Upload bodies that are wrong (security.md, bad input 19): refused, and nothing stays.

use crate::harness::World;
use crate::harness::raw::{self, Answer};
use crate::harness::upload::{BOUNDARY, part};
use crate::harness::wait::until_true;

/// Sends a body to the upload address and checks that nothing came of it.
async fn answer(world: &World, content_type: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "POST /api/upload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        world.address(),
        body.len()
    )
    .into_bytes();
    request.extend(body);
    let answer = raw::exchange(world.address(), request).await;
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
    assert!(world.videos().await.is_empty());
    answer
}

fn form() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

fn closed(mut parts: Vec<u8>) -> Vec<u8> {
    parts.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    parts
}

#[tokio::test]
async fn a_body_without_a_boundary_is_refused() {
    let world = World::start().await;
    let body = closed(part("name=\"file\"; filename=\"a.mp4\"", "", b"x"));
    for content_type in ["multipart/form-data", "multipart/form-data; boundary="] {
        let answer = answer(&world, content_type, &body).await;
        assert_eq!(answer.status, 400, "{content_type}: {}", answer.head);
    }
    let answer = answer(&world, "application/json", b"{}").await;
    assert!([400, 415].contains(&answer.status), "{}", answer.head);
}

#[tokio::test]
async fn a_body_without_a_file_is_refused() {
    let world = World::start().await;
    for body in [closed(part("name=\"title\"", "", b"only words")), closed(Vec::new()), Vec::new(), b"rubbish".to_vec()]
    {
        let answer = answer(&world, &form(), &body).await;
        assert_eq!(answer.status, 400, "{}", answer.head);
    }
}

#[tokio::test]
async fn ten_thousand_parts_are_refused() {
    let world = World::start().await;
    let parts: Vec<u8> = (0..10_000).flat_map(|number| part(format!("name=\"f{number}\""), "", b"x")).collect();
    let answer = answer(&world, &form(), &closed(parts)).await;
    assert_eq!(answer.status, 400, "{}", answer.head);
}

#[tokio::test]
async fn a_field_whose_header_never_ends_is_refused() {
    let world = World::start().await;
    let head = format!(
        "POST /api/upload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {}\r\n\
         Content-Length: 1073741824\r\n\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"",
        world.address(),
        form()
    );
    // The answer comes although the rest of the gigabyte does not.
    let beginning = [head.into_bytes(), vec![b'a'; 1 << 20]].concat();
    let answer = raw::exchange(world.address(), beginning).await;
    assert!([400, 431].contains(&answer.status), "{}", answer.head);
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
}

#[tokio::test]
async fn a_title_without_end_is_refused() {
    let world = World::start().await;
    let mut body = part("name=\"title\"", "", &vec![b'x'; 4 << 20]);
    body.extend(part("name=\"file\"; filename=\"a.mp4\"", "", b"x"));
    let answer = answer(&world, &form(), &closed(body)).await;
    assert!([400, 413].contains(&answer.status), "{}", answer.head);
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let world = World::start().await;
    let body = part("name=\"file\"; filename=\"a.mp4\"", "", &[7; 4096]);
    let answer = answer(&world, &form(), &body).await;
    assert_eq!(answer.status, 400, "{}", answer.head);
}
