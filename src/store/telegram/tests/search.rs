//! Sends to one channel whose answers were lost, and what is asked of Telegram to find them.

use super::Bench;
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::store::{BlobStore, Presence, Search, TelegramStore};
use crate::tests::fleet_of;
use std::time::Duration;
use telegram_sim::{Fault as Mischief, Operation, Trouble};

/// A channel with `lost` sends that nobody heard of, each followed by one that somebody did.
struct Scene {
    bench: Bench,
    channel: ChannelId,
    unheard: Vec<UnheardCopy>,
    named: Vec<Locator>,
}

impl Scene {
    async fn with_lost(lost: usize) -> Self {
        let bench = Bench::new();
        let channel = bench.store.channels()[0].clone();
        let mut scene = Self { bench, channel, unheard: Vec::new(), named: Vec::new() };
        scene.hear().await;
        for _ in 0..lost {
            scene.trouble(Mischief::once(Operation::Send, Trouble::LoseAnswer));
            let (ticket, file) = scene.bench.ticket(b"lost", 0);
            assert!(scene.bench.store.put(&ticket, &file).await.unwrap_err().may_be_there());
            let after = Some(scene.named[0].clone());
            scene.unheard.push(UnheardCopy { imprint: ticket.nonce, after });
            scene.hear().await;
        }
        scene
    }

    async fn hear(&mut self) {
        let (ticket, file) = self.bench.ticket(b"heard", 0);
        self.named.push(self.bench.store.put(&ticket, &file).await.unwrap());
    }

    fn trouble(&self, trouble: Mischief) {
        self.bench.sim.world().fault(self.bench.bot(0).id, trouble);
    }

    /// How often a method was called so far.
    fn requests(&self, method: &str) -> u64 {
        self.bench.sim.world().counters(self.bench.bot(0).id).requests_of(method)
    }

    async fn search(&self) -> Search {
        self.bench.store.find(&self.channel, &self.unheard, &self.named).await.unwrap()
    }

    fn is_clean(&self) -> bool {
        self.bench.messages(0) == self.named.len()
    }
}

#[tokio::test]
async fn ten_lost_answers_cost_one_mark_and_one_look_each() {
    let scene = Scene::with_lost(10).await;
    let (sent, deleted) = (scene.requests("sendDocument"), scene.requests("deleteMessages"));

    let search = scene.search().await;

    assert_eq!(search.strays.len(), 10);
    assert_eq!(scene.requests("sendDocument") - sent, 1, "one mark");
    assert_eq!(scene.requests("forwardMessage"), 10, "what is named is not looked at");
    assert_eq!(scene.requests("deleteMessages") - deleted, 11, "the mark and each look");
    scene.bench.store.remove(&search.strays).await.unwrap();
    assert!(scene.is_clean());
}

#[tokio::test]
async fn a_search_that_breaks_off_says_what_it_found_and_the_next_one_goes_on() {
    let mut scene = Scene::with_lost(5).await;
    scene.trouble(Mischief::once(Operation::Forward, Trouble::Status { code: 502 }).after(3));
    let search = scene.search().await;
    assert!(search.broke_off.is_some_and(|error| error.is_worth_retrying()));
    let imprints = scene.unheard.iter().map(|copy| copy.imprint);
    assert_eq!(search.undecided, imprints.take(2).collect(), "three were found, newest first");
    assert_eq!(search.strays.len(), 3);
    scene.bench.store.remove(&search.strays).await.unwrap();

    scene.unheard.truncate(2);
    let asked = scene.requests("forwardMessage");
    let search = scene.search().await;
    assert!(search.undecided.is_empty() && search.broke_off.is_none());
    assert_eq!(search.strays.len(), 2);
    // The three that were removed since are looked at once more, and nothing that the first search sent.
    assert_eq!(scene.requests("forwardMessage") - asked, 5);
    scene.bench.store.remove(&search.strays).await.unwrap();
    assert!(scene.is_clean());
}

#[tokio::test]
async fn while_nothing_can_be_deleted_no_second_mark_is_sent() {
    let scene = Scene::with_lost(1).await;
    scene.trouble(Mischief::standing(Operation::Delete, Trouble::Status { code: 500 }));
    let sent = scene.requests("sendDocument");
    // A third fault in a row would bring the bot to rest.
    for _ in 0..2 {
        assert!(scene.bench.store.find(&scene.channel, &scene.unheard, &scene.named).await.is_err());
    }
    assert_eq!(scene.requests("sendDocument") - sent, 1);

    scene.bench.sim.world().clear_faults(scene.bench.bot(0).id);
    let search = scene.search().await;
    scene.bench.store.remove(&search.strays).await.unwrap();
    assert!(scene.is_clean());
}

#[tokio::test]
async fn a_send_that_never_arrived_is_looked_for_once() {
    let mut scene = Scene::with_lost(1).await;
    let [first, never] = [scene.unheard[0].clone(), UnheardCopy { imprint: uuid::Uuid::new_v4(), after: None }];
    scene.unheard.push(never);
    scene.bench.store.remove(&scene.named.split_off(1)).await.unwrap();

    let search = scene.search().await;
    assert_eq!((search.strays.len(), search.undecided.len()), (1, 0));
    scene.bench.store.remove(&search.strays).await.unwrap();
    let asked = scene.requests("forwardMessage");
    scene.unheard = vec![UnheardCopy { after: None, ..first }];
    assert_eq!(scene.search().await.strays, []);

    assert_eq!(scene.requests("forwardMessage") - asked, 1, "only the place of the stray is new");
    assert!(scene.is_clean());
}

#[tokio::test]
async fn what_a_failed_search_leaves_is_removed_by_the_next_one() {
    let unanswered = Trouble::Status { code: 500 };
    for trouble in [
        Mischief::once(Operation::Send, Trouble::LoseAnswer),
        Mischief::once(Operation::Delete, unanswered.clone()),
        Mischief::once(Operation::Forward, Trouble::LoseAnswer),
        // The mark goes, the forward stays.
        Mischief::once(Operation::Delete, unanswered).after(1),
    ] {
        let scene = Scene::with_lost(1).await;
        scene.trouble(trouble.clone());
        let failed = scene.bench.store.find(&scene.channel, &scene.unheard, &scene.named).await;
        assert!(failed.map_or(true, |search| search.broke_off.is_some()), "{trouble:?}");
        assert_eq!(scene.bench.messages(0), scene.named.len() + 2, "{trouble:?} left one more");

        let search = scene.search().await;
        assert!(search.undecided.is_empty() && search.broke_off.is_none(), "{trouble:?}");
        scene.bench.store.remove(&search.strays).await.unwrap();
        assert!(scene.is_clean(), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_double_of_what_nobody_asks_for_is_removed_and_the_original_stays() {
    for caption in ["telecine/1 {nonce}", "films of the house"] {
        let scene = Scene::with_lost(1).await;
        let (mut other, file) = scene.bench.ticket(b"being put", 0);
        other.caption = caption.replace("{nonce}", &other.nonce.to_string());
        let other = scene.bench.store.put(&other, &file).await.unwrap();
        scene.trouble(Mischief::once(Operation::Forward, Trouble::LoseAnswer));
        assert!(scene.search().await.broke_off.is_some());
        assert_eq!(scene.bench.messages(0), scene.named.len() + 3, "the lost one, the other one and its double");

        let search = scene.search().await;
        assert_eq!((search.strays.len(), search.undecided.len()), (2, 0), "{caption}");
        // Whoever cannot remove them now finds them again.
        assert_eq!(scene.search().await.strays, search.strays);
        scene.bench.store.remove(&search.strays).await.unwrap();

        assert_eq!(scene.search().await.strays, []);
        assert_eq!(scene.bench.messages(0), scene.named.len() + 1);
        assert_eq!(scene.bench.store.probe(&other).await.unwrap(), Presence::Present);
    }
}

#[tokio::test]
async fn a_double_that_cannot_be_deleted_any_more_is_said_to_stay() {
    let scene = Scene::with_lost(1).await;
    let (other, file) = scene.bench.ticket(b"being put", 0);
    scene.bench.store.put(&other, &file).await.unwrap();
    scene.trouble(Mischief::once(Operation::Forward, Trouble::LoseAnswer));
    assert!(scene.search().await.broke_off.is_some());
    scene.bench.sim.world().advance(Duration::from_secs(49 * 3600)).unwrap();

    let search = scene.search().await;

    assert_eq!(search.strays.len(), 2);
    assert_eq!(scene.bench.store.remove(&search.strays).await.unwrap(), search.strays);
}

#[tokio::test]
async fn what_was_doubled_before_a_restart_is_found_twice() {
    let scene = Scene::with_lost(1).await;
    scene.trouble(Mischief::once(Operation::Forward, Trouble::LoseAnswer));
    assert!(scene.search().await.broke_off.is_some());
    let restarted = TelegramStore::new(fleet_of(&scene.bench.sim));

    let search = restarted.find(&scene.channel, &scene.unheard, &scene.named).await.unwrap();

    assert_eq!(search.strays.len(), 2);
    restarted.remove(&search.strays).await.unwrap();
    assert!(scene.is_clean());
}

#[tokio::test]
async fn a_look_that_nobody_waits_for_any_more_is_made_good_by_the_next_search() {
    let scene = Scene::with_lost(1).await;
    let (other, file) = scene.bench.ticket(b"being put", 0);
    scene.bench.store.put(&other, &file).await.unwrap();
    scene.trouble(Mischief::once(Operation::Forward, Trouble::LoseAnswer));
    let is_looking = async {
        while scene.requests("forwardMessage") == 0 || scene.bench.messages(0) < scene.named.len() + 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = is_looking => {}
        _ = scene.search() => {}
    }

    let search = scene.search().await;

    scene.bench.store.remove(&search.strays).await.unwrap();
    assert_eq!(scene.bench.messages(0), scene.named.len() + 1);
}

#[tokio::test]
async fn what_a_test_of_the_bot_left_behind_is_cleared_by_the_next_search() {
    let scene = Scene::with_lost(1).await;
    for trouble in [
        Mischief::once(Operation::Send, Trouble::LoseAnswer),
        Mischief::standing(Operation::Delete, Trouble::Status { code: 500 }),
    ] {
        let messages = scene.bench.messages(0);
        scene.trouble(trouble);
        let bot = scene.bench.store.fleet.bots()[0].id;
        assert!(!scene.bench.store.fleet.test(bot).await.unwrap().is_ok());
        assert_eq!(scene.bench.messages(0), messages + 1, "the probe is still there");
        scene.bench.sim.world().clear_faults(scene.bench.bot(0).id);
    }
    let found = scene.search().await;
    assert_eq!(found.strays.len(), 1, "{found:?}");
    scene.bench.store.remove(&found.strays).await.unwrap();
    assert!(scene.is_clean());
}
