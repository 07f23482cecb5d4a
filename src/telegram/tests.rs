//! Bots over the simulator: real sockets, the service's rules, and faults on demand.

mod canned;
mod fleet;
mod health;
mod secrecy;
mod sending;
mod test_of_bots;
mod wire;

use super::bot_api::{ApiClient, ApiSettings, BotApi, Content, Document, SentDocument};
use super::error::{Kind, TelegramError};
use super::fleet::{Bot, BotSettings, Fleet, FleetMemory, FleetSettings, Purpose};
use super::id::ChatId;
use super::pace::PaceSettings;
use crate::clock::Clock;
use crate::events::Events;
use crate::media::range::ByteRange;
use crate::media::time::Timestamp;
use bytes::Bytes;
use futures::TryStreamExt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use telegram_sim::{Settings, Simulator};

/// Bots of a simulator, with a clock of their own.
struct Scene {
    sim: Simulator,
    settings: FleetSettings,
    fleet: Fleet,
    now: Arc<AtomicI64>,
}

impl Scene {
    fn bots(count: usize) -> Self {
        Self::with(Settings::bots(count), |_| {})
    }

    /// A budget of messages that no test runs out of, unless `change` sets another.
    fn with(settings: Settings, change: impl FnOnce(&mut FleetSettings)) -> Self {
        let sim = Simulator::start(settings).unwrap();
        let bots = sim.world().bots().into_iter().zip(1..).map(|(bot, slot)| BotSettings {
            slot,
            token: bot.token.parse().unwrap(),
            channel: ChatId(bot.channel.0),
        });
        let mut settings = FleetSettings { bots: bots.collect(), api: api_settings(&sim.url()), ..Default::default() };
        settings.pace =
            PaceSettings { bot_per_second: 1000, channel_burst: 1000, channel_per_minute: 4000, ..Default::default() };
        change(&mut settings);
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let fleet = fleet(&settings, &FleetMemory::default(), &now);
        Self { sim, settings, fleet, now }
    }

    /// What a restart of the program makes of the same bots.
    fn restarted(&self, memory: &FleetMemory) -> Fleet {
        fleet(&self.settings, memory, &self.now)
    }

    fn bot(&self, number: usize) -> Bot {
        self.fleet.bots()[number]
    }

    /// The same bot as the simulator knows it.
    fn twin(&self, number: usize) -> telegram_sim::Bot {
        self.sim.world().bots()[number].clone()
    }

    /// A bot's bare wire.
    fn api(&self, number: usize) -> BotApi {
        let client = ApiClient::new(self.settings.api.clone()).unwrap();
        BotApi::new(&client, self.settings.bots[number].token.clone())
    }

    /// The fleet's clock goes on.
    fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn send(&self, number: usize, bytes: Bytes) -> Result<SentDocument, TelegramError> {
        let lease = self.fleet.lease(self.bot(number).id, Purpose::Deposit).await?;
        lease.send_document(document(bytes)).await
    }

    async fn read(&self, number: usize, sent: &SentDocument, range: ByteRange) -> Result<Vec<u8>, TelegramError> {
        let lease = self.fleet.lease(self.bot(number).id, Purpose::Playback).await?;
        read_all(lease.download(&sent.file, range).await?.into_range()).await
    }

    /// How often the simulator was asked for this by a bot.
    fn requests(&self, number: usize, method: &str) -> u64 {
        self.sim.world().counters(self.twin(number).id).requests_of(method)
    }
}

fn fleet(settings: &FleetSettings, memory: &FleetMemory, now: &Arc<AtomicI64>) -> Fleet {
    let now = Arc::clone(now);
    let clock = Clock::from_fn(move || Timestamp(now.load(Ordering::SeqCst)));
    Fleet::new(settings.clone(), memory, clock, Events::new()).unwrap()
}

fn api_settings(url: &str) -> ApiSettings {
    ApiSettings { url: url.parse().unwrap(), links_max: NonZeroUsize::MIN.saturating_add(99), ..Default::default() }
}

fn document(bytes: Bytes) -> Document {
    Document { name: "part.bin".into(), caption: "telecine/1 test".into(), content: Content::Bytes(bytes) }
}

/// Bytes without a pattern.
fn noise(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

fn range(start: usize, end: usize) -> ByteRange {
    ByteRange::within(u64::MAX, start as u64, end as u64).unwrap()
}

async fn read_all(stream: super::FileStream) -> Result<Vec<u8>, TelegramError> {
    Ok(stream.try_collect::<Vec<Bytes>>().await?.concat())
}

/// Waits until `condition` holds.
async fn until(mut condition: impl FnMut() -> bool) {
    let patience = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(50), patience).await.expect("what was waited for never came");
}

fn kind<T>(answer: &Result<T, TelegramError>) -> Option<Kind> {
    answer.as_ref().err().map(|error| error.kind)
}
