//! Copies that are made anew while others are damaged, out of reach or gone with their channel.

use super::{keeper, parts};
use crate::catalog::{CopyState, JobKind, JobLease, Wanted};
use crate::clock::Clock;
use crate::media::extent::{ChannelId, Locator, Place, StoredBlob};
use crate::media::id::VideoId;
use crate::store::TelegramStore;
use crate::tests::{Sample, fleet_of};
use crate::upkeep::{Keeper, forget};
use std::sync::Arc;
use std::time::Duration;
use telegram_sim::{Fault, MessageId, Operation, Settings, Simulator, Trouble};
use tokio_util::sync::CancellationToken;

/// A film whose packs lie in two of three channels each, and one of its blobs.
pub(super) struct Ward {
    pub(super) sim: Simulator,
    pub(super) sample: Sample,
    pub(super) video: VideoId,
    pub(super) blob: Arc<StoredBlob>,
}

impl Ward {
    pub(super) async fn new() -> Self {
        Self::with_copies(2).await
    }

    pub(super) async fn with_copies(copies: u32) -> Self {
        let sim = Simulator::start(Settings::bots(3)).unwrap();
        let store = TelegramStore::new(fleet_of(&sim));
        let sample = Sample::over(tempfile::tempdir().unwrap(), Arc::new(store), copies).await;
        let video = sample.film("Film").await;
        let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
        Self { sim, blob: Arc::clone(blob), sample, video }
    }

    /// Where a copy is, as the simulator knows it.
    pub(super) fn place(&self, copy: &Locator) -> (telegram_sim::Bot, MessageId) {
        let (channel, rest) = copy.0.strip_prefix("tg:").unwrap().split_once('/').unwrap();
        let message = MessageId(rest.split('/').next().unwrap().parse().unwrap());
        let bots = self.sim.world().bots();
        (bots.into_iter().find(|bot| bot.channel.to_string() == channel).unwrap(), message)
    }

    pub(super) fn is_there(&self, copy: &Locator) -> bool {
        let (bot, message) = self.place(copy);
        self.sim.world().messages(bot.channel).iter().any(|found| found.id == message)
    }

    pub(super) fn delete_by_hand(&self, copy: &Locator) {
        let (bot, message) = self.place(copy);
        assert!(self.sim.world().lose_message(bot.channel, message).unwrap());
    }

    /// The numbers of messages in the channels.
    pub(super) fn messages(&self) -> Vec<usize> {
        let world = self.sim.world();
        world.bots().iter().map(|bot| world.messages(bot.channel).len()).collect()
    }

    /// The job that removes the film for good.
    pub(super) async fn deletion(&self) -> JobLease {
        let (catalog, now) = (&self.sample.catalog, self.sample.clock.now());
        catalog.trash_video(self.video, now, now).await.unwrap();
        self.sample.claimed().await.1
    }

    /// What the keeper does when so much time has passed.
    pub(super) async fn round_after(&self, time: Duration) {
        let later = self.sample.clock.now().after(time);
        Keeper { clock: Clock::from_fn(move || later), ..keeper(&self.sample, 2) }.round().await.unwrap();
    }

    /// Copies that nobody names: all of them, and those that the store refused to remove.
    pub(super) async fn litter(&self) -> (u64, u64) {
        let shares = self.sample.catalog.shares().await.unwrap();
        (shares.litter, shares.litter_refused)
    }

    /// A reader found a copy missing or wrong.
    pub(super) async fn miss(&self, copy: &Locator) {
        self.sample.catalog.copy_lost(self.blob.id, copy.clone(), self.sample.clock.now()).await.unwrap();
    }

    /// The job that mends the film.
    pub(super) async fn job(&self) -> JobLease {
        keeper(&self.sample, 2).round().await.unwrap();
        let (now, later) = (self.sample.clock.now(), self.sample.clock.now().after(Duration::from_secs(60)));
        self.sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().expect("a job is due").1
    }

    pub(super) async fn mend(&self, lease: JobLease) {
        self.sample.deposit.mend(lease, self.blob.id, &CancellationToken::new()).await.unwrap();
    }

    /// The channels of the blob's copies that are in this state.
    pub(super) async fn channels(&self, lease: JobLease, state: CopyState) -> Vec<ChannelId> {
        let record = self.sample.catalog.blob_to_store(lease, self.blob.id).await.unwrap().unwrap();
        record.copies.into_iter().filter(|copy| copy.state == state).map(|copy| copy.channel).collect()
    }
}

#[tokio::test]
async fn a_copy_that_was_read_badly_once_is_kept_until_others_are_proven() {
    let ward = Ward::new().await;
    let [misread, deleted] = [&ward.blob.copies[0], &ward.blob.copies[1]];
    ward.miss(misread).await;
    ward.delete_by_hand(deleted);
    let lease = ward.job().await;

    ward.mend(lease).await;

    assert!(ward.is_there(misread), "it was the last one");
    assert_eq!(ward.channels(lease, CopyState::Verified).await.len(), 2);
    assert_eq!(ward.channels(lease, CopyState::Lost).await, []);
    let (home, catalog) = (ward.sample.store.channels(), &ward.sample.catalog);
    assert!(!catalog.blobs_to_mend(lease, &Wanted::of(home, 2)).await.unwrap().contains(&ward.blob.id));
    assert!(catalog.video(ward.video, 2).await.unwrap().unwrap().protected);
}

#[tokio::test]
async fn a_copy_that_is_really_lost_goes_when_another_has_taken_its_place() {
    let ward = Ward::new().await;
    let wrong = &ward.blob.copies[0];
    ward.miss(wrong).await;
    ward.delete_by_hand(wrong);
    let lease = ward.job().await;

    ward.mend(lease).await;

    assert_eq!(ward.channels(lease, CopyState::Verified).await.len(), 2);
    assert_eq!(ward.channels(lease, CopyState::Lost).await, []);
}

#[tokio::test]
async fn a_film_is_mended_although_a_channel_is_gone_or_its_bot_thrown_out() {
    for is_gone in [true, false] {
        let ward = Ward::new().await;
        let lost = &ward.blob.copies[0];
        let (bot, _) = ward.place(lost);
        ward.miss(lost).await;
        if is_gone {
            ward.sim.world().drop_channel(bot.channel).unwrap();
        } else {
            ward.delete_by_hand(lost);
            ward.sim.world().ban(bot.id, bot.channel).unwrap();
        }
        let lease = ward.job().await;

        ward.mend(lease).await;

        let verified = ward.channels(lease, CopyState::Verified).await;
        assert!(verified.len() == 2 && !verified.contains(&ChannelId(bot.channel.to_string())), "{verified:?}");
        assert_eq!(ward.channels(lease, CopyState::Lost).await, []);
        ward.round_after(Duration::ZERO).await;
        assert_eq!(ward.litter().await, (1, u64::from(!is_gone)), "what may not be deleted stays known");
    }
}

#[tokio::test]
async fn a_film_is_forgotten_although_a_channel_is_gone() {
    let ward = Ward::new().await;
    let (bot, _) = ward.place(&ward.blob.copies[0]);
    let held = ward.sim.world().messages(bot.channel).len() as u64;
    ward.sim.world().drop_channel(bot.channel).unwrap();
    let lease = ward.deletion().await;

    forget(&parts(&ward.sample), lease, &CancellationToken::new()).await.unwrap();

    assert_eq!(ward.messages(), [0, 0, 0]);
    assert!(ward.sample.catalog.video(ward.video, 1).await.unwrap().is_none());
    assert_eq!(ward.litter().await, (held, 0), "nobody can tell whether it is there");
}

#[tokio::test]
async fn what_one_channel_keeps_is_litter_and_keeps_no_film() {
    let ward = Ward::new().await;
    let (bot, _) = ward.place(&ward.blob.copies[0]);
    let held = ward.sim.world().messages(bot.channel).len();
    ward.sim.world().fault(bot.id, Fault::once(Operation::Delete, Trouble::Status { code: 500 }));
    let lease = ward.deletion().await;

    forget(&parts(&ward.sample), lease, &CancellationToken::new()).await.unwrap();

    assert!(ward.sample.catalog.video(ward.video, 1).await.unwrap().is_none());
    assert_eq!(ward.messages().iter().sum::<usize>(), held, "all that is left is in that channel");
    assert_eq!(ward.litter().await, (held as u64, 0));
    ward.round_after(Duration::ZERO).await;
    assert_eq!(ward.messages(), [0, 0, 0]);
}

#[tokio::test]
async fn a_film_is_deleted_with_one_request_for_a_hundred_messages_of_a_channel() {
    let ward = Ward::with_copies(3).await;
    let before = ward.messages();
    assert!(before.iter().all(|messages| *messages > 2), "{before:?}");
    let lease = ward.deletion().await;

    forget(&parts(&ward.sample), lease, &CancellationToken::new()).await.unwrap();

    for (bot, messages) in ward.sim.world().bots().iter().zip(before) {
        let requests = ward.sim.world().counters(bot.id).requests_of("deleteMessages");
        assert!(requests <= messages.div_ceil(100) as u64, "{requests} requests for {messages} messages");
    }
    assert_eq!(ward.messages(), [0, 0, 0]);
}

#[tokio::test]
async fn what_could_not_be_deleted_is_tried_again_after_a_while() {
    let ward = Ward::new().await;
    let lost = &ward.blob.copies[0];
    let (bot, message) = ward.place(lost);
    let world = ward.sim.world();
    ward.miss(lost).await;
    world.fault(bot.id, Fault::once(Operation::Download, Trouble::FlipBit { at: 9 }));
    world.fault(bot.id, Fault::standing(Operation::Delete, Trouble::Status { code: 500 }));
    let lease = ward.job().await;
    ward.mend(lease).await;
    assert_eq!(ward.litter().await, (1, 0));
    let asked = || world.counters(bot.id).requests_of("deleteMessages");

    ward.round_after(Duration::ZERO).await;
    let before = asked();
    ward.round_after(Duration::from_secs(59)).await;
    assert_eq!((ward.litter().await, asked()), ((1, 0), before), "it fails again, and waits for its time");
    world.clear_faults(bot.id);
    ward.round_after(Duration::from_secs(3600)).await;

    assert_eq!(ward.litter().await, (0, 0));
    assert!(world.messages(bot.channel).iter().all(|found| found.id != message));
}

#[tokio::test]
async fn what_is_too_old_to_be_deleted_is_known_as_refused() {
    let ward = Ward::new().await;
    let lost = &ward.blob.copies[0];
    ward.miss(lost).await;
    ward.sim.world().fault(ward.place(lost).0.id, Fault::once(Operation::Download, Trouble::FlipBit { at: 9 }));
    ward.sim.world().advance(Duration::from_secs(49 * 3600)).unwrap();
    let lease = ward.job().await;
    ward.mend(lease).await;
    ward.round_after(Duration::ZERO).await;
    assert_eq!(ward.litter().await, (1, 1));
}
