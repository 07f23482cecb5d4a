//! Everything at once, for as long as one likes: players who watch, wind and leave, films that come and go, over caches
//! of a tenth of what is asked for.
//!
//! Every byte is compared with what it must be. These answers are right: 200, 206 and 304 with exactly those bytes;
//! 201, 202 and 204 to uploads and deletions; and of a film whose deletion was asked for before the answer ended,
//! also 404, or a body that breaks off. Anything else ends the test.
//!
//! What each visitor does follows from the seed (`TELECINE_SOAK_SEED`); what meets what, from the machine.

mod publisher;
mod stock;
mod visitor;

use crate::harness::World;
use crate::harness::bots::{Inventory, Telegram};
use crate::harness::clip;
use crate::harness::crowd::expect_many;
use crate::harness::soak;
use crate::harness::wait::until_true;
use futures::future::join_all;
use publisher::Publisher;
use std::cell::Cell;
use std::time::{Duration, Instant};
use stock::Stock;
use visitor::Visitor;

const VISITORS: u64 = 6;
/// In the short form there is one.
const PUBLISHERS: u64 = 2;

/// What all caches together are of what is asked for: one in so many.
const SHARE: u64 = 10;

/// How much more the memory of the last quarter may be than that of the one before, on the average: less than a tenth of
/// what the films take that come and go meanwhile, and more than an allocator wavers.
const MOST_GROWN: u64 = 8 << 20;

/// What the server held at one moment.
struct Sample {
    memory: u64,
    descriptors: usize,
}

struct Scene {
    telegram: Telegram,
    world: World,
    stock: Stock,
}

impl Scene {
    /// Films for ever, in as many sizes as there are, and a server whose caches hold a tenth of them.
    async fn of(kinds: [clip::Clip; 2], films_of_each: u64) -> Self {
        expect_many();
        let telegram = Telegram::with(3);
        let mut world = telegram.folder();
        let settings = [
            ("TELEGRAM_MESSAGES_PER_MINUTE", "3000"),
            ("TELEGRAM_MAX_FILE_SIZE", "2MiB"),
            ("ENABLE_ABR", "false"),
            ("KEEP_ORIGINAL", "true"),
        ];
        world.set(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
        world.resume().await;
        let stock = Stock::of(&world, kinds, films_of_each).await;
        let each = (stock.bytes() / SHARE / 2).to_string();
        world.stop().await;
        world.set(["CACHE_MEMORY_SIZE", "CACHE_DISK_SIZE"].map(|name| (name.to_owned(), each.clone())));
        world.resume().await;
        Self { telegram, world, stock }
    }

    fn visitors(&self) -> Vec<Visitor<'_>> {
        (0..VISITORS).map(|number| Visitor::of(&self.world, &self.stock, soak::seed() * 100 + number)).collect()
    }

    fn publishers(&self) -> Vec<Publisher<'_>> {
        let number = |number| soak::seed() * 100 + VISITORS + number;
        let most = if soak::load().is_some() { PUBLISHERS } else { 1 };
        (0..most).map(|at| Publisher::of(&self.world, &self.stock, number(at))).collect()
    }

    /// Everybody at work for so long, and each through all it does at least once. What the server held meanwhile.
    async fn load(
        &self,
        visitors: &mut [Visitor<'_>],
        publishers: &mut [Publisher<'_>],
        last: Duration,
    ) -> Vec<Sample> {
        let (end, at_work) = (Instant::now() + last, Cell::new(visitors.len() + publishers.len()));
        let visits = join_all(visitors.iter_mut().map(async |visitor| {
            visitor.tour().await;
            while Instant::now() < end {
                visitor.tour().await;
            }
            at_work.set(at_work.get() - 1);
        }));
        let publishing = join_all(publishers.iter_mut().map(async |publisher| {
            publisher.round().await;
            while Instant::now() < end {
                publisher.round().await;
            }
            at_work.set(at_work.get() - 1);
        }));
        let sampling = async {
            let mut samples = Vec::new();
            while at_work.get() > 0 {
                samples.push(Sample { memory: self.world.memory(), descriptors: self.world.descriptors() });
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            samples
        };
        tokio::join!(visits, publishing, sampling).2
    }

    /// Waits until there is nothing to do and nobody is served.
    async fn rests(&self) {
        self.world.at_rest().await;
        let is_busy = |name: &str| ["flight", "copy", "read"].iter().any(|word| name.contains(word));
        until_true("nothing is fetched", async || {
            self.world.tasks().await.iter().all(|(name, count)| *count == 0 || !is_busy(name))
        })
        .await;
    }
}

#[tokio::test]
async fn a_mixed_load_gets_every_byte_right_and_leaves_nothing_behind() {
    let scene = match soak::load() {
        Some(_) => Scene::of([clip::dense(60), clip::h264_aac(300)], 4).await,
        None => Scene::of([clip::dense(12), clip::h264_aac(30)], 1).await,
    };
    let (mut visitors, mut publishers) = (scene.visitors(), scene.publishers());
    // The first ones make everything as large as it becomes.
    scene.load(&mut visitors, &mut publishers, Duration::ZERO).await;
    if let Some(length) = soak::load() {
        scene.rests().await;
        let descriptors = scene.world.descriptors();
        let samples = scene.load(&mut visitors, &mut publishers, length).await;
        scene.rests().await;
        until_true("every connection is closed", async || scene.world.descriptors() <= descriptors).await;
        let told = tell(&samples);
        println!("seed {}: {told}", soak::seed());
        let [before, after] = [mean(&samples, 2), mean(&samples, 3)];
        assert!(after < before + MOST_GROWN, "memory grew from {before} to {after} bytes; {told}");
    }
    for publisher in &mut publishers {
        publisher.withdraw_all().await;
    }
    let asked: u64 = visitors.iter().map(|visitor| visitor.answers).sum();
    let stats = scene.world.json("/api/system/cache/stats").await;
    println!("{asked} answers, {} films came and went; {stats}", scene.stock.withdrawn());
    scene.stock.assert_whole(&scene.world).await;
    scene.world.at_rest().await;
    until_true("the spool is empty", async || scene.world.files("spool").is_empty()).await;
    until_true("what lies in the channels is exactly what is known of", async || {
        Inventory::of(&scene.telegram, &scene.world).is_exact()
    })
    .await;
}

/// The mean memory of one quarter of the time, 0 to 3.
fn mean(samples: &[Sample], quarter: usize) -> u64 {
    let quarter = &samples[samples.len() * quarter / 4..samples.len() * (quarter + 1) / 4];
    quarter.iter().map(|sample| sample.memory).sum::<u64>() / quarter.len().max(1) as u64
}

fn tell(samples: &[Sample]) -> String {
    let memory: Vec<String> = (0..4).map(|quarter| format!("{} MiB", mean(samples, quarter) >> 20)).collect();
    let descriptors = samples.iter().map(|sample| sample.descriptors).max().unwrap_or_default();
    format!("memory by quarters {}, at most {descriptors} descriptors", memory.join(", "))
}
