use super::{Shelf, piece};
use crate::catalog::{Growth, NewSegment};
use crate::media::key_frame::KeyFrame;
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
        key_frames: Vec::new(),
    }
}

/// The key frames of such a segment, `each` of them, evenly.
fn key_frames(segment: &NewSegment, each: u32) -> Vec<KeyFrame> {
    let frame = |number: u32| KeyFrame {
        offset: u64::from(number * 2_250_000 / each),
        len: 60_000 + u64::from(segment.number % 30_000),
        start: i64::try_from(segment.start).unwrap() + 7_200 + i64::from(number * segment.duration / each),
    };
    (0..each).map(frame).collect()
}

fn bytes_used(shelf: &Shelf) -> i64 {
    let rows = shelf.rows();
    let pragma = |name: &str| rows.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
}

/// Bytes that each of so many segments costs, listed with so many key frames.
async fn cost_of_a_segment(count: u32, with: u32) -> f64 {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.catalog.open_pack(film.lease, film.rendition, 0).await.unwrap();
    let before = bytes_used(&shelf);
    for first in (0..count).step_by(1_000) {
        let mut segments: Vec<NewSegment> = (first..first + 1_000).map(|number| segment(number, blob)).collect();
        segments.iter_mut().for_each(|segment| segment.key_frames = key_frames(segment, with));
        let growth = Growth { segments, ..Growth::default() };
        shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
    }
    (bytes_used(&shelf) - before) as f64 / f64::from(count)
}

#[tokio::test]
async fn a_segment_costs_less_than_40_bytes_of_the_catalog() {
    let each = cost_of_a_segment(SEGMENTS, 0).await;
    println!("{each:.1} bytes for each of {SEGMENTS} segments");
    assert!(each < 40.0, "{each:.1} bytes a segment");
}

#[tokio::test]
async fn a_key_frame_costs_less_than_16_bytes_of_the_catalog() {
    let alone = cost_of_a_segment(20_000, 0).await;
    for with in [3, 6] {
        let each = (cost_of_a_segment(20_000, with).await - alone) / f64::from(with);
        println!("{with} key frames a segment: {each:.1} bytes each, {:.0} an hour", each * f64::from(with) * 600.0);
        assert!(each < 16.0, "{each:.1} bytes a key frame");
    }
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
