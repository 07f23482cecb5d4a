//! One blob onto its channels: intent, put, read back, verified; then its room in the spool is freed.

use super::error::most_hopeful;
use super::load::Sending;
use super::{Deposit, DepositError};
use crate::catalog::{BlobToStore, CopyRecord, CopyState, JobLease};
use crate::media::extent::{ChannelId, Locator, StoredBlob};
use crate::media::id::BlobId;
use crate::media::placement;
use crate::store::{Fault, Purpose, PutTicket, StoreError, read_verified};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Tries on one channel that does not answer before the next one is taken. One that asks to wait is
/// passed over at once: how long to wait for it is its store's business.
const TRIES: u32 = 2;

/// Tries on one channel from which a copy comes back damaged or not at all: a bit that flips on the way
/// seldom flips twice.
const SPOILT_TRIES: u32 = 3;

/// A try that took longer than this and had no answer is not made twice: it would hold the film up as long again.
const LONG_TRY: Duration = Duration::from_secs(10);

/// How long a channel that does not answer, and does not say for how long, comes last.
const SILENCE: Duration = Duration::from_secs(30);

/// Wait between two tries.
const WAIT: Duration = Duration::from_millis(500);

/// The longest pause that is waited out on the spot; after a longer one the job comes again.
const SHORT_PAUSE: Duration = Duration::from_secs(20);

/// How long such pauses may last together for one copy.
const LONGEST_PAUSES: Duration = Duration::from_secs(300);

/// A store that takes longer for one blob is taken for hanging.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// Where the bytes of a copy come from.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    /// A file on the local disk.
    File(PathBuf),
    /// Another copy, forwarded by the store: nobody here can read it.
    Copy(Locator),
}

/// A sealed blob and what is known of its copies.
pub(super) struct Blob {
    record: BlobToStore,
    stored: StoredBlob,
}

impl Deposit {
    /// Makes the first verified copy of a sealed blob, unless there is one.
    ///
    /// # Errors
    /// When it could not be made on any channel.
    pub(super) async fn store_blob(
        &self,
        lease: JobLease,
        blob: BlobId,
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        let Some(blob) = self.look_up(lease, blob).await? else { return Ok(()) };
        if blob.verified().next().is_none() {
            let bytes = Bytes::File(self.spool.pack_path(blob.stored.id));
            self.attempt(lease, &blob, 0, (&bytes, Purpose::Deposit), cancel).make_copy().await?;
        }
        Ok(())
    }

    /// Brings a blob to as many verified copies at home as are wanted, and frees its room in the spool.
    /// Answers whether it has them.
    ///
    /// # Errors
    /// `Cancelled`, `Catalog`, `Spool`; a store that does not take more copies is none.
    pub(super) async fn protect_blob(
        &self,
        lease: JobLease,
        blob: BlobId,
        cancel: &CancellationToken,
    ) -> Result<bool, DepositError> {
        let bytes = Bytes::File(self.spool.pack_path(blob));
        let done = self.copy_until_protected(lease, blob, (&bytes, Purpose::Deposit), cancel).await;
        let is_protected = match done {
            Err(error @ (DepositError::Store(_) | DepositError::Spoilt)) => {
                tracing::warn!(
                    blob.id = blob.0,
                    error = &error as &dyn std::error::Error,
                    "a blob has fewer copies than wanted; it is mended later"
                );
                false
            }
            done => {
                done?;
                super::wanted(&*self.store, self.settings.replicas).copies == self.settings.replicas
            }
        };
        self.spool.remove_pack(blob).await?;
        Ok(is_protected)
    }

    /// Makes copies from `bytes` until there are enough at home.
    pub(super) async fn copy_until_protected(
        &self,
        lease: JobLease,
        blob: BlobId,
        bytes: (&Bytes, Purpose),
        cancel: &CancellationToken,
    ) -> Result<(), DepositError> {
        while let Some(blob) = self.look_up(lease, blob).await? {
            if !self.lacks_copies(&blob) {
                break;
            }
            // The lowest number that no verified copy has.
            let number = (0..).find(|number| blob.verified().all(|copy| copy.copy != *number)).unwrap_or(0);
            self.attempt(lease, &blob, number, bytes, cancel).make_copy().await?;
        }
        Ok(())
    }

    /// Whether a blob has fewer verified copies than can be had now.
    pub(super) fn lacks_copies(&self, blob: &Blob) -> bool {
        let wanted = super::wanted(&*self.store, self.settings.replicas);
        blob.verified_on(&wanted.open) < wanted.copies as usize
    }

    pub(super) async fn look_up(&self, lease: JobLease, blob: BlobId) -> Result<Option<Blob>, DepositError> {
        let record = self.catalog.blob_to_store(lease, blob).await?;
        Ok(record.map(|record| {
            let chunks = record.chunks.clone().into();
            let copies = record.copies.iter().filter(|copy| copy.state == CopyState::Verified);
            let copies = copies.filter_map(|copy| copy.locator.clone()).collect();
            Blob { stored: StoredBlob { id: blob, len: record.len, chunks, copies }, record }
        }))
    }

    fn attempt<'a>(
        &'a self,
        lease: JobLease,
        blob: &'a Blob,
        number: u32,
        (bytes, purpose): (&'a Bytes, Purpose),
        cancel: &'a CancellationToken,
    ) -> Attempt<'a> {
        Attempt { deposit: self, lease, blob, number, bytes, purpose, cancel }
    }
}

impl Blob {
    pub(super) fn stored(&self) -> &StoredBlob {
        &self.stored
    }

    pub(super) fn copies(&self) -> &[CopyRecord] {
        &self.record.copies
    }

    pub(super) fn verified(&self) -> impl Iterator<Item = &CopyRecord> {
        self.record.copies.iter().filter(|copy| copy.state == CopyState::Verified)
    }

    pub(super) fn verified_on(&self, channels: &[ChannelId]) -> usize {
        self.verified().filter(|copy| channels.contains(&copy.channel)).count()
    }

    pub(super) fn lost(&self) -> impl Iterator<Item = &CopyRecord> {
        self.record.copies.iter().filter(|copy| copy.state == CopyState::Lost)
    }
}

/// The making of one copy.
struct Attempt<'a> {
    deposit: &'a Deposit,
    lease: JobLease,
    blob: &'a Blob,
    number: u32,
    bytes: &'a Bytes,
    purpose: Purpose,
    cancel: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Makes the copy on any channel. Short pauses that all of them ask for are waited out here: a film
    /// comes in faster than messages may be sent.
    async fn make_copy(&self) -> Result<(), DepositError> {
        let mut waited = Duration::ZERO;
        loop {
            match self.try_channels().await {
                Err(DepositError::Store(error)) if error.fault == Fault::Throttled && waited < LONGEST_PAUSES => {
                    let Some(wait) = error.retry_after.filter(|wait| *wait <= SHORT_PAUSE) else {
                        return Err(error.into());
                    };
                    let wait = wait.max(WAIT);
                    waited += wait;
                    self.rest(wait).await?;
                }
                done => return done,
            }
        }
    }

    async fn rest(&self, wait: Duration) -> Result<(), DepositError> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.cancel.cancelled() => Err(DepositError::Cancelled),
        }
    }

    /// Tries the channels that were begun with, then the others, until one takes the copy.
    async fn try_channels(&self) -> Result<(), DepositError> {
        let load = &self.deposit.load;
        let (mut tried, mut failures): (Vec<ChannelId>, Vec<StoreError>) = (Vec::new(), Vec::new());
        loop {
            let turn = self.cancel.run_until_cancelled(load.turn()).await.ok_or(DepositError::Cancelled)?;
            let Some(channel) = self.channels().into_iter().find(|channel| !tried.contains(channel)) else { break };
            match self.try_channel(&channel, turn.to(&channel)).await {
                Ok(()) => return Ok(()),
                Err(DepositError::Store(error)) if error.fault != Fault::TooLarge => {
                    let silence = (error.fault == Fault::Unreachable).then_some(SILENCE);
                    if let Some(wait) = error.retry_after.or(silence) {
                        load.pause(&channel, wait, Instant::now());
                    }
                    failures.push(error);
                }
                Err(error) => return Err(error),
            }
            tried.push(channel);
        }
        let nowhere = || StoreError::new(Fault::Refused, "looking for a channel without a copy of the blob");
        Err(DepositError::Store(most_hopeful(failures, nowhere)))
    }

    /// Where the copy may go, in order. No two copies of a blob share a channel, nor does one take the place of
    /// that which it is forwarded from. While nobody here has the bytes, a lost copy keeps its place, too: it may
    /// be the only one that is whole.
    fn channels(&self) -> Vec<ChannelId> {
        let home = self.deposit.store.channels();
        let copies = &self.blob.record.copies;
        let is_taken = |channel: &ChannelId| {
            let other = |copy: &&CopyRecord| copy.channel == *channel && copy.copy != self.number;
            copies.iter().filter(other).any(|copy| matches!(copy.state, CopyState::Sent | CopyState::Verified))
        };
        let keeps_lost = |channel: &ChannelId| {
            matches!(self.bytes, Bytes::Copy(_)) && self.blob.lost().any(|copy| copy.channel == *channel)
        };
        let source = match self.bytes {
            Bytes::File(_) => None,
            Bytes::Copy(from) => copies.iter().find(|copy| copy.locator.as_ref() == Some(from)),
        };
        let is_source = |channel: &ChannelId| source.is_some_and(|copy| copy.channel == *channel);
        let begun = |state| {
            let mine = copies.iter().filter(move |copy| copy.copy == self.number && copy.state == state);
            mine.map(|copy| copy.channel.clone())
        };
        let mut preferred = placement::preference(&self.blob.record.hash, &home);
        self.deposit.load.sort(&mut preferred, Instant::now());
        let closed = self.deposit.store.closed();
        let forwards = source.and_then(|source| closed.iter().find(|closed| closed.channel == source.channel));
        // A closed one last; and none that is known not to see the source: to be refused costs a message, too.
        preferred.sort_by_key(|channel| closed.iter().any(|closed| closed.channel == *channel));
        if let Some(from) = forwards.filter(|from| !from.forwards_to.is_empty()) {
            preferred.retain(|channel| from.forwards_to.contains(channel));
        }
        let mut channels: Vec<ChannelId> = Vec::new();
        for channel in begun(CopyState::Sent).chain(begun(CopyState::Intended)).chain(preferred) {
            let is_open = !is_taken(&channel) && !is_source(&channel) && !keeps_lost(&channel);
            if home.contains(&channel) && is_open && !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    async fn try_channel(&self, channel: &ChannelId, sending: Sending) -> Result<(), DepositError> {
        let mut sending = Some(sending);
        for attempt in 1.. {
            let begun = Instant::now();
            let tried = tokio::select! {
                tried = timeout(PATIENCE, self.put_and_read_back(channel, &mut sending)) => tried,
                () = self.cancel.cancelled() => return Err(DepositError::Cancelled),
            };
            match tried.unwrap_or_else(|_| Err(StoreError::new(Fault::Unreachable, "storing a blob").into())) {
                Err(DepositError::Store(error)) if attempt < self.tries_after(&error, begun.elapsed()) => {
                    self.rest(WAIT).await?;
                }
                done => return done,
            }
            if sending.is_none() {
                let turn = self.cancel.run_until_cancelled(self.deposit.load.turn()).await;
                sending = Some(turn.ok_or(DepositError::Cancelled)?.to(channel));
            }
        }
        Ok(())
    }

    /// How often a channel is tried that failed like this after so long.
    fn tries_after(&self, error: &StoreError, took: Duration) -> u32 {
        match error.fault {
            // What it gave back was removed there.
            Fault::Missing | Fault::Corrupt => SPOILT_TRIES,
            // Nothing was sent, so that the next channel is as good as this one, and sooner.
            Fault::Unreachable if !error.may_be_there() && self.deposit.store.channels().len() > 1 => 1,
            Fault::Unreachable if took > LONG_TRY => 1,
            Fault::Unreachable => TRIES,
            Fault::Throttled | Fault::Refused | Fault::TooLarge => 1,
        }
    }

    /// Gives `sending` back once the copy is there.
    async fn put_and_read_back(&self, channel: &ChannelId, sending: &mut Option<Sending>) -> Result<(), DepositError> {
        let Deposit { catalog, clock, .. } = self.deposit;
        let blob = self.blob.stored.id;
        let (to, now) = (channel.clone(), clock.now());
        let intent = match self.bytes {
            Bytes::File(_) => catalog.intend_copy(self.lease, blob, self.number, to, now).await?,
            Bytes::Copy(from) => catalog.intend_forward(self.lease, blob, self.number, to, from.clone(), now).await?,
        };
        let nonce = intent.nonce;
        let locator = match intent.sent {
            // It is known where it lies, and nothing more.
            Some(locator) => locator,
            None => {
                let locator = self.put(channel, nonce).await?;
                catalog.copy_sent(self.lease, blob, nonce, locator.clone(), clock.now()).await?;
                locator
            }
        };
        drop(sending.take());
        if let Err(error) = self.read_back(&locator).await {
            if matches!(error.fault, Fault::Missing | Fault::Corrupt) {
                self.deposit.discard(self.lease, blob, vec![locator]).await?;
            }
            if error.fault == Fault::Corrupt {
                self.check_file().await?;
            }
            return Err(error.into());
        }
        Ok(catalog.copy_verified(self.lease, blob, nonce, clock.now()).await?)
    }

    async fn put(&self, channel: &ChannelId, nonce: Uuid) -> Result<Locator, DepositError> {
        let Deposit { catalog, store, settings, .. } = self.deposit;
        let BlobToStore { role, hash, len, .. } = &self.blob.record;
        let ticket = PutTicket {
            blob: self.blob.stored.id,
            channel: channel.clone(),
            copy: self.number,
            nonce,
            caption: format!("telecine/1 {} {role} {hash} {nonce}", settings.installation),
            len: *len,
            hash: *hash,
            purpose: self.purpose,
        };
        let put = match self.bytes {
            Bytes::File(path) => store.put(&ticket, path).await,
            Bytes::Copy(from) => store.put_again(&ticket, from).await,
        };
        if put.as_ref().is_err_and(|error| !error.may_be_there()) {
            catalog.copy_refused(self.lease, self.blob.stored.id, nonce).await?;
        }
        Ok(put?)
    }

    /// Fails when the file that is sent is not what was sealed: then every copy of it comes back wrong.
    async fn check_file(&self) -> Result<(), DepositError> {
        let BlobToStore { hash, len, .. } = &self.blob.record;
        if matches!(self.bytes, Bytes::File(_))
            && self.deposit.spool.hash_pack(self.blob.stored.id, *len).await? != *hash
        {
            return Err(DepositError::Spoilt);
        }
        Ok(())
    }

    async fn read_back(&self, locator: &Locator) -> Result<(), StoreError> {
        let stored = &self.blob.stored;
        let all = 0..stored.chunks.len() as u64;
        let mut chunks = read_verified(&*self.deposit.store, locator, stored, all, self.purpose).await?;
        while chunks.next().await?.is_some() {}
        Ok(())
    }
}
