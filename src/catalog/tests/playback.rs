use super::{NOW, SEGMENT, Shelf, sealed, track};
use crate::catalog::{SegmentRow, Settlement, Shown};
use crate::media::extent::Place;
use crate::media::id::VideoId;

/// Whether a player finds a master playlist, a media playlist, an init segment and a segment.
async fn is_found(shelf: &Shelf, video: VideoId) -> [bool; 4] {
    let catalog = &shelf.catalog;
    [
        catalog.tracks(video).await.unwrap().is_some(),
        catalog.track_playlist(video, "v0".into()).await.unwrap().is_some(),
        catalog.track_init(video, "v0".into()).await.unwrap().is_some(),
        catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().is_some(),
    ]
}

#[tokio::test]
async fn a_player_finds_a_film_that_grows_or_is_ready() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    assert_eq!(is_found(&shelf, film.video).await, [false, true, true, false], "nothing is listed yet");
    shelf.add_pack(film, 0..2).await;
    assert_eq!(is_found(&shelf, film.video).await, [true; 4]);
    assert!(shelf.video(film.video).await.playable);
    let growing = shelf.catalog.track_playlist(film.video, "v0".into()).await.unwrap().unwrap();
    assert!(!growing.finished && !growing.rendition.finished);
    assert_eq!(growing.rendition.bandwidth, 3_000_000);

    shelf.finish(film).await;

    assert_eq!(is_found(&shelf, film.video).await, [true; 4]);
    let ready = shelf.catalog.track_playlist(film.video, "v0".into()).await.unwrap().unwrap();
    assert!(ready.finished && ready.rendition.finished);
    assert_eq!((ready.rendition.bandwidth, ready.rendition.average_bandwidth), (2_000_000, Some(1_000_000)));
    let row = |number| SegmentRow { number, duration: SEGMENT.1, discontinuity: false };
    assert_eq!(ready.segments, [row(0), row(1)]);
    assert!(shelf.catalog.segment_pieces(film.video, "v0".into(), 2).await.unwrap().is_none());
    assert_eq!(is_found(&shelf, VideoId::fresh()).await, [false; 4]);
}

#[tokio::test]
async fn nobody_plays_a_film_in_the_trash() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    assert_eq!(is_found(&shelf, video).await, [false; 4]);
    shelf.catalog.restore_video(video, NOW).await.unwrap();
    assert_eq!(is_found(&shelf, video).await, [true; 4]);
}

#[tokio::test]
async fn nobody_plays_a_film_that_failed_until_it_is_tried_again() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..2).await;
    shelf.catalog.settle_job(film.lease, Settlement::Failed("no".into()), NOW).await.unwrap();
    assert_eq!(is_found(&shelf, film.video).await, [false; 4]);
    shelf.catalog.retry_ingest(film.video, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.begin_processing(lease, NOW).await.unwrap();
    assert_eq!(is_found(&shelf, film.video).await, [true; 4]);
}

#[tokio::test]
async fn a_film_is_playable_when_every_planned_track_has_begun() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let shown = Shown { tracks: 2, ..Shown::default() };
    shelf.catalog.record_plan(film.lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
    shelf.add_pack(film, 0..2).await;
    let mut sound = track("a0");
    sound.number = 1;
    let rendition = shelf.catalog.begin_rendition(film.lease, sound).await.unwrap().id;
    assert!(shelf.catalog.tracks(film.video).await.unwrap().is_none(), "picture without sound");
    assert!(!shelf.video(film.video).await.playable);

    shelf.add_pack(super::Film { rendition, ..film }, 0..1).await;

    let tracks = shelf.catalog.tracks(film.video).await.unwrap().unwrap();
    let names: Vec<_> = tracks.renditions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!((names, tracks.finished), (vec!["v0", "a0"], false));
    assert!(shelf.video(film.video).await.playable);
    assert_eq!(shelf.catalog.details(film.video).await.unwrap().len(), 2);
}

#[tokio::test]
async fn bytes_are_read_from_the_spool_until_a_copy_is_verified_and_then_from_what_is_not_lost() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..2).await;
    let places = || async {
        let placed = shelf.catalog.segment_pieces(film.video, "v0".into(), 1).await.unwrap().unwrap();
        match &placed[0].place {
            Place::Spool => None,
            Place::Store(stored) => Some((stored.len, stored.copies.clone())),
        }
    };
    assert_eq!(places().await, None);
    let second = shelf.store(film.lease, blob, 1).await;
    let first = shelf.store(film.lease, blob, 0).await;
    assert_eq!(places().await, Some((2 * SEGMENT.0, vec![first.clone(), second.clone()])));
    shelf.catalog.copy_lost(blob, first, NOW).await.unwrap();
    assert_eq!(places().await, Some((2 * SEGMENT.0, vec![second.clone()])));
    shelf.catalog.copy_lost(blob, second.clone(), NOW).await.unwrap();
    assert_eq!(places().await, Some((2 * SEGMENT.0, vec![second])), "the last one may only be away for a moment");
}

#[tokio::test]
async fn a_film_is_protected_when_each_blob_has_as_many_copies_as_wanted() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..2).await;
    let copy = shelf.store(film.lease, blob, 0).await;
    shelf.store(film.lease, blob, 1).await;
    assert!(!shelf.video(film.video).await.protected, "it is not even ready");
    shelf.finish(film).await;
    let is_protected = async |replicas| shelf.catalog.video(film.video, replicas).await.unwrap().unwrap().protected;
    assert_eq!([is_protected(1).await, is_protected(2).await, is_protected(3).await], [true, true, false]);
    shelf.catalog.copy_lost(blob, copy, NOW).await.unwrap();
    assert_eq!([is_protected(1).await, is_protected(2).await], [true, false]);
}

#[tokio::test]
async fn a_poster_is_shown_of_a_film_that_failed_and_of_none_in_the_trash() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let poster = shelf.catalog.open_poster(film.lease).await.unwrap();
    assert!(shelf.catalog.poster_pieces(film.video).await.unwrap().is_none());
    assert!(!shelf.catalog.has_poster(film.lease).await.unwrap());
    shelf.catalog.seal_poster(film.lease, sealed(poster, 9)).await.unwrap();
    assert!(shelf.catalog.has_poster(film.lease).await.unwrap());
    shelf.catalog.settle_job(film.lease, Settlement::Failed("no".into()), NOW).await.unwrap();

    let pieces = shelf.catalog.poster_pieces(film.video).await.unwrap().unwrap();
    assert_eq!((pieces[0].piece.blob, pieces[0].piece.range.len(), pieces.len()), (poster, 9, 1));
    shelf.catalog.trash_video(film.video, NOW, NOW).await.unwrap();
    assert!(shelf.catalog.poster_pieces(film.video).await.unwrap().is_none());
}
