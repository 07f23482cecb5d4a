use super::{LEASE_END, NOW, Shelf, refusal};
use crate::catalog::{JobKind, JobState, Settlement, Source, VideoState};
use crate::media::id::VideoId;
use crate::media::time::Timestamp;

/// When what goes to the trash at `NOW` is to be forgotten.
const FORGET_AT: Timestamp = Timestamp(9_000_000);

#[tokio::test]
async fn a_film_in_the_trash_is_forgotten_when_its_time_has_come() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    assert_eq!(shelf.catalog.trash_video(video, FORGET_AT, NOW).await.unwrap(), Some(vec![]));
    assert_eq!(shelf.video(video).await.trashed_at, Some(NOW));
    assert!(shelf.claim(Timestamp(FORGET_AT.0 - 1)).await.is_none());
    let (job, _) = shelf.claim(FORGET_AT).await.unwrap();
    assert_eq!((job.kind, job.video), (JobKind::Forget, video));
    assert_eq!(shelf.catalog.trash_video(VideoId::fresh(), FORGET_AT, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn deleting_twice_keeps_the_earlier_time_and_one_job() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    for forget_at in [FORGET_AT, LEASE_END, FORGET_AT] {
        shelf.catalog.trash_video(video, forget_at, NOW).await.unwrap();
    }
    assert_eq!(shelf.catalog.next_job_due(JobKind::Forget, Vec::new(), NOW).await.unwrap(), Some(LEASE_END));
    assert_eq!(shelf.catalog.open_jobs(FORGET_AT, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_restored_film_is_as_before_and_is_not_forgotten_later() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, FORGET_AT, NOW).await.unwrap();
    assert!(shelf.catalog.restore_video(video, NOW).await.unwrap());

    let found = shelf.video(video).await;
    assert_eq!((found.state, found.trashed_at, found.playable), (VideoState::Ready, None, true));
    assert!(shelf.claim(FORGET_AT).await.is_none(), "the order to forget it was taken back");
    assert!(shelf.catalog.restore_video(video, NOW).await.unwrap(), "it is where it was wanted");
    assert!(!shelf.catalog.restore_video(VideoId::fresh(), NOW).await.unwrap());
}

#[tokio::test]
async fn a_preparation_stopped_by_the_deletion_goes_on_after_the_restore() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..2).await;
    shelf.catalog.trash_video(film.video, FORGET_AT, NOW).await.unwrap();
    shelf.catalog.restore_video(film.video, LEASE_END).await.unwrap();

    let found = shelf.video(film.video).await;
    assert_eq!((found.state, found.error, found.job_state), (VideoState::Received, None, Some(JobState::Queued)));
    let (job, _) = shelf.claim(LEASE_END).await.unwrap();
    assert_eq!((job.kind, job.video), (JobKind::Ingest, film.video));
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap().next_number, 2);
}

#[tokio::test]
async fn a_preparation_that_a_person_stopped_stays_stopped_after_the_restore() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    shelf.catalog.cancel_ingest(video, NOW).await.unwrap();
    shelf.catalog.trash_video(video, FORGET_AT, Timestamp(NOW.0 + 1)).await.unwrap();
    shelf.catalog.restore_video(video, LEASE_END).await.unwrap();
    assert_eq!(shelf.video(video).await.state, VideoState::Failed);
    assert!(shelf.claim(FORGET_AT).await.is_none());
}

#[tokio::test]
async fn a_film_that_failed_is_restored_as_failed() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Failed("no sound".into()), NOW).await.unwrap();
    shelf.catalog.trash_video(video, FORGET_AT, NOW).await.unwrap();
    shelf.catalog.restore_video(video, NOW).await.unwrap();
    assert_eq!(shelf.video(video).await.error.as_deref(), Some("no sound"));
    assert!(shelf.claim(FORGET_AT).await.is_none());
}

#[tokio::test]
async fn there_is_no_way_back_once_the_forgetting_began() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    refusal(shelf.catalog.restore_video(video, NOW).await);
    shelf.catalog.doom(lease).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Wait(LEASE_END, "the store rests".into()), NOW).await.unwrap();
    let why = refusal(shelf.catalog.restore_video(video, NOW).await);
    assert!(why.contains("removed for good"), "{why}");
    assert!(shelf.video(video).await.trashed_at.is_some());
}

#[tokio::test]
async fn a_forgetting_that_was_handed_back_before_it_did_anything_can_be_taken_back() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::HandedBack, NOW).await.unwrap();
    assert!(shelf.catalog.restore_video(video, NOW).await.unwrap());
    assert!(shelf.claim(FORGET_AT).await.is_none());
}

#[tokio::test]
async fn a_forgetting_that_failed_begins_anew_when_the_film_is_deleted_again() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.doom(lease).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Failed("the store refused".into()), NOW).await.unwrap();

    shelf.catalog.trash_video(video, LEASE_END, NOW).await.unwrap();

    let (job, lease) = shelf.claim(LEASE_END).await.expect("else it stays in the trash for ever");
    assert_eq!((job.kind, job.video), (JobKind::Forget, video));
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    assert_eq!(shelf.catalog.open_jobs(FORGET_AT, 10).await.unwrap().len(), 1, "a running one is enough");
    assert_eq!(shelf.catalog.doom(lease).await.unwrap().len(), 1);
}

#[tokio::test]
async fn forgetting_leaves_no_row_of_the_film_and_all_of_the_others() {
    let shelf = Shelf::new();
    let kept = shelf.ready("Kept").await;
    let before = rows(&shelf);
    let film = shelf.growing("Film").await;
    let stored = shelf.add_pack(film, 0..1).await;
    let (first, second) = (shelf.store(film.lease, stored, 0).await, shelf.store(film.lease, stored, 1).await);
    shelf.catalog.copy_lost(stored, second.clone(), NOW).await.unwrap();
    let sealed = shelf.add_pack(film, 1..2).await;
    let open = shelf.catalog.open_pack(film.lease, film.rendition, 2).await.unwrap();
    shelf.catalog.trash_video(film.video, NOW, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();

    let doomed = shelf.catalog.doom(lease).await.unwrap();
    let named: Vec<_> = doomed.iter().map(|it| (it.blob, it.locators.clone())).collect();
    assert_eq!(
        named,
        [(stored, vec![first, second]), (sealed, vec![]), (open, vec![])],
        "also what is lost may lie there"
    );
    for blob in &doomed {
        refusal(shelf.catalog.forget_video(lease).await);
        shelf.catalog.forget_blobs(lease, vec![blob.blob]).await.unwrap();
    }
    assert_eq!(shelf.catalog.forget_video(lease).await.unwrap(), Source::File("/films/Film.mp4".into()));

    assert!(shelf.catalog.video(film.video, 1).await.unwrap().is_none());
    assert_eq!(rows(&shelf), before);
    assert!(shelf.video(kept).await.playable);
}

#[tokio::test]
async fn only_what_is_in_the_trash_is_doomed() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    refusal(shelf.catalog.doom(film.lease).await);
    shelf.catalog.forget_blobs(film.lease, vec![blob]).await.unwrap();
    assert_eq!(shelf.catalog.sealed_blobs(film.lease).await.unwrap(), [blob], "a blob that is not doomed stays");
}

/// How many rows each table has.
fn rows(shelf: &Shelf) -> Vec<(String, i64)> {
    let rows = shelf.rows();
    let tables = [
        "videos",
        "videos_text",
        "renditions",
        "init_segments",
        "blobs",
        "copies",
        "segments",
        "segment_pieces",
        "key_frames",
        "uploads",
        "jobs",
    ];
    let count = |table: &str| rows.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    tables.iter().map(|table| ((*table).to_owned(), count(table))).collect()
}
