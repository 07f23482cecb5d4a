//! Litter is removed: copies that nobody names any more, in batches, and again while it does not succeed.

use super::keeper::Keeper;
use crate::catalog::{Catalog, CatalogError, NotRemoved};
use crate::media::extent::{ChannelId, Locator};
use crate::store::BlobStore;
use futures::future::join_all;
use std::collections::BTreeMap;

/// Most copies of a channel that are removed in one request (Bot API, `deleteMessages`).
pub(super) const BATCH: usize = 100;

/// Most copies that are removed in one round.
const AT_ONCE: u32 = 1000;

/// Copies by their channel; `None` for those of a store that is not there.
pub(super) fn by_channel(store: &dyn BlobStore, copies: Vec<Locator>) -> BTreeMap<Option<ChannelId>, Vec<Locator>> {
    let mut channels: BTreeMap<Option<ChannelId>, Vec<Locator>> = BTreeMap::new();
    for copy in copies {
        channels.entry(store.channel_of(&copy)).or_default().push(copy);
    }
    channels
}

/// Every copy on a channel that is known, by name or as litter: none of them is a stray.
pub(super) async fn known_on(
    catalog: &Catalog,
    store: &dyn BlobStore,
    channel: &ChannelId,
) -> Result<Vec<Locator>, CatalogError> {
    let mut known = catalog.copies_on(channel.clone()).await?;
    let litter = catalog.all_litter().await?;
    known.extend(litter.into_iter().filter(|copy| store.channel_of(copy).as_ref() == Some(channel)));
    Ok(known)
}

impl Keeper {
    /// Removes the litter whose time has come.
    pub(super) async fn remove_litter(&self) -> Result<(), CatalogError> {
        let due = self.catalog.litter_due(self.clock.now(), AT_ONCE).await?;
        let channels = by_channel(&*self.store, due);
        join_all(channels.into_values().map(|copies| self.remove_from_channel(copies))).await.into_iter().collect()
    }

    /// A channel that fails is not asked again before its time.
    async fn remove_from_channel(&self, copies: Vec<Locator>) -> Result<(), CatalogError> {
        let mut left = copies.as_slice();
        while !left.is_empty() {
            let (batch, rest) = left.split_at(left.len().min(BATCH));
            match self.store.remove(batch).await {
                Ok(refused) => {
                    let removed: Vec<Locator> = batch.iter().filter(|copy| !refused.contains(copy)).cloned().collect();
                    let (copies, refusals) = (removed.len(), refused.len());
                    tracing::info!(copies, refusals, "copies that nobody needs were removed");
                    self.catalog.litter_removed(removed).await?;
                    self.catalog.litter_kept(refused, NotRemoved::Refused, self.clock.now()).await?;
                }
                Err(error) => {
                    let copies = left.len();
                    tracing::warn!(
                        copies,
                        error = &error as &dyn std::error::Error,
                        "copies that nobody needs are not removed yet"
                    );
                    return self.catalog.litter_kept(left.to_vec(), NotRemoved::Failed, self.clock.now()).await;
                }
            }
            left = rest;
        }
        Ok(())
    }
}
