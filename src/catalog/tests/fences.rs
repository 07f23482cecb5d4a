use super::{Film, LEASE_END, NOW, Shelf, sealed, segments_in, track};
use crate::catalog::{CatalogError, Growth, JobLease, Measured, Progress, Settlement, Shown, Wanted};
use crate::media::extent::{ChannelId, Locator};
use crate::media::id::{BlobId, RenditionId};
use crate::media::rendition::TrackName;
use crate::media::time::Timestamp;
use uuid::Uuid;

/// What every operation that takes a lease answers to this one.
async fn answers(
    shelf: &Shelf,
    lease: JobLease,
    rendition: RenditionId,
    blob: BlobId,
) -> Vec<(&'static str, Result<(), CatalogError>)> {
    let catalog = &shelf.catalog;
    let (nonce, locator) = (Uuid::new_v4(), Locator("local:1/x".into()));
    let added = TrackName::added_subtitles(0).unwrap();
    let growth = || Growth { segments: segments_in(blob, 1..2), ..Growth::default() };
    let measured = Measured { peak: 1, average: 1, i_frames: None };
    let forward = catalog.intend_forward(lease, blob, 1, ChannelId("2".into()), locator.clone(), NOW);
    vec![
        ("beat_job", catalog.beat_job(lease, LEASE_END, Progress::default()).await),
        ("settle_job", catalog.settle_job(lease, Settlement::Done, NOW).await),
        ("source_of", catalog.source_of(lease).await.map(drop)),
        ("begin_processing", catalog.begin_processing(lease, NOW).await.map(drop)),
        ("record_plan", catalog.record_plan(lease, "p".into(), "q".into(), Shown::default(), NOW).await),
        ("plan_of", catalog.plan_of(lease).await.map(drop)),
        ("begin_rendition", catalog.begin_rendition(lease, track("v1")).await.map(drop)),
        ("renditions_of", catalog.renditions_of(lease).await.map(drop)),
        ("finish_rendition", catalog.finish_rendition(lease, rendition, measured).await),
        ("grow", catalog.grow(lease, rendition, growth()).await),
        ("open_pack", catalog.open_pack(lease, rendition, 1).await.map(drop)),
        ("packs_in_making", catalog.packs_in_making(lease, rendition).await.map(drop)),
        ("open_poster", catalog.open_poster(lease).await.map(drop)),
        ("seal_poster", catalog.seal_poster(lease, sealed(blob, 1)).await),
        ("sealed_blobs", catalog.sealed_blobs(lease).await.map(drop)),
        ("stored_blobs", catalog.stored_blobs(lease).await.map(drop)),
        ("has_poster", catalog.has_poster(lease).await.map(drop)),
        ("blob_to_store", catalog.blob_to_store(lease, blob).await.map(drop)),
        ("intend_copy", catalog.intend_copy(lease, blob, 0, ChannelId("1".into()), NOW).await.map(drop)),
        ("intend_forward", forward.await.map(drop)),
        ("copy_sent", catalog.copy_sent(lease, blob, nonce, locator, NOW).await),
        ("copy_verified", catalog.copy_verified(lease, blob, nonce, NOW).await),
        ("copy_refused", catalog.copy_refused(lease, blob, nonce).await),
        ("discard_copies", catalog.discard_copies(lease, blob, Vec::new(), NOW).await),
        ("blobs_to_mend", catalog.blobs_to_mend(lease, &Wanted::of(Vec::new(), 1)).await.map(drop)),
        ("blobs_to_move", catalog.blobs_to_move(lease, &[], 1).await.map(drop)),
        ("publish", catalog.publish(lease, false, NOW).await),
        ("finish_original", catalog.finish_original(lease, rendition, [0; 32]).await),
        ("discard_superseded", catalog.discard_superseded(lease, NOW).await.map(drop)),
        ("discard_removed", catalog.discard_removed(lease, NOW).await.map(drop)),
        ("sidecars_to_make", catalog.sidecars_to_make(lease).await.map(drop)),
        ("sidecar_text", catalog.sidecar_text(lease, added).await.map(drop)),
        ("sidecar_made", catalog.sidecar_made(lease, added).await),
        ("sidecar_unusable", catalog.sidecar_unusable(lease, added).await),
        ("rival_of", catalog.rival_of(lease, Vec::new(), NOW).await.map(drop)),
        ("priority_of", catalog.priority_of(lease).await.map(drop)),
        ("discard_unkept", catalog.discard_unkept(lease, NOW).await.map(drop)),
        ("discard_unmade", catalog.discard_unmade(lease, NOW).await.map(drop)),
        ("discard_unmade_sounds", catalog.discard_unmade_sounds(lease, NOW).await.map(drop)),
        ("doom", catalog.doom(lease).await.map(drop)),
        ("forget_copies", catalog.forget_copies(lease, Vec::new(), Vec::new(), NOW).await),
        ("forget_blobs", catalog.forget_blobs(lease, vec![blob]).await),
        ("abandon_blobs", catalog.abandon_blobs(lease, vec![blob], NOW).await),
        ("forget_video", catalog.forget_video(lease).await.map(drop)),
    ]
}

async fn assert_all_lost(shelf: &Shelf, film: Film, blob: BlobId) {
    let before = shelf.catalog.version();
    for (operation, answer) in answers(shelf, film.lease, film.rendition, blob).await {
        assert!(matches!(answer, Err(CatalogError::LeaseLost)), "{operation}: {answer:?}");
    }
    assert_eq!(shelf.catalog.version(), before, "something was committed");
}

#[tokio::test]
async fn after_a_cancel_every_commit_of_the_worker_is_refused() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    shelf.catalog.cancel_ingest(film.video, NOW).await.unwrap();
    assert_all_lost(&shelf, film, blob).await;
}

#[tokio::test]
async fn after_another_claim_every_commit_of_the_late_worker_is_refused() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    let (_, lease) = shelf.claim(Timestamp(LEASE_END.0 + 1)).await.unwrap();
    assert_all_lost(&shelf, film, blob).await;
    shelf.finish(Film { lease, ..film }).await;
}

#[tokio::test]
async fn after_its_end_a_job_commits_nothing_more() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    shelf.finish(film).await;
    assert_all_lost(&shelf, film, blob).await;
}

#[tokio::test]
async fn a_deletion_takes_the_lease_away() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..1).await;
    assert_eq!(shelf.catalog.trash_video(film.video, LEASE_END, NOW).await.unwrap(), Some(vec![film.lease.job]));
    assert_all_lost(&shelf, film, blob).await;
}

/// A new operation that takes a lease has to be asked above, too.
#[tokio::test]
async fn no_operation_with_a_lease_was_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog");
    let mut declared = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(path).unwrap();
            let operations = text.split("pub async fn ").skip(1);
            let with_lease = operations.filter(|rest| rest.split(" {").next().unwrap().contains("lease: JobLease"));
            declared.extend(with_lease.map(|rest| rest.split('(').next().unwrap().to_owned()));
        }
    }
    let shelf = Shelf::new();
    let nobody = JobLease { job: crate::media::id::JobId(1), fence: 1 };
    let mut asked: Vec<_> =
        answers(&shelf, nobody, RenditionId(1), BlobId(1)).await.iter().map(|it| it.0.to_owned()).collect();
    asked.sort();
    declared.retain(|name| !name.is_empty());
    declared.sort();
    assert_eq!(asked, declared);
}
