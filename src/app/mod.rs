//! The only place that knows everybody: it builds the parts in order, and ends them in order.

mod lock;
mod machine;
mod memory;
mod runner;
mod stores;
mod workers;

use crate::cache::{Damage, SegmentCache};
use crate::catalog::{self, Catalog};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::deposit::{self, Deposit};
use crate::events::Events;
use crate::ffmpeg::{self, Encoder, Encoders, Ffmpeg, Preference};
use crate::http;
use crate::http::auth::AdminToken;
use crate::http::https::Transport;
use crate::http::origin::Trusted;
use crate::ingest::sidecar::Sidecars;
use crate::ingest::upload::{self, Uploads};
use crate::ingest::{Foresight, Ingest, Slots};
use crate::jobs::Jobs;
use crate::library::{self, Library};
use crate::media::plan::Policy;
use crate::shutdown::Shutdown;
use crate::spool::{self, Spool};
use crate::store::{BlobStore, LocalStore};
use crate::system::{self, System};
use crate::telegram::Fleet;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::redact::Redactor;
use crate::upkeep;
use anyhow::Context;
use lock::FolderLock;
use runner::UseCases;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How long background work may take to reach a safe point at the end.
const LAST_WAIT: Duration = Duration::from_secs(12);

/// Name of the records in the data folder.
const CATALOG: &str = "catalog.sqlite";

/// A server at work.
pub struct Running {
    /// Where it answers.
    pub address: SocketAddr,
    /// The token of commands beside it.
    pub token: String,
    server: actix_web::dev::ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    shutdown: Shutdown,
    catalog: Catalog,
    note: PathBuf,
    _lock: FolderLock,
}

/// What the parts share.
struct Base {
    catalog: Catalog,
    spool: Spool,
    ffmpeg: Ffmpeg,
    store: Arc<dyn BlobStore>,
    fleet: Fleet,
    installation: Uuid,
    events: Events,
    clock: Clock,
    shutdown: Shutdown,
}

/// Starts a server on the data folder of this configuration. With `port`, on that one instead of
/// the configured one.
///
/// # Errors
/// What a person can act on: the folder is in use, the port is taken, the catalog is damaged, …
pub async fn start(config: &Config, port: Option<u16>, redactor: &Redactor) -> anyhow::Result<Running> {
    let data_dir = std::path::absolute(&config.storage.data_dir).context("finding DATA_DIR")?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data_dir)
        .with_context(|| format!("creating DATA_DIR {}", data_dir.display()))?;
    let lock = FolderLock::take(&data_dir)?;
    let wanted = SocketAddr::new(config.server.host, port.unwrap_or(config.server.port));
    let listener = TcpListener::bind(wanted)
        .with_context(|| format!("listening on {wanted}: is something else running there? Set LOCAL_PORT"))?;
    let address = listener.local_addr().context("finding the port")?;

    let base = open(config, &data_dir).await?;
    let encoders = try_encoders(config, &base)?;
    let (cache, damage) = stores::cache(&config.cache, &data_dir, &base)?;
    let work = work(config, &base, encoders.clone(), cache.clone()).await?;
    let token = Uuid::new_v4().simple().to_string();
    redactor.keep_secret(&token);
    let parts = faces(config, &base, (encoders, cache, damage), work, &data_dir, &token)?;
    let server = http::serve(parts, listener).context("starting the web server")?;
    let handle = server.handle();
    let serving = base.shutdown.spawn("web server", server);
    let note = data_dir.join("server.json");
    write_note(&note, address, &token).context("noting where the server answers")?;
    let Base { shutdown, catalog, .. } = base;
    Ok(Running { address, token, server: handle, serving, shutdown, catalog, note, _lock: lock })
}

impl Running {
    /// Serves until a signal says stop, and then ends: answers under way are finished, jobs hand
    /// their leases back, children die.
    ///
    /// # Errors
    /// When the web server or the signals fail.
    pub async fn until_signal(self) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
        let mut this = self;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            ended = &mut this.serving => {
                ended.context("serving the web")?.context("serving the web")?;
                anyhow::bail!("the web server ended by itself");
            }
        }
        tokio::select! {
            stopped = this.stop() => stopped,
            _ = interrupt.recv() => anyhow::bail!("stopped at once; what was under way goes on at the next start"),
        }
    }

    /// Ends the server.
    ///
    /// # Errors
    /// When the catalog cannot be closed well; nothing is lost then.
    pub async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping: answers under way are finished, jobs go on at the next start");
        self.shutdown.begin();
        self.server.stop(true).await;
        self.serving.await.context("ending the web server")?.context("ending the web server")?;
        let late = self.shutdown.finish(LAST_WAIT).await;
        if !late.is_empty() {
            tracing::warn!(tasks = late.join(", "), "some tasks did not end in time");
        }
        self.catalog.checkpoint().await.context("closing the catalog")?;
        fs::remove_file(&self.note).context("removing the note of where the server answers")?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The configured bots, for a command beside the server.
///
/// # Errors
/// When what the server noted of them cannot be read, or no connection can ever be made.
pub async fn bots(config: &Config) -> anyhow::Result<Fleet> {
    let file = std::path::absolute(&config.storage.data_dir).context("finding DATA_DIR")?.join(CATALOG);
    memory::fleet_beside(&config.telegram, file).await.context("reading which bots rest")
}

async fn open(config: &Config, data_dir: &Path) -> anyhow::Result<Base> {
    let settings = catalog::Settings { file: data_dir.join(CATALOG), readers: 4 };
    refuse_orphans(&settings.file, data_dir)?;
    let catalog = tokio::task::spawn_blocking(move || Catalog::open(&settings)).await??;
    let spool =
        Spool::open(spool::Settings { root: data_dir.join("spool"), max_bytes: config.storage.spool_max_bytes })
            .await?;
    let uploads = catalog.sort_out_uploads().await?;
    let packs = catalog.sort_out_spooled().await?;
    let strays = spool.reconcile(&uploads, &packs).await?;
    if strays > 0 {
        tracing::info!(strays, "files that nobody needs any more were removed from the spool");
    }
    let (events, clock, shutdown) = (Events::new(), Clock::system(), Shutdown::new());
    let fleet = memory::fleet(&config.telegram, &catalog, &events, &clock, &shutdown).await?;
    let store = stores::open(data_dir, &fleet).await?;
    let installation = catalog.installation().await?;
    let ffmpeg = children(config, spool.work_folder())?;
    Ok(Base { catalog, spool, ffmpeg, store, fleet, installation, events, clock, shutdown })
}

/// A new catalog beside old bytes would take all of them for strays.
fn refuse_orphans(catalog: &Path, data_dir: &Path) -> anyhow::Result<()> {
    let channels = (1..=8).map(|channel| format!("channels/{channel}"));
    let folders = ["spool/uploads", "spool/packs"].map(str::to_owned).into_iter().chain(channels);
    let mut lists = folders.filter_map(|folder| fs::read_dir(data_dir.join(folder)).ok());
    if !catalog.exists() && lists.any(|mut list| list.next().is_some()) {
        anyhow::bail!(
            "{} is missing, but there are films in {}. Put the catalog back from a backup, or choose another DATA_DIR",
            catalog.display(),
            data_dir.display()
        );
    }
    Ok(())
}

/// Tries the encoders beside everything else; who needs one waits for the answer.
fn try_encoders(config: &Config, base: &Base) -> anyhow::Result<Encoders> {
    let encoders = Encoders::new(base.ffmpeg.clone(), preference(config)?);
    let (trial, end) = (encoders.clone(), base.shutdown.token());
    base.shutdown.spawn("encoder trial", async move {
        end.run_until_cancelled(trial.probe()).await;
    });
    Ok(encoders)
}

/// The owner's wishes about encoders.
///
/// # Errors
/// When `PREFERRED_ENCODER` names none.
pub fn preference(config: &Config) -> anyhow::Result<Preference> {
    let preferred: Option<Encoder> = match &config.ingest.preferred_encoder {
        Some(name) => Some(name.parse().context("reading PREFERRED_ENCODER")?),
        None => None,
    };
    Ok(Preference { hardware_enabled: config.ingest.hardware_acceleration, preferred })
}

/// ffmpeg, caged by this very program, working in an existing folder.
///
/// # Errors
/// When this program's own file cannot be found.
pub fn children(config: &Config, working_dir: PathBuf) -> anyhow::Result<Ffmpeg> {
    let cage = std::env::current_exe().context("finding this program's own file")?;
    let vaapi_device = config.ingest.vaapi_device.clone();
    let stall = config.ingest.stall_timeout;
    Ok(Ffmpeg::new(ffmpeg::Settings { vaapi_device, stall, ..ffmpeg::Settings::new(cage, working_dir) })?)
}

type Workers = (Jobs, Uploads, Sidecars);

async fn work(config: &Config, base: &Base, encoders: Encoders, cache: SegmentCache) -> anyhow::Result<Workers> {
    let Base { catalog, spool, ffmpeg, store, events, clock, shutdown, .. } = base;
    let slots = Slots::new(usize::from(config.ingest.parallel_encodes));
    let jobs = Jobs::new(workers::settings(config, &slots), catalog.clone(), events.clone(), clock.clone());
    let settings = deposit::Settings {
        max_blob_bytes: config.storage.pack_max_bytes,
        replicas: u32::from(config.storage.replicas),
        parallel: usize::from(config.telegram.upload_parallelism),
        installation: base.installation,
    };
    let deposit = Deposit::new(settings, catalog.clone(), store.clone(), spool.clone(), clock.clone());
    let foresight = Foresight::new(ffmpeg.clone(), shutdown.clone());
    let ingest = Ingest {
        policy: policy(config),
        catalog: catalog.clone(),
        ffmpeg: ffmpeg.clone(),
        encoders,
        slots,
        spool: spool.clone(),
        foresight: foresight.clone(),
        deposit: deposit.clone(),
        events: events.clone(),
        clock: clock.clone(),
    };
    let forget = runner::forgetting(base, cache);
    let replicas = u32::from(config.storage.replicas);
    let mend = upkeep::MendParts { catalog: catalog.clone(), store: store.clone(), deposit, replicas };
    let reclaimed = jobs.reclaim().await?;
    if reclaimed > 0 {
        tracing::info!(jobs = reclaimed, "jobs of a server that ended early go on");
    }
    let sidecars = sidecars(base, &ingest, &jobs);
    jobs.start(Arc::new(UseCases { ingest, forget, mend, events: events.clone() }), shutdown);
    let uploads = Uploads::new(upload::Parts {
        catalog: catalog.clone(),
        spool: spool.clone(),
        foresight,
        jobs: jobs.clone(),
        events: events.clone(),
        clock: clock.clone(),
        shutdown: shutdown.clone(),
        max_bytes: config.ingest.upload_max_bytes,
        expires: config.ingest.upload_expires,
    });
    shutdown.spawn("unfinished uploads", uploads.clone().keep_tidy(shutdown.token()));
    Ok((jobs, uploads, sidecars))
}

fn sidecars(base: &Base, ingest: &Ingest, jobs: &Jobs) -> Sidecars {
    Sidecars {
        catalog: base.catalog.clone(),
        ffmpeg: ingest.ffmpeg.clone(),
        spool: base.spool.clone(),
        jobs: jobs.clone(),
        events: base.events.clone(),
        clock: base.clock.clone(),
        shutdown: base.shutdown.clone(),
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        copy_mode: config.ingest.copy_mode,
        copy_min_bytes: config.ingest.copy_min_bytes,
        segment_s: u32::try_from(config.ingest.segment_duration.as_secs()).unwrap_or(6),
        max_blob_bytes: config.storage.pack_max_bytes,
        ladder: config.ingest.ladder.clone(),
        adaptive: config.ingest.adaptive,
        keep_original: config.ingest.keep_original,
    }
}

fn faces(
    config: &Config,
    base: &Base,
    (encoders, cache, damage): (Encoders, SegmentCache, mpsc::Receiver<Damage>),
    (jobs, uploads, sidecars): Workers,
    data_dir: &Path,
    token: &str,
) -> anyhow::Result<http::Parts> {
    let Base { catalog, spool, store, fleet, events, clock, shutdown, .. } = base;
    let alarm = Arc::new(Notify::new());
    let (missing, reports) = mpsc::channel(upkeep::MISSING_BACKLOG);
    let prober = upkeep::Prober::new(catalog.clone(), store.clone(), clock.clone(), alarm.clone());
    shutdown.spawn("search for missing copies", prober.keep(reports, shutdown.token()));
    let recording =
        upkeep::record_damage(catalog.clone(), clock.clone(), damage, alarm.clone(), missing, shutdown.token());
    shutdown.spawn("damage records", recording);
    let keeper = upkeep::Keeper {
        catalog: catalog.clone(),
        store: store.clone(),
        jobs: jobs.clone(),
        events: events.clone(),
        clock: clock.clone(),
        replicas: u32::from(config.storage.replicas),
        alarm,
    };
    shutdown.spawn("keeper", keeper.keep(shutdown.token()));
    let settings =
        library::Settings { trash_keep: config.storage.trash_keep, replicas: u32::from(config.storage.replicas) };
    let library = Library::new(catalog.clone(), jobs.clone(), events.clone(), clock.clone(), settings);
    let system = System::new(system::Parts {
        data_dir: data_dir.to_path_buf(),
        catalog: catalog.clone(),
        cache: cache.clone(),
        spool: spool.clone(),
        events: events.clone(),
        clock: clock.clone(),
        jobs: jobs.clone(),
        fleet: fleet.clone(),
        home: store.channels(),
        on_disk: LocalStore::folders(),
        replicas: u32::from(config.storage.replicas),
        shutdown: shutdown.clone(),
        encoders,
    });
    Ok(http::Parts {
        library,
        delivery: Delivery::new(catalog.clone(), cache, shutdown.clone()),
        uploads,
        sidecars,
        jobs,
        system,
        events: events.clone(),
        metrics: Metrics::new(),
        shutdown: shutdown.clone(),
        trusted: trusted(config)?,
        transport: Transport { force_https: config.server.force_https, behind_proxy: config.server.behind_proxy },
        admin: AdminToken::new(token).context("making the token of commands beside the server")?,
        limits: http::Limits { upload_max_bytes: config.ingest.upload_max_bytes },
        workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        settings: machine::settings(&config.server)?,
    })
}

/// Who beside our own pages may read and write.
fn trusted(config: &Config) -> anyhow::Result<Trusted> {
    let origins = config.server.cors.iter().map(|origin| origin.parse()).collect::<Result<_, _>>();
    Ok(Trusted { origins: origins.context("reading CORS_ALLOWED_ORIGINS")? })
}

fn write_note(note: &Path, address: SocketAddr, token: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(note)?;
    writeln!(file, "{}", serde_json::json!({ "address": address.to_string(), "token": token }))?;
    Ok(())
}
