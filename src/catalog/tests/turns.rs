use super::{NOW, SEGMENT, Shelf, settings};
use crate::catalog::{Catalog, CatalogError};
use futures::future::join_all;
use futures::poll;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_version_changes_with_every_commit_and_with_nothing_else() {
    let shelf = Shelf::new();
    let version = || shelf.catalog.version();
    let before = version();
    let film = shelf.growing("Film").await;
    let made = version();
    assert!(made > before);
    shelf.video(film.video).await;
    shelf.catalog.counts().await.unwrap();
    shelf.catalog.retry_ingest(film.video, NOW).await.unwrap_err();
    assert_eq!(version(), made, "nothing was committed");
    shelf.add_pack(film, 0..1).await;
    assert!(version() > made);
}

/// A worker that stores while it makes segments polls only one of both for a while.
#[tokio::test]
async fn a_caller_that_is_not_polled_delays_nobody() {
    let shelf = Shelf::new();
    let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(shelf.arrive("Waiting"))).collect();
    let mut reading: Vec<_> = (0..20).map(|_| Box::pin(shelf.catalog.counts())).collect();
    for begun in &mut waiting {
        let _ = poll!(begun);
    }
    for begun in &mut reading {
        let _ = poll!(begun);
    }
    let others = async {
        shelf.arrive("Other").await;
        shelf.catalog.counts().await.unwrap()
    };
    timeout(SOON, others).await.expect("it waits for somebody who waits for it");
    timeout(SOON, join_all(waiting)).await.unwrap();
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 21);
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_happens_all_the_same() {
    let shelf = Shelf::new();
    {
        let mut left = pin!(shelf.arrive("Film"));
        let _ = poll!(&mut left);
    }
    shelf.arrive("Next").await;
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_read_and_write_at_the_same_time() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let grow = async {
        for number in 0..40 {
            shelf.add_pack(film, number..number + 1).await;
        }
    };
    let write = join_all((0..40).map(|number| {
        let (shelf, title) = (&shelf, format!("Film {number}"));
        async move { shelf.arrive(&title).await }
    }));
    let read = join_all((0..8).map(|_| async {
        loop {
            let playlist = shelf.catalog.track_playlist(film.video, "v0".into()).await.unwrap().unwrap();
            let sizes = shelf.catalog.segment_sizes(film.rendition).await.unwrap();
            assert!(sizes.iter().all(|size| *size == SEGMENT));
            assert!(sizes.len() >= playlist.segments.len(), "what was listed is listed");
            if sizes.len() == 40 {
                return;
            }
        }
    }));
    timeout(SOON, async { tokio::join!(grow, write, read) }).await.expect("somebody waits for ever");
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 41);
}

#[tokio::test]
async fn a_panic_inside_an_operation_costs_only_that_operation() {
    let shelf = Shelf::new();
    let broken = shelf.catalog.sqlite.write(|tx| {
        tx.execute("DELETE FROM tallies", [])?;
        if tx.is_autocommit() { Ok(()) } else { panic!("on purpose") }
    });
    assert!(matches!(broken.await, Err(CatalogError::Closed)));
    for _ in 0..4 {
        let read = shelf.catalog.sqlite.read(|_| -> Result<(), CatalogError> { panic!("on purpose") });
        assert!(matches!(read.await, Err(CatalogError::Closed)));
    }
    shelf.arrive("Film").await;
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 1, "what the broken one did was taken back");
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let shelf = Shelf::new();
    let written = shelf.catalog.sqlite.read(|tx| Ok(tx.execute("DELETE FROM tallies", [])?)).await;
    assert!(matches!(written, Err(CatalogError::Engine(_))));
}

#[tokio::test]
async fn a_checkpoint_folds_the_log_into_the_file() {
    let shelf = Shelf::new();
    shelf.arrive("Film").await;
    let log = settings(&shelf.folder).file.with_extension("db-wal");
    assert!(log.metadata().unwrap().len() > 0);
    shelf.catalog.checkpoint().await.unwrap();
    assert_eq!(log.metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn what_was_answered_is_seen_by_every_other_handle() {
    let shelf = Shelf::new();
    let other: Catalog = shelf.catalog.clone();
    let video = shelf.arrive("Film").await;
    assert!(other.video(video, 1).await.unwrap().is_some());
    assert_eq!(other.version(), shelf.catalog.version());
}
