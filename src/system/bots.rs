//! What the owner sees of the place where films are kept: each bot with its share, the tests of the
//! bots, and how far films that lie elsewhere are on their way there.

use super::System;
use crate::catalog::{CatalogError, Moving, Shares};
use crate::media::extent::ChannelId;
use crate::media::time::Timestamp;
use crate::telegram::{BotStatus, BotTest, CircuitState, Fleet, OutReason, Reading, RestReason};
use crate::telemetry::metrics::{BotNumbers, Metrics};
use futures::future::join_all;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Where films are kept, and how it is there.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Bots {
    /// The store that takes what is new.
    pub store: StoreKind,
    /// The configured bots, by slot.
    pub bots: Vec<BotView>,
    /// Copies in the channels that nobody needs and that are not deleted yet.
    pub litter: u64,
    /// Those of them that Telegram refused to delete: messages older than 48 hours, or a bot without the right to.
    pub litter_refused: u64,
    /// Sends whose answer was lost and that are not cleared up.
    pub doubts: u64,
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// The channels of the configured bots.
    Telegram,
    /// The data folder of this machine: no bot is configured.
    Local,
}

/// A bot.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BotView {
    /// The number it is configured under, 1 to 8.
    pub slot: u8,
    /// Its Telegram id.
    pub bot_id: i64,
    /// Its name without the `@`; null until it was asked.
    pub username: Option<String>,
    /// The id of its channel.
    pub channel: i64,
    /// The name of its channel; null until it was asked.
    pub channel_title: Option<String>,
    /// Whether it may delete in its channel; null until it was asked.
    pub can_delete: Option<bool>,
    /// Whether it may be asked for something now.
    pub state: BotState,
    /// Why not; null when it may.
    pub reason: Option<BotReason>,
    /// When it may be asked again (RFC 3339, UTC); null unless it rests.
    pub resting_until: Option<String>,
    /// Share of the full rate at which it sends, above 0 and at most 1; floods lower it.
    pub pace: f64,
    /// Verified copies in its channel.
    pub copies: u64,
    /// Their part of all verified copies, 0 to 1.
    pub share: f64,
    /// What it did since the start.
    #[serde(flatten)]
    pub reading: Reading,
}

/// What a bot is fit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BotState {
    /// Everything.
    Healthy,
    /// Nothing until a certain time; then it goes on by itself.
    Resting,
    /// Nothing, or reading alone, until somebody repaired it.
    Out,
}

/// Why a bot is not fit for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BotReason {
    /// Telegram asked for a pause.
    Flood,
    /// It did not answer several times in a row.
    Unreachable,
    /// Its token is not accepted.
    Unauthorized,
    /// It is not in its channel, or may not post there.
    Forbidden,
    /// Its channel is gone.
    ChannelGone,
}

/// What the tests of all bots found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BotTests {
    /// Whether all are fit for everything.
    pub ok: bool,
    /// Each of them, by slot.
    pub bots: Vec<BotTest>,
}

/// How many films were put on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovesQueued {
    /// Films that wait for their move from now on; those that waited before are not counted.
    pub videos: usize,
}

/// Why something cannot be done with the bots.
#[derive(Debug, thiserror::Error)]
pub enum BotsError {
    /// There are none.
    #[error(
        "no bot is configured, so everything is kept on this machine; set TELEGRAM_BOT_TOKEN_1 and TELEGRAM_CHANNEL_ID_1 and start again"
    )]
    NoBots,
    /// One test at a time.
    #[error("a test of the bots is under way; wait for its end and try again")]
    TestUnderWay,
    /// The records fail.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl BotTests {
    /// Tests all bots of a fleet, side by side.
    pub async fn of(fleet: &Fleet) -> Self {
        let tests = fleet.bots().into_iter().map(|bot| fleet.test(bot.id));
        let bots: Vec<BotTest> = join_all(tests).await.into_iter().flatten().collect();
        Self { ok: bots.iter().all(BotTest::is_ok), bots }
    }
}

impl System {
    /// Where films are kept, and how it is there now.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn bots(&self) -> Result<Bots, CatalogError> {
        let shares = self.inner.parts.catalog.shares().await?;
        let bots = self.inner.parts.fleet.status();
        let store = if bots.is_empty() { StoreKind::Local } else { StoreKind::Telegram };
        let bots = bots.into_iter().map(|bot| BotView::of(bot, &shares)).collect();
        let Shares { litter, litter_refused, doubts, .. } = shares;
        Ok(Bots { store, bots, litter, litter_refused, doubts })
    }

    /// Lets every bot send, read back and delete something. A test that has begun goes on to its end when
    /// nobody waits for it any more: it would leave its messages in the channels.
    ///
    /// # Errors
    /// `NoBots`, `TestUnderWay`.
    pub async fn test_bots(&self) -> Result<BotTests, BotsError> {
        let fleet = self.inner.parts.fleet.clone();
        if fleet.bots().is_empty() {
            return Err(BotsError::NoBots);
        }
        let turn = Arc::clone(&self.inner.testing).try_lock_owned().map_err(|_| BotsError::TestUnderWay)?;
        let testing = self.inner.parts.shutdown.spawn("test of bots", async move {
            let _turn = turn;
            BotTests::of(&fleet).await
        });
        testing.await.map_err(|_| BotsError::Catalog(CatalogError::Closed))
    }

    /// Queues the move of every ready film that lies elsewhere, wholly or in part, to the bots' channels. Moves
    /// that wait are tried now.
    ///
    /// # Errors
    /// `NoBots`; when the catalog fails.
    pub async fn migrate(&self) -> Result<MovesQueued, BotsError> {
        let parts = &self.inner.parts;
        if parts.fleet.bots().is_empty() {
            return Err(BotsError::NoBots);
        }
        let now = parts.clock.now();
        let videos = parts.catalog.queue_moves(&parts.home, parts.replicas, now).await?;
        let hurried = parts.catalog.hurry_moves(now).await?;
        if videos > 0 {
            tracing::info!(videos, "films will be moved to the channels of the bots");
        }
        if videos + hurried > 0 {
            parts.jobs.wake();
        }
        Ok(MovesQueued { videos })
    }

    /// What is left to move.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn moving(&self) -> Result<Moving, CatalogError> {
        self.inner.parts.catalog.moving(&self.inner.parts.home).await
    }
}

/// Brings the numbers of the bots up to date.
pub(super) fn measure(fleet: &Fleet, metrics: &Metrics) {
    for bot in fleet.status() {
        let Reading { in_flight, messages, errors, bytes_up, bytes_down, .. } = bot.reading;
        let state = match bot.state {
            CircuitState::Healthy => "healthy",
            CircuitState::Resting { .. } => "resting",
            CircuitState::Out { .. } => "out",
        };
        let numbers = BotNumbers { state, pace: bot.pace, in_flight, messages, errors, bytes_up, bytes_down };
        metrics.set_bot(bot.slot, numbers);
    }
}

impl BotView {
    fn of(bot: BotStatus, shares: &Shares) -> Self {
        let (state, reason, until) = match bot.state {
            CircuitState::Healthy => (BotState::Healthy, None, None),
            CircuitState::Resting { until, reason } => (BotState::Resting, Some(reason.into()), Some(until)),
            CircuitState::Out { reason, .. } => (BotState::Out, Some(reason.into()), bot.flooded_until),
        };
        let copies = shares.copies.get(&ChannelId(bot.channel.to_string())).copied().unwrap_or(0);
        let all: u64 = shares.copies.values().sum();
        Self {
            slot: bot.slot,
            bot_id: bot.bot.0,
            username: bot.username,
            channel: bot.channel.0,
            channel_title: bot.title,
            can_delete: bot.can_delete,
            state,
            reason,
            resting_until: until.map(Timestamp::rfc3339),
            pace: bot.pace,
            copies,
            share: if all == 0 { 0.0 } else { copies as f64 / all as f64 },
            reading: bot.reading,
        }
    }
}

impl From<RestReason> for BotReason {
    fn from(reason: RestReason) -> Self {
        match reason {
            RestReason::Flood => Self::Flood,
            RestReason::Unreachable => Self::Unreachable,
        }
    }
}

impl From<OutReason> for BotReason {
    fn from(reason: OutReason) -> Self {
        match reason {
            OutReason::Unauthorized => Self::Unauthorized,
            OutReason::Forbidden => Self::Forbidden,
            OutReason::ChannelGone => Self::ChannelGone,
        }
    }
}
