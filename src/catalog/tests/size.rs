use super::{Shelf, piece};
use crate::catalog::{Growth, NewSegment};
use std::time::Instant;

/// Segments of one film that is long beyond all films, six seconds each, as a copied film has them.
const SEGMENTS: u32 = 100_000;

fn segment(number: u32, blob: crate::media::id::BlobId) -> NewSegment {
    let place = u64::from(number % 8);
    NewSegment {
        number,
        start: 900_000 + u64::from(number) * 540_000,
        duration: 540_000 + number % 3_000,
        independent: true,
        pieces: vec![piece(blob, 1_100 + place * 2_250_000, 2_250_000 - place)],
    }
}

fn bytes_used(shelf: &Shelf) -> i64 {
    let rows = shelf.rows();
    let pragma = |name: &str| rows.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
}

#[tokio::test]
async fn a_segment_costs_less_than_40_bytes_of_the_catalog() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.catalog.open_pack(film.lease, film.rendition, 0).await.unwrap();
    let before = bytes_used(&shelf);
    for first in (0..SEGMENTS).step_by(1_000) {
        let segments = (first..first + 1_000).map(|number| segment(number, blob)).collect();
        let growth = Growth { segments, ..Growth::default() };
        shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
    }
    let each = (bytes_used(&shelf) - before) as f64 / f64::from(SEGMENTS);
    println!("{each:.1} bytes for each of {SEGMENTS} segments");
    assert!(each < 40.0, "{each:.1} bytes a segment");
}

#[tokio::test]
async fn a_playlist_of_1000_segments_is_read_whole_and_quickly() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..1_000).await;
    let began = Instant::now();
    let playlist = shelf.catalog.track_playlist(film.video, "v0".into()).await.unwrap().unwrap();
    println!("1000 segments in {:?}", began.elapsed());
    assert!(playlist.segments.iter().map(|row| row.number).eq(0..1_000));
}
