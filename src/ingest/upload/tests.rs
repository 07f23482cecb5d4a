use super::{GoOn, Parts, Trust, UploadError, Uploads};
use crate::catalog::{Labels, ResumableKind};
use crate::ffmpeg::{self, Ffmpeg};
use crate::ingest::Foresight;
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use crate::tests::Sample;
use bytes::Bytes;
use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Builder;

const FROM_START: GoOn = GoOn { at: 0, bytes_total: None, trust: Trust::AsTheyCome };

const FAR: Timestamp = Timestamp(i64::MAX);

fn uploads(sample: &Sample) -> Uploads {
    let ffmpeg = Ffmpeg::new(ffmpeg::Settings::new("telecine".into(), sample.folder.path().into())).unwrap();
    Uploads::new(Parts {
        catalog: sample.catalog.clone(),
        spool: sample.spool.clone(),
        foresight: Foresight::new(ffmpeg, sample.shutdown.clone()),
        jobs: sample.jobs.clone(),
        events: sample.events.clone(),
        clock: sample.clock.clone(),
        shutdown: sample.shutdown.clone(),
        max_bytes: 1_000_000,
        expires: Duration::from_secs(60),
    })
}

fn labels(kind: ResumableKind) -> Labels {
    Labels { kind, file_name: "Film.mkv".into(), title: None, again: false, said: String::new(), parts: String::new() }
}

/// A fresh upload of nine bytes.
async fn begun(uploads: &Uploads, kind: ResumableKind) -> UploadId {
    uploads.create(labels(kind), Some(9)).await.unwrap().told()
}

async fn sent(uploads: &Uploads, id: UploadId, at: u64, bytes: &'static [u8]) {
    let mut turn = uploads.go_on(id, GoOn { at, ..FROM_START }).await.unwrap();
    turn.write(Bytes::from_static(bytes)).await.unwrap();
    turn.keep().await.unwrap();
}

/// Runs it where blocking work is done one at a time, so that a test can hold all of it up.
fn where_work_can_be_held_up(story: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap().block_on(story);
}

/// Holds all blocking work up until the sender is dropped.
fn held_up() -> mpsc::Sender<()> {
    let (go_on, wait) = mpsc::channel();
    tokio::task::spawn_blocking(move || wait.recv().is_err());
    go_on
}

async fn eventually(what: &str, fact: impl AsyncFn() -> bool) {
    let wait = async {
        while !fact().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect(what);
}

/// Lets this be begun, and hangs up.
async fn begun_and_dropped(work: impl Future) {
    let mut work = std::pin::pin!(work);
    assert!(futures::poll!(&mut work).is_pending(), "it ended at once");
    tokio::task::yield_now().await;
    assert!(futures::poll!(&mut work).is_pending(), "it ended at once");
}

#[test]
fn a_seat_is_not_left_while_its_file_is_opened_for_a_sender_that_hung_up() {
    where_work_can_be_held_up(async {
        let sample = Sample::new().await;
        let before = uploads(&sample);
        let id = begun(&before, ResumableKind::Whole).await;
        sent(&before, id, 0, b"some ").await;
        let uploads = uploads(&sample);
        let (taken, upload) = uploads.seize(id).await.unwrap();
        let held = held_up();

        begun_and_dropped(uploads.seated(taken, upload, GoOn { at: 5, ..FROM_START })).await;

        let seat = uploads.seats()[&id].held.clone();
        assert!(seat.try_lock().is_err(), "the next one would go on while the file is cut off");
        drop(held);
        assert!(seat.lock().await.is_some(), "and finds it open");
        sent(&uploads, id, 5, b"byte").await;
        assert_eq!(std::fs::read(sample.spool.upload_path(id)).unwrap(), b"some byte");
    });
}

#[test]
fn a_newcomer_does_not_wait_until_all_is_read_that_came_before() {
    where_work_can_be_held_up(async {
        let sample = Sample::new().await;
        let before = uploads(&sample);
        let id = begun(&before, ResumableKind::Whole).await;
        sent(&before, id, 0, b"some ").await;
        let uploads = uploads(&sample);
        let (taken, upload) = uploads.seize(id).await.unwrap();
        let (held, newcomer) = (held_up(), taken.stop.clone());
        let mut turn = std::pin::pin!(uploads.seated(taken, upload, GoOn { at: 5, ..FROM_START }));
        assert!(futures::poll!(&mut turn).is_pending());
        tokio::task::yield_now().await;

        newcomer.cancel();
        drop(held);

        assert!(matches!(turn.await.err(), Some(UploadError::Superseded)));
        sent(&uploads, id, 5, b"byte").await;
        assert_eq!(std::fs::read(sample.spool.upload_path(id)).unwrap(), b"some byte");
    });
}

#[test]
fn an_upload_is_removed_to_its_end_although_its_sender_hung_up() {
    where_work_can_be_held_up(async {
        let sample = Sample::new().await;
        let uploads = uploads(&sample);
        let id = begun(&uploads, ResumableKind::Whole).await;
        sent(&uploads, id, 0, b"some ").await;
        let (taken, _) = uploads.seize(id).await.unwrap();
        let held = held_up();

        begun_and_dropped(uploads.removed(id, taken)).await;

        drop(held);
        sample.shutdown.finish(Duration::from_secs(10)).await;
        assert!(sample.catalog.resumable(id).await.unwrap().is_none());
        assert_eq!((sample.files(), sample.spool.usage().uploads_bytes), (0, 0));
    });
}

#[test]
fn an_upload_whose_name_nobody_heard_keeps_no_room() {
    where_work_can_be_held_up(async {
        let sample = Sample::new().await;
        let uploads = uploads(&sample);
        let held = held_up();
        begun_and_dropped(uploads.create(labels(ResumableKind::Whole), Some(9))).await;
        drop(held);
        let begun = uploads.create(labels(ResumableKind::Whole), Some(9)).await.unwrap();
        let mut turn = uploads.go_on(begun.id(), FROM_START).await.unwrap();
        turn.write(Bytes::from_static(b"some ")).await.unwrap();

        // As when the connection breaks.
        drop((turn, begun));

        eventually("there is no record", async || sample.catalog.abandoned_uploads(FAR).await.unwrap().is_empty())
            .await;
        eventually("there is room", async || (sample.files(), sample.spool.usage().uploads_bytes) == (0, 0)).await;
    });
}

#[tokio::test]
async fn what_is_complete_or_gone_has_no_seat() {
    let sample = Sample::new().await;
    let uploads = uploads(&sample);
    let film = begun(&uploads, ResumableKind::Whole).await;
    sent(&uploads, film, 0, b"some byte").await;
    let gone = begun(&uploads, ResumableKind::Whole).await;
    uploads.terminate(gone).await.unwrap();
    assert!(matches!(uploads.go_on(film, GoOn { at: 9, ..FROM_START }).await.err(), Some(UploadError::Complete)));
    assert!(matches!(uploads.terminate(film).await, Err(UploadError::Complete)));
    assert!(matches!(uploads.go_on(gone, FROM_START).await.err(), Some(UploadError::NoSuchUpload)));
    assert!(uploads.seats().is_empty());
}
