//! What a player will ask for next is near before it asks.

use crate::harness::World;
use crate::harness::bots::{Telegram, forget_what_is_cached, small_packs, watched};
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::soak;
use crate::harness::wait::until_true;
use serde_json::Value;
use std::time::{Duration, Instant};
use telegram_sim::{Fault, Operation, Trouble};

struct Scene {
    telegram: Telegram,
    world: World,
    video: String,
    reels: [Reel; 2],
}

impl Scene {
    async fn of(seconds: u32) -> Self {
        let telegram = Telegram::with(3);
        let world = small_packs(&telegram).await;
        let video = world.published(&clip::h264_aac(seconds)).await;
        world.protected(&video).await;
        let reels = watched(&world, &video).await;
        forget_what_is_cached(&world).await;
        Self { telegram, world, video, reels }
    }

    async fn stats(&self) -> Value {
        self.world.json("/api/system/cache/stats").await
    }

    async fn ahead(&self, which: &str) -> u64 {
        self.stats().await["ahead"][which].as_u64().unwrap()
    }

    /// Asks for a segment of the pictures (0) or the sound (1).
    async fn ask(&self, kind: usize, number: usize) {
        let (name, bytes) = &self.reels[kind].segments[number];
        let track = ["v0", "a0"][kind];
        let found = self.world.bytes(&format!("/hls/{}/{track}/{name}", self.video)).await;
        assert!(found == *bytes, "{track}/{name}");
    }
}

#[tokio::test]
async fn what_a_player_asks_for_next_is_brought_before_it_asks_and_counted() {
    let scene = Scene::of(60).await;
    let before = scene.ahead("brought").await;
    scene.ask(0, 0).await;
    until_true("the next one is brought", async || scene.ahead("brought").await > before).await;
    let useful = scene.ahead("useful").await;
    scene.ask(0, 1).await;
    assert!(scene.ahead("useful").await > useful, "{}", scene.stats().await);

    // Far away: what lies ahead of there is brought, and the rest was for nothing.
    let (brought, last) = (scene.ahead("brought").await, scene.reels[0].segments.len() - 2);
    scene.ask(0, last).await;
    until_true("what follows there is brought", async || scene.ahead("brought").await > brought).await;
    forget_what_is_cached(&scene.world).await;
    let ahead = scene.stats().await["ahead"].clone();
    assert!(ahead["wasted"].as_u64() > Some(0), "{ahead}");
    let metrics = scene.world.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("telecine_cache_ahead_wasted_total"), "{metrics}");
}

#[tokio::test]
async fn playing_over_a_store_that_is_twice_as_fast_as_the_film_never_stalls() {
    let seconds = 60 * soak::play_minutes();
    let scene = Scene::of(seconds).await;
    let [pictures, sound] = &scene.reels;
    let bytes: usize = [pictures, sound].iter().map(|reel| reel.bytes().len()).sum();
    let speed = u64::try_from(bytes).unwrap() / u64::from(seconds) * 2;
    scene.telegram.world().fault_all(&Fault::standing(Operation::Any, Trouble::Latency { ms: 80 }));
    let slow = Trouble::Slow { bytes_per_second: speed };
    scene.telegram.world().fault_all(&Fault::standing(Operation::Download, slow));

    let (begun, mut since_third) = (Instant::now(), Value::Null);
    let length = Duration::from_secs(seconds.into()) / u32::try_from(pictures.segments.len()).unwrap();
    for number in 0..pictures.segments.len() {
        // A player asks for the next segment when it has room for it: from the third on, as fast as it plays.
        let due = length * u32::try_from(number.saturating_sub(2)).unwrap();
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        if number == 3 {
            since_third = scene.stats().await;
        }
        scene.ask(0, number).await;
        if number < sound.segments.len() {
            scene.ask(1, number).await;
        }
        let plays_from = length * u32::try_from(number).unwrap();
        assert!(begun.elapsed() < plays_from + length * 2, "segment {number} came after {:?}", begun.elapsed());
    }
    let stats = scene.stats().await;
    let count = |what: &str| stats[what].as_u64().unwrap() - since_third[what].as_u64().unwrap();
    let rate = count("hits") as f64 / (count("hits") + count("misses")) as f64;
    println!("{seconds} s: {rate:.3} of what was asked for after the third segment was there");
    assert!(rate >= 0.95, "{rate}: {stats}");
}
