//! One fetch of a run of missing chunks, for everybody who waits for them.
//!
//! A flight is a task of its own: the asker who started it may leave. It goes from copy to copy at
//! the chunk it has reached; every chunk may try every copy, so two damaged copies still make one
//! whole blob as long as the damage does not overlap. Where there is a choice, no copy is waited for
//! long at first: somebody watches, and another one is likely to answer. Whoever lost its turn like that is heard out
//! beside it, because to be slow is no fault. The end of the program does not cut a flight short
//! (players are being served to the end); its patience bounds it.

use super::error::CacheError;
use super::memory::ChunkKey;
use super::{Damage, Inner};
use crate::media::extent::{Locator, StoredBlob};
use crate::store::{Fault, Purpose, StoreError, VerifiedChunks, read_verified};
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The longest rest of a silent store that is sat out.
const SHORT_REST: Duration = Duration::from_secs(5);

/// How long a copy that lost its turn is heard out: longer than a slow store takes to begin, and so short that a
/// silent one is known for what it is before long.
const HEARING: Duration = Duration::from_secs(6);

/// Chunks `run` of a blob, not yet brought; the rest of them is abandoned when it is dropped.
pub(super) struct Flight {
    inner: Arc<Inner>,
    blob: Arc<StoredBlob>,
    run: Range<u64>,
    /// Whether a copy lost its turn, since the last chunk came, that patience might have made it keep.
    was_hasty: bool,
}

impl Flight {
    pub(super) fn new(inner: Arc<Inner>, blob: Arc<StoredBlob>, run: Range<u64>) -> Self {
        Self { inner, blob, run, was_hasty: false }
    }

    pub(super) async fn fly(mut self) {
        let blob = Arc::clone(&self.blob);
        let mut failures: Vec<StoreError> = Vec::new();
        for copy in blob.copies.iter().cycle() {
            let reached = self.run.start;
            let hastens = blob.copies.len() > 1 && failures.len() < blob.copies.len();
            let Err(mut error) = self.follow(copy, hastens).await else { return };
            if let Some(rest) = self.worth_waiting(hastens, &error) {
                sleep(rest).await;
                match self.follow(copy, false).await {
                    Ok(()) => return,
                    Err(again) => error = again,
                }
            }
            self.report(copy, &error);
            if self.run.start > reached {
                failures.clear();
            }
            failures.push(error);
            let rounds = if self.was_hasty { 2 } else { 1 };
            if failures.len() == blob.copies.len() * rounds {
                break;
            }
        }
        self.give_up(&failures);
    }

    /// Reads from one copy until the end of the run or its first fault.
    async fn follow(&mut self, copy: &Locator, hastens: bool) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        let mut chunks = self.begin(copy, hastens).await?;
        loop {
            let bytes = match self.wait(hastens, chunks.next()).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(()),
                // Nobody asked for what is missing now.
                Err(_) if self.run.is_empty() => return Ok(()),
                Err(error) => return Err(error),
            };
            let chunk = chunks.position() - 1;
            if chunk == self.run.start && !self.run.is_empty() {
                inner.memory().publish(self.key(), &bytes);
                self.run.start += 1;
                self.was_hasty = false;
            } else {
                // A store that only gives whole copies: somebody will ask for the rest.
                inner.memory().keep(ChunkKey { blob: self.blob.id, chunk }, &bytes);
            }
        }
    }

    /// The beginning of what is left of the run, from one copy.
    async fn begin(&mut self, copy: &Locator, hastens: bool) -> Result<VerifiedChunks, StoreError> {
        let (inner, blob, copy, run) =
            (Arc::clone(&self.inner), Arc::clone(&self.blob), copy.clone(), self.run.clone());
        let mut begin =
            Box::pin(async move { read_verified(&*inner.store, &copy, &blob, run, Purpose::Playback).await });
        match timeout(self.limit(hastens), &mut begin).await {
            Ok(answer) => answer,
            Err(_) => {
                if hastens {
                    self.hear_out(begin);
                }
                Err(self.lost_turn(hastens))
            }
        }
    }

    /// Waits for the first chunk all the same: an answer that nobody needs any more still says that the store is well,
    /// and one that is given up says that it is not.
    fn hear_out(&self, begin: impl Future<Output = Result<VerifiedChunks, StoreError>> + Send + 'static) {
        let end = self.inner.shutdown.token();
        let first = async move { begin.await?.next().await };
        let heard = timeout(HEARING, first);
        drop(self.inner.shutdown.spawn("slow copy", async move { drop(end.run_until_cancelled(heard).await) }));
    }

    /// How long to wait for a copy whose turn was lost in haste, which may be why its store rests.
    fn worth_waiting(&self, hastens: bool, error: &StoreError) -> Option<Duration> {
        let is_silent = error.fault == Fault::Unreachable;
        error.retry_after.filter(|rest| !hastens && self.was_hasty && is_silent && *rest <= SHORT_REST)
    }

    async fn wait<T>(
        &mut self,
        hastens: bool,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.limit(hastens), step).await.unwrap_or_else(|_| Err(self.lost_turn(hastens)))
    }

    fn limit(&self, hastens: bool) -> Duration {
        if hastens { self.inner.haste } else { self.inner.patience }
    }

    fn lost_turn(&mut self, hastens: bool) -> StoreError {
        self.was_hasty |= hastens;
        StoreError::new(Fault::Unreachable, "waiting for a copy's next chunk")
    }

    fn report(&self, copy: &Locator, error: &StoreError) {
        tracing::warn!(
            blob.id = self.blob.id.0, chunk = self.run.start, %copy, %error,
            "a copy cannot be read, trying the next one"
        );
        if !matches!(error.fault, Fault::Missing | Fault::Corrupt) {
            return;
        }
        let damage = Damage { blob: self.blob.id, copy: copy.clone(), fault: error.fault };
        if self.inner.damage.try_send(damage).is_err() {
            tracing::warn!(blob.id = self.blob.id.0, "too many damaged copies to report; a scrub will find this one");
        }
    }

    /// The most hopeful of the failures decides. What is wrong with one chunk says nothing of the
    /// next one, so for those only the waiting ends; a store that does not answer fails them all.
    fn give_up(&mut self, failures: &[StoreError]) {
        let fault = [Fault::Throttled, Fault::Unreachable, Fault::Corrupt, Fault::Refused, Fault::TooLarge]
            .into_iter()
            .find(|fault| failures.iter().any(|error| error.fault == *fault))
            .unwrap_or(Fault::Missing);
        let retry_after = failures.iter().filter_map(|error| error.retry_after).min();
        let decisive = failures.iter().filter(|error| error.fault == fault);
        let remedies: Option<Vec<_>> = decisive.map(|error| error.remedy.clone()).collect();
        let error = match remedies.and_then(|remedies| remedies.into_iter().next()) {
            Some(remedy) => CacheError::ToRepair { blob: self.blob.id, remedy },
            None => CacheError::Unreadable { blob: self.blob.id, fault, retry_after },
        };
        let end = if fault == Fault::Corrupt { self.run.start + 1 } else { self.run.end };
        let mut memory = self.inner.memory();
        while self.run.start < end {
            memory.fail(ChunkKey { blob: self.blob.id, chunk: self.run.start }, error.clone());
            self.run.start += 1;
        }
    }

    fn key(&self) -> ChunkKey {
        ChunkKey { blob: self.blob.id, chunk: self.run.start }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let blob = self.blob.id;
        let mut memory = self.inner.memory();
        self.run.clone().for_each(|chunk| memory.abandon(ChunkKey { blob, chunk }));
    }
}
