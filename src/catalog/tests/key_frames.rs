use super::{LEASE_END, Measured, NOW, SEGMENT, Shelf, key_frame, segments_in, settings};
use crate::catalog::{Catalog, Growth, KeyFrames};
use crate::media::id::VideoId;
use crate::media::key_frame::KeyFrame;
use crate::media::rendition::Rates;
use rusqlite::Connection;
use std::fs;

const RATES: Rates = Rates { peak: 7, average: 5 };

/// The key frames of `segments_in`.
fn of_segments(count: u32) -> KeyFrames {
    let frames = (0..count).map(|number| (number, key_frame(number))).collect();
    KeyFrames { frames, span: 0..u64::from(count * SEGMENT.1) }
}

#[tokio::test]
async fn key_frames_come_with_their_segments_and_go_on_after_a_restart() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    assert_eq!(shelf.catalog.key_frames_of(film.rendition).await.unwrap(), KeyFrames::default());
    shelf.add_pack(film, 0..2).await;
    assert_eq!(shelf.catalog.key_frames_of(film.rendition).await.unwrap(), of_segments(2));

    let Shelf { folder, catalog } = shelf;
    drop(catalog);
    let shelf = Shelf { catalog: Catalog::open(&settings(&folder)).unwrap(), folder };
    shelf.add_pack(film, 2..3).await;

    assert_eq!(shelf.catalog.key_frames_of(film.rendition).await.unwrap(), of_segments(3));
}

#[tokio::test]
async fn a_segment_may_have_many_key_frames_or_none() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.catalog.open_pack(film.lease, film.rendition, 0).await.unwrap();
    let mut segments = segments_in(blob, 0..3);
    let second = KeyFrame { offset: 5_000_000, len: 300_000, start: 3_900 };
    segments[1].key_frames.push(second);
    segments[2].key_frames.clear();
    let growth = Growth { segments, ..Growth::default() };
    shelf.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
    let found = shelf.catalog.key_frames_of(film.rendition).await.unwrap();
    assert_eq!(found.frames, [(0, key_frame(0)), (1, key_frame(1)), (1, second)]);
    assert_eq!(found.span, 0..6_000);
}

#[tokio::test]
async fn players_find_key_frames_once_the_track_is_finished_and_has_rates_for_them() {
    for rates in [None, Some(RATES)] {
        let shelf = Shelf::new();
        let film = shelf.growing("Film").await;
        shelf.add_pack(film, 0..2).await;
        let asked = || shelf.catalog.track_key_frames(film.video, "v0".into());
        assert_eq!(asked().await.unwrap(), None, "it still grows");
        let measured = Measured { peak: 1, average: 1, i_frames: rates };
        shelf.catalog.finish_rendition(film.lease, film.rendition, measured).await.unwrap();
        assert_eq!(asked().await.unwrap(), rates.map(|_| (1_000, of_segments(2))));
        let rendition = shelf.catalog.tracks(film.video).await.unwrap().unwrap().renditions.remove(0);
        assert_eq!(rendition.i_frames, rates);
        assert_eq!(shelf.catalog.track_key_frames(film.video, "v1".into()).await.unwrap(), None);
        shelf.catalog.trash_video(film.video, LEASE_END, NOW).await.unwrap();
        assert_eq!(asked().await.unwrap(), None, "it is in the trash");
    }
}

#[tokio::test]
async fn key_frames_that_cannot_be_read_are_a_fault_and_not_a_shorter_list() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..1).await;
    shelf.rows().execute("UPDATE key_frames SET frames = x'8080'", []).unwrap();
    assert!(shelf.catalog.key_frames_of(film.rendition).await.is_err());
}

/// A catalog as it was before key frames were kept, with a film in it that is ready.
fn older_catalog(file: &std::path::Path, video: VideoId) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut scripts: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|script| script.file_name().unwrap().to_str().unwrap() < "0008");
    scripts.sort();
    let old = Connection::open(file).unwrap();
    for script in &scripts {
        old.execute_batch(&fs::read_to_string(script).unwrap()).unwrap();
    }
    old.pragma_update(None, "user_version", scripts.len()).unwrap();
    old.pragma_update(None, "application_id", 0x544C_434E).unwrap();
    old.execute(
        "INSERT INTO videos (id, uuid, title, state, source_kind, source, source_bytes, tracks, created_at, updated_at)
         VALUES (1, ?1, 'Film', 'ready', 'file', '/film', 9, 1, 0, 0)",
        [video.0],
    )
    .unwrap();
    old.execute_batch(
        "INSERT INTO renditions (id, video, number, name, kind, method, why, state, codecs, timescale, target_duration,
                planned_bandwidth, peak_bandwidth, average_bandwidth)
         VALUES (1, 1, 0, 'v0', 'video', 'copied', '', 'finished', 'avc1.640028', 1000, 2, 9, 8, 7);
         INSERT INTO segments (rendition, number, start, duration, init, blob, piece_offset, piece_len)
         VALUES (1, 0, 10000, 2000, 1, 1, 0, 100);",
    )
    .unwrap();
}

#[tokio::test]
async fn what_was_made_before_key_frames_were_kept_plays_as_ever_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let video = VideoId::fresh();
    older_catalog(&settings(&folder).file, video);

    let catalog = Catalog::open(&settings(&folder)).unwrap();

    let track = catalog.tracks(video).await.unwrap().unwrap().renditions.remove(0);
    assert_eq!((track.bandwidth, track.average_bandwidth, track.i_frames), (8, Some(7), None));
    assert_eq!(catalog.track_playlist(video, "v0".into()).await.unwrap().unwrap().segments.len(), 1);
    assert_eq!(catalog.track_key_frames(video, "v0".into()).await.unwrap(), None);
    let found = catalog.key_frames_of(track.id).await.unwrap();
    assert_eq!(found, KeyFrames { frames: Vec::new(), span: 10_000..12_000 });
}
