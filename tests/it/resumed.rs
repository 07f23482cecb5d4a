//! Uploads in pieces: whatever interrupts them, they go on, and their bytes are the ones that were sent.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::tus::KEPT;
use crate::harness::wait::until_true;
use futures::future::join_all;
use reqwest::Method;
use tokio::io::AsyncReadExt as _;

/// As `Upload-Length` says it.
fn length(bytes: &[u8]) -> String {
    bytes.len().to_string()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_kill_where_its_bytes_were_safe() {
    let mut world = World::with(&[KEPT]).await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let third = bytes.len() / 3;
    let place = world.begun(&[("Upload-Length", &length(&bytes))]).await;
    assert_eq!(world.piece(&place, 0, &bytes[..third]).await.status(), 204);
    let stale = world.hanging(&place, third, bytes.len() - third, &bytes[third..2 * third]).await;
    world.kill();
    drop(stale);
    world.resume().await;

    let at = world.offset(&place).await.expect("it is still there");

    assert!((third..=2 * third).contains(&at), "what was acknowledged counts: {at} of {third}");
    assert_eq!(world.piece(&place, at, &bytes[at..]).await.status(), 204);
    world.assert_became(&place, &bytes).await;
    assert_eq!(world.videos().await.len(), 1);
    until_true("the spool is empty", async || world.files("spool").is_empty()).await;
}

#[tokio::test]
async fn what_came_of_a_long_piece_is_safe_before_it_ends() {
    let mut world = World::with(&[KEPT]).await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let half = bytes.len() / 2;
    let place = world.begun(&[("Upload-Length", &length(&bytes))]).await;
    let mut stale = world.hanging(&place, 0, bytes.len(), &bytes[..half]).await;
    // A little more, again and again, until two seconds are over and the record says so.
    let mut sent = half;
    until_true("it was saved on the way", async || {
        tokio::io::AsyncWriteExt::write_all(&mut stale, &bytes[sent..sent + 1]).await.unwrap();
        sent += 1;
        world.recorded_bytes() > 0
    })
    .await;
    world.kill();
    drop(stale);
    world.resume().await;
    let at = world.offset(&place).await.expect("it is still there");
    assert!((half..=sent).contains(&at), "{at} of {sent} bytes");
    assert_eq!(world.piece(&place, at, &bytes[at..]).await.status(), 204);
    world.assert_became(&place, &bytes).await;
}

#[tokio::test]
async fn a_client_that_returns_takes_over_from_its_stale_connection() {
    let world = World::with(&[KEPT]).await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let half = bytes.len() / 2;
    let place = world.begun(&[("Upload-Length", &length(&bytes))]).await;
    let mut stale = world.hanging(&place, 0, bytes.len(), &bytes[..half]).await;

    // Without asking first: it knows where it was.
    assert_eq!(world.piece(&place, half, &bytes[half..half + 1000]).await.status(), 204);

    let mut said = String::new();
    stale.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 409") && said.contains("taken this upload over"), "{said}");
    let mut stale =
        world.hanging(&place, half + 1000, bytes.len() - half - 1000, &bytes[half + 1000..half + 2000]).await;
    assert_eq!(world.offset(&place).await, Some(half + 2000), "who asks where it goes on takes it over, too");
    stale.read_to_string(&mut said).await.unwrap();
    assert_eq!(world.piece(&place, half + 2000, &bytes[half + 2000..]).await.status(), 204);
    world.assert_became(&place, &bytes).await;
}

#[tokio::test]
async fn what_came_before_the_connection_broke_counts() {
    let world = World::with(&[KEPT]).await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let half = bytes.len() / 2;
    let place = world.begun(&[("Upload-Length", &length(&bytes))]).await;
    drop(world.hanging(&place, 0, bytes.len(), &bytes[..half]).await);
    assert_eq!(world.offset(&place).await, Some(half));
    assert_eq!(world.piece(&place, half, &bytes[half..]).await.status(), 204);
    world.assert_became(&place, &bytes).await;
}

#[tokio::test]
async fn parts_sent_side_by_side_become_one_film_even_when_the_server_was_killed_between_them() {
    let mut world = World::with(&[KEPT]).await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let parts: Vec<&[u8]> = bytes.chunks(bytes.len() / 3 + 1).collect();
    let places = join_all(parts.iter().map(async |part| {
        let place = world.begun(&[("Upload-Concat", "partial"), ("Upload-Length", &length(part))]).await;
        assert_eq!(world.piece(&place, 0, part).await.status(), 204);
        place
    }))
    .await;
    world.kill();
    world.resume().await;
    let concat = format!("final;{}", places.join(" "));
    let place = world.begun(&[("Upload-Concat", &concat), ("Upload-Metadata", "title QSBmaWxt")]).await;
    assert_eq!(world.offset(&place).await, Some(bytes.len()));
    assert_eq!(world.offset(&places[0]).await, None, "its parts are gone");
    world.assert_became(&place, &bytes).await;
    assert_eq!(world.videos().await[0]["title"], "A film");
}

#[tokio::test]
async fn an_unfinished_upload_expires_with_its_bytes_and_its_room() {
    let world = World::with(&[("UPLOAD_EXPIRES", "1s")]).await;
    let place = world.begun(&[("Upload-Length", "5000000000")]).await;
    let reserved = async || world.json("/api/system/status").await["spool"]["uploads_bytes"].as_u64();
    // It may have expired meanwhile on a slow machine.
    _ = world.piece(&place, 0, &[7; 100_000]).await;
    until_true("it has expired", async || world.offset(&place).await.is_none()).await;
    until_true("nothing is left of it", async || world.files("spool").is_empty()).await;
    until_true("its room is free", async || reserved().await == Some(0)).await;
    assert_eq!(world.send(Method::GET, "/readyz").await.status(), 200);
}
