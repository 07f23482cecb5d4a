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
use super::ranking::Standing;
use super::slab::Slab;
use super::{Damage, Inner};
use crate::media::extent::{Locator, StoredBlob};
use crate::store::{Fault, Purpose, StoreError, VerifiedChunks, read_verified};
use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The longest rest of a silent store that is sat out.
const SHORT_REST: Duration = Duration::from_secs(5);

/// Rests before copies that failed quickly are asked once more: a connection that broke, or a flipped bit, says nothing
/// of the next try.
const SECOND_THOUGHTS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// How soon it is worth asking again for what failed and may be had any time.
const SOON: Duration = Duration::from_secs(5);

/// How long a copy that lost its turn is heard out: longer than a slow store takes to begin, and so short that a
/// silent one is known for what it is before long.
const HEARING: Duration = Duration::from_secs(6);

/// Chunks `run` of a blob, not yet brought; the rest of them is abandoned when it is dropped.
pub(super) struct Flight {
    inner: Arc<Inner>,
    blob: Arc<StoredBlob>,
    run: Range<u64>,
    standing: Standing,
    /// Chunks that come along unasked, as a store gives whole copies; whoever asks for one waits for this flight.
    along: BTreeSet<u64>,
    /// Whether a copy lost its turn, since the last chunk came, that patience might have made it keep.
    was_hasty: bool,
    /// Whether the copy that is followed was waited for in vain.
    ran_out: bool,
}

impl Flight {
    pub(super) fn new(inner: Arc<Inner>, blob: Arc<StoredBlob>, run: Range<u64>, standing: Standing) -> Self {
        Self { inner, blob, run, standing, along: BTreeSet::new(), was_hasty: false, ran_out: false }
    }

    /// Brings them from the disk, up to the first that is not there any more: whoever waits for it looks again.
    pub(super) async fn fly_near(mut self, slab: Slab) {
        while !self.run.is_empty() {
            let hash = usize::try_from(self.run.start).ok().and_then(|chunk| self.blob.chunks.get(chunk));
            let Some(hash) = hash else { return };
            let Some(bytes) = slab.read(self.key(), *hash).await else { return };
            let slice = self.inner.hold(bytes);
            let gone = self.inner.memory().publish(self.key(), &slice, self.standing);
            self.inner.let_go(gone);
            self.run.start += 1;
        }
    }

    /// Brings them from the store.
    pub(super) async fn fly(mut self) {
        let blob = Arc::clone(&self.blob);
        let mut failures: Vec<Failure<'_>> = Vec::new();
        for copy in blob.copies.iter().cycle() {
            let reached = self.run.start;
            let hastens = blob.copies.len() > 1 && failures.len() < blob.copies.len();
            let followed = self.follow_patiently(copy, hastens).await;
            if followed.is_ok() || self.run.start > reached {
                // What failed and then went well is no damage.
                self.report(failures.iter().filter(|failure| failure.copy != copy));
                failures.clear();
            }
            let Err(error) = followed else { return };
            tracing::warn!(
                blob.id = self.blob.id.0, chunk = self.run.start, %copy, %error,
                "a copy cannot be read, trying the next one"
            );
            failures.push(Failure { copy, is_hiccup: !self.ran_out && is_hiccup(&error), error });
            if failures.len().is_multiple_of(blob.copies.len()) && !self.tries_again(&failures).await {
                break;
            }
        }
        self.report(failures.iter());
        self.give_up(&failures);
    }

    /// After a round over all copies that failed: whether there is another one, once it is time for it.
    async fn tries_again(&self, failures: &[Failure<'_>]) -> bool {
        let copies = self.blob.copies.len();
        let round = failures.len() / copies;
        if failures[failures.len() - copies..].iter().any(|failure| failure.is_hiccup) {
            let Some(rest) = SECOND_THOUGHTS.get(round - 1) else { return false };
            sleep(*rest).await;
            return true;
        }
        self.was_hasty && round < 2
    }

    /// As `follow`, and once more after a rest that haste may have caused.
    async fn follow_patiently(&mut self, copy: &Locator, hastens: bool) -> Result<(), StoreError> {
        self.ran_out = false;
        let Err(error) = self.follow(copy, hastens).await else { return Ok(()) };
        let Some(rest) = self.worth_waiting(hastens, &error) else { return Err(error) };
        sleep(rest).await;
        self.follow(copy, false).await
    }

    /// Reads from one copy until the end of the run or its first fault.
    async fn follow(&mut self, copy: &Locator, hastens: bool) -> Result<(), StoreError> {
        let followed = self.follow_to_end(copy, hastens).await;
        self.leave_behind(u64::MAX);
        followed
    }

    async fn follow_to_end(&mut self, copy: &Locator, hastens: bool) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        let mut chunks = self.begin(copy, hastens).await?;
        if chunks.is_whole() {
            self.along = inner.memory().expect(self.blob.id, self.blob.chunks.len() as u64);
        }
        let slab = inner.slab.as_ref().filter(|_| !inner.store.is_near(copy));
        loop {
            let bytes = match self.wait(hastens, chunks.next()).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(()),
                // Nobody asked for what is missing now.
                Err(_) if self.run.is_empty() => return Ok(()),
                Err(error) => return Err(error),
            };
            let chunk = chunks.position() - 1;
            self.along.remove(&chunk);
            self.leave_behind(chunk);
            let key = ChunkKey { blob: self.blob.id, chunk };
            let is_next = chunk == self.run.start && !self.run.is_empty();
            let standing = if is_next { self.standing } else { Standing::Passing };
            if let Some(slab) = slab {
                slab.offer(key, &bytes, standing);
            }
            let slice = inner.hold(bytes);
            let gone = if is_next {
                self.run.start += 1;
                self.was_hasty = false;
                inner.memory().publish(key, &slice, standing)
            } else {
                // Somebody will ask for it, or does already.
                inner.memory().keep(key, &slice, standing)
            };
            inner.let_go(gone);
        }
    }

    /// Those before this one that should have come along did not: whoever waits for one looks again.
    fn leave_behind(&mut self, chunk: u64) {
        let later = self.along.split_off(&chunk);
        let gone = std::mem::replace(&mut self.along, later);
        let blob = self.blob.id;
        let mut memory = self.inner.memory();
        gone.into_iter().for_each(|chunk| memory.abandon(ChunkKey { blob, chunk }));
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
        self.ran_out = true;
        StoreError::new(Fault::Unreachable, "waiting for a copy's next chunk")
    }

    /// Tells of copies that were missing or wrong, each once.
    fn report<'a>(&self, failures: impl Iterator<Item = &'a Failure<'a>>) {
        let mut told: Vec<&Locator> = Vec::new();
        for Failure { copy, error, .. } in failures {
            if !matches!(error.fault, Fault::Missing | Fault::Corrupt) || told.contains(copy) {
                continue;
            }
            told.push(copy);
            let damage = Damage { blob: self.blob.id, copy: (*copy).clone(), fault: error.fault };
            if self.inner.damage.try_send(damage).is_err() {
                tracing::warn!(
                    blob.id = self.blob.id.0,
                    "too many damaged copies to report; a scrub will find this one"
                );
            }
        }
    }

    /// The most hopeful of the failures decides. What is wrong with one chunk says nothing of the
    /// next one, so for those only the waiting ends; a store that does not answer fails them all.
    fn give_up(&mut self, failures: &[Failure<'_>]) {
        let fault = [Fault::Throttled, Fault::Unreachable, Fault::Corrupt, Fault::Refused, Fault::TooLarge]
            .into_iter()
            .find(|fault| failures.iter().any(|failure| failure.error.fault == *fault))
            .unwrap_or(Fault::Missing);
        let passes = matches!(fault, Fault::Throttled | Fault::Unreachable);
        let retry_after = failures.iter().filter(|_| passes).filter_map(Failure::retry_after).min();
        let decisive = failures.iter().filter(|failure| failure.error.fault == fault);
        let remedies: Option<Vec<_>> = decisive.map(|failure| failure.error.remedy.clone()).collect();
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

/// What became of one try of one copy.
struct Failure<'a> {
    copy: &'a Locator,
    error: StoreError,
    /// Whether the next try of it may go well at once.
    is_hiccup: bool,
}

impl Failure<'_> {
    fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after.or(self.is_hiccup.then_some(SOON))
    }
}

fn is_hiccup(error: &StoreError) -> bool {
    let may_be_had = matches!(error.fault, Fault::Unreachable | Fault::Corrupt);
    may_be_had && error.retry_after.is_none() && error.remedy.is_none()
}

impl Drop for Flight {
    fn drop(&mut self) {
        let blob = self.blob.id;
        let mut memory = self.inner.memory();
        self.run
            .clone()
            .chain(std::mem::take(&mut self.along))
            .for_each(|chunk| memory.abandon(ChunkKey { blob, chunk }));
        memory.flying -= 1;
    }
}
