//! Missing copies are made again, and blobs are brought to the store in use: one job a video.

use crate::catalog::{Catalog, CatalogError, JobLease};
use crate::deposit::{Deposit, DepositError, wanted};
use crate::jobs::{Outcome, Work};
use crate::media::id::BlobId;
use crate::store::BlobStore;
use std::sync::Arc;

/// What mending needs.
#[derive(Clone)]
pub struct MendParts {
    /// Which blobs there are.
    pub catalog: Catalog,
    /// The store in use.
    pub store: Arc<dyn BlobStore>,
    /// The way into it.
    pub deposit: Deposit,
    /// Verified copies wanted of each blob.
    pub replicas: u32,
}

/// What is done with each blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the copies it lacks.
    Mend,
    /// Make them in the store in use, and remove the others.
    BringHome,
}

impl MendParts {
    /// Does a task with every blob of the job's video that needs it. A blob that cannot be helped now
    /// does not keep the others from it: the job comes again.
    pub async fn run(&self, task: Task, work: &Work) -> Outcome {
        work.stage(if task == Task::Mend { "mend" } else { "move" });
        let blobs = match self.blobs(task, work.lease).await {
            Ok(blobs) => blobs,
            Err(CatalogError::LeaseLost) => return Outcome::Stopped,
            Err(error) => return Outcome::Later { reason: error.to_string(), after: None },
        };
        let mut failure = None;
        for (done, blob) in blobs.iter().enumerate() {
            let ended = match task {
                Task::Mend => self.deposit.mend(work.lease, *blob, &work.cancel).await,
                Task::BringHome => self.deposit.bring_home(work.lease, *blob, &work.cancel).await,
            };
            match ended {
                Ok(()) => {}
                Err(DepositError::Cancelled | DepositError::Catalog(CatalogError::LeaseLost)) => {
                    return Outcome::Stopped;
                }
                Err(error) => {
                    tracing::warn!(blob.id = blob.0, error = &error as &dyn std::error::Error, "a blob was not helped");
                    failure = Some(error);
                }
            }
            work.fraction((done + 1) as f64 / blobs.len() as f64);
        }
        match failure {
            None => Outcome::Done,
            Some(error) => Outcome::Later { reason: error.for_people(), after: error.retry_after() },
        }
    }

    async fn blobs(&self, task: Task, lease: JobLease) -> Result<Vec<BlobId>, CatalogError> {
        match task {
            Task::Mend => self.catalog.blobs_to_mend(lease, &wanted(&*self.store, self.replicas)).await,
            Task::BringHome => self.catalog.blobs_to_move(lease, &self.store.channels(), self.replicas).await,
        }
    }
}
