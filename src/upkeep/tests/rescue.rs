//! A bot whose token is revoked: what it held is had from elsewhere, after a while and by itself.

use super::keeper;
use crate::cache::Standing;
use crate::catalog::{CopyState, JobKind, JobLease};
use crate::clock::Clock;
use crate::media::extent::{ChannelId, Place, StoredBlob};
use crate::media::id::VideoId;
use crate::media::range::ByteRange;
use crate::media::time::Timestamp;
use crate::store::TelegramStore;
use crate::telegram::Fleet;
use crate::tests::{Sample, fleet_at};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use telegram_sim::{Settings, Simulator};
use tokio_util::sync::CancellationToken;

/// A film in the channels of three bots, and one of its blobs.
struct Scene {
    sim: Simulator,
    fleet: Fleet,
    now: Arc<AtomicI64>,
    sample: Sample,
    copies: u32,
    video: VideoId,
}

impl Scene {
    async fn new(settings: Settings, copies: u32) -> Self {
        let sim = Simulator::start(settings).unwrap();
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let time = Arc::clone(&now);
        let fleet = fleet_at(&sim, Clock::from_fn(move || Timestamp(time.load(Ordering::SeqCst))));
        let store = TelegramStore::new(fleet.clone());
        let sample = Sample::over(tempfile::tempdir().unwrap(), Arc::new(store), copies).await;
        let video = sample.film("Film").await;
        Self { sim, fleet, now, sample, copies, video }
    }

    async fn blob(&self) -> Arc<StoredBlob> {
        let pieces = self.sample.catalog.segment_pieces(self.video, "v0".into(), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
        Arc::clone(blob)
    }

    /// Revokes the token of the bot that holds a blob's first copy, and lets somebody find out.
    async fn revoke(&self) -> ChannelId {
        let blob = self.blob().await;
        let channel = self.sample.store.channel_of(&blob.copies[0]).unwrap();
        let bots = self.sim.world().bots();
        let bot = bots.iter().find(|bot| bot.channel.to_string() == channel.0).unwrap();
        self.sim.world().revoke(bot.id).unwrap();
        assert!(self.sample.store.probe(&blob.copies[0]).await.is_err());
        channel
    }

    /// So much time passes, in which the bots are watched.
    async fn pass(&self, time: Duration, mut until: impl FnMut() -> bool) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        let cancel = CancellationToken::new();
        let waiting = async {
            while !until() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            cancel.cancel();
        };
        let both = async { tokio::join!(self.fleet.clone().keep_watch(cancel.clone()), waiting) };
        tokio::time::timeout(Duration::from_secs(50), both).await.expect("what was waited for never came");
    }

    /// The job that the keeper queued, if it did.
    async fn job(&self) -> Option<JobLease> {
        keeper(&self.sample, self.copies).round().await.unwrap();
        let (now, later) = (self.sample.clock.now(), self.sample.clock.now().after(Duration::from_secs(60)));
        let claimed = self.sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap();
        claimed.map(|(_, lease)| lease)
    }

    /// Does what the job asks for; answers how many blobs that were.
    async fn mend(&self, lease: JobLease) -> usize {
        let wanted = crate::deposit::wanted(&*self.sample.store, self.copies);
        let blobs = self.sample.catalog.blobs_to_mend(lease, &wanted).await.unwrap();
        for blob in &blobs {
            self.sample.deposit.mend(lease, *blob, &CancellationToken::new()).await.unwrap();
        }
        assert!(self.sample.catalog.blobs_to_mend(lease, &wanted).await.unwrap().is_empty());
        blobs.len()
    }
}

#[tokio::test]
async fn a_film_with_one_copy_plays_again_when_another_bot_sees_the_channel_of_one_that_is_out() {
    let scene = Scene::new(Settings::bots(3).everywhere(), 1).await;
    let pieces = scene.sample.catalog.segment_pieces(scene.video, "v0".into(), 0).await.unwrap().unwrap();
    let closed = scene.revoke().await;
    assert!(
        scene.sample.cache.open(pieces, ByteRange::at(0, 1).unwrap(), Standing::Passing).await.is_err(),
        "nobody can read it"
    );
    let forwards = || scene.sample.store.closed().into_iter().any(|closed| closed.forwards_to.len() == 2);
    scene.pass(Duration::from_secs(301), forwards).await;

    let lease = scene.job().await.expect("the keeper does something about it");
    assert!(scene.mend(lease).await > 0);

    let blob = scene.blob().await;
    assert!(blob.copies.iter().any(|copy| scene.sample.store.channel_of(copy) != Some(closed.clone())));
    let pieces = scene.sample.catalog.segment_pieces(scene.video, "v0".into(), 0).await.unwrap().unwrap();
    assert!(scene.sample.cache.open(pieces, ByteRange::at(0, 1).unwrap(), Standing::Passing).await.is_ok());
}

#[tokio::test]
async fn what_nobody_can_forward_is_not_tried_for_ever() {
    let scene = Scene::new(Settings::bots(3), 1).await;
    scene.revoke().await;
    let asked = || {
        scene
            .sim
            .world()
            .bots()
            .iter()
            .map(|bot| scene.sim.world().counters(bot.id).requests_of("getChat"))
            .sum::<u64>()
    };
    let before = asked();
    scene.pass(Duration::from_secs(301), || asked() >= before + 4).await;
    assert_eq!(scene.sample.store.closed().len(), 1);
    assert!(scene.job().await.is_none());
}

#[tokio::test]
async fn what_a_revoked_bot_held_is_made_again_elsewhere_but_not_at_once() {
    let scene = Scene::new(Settings::bots(3), 2).await;
    let closed = scene.revoke().await;
    scene.pass(Duration::from_secs(240), || true).await;
    assert!(scene.job().await.is_none(), "it may be back in a minute");
    scene.pass(Duration::from_secs(61), || !scene.sample.store.closed().is_empty()).await;

    let lease = scene.job().await.expect("nobody waits any longer");
    assert!(scene.mend(lease).await > 0);

    let blob = scene.blob().await;
    let record = scene.sample.catalog.blob_to_store(lease, blob.id).await.unwrap().unwrap();
    let open = record.copies.iter().filter(|copy| copy.state == CopyState::Verified && copy.channel != closed);
    assert_eq!(open.count(), 2);
}
