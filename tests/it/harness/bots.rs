//! A simulated Telegram for a server to keep its films in.

use super::World;
use super::wait::until_true;
use serde_json::Value;
use std::collections::BTreeMap;
use telegram_sim::{Bot, Settings, Simulator, StoredMessage, environment};

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

    fn of(settings: Settings) -> Self {
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
            for hash in hashes.collect::<std::collections::BTreeSet<_>>() {
                *copies.entry(hash).or_default() += 1;
            }
        }
        copies
    }
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
