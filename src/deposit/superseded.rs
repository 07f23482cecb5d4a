//! What was stored of renditions that were begun anew, or that a person took away, is removed again.

use super::{Deposit, DepositError};
use crate::catalog::{JobLease, Superseded};

impl Deposit {
    /// Forgets the renditions of the job's video that a later one took the place of, with everything stored of
    /// them. What the store does not remove stays as litter.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_superseded(&self, lease: JobLease) -> Result<(), DepositError> {
        self.discard(self.catalog.discard_superseded(lease, self.clock.now()).await?).await
    }

    /// Forgets the tracks and posters of the job's video that a person took away or replaced, in the same way.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_removed(&self, lease: JobLease) -> Result<(), DepositError> {
        self.discard(self.catalog.discard_removed(lease, self.clock.now()).await?).await
    }

    async fn discard(&self, Superseded { blobs, mut copies }: Superseded) -> Result<(), DepositError> {
        for blob in blobs {
            self.spool.remove_pack(blob).await?;
        }
        if copies.is_empty() {
            return Ok(());
        }
        match self.store.remove(&copies).await {
            Ok(kept) => copies.retain(|copy| !kept.contains(copy)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "copies that nobody needs any more stay as litter");
                return Ok(());
            }
        }
        Ok(self.catalog.litter_removed(copies).await?)
    }
}
