//! Which films cannot be played whole now, and what has to happen for each.

use super::System;
use crate::catalog::{AffectedVideo, CatalogError, Unreadable};
use crate::media::extent::ChannelId;
use crate::telegram::{CircuitState, OutReason};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most films that are named.
const MAX_VIDEOS: u32 = 500;

/// Films that cannot be played whole now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Affected {
    /// How many there are.
    pub total: u64,
    /// They, by title, at most 500.
    pub videos: Vec<AffectedView>,
}

/// A film of which some packs cannot be read now. All else of it plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AffectedView {
    /// Which one.
    pub video_id: Uuid,
    /// Its title.
    pub title: String,
    /// Packs whose bots rest: they are read again by themselves.
    pub resting: u64,
    /// Packs whose bots are out or not configured any more, or whose channels are gone: repair those bots.
    pub out_of_reach: u64,
    /// Packs whose last copy was missing or wrong when it was last read: bring it back, or add the film again.
    pub lost: u64,
}

impl System {
    /// The films that cannot be played whole now.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn affected(&self) -> Result<Affected, CatalogError> {
        let catalog = &self.inner.parts.catalog;
        let shares = catalog.shares().await?;
        let (total, videos) = catalog.affected(self.unreadable(shares.copies.keys()), MAX_VIDEOS).await?;
        Ok(Affected { total, videos: videos.into_iter().map(AffectedView::from).collect() })
    }

    /// Those of these channels that cannot be read now.
    fn unreadable<'a>(&self, channels: impl Iterator<Item = &'a ChannelId>) -> Unreadable {
        let parts = &self.inner.parts;
        let bots = parts.fleet.status();
        let mut unreadable = Unreadable::default();
        for channel in channels.filter(|channel| !parts.on_disk.contains(channel)) {
            let bot = bots.iter().find(|bot| bot.channel.to_string() == channel.0);
            match bot.map(|bot| (bot.state, bot.is_silent || bot.flooded_until.is_some())) {
                Some((CircuitState::Healthy, false)) => {}
                // Between two rests a silent bot is asked again; that says nothing yet.
                Some((CircuitState::Resting { .. }, _) | (CircuitState::Healthy, true)) => {
                    unreadable.resting.push(channel.clone());
                }
                // Such a bot still reads what it sent, unless it is flooded.
                Some((CircuitState::Out { reason: OutReason::Forbidden, .. }, false)) => {}
                Some((CircuitState::Out { reason: OutReason::Forbidden, .. }, true)) => {
                    unreadable.resting.push(channel.clone());
                }
                // What was in a channel that is gone may be had for a while, and nobody promises it.
                Some((CircuitState::Out { reason: OutReason::Unauthorized | OutReason::ChannelGone, .. }, _))
                | None => {
                    unreadable.out.push(channel.clone());
                }
            }
        }
        unreadable
    }
}

impl From<AffectedVideo> for AffectedView {
    fn from(video: AffectedVideo) -> Self {
        let AffectedVideo { id, title, resting, out_of_reach, lost } = video;
        Self { video_id: id.0, title, resting, out_of_reach, lost }
    }
}
