//! When one copy is missing, others may be, too: the whole channel may be gone, or somebody tidied it up. So all
//! copies of the film are looked for, and then those of every blob that lies on no other channel than those where
//! something was missing. Nothing is read, and a look waits for its turn behind everything else. Telegram says of a
//! file that it cannot give just now what it says of one that is gone: only what is missing twice, with some seconds
//! between, is lost.

use crate::catalog::{Catalog, CatalogError, ToProbe};
use crate::clock::Clock;
use crate::media::extent::{ChannelId, Locator};
use crate::media::id::{BlobId, VideoId};
use crate::media::time::Timestamp;
use crate::store::{BlobStore, Presence};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const PACE: Duration = Duration::from_millis(100);

/// From one look that missed a copy to the one that confirms it.
const CONFIRMED_AFTER: Duration = Duration::from_secs(10);

/// How long what was looked for is not looked for again.
const FILM_EVERY: Duration = Duration::from_secs(60);
const CHANNELS_EVERY: Duration = Duration::from_secs(600);

/// Blobs asked of the catalog at once.
const AT_ONCE: u32 = 200;

/// Looks for copies beside those that were found missing.
pub struct Prober {
    /// Which copies there should be.
    pub catalog: Catalog,
    /// Where they should be.
    pub store: Arc<dyn BlobStore>,
    /// The time of day.
    pub clock: Clock,
    /// Called when a copy was found missing.
    pub alarm: Arc<Notify>,
    confirmed_after: Duration,
    seen: Seen,
}

/// Copies that were missing when they were looked for.
type Missing = Vec<(BlobId, ChannelId, Locator)>;

/// What was looked for lately.
#[derive(Default)]
struct Seen {
    films: HashMap<VideoId, Timestamp>,
    /// Sets of channels that were looked through.
    channels: HashMap<BTreeSet<ChannelId>, Timestamp>,
}

impl Prober {
    /// One that has seen nothing yet.
    pub fn new(catalog: Catalog, store: Arc<dyn BlobStore>, clock: Clock, alarm: Arc<Notify>) -> Self {
        Self { catalog, store, clock, alarm, confirmed_after: CONFIRMED_AFTER, seen: Seen::default() }
    }

    /// One that looks at what is missing again after so long.
    #[cfg(test)]
    pub(super) fn confirming_after(self, confirmed_after: Duration) -> Self {
        Self { confirmed_after, ..self }
    }

    /// Looks around each copy that is reported missing, until the end or until nobody reports any more.
    pub async fn keep(mut self, mut missing: mpsc::Receiver<(BlobId, Locator)>, end: CancellationToken) {
        while let Some(Some((blob, copy))) = end.run_until_cancelled(missing.recv()).await {
            if let Some(Err(error)) = end.run_until_cancelled(self.look_around(blob, &copy)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(blob.id = blob.0, error, "other copies were not looked for");
            }
        }
    }

    /// Looks for the other copies of the film, and for blobs that lie where something was missing and nowhere else.
    pub(super) async fn look_around(&mut self, blob: BlobId, copy: &Locator) -> Result<(), CatalogError> {
        self.seen.forget(self.clock.now());
        let Some((video, blobs)) = self.catalog.blobs_beside(blob).await? else { return Ok(()) };
        if self.seen.films.contains_key(&video) {
            return Ok(());
        }
        let mut suspects: BTreeSet<ChannelId> = self.store.channel_of(copy).into_iter().collect();
        let probed: HashSet<BlobId> = blobs.iter().map(|blob| blob.blob).collect();
        suspects.extend(self.look_for(&blobs).await?);
        self.seen.films.insert(video, self.clock.now());
        if self.seen.channels.keys().any(|seen| seen.is_superset(&suspects)) {
            return Ok(());
        }
        let mut after = BlobId(0);
        loop {
            let blobs = self.catalog.blobs_only_on(suspects.iter().cloned().collect(), after, AT_ONCE).await?;
            let Some(last) = blobs.last() else { break };
            after = last.blob;
            let others: Vec<ToProbe> = blobs.into_iter().filter(|blob| !probed.contains(&blob.blob)).collect();
            self.look_for(&others).await?;
        }
        self.seen.channels.insert(suspects, self.clock.now());
        Ok(())
    }

    /// Looks for the copies of some blobs, and again for those that were missing; answers the channels from which one
    /// is gone.
    async fn look_for(&self, blobs: &[ToProbe]) -> Result<BTreeSet<ChannelId>, CatalogError> {
        let copies = blobs
            .iter()
            .flat_map(|blob| blob.copies.iter().map(|(channel, copy)| (blob.blob, channel.clone(), copy.clone())));
        let missing = self.missing_of(copies.collect()).await;
        let mut channels = BTreeSet::new();
        if missing.is_empty() {
            return Ok(channels);
        }
        tokio::time::sleep(self.confirmed_after).await;
        for (blob, channel, copy) in self.missing_of(missing).await {
            tracing::warn!(blob.id = blob.0, %copy, "a copy is not where it was");
            self.catalog.copy_lost(blob, copy, self.clock.now()).await?;
            self.alarm.notify_one();
            channels.insert(channel);
        }
        Ok(channels)
    }

    async fn missing_of(&self, copies: Missing) -> Missing {
        let mut missing = Missing::new();
        for (blob, channel, copy) in copies {
            tokio::time::sleep(PACE).await;
            // A copy that cannot be looked for now says nothing: whoever reads it will see.
            if let Ok(Presence::Absent) = self.store.probe(&copy).await {
                missing.push((blob, channel, copy));
            }
        }
        missing
    }
}

impl Seen {
    fn forget(&mut self, now: Timestamp) {
        self.films.retain(|_, at| at.after(FILM_EVERY) > now);
        self.channels.retain(|_, at| at.after(CHANNELS_EVERY) > now);
    }
}
