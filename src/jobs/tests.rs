mod crowded;

use super::{Jobs, Outcome, Runner, Settings, Work};
use crate::catalog::{self, Accepted, Arrival, Catalog, JobKind, JobRecord, JobState, Progress, Source, VideoState};
use crate::clock::Clock;
use crate::events::{Event, Events, Subscription};
use crate::media::id::{BlobId, JobId, VideoId};
use crate::media::time::Timestamp;
use crate::shutdown::Shutdown;
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Barrier, Semaphore, mpsc};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);
const START: i64 = 1_000_000;
const MOST_LEFT: u64 = 100;

/// An engine with real records, whose clock stands still until it is moved.
struct Bench {
    _folder: TempDir,
    catalog: Catalog,
    jobs: Jobs,
    heard: Subscription,
    now: Arc<AtomicI64>,
    unstored: Unstored,
    shutdown: Shutdown,
}

/// Does what a test says.
struct Doing<F>(F, Unstored);

/// What lies on the local disk.
type Unstored = Arc<Mutex<Vec<(BlobId, u64)>>>;

#[async_trait]
impl<F> Runner for Doing<F>
where
    F: for<'a> Fn(&'a JobRecord, &'a Work) -> BoxFuture<'a, Outcome> + Send + Sync,
{
    async fn run(&self, job: &JobRecord, work: &Work) -> Outcome {
        (self.0)(job, work).await
    }

    fn unstored(&self) -> Vec<(BlobId, u64)> {
        self.1.lock().unwrap().clone()
    }
}

impl Bench {
    fn new(workers: usize, grace: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog");
        let catalog = Catalog::open(&catalog::Settings { file, readers: 1 }).unwrap();
        let (events, now) = (Events::new(), Arc::new(AtomicI64::new(START)));
        let shown = now.clone();
        let clock = Clock::from_fn(move || Timestamp(shown.load(Ordering::SeqCst)));
        let beat = Duration::from_millis(5);
        let workers = vec![(JobKind::Ingest, workers), (JobKind::Forget, 1)];
        let settings = Settings { workers, most_left: MOST_LEFT, lease: Duration::from_secs(60), beat, grace };
        let heard = events.subscribe();
        let jobs = Jobs::new(settings, catalog.clone(), events, clock);
        Self { _folder: folder, catalog, jobs, heard, now, unstored: Unstored::default(), shutdown: Shutdown::new() }
    }

    fn start<F>(&self, doing: F)
    where
        F: for<'a> Fn(&'a JobRecord, &'a Work) -> BoxFuture<'a, Outcome> + Send + Sync + 'static,
    {
        self.jobs.start(Arc::new(Doing(doing, self.unstored.clone())), &self.shutdown);
    }

    async fn arrive(&self, title: &str) -> VideoId {
        let source = Source::File(title.into());
        let arrival = Arrival { source, title: title.into(), bytes: 1, hash: None, again: false };
        let accepted = self.catalog.accept(arrival, Timestamp(self.now.load(Ordering::SeqCst))).await.unwrap();
        self.jobs.wake();
        let Accepted::New(video, _) = accepted else { panic!("it was known") };
        video
    }

    /// Waits until a job of the video is said to be in this state.
    async fn until(&mut self, video: VideoId, wanted: JobState) {
        let heard = async {
            while let Some(event) = self.heard.next().await {
                if matches!(event, Event::Job { video_id, state, .. } if video_id == video && state == wanted) {
                    return;
                }
            }
        };
        timeout(SOON, heard).await.expect("it never came into this state");
    }

    async fn video(&self, id: VideoId) -> catalog::Video {
        self.catalog.video(id, 1).await.unwrap().unwrap()
    }

    async fn only_job(&self) -> JobRecord {
        self.catalog.open_jobs(Timestamp(START), 2).await.unwrap().pop().unwrap()
    }
}

fn ends(outcome: Outcome) -> BoxFuture<'static, Outcome> {
    async move { outcome }.boxed()
}

fn until_stopped(work: &Work) -> BoxFuture<'_, Outcome> {
    async move {
        work.cancel.cancelled().await;
        Outcome::Stopped
    }
    .boxed()
}

#[tokio::test]
async fn a_job_that_panics_fails_with_a_sentence_and_the_next_one_is_done() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|job, _| match job.title.as_str() {
        "Broken" => async { panic!("on purpose") }.boxed(),
        _ => ends(Outcome::Done),
    });
    let broken = bench.arrive("Broken").await;
    bench.until(broken, JobState::Failed).await;
    let shown = bench.video(broken).await;
    assert_eq!(shown.state, VideoState::Failed);
    let why = shown.error.unwrap();
    assert!(why.contains("unexpected") && why.ends_with('.') && !why.contains("on purpose"), "{why}");
    let fine = bench.arrive("Fine").await;
    bench.until(fine, JobState::Done).await;
}

#[tokio::test]
async fn a_refused_job_fails_with_its_reason() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, _| ends(Outcome::Refused("It is a text.".into())));
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Failed).await;
    let shown = bench.video(video).await;
    assert_eq!((shown.error.as_deref(), shown.stage.as_str()), (Some("It is a text."), "refused"));
}

#[tokio::test]
async fn a_job_for_later_waits_twice_as_long_after_each_attempt() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, _| ends(Outcome::Later { reason: "The disk is full.".into(), after: None }));
    let video = bench.arrive("Film").await;
    for (attempt, wait_ms) in [(1, 2_000), (2, 4_000), (3, 8_000)] {
        bench.until(video, JobState::Waiting).await;
        let now = bench.now.load(Ordering::SeqCst);
        assert_eq!(
            bench.catalog.next_job_due(JobKind::Ingest, Vec::new(), Timestamp(START)).await.unwrap(),
            Some(Timestamp(now + wait_ms))
        );
        let job = bench.only_job().await;
        assert_eq!((job.attempts, job.error.as_deref()), (attempt, Some("The disk is full.")));
        bench.now.store(now + wait_ms, Ordering::SeqCst);
        bench.jobs.wake();
    }
}

#[tokio::test]
async fn a_job_that_says_when_to_go_on_waits_until_then() {
    let mut bench = Bench::new(1, SOON);
    let after = Some(Duration::from_secs(77));
    bench.start(move |_, _| ends(Outcome::Later { reason: "The store rests.".into(), after }));
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Waiting).await;
    assert_eq!(
        bench.catalog.next_job_due(JobKind::Ingest, Vec::new(), Timestamp(START)).await.unwrap(),
        Some(Timestamp(START + 77_000))
    );
}

#[tokio::test]
async fn a_running_job_that_a_person_cancels_is_told_to_stop() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, work| until_stopped(work));
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    let stopped = bench.catalog.cancel_ingest(video, Timestamp(START)).await.unwrap();
    bench.jobs.stop(&stopped);
    bench.until(video, JobState::Cancelled).await;
    assert_eq!(bench.video(video).await.job_state, Some(JobState::Cancelled));
}

#[tokio::test]
async fn a_job_whose_lease_was_lost_stops_by_itself_and_settles_nothing() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, work| until_stopped(work));
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    let far = Timestamp(START + 10_000_000);
    let (other, lease) =
        bench.catalog.claim_job(JobKind::Ingest, Vec::new(), far, Timestamp(far.0 + 1)).await.unwrap().unwrap();
    assert_eq!(other.video, video);
    bench.until(video, JobState::Cancelled).await;
    assert_eq!(bench.catalog.source_of(lease).await.unwrap().0, Source::File("Film".into()), "the other one holds it");
}

#[tokio::test]
async fn at_the_end_of_the_process_a_job_is_handed_back_and_it_was_no_attempt() {
    let mut bench = Bench::new(2, SOON);
    bench.start(|_, work| until_stopped(work));
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    assert_eq!(bench.shutdown.finish(SOON).await, Vec::<&str>::new());
    let job = bench.only_job().await;
    assert_eq!((job.state, job.attempts), (JobState::Queued, 0));
}

#[tokio::test]
async fn a_job_that_does_not_stop_is_left_after_its_grace() {
    let mut bench = Bench::new(1, Duration::from_millis(20));
    bench.start(|_, _| std::future::pending().boxed());
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    assert_eq!(bench.shutdown.finish(SOON).await, Vec::<&str>::new());
    assert_eq!(bench.only_job().await.state, JobState::Queued);
}

#[tokio::test]
async fn a_job_that_ends_within_its_grace_has_ended() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, work| {
        async move {
            work.cancel.cancelled().await;
            Outcome::Done
        }
        .boxed()
    });
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    bench.shutdown.finish(SOON).await;
    assert_eq!(bench.video(video).await.job_state, Some(JobState::Done));
}

#[tokio::test]
async fn as_many_jobs_run_at_once_as_there_are_workers() {
    let mut bench = Bench::new(3, SOON);
    let meeting = Arc::new(Barrier::new(3));
    bench.start(move |_, _| {
        let meeting = meeting.clone();
        async move {
            meeting.wait().await;
            Outcome::Done
        }
        .boxed()
    });
    bench.arrive("One").await;
    bench.arrive("Two").await;
    let last = bench.arrive("Three").await;
    bench.until(last, JobState::Done).await;
}

#[tokio::test]
async fn what_a_job_reports_is_recorded_while_it_runs() {
    let bench = Bench::new(1, SOON);
    bench.start(|_, work| {
        work.report(Progress { fraction: Some(0.5), ..Progress::default() });
        work.stage("transcode");
        until_stopped(work)
    });
    let video = bench.arrive("Film").await;
    let recorded = async {
        loop {
            let shown = bench.video(video).await;
            if (shown.stage.as_str(), shown.fraction) == ("transcode", Some(0.5)) {
                return;
            }
        }
    };
    timeout(SOON, recorded).await.expect("it is never recorded");
}

#[tokio::test]
async fn what_a_dead_process_held_is_done_after_the_start() {
    let mut bench = Bench::new(1, SOON);
    let video = bench.arrive("Film").await;
    bench.catalog.claim_job(JobKind::Ingest, Vec::new(), Timestamp(START), Timestamp(i64::MAX)).await.unwrap().unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    assert_eq!(bench.jobs.reclaim().await.unwrap(), 1);
    bench.start(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        ends(Outcome::Done)
    });
    bench.until(video, JobState::Done).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_paused_job_is_left_alone_until_it_is_resumed() {
    let mut bench = Bench::new(1, SOON);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    bench.start(
        move |_, work| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 { until_stopped(work) } else { ends(Outcome::Done) }
        },
    );
    let video = bench.arrive("Film").await;
    bench.until(video, JobState::Running).await;
    let job = bench.only_job().await.id;

    assert!(bench.jobs.pause(job).await.unwrap());
    bench.until(video, JobState::Paused).await;
    assert_eq!(bench.jobs.reclaim().await.unwrap(), 0, "a restart does not resume it");
    bench.jobs.wake();
    tokio::task::yield_now().await;
    assert_eq!((bench.only_job().await.state, runs.load(Ordering::SeqCst)), (JobState::Paused, 1));

    assert!(bench.jobs.resume(job).await.unwrap());
    bench.until(video, JobState::Done).await;
    assert!(bench.jobs.pause(job).await.is_err(), "it is over");
    assert_eq!(
        (bench.jobs.pause(JobId(99)).await.unwrap(), bench.jobs.resume(JobId(99)).await.unwrap()),
        (false, false)
    );
}

#[tokio::test]
async fn a_job_in_line_behind_another_of_its_film_keeps_nobody_awake_and_is_done_when_that_ends() {
    let mut bench = Bench::new(2, SOON);
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    bench.start(move |job, work| match (job.kind, job.title.as_str()) {
        // On its way out, which takes a while.
        (JobKind::Ingest, "Trashed") => {
            let gate = gate.clone();
            async move {
                let _open = gate.acquire().await.unwrap();
                Outcome::Stopped
            }
            .boxed()
        }
        (JobKind::Ingest, _) => until_stopped(work),
        _ => ends(Outcome::Done),
    });
    let (trashed, other) = (bench.arrive("Trashed").await, bench.arrive("Other").await);
    bench.until(trashed, JobState::Running).await;
    let now = Timestamp(START);
    let stopped = bench.catalog.trash_video(trashed, now, now).await.unwrap().unwrap();
    bench.jobs.stop(&stopped);
    bench.jobs.wake();
    bench.until(other, JobState::Running).await;

    let mut versions = Vec::new();
    for _ in 0..20 {
        bench.until(other, JobState::Running).await;
        versions.push(bench.catalog.version());
    }
    assert_eq!(versions[10], versions[19], "somebody looks for work again and again");
    opened.add_permits(1);
    bench.until(trashed, JobState::Done).await;
}

#[tokio::test]
async fn a_film_is_at_work_until_its_stopped_job_is_out() {
    let mut bench = Bench::new(2, SOON);
    let gate = Arc::new(Semaphore::new(0));
    let (opened, (tell, mut told)) = (gate.clone(), mpsc::unbounded_channel());
    bench.start(move |job, work| match job.title.as_str() {
        "Stopped" => {
            let gate = gate.clone();
            async move {
                let _open = gate.acquire().await.unwrap();
                Outcome::Stopped
            }
            .boxed()
        }
        _ => {
            tell.send(work.videos_at_work()).unwrap();
            ends(Outcome::Done)
        }
    });
    let film = bench.arrive("Stopped").await;
    bench.until(film, JobState::Running).await;
    let stopped = bench.catalog.cancel_ingest(film, Timestamp(START)).await.unwrap();
    bench.jobs.stop(&stopped);
    bench.arrive("Other").await;
    assert!(told.recv().await.unwrap().contains(&film));
    opened.add_permits(1);
    bench.until(film, JobState::Cancelled).await;
    bench.arrive("Another").await;
    assert!(!told.recv().await.unwrap().contains(&film));
}
