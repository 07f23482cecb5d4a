//! Copies of blobs that are stored already: the ones that are missing, and those that are to lie in
//! the store in use and not where they are.

use super::copy::{Blob, Bytes, PATIENCE};
use super::error::most_hopeful;
use super::{Deposit, DepositError};
use crate::catalog::{CopyRecord, CopyState, JobLease};
use crate::media::extent::Locator;
use crate::media::id::BlobId;
use crate::spool::Unsynced;
use crate::store::{Fault, Purpose, StoreError, read_verified};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What reading the copies of a blob came to.
#[derive(Default)]
struct Findings {
    /// All its bytes are in the spool.
    is_fetched: bool,
    /// Copies that nobody could ask for, those first that are believed to be good.
    unreachable: Vec<Locator>,
    /// Copies that were believed to be good and are not.
    damaged: Vec<Locator>,
    /// Copies that counted as lost, and are.
    gone: Vec<Locator>,
    /// Those of them that are not there, rather than wrong.
    missing_twice: Vec<Locator>,
    failures: Vec<StoreError>,
}

/// Where the bytes of a blob can be had, and what was found out on the way.
struct Sources {
    /// Each to be tried when the one before failed.
    bytes: Vec<Bytes>,
    /// Copies that were read just now and are missing or wrong.
    gone: Vec<Locator>,
    /// Why none could be read here, when they have to be forwarded.
    failures: Vec<StoreError>,
}

impl Deposit {
    /// Brings a stored blob to as many verified copies at home as are wanted, out of one that can be
    /// read; where none can be, by letting the store forward one. A copy that counts as lost is read once
    /// more before it is given up, and one of which nobody could say only when there are enough others: it may be
    /// the last one.
    ///
    /// # Errors
    /// `Cancelled`; `Store` when no copy can be read, or no channel is open or takes one.
    pub async fn mend(&self, lease: JobLease, blob: BlobId, cancel: &CancellationToken) -> Result<(), DepositError> {
        let Some(record) = self.look_up(lease, blob).await? else { return Ok(()) };
        if super::wanted(&*self.store, self.settings.replicas).copies == 0 {
            return Err(StoreError::new(Fault::Unreachable, "looking for an open channel").definitely().into());
        }
        if !self.lacks_copies(&record) && record.lost().next().is_none() {
            // It was helped since, or a bot is back.
            return Ok(());
        }
        self.spool.room_for_packs(record.stored().len, cancel).await.map_err(|_| DepositError::Cancelled)?;
        let done = match self.sources(lease, &record, cancel).await {
            Ok(sources) => self.copy_from_any(lease, blob, sources, cancel).await,
            Err(error) => Err(error),
        };
        self.spool.remove_pack(blob).await?;
        let gone = done.map_err(|error| match error {
            // It was fetched for this; the next time it is fetched anew.
            DepositError::Spoilt => StoreError::new(Fault::Corrupt, "keeping a blob on this machine").into(),
            other => other,
        })?;
        let Some(record) = self.look_up(lease, blob).await? else { return Ok(()) };
        let is_safe = self.is_safe(&record);
        let is_gone = |copy: &&CopyRecord| copy.locator.as_ref().is_some_and(|at| gone.contains(at));
        self.discard(lease, blob, locators(record.lost().filter(|copy| is_safe || is_gone(copy)))).await
    }

    /// As `mend`, and then removes the copies that do not lie at home, once as many are there as a blob is to have.
    ///
    /// # Errors
    /// As `mend`; `Store` when too few channels at home are open.
    pub async fn bring_home(
        &self,
        lease: JobLease,
        blob: BlobId,
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        self.mend(lease, blob, cancel).await?;
        let Some(record) = self.look_up(lease, blob).await? else { return Ok(()) };
        if !self.is_safe(&record) {
            let error = StoreError::new(Fault::Unreachable, "looking for enough open channels").definitely();
            return Err(error.into());
        }
        let home = self.store.channels();
        let elsewhere = record.copies().iter().filter(|copy| !home.contains(&copy.channel));
        self.discard(lease, blob, locators(elsewhere)).await
    }

    /// Whether a blob has all the copies it is to have, on channels at home that are open.
    fn is_safe(&self, blob: &Blob) -> bool {
        let wanted = super::wanted(&*self.store, self.settings.replicas);
        blob.verified_on(&wanted.open) >= self.settings.replicas as usize
    }

    /// Where the blob's bytes can be had: the spool, when a copy was read; else the copies that may be forwarded.
    async fn sources(&self, lease: JobLease, blob: &Blob, cancel: &CancellationToken) -> Result<Sources, DepositError> {
        let Findings { is_fetched, unreachable, damaged, missing_twice, mut gone, failures } =
            self.read_copies(lease, blob, cancel).await?;
        for copy in damaged {
            self.catalog.copy_lost(blob.stored().id, copy.clone(), self.clock.now()).await?;
            gone.push(copy);
        }
        if is_fetched {
            let bytes = vec![Bytes::File(self.spool.pack_path(blob.stored().id))];
            return Ok(Sources { bytes, gone, failures: Vec::new() });
        }
        if unreachable.is_empty() {
            let error = most_hopeful(failures, || StoreError::new(Fault::Missing, "looking for a copy of a blob"));
            return Err(error.into());
        }
        // What was missing twice makes room: where channels are few, its own may be the one to forward to. What came
        // back wrong does not: it may have been spoilt on the way, and be all there is one day.
        self.discard(lease, blob.stored().id, missing_twice).await?;
        // The bots that could read them are out; one that is a member of their channels may forward them.
        Ok(Sources { bytes: unreachable.into_iter().map(Bytes::Copy).collect(), gone, failures })
    }

    /// Brings the first good copy that reads whole to the spool, and reads each that counts as lost: one that
    /// is whole again is good.
    async fn read_copies(
        &self,
        lease: JobLease,
        blob: &Blob,
        cancel: &CancellationToken,
    ) -> Result<Findings, DepositError> {
        let mut findings = Findings::default();
        for copy in blob.verified().chain(blob.lost()) {
            let Some(locator) = &copy.locator else { continue };
            let is_lost = copy.state == CopyState::Lost;
            if findings.is_fetched && !is_lost {
                continue;
            }
            let reading = async {
                if findings.is_fetched { self.check(blob, locator).await } else { self.fetch(blob, locator).await }
            };
            // A store that trickles is taken for one that gives no answer.
            let late = |_| Err(StoreError::new(Fault::Unreachable, "reading a copy of a blob").into());
            let reading = async { timeout(PATIENCE, reading).await.unwrap_or_else(late) };
            match cancel.run_until_cancelled(reading).await.ok_or(DepositError::Cancelled)? {
                Ok(()) => findings.is_fetched = true,
                Err(DepositError::Store(error)) => {
                    findings.failed(locator, is_lost, error);
                    continue;
                }
                Err(error) => return Err(error),
            }
            if is_lost {
                tracing::info!(blob.id = blob.stored().id.0, copy = %locator, "a copy that counted as lost is whole");
                self.catalog.copy_verified(lease, blob.stored().id, copy.nonce, self.clock.now()).await?;
            }
        }
        Ok(findings)
    }

    /// Answers the copies that are known to be gone.
    async fn copy_from_any(
        &self,
        lease: JobLease,
        blob: BlobId,
        sources: Sources,
        cancel: &CancellationToken,
    ) -> Result<Vec<Locator>, DepositError> {
        let Sources { bytes, gone, mut failures } = sources;
        for bytes in &bytes {
            match self.copy_until_protected(lease, blob, (bytes, Purpose::Upkeep), cancel).await {
                Err(DepositError::Store(error)) => failures.push(error),
                done => return done.map(|()| gone),
            }
        }
        Err(most_hopeful(failures, || StoreError::new(Fault::Missing, "looking for a copy of a blob")).into())
    }

    async fn fetch(&self, blob: &Blob, copy: &Locator) -> Result<(), DepositError> {
        let stored = blob.stored();
        let all = 0..stored.chunks.len() as u64;
        let mut chunks = read_verified(&*self.store, copy, stored, all, Purpose::Upkeep).await?;
        let mut file = self.spool.open_pack(stored.id, &[]).await?;
        while let Some(chunk) = chunks.next().await? {
            file.append(vec![chunk]).await?;
        }
        Ok(Unsynced::sync(vec![file.unsynced()?]).await?)
    }

    async fn check(&self, blob: &Blob, copy: &Locator) -> Result<(), DepositError> {
        let stored = blob.stored();
        let all = 0..stored.chunks.len() as u64;
        let mut chunks = read_verified(&*self.store, copy, stored, all, Purpose::Upkeep).await?;
        while chunks.next().await?.is_some() {}
        Ok(())
    }
}

impl Findings {
    fn failed(&mut self, copy: &Locator, is_lost: bool, error: StoreError) {
        match error.fault {
            Fault::Unreachable => self.unreachable.push(copy.clone()),
            Fault::Missing | Fault::Corrupt if is_lost => {
                if error.fault == Fault::Missing {
                    self.missing_twice.push(copy.clone());
                }
                self.gone.push(copy.clone());
            }
            Fault::Missing | Fault::Corrupt => self.damaged.push(copy.clone()),
            Fault::Throttled | Fault::Refused | Fault::TooLarge => {}
        }
        self.failures.push(error);
    }
}

fn locators<'a>(copies: impl Iterator<Item = &'a CopyRecord>) -> Vec<Locator> {
    copies.filter_map(|copy| copy.locator.clone()).collect()
}
