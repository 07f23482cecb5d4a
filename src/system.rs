//! What the owner sees of the running server: how it is, what it works on, what it uses.
//!
//! Reading all of it costs the same in a library of any size, as a page asks every two seconds.

mod affected;
mod bots;
mod process;

pub use affected::{Affected, AffectedView};
pub use bots::{BotReason, BotState, BotTests, BotView, Bots, BotsError, MovesQueued, StoreKind};

use crate::cache::{SegmentCache, SlabStats, Stats};
use crate::catalog::{Catalog, CatalogError, Counts, JobKind, JobRecord, JobState};
use crate::clock::Clock;
use crate::events::{Event, Events};
use crate::ffmpeg::{EncoderReport, Encoders};
use crate::jobs::Jobs;
use crate::media::extent::ChannelId;
use crate::shutdown::Shutdown;
use crate::spool::Spool;
use crate::telegram::Fleet;
use crate::telemetry::metrics::Metrics;
use process::Meter;
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most jobs that are shown.
const MAX_JOBS: u32 = 200;

/// A cheap handle.
#[derive(Clone)]
pub struct System {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    began: Instant,
    meter: Mutex<Meter>,
    exported: Mutex<Stats>,
    /// Held while the bots are tested.
    testing: Arc<tokio::sync::Mutex<()>>,
}

/// What the system looks at.
pub struct Parts {
    /// Folder of everything the server keeps.
    pub data_dir: PathBuf,
    /// Its records.
    pub catalog: Catalog,
    /// Its memory.
    pub cache: SegmentCache,
    /// Its spool.
    pub spool: Spool,
    /// What is told when the owner changes something.
    pub events: Events,
    /// Its clock.
    pub clock: Clock,
    /// Who does what is queued.
    pub jobs: Jobs,
    /// The bots; none with the local store.
    pub fleet: Fleet,
    /// The channels of the store in use.
    pub home: Vec<ChannelId>,
    /// The channels that are folders of this machine: they can be read whatever happens to a bot.
    pub on_disk: Vec<ChannelId>,
    /// Verified copies wanted of everything.
    pub replicas: u32,
    /// The end of the program.
    pub shutdown: Shutdown,
    /// Those that work on this machine.
    pub encoders: Encoders,
}

/// An encoder of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Encoder {
    /// What it is called: `software`, or a kind of hardware such as `vaapi`.
    pub name: &'static str,
    /// Whether a trial picture came out.
    pub works: bool,
    /// Whether its device decodes, too; else frames are decoded in memory and sent up.
    pub decodes: bool,
    /// Why it does not work, in words.
    pub why_not: Option<String>,
    /// Whether it is the one in use.
    pub chosen: bool,
}

/// How the server is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// Seconds since it was started.
    pub uptime_seconds: u64,
    /// Memory it holds now (resident set), in bytes.
    pub memory_bytes: u64,
    /// Processors it keeps busy: 1 is one processor, 0.5 half of one.
    pub cpu_fraction: f64,
    /// The disk under its data folder.
    pub disk: Disk,
    /// What waits on that disk to be stored.
    pub spool: SpoolUsage,
    /// Work that is not over, oldest first, at most 200 jobs.
    pub jobs: Vec<OpenJob>,
    /// How much there is.
    pub counts: Counts,
    /// The encoders that were tried, best first; empty until the trial is over.
    pub encoders: Vec<Encoder>,
}

/// The disk under the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Disk {
    /// Bytes that the server may still use.
    pub free_bytes: u64,
    /// Size in bytes.
    pub total_bytes: u64,
}

/// What the spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpoolUsage {
    /// Bytes of uploads, arrived and announced.
    pub uploads_bytes: u64,
    /// Bytes of packs that are not stored yet.
    pub packs_bytes: u64,
    /// The budget for both.
    pub max_bytes: u64,
}

/// A job that is not over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OpenJob {
    /// Its number.
    pub id: i64,
    /// What it does.
    #[schema(value_type = String, example = "ingest")]
    pub kind: JobKind,
    /// To which video.
    pub video_id: Uuid,
    /// That video's title.
    pub title: String,
    /// Where in its life it is.
    #[schema(value_type = String, example = "running")]
    pub state: JobState,
    /// What it does now, in one word.
    pub stage: String,
    /// 0 to 1; null when the length is not known.
    pub fraction: Option<f64>,
    /// Times playing speed.
    pub speed: Option<f64>,
    /// Seconds left.
    pub eta_seconds: Option<u64>,
    /// Why it waits.
    pub error: Option<String>,
}

/// What the cache of segments did since the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct CacheStats {
    /// Chunks found in memory.
    pub hits: u64,
    /// Chunks that were not there.
    pub misses: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// Most bytes there may be.
    pub max_bytes: u64,
    /// Chunks that made room for others.
    pub evictions: u64,
    /// Hits per chunk asked for, 0 to 1; 0 before the first.
    pub hit_rate: f64,
    /// Chunks in memory.
    pub entries: u64,
    /// What was brought before anybody asked.
    pub ahead: ReadAheadStats,
    /// What lies on disk, where segments are kept there (`CACHE_DISK_SIZE`).
    pub disk: Option<DiskCacheStats>,
}

/// Chunks that were brought because a player was likely to ask for them next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReadAheadStats {
    /// All of them.
    pub brought: u64,
    /// Those that somebody asked for afterwards.
    pub useful: u64,
    /// Those that were gone from memory and disk before anybody asked.
    pub wasted: u64,
}

/// What the disk below the memory did since the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct DiskCacheStats {
    /// Chunks found there, of those that were not in memory.
    pub hits: u64,
    /// Bytes there.
    pub bytes: u64,
    /// Most bytes there may be.
    pub max_bytes: u64,
    /// Chunks that made room for others.
    pub evictions: u64,
    /// Chunks that were not kept because the disk was slower than the store.
    pub left_out: u64,
    /// Chunks there.
    pub entries: u64,
}

impl From<SlabStats> for DiskCacheStats {
    fn from(stats: SlabStats) -> Self {
        let SlabStats { hits, entries, bytes, max_bytes, evictions, left_out } = stats;
        Self { hits, bytes, max_bytes, evictions, left_out, entries }
    }
}

impl System {
    /// Starts to count the time.
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            parts,
            began: Instant::now(),
            meter: Mutex::new(Meter::start()),
            exported: Mutex::new(Stats::default()),
            testing: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How the server is now.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn status(&self) -> Result<Status, CatalogError> {
        let parts = &self.inner.parts;
        let jobs = parts.catalog.open_jobs(parts.clock.now(), MAX_JOBS).await?;
        let counts = parts.catalog.counts().await?;
        let usage = parts.spool.usage();
        let machine = process::look(parts.data_dir.clone()).await;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.inner.began.elapsed().as_secs(),
            memory_bytes: machine.memory_bytes,
            cpu_fraction: self.inner.meter.lock().expect("nothing panics while holding it").read(),
            disk: machine.disk,
            spool: SpoolUsage {
                uploads_bytes: usage.uploads_bytes,
                packs_bytes: usage.packs_bytes,
                max_bytes: usage.max_bytes,
            },
            jobs: jobs.into_iter().map(OpenJob::from).collect(),
            counts,
            encoders: encoders(&parts.encoders.reports()),
        })
    }

    /// Whether the records answer.
    ///
    /// # Errors
    /// When they do not.
    pub async fn check(&self) -> Result<(), CatalogError> {
        self.inner.parts.catalog.counts().await.map(drop)
    }

    /// What the cache of segments did.
    pub fn cache_stats(&self) -> CacheStats {
        let stats = self.inner.parts.cache.stats();
        let asked = stats.hits + stats.misses;
        CacheStats {
            hits: stats.hits,
            misses: stats.misses,
            bytes: stats.bytes,
            max_bytes: stats.max_bytes,
            evictions: stats.evictions,
            hit_rate: if asked == 0 { 0.0 } else { stats.hits as f64 / asked as f64 },
            entries: stats.entries,
            ahead: ReadAheadStats {
                brought: stats.ahead.brought,
                useful: stats.ahead.useful,
                wasted: stats.ahead.wasted,
            },
            disk: stats.disk.map(Into::into),
        }
    }

    /// Tries the encoders anew. A trial that has begun goes on to its end when nobody waits for it any more.
    pub async fn probe_encoders(&self) -> Vec<Encoder> {
        let known = self.inner.parts.encoders.clone();
        let trial = self.inner.parts.shutdown.spawn("encoder trial", async move { known.probe().await });
        let reports = trial.await.unwrap_or_default();
        self.inner.parts.events.publish(Event::System);
        encoders(&reports)
    }

    /// Empties the cache of segments. The next ones come from the store.
    ///
    /// # Errors
    /// When its room on disk cannot be given back.
    pub async fn clear_cache(&self) -> io::Result<()> {
        let cleared = self.inner.parts.cache.clear().await;
        self.inner.parts.events.publish(Event::System);
        cleared
    }

    /// Brings the numbers up to date that nobody counts as they change.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn measure(&self, metrics: &Metrics) -> Result<(), CatalogError> {
        let parts = &self.inner.parts;
        let jobs = parts.catalog.open_jobs(parts.clock.now(), MAX_JOBS).await?;
        for state in JobState::ALL.into_iter().filter(|state| !state.is_over()) {
            let count = jobs.iter().filter(|job| job.state == state).count();
            metrics.set_jobs(state.text(), i64::try_from(count).unwrap_or(i64::MAX));
        }
        for (name, count) in parts.shutdown.running() {
            metrics.set_tasks(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        bots::measure(&parts.fleet, metrics);
        let now = parts.cache.stats();
        let mut before = self.inner.exported.lock().expect("nothing panics while holding it");
        metrics.cache_hits.inc_by(now.hits.saturating_sub(before.hits));
        metrics.cache_misses.inc_by(now.misses.saturating_sub(before.misses));
        metrics.cache_bytes.set(i64::try_from(now.bytes).unwrap_or(i64::MAX));
        metrics.cache_ahead_useful.inc_by(now.ahead.useful.saturating_sub(before.ahead.useful));
        metrics.cache_ahead_wasted.inc_by(now.ahead.wasted.saturating_sub(before.ahead.wasted));
        let (disk, disk_before) = (now.disk.unwrap_or_default(), before.disk.unwrap_or_default());
        metrics.cache_disk_hits.inc_by(disk.hits.saturating_sub(disk_before.hits));
        metrics.cache_disk_bytes.set(i64::try_from(disk.bytes).unwrap_or(i64::MAX));
        *before = now;
        Ok(())
    }
}

/// The first one that works is in use.
fn encoders(reports: &[EncoderReport]) -> Vec<Encoder> {
    let chosen = reports.iter().position(|report| report.works);
    let shown = reports.iter().enumerate().map(|(at, report)| Encoder {
        name: report.encoder.name(),
        works: report.works,
        decodes: report.decodes,
        why_not: report.why_not.clone(),
        chosen: chosen == Some(at),
    });
    shown.collect()
}

impl From<JobRecord> for OpenJob {
    fn from(job: JobRecord) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind,
            video_id: job.video.0,
            title: job.title,
            state: job.state,
            stage: job.progress.stage,
            fraction: job.progress.fraction,
            speed: job.progress.speed,
            eta_seconds: job.progress.eta_s,
            error: job.error,
        }
    }
}
