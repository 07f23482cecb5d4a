use super::{LEASE_END, NOW, Shelf, refusal};
use crate::catalog::{JobKind, JobState, Progress, Settlement, VideoState};
use crate::media::id::VideoId;
use crate::media::time::Timestamp;

#[tokio::test]
async fn a_job_that_is_done_stays_done() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();
    assert_eq!(shelf.video(video).await.job_state, Some(JobState::Done));
    assert!(shelf.claim(Timestamp(i64::MAX - 60_000)).await.is_none());
}

#[tokio::test]
async fn a_refused_or_failed_ingest_fails_its_video_and_says_why() {
    let shelf = Shelf::new();
    let settlements = [
        ("refused", Settlement::Refused("It has no picture and no sound.".into())),
        ("failed", Settlement::Failed("It has no picture and no sound.".into())),
    ];
    for (stage, how) in settlements {
        let video = shelf.arrive(stage).await;
        let (_, lease) = shelf.claim(NOW).await.unwrap();
        shelf.catalog.begin_processing(lease, NOW).await.unwrap();
        shelf.catalog.settle_job(lease, how, NOW).await.unwrap();
        let found = shelf.video(video).await;
        assert_eq!((found.state, found.job_state), (VideoState::Failed, Some(JobState::Failed)));
        assert_eq!(found.stage, stage);
        assert_eq!(found.error.as_deref(), Some("It has no picture and no sound."));
    }
}

#[tokio::test]
async fn a_waiting_job_shows_its_reason_until_it_runs_again() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    let progress = Progress { stage: "transcode".into(), fraction: Some(0.5), speed: Some(1.0), eta_s: Some(9) };
    shelf.catalog.beat_job(lease, LEASE_END, progress).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Wait(NOW, "The disk is full.".into()), NOW).await.unwrap();

    let waiting = &shelf.catalog.open_jobs(NOW, 1).await.unwrap()[0];
    assert_eq!((waiting.state, waiting.error.as_deref()), (JobState::Waiting, Some("The disk is full.")));
    assert_eq!((waiting.progress.fraction, waiting.progress.speed, waiting.progress.eta_s), (Some(0.5), None, None));
    assert_ne!(shelf.video(video).await.state, VideoState::Failed);

    let (job, _) = shelf.claim(NOW).await.unwrap();
    assert_eq!((job.error, job.attempts, job.progress.stage.as_str()), (None, 2, "transcode"));
}

#[tokio::test]
async fn what_was_handed_back_goes_on_at_once_and_was_no_attempt() {
    let shelf = Shelf::new();
    shelf.arrive("Film").await;
    for _ in 0..3 {
        let (job, lease) = shelf.claim(NOW).await.unwrap();
        assert_eq!(job.attempts, 1);
        shelf.catalog.settle_job(lease, Settlement::HandedBack, NOW).await.unwrap();
    }
    assert_eq!(shelf.catalog.next_job_due(JobKind::Ingest, Vec::new(), NOW).await.unwrap(), Some(NOW));
}

#[tokio::test]
async fn a_pause_is_no_attempt_of_a_running_job() {
    let shelf = Shelf::new();
    shelf.arrive("Film").await;
    for _ in 0..3 {
        let (job, lease) = shelf.claim(NOW).await.unwrap();
        assert_eq!(job.attempts, 1);
        for was_running in [true, false] {
            assert_eq!(shelf.catalog.pause_job(lease.job).await.unwrap(), Some(was_running));
        }
        assert_eq!(shelf.catalog.open_jobs(NOW, 1).await.unwrap()[0].attempts, 0);
        assert!(shelf.catalog.resume_job(lease.job, NOW).await.unwrap());
    }
}

#[tokio::test]
async fn a_failed_forgetting_does_not_fail_its_video() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    shelf.catalog.trash_video(video, NOW, NOW).await.unwrap();
    let (_, lease) = shelf.claim(NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Failed("the store refused".into()), NOW).await.unwrap();
    assert_eq!(shelf.video(video).await.state, VideoState::Ready);
}

#[tokio::test]
async fn only_a_film_that_failed_is_tried_again_and_goes_on_from_what_is_there() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    shelf.add_pack(film, 0..2).await;
    refusal(shelf.catalog.retry_ingest(film.video, NOW).await);
    shelf.catalog.settle_job(film.lease, Settlement::Failed("the encoder died".into()), NOW).await.unwrap();

    let job = shelf.catalog.retry_ingest(film.video, NOW).await.unwrap().unwrap();

    let again = shelf.video(film.video).await;
    assert_eq!((again.state, again.error, again.job_state), (VideoState::Received, None, Some(JobState::Queued)));
    let (claimed, lease) = shelf.claim(NOW).await.unwrap();
    assert_eq!((claimed.id, claimed.attempts), (job, 1));
    assert_eq!(shelf.catalog.plan_of(lease).await.unwrap(), Some(("{}".into(), "{}".into())));
    assert_eq!(shelf.catalog.resume_of(film.rendition).await.unwrap().next_number, 2);
    assert_eq!(shelf.catalog.retry_ingest(VideoId::fresh(), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_film_in_the_trash_is_not_tried_again() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    shelf.catalog.trash_video(video, LEASE_END, NOW).await.unwrap();
    assert!(refusal(shelf.catalog.retry_ingest(video, NOW).await).contains("restore it first"));
}
