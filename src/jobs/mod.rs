//! The engine that does the work that was queued. It knows jobs, leases and time, and nothing of
//! what a job is about: a `Runner` does that.
//!
//! A worker claims a job, keeps its lease alive while the runner works, shows how far it is, and
//! settles it by the runner's outcome. A job that is cancelled, or whose lease is lost, is told
//! through its token; whatever it commits afterwards is refused by its fence. One that only waits, while every worker
//! has a job, makes way for a job that goes before it.

mod backoff;
mod control;
mod engine;
#[cfg(test)]
mod tests;
mod usher;

use crate::catalog::{Catalog, CatalogError, JobKind, JobLease, JobRecord, Progress};
use crate::clock::Clock;
use crate::events::Events;
use crate::media::id::{BlobId, JobId, VideoId};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use usher::Doing;

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many jobs of each kind are done at the same time: no kind waits for another.
    pub workers: Vec<(JobKind, usize)>,
    /// Bytes that jobs in line may leave on the local disk: none makes way for another that would leave more.
    pub most_left: u64,
    /// How long a claim lasts without a sign of life.
    pub lease: Duration,
    /// How often a sign of life is given; well below `lease`.
    pub beat: Duration,
    /// How long a job that was told to stop may take to reach its next safe point.
    pub grace: Duration,
}

/// Does the work of a claimed job.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Works until the job's end, or until `work.cancel` says stop; then it returns soon.
    async fn run(&self, job: &JobRecord, work: &Work) -> Outcome;

    /// What lies on the local disk until a store has it, and the bytes of each.
    fn unstored(&self) -> Vec<(BlobId, u64)>;
}

/// What a runner needs to work on a claimed job.
pub struct Work {
    /// Proves the claim to the catalog.
    pub lease: JobLease,
    /// Says stop: the job was cancelled or lost, or the process ends.
    pub cancel: CancellationToken,
    progress: watch::Sender<Progress>,
    priority: watch::Receiver<()>,
    doing: Arc<Doing>,
    shared: Arc<Shared>,
}

/// Counts what a job does, until it is dropped.
pub struct Counted {
    doing: Arc<Doing>,
    what: fn(&Doing) -> &AtomicUsize,
    shared: Arc<Shared>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The job is done.
    Done,
    /// The job is done and its record is gone with it.
    Gone,
    /// What the job is about cannot be taken: the reason, for people. Nothing is wrong with the server.
    Refused(String),
    /// The job cannot be done: the reason, for people.
    Failed(String),
    /// Not now. The reason is for people; without a time the wait grows with each attempt.
    Later {
        /// Why it waits.
        reason: String,
        /// When to try again.
        after: Option<Duration>,
    },
    /// It was told to stop.
    Stopped,
}

/// A cheap handle on the engine.
#[derive(Clone)]
pub struct Jobs {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    catalog: Catalog,
    events: Events,
    clock: Clock,
    wake: Notify,
    /// A worker took a job, or one of those that run can make way now.
    crowd: Notify,
    running: Mutex<HashMap<JobId, Held>>,
}

/// A job that is being run here.
struct Held {
    kind: JobKind,
    video: VideoId,
    cancel: CancellationToken,
    /// Told when a person changes it.
    priority: watch::Sender<()>,
    doing: Arc<Doing>,
    /// It was told to go for another one.
    makes_way: bool,
}

impl Work {
    /// Shows how far the job is. Cheap: only the latest report is recorded, every few seconds.
    pub fn report(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }

    /// Shows what the job does now, leaving its numbers as they are.
    pub fn stage(&self, stage: &str) {
        self.progress.send_modify(|progress| stage.clone_into(&mut progress.stage));
    }

    /// The videos that jobs have their hands on here, its own among them: a job that was stopped may still be on its way
    /// out, which the catalog does not know. No other job of these is claimed.
    pub fn videos_at_work(&self) -> Vec<VideoId> {
        self.shared.videos_at_work()
    }

    /// Shows that the job does nothing now, and why: it has no speed, and what is done of it stays.
    pub fn rest(&self, stage: &str) {
        self.progress.send_modify(|progress| {
            stage.clone_into(&mut progress.stage);
            (progress.speed, progress.eta_s) = (None, None);
        });
    }

    /// Hears when a person changes the job's priority from now on.
    pub fn priority_changes(&self) -> watch::Receiver<()> {
        let mut changes = self.priority.clone();
        changes.mark_unchanged();
        changes
    }

    /// Says that the job does what would have to be done again: it makes way for no other.
    pub fn at_work(&self) -> Counted {
        self.count(|doing| &doing.works)
    }

    /// Says that something of the job waits for its turn. While nothing of it is at work, it can make way.
    pub fn in_line(&self) -> Counted {
        self.count(|doing| &doing.waits)
    }

    /// Says that nothing is left to do but to send what was made. The job can make way, if no other can at less cost.
    pub fn stores_from_now_on(&self) {
        self.doing.stores.store(true, Ordering::Release);
        self.shared.crowd.notify_waiters();
    }

    fn count(&self, what: fn(&Doing) -> &AtomicUsize) -> Counted {
        what(&self.doing).fetch_add(1, Ordering::AcqRel);
        self.shared.crowd.notify_waiters();
        Counted { doing: self.doing.clone(), what, shared: self.shared.clone() }
    }

    /// Shows how much of the job is done, 0 to 1.
    pub fn fraction(&self, fraction: f64) {
        self.progress.send_modify(|progress| progress.fraction = Some(fraction));
    }
}

impl Jobs {
    /// An engine that does nothing until it is started.
    pub fn new(settings: Settings, catalog: Catalog, events: Events, clock: Clock) -> Self {
        let (wake, crowd, running) = (Notify::new(), Notify::new(), Mutex::default());
        Self { shared: Arc::new(Shared { settings, catalog, events, clock, wake, crowd, running }) }
    }

    /// Says that a job was queued, or that one may be due earlier than it was.
    pub fn wake(&self) {
        self.shared.wake.notify_waiters();
    }

    /// Tells running jobs to stop at once. Others are not affected: they are stopped in the catalog.
    pub fn stop(&self, jobs: &[JobId]) {
        let running = self.shared.running.lock().expect("nothing panics while holding it");
        jobs.iter().filter_map(|job| running.get(job)).for_each(|held| held.cancel.cancel());
    }

    /// Gives back to the queue what a dead process was working on. Once, before `start`.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn reclaim(&self) -> Result<usize, CatalogError> {
        self.shared.catalog.reclaim_jobs(self.shared.clock.now()).await
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.doing).fetch_sub(1, Ordering::AcqRel);
        self.shared.crowd.notify_waiters();
    }
}
