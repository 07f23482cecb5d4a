//! Several stores as one: what is new goes to the store in use, and what lies in another is read and
//! removed there.

use super::error::{Fault, StoreError};
use super::stream::Reading;
use super::{BlobStore, ClosedChannel, Presence, Purpose, PutTicket, Search};
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::range::ByteRange;
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;

/// The store in use, with those that hold earlier blobs.
pub struct RoutedStore {
    home: Arc<dyn BlobStore>,
    others: Vec<Arc<dyn BlobStore>>,
}

impl RoutedStore {
    /// Puts to `home`; reads from whichever issued the locator.
    pub fn new(home: Arc<dyn BlobStore>, others: Vec<Arc<dyn BlobStore>>) -> Self {
        Self { home, others }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn BlobStore>> {
        std::iter::once(&self.home).chain(&self.others)
    }

    fn of(&self, copy: &Locator) -> Result<&Arc<dyn BlobStore>, StoreError> {
        let nobody = || StoreError::new(Fault::Refused, "finding the store of a copy").definitely();
        self.all().find(|store| store.channel_of(copy).is_some()).ok_or_else(nobody)
    }
}

#[async_trait]
impl BlobStore for RoutedStore {
    fn channels(&self) -> Vec<ChannelId> {
        self.home.channels()
    }

    fn knows(&self, channel: &ChannelId) -> bool {
        self.all().any(|store| store.knows(channel))
    }

    fn closed(&self) -> Vec<ClosedChannel> {
        self.home.closed()
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        self.all().find_map(|store| store.channel_of(copy))
    }

    fn is_near(&self, copy: &Locator) -> bool {
        self.all().any(|store| store.is_near(copy))
    }

    fn is_idle(&self, copy: &Locator) -> bool {
        self.of(copy).is_ok_and(|store| store.is_idle(copy))
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        self.home.put(ticket, file).await
    }

    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError> {
        self.home.put_again(ticket, from).await
    }

    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        let nobody = || StoreError::new(Fault::Refused, "finding the store of a channel").definitely();
        let store = self.all().find(|store| store.knows(channel)).ok_or_else(nobody)?;
        store.find(channel, unheard, named).await
    }

    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        self.of(copy)?.read(copy, range, purpose).await
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        let mut kept = Vec::new();
        if copies.iter().any(|copy| self.channel_of(copy).is_none()) {
            return Err(StoreError::new(Fault::Refused, "removing copies of a store that is not there").definitely());
        }
        for store in self.all() {
            let theirs: Vec<Locator> = copies.iter().filter(|copy| store.channel_of(copy).is_some()).cloned().collect();
            if !theirs.is_empty() {
                kept.extend(store.remove(&theirs).await?);
            }
        }
        Ok(kept)
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        self.of(copy)?.probe(copy).await
    }
}
