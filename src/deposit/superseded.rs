//! What was stored of renditions that are of no more use is removed again.

use super::{Deposit, DepositError};
use crate::catalog::{JobLease, Superseded};

impl Deposit {
    /// Forgets the renditions of the job's video that a later one took the place of, with everything stored of
    /// them. What the store does not remove stays as litter.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_superseded(&self, lease: JobLease) -> Result<(), DepositError> {
        let superseded = self.catalog.discard_superseded(lease, self.clock.now()).await?;
        self.remove_all(superseded).await
    }

    /// Forgets the kept file of the job's video, unless all of it is stored, as `discard_superseded` does.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_unkept(&self, lease: JobLease) -> Result<(), DepositError> {
        let unkept = self.catalog.discard_unkept(lease, self.clock.now()).await?;
        self.remove_all(unkept).await
    }

    async fn remove_all(&self, Superseded { blobs, mut copies }: Superseded) -> Result<(), DepositError> {
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
                tracing::warn!(error, "copies of a rendition that is of no more use stay as litter");
                return Ok(());
            }
        }
        Ok(self.catalog.litter_removed(copies).await?)
    }
}
