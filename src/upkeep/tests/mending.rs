//! Copies that are made anew while others are damaged, out of reach or gone with their channel.

use super::keeper;
use crate::catalog::{CopyState, JobKind, JobLease};
use crate::media::extent::{ChannelId, Locator, Place, StoredBlob};
use crate::media::id::VideoId;
use crate::store::TelegramStore;
use crate::tests::{Sample, fleet_of};
use std::sync::Arc;
use std::time::Duration;
use telegram_sim::{MessageId, Settings, Simulator};
use tokio_util::sync::CancellationToken;

/// A film whose packs lie in two of three channels each, and one of its blobs.
struct Ward {
    sim: Simulator,
    sample: Sample,
    video: VideoId,
    blob: Arc<StoredBlob>,
}

impl Ward {
    async fn new() -> Self {
        let sim = Simulator::start(Settings::bots(3)).unwrap();
        let store = TelegramStore::new(fleet_of(&sim));
        let sample = Sample::over(tempfile::tempdir().unwrap(), Arc::new(store), 2).await;
        let video = sample.film("Film").await;
        let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
        Self { sim, blob: Arc::clone(blob), sample, video }
    }

    /// Where a copy is, as the simulator knows it.
    fn place(&self, copy: &Locator) -> (telegram_sim::Bot, MessageId) {
        let (channel, rest) = copy.0.strip_prefix("tg:").unwrap().split_once('/').unwrap();
        let message = MessageId(rest.split('/').next().unwrap().parse().unwrap());
        let bots = self.sim.world().bots();
        (bots.into_iter().find(|bot| bot.channel.to_string() == channel).unwrap(), message)
    }

    fn is_there(&self, copy: &Locator) -> bool {
        let (bot, message) = self.place(copy);
        self.sim.world().messages(bot.channel).iter().any(|found| found.id == message)
    }

    fn delete_by_hand(&self, copy: &Locator) {
        let (bot, message) = self.place(copy);
        assert!(self.sim.world().lose_message(bot.channel, message).unwrap());
    }

    /// A reader found a copy missing or wrong.
    async fn miss(&self, copy: &Locator) {
        self.sample.catalog.copy_lost(self.blob.id, copy.clone(), self.sample.clock.now()).await.unwrap();
    }

    /// The job that mends the film.
    async fn job(&self) -> JobLease {
        keeper(&self.sample, 2).round().await.unwrap();
        let (now, later) = (self.sample.clock.now(), self.sample.clock.now().after(Duration::from_secs(60)));
        self.sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().expect("a job is due").1
    }

    async fn mend(&self, lease: JobLease) {
        self.sample.deposit.mend(lease, self.blob.id, &CancellationToken::new()).await.unwrap();
    }

    /// The channels of the blob's copies that are in this state.
    async fn channels(&self, lease: JobLease, state: CopyState) -> Vec<ChannelId> {
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
    assert!(!catalog.blobs_to_mend(lease, &home, 2).await.unwrap().contains(&ward.blob.id));
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
