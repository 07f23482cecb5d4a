//! What was stored of renditions that were begun anew is removed again.

use super::{Deposit, DepositError};
use crate::catalog::{JobLease, Superseded};

impl Deposit {
    /// Forgets the renditions of the job's video that a later one took the place of, with everything stored of
    /// them. What the store does not remove stays as litter.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_superseded(&self, lease: JobLease) -> Result<(), DepositError> {
        let Superseded { blobs, mut copies } = self.catalog.discard_superseded(lease, self.clock.now()).await?;
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
                tracing::warn!(error, "copies of a rendition that was begun anew stay as litter");
                return Ok(());
            }
        }
        Ok(self.catalog.litter_removed(copies).await?)
    }
}
