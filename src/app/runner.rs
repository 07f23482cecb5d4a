//! From the kind of a job to the use case that does it.

use super::Base;
use crate::cache::SegmentCache;
use crate::catalog::{JobKind, JobRecord};
use crate::events::{Event, Events, VideoChange};
use crate::ingest::Ingest;
use crate::jobs::{Outcome, Runner, Work};
use crate::media::id::BlobId;
use crate::upkeep::{self, ForgetError};
use async_trait::async_trait;

/// Does the jobs of this program.
pub(super) struct UseCases {
    pub(super) ingest: Ingest,
    pub(super) forget: upkeep::Parts,
    pub(super) mend: upkeep::MendParts,
    pub(super) events: Events,
}

/// What forgetting a film needs, of the parts of the server.
pub(super) fn forgetting(base: &Base, cache: SegmentCache) -> upkeep::Parts {
    let Base { catalog, store, spool, clock, .. } = base;
    upkeep::Parts { catalog: catalog.clone(), store: store.clone(), spool: spool.clone(), cache, clock: clock.clone() }
}

#[async_trait]
impl Runner for UseCases {
    async fn run(&self, job: &JobRecord, work: &Work) -> Outcome {
        match job.kind {
            JobKind::Ingest => self.ingest.run(job, work).await,
            JobKind::Refine => self.ingest.refine(job, work).await,
            JobKind::Attach => self.ingest.attach(job, work).await,
            JobKind::Forget => self.forget(job, work).await,
            JobKind::Mend => self.mend.run(upkeep::Task::Mend, work).await,
            JobKind::Move => self.mend.run(upkeep::Task::BringHome, work).await,
        }
    }

    fn unstored(&self) -> Vec<(BlobId, u64)> {
        self.ingest.spool.packs()
    }
}

impl UseCases {
    async fn forget(&self, job: &JobRecord, work: &Work) -> Outcome {
        work.stage("forget");
        match upkeep::forget(&self.forget, work.lease, &work.cancel).await {
            Ok(()) => {
                self.events.publish(Event::Video { video_id: job.video, change: VideoChange::Deleted });
                Outcome::Gone
            }
            Err(ForgetError::Cancelled) => Outcome::Stopped,
            // Whoever deleted a video wants it gone: that is tried until it is.
            Err(error) => Outcome::Later { reason: error.to_string(), after: None },
        }
    }
}
