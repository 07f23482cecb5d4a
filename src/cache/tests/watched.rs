//! A store whose every answer is in the hands of a test.

use super::*;
use crate::media::extent::{ChannelId, UnheardCopy};
use crate::store::{LocalStore, Presence, Purpose, PutTicket, Reading, Search, StoreError};
use async_trait::async_trait;
use std::collections::{HashMap, HashSet};
use tokio::sync::Semaphore;

/// The local store, with reads counted, held back until they are let through, or never answered.
pub(crate) struct Watched {
    pub(crate) local: LocalStore,
    pub(crate) reads: AtomicU64,
    pub(crate) gate: Semaphore,
    pub(crate) silent: Mutex<HashSet<Locator>>,
    pub(crate) throttled: Mutex<HashSet<Locator>>,
    /// Copies whose bot has something else to do.
    pub(crate) busy: Mutex<HashSet<Locator>>,
    /// How long these take to begin.
    pub(crate) slow: Mutex<HashMap<Locator, Duration>>,
    /// Readings that were begun and not left before the store answered.
    pub(crate) answered: AtomicU64,
    /// How many readings fail at once from now on, and how many after those come back with a flipped bit.
    pub(crate) broken: AtomicU64,
    pub(crate) flipped: AtomicU64,
    /// Until when nothing is read and readers are told so.
    pub(crate) rests_until: Mutex<Option<Instant>>,
    /// Each chunk takes a permit.
    pub(crate) permits: Mutex<Option<Arc<Semaphore>>>,
    /// Whether copies of so many bytes come whole, whatever is asked for.
    pub(crate) whole: Mutex<Option<u64>>,
}

impl Watched {
    pub(crate) fn over(local: LocalStore) -> Self {
        Self {
            local,
            reads: AtomicU64::new(0),
            gate: Semaphore::new(1000),
            silent: Mutex::default(),
            throttled: Mutex::default(),
            busy: Mutex::default(),
            slow: Mutex::default(),
            answered: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            flipped: AtomicU64::new(0),
            rests_until: Mutex::default(),
            permits: Mutex::default(),
            whole: Mutex::default(),
        }
    }

    /// The bytes of a range, as soon as each chunk of them is let through.
    async fn paced(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        let whole = self.whole.lock().unwrap().map(|len| ByteRange::within(len, 0, len).unwrap());
        let reading = self.local.read(copy, whole.unwrap_or(range), purpose).await?;
        let permits = self.permits.lock().unwrap().clone();
        let Some(permits) = permits else { return Ok(Reading { is_whole: whole.is_some(), ..reading }) };
        let all = reading.bytes.try_collect::<Vec<_>>().await?.concat();
        let chunks: Vec<_> = all.chunks(CHUNK).map(Bytes::copy_from_slice).collect();
        let bytes = stream::iter(chunks).then(move |chunk| {
            let permits = Arc::clone(&permits);
            async move {
                permits.acquire().await.unwrap().forget();
                Ok(chunk)
            }
        });
        Ok(Reading { bytes: Box::pin(bytes), is_whole: whole.is_some() })
    }
}

#[async_trait]
impl BlobStore for Watched {
    fn channels(&self) -> Vec<ChannelId> {
        self.local.channels()
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        self.local.put(ticket, file).await
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        self.local.channel_of(copy)
    }

    fn is_idle(&self, copy: &Locator) -> bool {
        !self.busy.lock().unwrap().contains(copy)
    }

    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError> {
        self.local.put_again(ticket, from).await
    }

    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        self.local.find(channel, unheard, named).await
    }

    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.silent.lock().unwrap().contains(copy) {
            std::future::pending::<()>().await;
        }
        if self.throttled.lock().unwrap().contains(copy) {
            return Err(StoreError::throttled("reading", Duration::from_secs(7)));
        }
        let left = self.rests_until.lock().unwrap().map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| *left > Duration::ZERO) {
            return Err(StoreError::new(Fault::Unreachable, "reading").after(Some(left)));
        }
        let takes = |count: &AtomicU64| {
            count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        if takes(&self.broken) {
            return Err(StoreError::new(Fault::Unreachable, "reading"));
        }
        if takes(&self.flipped) {
            let reading = self.local.read(copy, range, purpose).await?;
            let flip = |slice: Bytes| slice.iter().map(|byte| byte ^ 1).collect::<Bytes>();
            return Ok(Reading::of_range(Box::pin(reading.bytes.map_ok(flip))));
        }
        let pause = self.slow.lock().unwrap().get(copy).copied();
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        let _passed = self.gate.acquire().await.unwrap();
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.paced(copy, range, purpose).await
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        self.local.remove(copies).await
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        self.local.probe(copy).await
    }
}
