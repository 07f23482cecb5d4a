use super::{LEASE_END, NOW, Shelf};
use crate::catalog::{CatalogError, JobKind, JobState, Progress, Settlement, VideoState};
use crate::media::id::VideoId;
use crate::media::time::Timestamp;

#[tokio::test]
async fn jobs_are_claimed_oldest_first_and_only_once() {
    let shelf = Shelf::new();
    let videos = [shelf.arrive("One").await, shelf.arrive("Two").await, shelf.arrive("Three").await];
    let mut claimed = Vec::new();
    while let Some((job, _)) = shelf.claim(NOW).await {
        assert_eq!(job.state, JobState::Running);
        claimed.push(job.video);
    }
    assert_eq!(claimed, videos);
}

#[tokio::test]
async fn a_job_of_higher_priority_goes_first() {
    let shelf = Shelf::new();
    shelf.arrive("One").await;
    let urgent = shelf.arrive("Two").await;
    shelf.rows().execute("UPDATE jobs SET priority = 1 WHERE id = 2", []).unwrap();
    assert_eq!(shelf.claim(NOW).await.unwrap().0.video, urgent);
}

#[tokio::test]
async fn a_job_is_not_claimed_before_its_time() {
    let shelf = Shelf::new();
    assert_eq!(shelf.catalog.next_job_due(JobKind::Ingest, Vec::new(), NOW).await.unwrap(), None);
    shelf.arrive("Film").await;
    assert_eq!(shelf.catalog.next_job_due(JobKind::Ingest, Vec::new(), NOW).await.unwrap(), Some(NOW));
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    assert_eq!(
        shelf.catalog.next_job_due(JobKind::Ingest, Vec::new(), NOW).await.unwrap(),
        None,
        "a running one does not wait"
    );
    let then = Timestamp(NOW.0 + 5_000);
    shelf.catalog.settle_job(lease, Settlement::Wait(then, "the disk is full".into()), NOW).await.unwrap();

    assert_eq!(shelf.catalog.next_job_due(JobKind::Ingest, Vec::new(), NOW).await.unwrap(), Some(then));
    assert!(shelf.claim(Timestamp(then.0 - 1)).await.is_none());
    assert!(shelf.claim(then).await.is_some());
}

#[tokio::test]
async fn a_lease_that_ran_out_is_claimed_by_another_and_counts_as_an_attempt() {
    let shelf = Shelf::new();
    shelf.arrive("Film").await;
    let (_, late) = shelf.claim(NOW).await.unwrap();
    assert!(shelf.claim(LEASE_END).await.is_none(), "it holds up to its last instant");
    let (job, lease) = shelf.claim(Timestamp(LEASE_END.0 + 1)).await.unwrap();
    assert_eq!((job.attempts, lease.job), (2, late.job));
    assert!(lease.fence > late.fence);
    let settled = shelf.catalog.settle_job(late, Settlement::Done, NOW).await;
    assert!(matches!(settled, Err(CatalogError::LeaseLost)));
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();
}

#[tokio::test]
async fn a_sign_of_life_prolongs_a_lease_and_shows_how_far_it_is() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    let progress = Progress { stage: "transcode".into(), fraction: Some(0.25), speed: Some(2.5), eta_s: Some(90) };
    let until = Timestamp(LEASE_END.0 + 1_000);
    shelf.catalog.beat_job(lease, until, progress.clone()).await.unwrap();

    assert!(shelf.claim(until).await.is_none());
    assert_eq!(shelf.catalog.open_jobs(NOW, 10).await.unwrap()[0].progress, progress);
    let shown = shelf.video(video).await;
    assert_eq!((shown.stage.as_str(), shown.fraction, shown.eta_s), ("transcode", Some(0.25), Some(90)));
    assert_eq!(shown.job_state, Some(JobState::Running));
}

#[tokio::test]
async fn what_a_dead_process_held_goes_back_to_the_queue() {
    let shelf = Shelf::new();
    shelf.arrive("One").await;
    shelf.arrive("Two").await;
    let (_, dead) = shelf.claim(NOW).await.unwrap();
    assert_eq!(shelf.catalog.reclaim_jobs(NOW).await.unwrap(), 1);
    assert_eq!(shelf.catalog.reclaim_jobs(NOW).await.unwrap(), 0);
    let beaten = shelf.catalog.beat_job(dead, LEASE_END, Progress::default()).await;
    assert!(matches!(beaten, Err(CatalogError::LeaseLost)));
    let (job, lease) = shelf.claim(NOW).await.unwrap();
    assert_eq!((lease.job, job.attempts), (dead.job, 2));
}

#[tokio::test]
async fn cancelling_stops_an_ingest_wherever_it_is() {
    let shelf = Shelf::new();
    let queued = shelf.arrive("Queued").await;
    assert_eq!(shelf.catalog.cancel_ingest(queued, NOW).await.unwrap().len(), 1);
    let running = shelf.arrive("Running").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    assert_eq!(shelf.catalog.cancel_ingest(running, NOW).await.unwrap(), [lease.job]);
    let waiting = shelf.arrive("Waiting").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Wait(LEASE_END, "later".into()), NOW).await.unwrap();
    assert_eq!(shelf.catalog.cancel_ingest(waiting, NOW).await.unwrap(), [lease.job]);

    for video in [queued, running, waiting] {
        let found = shelf.video(video).await;
        assert_eq!((found.state, found.job_state), (VideoState::Failed, Some(JobState::Cancelled)));
        assert!(found.error.unwrap().contains("Try again"));
        assert!(shelf.catalog.cancel_ingest(video, NOW).await.unwrap().is_empty(), "it is over");
    }
    assert!(shelf.claim(Timestamp(i64::MAX - 60_000)).await.is_none());
    assert!(shelf.catalog.cancel_ingest(VideoId::fresh(), NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn cancelling_touches_neither_a_ready_film_nor_the_forgetting_of_one() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    assert!(shelf.catalog.cancel_ingest(video, NOW).await.unwrap().is_empty());
    assert_eq!(shelf.video(video).await.state, VideoState::Ready);
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    assert!(shelf.catalog.cancel_ingest(video, NOW).await.unwrap().is_empty());
    assert_eq!(shelf.claim(NOW).await.unwrap().0.kind, JobKind::Forget);
}

#[tokio::test]
async fn open_jobs_are_those_that_are_not_over_and_whose_time_has_come() {
    let shelf = Shelf::new();
    let trashed = shelf.ready("Trashed").await;
    shelf.catalog.trash_video(trashed, LEASE_END, NOW).await.unwrap();
    let running = shelf.arrive("Running").await;
    shelf.claim(NOW).await.unwrap();
    let queued = shelf.arrive("Queued").await;

    let videos = |jobs: Vec<_>| jobs.into_iter().map(|job: crate::catalog::JobRecord| job.video).collect::<Vec<_>>();
    assert_eq!(videos(shelf.catalog.open_jobs(NOW, 10).await.unwrap()), [running, queued]);
    assert_eq!(videos(shelf.catalog.open_jobs(LEASE_END, 10).await.unwrap()), [trashed, running, queued]);
    assert_eq!(videos(shelf.catalog.open_jobs(LEASE_END, 1).await.unwrap()), [trashed]);
}
