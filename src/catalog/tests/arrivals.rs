use super::{NOW, Shelf, arrival, hash, refusal};
use crate::catalog::{Accepted, Arrival, JobKind, Settlement, Source, VideoState};
use crate::media::id::UploadId;
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fn hashed(title: &str, bytes: &str, source: Source) -> Arrival {
    Arrival { hash: Some(hash(bytes)), source, ..arrival(title) }
}

#[tokio::test]
async fn an_arrival_is_a_video_with_a_queued_ingest() {
    let shelf = Shelf::new();
    let upload = UploadId::fresh();
    shelf.catalog.begin_upload(upload, Some(5_000), NOW).await.unwrap();
    assert_eq!(shelf.catalog.upload(upload).await.unwrap().unwrap().video, None);

    let video = shelf.accept(hashed("Film", "bytes", Source::Upload(upload)), NOW).await;

    let known = shelf.catalog.upload(upload).await.unwrap().unwrap();
    assert_eq!((known.video, known.bytes_total), (Some(video), Some(5_000)));
    let found = shelf.video(video).await;
    assert_eq!((found.title.as_str(), found.state, found.source_bytes), ("Film", VideoState::Received, 5_000));
    assert!(!found.playable && !found.protected && found.poster.is_none());
    let (job, lease) = shelf.claim(NOW).await.unwrap();
    assert_eq!((job.kind, job.video, job.title.as_str(), job.attempts), (JobKind::Ingest, video, "Film", 1));
    assert_eq!(shelf.catalog.source_of(lease).await.unwrap(), (Source::Upload(upload), 5_000));
}

#[tokio::test]
async fn the_same_bytes_are_recognised_and_change_nothing() {
    let shelf = Shelf::new();
    let first = shelf.accept(hashed("Film", "bytes", Source::File("/a".into())), NOW).await;
    let upload = UploadId::fresh();
    shelf.catalog.begin_upload(upload, None, NOW).await.unwrap();

    let again = shelf.catalog.accept(hashed("Film again", "bytes", Source::Upload(upload)), NOW).await.unwrap();

    assert_eq!(again, Accepted::Known(first));
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 1);
    assert!(shelf.catalog.upload(upload).await.unwrap().is_none(), "its row would name bytes nobody needs");
    assert_eq!(shelf.catalog.open_jobs(NOW, 10).await.unwrap().len(), 1);
    assert_eq!(shelf.catalog.video_of_bytes(hash("bytes")).await.unwrap(), Some(first));
    assert_eq!(shelf.catalog.video_of_bytes(hash("other")).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_bytes_are_taken_again_when_asked() {
    let shelf = Shelf::new();
    let first = shelf.accept(hashed("Film", "bytes", Source::File("/a".into())), NOW).await;
    let insist = Arrival { again: true, ..hashed("Film", "bytes", Source::File("/a".into())) };
    assert_ne!(shelf.accept(insist, NOW).await, first);
    assert_eq!(shelf.catalog.video_of_bytes(hash("bytes")).await.unwrap(), Some(first), "the older one answers");
}

#[tokio::test]
async fn bytes_of_a_film_that_failed_or_is_in_the_trash_may_come_again() {
    let shelf = Shelf::new();
    let failed = shelf.accept(hashed("Failed", "one", Source::File("/a".into())), NOW).await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Failed("no".into()), NOW).await.unwrap();
    assert_ne!(shelf.accept(hashed("Failed", "one", Source::File("/a".into())), NOW).await, failed);

    let trashed = shelf.accept(hashed("Trashed", "two", Source::File("/b".into())), NOW).await;
    shelf.catalog.trash_video(trashed, NOW, NOW).await.unwrap();
    assert_eq!(shelf.catalog.video_of_bytes(hash("two")).await.unwrap(), None);
}

#[tokio::test]
async fn an_upload_id_is_taken_once() {
    let shelf = Shelf::new();
    let upload = UploadId::fresh();
    shelf.catalog.begin_upload(upload, None, NOW).await.unwrap();
    let why = refusal(shelf.catalog.begin_upload(upload, Some(1), NOW).await);
    assert!(why.contains("choose a new Upload-Id"), "{why}");

    shelf.catalog.drop_upload(upload).await.unwrap();
    shelf.catalog.begin_upload(upload, None, NOW).await.unwrap();
    shelf.accept(hashed("Film", "bytes", Source::Upload(upload)), NOW).await;
    shelf.catalog.drop_upload(upload).await.unwrap();
    assert!(shelf.catalog.upload(upload).await.unwrap().is_some(), "what arrived did not break off");
    refusal(shelf.catalog.begin_upload(upload, None, NOW).await);
}

#[tokio::test]
async fn a_restart_drops_what_was_arriving_and_keeps_the_sources_still_needed() {
    let shelf = Shelf::new();
    let [ready, waiting, arriving] = [UploadId::fresh(), UploadId::fresh(), UploadId::fresh()];
    for upload in [ready, waiting, arriving] {
        shelf.catalog.begin_upload(upload, None, NOW).await.unwrap();
    }
    shelf.accept(hashed("Ready", "one", Source::Upload(ready)), NOW).await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.rows().execute("UPDATE videos SET state = 'ready'", []).unwrap();
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();
    shelf.accept(hashed("Waiting", "two", Source::Upload(waiting)), NOW).await;

    assert_eq!(shelf.catalog.sort_out_uploads().await.unwrap(), HashMap::from([(waiting, 0)]));
    assert!(shelf.catalog.upload(arriving).await.unwrap().is_none());
}

#[tokio::test]
async fn a_path_that_is_not_text_is_refused_with_the_way_out() {
    let shelf = Shelf::new();
    let path = OsString::from_vec(b"/films/\xff.mp4".to_vec());
    let odd = Arrival { source: Source::File(path.into()), ..arrival("Odd") };
    let why = refusal(shelf.catalog.accept(odd, NOW).await);
    assert!(why.contains("rename it"), "{why}");
    assert_eq!(shelf.catalog.counts().await.unwrap().videos, 0);
}
