//! A simulated Telegram for a server to keep its films in.

use super::World;
use super::player::Reel;
use super::wait::until_true;
use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use telegram_sim::{Bot, Fault, Operation, Settings, Simulator, StoredMessage, Trouble, environment};

/// Packs of so many bytes make a short film many messages.
pub const SMALL_PACKS: (&str, &str) = ("TELEGRAM_MAX_FILE_SIZE", "256KiB");

/// Bots with a channel each.
pub struct Telegram {
    sim: Simulator,
}

impl Telegram {
    pub fn with(bots: usize) -> Self {
        Self::of(Settings::bots(bots))
    }

    /// Each a member of every channel.
    pub fn of_members(bots: usize) -> Self {
        Self::of(Settings::bots(bots).everywhere())
    }

    pub fn of(settings: Settings) -> Self {
        Self { sim: Simulator::start(settings).expect("the simulator starts on a free port") }
    }

    /// What a server is told to use it, with two copies of everything.
    pub fn settings(&self) -> Vec<(String, String)> {
        let lines = environment(&self.sim.url(), &self.bots());
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        let mut settings: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        settings.push(("REPLICAS".to_owned(), "2".to_owned()));
        settings
    }

    /// A running server that keeps its films here.
    pub async fn server(&self) -> World {
        let mut world = self.folder();
        world.resume().await;
        world
    }

    /// The same without a server in it.
    pub fn folder(&self) -> World {
        let mut world = World::prepared(&[]);
        world.set(self.settings());
        world
    }

    pub fn bots(&self) -> Vec<Bot> {
        self.sim.world().bots()
    }

    /// Where faults are made.
    pub fn world(&self) -> &telegram_sim::World {
        self.sim.world()
    }

    /// Every message of every bot's channel.
    pub fn messages(&self) -> Vec<StoredMessage> {
        self.bots().into_iter().flat_map(|bot| self.world().messages(bot.channel)).collect()
    }

    /// How often each stored document lies in how many channels, by its hash.
    pub fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for bot in self.bots() {
            let messages = self.world().messages(bot.channel);
            let hashes = messages.into_iter().filter_map(|message| Some(message.document?.blake3));
            for hash in hashes.collect::<BTreeSet<_>>() {
                *copies.entry(hash).or_default() += 1;
            }
        }
        copies
    }
}

/// What becomes of a bot.
#[derive(Clone, Debug)]
pub enum Blow {
    /// Every request of this kind meets this.
    Meets(Operation, Trouble),
    /// Its token is worthless.
    Revoked,
    /// It is thrown out of its channel.
    Banned,
    /// Its channel is deleted.
    ChannelGone,
}

impl Blow {
    pub fn strike(&self, telegram: &Telegram, bot: &Bot) {
        let world = telegram.world();
        match self {
            Self::Meets(operation, trouble) => world.fault(bot.id, Fault::standing(*operation, trouble.clone())),
            Self::Revoked => world.revoke(bot.id).expect("the simulator writes it down"),
            Self::Banned => world.ban(bot.id, bot.channel).expect("the simulator writes it down"),
            Self::ChannelGone => world.drop_channel(bot.channel).expect("the simulator writes it down"),
        }
    }
}

/// A running server that keeps its films in many small messages.
pub async fn small_packs(telegram: &Telegram) -> World {
    let mut world = telegram.folder();
    let pace = ("TELEGRAM_MESSAGES_PER_MINUTE", "3000");
    world.set([SMALL_PACKS, pace].map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    world
}

pub async fn forget_what_is_cached(world: &World) {
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
}

/// Pictures and sound, as a player gets them.
pub async fn watched(world: &World, video: &str) -> [Reel; 2] {
    [world.player(video).pictures().await, world.player(video).sound().await]
}

pub fn downloads(telegram: &Telegram, bot: &Bot) -> u64 {
    telegram.world().counters(bot.id).requests_of("download")
}

/// The bot that most of a film is read from, with the number it is configured under.
pub async fn most_read(telegram: &Telegram, world: &World, video: &str) -> (u64, Bot) {
    let bots = telegram.bots();
    let before: Vec<u64> = bots.iter().map(|bot| downloads(telegram, bot)).collect();
    forget_what_is_cached(world).await;
    watched(world, video).await;
    let read = |(bot, before): &(Bot, u64)| downloads(telegram, bot) - before;
    let read_most = (1..).zip(bots.into_iter().zip(before)).max_by_key(|(_, bot)| read(bot));
    let (slot, (bot, _)) = read_most.expect("there are bots");
    (slot, bot)
}

/// Messages by channel.
pub type Messages = BTreeSet<(i64, i64)>;

/// What lies in the channels, and what a server's records know of.
#[derive(Debug)]
pub struct Inventory {
    pub lying: Messages,
    /// Copies.
    pub named: Messages,
    /// What could not be deleted.
    pub litter: Messages,
}

impl Inventory {
    pub fn of(telegram: &Telegram, world: &World) -> Self {
        let mut lying = Messages::new();
        for bot in telegram.bots() {
            lying.extend(telegram.world().messages(bot.channel).iter().map(|message| (bot.channel.0, message.id.0)));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let records = Connection::open_with_flags(world.data().join("catalog.sqlite"), flags);
        let records = records.expect("the records can be read beside a server");
        let all = |query: &str| -> Messages {
            let mut statement = records.prepare(query).expect("the records have this table");
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("it can be read");
            rows.map(|copy| message_of(&copy.expect("a copy is text"))).collect()
        };
        let named = all("SELECT locator FROM copies WHERE locator IS NOT NULL");
        Self { lying, named, litter: all("SELECT locator FROM litter") }
    }

    /// Whether every copy lies where the records say, and nothing lies there that they do not know.
    pub fn is_exact(&self) -> bool {
        self.named.is_subset(&self.lying)
            && self.lying.difference(&self.named).all(|message| self.litter.contains(message))
    }
}

fn message_of(copy: &str) -> (i64, i64) {
    let mut parts = copy.strip_prefix("tg:").expect("a copy in Telegram").split('/');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
    (number(), number())
}

impl World {
    /// Waits until every wanted copy of a video is verified.
    pub async fn protected(&self, video: &str) {
        self.at_rest().await;
        until_true("every copy is there", async || self.status(video).await["protected"] == true).await;
    }

    /// What the server says of the bot that is configured under this number.
    pub async fn bot(&self, slot: u64) -> Value {
        let status = self.json("/api/system/bots/status").await;
        let bots = status["bots"].as_array().expect("a list of bots");
        bots.iter().find(|bot| bot["slot"] == slot).unwrap_or_else(|| panic!("no bot {slot} in {status}")).clone()
    }
}
