use super::{NOW, SEGMENT, Shelf, piece, refusal, sealed, segments_in, track};
use crate::catalog::{Growth, Measured, PackInMaking, PackLength, Resume};
use crate::media::id::BlobId;

#[tokio::test]
async fn a_rendition_goes_on_where_its_last_commit_ended() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap(), Resume::default());
    shelf.add_pack(film, 0..2).await;
    let resume = Resume { next_number: 2, next_start: Some(4_000) };
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap(), resume);
    assert_eq!(shelf.catalog.segment_sizes(film.rendition).await.unwrap(), [SEGMENT, SEGMENT]);
}

#[tokio::test]
async fn segments_out_of_order_are_refused_and_nothing_of_the_commit_happens() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..2).await;
    let blob = shelf.catalog.open_pack(film.lease, film.rendition, 1).await.unwrap();
    for (what, numbers) in [("gap", vec![3]), ("repeat", vec![1]), ("back", vec![2, 3, 2]), ("jump", vec![2, 4])] {
        let listed = |number: u32| segments_in(blob, number..number + 1);
        let growth = Growth {
            segments: numbers.into_iter().flat_map(listed).collect(),
            sealed: vec![sealed(blob, 1_000)],
            ..Growth::default()
        };
        let why = refusal(shelf.catalog.grow(film.lease, film.rendition, growth).await);
        assert_eq!(why, "segments must be listed in order", "{what}");
    }
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap().next_number, 2);
    assert!(!shelf.catalog.sealed_blobs(film.lease).await.unwrap().contains(&blob));
}

#[tokio::test]
async fn a_segment_without_bytes_is_refused() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let mut empty = segments_in(BlobId(1), 0..1).remove(0);
    empty.pieces.clear();
    let growth = Growth { segments: vec![empty], ..Growth::default() };
    refusal(shelf.catalog.grow(film.lease, film.rendition, growth).await);
}

#[tokio::test]
async fn a_finished_rendition_gets_no_further_segment() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    let measured = Measured { peak: 1, average: 1, i_frames: None };
    shelf.catalog.finish_rendition(film.lease, film.rendition, measured).await.unwrap();
    let growth = Growth { segments: segments_in(blob, 1..2), ..Growth::default() };
    refusal(shelf.catalog.grow(film.lease, film.rendition, growth).await);
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap().next_number, 1);
}

#[tokio::test]
async fn a_segment_larger_than_a_pack_lies_in_several_pieces() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let mut blobs = Vec::new();
    for number in 0..3 {
        blobs.push(shelf.catalog.open_pack(film.lease, film.rendition, number).await.unwrap());
    }
    let pieces = vec![piece(blobs[0], 100, 500), piece(blobs[1], 50, 500), piece(blobs[2], 50, 7)];
    let mut both = segments_in(blobs[0], 0..2);
    both[0].pieces.clone_from(&pieces);
    (both[1].pieces, both[1].duration) = (vec![piece(blobs[2], 57, 3)], 1_000);
    let growth = Growth {
        segments: both,
        grown: vec![PackLength { blob: blobs[2], len: 60 }],
        sealed: vec![sealed(blobs[0], 620), sealed(blobs[1], 570)],
    };
    shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();

    let placed = shelf.catalog.segment_pieces(film.video, "v0".into(), 0).await.unwrap().unwrap();
    let found: Vec<_> = placed.iter().map(|it| (it.piece.blob, it.piece.range)).collect();
    assert_eq!(found, pieces.iter().map(|it| (it.blob, it.range)).collect::<Vec<_>>());
    assert_eq!(shelf.catalog.segment_sizes(film.rendition).await.unwrap(), [(1_007, 2_000), (3, 1_000)]);
    let entries = |blob| shelf.catalog.entries_in(film.rendition, blob);
    assert_eq!(entries(blobs[1]).await.unwrap(), [(0, 1, 2_000, 500)]);
    assert_eq!(entries(blobs[2]).await.unwrap(), [(0, 2, 2_000, 7), (1, 0, 1_000, 3)]);
    assert_eq!(shelf.catalog.sealed_blobs(film.lease).await.unwrap(), blobs[..2]);
}

#[tokio::test]
async fn a_pack_in_the_making_is_found_again_and_empty_ones_are_given_up() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let listed = shelf.catalog.open_pack(film.lease, film.rendition, 0).await.unwrap();
    let grown = vec![PackLength { blob: listed, len: 1_000 }];
    let growth = Growth { segments: segments_in(listed, 0..1), grown, ..Growth::default() };
    shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
    let empty = shelf.catalog.open_pack(film.lease, film.rendition, 1).await.unwrap();
    assert_eq!(shelf.catalog.next_pack_number(film.rendition).await.unwrap(), 2);

    let found = shelf.catalog.packs_in_making(film.lease, film.rendition).await.unwrap();

    assert_eq!(found, (Some(PackInMaking { blob: listed, number: 0, committed_len: 1_000 }), vec![empty]));
    assert_eq!(shelf.catalog.next_pack_number(film.rendition).await.unwrap(), 1);
    let fresh = shelf.catalog.open_pack(film.lease, film.rendition, 1).await.unwrap();
    assert!(fresh > empty, "an id names files and chunks in memory: it is never used again");
}

#[tokio::test]
async fn every_blob_that_is_not_stored_must_lie_in_the_spool() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let stored = shelf.add_pack(film, 0..1).await;
    shelf.store(film.lease, stored, 0).await;
    let sealed = shelf.add_pack(film, 1..2).await;
    let open = shelf.catalog.open_pack(film.lease, film.rendition, 2).await.unwrap();
    shelf.catalog.open_poster(film.lease).await.unwrap();
    let spooled = shelf.catalog.sort_out_spooled().await.unwrap();
    assert_eq!(spooled, [sealed, open].into(), "a poster that was only begun is made anew");
}

#[tokio::test]
async fn a_rendition_that_exists_is_answered_as_it_is() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let mut other = track("v0");
    other.init = b"other".to_vec();
    other.codecs = "hvc1".into();
    let known = shelf.catalog.begin_rendition(film.lease, other).await.unwrap();
    assert_eq!((known.id, known.codecs.as_str()), (film.rendition, "avc1.640028"));
    assert_eq!(shelf.catalog.init_of(film.rendition).await.unwrap(), b"init");
    assert_eq!(shelf.catalog.renditions_of(film.lease).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_segment_that_leans_on_another_makes_its_rendition_dependent_for_good() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    assert!(shelf.catalog.renditions_of(film.lease).await.unwrap()[0].independent);
    let mut leaning = segments_in(blob, 1..2);
    leaning[0].independent = false;
    let growth = Growth { segments: leaning, ..Growth::default() };
    shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
    shelf.add_pack(film, 2..3).await;
    assert!(!shelf.catalog.renditions_of(film.lease).await.unwrap()[0].independent);
}

#[tokio::test]
async fn a_film_is_published_only_when_everything_is_finished_and_stored() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let publish = || shelf.catalog.publish(film.lease, false, NOW);
    refusal(publish().await);
    let blob = shelf.add_pack(film, 0..2).await;
    shelf.store(film.lease, blob, 0).await;
    refusal(publish().await);
    let measured = Measured { peak: 2, average: 1, i_frames: None };
    shelf.catalog.finish_rendition(film.lease, film.rendition, measured).await.unwrap();
    let poster = shelf.catalog.open_poster(film.lease).await.unwrap();
    refusal(publish().await);
    shelf.catalog.seal_poster(film.lease, sealed(poster, 9)).await.unwrap();
    refusal(publish().await);
    shelf.store(film.lease, poster, 0).await;
    publish().await.unwrap();
    assert!(shelf.video(film.video).await.poster.is_some());
}

#[tokio::test]
async fn a_film_with_a_planned_track_missing_is_not_published() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let shown = crate::catalog::Shown { tracks: 2, ..Default::default() };
    shelf.catalog.record_plan(film.lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
    let blob = shelf.add_pack(film, 0..1).await;
    shelf.store(film.lease, blob, 0).await;
    let measured = Measured { peak: 2, average: 1, i_frames: None };
    shelf.catalog.finish_rendition(film.lease, film.rendition, measured).await.unwrap();
    refusal(shelf.catalog.publish(film.lease, false, NOW).await);
}

#[tokio::test]
async fn a_poster_that_was_only_begun_does_not_keep_a_film_from_being_published() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let torn = shelf.catalog.open_poster(film.lease).await.unwrap();
    let again = shelf.catalog.open_poster(film.lease).await.unwrap();
    assert_eq!(again, torn, "its file in the spool is written over, not left");
    shelf.catalog.seal_poster(film.lease, sealed(again, 9)).await.unwrap();
    shelf.add_pack(film, 0..1).await;
    shelf.finish(film).await;
}
