//! A store that does more, or less, than it is asked to.

use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::range::ByteRange;
use crate::store::{BlobStore, Presence, Purpose, PutTicket, Reading, Search, StoreError};
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub(super) struct Unsteady {
    store: Arc<dyn BlobStore>,
    /// What happens while it is searched the first time.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Copies that it said once not to have, where it does so.
    missed: Option<Mutex<BTreeSet<String>>>,
}

impl Unsteady {
    /// One on which something else happens while it is searched.
    pub(super) fn meanwhile(store: Arc<dyn BlobStore>, happens: BoxFuture<'static, ()>) -> Self {
        Self { store, meanwhile: Mutex::new(Some(happens)), missed: None }
    }

    /// One that says of every copy once that it is not there.
    pub(super) fn forgetful(store: Arc<dyn BlobStore>) -> Self {
        Self { store, meanwhile: Mutex::default(), missed: Some(Mutex::default()) }
    }

    pub(super) fn has_missed(&self) -> bool {
        self.missed.as_ref().is_some_and(|missed| !missed.lock().unwrap().is_empty())
    }
}

#[async_trait]
impl BlobStore for Unsteady {
    fn channels(&self) -> Vec<ChannelId> {
        self.store.channels()
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        self.store.channel_of(copy)
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        self.store.put(ticket, file).await
    }

    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError> {
        self.store.put_again(ticket, from).await
    }

    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        self.store.find(channel, unheard, named).await
    }

    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        self.store.read(copy, range, purpose).await
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        self.store.remove(copies).await
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        if self.missed.as_ref().is_some_and(|missed| missed.lock().unwrap().insert(copy.0.clone())) {
            return Ok(Presence::Absent);
        }
        self.store.probe(copy).await
    }
}
