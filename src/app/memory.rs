//! What must outlive a restart but belongs below the catalog: the rests of bots.

use crate::catalog::{Catalog, SavedRest};
use crate::clock::Clock;
use crate::config::Telegram;
use crate::events::Events;
use crate::media::time::Timestamp;
use crate::shutdown::Shutdown;
use crate::telegram::{ApiSettings, BotId, Fleet, FleetSettings, PaceSettings, RestReason, RestRecord};

/// The configured bots, of which those go on resting that rested when the server ended; and tasks that
/// remember their rests from now on and look at each bot: at once, and later while it is out.
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
    let rests = catalog.saved_rests().await?.into_iter().filter_map(|rest| {
        let reason = serde_json::from_value::<RestReason>(rest.reason.into()).ok()?;
        Some(RestRecord { bot: BotId(rest.bot), until: rest.until, reason })
    });
    let rests: Vec<RestRecord> = rests.collect();
    let fleet = Fleet::new(self::settings(settings), &rests, clock.clone(), events.clone())?;
    let (mut changes, catalog, end) = (fleet.subscribe(), catalog.clone(), shutdown.token());
    shutdown.spawn("memory of bots", async move {
        while let Some(Ok(())) = end.run_until_cancelled(changes.changed()).await {
            let rests = changes.borrow_and_update().clone();
            if let Err(error) = catalog.save_rests(rests.iter().filter_map(saved).collect()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the rests of bots were not remembered");
            }
        }
    });
    if !fleet.bots().is_empty() {
        shutdown.spawn("watch over bots", fleet.clone().keep_watch(shutdown.token()));
    }
    Ok(fleet)
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
