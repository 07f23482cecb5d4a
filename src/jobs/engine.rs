//! The workers: claim, keep alive, settle.

use super::usher::{Crew, Doing, Usher};
use super::{Held, Jobs, Outcome, Runner, Shared, Work, backoff};
use crate::catalog::{CatalogError, JobKind, JobLease, JobRecord, JobState, Progress, Settlement};
use crate::events::Event;
use crate::media::id::{JobId, VideoId};
use crate::shutdown::Shutdown;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long a worker sleeps at most before it looks for work again.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Jobs {
    /// Starts the workers. They end with the shutdown token, handing back what they hold.
    pub fn start(&self, runner: Arc<dyn Runner>, shutdown: &Shutdown) {
        for &(kind, count) in &self.shared.settings.workers {
            let crew = Arc::new(Crew::default());
            crew.idle.store(count, Ordering::Release);
            for _ in 0..count {
                let (crew, shared, runner) = (crew.clone(), self.shared.clone(), runner.clone());
                shutdown.spawn("job worker", Worker { kind, crew, shared, runner, token: shutdown.token() }.work());
            }
            if count > 1 {
                let (shared, runner) = (self.shared.clone(), runner.clone());
                let usher = Usher { kind, crew, shared, runner, token: shutdown.token() };
                shutdown.spawn("job usher", usher.work());
            }
        }
    }
}

struct Worker {
    kind: JobKind,
    crew: Arc<Crew>,
    shared: Arc<Shared>,
    runner: Arc<dyn Runner>,
    token: CancellationToken,
}

impl Worker {
    async fn work(self) {
        while !self.token.is_cancelled() {
            let now = self.shared.clock.now();
            let woken = self.shared.wake.notified();
            tokio::pin!(woken);
            // From here on no call to wake is missed, also while the catalog is asked.
            woken.as_mut().enable();
            // A job that was stopped may still be on its way out, with its hands on the video's files.
            let busy = self.shared.videos_at_work();
            let until = now.after(self.shared.settings.lease);
            match self.shared.catalog.claim_job(self.kind, busy.clone(), now, until).await {
                Ok(Some((job, lease))) => {
                    let span = tracing::info_span!("job", job.id = job.id.0, job.kind = job.kind.text(),
                        video.id = %job.video, attempt = job.attempts);
                    self.crew.idle.fetch_sub(1, Ordering::AcqRel);
                    self.run(job, lease).instrument(span).await;
                }
                Ok(None) => self.sleep(busy, woken).await,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no job could be claimed");
                    self.rest(LONGEST_SLEEP).await;
                }
            }
        }
    }

    /// Sleeps until a job may be claimed. One that another job is in the way of has no time: the end of that one wakes.
    async fn sleep(&self, busy: Vec<VideoId>, woken: impl Future<Output = ()>) {
        let now = self.shared.clock.now();
        let due = self.shared.catalog.next_job_due(self.kind, busy, now).await.unwrap_or(None);
        let wait = due.map_or(LONGEST_SLEEP, |due| {
            let left = due.0.saturating_sub(now.0).max(10);
            Duration::from_millis(u64::try_from(left).unwrap_or(10)).min(LONGEST_SLEEP)
        });
        tokio::select! {
            () = self.rest(wait) => {}
            () = woken => {}
        }
    }

    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.token.cancelled() => {}
        }
    }

    async fn run(&self, job: JobRecord, lease: JobLease) {
        tracing::info!("a job begins");
        let (progress, shown) = watch::channel(Progress { stage: job.progress.stage.clone(), ..job.progress.clone() });
        let (changes, priority) = watch::channel(());
        let (cancel, doing) = (self.token.child_token(), Arc::new(Doing::default()));
        let held = Held {
            kind: job.kind,
            video: job.video,
            cancel: cancel.clone(),
            priority: changes,
            doing: doing.clone(),
            makes_way: false,
        };
        let listed = Listed::new(&self.shared, job.id, held);
        let work = Work { lease, cancel, progress, priority, doing, shared: self.shared.clone() };
        let outcome = self.keep_alive(&job, &work, &shown).await;
        let state = self.settle(&job, lease, outcome).await;
        self.crew.idle.fetch_add(1, Ordering::AcqRel);
        // Not before: whom this wakes must find that the job runs no more.
        drop(listed);
        self.announce(&job, state, &shown.borrow());
    }

    /// Runs the job while giving signs of life. A lost lease stops it; so does the end of the
    /// process, after a grace in which it reaches its next safe point.
    async fn keep_alive(&self, job: &JobRecord, work: &Work, shown: &watch::Receiver<Progress>) -> Outcome {
        let run = AssertUnwindSafe(self.runner.run(job, work)).catch_unwind();
        tokio::pin!(run);
        let ended = tokio::select! {
            ended = &mut run => Some(ended),
            () = self.beats(job, work, shown) => timeout(self.shared.settings.grace, &mut run).await.ok(),
        };
        match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(_panic)) => {
                Outcome::Failed("Something unexpected went wrong in the server. Its log says more.".into())
            }
            None => {
                tracing::warn!("a job that was told to stop did not, and is dropped");
                Outcome::Stopped
            }
        }
    }

    /// Gives signs of life until the job is to stop.
    async fn beats(&self, job: &JobRecord, work: &Work, shown: &watch::Receiver<Progress>) {
        let mut beat = interval(self.shared.settings.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = work.cancel.cancelled() => return,
                _ = beat.tick() => self.beat(job, work, shown).await,
            }
        }
    }

    async fn beat(&self, job: &JobRecord, work: &Work, shown: &watch::Receiver<Progress>) {
        let progress = shown.borrow().clone();
        let until = self.shared.clock.now().after(self.shared.settings.lease);
        match self.shared.catalog.beat_job(work.lease, until, progress.clone()).await {
            Ok(()) => self.announce(job, JobState::Running, &progress),
            Err(CatalogError::LeaseLost) => work.cancel.cancel(),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a sign of life was not recorded"),
        }
    }

    async fn settle(&self, job: &JobRecord, lease: JobLease, outcome: Outcome) -> JobState {
        let now = self.shared.clock.now();
        let (how, state) = match outcome {
            Outcome::Gone => return JobState::Done,
            Outcome::Done => (Settlement::Done, JobState::Done),
            Outcome::Refused(why) => {
                tracing::info!(reason = why, "a file was refused");
                (Settlement::Refused(why), JobState::Failed)
            }
            Outcome::Failed(why) => {
                tracing::warn!(reason = why, "a job failed");
                (Settlement::Failed(why), JobState::Failed)
            }
            Outcome::Later { reason, after } => {
                let wait = after.unwrap_or_else(|| backoff::wait_after(job.attempts));
                tracing::warn!(reason, wait_ms = wait.as_millis(), "a job waits");
                (Settlement::Wait(now.after(wait), reason), JobState::Waiting)
            }
            Outcome::Stopped => (Settlement::HandedBack, JobState::Queued),
        };
        match self.shared.catalog.settle_job(lease, how, now).await {
            Ok(()) => {
                tracing::info!(state = state.text(), "a job ends");
                state
            }
            Err(CatalogError::LeaseLost) => {
                let known = self.shared.catalog.job_state(job.id).await.ok().flatten();
                let state = known.filter(|state| *state == JobState::Paused).unwrap_or(JobState::Cancelled);
                tracing::info!(state = state.text(), "a job was taken from its worker");
                state
            }
            Err(error) => {
                // Its lease runs out by itself and somebody claims it again.
                tracing::error!(error = &error as &dyn std::error::Error, "a job could not be settled");
                JobState::Running
            }
        }
    }

    fn announce(&self, job: &JobRecord, state: JobState, progress: &Progress) {
        self.shared.events.publish(Event::Job {
            job_id: job.id,
            video_id: job.video,
            state,
            stage: Some(progress.stage.clone()).filter(|stage| !stage.is_empty()),
            fraction: progress.fraction,
        });
    }
}

/// A running job that can be told to stop, until this is dropped.
struct Listed<'a> {
    shared: &'a Shared,
    job: JobId,
}

impl<'a> Listed<'a> {
    fn new(shared: &'a Shared, job: JobId, held: Held) -> Self {
        shared.running.lock().expect("nothing panics while holding it").insert(job, held);
        // The others may all have one, too.
        shared.crowd.notify_waiters();
        Self { shared, job }
    }
}

impl Shared {
    pub(super) fn videos_at_work(&self) -> Vec<VideoId> {
        let running = self.running.lock().expect("nothing panics while holding it");
        running.values().map(|held| held.video).collect()
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.shared.running.lock().expect("nothing panics while holding it").remove(&self.job);
        // Another job of the same video may have waited for this.
        self.shared.wake.notify_waiters();
    }
}
