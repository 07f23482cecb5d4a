//! Who makes way. Where every worker of a kind has a job, one that only waits is handed back for a job that goes before
//! it: what is quickly done does not wait for what takes hours.

use super::{Runner, Shared};
use crate::catalog::{CatalogError, JobKind, Outranked};
use crate::media::id::JobId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a job is due that was not before.
const LOOK: Duration = Duration::from_secs(30);

/// The workers of a kind.
#[derive(Debug, Default)]
pub(super) struct Crew {
    /// Those without a job, who look for one.
    pub(super) idle: AtomicUsize,
}

/// What a running job does, as far as that tells whether it can make way.
#[derive(Debug, Default)]
pub(super) struct Doing {
    pub(super) works: AtomicUsize,
    pub(super) waits: AtomicUsize,
    pub(super) stores: AtomicBool,
}

/// What it costs to hand a job back, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Nothing,
    /// What is being sent to a store is sent once more.
    Sending,
}

pub(super) struct Usher {
    pub(super) kind: JobKind,
    pub(super) crew: Arc<Crew>,
    pub(super) shared: Arc<Shared>,
    pub(super) runner: Arc<dyn Runner>,
    pub(super) token: CancellationToken,
}

impl Doing {
    fn cost(&self) -> Option<Cost> {
        let counts = |count: &AtomicUsize| count.load(Ordering::Acquire) > 0;
        match (counts(&self.works), counts(&self.waits), self.stores.load(Ordering::Acquire)) {
            (false, _, true) => Some(Cost::Sending),
            (false, true, false) => Some(Cost::Nothing),
            _ => None,
        }
    }
}

impl Usher {
    pub(super) async fn work(self) {
        while !self.token.is_cancelled() {
            let (woken, crowded) = (self.shared.wake.notified(), self.shared.crowd.notified());
            tokio::pin!(woken, crowded);
            // From here on nothing is missed, also while the catalog is asked.
            woken.as_mut().enable();
            crowded.as_mut().enable();
            if let Err(error) = self.make_way().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "it is not known whether a job is to make way"
                );
            }
            tokio::select! {
                () = woken => {}
                () = crowded => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.token.cancelled() => {}
            }
        }
    }

    /// Tells one job to go, if that helps another. When it is out, its worker takes the next one, and this is asked again.
    async fn make_way(&self) -> Result<(), CatalogError> {
        if self.crew.idle.load(Ordering::Acquire) > 0 {
            return Ok(());
        }
        let can_go = self.shared.can_go(self.kind);
        if can_go.is_empty() {
            return Ok(());
        }
        let (busy, most, now) = (self.shared.videos_at_work(), self.shared.settings.most_left, self.shared.clock.now());
        let jobs = can_go.iter().map(|(_, job)| *job).collect();
        let unstored = self.runner.unstored();
        let outranked = self.shared.catalog.outranked(self.kind, jobs, busy, (unstored, most), now).await?;
        let cost = |outranked: &Outranked| {
            let known = can_go.iter().find(|(_, job)| *job == outranked.job).map(|(cost, _)| *cost);
            known.max(outranked.is_sending.then_some(Cost::Sending))
        };
        // The least in rank of those that cost the least.
        if let Some(least) = outranked.into_iter().min_by_key(cost) {
            self.shared.let_go(least.job);
        }
        Ok(())
    }
}

impl Shared {
    /// Jobs of a kind that can make way, and at which cost; none while one is about to.
    fn can_go(&self, kind: JobKind) -> Vec<(Cost, JobId)> {
        let running = self.running.lock().expect("nothing panics while holding it");
        let of_kind = || running.iter().filter(|(_, held)| held.kind == kind);
        if of_kind().any(|(_, held)| held.makes_way) {
            return Vec::new();
        }
        let can_go = of_kind().filter(|(_, held)| !held.cancel.is_cancelled());
        can_go.filter_map(|(job, held)| Some((held.doing.cost()?, *job))).collect()
    }

    fn let_go(&self, job: JobId) {
        let mut running = self.running.lock().expect("nothing panics while holding it");
        // It may have begun to work meanwhile.
        if let Some(held) = running.get_mut(&job).filter(|held| held.doing.cost().is_some()) {
            held.makes_way = true;
            held.cancel.cancel();
            tracing::debug!(job.id = job.0, "a job makes way for another");
        }
    }
}
