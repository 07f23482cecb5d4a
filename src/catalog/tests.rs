//! Facts about the library's records, told through the operations everybody else uses, on a
//! database in a temporary folder. The films here have no bytes: only what is said of them.

mod affected;
mod arrivals;
mod crowd;
mod doubts;
mod fences;
mod jobs;
mod key_frames;
mod list;
mod litter;
mod opening;
mod playback;
mod refined;
mod resumables;
mod search;
mod segments;
mod settling;
mod sidecars;
mod size;
mod tallies;
mod trash;
mod turns;
mod unseen;

use super::*;
use crate::media::extent::{ChannelId, Hash, Locator};
use crate::media::id::{BlobId, RenditionId, VideoId};
use crate::media::key_frame::KeyFrame;
use crate::media::range::ByteRange;
use crate::media::rendition::{Method, RenditionKind};
use crate::media::time::Timestamp;
use rusqlite::Connection;
use std::ops::Range;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000_000);

/// When leases end that were taken at `NOW`.
const LEASE_END: Timestamp = Timestamp(1_060_000);

/// Bytes of a segment, and ticks it lasts.
const SEGMENT: (u64, u32) = (1_000, 2_000);

/// A catalog on a disk of its own.
struct Shelf {
    folder: TempDir,
    catalog: Catalog,
}

/// A film in the making, with one planned track.
#[derive(Clone, Copy)]
struct Film {
    video: VideoId,
    lease: JobLease,
    rendition: RenditionId,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&settings(&folder)).unwrap();
        Self { folder, catalog }
    }

    /// The database, to look at rows behind the catalog's back.
    fn rows(&self) -> Connection {
        Connection::open(settings(&self.folder).file).unwrap()
    }

    async fn accept(&self, arrival: Arrival, now: Timestamp) -> VideoId {
        match self.catalog.accept(arrival, now).await.unwrap() {
            Accepted::New(video, _) => video,
            Accepted::Known(_) => panic!("it was known"),
        }
    }

    async fn arrive(&self, title: &str) -> VideoId {
        self.accept(arrival(title), NOW).await
    }

    /// Claims the next job that is due at `now`.
    async fn claim(&self, now: Timestamp) -> Option<(JobRecord, JobLease)> {
        for kind in [JobKind::Ingest, JobKind::Forget] {
            let claimed = self.catalog.claim_job(kind, Vec::new(), now, Timestamp(now.0 + 60_000)).await.unwrap();
            if claimed.is_some() {
                return claimed;
            }
        }
        None
    }

    /// A film of one planned track that lists nothing yet. No other job may be due.
    async fn growing(&self, title: &str) -> Film {
        let video = self.arrive(title).await;
        let (job, lease) = self.claim(NOW).await.unwrap();
        assert_eq!(job.video, video);
        let shown = Shown { tracks: 1, duration_ms: Some(4_000), size: Some((640, 360)) };
        self.catalog.begin_processing(lease, NOW).await.unwrap();
        self.catalog.record_plan(lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
        let rendition = self.catalog.begin_rendition(lease, track("v0")).await.unwrap().id;
        Film { video, lease, rendition }
    }

    /// Lists segments in one pack that is complete with them.
    async fn add_pack(&self, film: Film, segments: Range<u32>) -> BlobId {
        let number = self.catalog.next_pack_number(film.rendition).await.unwrap();
        let blob = self.catalog.open_pack(film.lease, film.rendition, number).await.unwrap();
        let len = SEGMENT.0 * u64::from(segments.end - segments.start);
        let growth =
            Growth { segments: segments_in(blob, segments), sealed: vec![sealed(blob, len)], ..Growth::default() };
        self.catalog.grow(film.lease, film.rendition, growth).await.unwrap();
        blob
    }

    /// Gives a sealed blob a verified copy.
    async fn store(&self, lease: JobLease, blob: BlobId, copy: u32) -> Locator {
        let locator = Locator(format!("local:{}/{}", copy + 1, blob));
        let channel = ChannelId((copy + 1).to_string());
        let nonce = self.catalog.intend_copy(lease, blob, copy, channel, NOW).await.unwrap().nonce;
        self.catalog.copy_sent(lease, blob, nonce, locator.clone(), NOW).await.unwrap();
        self.catalog.copy_verified(lease, blob, nonce, NOW).await.unwrap();
        locator
    }

    /// Stores what is sealed and makes the film ready.
    async fn finish(&self, film: Film) -> VideoId {
        for blob in self.catalog.sealed_blobs(film.lease).await.unwrap() {
            self.store(film.lease, blob, 0).await;
        }
        let measured = Measured { peak: 2_000_000, average: 1_000_000, i_frames: None };
        self.catalog.finish_rendition(film.lease, film.rendition, measured).await.unwrap();
        self.catalog.publish(film.lease, false, NOW).await.unwrap();
        self.catalog.settle_job(film.lease, Settlement::Done, NOW).await.unwrap();
        film.video
    }

    /// A film of two segments that is ready. No other job may be due.
    async fn ready(&self, title: &str) -> VideoId {
        let film = self.growing(title).await;
        self.add_pack(film, 0..2).await;
        self.finish(film).await
    }

    async fn video(&self, id: VideoId) -> Video {
        self.catalog.video(id, 1).await.unwrap().unwrap()
    }
}

fn settings(folder: &TempDir) -> Settings {
    Settings { file: folder.path().join("catalog.db"), readers: 2 }
}

/// A file of the person's own whose bytes nobody hashed.
fn arrival(title: &str) -> Arrival {
    let source = Source::File(PathBuf::from(format!("/films/{title}.mp4")));
    Arrival { source, title: title.into(), bytes: 5_000, hash: None, again: false }
}

fn hash(of: &str) -> Hash {
    Hash(*blake3::hash(of.as_bytes()).as_bytes())
}

fn track(name: &str) -> NewRendition {
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
        size: Some((640, 360)),
        frame_rate_milli: Some(25_000),
        video_range: None,
        sound: None,
        language: None,
        label: None,
        is_default: true,
        forced: false,
        source_stream: None,
        reorder_delay: 0,
        planned_bandwidth: 3_000_000,
        init: b"init".to_vec(),
    }
}

/// Segments back to back from the first byte of a blob.
fn segments_in(blob: BlobId, numbers: Range<u32>) -> Vec<NewSegment> {
    let first = numbers.start;
    let segment = |number: u32| NewSegment {
        number,
        start: u64::from(number) * u64::from(SEGMENT.1),
        duration: SEGMENT.1,
        independent: true,
        pieces: vec![piece(blob, u64::from(number - first) * SEGMENT.0, SEGMENT.0)],
        key_frames: vec![key_frame(number)],
    };
    numbers.map(segment).collect()
}

/// The one a segment begins with, shown 80 ms after it is decoded.
fn key_frame(number: u32) -> KeyFrame {
    KeyFrame { offset: 0, len: 400, start: i64::from(number) * i64::from(SEGMENT.1) + 80 }
}

fn piece(blob: BlobId, start: u64, len: u64) -> NewPiece {
    NewPiece { blob, range: ByteRange::at(start, len).unwrap() }
}

fn sealed(blob: BlobId, len: u64) -> SealedBlob {
    SealedBlob { blob, len, hash: hash("whole"), chunks: vec![hash("chunk")] }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, CatalogError>) -> &'static str {
    match answer {
        Err(CatalogError::NotAllowed(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}
