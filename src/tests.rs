//! What tests of several modules share: a small server on a temporary disk, with real records, a real store, and films that need
//! no ffmpeg. A sample film has pictures and sound of two segments each; their bytes are a pattern,
//! and all of it goes through the packs and copies that a real one goes through.

use crate::cache::{self, Damage, SegmentCache};
use crate::catalog::{
    Accepted, Arrival, Catalog, JobKind, JobLease, Measured, NewRendition, Settings, Settlement, Shown, Source,
};
use crate::clock::Clock;
use crate::deposit::{self, Deposit, FreshSegment, PackerSettings};
use crate::events::Events;
use crate::jobs::{self, Jobs};
use crate::media::id::{BlobId, UploadId, VideoId};
use crate::media::key_frame::KeyFrame;
use crate::media::rendition::{Method, Rates, RenditionKind};
use crate::media::time::Timestamp;
use crate::shutdown::Shutdown;
use crate::spool::{self, Spool};
use crate::store::{BlobStore, LocalSettings, LocalStore};
use crate::telegram::{ApiSettings, BotSettings, ChatId, Fleet, FleetMemory, FleetSettings, PaceSettings};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use telegram_sim::Simulator;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Bytes of one segment: more than two chunks, so that answers come in slices.
pub(crate) const SEGMENT: usize = 600_001;

pub(crate) const INIT: &[u8] = b"the init segment";

pub(crate) const POSTER: &[u8] = b"the poster";

/// The parts of a server that lie below its faces.
pub(crate) struct Sample {
    pub(crate) folder: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) spool: Spool,
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) cache: SegmentCache,
    pub(crate) damage: Option<mpsc::Receiver<Damage>>,
    pub(crate) deposit: Deposit,
    pub(crate) jobs: Jobs,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

/// A film in the making, and what is sealed and not stored yet.
pub(crate) struct Growing {
    pub(crate) video: VideoId,
    pub(crate) lease: JobLease,
    pub(crate) sealed: mpsc::UnboundedReceiver<BlobId>,
}

/// The bytes of segment `number` of a track.
pub(crate) fn segment(track: &str, number: usize) -> Vec<u8> {
    let seed = blake3::hash(format!("{track} {number}").as_bytes());
    seed.as_bytes().iter().copied().cycle().take(SEGMENT + number).collect()
}

impl Sample {
    pub(crate) async fn new() -> Self {
        Self::with_copies(1).await
    }

    /// One that keeps so many copies of everything.
    pub(crate) async fn with_copies(replicas: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(LocalSettings { root: folder.path().join("store") }).await.unwrap();
        Self::over(folder, Arc::new(store), replicas).await
    }

    /// One that keeps them in this store, and everything else in the folder.
    pub(crate) async fn over(folder: TempDir, store: Arc<dyn BlobStore>, replicas: u32) -> Self {
        let catalog = Catalog::open(&Settings { file: folder.path().join("catalog"), readers: 2 }).unwrap();
        let settings = spool::Settings { root: folder.path().join("spool"), max_bytes: 64 * 1024 * 1024 };
        let spool = Spool::open(settings).await.unwrap();
        let (shutdown, events, clock) = (Shutdown::new(), Events::new(), Clock::from_fn(|| Timestamp(1_000_000)));
        let memory = cache::Settings { memory_bytes: 16 * 1024 * 1024, disk: None };
        let (cache, damage) = SegmentCache::new(memory, store.clone(), spool.clone(), shutdown.clone()).unwrap();
        let packs = packs(replicas);
        let deposit = Deposit::new(packs, catalog.clone(), store.clone(), spool.clone(), clock.clone());
        let (lease, beat, grace) = (Duration::from_secs(60), Duration::from_secs(20), Duration::from_secs(5));
        let workers = vec![(JobKind::Ingest, 1), (JobKind::Forget, 1)];
        let work = jobs::Settings { workers, most_left: 0, lease, beat, grace };
        let jobs = Jobs::new(work, catalog.clone(), events.clone(), clock.clone());
        let damage = Some(damage);
        Self { folder, catalog, spool, store, cache, damage, deposit, jobs, events, clock, shutdown }
    }

    /// A film that arrived and waits for its ingest.
    pub(crate) async fn arrived(&self, title: &str) -> VideoId {
        let (upload, now) = (UploadId::fresh(), self.clock.now());
        self.catalog.begin_upload(upload, None, now).await.unwrap();
        let mut writer = self.spool.begin_upload(upload, None).await.unwrap();
        writer.write(Bytes::from(title.to_owned())).await.unwrap();
        let received = writer.finish().await.unwrap();
        let arrival = Arrival {
            source: Source::Upload(upload),
            title: title.into(),
            bytes: received.bytes,
            hash: Some(received.hash),
            again: true,
        };
        match self.catalog.accept(arrival, now).await.unwrap() {
            Accepted::New(video, _) => video,
            Accepted::Known(_) => unreachable!("it was to be taken again"),
        }
    }

    /// The next job, claimed.
    pub(crate) async fn claimed(&self) -> (VideoId, JobLease) {
        let now = self.clock.now();
        let until = now.after(Duration::from_secs(60));
        for kind in [JobKind::Ingest, JobKind::Forget] {
            if let Some((job, lease)) = self.catalog.claim_job(kind, Vec::new(), now, until).await.unwrap() {
                return (job.video, lease);
            }
        }
        panic!("no job is due")
    }

    /// A film whose segments are listed and still in the spool. No other job may be waiting.
    pub(crate) async fn growing(&self, title: &str) -> Growing {
        self.arrived(title).await;
        let (video, lease) = self.claimed().await;
        let now = self.clock.now();
        self.catalog.begin_processing(lease, now).await.unwrap();
        let shown = Shown { tracks: 2, duration_ms: Some(4_000), size: Some((640, 360)) };
        self.catalog.record_plan(lease, "{}".into(), "{}".into(), shown, now).await.unwrap();
        let (sender, sealed) = mpsc::unbounded_channel();
        for (number, name) in [(0, "v0"), (1, "a0")] {
            Box::pin(self.fill(video, lease, rendition(number, name), sender.clone())).await;
        }
        sender.send(self.deposit.add_poster(lease, Bytes::from_static(POSTER)).await.unwrap()).unwrap();
        Growing { video, lease, sealed }
    }

    /// Lists two segments of a track.
    async fn fill(&self, video: VideoId, lease: JobLease, track: NewRendition, sealed: mpsc::UnboundedSender<BlobId>) {
        let NewRendition { number, timescale, init, name, .. } = track.clone();
        let rendition = self.catalog.begin_rendition(lease, track).await.unwrap().id;
        let settings = PackerSettings { lease, video, rendition, number, init, timescale, ramps: true };
        let mut packer = self.deposit.packer(settings, sealed).await.unwrap();
        for at in 0..2 {
            let (data, start) = (Bytes::from(segment(&name, at)), at as u64 * 2_000);
            let len = data.len() as u64;
            let key_frames = if name == "v0" { key_frames(start) } else { Vec::new() };
            let fresh = FreshSegment { start, duration: 2_000, data: vec![data], len, independent: true, key_frames };
            Box::pin(packer.add(fresh)).await.unwrap();
        }
        Box::pin(packer.finish()).await.unwrap();
    }

    /// Stores what a growing film has, and makes it ready.
    pub(crate) async fn finish(&self, growing: Growing) -> VideoId {
        let Growing { video, lease, sealed } = growing;
        let now = self.clock.now();
        let (stored, to_protect) = tokio::sync::mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        self.deposit.store_all(lease, sealed, stored, &cancel).await.unwrap();
        self.deposit.protect_all(lease, to_protect, &cancel).await.unwrap();
        for rendition in self.catalog.renditions_of(lease).await.unwrap() {
            let i_frames = (rendition.name == "v0").then_some(Rates { peak: 40_000, average: 30_000 });
            let measured = Measured { peak: 2_500_000, average: 2_400_000, i_frames };
            self.catalog.finish_rendition(lease, rendition.id, measured).await.unwrap();
        }
        self.catalog.publish(lease, false, now).await.unwrap();
        self.catalog.settle_job(lease, Settlement::Done, now).await.unwrap();
        video
    }

    /// A film that is ready.
    pub(crate) async fn film(&self, title: &str) -> VideoId {
        let growing = self.growing(title).await;
        self.finish(growing).await
    }

    /// Files that lie in the spool and in the store's channels.
    pub(crate) fn files(&self) -> usize {
        let mut folders = vec![self.folder.path().join("spool"), self.folder.path().join("store")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { count += 1 }
            }
        }
        count
    }
}

/// Two in a segment of pictures that starts at this tick.
fn key_frames(start: u64) -> Vec<KeyFrame> {
    let start = i64::try_from(start).unwrap();
    vec![KeyFrame { offset: 0, len: 5_000, start }, KeyFrame { offset: 300_000, len: 4_000, start: start + 1_000 }]
}

/// How films are packed when so many copies are wanted.
pub(crate) fn packs(replicas: u32) -> deposit::Settings {
    let installation = uuid::Uuid::nil();
    deposit::Settings { max_blob_bytes: 2 * 1024 * 1024, replicas, parallel: 2, installation }
}

/// The bots of a simulator, which may send as fast as they like.
pub(crate) fn fleet_of(sim: &Simulator) -> Fleet {
    fleet_at(sim, Clock::system())
}

/// The same, by this clock.
pub(crate) fn fleet_at(sim: &Simulator, clock: Clock) -> Fleet {
    let bot = |(slot, bot): (u8, telegram_sim::Bot)| BotSettings {
        slot,
        token: bot.token.parse().unwrap(),
        channel: ChatId(bot.channel.0),
    };
    let api = ApiSettings { url: sim.url().parse().unwrap(), ..ApiSettings::default() };
    let bots = (1..).zip(sim.world().bots()).map(bot).collect();
    let pace =
        PaceSettings { bot_per_second: 1000, channel_burst: 1000, channel_per_minute: 4000, ..Default::default() };
    let settings = FleetSettings { bots, api, pace, ..FleetSettings::default() };
    Fleet::new(settings, &FleetMemory::default(), clock, Events::new()).unwrap()
}

fn rendition(number: u32, name: &str) -> NewRendition {
    let pictures = name == "v0";
    NewRendition {
        number,
        name: name.into(),
        generation: 1,
        kind: if pictures { RenditionKind::Video } else { RenditionKind::Audio },
        refines: false,
        method: Method::Copied,
        why: "players take it as it is".into(),
        codecs: if pictures { "avc1.640028" } else { "mp4a.40.2" }.into(),
        timescale: 1_000,
        target_duration: 2,
        size: pictures.then_some((640, 360)),
        frame_rate_milli: pictures.then_some(25_000),
        video_range: None,
        sound: (!pictures).then_some((2, 48_000)),
        language: (!pictures).then(|| "de".into()),
        label: None,
        is_default: true,
        forced: false,
        source_stream: None,
        reorder_delay: 0,
        planned_bandwidth: 3_000_000,
        init: INIT.to_vec(),
    }
}
