//! What these tests work with: a film in the making, over a real catalog, spool and store.

use super::super::{Deposit, DepositError, FreshSegment, Packer, PackerSettings, Settings};
use crate::catalog::{self, Accepted, Arrival, Catalog, CopyRecord, JobKind, JobLease, NewRendition, Source};
use crate::clock::Clock;
use crate::media::extent::{ChannelId, Locator, Place, StoredBlob, UnheardCopy};
use crate::media::id::{BlobId, RenditionId, VideoId};
use crate::media::range::ByteRange;
use crate::media::rendition::{Method, RenditionKind};
use crate::media::time::Timestamp;
use crate::spool::{self, Spool};
use crate::store::{
    BlobStore, ClosedChannel, Fault, LocalSettings, LocalStore, Presence, Purpose, PutTicket, Reading, Search,
    StoreError, read_verified,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const MAX_BLOB: u64 = 10_000;

/// A local store some of whose channels do not do as they are told.
pub(super) struct Moody {
    local: LocalStore,
    /// Channels that refuse every put.
    pub(super) refusing: Mutex<HashSet<ChannelId>>,
    /// Channels whose keeper is out: nothing is sent to them, for certain.
    pub(super) dead: Mutex<HashSet<ChannelId>>,
    /// Channels that are not in use any more, while what lies there can be read.
    pub(super) away: Mutex<HashSet<ChannelId>>,
    /// Channels that nobody waits for, and from which nothing is read; nothing can be forwarded from them.
    pub(super) closed: Mutex<HashSet<ChannelId>>,
    /// Channels that ask for time when something is read.
    pub(super) throttled: Mutex<HashSet<ChannelId>>,
    /// How many readings come back with a flipped bit.
    pub(super) spoilt_readings: Mutex<u32>,
    /// How many puts are done and answered with an error.
    pub(super) lost_answers: Mutex<u32>,
    /// Channels a put was tried on, in order.
    pub(super) tried: Mutex<Vec<ChannelId>>,
}

#[async_trait]
impl BlobStore for Moody {
    fn channels(&self) -> Vec<ChannelId> {
        let away = self.away.lock().unwrap();
        self.local.channels().into_iter().filter(|channel| !away.contains(channel)).collect()
    }

    fn closed(&self) -> Vec<ClosedChannel> {
        let closed = self.closed.lock().unwrap().clone().into_iter();
        closed.map(|channel| ClosedChannel { channel, forwards_to: Vec::new() }).collect()
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        self.tried.lock().unwrap().push(ticket.channel.clone());
        if self.refusing.lock().unwrap().contains(&ticket.channel) {
            return Err(StoreError::new(Fault::Refused, "storing on a refusing channel"));
        }
        let is_dead = |channels: &Mutex<HashSet<ChannelId>>| channels.lock().unwrap().contains(&ticket.channel);
        if is_dead(&self.dead) || is_dead(&self.closed) {
            return Err(StoreError::new(Fault::Unreachable, "storing on a dead channel").definitely());
        }
        let locator = self.local.put(ticket, file).await?;
        let mut lost = self.lost_answers.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(StoreError::new(Fault::Unreachable, "waiting for the answer"));
        }
        Ok(locator)
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        self.local.channel_of(copy)
    }

    async fn put_again(&self, ticket: &PutTicket, from: &Locator) -> Result<Locator, StoreError> {
        self.local.put_again(ticket, from).await
    }

    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        self.local.find(channel, unheard, named).await
    }

    async fn read(&self, copy: &Locator, range: ByteRange, purpose: Purpose) -> Result<Reading, StoreError> {
        let is_in = |channels: &Mutex<HashSet<ChannelId>>| {
            self.channel_of(copy).is_some_and(|channel| channels.lock().unwrap().contains(&channel))
        };
        if is_in(&self.closed) {
            return Err(StoreError::new(Fault::Unreachable, "reading from a closed channel"));
        }
        if is_in(&self.throttled) {
            return Err(StoreError::throttled("reading from a busy channel", Duration::from_secs(3600)));
        }
        let reading = self.local.read(copy, range, purpose).await?;
        let mut spoilt = self.spoilt_readings.lock().unwrap();
        if *spoilt == 0 {
            return Ok(reading);
        }
        *spoilt -= 1;
        let flip = |slice: Bytes| Bytes::from(slice.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>());
        Ok(Reading::of_range(Box::pin(reading.bytes.map_ok(flip))))
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        self.local.remove(copies).await
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        self.local.probe(copy).await
    }
}

/// A film in the making, with all that lies under it.
pub(super) struct Desk {
    folder: TempDir,
    pub(super) catalog: Catalog,
    pub(super) spool: Spool,
    pub(super) store: Arc<Moody>,
    pub(super) deposit: Deposit,
    pub(super) lease: JobLease,
    pub(super) video: VideoId,
    sender: mpsc::UnboundedSender<BlobId>,
    sealed: mpsc::UnboundedReceiver<BlobId>,
}

impl Desk {
    pub(super) async fn new(replicas: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog");
        let catalog = Catalog::open(&catalog::Settings { file, readers: 1 }).unwrap();
        let settings = spool::Settings { root: folder.path().join("spool"), max_bytes: 64 * 1024 * 1024 };
        let spool = Spool::open(settings).await.unwrap();
        let local = LocalStore::open(LocalSettings { root: folder.path().join("store") }).await.unwrap();
        let store = Arc::new(Moody {
            local,
            refusing: Mutex::default(),
            dead: Mutex::default(),
            away: Mutex::default(),
            closed: Mutex::default(),
            throttled: Mutex::default(),
            spoilt_readings: Mutex::default(),
            lost_answers: Mutex::default(),
            tried: Mutex::default(),
        });
        let settings = Settings { max_blob_bytes: MAX_BLOB, replicas, parallel: 2, installation: Uuid::nil() };
        let clock = Clock::from_fn(|| NOW);
        let deposit = Deposit::new(settings, catalog.clone(), store.clone(), spool.clone(), clock);
        let source = Source::File("/film.mp4".into());
        let arrival = Arrival { source, title: "Film".into(), bytes: 1, hash: None, again: false };
        let Accepted::New(video, _) = catalog.accept(arrival, NOW).await.unwrap() else { panic!("it was known") };
        let (_, lease) =
            catalog.claim_job(JobKind::Ingest, Vec::new(), NOW, Timestamp(2_000_000)).await.unwrap().unwrap();
        catalog.begin_processing(lease, NOW).await.unwrap();
        let (sender, sealed) = mpsc::unbounded_channel();
        Self { folder, catalog, spool, store, deposit, lease, video, sender, sealed }
    }

    pub(super) async fn rendition(&self, name: &str) -> RenditionId {
        self.catalog.begin_rendition(self.lease, rendition(name)).await.unwrap().id
    }

    pub(super) async fn packer(&self, rendition: RenditionId) -> Packer {
        let (lease, video) = (self.lease, self.video);
        let settings = PackerSettings {
            lease,
            video,
            rendition,
            number: 0,
            init: b"init".to_vec(),
            timescale: 1_000,
            ramps: true,
        };
        self.deposit.packer(settings, self.sender.clone()).await.unwrap()
    }

    /// Makes a track of segments of these lengths.
    pub(super) async fn fill(&self, name: &str, lens: &[usize]) -> RenditionId {
        let rendition = self.rendition(name).await;
        let mut packer = self.packer(rendition).await;
        for (number, len) in lens.iter().enumerate() {
            packer.add(fresh(number, *len)).await.unwrap();
        }
        packer.finish().await.unwrap();
        rendition
    }

    /// Blobs that were given to the store so far.
    pub(super) fn sealed(&mut self) -> Vec<BlobId> {
        std::iter::from_fn(|| self.sealed.try_recv().ok()).collect()
    }

    pub(super) fn pack(&self, blob: BlobId) -> Vec<u8> {
        std::fs::read(self.spool.pack_path(blob)).unwrap()
    }

    pub(super) async fn store_blobs(&self, blobs: &[BlobId]) -> Result<(), DepositError> {
        let (sender, sealed) = mpsc::unbounded_channel();
        blobs.iter().for_each(|blob| sender.send(*blob).unwrap());
        drop(sender);
        let (stored, to_protect) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        self.deposit.store_all(self.lease, sealed, stored, &cancel).await?;
        self.deposit.protect_all(self.lease, to_protect, &cancel).await.map(drop)
    }

    /// The bytes of a segment, from wherever they lie now, and whether all came from the store.
    pub(super) async fn read(&self, track: &str, number: u32) -> (Vec<u8>, bool) {
        let placed = self.catalog.segment_pieces(self.video, track.into(), number).await.unwrap().unwrap();
        let (mut bytes, mut is_stored) = (Vec::new(), true);
        for piece in placed {
            let range = piece.piece.range;
            match piece.place {
                Place::Spool => {
                    is_stored = false;
                    let stream = self.spool.read_pack(piece.piece.blob, range).await.unwrap();
                    let slices: Vec<Bytes> = stream.try_collect().await.unwrap();
                    bytes.extend(slices.concat());
                }
                Place::Store(blob) => {
                    let whole = self.whole(&blob, &blob.copies[0]).await;
                    bytes.extend(&whole[range.start() as usize..range.end() as usize]);
                }
            }
        }
        (bytes, is_stored)
    }

    pub(super) async fn whole(&self, blob: &StoredBlob, copy: &Locator) -> Vec<u8> {
        let mut chunks =
            read_verified(&*self.store, copy, blob, 0..blob.chunks.len() as u64, Purpose::Deposit).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await.unwrap() {
            bytes.extend(chunk);
        }
        bytes
    }

    /// The blob's copies as they are recorded.
    pub(super) async fn copies(&self, blob: BlobId) -> Vec<CopyRecord> {
        self.catalog.blob_to_store(self.lease, blob).await.unwrap().unwrap().copies
    }

    /// Files in the store's channels.
    pub(super) fn copies_on_disk(&self) -> usize {
        let mut folders = vec![self.folder.path().join("store")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { count += 1 }
            }
        }
        count
    }
}

fn rendition(name: &str) -> NewRendition {
    NewRendition {
        number: 0,
        name: name.into(),
        generation: 1,
        kind: RenditionKind::Video,
        refines: false,
        method: Method::Copied,
        why: "players take it as it is".into(),
        codecs: "avc1.640028".into(),
        timescale: 1_000,
        target_duration: 2,
        size: None,
        frame_rate_milli: None,
        video_range: None,
        sound: None,
        language: None,
        label: None,
        is_default: true,
        forced: false,
        source_stream: None,
        reorder_delay: 0,
        planned_bandwidth: 1,
        init: b"init".to_vec(),
    }
}

pub(super) fn bytes_of(number: usize, len: usize) -> Vec<u8> {
    blake3::hash(&number.to_le_bytes()).as_bytes().iter().copied().cycle().take(len).collect()
}

/// A segment that comes in two slices.
pub(super) fn fresh(number: usize, len: usize) -> FreshSegment {
    let mut first = Bytes::from(bytes_of(number, len));
    let rest = first.split_off(len / 3);
    let start = number as u64 * 2_000;
    let (data, len) = (vec![first, rest], len as u64);
    FreshSegment { start, duration: 2_000, data, len, independent: true, key_frames: Vec::new() }
}
