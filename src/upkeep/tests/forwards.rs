//! Copies that are made by forwarding, and the messages that lost answers to forwards leave.

use super::unsteady::Unsteady;
use super::{keeper, parts};
use crate::catalog::{JobKind, JobLease};
use crate::deposit::Deposit;
use crate::media::extent::{ChannelId, Locator, Place, StoredBlob};
use crate::store::{Presence, Purpose, PutTicket, TelegramStore};
use crate::tests::{Sample, fleet_of, packs};
use crate::upkeep::forget;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use telegram_sim::{Fault, Operation, Settings, Simulator, Trouble};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A film with one copy of everything, and work that makes more of one of its blobs.
struct Scene {
    sim: Simulator,
    sample: Sample,
    blob: Arc<StoredBlob>,
    lease: JobLease,
    /// Where the copy is that is forwarded, and the channels without one.
    from: ChannelId,
    others: Vec<ChannelId>,
}

impl Scene {
    async fn new() -> Self {
        let sim = Simulator::start(Settings::bots(3).everywhere()).unwrap();
        let store = TelegramStore::new(fleet_of(&sim));
        let sample = Sample::over(tempfile::tempdir().unwrap(), Arc::new(store), 1).await;
        let video = sample.film("Film").await;
        let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
        let (now, later) = (sample.clock.now(), sample.clock.now().after(Duration::from_secs(60)));
        keeper(&sample, 2).round().await.unwrap();
        let (_, lease) = sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().unwrap();
        let record = sample.catalog.blob_to_store(lease, blob.id).await.unwrap().unwrap();
        let from = record.copies[0].channel.clone();
        let others = sample.store.channels().into_iter().filter(|channel| *channel != from).collect();
        Self { sim, blob: Arc::clone(blob), sample, lease, from, others }
    }

    fn bot(&self, channel: &ChannelId) -> telegram_sim::Bot {
        let bots = self.sim.world().bots();
        bots.into_iter().find(|bot| bot.channel.to_string() == channel.0).unwrap()
    }

    /// The next forwards into a channel are made, and nobody hears of them.
    fn lose_answers(&self, channel: &ChannelId, times: u32) {
        self.sim.world().fault(self.bot(channel).id, Fault::times(times, Operation::Forward, Trouble::LoseAnswer));
    }

    /// Makes the second copy of the blob.
    async fn mend(&self) -> bool {
        let Sample { catalog, store, spool, clock, .. } = &self.sample;
        let deposit = Deposit::new(packs(2), catalog.clone(), store.clone(), spool.clone(), clock.clone());
        deposit.mend(self.lease, self.blob.id, &CancellationToken::new()).await.is_ok()
    }

    /// Forwards a copy to a channel, step by step. `None`: the answer was lost.
    async fn forward(&self, copy: u32, from: &Locator, to: &ChannelId) -> Option<(Uuid, Locator)> {
        forward(&self.sample, self.lease, &self.blob, (copy, from, to)).await
    }

    async fn hear(&self, nonce: Uuid, copy: &Locator) {
        let (catalog, now) = (&self.sample.catalog, self.sample.clock.now());
        catalog.copy_sent(self.lease, self.blob.id, nonce, copy.clone(), now).await.unwrap();
        catalog.copy_verified(self.lease, self.blob.id, nonce, now).await.unwrap();
    }

    fn messages(&self, channel: &ChannelId) -> BTreeSet<i64> {
        self.sim.world().messages(self.bot(channel).channel).iter().map(|message| message.id.0).collect()
    }

    /// The messages of a channel that the catalog names.
    async fn named(&self, channel: &ChannelId) -> BTreeSet<i64> {
        let copies = self.sample.catalog.copies_on(channel.clone()).await.unwrap();
        copies.iter().map(|copy| copy.0.split('/').nth(1).unwrap().parse().unwrap()).collect()
    }

    /// So many messages lie in the channel, and the catalog names each.
    async fn assert_clean(&self, channel: &ChannelId, messages: usize) {
        assert_eq!(self.messages(channel), self.named(channel).await);
        assert_eq!(self.messages(channel).len(), messages);
        assert!(self.sample.catalog.doubts().await.unwrap().is_empty());
    }
}

async fn forward(
    sample: &Sample,
    lease: JobLease,
    blob: &StoredBlob,
    (copy, from, to): (u32, &Locator, &ChannelId),
) -> Option<(Uuid, Locator)> {
    let now = sample.clock.now();
    let intent = sample.catalog.intend_forward(lease, blob.id, copy, to.clone(), from.clone(), now).await.unwrap();
    let (nonce, caption) = (intent.nonce, String::new());
    let hash = sample.catalog.blob_to_store(lease, blob.id).await.unwrap().unwrap().hash;
    let ticket = PutTicket {
        blob: blob.id,
        channel: to.clone(),
        copy,
        nonce,
        caption,
        len: blob.len,
        hash,
        purpose: Purpose::Deposit,
    };
    match sample.store.put_again(&ticket, from).await {
        Ok(locator) => Some((nonce, locator)),
        Err(error) => {
            assert!(error.may_be_there(), "{error:?}");
            None
        }
    }
}

#[tokio::test]
async fn what_a_lost_answer_to_a_rescue_left_is_removed_and_the_rescued_copy_stays() {
    let scene = Scene::new().await;
    scene.sim.world().revoke(scene.bot(&scene.from).id).unwrap();
    scene.others.iter().for_each(|channel| scene.lose_answers(channel, 1));

    assert!(scene.mend().await, "the second try is answered");

    let record = scene.sample.catalog.blob_to_store(scene.lease, scene.blob.id).await.unwrap().unwrap();
    let to = record.copies.iter().map(|copy| &copy.channel).find(|channel| **channel != scene.from).unwrap();
    let named = scene.named(to).await.len();
    assert_eq!(scene.messages(to).len(), named + 1, "the first try left a message");
    keeper(&scene.sample, 1).round().await.unwrap();
    scene.assert_clean(to, named).await;
}

#[tokio::test]
async fn what_lost_answers_left_on_channels_that_were_given_up_is_removed() {
    let scene = Scene::new().await;
    scene.sim.world().revoke(scene.bot(&scene.from).id).unwrap();
    scene.others.iter().for_each(|channel| scene.lose_answers(channel, 2));
    let mut before = 0;
    for channel in &scene.others {
        before += scene.messages(channel).len();
    }

    assert!(!scene.mend().await, "each channel was tried twice");
    assert!(scene.mend().await);

    keeper(&scene.sample, 1).round().await.unwrap();
    let mut after = 0;
    for channel in &scene.others {
        let named = scene.named(channel).await.len();
        scene.assert_clean(channel, named).await;
        after += named;
    }
    assert_eq!(after, before + 1);
}

#[tokio::test]
async fn a_lost_forward_of_a_forward_is_found() {
    let scene = Scene::new().await;
    let [second, third] = [&scene.others[0], &scene.others[1]];
    let (nonce, forwarded) = scene.forward(1, &scene.blob.copies[0], second).await.unwrap();
    scene.hear(nonce, &forwarded).await;
    let messages = scene.messages(third).len();
    scene.lose_answers(third, 1);
    assert_eq!(scene.forward(2, &forwarded, third).await, None);
    let (nonce, copy) = scene.forward(2, &forwarded, third).await.unwrap();
    scene.hear(nonce, &copy).await;
    assert_eq!(scene.messages(third).len(), messages + 2);

    keeper(&scene.sample, 1).round().await.unwrap();

    scene.assert_clean(third, messages + 1).await;
    assert_eq!(scene.sample.store.probe(&copy).await.unwrap(), Presence::Present);
}

#[tokio::test]
async fn a_doubt_stays_while_a_channel_that_is_known_refuses_to_be_searched() {
    let scene = Scene::new().await;
    let [second, third] = [&scene.others[0], &scene.others[1]];
    let messages = scene.messages(second).len();
    scene.lose_answers(second, 1);
    assert_eq!(scene.forward(1, &scene.blob.copies[0], second).await, None);
    let (nonce, copy) = scene.forward(1, &scene.blob.copies[0], third).await.unwrap();
    scene.hear(nonce, &copy).await;
    scene.sim.world().fault(scene.bot(second).id, Fault::once(Operation::Send, Trouble::Status { code: 400 }));

    assert!(keeper(&scene.sample, 1).round().await.is_err());
    assert_eq!(scene.sample.catalog.doubts().await.unwrap().len(), 1);

    keeper(&scene.sample, 1).round().await.unwrap();
    scene.assert_clean(second, messages).await;
}

#[tokio::test]
async fn a_film_is_forgotten_with_its_forwards_that_nobody_heard_of() {
    let scene = Scene::new().await;
    scene.lose_answers(&scene.others[0], 1);
    assert_eq!(scene.forward(1, &scene.blob.copies[0], &scene.others[0]).await, None);
    let (catalog, now) = (&scene.sample.catalog, scene.sample.clock.now());
    let video = catalog.blob_to_store(scene.lease, scene.blob.id).await.unwrap().unwrap().video;
    catalog.trash_video(video, now, now).await.unwrap();
    let (_, lease) = scene.sample.claimed().await;

    forget(&parts(&scene.sample), lease, &CancellationToken::new()).await.unwrap();

    for channel in scene.sample.store.channels() {
        assert_eq!(scene.messages(&channel), BTreeSet::new());
    }
}

#[tokio::test]
async fn a_copy_that_is_forwarded_again_during_the_search_is_not_taken_for_the_lost_one() {
    for is_heard in [false, true] {
        let scene = Arc::new(Scene::new().await);
        let (lost_on, from) = (scene.others[0].clone(), scene.blob.copies[0].clone());
        let messages = scene.messages(&lost_on).len();
        scene.lose_answers(&lost_on, 1);
        assert_eq!(scene.forward(1, &from, &lost_on).await, None);
        let (nonce, copy) = scene.forward(1, &from, &scene.others[1]).await.unwrap();
        scene.hear(nonce, &copy).await;

        let again = Arc::new(Mutex::new(None));
        let (busy, made) = (Arc::clone(&scene), Arc::clone(&again));
        let meanwhile = Box::pin(async move {
            let (nonce, copy) = busy.forward(2, &from, &busy.others[0]).await.unwrap();
            if is_heard {
                busy.hear(nonce, &copy).await;
            }
            *made.lock().unwrap() = Some((nonce, copy));
        });
        let mut keeper = keeper(&scene.sample, 1);
        keeper.store = Arc::new(Unsteady::meanwhile(scene.sample.store.clone(), meanwhile));

        keeper.round().await.unwrap();

        let (nonce, copy) = again.lock().unwrap().take().expect("the channel is searched");
        assert_eq!(scene.sample.store.probe(&copy).await.unwrap(), Presence::Present, "heard of: {is_heard}");
        assert_eq!(scene.messages(&lost_on).len(), messages + 2);
        scene.hear(nonce, &copy).await;
        keeper.round().await.unwrap();
        scene.assert_clean(&lost_on, messages + 1).await;
    }
}
