//! What is looked after without being asked: blobs that lack copies are mended, what nobody needs is removed, and
//! sends whose answer was lost are cleared up.

use super::litter::known_on;
use super::searches::Searches;
use crate::catalog::{Catalog, CatalogError, Doubt, NotRemoved};
use crate::clock::Clock;
use crate::deposit::wanted;
use crate::events::{Event, Events, JobState};
use crate::jobs::Jobs;
use crate::media::extent::{ChannelId, Locator, StoredBlob, UnheardCopy};
use crate::media::time::Timestamp;
use crate::store::{BlobStore, Fault, Purpose, StoreError, read_verified};
use futures::FutureExt;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How often everything is looked over when nothing happens.
const ROUND: Duration = Duration::from_secs(600);

/// How often a missed blob is looked for, and how many in one round.
const MISSED_EVERY: Duration = Duration::from_secs(600);
const MISSED_AT_ONCE: u32 = 20;

/// How long one copy of a missed blob may take to be read.
const READ_PATIENCE: Duration = Duration::from_secs(60);

/// How long after a send whose answer was lost its message may still come.
const LATEST: Duration = Duration::from_secs(300);

/// The least time between two rounds when nothing happens.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How soon a round follows one that was not finished.
const SECOND_ROUND: Duration = Duration::from_secs(30);

/// How long news is gathered before a round: many jobs may end together, and each round looks at the whole library.
const GATHERING: Duration = Duration::from_secs(2);

/// The keeper of one library.
#[derive(Clone)]
pub struct Keeper {
    /// What there should be.
    pub catalog: Catalog,
    /// Where it should be.
    pub store: Arc<dyn BlobStore>,
    /// Who does the mending.
    pub jobs: Jobs,
    /// What happens meanwhile.
    pub events: Events,
    /// The time of day.
    pub clock: Clock,
    /// Verified copies wanted of each blob.
    pub replicas: u32,
    /// Called when a copy was found lost.
    pub alarm: Arc<Notify>,
}

/// Why a round was not finished; the next one does the rest.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error("reading or writing the catalog")]
    Catalog(#[from] CatalogError),
    #[error("looking into the store")]
    Store(#[from] StoreError),
}

impl Keeper {
    /// Makes its rounds until the end: at once, whenever a job is done or a copy was found lost, and every
    /// ten minutes.
    pub async fn keep(self, end: CancellationToken) {
        let mut heard = self.events.subscribe();
        let mut searches = Searches::default();
        loop {
            let pause = match end.run_until_cancelled(self.whole_round(&mut searches)).await {
                Some(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the store was not looked over to the end");
                    SECOND_ROUND
                }
                Some(Ok(pause)) => pause,
                None => return,
            };
            let job_done = async {
                while let Some(event) = heard.next().await {
                    if matches!(event, Event::Job { state: JobState::Done, .. } | Event::Missed { .. }) {
                        return;
                    }
                }
            };
            tokio::select! {
                () = job_done => {}
                () = self.alarm.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = end.cancelled() => return,
            }
            if end.run_until_cancelled(tokio::time::sleep(GATHERING)).await.is_none() {
                return;
            }
            // The round that begins now sees all of it.
            heard = self.events.subscribe();
            let _ = self.alarm.notified().now_or_never();
        }
    }

    /// A round, and how long nothing is to be done after it.
    async fn whole_round(&self, searches: &mut Searches) -> Result<Duration, RoundError> {
        self.round_with(searches).await?;
        let now = self.clock.now();
        let due = self.catalog.next_litter(now).await?;
        let wait = due.map_or(ROUND, |due| Duration::from_millis(u64::try_from(due.0 - now.0).unwrap_or_default()));
        let search = searches.next(now).unwrap_or(ROUND);
        Ok(wait.min(search).clamp(SHORTEST_PAUSE, ROUND))
    }

    /// A round that looks into every channel in which something may lie.
    #[cfg(test)]
    pub(super) async fn round(&self) -> Result<(), RoundError> {
        self.round_with(&mut Searches::default()).await
    }

    /// Queues what is to be mended, and removes what nobody needs and what lost answers left.
    async fn round_with(&self, searches: &mut Searches) -> Result<(), RoundError> {
        let queued = self.catalog.queue_mends(&wanted(&*self.store, self.replicas), self.clock.now()).await?;
        if queued > 0 {
            tracing::info!(videos = queued, "videos lack copies and will be mended");
            self.jobs.wake();
        }
        self.look_for_missed().await?;
        let mut all = self.clear_away().await;
        let (doubts, now) = (self.catalog.doubts().await?, self.clock.now());
        searches.keep(|channel| doubts.contains_key(channel));
        let due = doubts.into_iter().filter(|(channel, _)| searches.is_due(channel, now));
        // Each channel by itself: a bot that rests keeps nobody from looking at the others.
        let cleared =
            join_all(due.map(async |(channel, doubts)| (channel.clone(), self.clear_up(channel, doubts).await)));
        for (channel, cleared) in cleared.await {
            searches.ended(channel, matches!(cleared, Ok(true)), now);
            all = all.and(cleared.map(drop));
        }
        all
    }

    /// Reads blobs whose last copy was missing or wrong once more: a disk may be back.
    async fn look_for_missed(&self) -> Result<(), RoundError> {
        let now = self.clock.now();
        let before = Timestamp(now.0 - i64::try_from(MISSED_EVERY.as_millis()).unwrap_or_default());
        for blob in self.catalog.missed_blobs(before, MISSED_AT_ONCE).await? {
            let mut is_there = false;
            for copy in &blob.copies {
                is_there = is_there || self.reads_whole(&blob, copy).await;
            }
            if is_there {
                tracing::info!(blob.id = blob.id.0, "the last copy of a blob is there again");
                // So may be those that had no turn.
                self.alarm.notify_one();
            }
            self.catalog.missed_checked(blob.id, is_there, now).await?;
        }
        Ok(())
    }

    async fn reads_whole(&self, blob: &StoredBlob, copy: &Locator) -> bool {
        let all = 0..blob.chunks.len() as u64;
        let read = async {
            let mut chunks = read_verified(&*self.store, copy, blob, all, Purpose::Upkeep).await?;
            while chunks.next().await?.is_some() {}
            Ok::<(), StoreError>(())
        };
        timeout(READ_PATIENCE, read).await.is_ok_and(|read| read.is_ok())
    }

    /// Gives up copies that were sent, could not be read back, and were made elsewhere since. They are litter from
    /// then on: a job that begins meanwhile must not count on them.
    async fn clear_away(&self) -> Result<(), RoundError> {
        self.catalog.discard_needless(self.clock.now()).await?;
        Ok(self.remove_litter().await?)
    }

    /// Removes what sends to a channel left that were not heard of, as far as it can be found now. Answers whether
    /// no doubt is left.
    async fn clear_up(&self, channel: ChannelId, mut doubts: Vec<Doubt>) -> Result<bool, RoundError> {
        let unheard: Vec<UnheardCopy> = doubts.iter().map(|doubt| doubt.copy.clone()).collect();
        let named = known_on(&self.catalog, &*self.store, &channel).await?;
        let search = match self.store.find(&channel, &unheard, &named).await {
            // The channel is not configured any more: nobody can look until it is again.
            Err(error) if error.fault == Fault::Refused && !self.store.knows(&channel) => return Ok(true),
            search => search?,
        };
        if !search.strays.is_empty() {
            let imprints = unheard.iter().map(|copy| copy.imprint).collect();
            if self.catalog.is_imprinted_since(channel, imprints, named).await? {
                // A job forwards there what was forwarded before: when it is done, it is known which message is whose.
                return search.broke_off.map_or(Ok(false), |error| Err(error.into()));
            }
            let litter = self.store.remove(&search.strays).await?;
            let (copies, left) = (search.strays.len(), litter.len());
            tracing::info!(copies, left, "copies that nobody names were found and removed");
            self.catalog.litter_kept(litter, NotRemoved::Refused, self.clock.now()).await?;
        }
        let (now, all) = (self.clock.now(), doubts.len());
        let may_come = |doubt: &Doubt| search.absent.contains(&doubt.copy.imprint) && doubt.at.after(LATEST) > now;
        doubts.retain(|doubt| !search.undecided.contains(&doubt.copy.imprint) && !may_come(doubt));
        let is_clear = doubts.len() == all;
        self.catalog.settle_doubts(doubts).await?;
        search.broke_off.map_or(Ok(is_clear), |error| Err(error.into()))
    }
}
