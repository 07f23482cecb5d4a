//! Bodies that are long enough to go past the framework: every byte in its place, nothing taken for a body that is none,
//! and whatever interrupts them, what came counts.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::raw;
use crate::harness::tus::KEPT;
use crate::harness::upload::{BOUNDARY, Sending};
use crate::harness::wait::within;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// More than goes by the framework.
const LONG: usize = 70 * 1024 * 1024;

/// A film with noise behind it, in a box that players pass over.
fn long_film() -> Vec<u8> {
    let mut bytes = clip::mpeg4_mp3(8).bytes();
    let noise = LONG - bytes.len() - 8;
    bytes.extend(u32::try_from(noise + 8).unwrap().to_be_bytes());
    bytes.extend(b"free");
    let start = bytes.len();
    bytes.resize(LONG, 0);
    blake3::Hasher::new().finalize_xof().fill(&mut bytes[start..]);
    bytes
}

/// Pieces of odd lengths first, so that the way changes in the middle of something.
fn pieces(bytes: Vec<u8>) -> Vec<Bytes> {
    let (mut bytes, mut pieces) = (Bytes::from(bytes), Vec::new());
    for len in [1, 999, 70_001, 5, 1_000_003] {
        pieces.push(bytes.split_to(len));
    }
    pieces.push(bytes);
    pieces
}

/// The head of a request that sends the whole, with another line in it.
fn head(world: &World, place: &str, line: &str) -> Vec<u8> {
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n{line}\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {LONG}\r\n\r\n",
        world.address()
    );
    head.into_bytes()
}

#[tokio::test]
async fn a_long_piece_arrives_as_it_was_sent_and_ends_its_connection() {
    let world = World::with(&[KEPT]).await;
    let film = long_film();
    let place = world.begun(&[("Upload-Length", &LONG.to_string())]).await;
    let mut request = head(&world, &place, "");
    request.extend(&film);
    // What stands behind the body belongs to nobody.
    let behind = "DELETE /api/videos HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000);
    request.extend(behind.as_bytes());

    let answer = raw::pour(world.address(), pieces(request)).await;

    assert_eq!(answer.status, 204, "{}", answer.head);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(answer.body.is_empty(), "{}", String::from_utf8_lossy(&answer.body));
    world.assert_became(&place, &film).await;
}

#[tokio::test]
async fn who_asks_before_a_long_piece_is_told_to_go_on() {
    let world = World::with(&[KEPT]).await;
    let film = long_film();
    let place = world.begun(&[("Upload-Length", &LONG.to_string())]).await;
    let mut connection = raw::unfinished(world.address(), &head(&world, &place, "Expect: 100-continue\r\n")).await;
    let mut said = [0; 25];
    within("leave to go on", connection.read_exact(&mut said)).await.expect("the server answers");
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(&film).await.expect("the server takes the piece");
    let mut said = String::new();
    within("an answer", connection.read_to_string(&mut said)).await.expect("an answer is text");
    assert!(said.starts_with("HTTP/1.1 204"), "{said}");
    world.assert_became(&place, &film).await;
}

#[tokio::test]
async fn a_long_form_arrives_as_it_was_sent() {
    let world = World::with(&[KEPT]).await;
    let film = long_film();
    let sending = Sending::bytes(film.clone(), "long.mp4");
    let body = sending.body();
    let mut request = sending.head(&world, body.len() as u64);
    request.extend(&body);
    let answer = raw::pour(world.address(), pieces(request)).await;
    assert_eq!(answer.status, 202, "{}", answer.head);
    let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
    let place = format!("/api/uploads/{}", said["upload_id"].as_str().expect("it has a name"));
    world.assert_became(&place, &film).await;
}

#[tokio::test]
async fn a_long_form_that_breaks_off_is_refused() {
    let world = World::start().await;
    let sending = Sending::bytes(long_film(), "long.mp4");
    let body = sending.body();
    assert!(body.ends_with(format!("{BOUNDARY}--\r\n").as_bytes()));
    // All but its end, and then nothing more.
    let mut request = sending.head(&world, body.len() as u64);
    request.extend(&body[..body.len() - 10]);
    let mut connection = raw::unfinished(world.address(), &request).await;
    connection.shutdown().await.expect("it takes an end");
    let mut said = String::new();
    within("an answer", connection.read_to_string(&mut said)).await.expect("an answer is text");
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("broke off"), "{said}");
    assert!(world.videos().await.is_empty());
}

#[tokio::test]
async fn a_long_piece_that_breaks_off_counts_as_far_as_it_came() {
    let world = World::with(&[KEPT]).await;
    let film = long_film();
    let place = world.begun(&[("Upload-Length", &LONG.to_string())]).await;
    let (first, second) = (LONG / 3, LONG / 3 + 77);
    drop(world.hanging(&place, 0, LONG, &film[..first]).await);
    assert_eq!(world.offset(&place).await, Some(first));
    // Of the next one what is left is not long.
    let mut stale = world.hanging(&place, first, LONG - first, &film[first..second]).await;
    assert_eq!(world.offset(&place).await, Some(second));
    let mut said = String::new();
    within("an answer", stale.read_to_string(&mut said)).await.expect("an answer is text");
    assert!(said.starts_with("HTTP/1.1 409") && said.contains("taken this upload over"), "{said}");
    assert_eq!(world.piece(&place, second, &film[second..]).await.status(), 204);
    world.assert_became(&place, &film).await;
}

#[tokio::test]
async fn who_sends_a_long_piece_is_told_when_another_takes_it_over() {
    let world = World::with(&[KEPT]).await;
    let film = long_film();
    let place = world.begun(&[("Upload-Length", &LONG.to_string())]).await;
    let mut stale = world.hanging(&place, 0, LONG, &film[..LONG / 2]).await;
    assert_eq!(world.piece(&place, LONG / 2, &film[LONG / 2..]).await.status(), 204);
    let mut said = String::new();
    within("an answer", stale.read_to_string(&mut said)).await.expect("an answer is text");
    assert!(said.starts_with("HTTP/1.1 409") && said.contains("taken this upload over"), "{said}");
    world.assert_became(&place, &film).await;
}
