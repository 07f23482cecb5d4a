//! Copies that nobody needs any more are forgotten first and removed then: what the store does not remove
//! stays known as litter.

use super::{Deposit, DepositError};
use crate::catalog::{CatalogError, JobLease, NotRemoved, Superseded};
use crate::media::extent::Locator;
use crate::media::id::BlobId;

impl Deposit {
    /// Forgets the renditions of the job's video that a later one took the place of, with everything stored of
    /// them.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_superseded(&self, lease: JobLease) -> Result<(), DepositError> {
        self.forgotten(self.catalog.discard_superseded(lease, self.clock.now()).await?).await
    }

    /// Forgets the tracks and posters of the job's video that a person took away or replaced, in the same way.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_removed(&self, lease: JobLease) -> Result<(), DepositError> {
        self.forgotten(self.catalog.discard_removed(lease, self.clock.now()).await?).await
    }

    /// Forgets the kept file of the job's video, unless all of it is stored, in the same way.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_unkept(&self, lease: JobLease) -> Result<(), DepositError> {
        self.forgotten(self.catalog.discard_unkept(lease, self.clock.now()).await?).await
    }

    /// Forgets what was to refine the job's video and is not whole, in the same way.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_unmade(&self, lease: JobLease) -> Result<(), DepositError> {
        self.forgotten(self.catalog.discard_unmade(lease, self.clock.now()).await?).await
    }

    /// Forgets further sounds of the job's video that could not be made, in the same way.
    ///
    /// # Errors
    /// `Catalog`, `Spool`.
    pub async fn discard_unmade_sounds(&self, lease: JobLease) -> Result<(), DepositError> {
        self.forgotten(self.catalog.discard_unmade_sounds(lease, self.clock.now()).await?).await
    }

    async fn forgotten(&self, Superseded { blobs, copies }: Superseded) -> Result<(), DepositError> {
        for blob in blobs {
            self.spool.remove_pack(blob).await?;
        }
        Ok(self.remove_litter(copies).await?)
    }

    /// Forgets copies of a blob. That they cannot be removed now keeps nobody from going on.
    pub(super) async fn discard(
        &self,
        lease: JobLease,
        blob: BlobId,
        copies: Vec<Locator>,
    ) -> Result<(), DepositError> {
        if copies.is_empty() {
            return Ok(());
        }
        self.catalog.discard_copies(lease, blob, copies.clone(), self.clock.now()).await?;
        Ok(self.remove_litter(copies).await?)
    }

    async fn remove_litter(&self, mut copies: Vec<Locator>) -> Result<(), CatalogError> {
        match self.store.remove(&copies).await {
            Ok(kept) => {
                copies.retain(|copy| !kept.contains(copy));
                self.catalog.litter_removed(copies).await?;
                self.catalog.litter_kept(kept, NotRemoved::Refused, self.clock.now()).await
            }
            // The keeper tries it again.
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "copies that nobody needs are not removed yet");
                Ok(())
            }
        }
    }
}
