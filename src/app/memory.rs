//! What must outlive a restart but belongs below the catalog: the rests of bots, and how slow they are.

use crate::catalog::{Catalog, SavedPace, SavedRest};
use crate::clock::Clock;
use crate::config::Telegram;
use crate::events::Events;
use crate::media::time::Timestamp;
use crate::shutdown::Shutdown;
use crate::telegram::{
    ApiSettings, BotId, Fleet, FleetMemory, FleetSettings, PaceRecord, PaceSettings, RestReason, RestRecord,
};
use std::path::PathBuf;

/// The configured bots, of which those go on resting that rested when the server ended, and those are slow
/// that floods had slowed down; and tasks that remember this from now on and look at each bot: at once, and
/// later while it is out.
///
/// # Errors
/// When the catalog fails, or no connection can ever be made.
pub(super) async fn fleet(
    settings: &Telegram,
    catalog: &Catalog,
    events: &Events,
    clock: &Clock,
    shutdown: &Shutdown,
) -> anyhow::Result<Fleet> {
    let memory = recall(catalog).await?;
    let fleet = Fleet::new(self::settings(settings), &memory, clock.clone(), events.clone())?;
    let (mut changes, catalog, end) = (fleet.subscribe(), catalog.clone(), shutdown.token());
    shutdown.spawn("memory of bots", async move {
        while let Some(Ok(())) = end.run_until_cancelled(changes.changed()).await {
            let FleetMemory { rests, paces } = changes.borrow_and_update().clone();
            let rests = rests.iter().filter_map(saved).collect();
            let pace = |PaceRecord { bot, share, changed_at }| SavedPace { bot: bot.0, share, changed_at };
            if let Err(error) = catalog.save_bots(rests, paces.into_iter().map(pace).collect()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the rests of bots were not remembered");
            }
        }
    });
    if !fleet.bots().is_empty() {
        shutdown.spawn("watch over bots", fleet.clone().keep_watch(shutdown.token()));
    }
    Ok(fleet)
}

/// What the bots had learnt when the server ended.
async fn recall(catalog: &Catalog) -> anyhow::Result<FleetMemory> {
    let (rests, paces) = catalog.saved_bots().await?;
    Ok(understood(rests, paces))
}

/// The configured bots beside a server that may run: floods that it met are obeyed here, too.
///
/// # Errors
/// When the catalog is there and cannot be read, or no connection can ever be made.
pub(super) async fn fleet_beside(settings: &Telegram, file: PathBuf) -> anyhow::Result<Fleet> {
    let (rests, paces) = tokio::task::spawn_blocking(move || Catalog::saved_bots_beside(&file)).await??;
    let mut memory = understood(rests, paces);
    // Whether a silent bot answers now is what is to be found out.
    memory.rests.retain(|rest| rest.reason == RestReason::Flood);
    Ok(Fleet::new(self::settings(settings), &memory, Clock::system(), Events::new())?)
}

fn understood(rests: Vec<SavedRest>, paces: Vec<SavedPace>) -> FleetMemory {
    let rest = |rest: SavedRest| {
        let reason = serde_json::from_value::<RestReason>(rest.reason.into()).ok()?;
        Some(RestRecord { bot: BotId(rest.bot), until: rest.until, reason })
    };
    let pace = |SavedPace { bot, share, changed_at }| PaceRecord { bot: BotId(bot), share, changed_at };
    FleetMemory { rests: rests.into_iter().filter_map(rest).collect(), paces: paces.into_iter().map(pace).collect() }
}

/// What a fleet is made from, as configured.
pub(super) fn settings(telegram: &Telegram) -> FleetSettings {
    FleetSettings {
        bots: telegram.bots.clone(),
        api: ApiSettings { url: telegram.api_url.clone(), ..ApiSettings::default() },
        pace: PaceSettings::of_channel(telegram.messages_per_minute),
        ..FleetSettings::default()
    }
}

fn saved(rest: &RestRecord) -> Option<SavedRest> {
    let reason = serde_json::to_value(rest.reason).ok()?.as_str()?.to_owned();
    Some(SavedRest { bot: rest.bot.0, until: Timestamp(rest.until.0), reason })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    #[test]
    fn the_configured_pace_is_that_of_the_bots() {
        let source = Source::default().with("TELEGRAM_MESSAGES_PER_MINUTE", "600");
        let settings = super::settings(&Config::load(&source).unwrap().telegram);
        assert_eq!(settings.pace.channel_per_minute, 600);
        assert_eq!(settings.pace.channel_per_second, 10);
    }
}
