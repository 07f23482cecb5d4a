use super::{Shelf, settings};
use crate::catalog::{Catalog, CatalogError};
use rusqlite::Connection;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use tempfile::TempDir;

/// What a person reads when the catalog cannot be opened. The file must still be there.
fn refused(folder: &TempDir) -> String {
    let file = settings(folder).file;
    match Catalog::open(&settings(folder)) {
        Err(error @ CatalogError::Unusable { .. }) => {
            let words = error.to_string();
            assert!(words.contains(&*file.to_string_lossy()), "it does not name the file: {words}");
            assert!(file.exists());
            words
        }
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_catalog_and_a_closed_one_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(settings(&folder).file, b"").unwrap();
    let shelf = Shelf { catalog: Catalog::open(&settings(&folder)).unwrap(), folder };
    let video = shelf.ready("Film").await;
    let Shelf { folder, catalog } = shelf;
    drop(catalog);

    let again = Shelf { catalog: Catalog::open(&settings(&folder)).unwrap(), folder };

    assert!(again.video(video).await.playable);
    let version: i64 = again.rows().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version as usize, fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap().count());
}

#[tokio::test]
async fn what_an_older_catalog_was_in_doubt_about_is_still_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let older = Connection::open(settings(&folder).file).unwrap();
    for step in [
        include_str!("../../../migrations/0001_library.sql"),
        include_str!("../../../migrations/0002_telegram.sql"),
        include_str!("../../../migrations/0003_shares.sql"),
        include_str!("../../../migrations/0004_missed.sql"),
    ] {
        older.execute_batch(step).unwrap();
    }
    older.pragma_update(None, "user_version", 4).unwrap();
    older.pragma_update(None, "application_id", 0x544C_434E).unwrap();
    let nonce = uuid::Uuid::new_v4();
    older.execute("INSERT INTO doubts (channel, nonce, at) VALUES ('1', ?1, 5)", [nonce]).unwrap();
    drop(older);

    let catalog = Catalog::open(&settings(&folder)).unwrap();

    let doubts: Vec<_> = catalog.doubts().await.unwrap().into_values().flatten().collect();
    assert_eq!(doubts.into_iter().map(|doubt| doubt.copy.imprint).collect::<Vec<_>>(), [nonce]);
}

#[tokio::test]
async fn films_of_a_catalog_that_knew_no_kept_files_keep_their_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let older = Connection::open(settings(&folder).file).unwrap();
    let steps: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap() < "0011")
        .collect();
    for step in steps.iter().collect::<std::collections::BTreeSet<_>>() {
        older.execute_batch(&fs::read_to_string(step).unwrap()).unwrap();
    }
    older.pragma_update(None, "user_version", steps.len()).unwrap();
    older.pragma_update(None, "application_id", 0x544C_434E).unwrap();
    let video = crate::media::id::VideoId::fresh();
    older
        .execute(
            "INSERT INTO videos (id, uuid, title, state, source_kind, source, source_bytes, tracks, created_at, updated_at)
             VALUES (3, ?1, 'Film', 'ready', 'file', '/film', 1, 1, 1, 1)",
            [video.0],
        )
        .unwrap();
    older
        .execute_batch(
            "INSERT INTO renditions (id, video, number, name, kind, method, why, state, codecs, timescale, target_duration,
                                     planned_bandwidth, refines, forced, i_frame_peak_bandwidth)
             VALUES (7, 3, 0, 'v0', 'video', 'copied', '', 'finished', 'avc1', 1000, 6, 1, 0, 0, 5),
                    (9, 3, 4000, 'p0', 'images', 'encoded', '', 'finished', 'jpeg', 1000, 6, 1, 1, 0, NULL);
             INSERT INTO init_segments (rendition, bytes) VALUES (7, x'01');
             INSERT INTO segments (rendition, number, start, duration, init, blob, piece_offset, piece_len)
             VALUES (7, 0, 0, 1000, 1, 1, 0, 5);",
        )
        .unwrap();
    drop(older);

    let catalog = Catalog::open(&settings(&folder)).unwrap();

    let tracks = catalog.details(video).await.unwrap();
    let told: Vec<_> = tracks.iter().map(|track| (track.id.0, track.name.as_str(), track.kind.as_str())).collect();
    assert_eq!(told, [(7, "v0", "video"), (9, "p0", "images")]);
    assert_eq!(catalog.tracks(video).await.unwrap().unwrap().renditions.len(), 1, "its segments are still its own");
    let whole = catalog.whole_track(video, "v0".into()).await.unwrap().unwrap();
    assert_eq!((whole.init, whole.segments), (vec![1], vec![(5, 1000)]));
    assert_eq!(catalog.kept_original(video).await.unwrap(), None);
    let rows = Connection::open(settings(&folder).file).unwrap();
    rows.execute("UPDATE renditions SET kind = 'original', sha256 = zeroblob(32) WHERE id = 9", []).unwrap();
    assert!(rows.execute("UPDATE renditions SET sha256 = x'00' WHERE id = 9", []).is_err());
}

#[test]
fn a_catalog_of_a_newer_version_is_refused_with_the_way_out() {
    let shelf = Shelf::new();
    shelf.rows().pragma_update(None, "user_version", 1_000).unwrap();
    let Shelf { folder, catalog } = shelf;
    drop(catalog);
    let words = refused(&folder);
    assert!(words.contains("newer version") && words.contains("backup"), "{words}");
}

#[test]
fn a_database_of_another_program_is_refused_and_not_touched() {
    for (version, application) in [(0, 0), (7, 0), (0, 42), (1, 42)] {
        let folder = tempfile::tempdir().unwrap();
        let other = Connection::open(settings(&folder).file).unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')").unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        other.pragma_update(None, "application_id", application).unwrap();
        drop(other);
        let before = fs::read(settings(&folder).file).unwrap();
        let words = refused(&folder);
        assert!(words.contains("another program") && words.contains("DATA_DIR"), "{words}");
        assert!(fs::read(settings(&folder).file).unwrap() == before, "version {version}: the file changed");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(settings(&folder).file, b"a letter to my aunt ".repeat(500)).unwrap();
    let words = refused(&folder);
    assert!(words.contains("backup") && words.contains("move it away"), "{words}");
}

#[tokio::test]
async fn a_damaged_catalog_is_refused_with_the_way_out() {
    let shelf = Shelf::new();
    for number in 0..50 {
        shelf.arrive(&format!("Film {number}")).await;
    }
    shelf.catalog.checkpoint().await.unwrap();
    let Shelf { folder, catalog } = shelf;
    drop(catalog);
    let file = settings(&folder).file;
    let len = fs::metadata(&file).unwrap().len();
    let mut bytes = fs::OpenOptions::new().write(true).open(&file).unwrap();
    for page in 1..len / 4096 {
        bytes.seek(SeekFrom::Start(page * 4096)).unwrap();
        bytes.write_all(&[0x5a; 512]).unwrap();
    }
    drop(bytes);
    let words = refused(&folder);
    assert!(words.contains("backup"), "{words}");
}

#[tokio::test]
async fn a_catalog_that_was_cut_short_is_refused() {
    let Shelf { folder, catalog } = Shelf::new();
    catalog.checkpoint().await.unwrap();
    drop(catalog);
    let file = settings(&folder).file;
    let len = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(len / 2).unwrap();
    let words = refused(&folder);
    assert!(words.contains("backup"), "{words}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.file = folder.path().join("missing/catalog.db");
    assert!(matches!(Catalog::open(&settings), Err(CatalogError::Unusable { .. })));
}
