//! An arrived file becomes a playable video: inspect → plan → transcode and deposit, overlapping →
//! publish.
//!
//! What people add to a film that is there, subtitles and a poster, comes in by `sidecar` and becomes part of it
//! by a job of its own (`attach`).
//!
//! Every step checks what is recorded, does the next thing and records it, so a job that was cut
//! off at any point goes on where it was.

mod aside;
mod attach;
mod error;
mod foresight;
mod inspect;
mod length;
mod line;
mod listed;
mod original;
mod pipe;
mod progress;
mod publish;
mod refine;
mod remux;
pub mod sidecar;
mod slots;
mod source;
mod spans;
mod spec;
mod task;
mod track;
mod transcode;
pub mod upload;

use crate::catalog::{Catalog, JobLease, JobRecord};
use crate::clock::Clock;
use crate::deposit::Deposit;
use crate::events::{Event, Events, VideoChange};
use crate::ffmpeg::{Encoders, Ffmpeg};
use crate::jobs::{Outcome, Work};
use crate::media::id::VideoId;
use crate::media::plan::{Plan, Policy, Turn};
use crate::media::probe::Probe;
use crate::spool::Spool;
use error::IngestError;
pub use foresight::Foresight;
use futures::FutureExt;
pub use slots::Slots;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Runs a job that keeps failing on ffmpeg's side this often before giving up.
const ATTEMPTS: u32 = 3;

/// The parts an ingest works with.
#[derive(Clone)]
pub struct Ingest {
    /// How files are treated.
    pub policy: Policy,
    /// The library's records.
    pub catalog: Catalog,
    /// Child processes.
    pub ffmpeg: Ffmpeg,
    /// Those that work on this machine.
    pub encoders: Encoders,
    /// How many are encoded and copied at the same time.
    pub slots: Slots,
    /// Where uploads lie.
    pub spool: Spool,
    /// What is seen of films before they are there.
    pub foresight: Foresight,
    /// The way into the store.
    pub deposit: Deposit,
    /// Who is told.
    pub events: Events,
    /// The time of day.
    pub clock: Clock,
}

/// One run of one ingest job.
struct Run<'a> {
    ingest: &'a Ingest,
    work: &'a Work,
    video: VideoId,
    input: PathBuf,
}

impl Ingest {
    /// Does an ingest job.
    pub async fn run(&self, job: &JobRecord, work: &Work) -> Outcome {
        let done = self.prepare(job, work).await;
        match done {
            Ok(()) => Outcome::Done,
            Err(error) => {
                if !matches!(error, IngestError::Stopped) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "preparing a video did not come to its end"
                    );
                }
                let outcome = error.outcome(job.attempts < ATTEMPTS);
                if matches!(outcome, Outcome::Failed(_) | Outcome::Refused(_)) {
                    self.tell(job.video, VideoChange::Failed);
                }
                outcome
            }
        }
    }

    async fn prepare(&self, job: &JobRecord, work: &Work) -> Result<(), IngestError> {
        let lease = work.lease;
        let (source, bytes) = self.catalog.source_of(lease).await?;
        if !self.catalog.begin_processing(lease, self.clock.now()).await? {
            // It was published already; what refines it still needs the source.
            if !self.known_plan(lease).await?.is_some_and(|(_, plan)| plan.refines()) {
                source::let_go(&self.spool, &source).await;
            }
            return self.protect_rest(job.video, work).await;
        }
        let input = source::open(&self.spool, &source, bytes).await?;
        let run = Run { ingest: self, work, video: job.video, input };
        let (probe, plan) = run.planned(lease).await?;
        let (stored, to_protect) = self.deposit.stored(lease).await?;
        let published = CancellationToken::new();
        let next = run.begin_next(&probe, &plan, &published, stored.clone());
        let publish = async {
            run.make(&probe, &plan, Turn::First, stored).await?;
            work.stage("publish");
            publish::publish(self, lease, plan.refines()).await?;
            self.tell(job.video, VideoChange::Ready);
            published.cancel();
            if !plan.refines() {
                source::let_go(&self.spool, &source).await;
            }
            work.stage("protect");
            Ok::<(), IngestError>(())
        };
        let protect = async { Ok(self.deposit.protect_all(lease, to_protect, &work.cancel).await?) };
        let ((), (), is_protected) = tokio::try_join!(publish.boxed(), next.boxed(), protect.boxed())?;
        if is_protected {
            self.tell(job.video, VideoChange::Protected);
        }
        Ok(())
    }

    /// Makes the copies of a published film that an earlier run was stopped before.
    async fn protect_rest(&self, video: VideoId, work: &Work) -> Result<(), IngestError> {
        let (stored, to_protect) = self.deposit.stored(work.lease).await?;
        drop(stored);
        work.stage("protect");
        work.stores_from_now_on();
        if self.deposit.protect_all(work.lease, to_protect, &work.cancel).await? {
            self.tell(video, VideoChange::Protected);
        }
        Ok(())
    }

    /// What an earlier run planned.
    async fn known_plan(&self, lease: JobLease) -> Result<Option<(Probe, Plan)>, IngestError> {
        let Some((probe, plan)) = self.catalog.plan_of(lease).await? else { return Ok(None) };
        Ok(serde_json::from_str(&probe).ok().zip(serde_json::from_str(&plan).ok()))
    }

    fn tell(&self, video: VideoId, change: VideoChange) {
        self.events.publish(Event::Video { video_id: video, change });
    }
}

impl Run<'_> {
    /// What was planned for this video, now or by an earlier run.
    async fn planned(&self, lease: JobLease) -> Result<(Probe, Plan), IngestError> {
        if let Some(known) = self.ingest.known_plan(lease).await? {
            return Ok(known);
        }
        self.work.stage("inspect");
        let inspected = self.inspect().await;
        self.ingest.foresight.forget(self.input());
        let (probe, plan) = inspected?;
        self.record(&probe, &plan).await?;
        Ok((probe, plan))
    }

    fn input(&self) -> &Path {
        &self.input
    }
}
