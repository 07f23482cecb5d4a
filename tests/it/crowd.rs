//! Hundreds of players at once: what they ask for is fetched once, and of those who leave nothing is left.

use crate::harness::World;
use crate::harness::bots::{Telegram, forget_what_is_cached};
use crate::harness::clip;
use crate::harness::crowd::{Asking, Manner, expect_many};
use crate::harness::player::Reel;
use crate::harness::wait::until_true;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Trouble};

const PLAYERS: usize = 500;
const LEAVERS: usize = 1000;

/// Rounds of leavers before the memory is looked at, which make everything as large as it becomes, and after.
const WARMING: usize = 2;
const MEASURED: usize = 2;

/// What may be left of all that was measured: for each who left, a quarter of the least that a connection costs, the room
/// for what waits to be sent on it (32 KiB). Seen were 2 KiB, and less with every round: an allocator keeps some gaps.
const MOST_LEFT: u64 = (MEASURED * LEAVERS) as u64 * 8 * 1024;

/// Settings of the C library's allocator, so that blocks of bytes that are given back are gone at once. Else it keeps as
/// much as was ever needed at the same time, and a leak hides in that.
const GIVES_BACK: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "32768"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// A server with one film, which lies with one bot.
struct Scene {
    telegram: Telegram,
    world: World,
    video: String,
    pictures: Reel,
}

impl Scene {
    /// A film of segments of some megabytes; nobody is told to look for another copy, as there is none.
    async fn of(seconds: u32, settings: &[(&str, &str)]) -> Self {
        expect_many();
        let telegram = Telegram::with(1);
        let mut world = telegram.folder();
        let plain = [("REPLICAS", "1"), ("ENABLE_ABR", "false")];
        world.set(plain.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        world.resume().await;
        let video = world.published(&clip::dense(seconds)).await;
        world.protected(&video).await;
        let pictures = world.player(&video).pictures().await;
        Self { telegram, world, video, pictures }
    }

    fn path(&self, number: usize) -> String {
        format!("/hls/{}/v0/{}", self.video, self.pictures.segments[number].0)
    }

    /// How often files were looked up and downloaded.
    fn fetches(&self) -> [u64; 2] {
        let counters = self.telegram.world().counters(self.telegram.bots()[0].id);
        ["getFile", "download"].map(|method| counters.requests_of(method))
    }

    fn downloads(&self) -> u64 {
        self.telegram.world().counters(self.telegram.bots()[0].id).downloads
    }

    /// From now on nothing arrives from Telegram.
    fn hold(&self) {
        self.telegram.world().fault_all(&Fault::standing(Operation::Download, Trouble::Hold));
    }

    fn let_go(&self) {
        self.telegram.world().clear_faults(self.telegram.bots()[0].id);
    }

    async fn misses(&self) -> u64 {
        self.world.json("/api/system/cache/stats").await["misses"].as_u64().unwrap()
    }

    /// Players that ask for the last segment, behind which there is none to be read ahead, while it lies with Telegram
    /// alone; the first of them has left when its bytes begin to arrive.
    async fn crowd(&self, manner: impl Fn(usize) -> Manner) -> Vec<Asking> {
        forget_what_is_cached(&self.world).await;
        self.hold();
        let (path, before) = (self.path(self.pictures.segments.len() - 1), self.misses().await);
        let first = Asking::of(&self.world, &path, Manner::Fast).await;
        until_true("it is fetched", async || self.downloads() == 1).await;
        first.resets();
        let others = (0..PLAYERS).map(|number| Asking::of(&self.world, &path, manner(number)));
        let others = join_all(others).await;
        until_true("everybody waits for it", async || self.misses().await > before + PLAYERS as u64).await;
        self.let_go();
        others
    }

    /// Waits until the server does no more than these tasks and holds no more than so many descriptors.
    async fn settles(&self, tasks: &BTreeMap<String, u64>, descriptors: usize) {
        let busy =
            |now: BTreeMap<String, u64>| now.iter().any(|(name, count)| *count > tasks.get(name).copied().unwrap_or(0));
        until_true("every task has ended", async || !busy(self.world.tasks().await)).await;
        until_true("nothing is fetched", async || self.downloads() == 0).await;
        until_true("every connection is closed", async || self.world.descriptors() <= descriptors).await;
    }

    /// Players that ask for everything there is, and all leave: without a word, in the middle of one, without waiting
    /// for the answer, in its beginning, in its middle.
    async fn come_and_go(&self) {
        forget_what_is_cached(&self.world).await;
        self.hold();
        let all = self.pictures.segments.len();
        let come = (0..LEAVERS).map(async |number| match number % 5 {
            0 => Asking::saying(&self.world, "", Manner::Fast).await,
            1 => Asking::saying(&self.world, "GET /hls/", Manner::Fast).await,
            // Some players want the same, and what is near or under way already.
            _ => Asking::of(&self.world, &self.path(number / 5 % all), Manner::Fast).await,
        });
        let mut came: Vec<_> = join_all(come).await.into_iter().enumerate().collect();
        let (waiting, leaving): (Vec<_>, Vec<_>) = came.drain(..).partition(|(number, _)| number % 5 > 2);
        for (number, asking) in leaving {
            if number % 2 == 0 { asking.resets() } else { drop(asking) }
        }
        self.let_go();
        join_all(waiting.into_iter().map(async |(number, asking)| {
            let half = self.pictures.segments[number / 5 % all].1.len() / 2;
            asking.leaves_after(if number % 5 == 3 { 1 } else { half }).await;
        }))
        .await;
    }
}

#[tokio::test]
async fn what_five_hundred_players_ask_for_at_once_is_fetched_once() {
    let scene = Scene::of(12, &[]).await;
    let (_, bytes) = scene.pictures.segments.last().unwrap();

    let [looked_up, downloaded] = scene.fetches();
    let players = scene.crowd(|_| Manner::Fast).await;
    join_all(players.into_iter().map(|player| player.assert_gets(bytes))).await;
    let fetches = scene.fetches();
    assert_eq!(fetches[1], downloaded + 1);
    assert!(fetches[0] <= looked_up + 1, "{fetches:?}");

    // Some are slow, and some leave in the middle.
    let [_, downloaded] = scene.fetches();
    let slow = |number: usize| Manner::Slow(Duration::from_millis(number as u64 % 40));
    let players = scene.crowd(|number| if number % 4 == 0 { slow(number) } else { Manner::Fast }).await;
    join_all(players.into_iter().enumerate().map(async |(number, player)| {
        if number % 4 == 1 {
            player.leaves_after(bytes.len() * (number % 7) / 8).await;
        } else {
            player.assert_gets(bytes).await;
        }
    }))
    .await;
    assert_eq!(scene.fetches()[1], downloaded + 1);
}

#[tokio::test]
async fn a_thousand_players_that_leave_leave_nothing_behind() {
    let rooms = [("CACHE_MEMORY_SIZE", "8MiB"), ("CACHE_DISK_SIZE", "8MiB")];
    let scene = Scene::of(36, &[rooms.as_slice(), &GIVES_BACK].concat()).await;
    let before = scene.world.tasks().await;
    for _ in 0..WARMING {
        scene.come_and_go().await;
        scene.settles(&before, usize::MAX).await;
    }
    let (descriptors, memory) = (scene.world.descriptors(), scene.world.memory());
    for _ in 0..MEASURED {
        scene.come_and_go().await;
        scene.settles(&before, descriptors).await;
    }
    let after = scene.world.memory();
    println!("{descriptors} descriptors; {memory} bytes have become {after}");
    assert!(after < memory + MOST_LEFT, "{memory} bytes have become {after}");
    // And it is well.
    let (_, bytes) = &scene.pictures.segments[1];
    assert!(scene.world.bytes(&scene.path(1)).await == *bytes);
}
