//! Files on their way in: uploads as their bytes arrive, and files imported where they lie.

use crate::catalog::{Accepted, Arrival, Catalog, CatalogError, Source, VideoState};
use crate::clock::Clock;
use crate::events::{Event, Events, UploadState as Told, VideoChange};
use crate::jobs::Jobs;
use crate::media::id::{UploadId, VideoId};
use crate::media::title::{clean_title, title_of_file};
use crate::shutdown::Shutdown;
use crate::spool::{Spool, SpoolError, UploadWriter};
use bytes::Bytes;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use utoipa::ToSchema;

/// How often listeners hear of an upload's progress.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Where an upload is in its life, the ingest of its video included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Bytes arrive.
    Receiving,
    /// All bytes are here and safe.
    Received,
    /// The video is being prepared.
    Processing,
    /// The video is ready.
    Ready,
    /// The video could not be prepared.
    Failed,
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UploadProgress {
    /// Which one.
    #[schema(value_type = uuid::Uuid)]
    pub upload_id: UploadId,
    /// The video it became, once it was received.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub video_id: Option<VideoId>,
    /// Where it is in its life.
    pub state: UploadState,
    /// Bytes that arrived.
    pub bytes_received: u64,
    /// Bytes that will have arrived, if announced.
    pub bytes_total: Option<u64>,
    /// Average rate while it arrives.
    pub bytes_per_second: Option<u64>,
    /// Seconds left of the present state.
    pub eta_seconds: Option<u64>,
    /// What is done with the video now.
    pub stage: String,
    /// How far that is, 0 to 1.
    pub fraction: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is larger than the owner allows.
    #[error("the file is larger than the {limit} bytes that MAX_UPLOAD_SIZE allows")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The upload's id is in use.
    #[error("an upload with this id exists already: choose a new Upload-Id")]
    Taken,
    /// The file cannot be imported.
    #[error("{0}")]
    NotAFile(String),
    /// The spool has no room, or its disk failed.
    #[error("keeping the file's bytes")]
    Spool(#[source] SpoolError),
    /// The catalog failed.
    #[error("recording the file")]
    Catalog(#[source] CatalogError),
}

/// What the way in is made of.
pub struct Parts {
    /// The library's records.
    pub catalog: Catalog,
    /// Where uploads lie.
    pub spool: Spool,
    /// Who is woken when a file is here.
    pub jobs: Jobs,
    /// Who is told.
    pub events: Events,
    /// The time of day.
    pub clock: Clock,
    /// Where what a broken upload leaves to do is done.
    pub shutdown: Shutdown,
    /// Largest file in bytes.
    pub max_bytes: u64,
}

/// The way in. Clones know the same uploads.
#[derive(Clone)]
pub struct Uploads {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Catalog,
    spool: Spool,
    jobs: Jobs,
    events: Events,
    clock: Clock,
    shutdown: Shutdown,
    max_bytes: u64,
    arriving: Mutex<HashMap<UploadId, watch::Receiver<UploadProgress>>>,
}

/// An upload whose bytes arrive. Dropped before its end, it leaves neither bytes nor a record.
pub struct Uploading {
    uploads: Uploads,
    id: UploadId,
    writer: Option<UploadWriter>,
    progress: watch::Sender<UploadProgress>,
    begun: Instant,
    told: Instant,
    /// Whether it would leave a record behind if it ended now.
    broken: bool,
}

impl Uploads {
    /// The way into a library.
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, spool, jobs, events, clock, shutdown, max_bytes } = parts;
        let arriving = Mutex::new(HashMap::new());
        Self { shared: Arc::new(Shared { catalog, spool, jobs, events, clock, shutdown, max_bytes, arriving }) }
    }

    /// Begins an upload; `bytes_total` is what the sender announced.
    ///
    /// # Errors
    /// `TooLarge`, `Taken`, or when there is no room.
    pub async fn begin(&self, id: UploadId, bytes_total: Option<u64>) -> Result<Uploading, UploadError> {
        let Shared { catalog, spool, max_bytes, clock, .. } = &*self.shared;
        if bytes_total.is_some_and(|bytes| bytes > *max_bytes) {
            return Err(UploadError::TooLarge { limit: *max_bytes });
        }
        catalog.begin_upload(id, bytes_total, clock.now()).await?;
        let writer = match spool.begin_upload(id, bytes_total).await {
            Ok(writer) => writer,
            Err(error) => {
                catalog.drop_upload(id).await?;
                return Err(error.into());
            }
        };
        let (progress, watched) = watch::channel(UploadProgress::receiving(id, bytes_total));
        self.arriving().insert(id, watched);
        let now = Instant::now();
        Ok(Uploading { uploads: self.clone(), id, writer: Some(writer), progress, begun: now, told: now, broken: true })
    }

    /// Follows an upload while its bytes arrive; `None` before and after.
    pub fn watch(&self, id: UploadId) -> Option<watch::Receiver<UploadProgress>> {
        self.arriving().get(&id).cloned()
    }

    /// How far an upload is, from its first byte to the ready video; `None` for an unknown one.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn progress(&self, id: UploadId) -> Result<Option<UploadProgress>, UploadError> {
        if let Some(watched) = self.watch(id) {
            return Ok(Some(watched.borrow().clone()));
        }
        let Some(upload) = self.shared.catalog.upload(id).await? else { return Ok(None) };
        let Some(video_id) = upload.video else { return Ok(Some(UploadProgress::receiving(id, upload.bytes_total))) };
        let Some(video) = self.shared.catalog.video(video_id, 1).await? else { return Ok(None) };
        let state = match video.state {
            VideoState::Received => UploadState::Received,
            VideoState::Processing => UploadState::Processing,
            VideoState::Ready => UploadState::Ready,
            VideoState::Failed => UploadState::Failed,
        };
        Ok(Some(UploadProgress {
            video_id: Some(video_id),
            state,
            bytes_received: video.source_bytes,
            bytes_total: Some(video.source_bytes),
            eta_seconds: video.eta_s,
            stage: video.stage,
            fraction: video.fraction,
            error: video.error,
            ..UploadProgress::receiving(id, None)
        }))
    }

    /// Takes a file that lies on this machine, without copying it.
    ///
    /// # Errors
    /// `NotAFile` when it cannot be read or is no regular file.
    pub async fn import(&self, path: &Path, title: Option<&str>, again: bool) -> Result<Accepted, UploadError> {
        let refuse = |why: &str| UploadError::NotAFile(format!("{} {why}", path.display()));
        if !path.is_absolute() {
            return Err(refuse("is not an absolute path"));
        }
        let real =
            tokio::fs::canonicalize(path).await.map_err(|error| refuse(&format!("cannot be opened: {error}")))?;
        let found = tokio::fs::metadata(&real).await.map_err(|error| refuse(&format!("cannot be opened: {error}")))?;
        if !found.is_file() {
            return Err(refuse("is not a regular file"));
        }
        let received = self.shared.spool.hash_file(&real).await?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let arrival = Arrival {
            source: Source::File(real),
            title: titled(title, &name),
            bytes: received.bytes,
            hash: Some(received.hash),
            again,
        };
        self.accept(arrival).await
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, UploadError> {
        let Shared { catalog, jobs, events, clock, .. } = &*self.shared;
        let accepted = catalog.accept(arrival, clock.now()).await?;
        if let Accepted::New(video_id, _) = accepted {
            jobs.wake();
            events.publish(Event::Video { video_id, change: VideoChange::Added });
        }
        Ok(accepted)
    }

    fn arriving(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, watch::Receiver<UploadProgress>>> {
        self.shared.arriving.lock().expect("nothing panics while holding it")
    }
}

impl Uploading {
    /// Takes the next bytes; waits while the disk is behind.
    ///
    /// # Errors
    /// `TooLarge` past the limit, or when there is no room any more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let limit = self.uploads.shared.max_bytes;
        let Some(writer) = &mut self.writer else { return Err(UploadError::Taken) };
        if writer.received() + bytes.len() as u64 > limit {
            return Err(UploadError::TooLarge { limit });
        }
        writer.write(bytes).await?;
        let received = writer.received();
        let rate = received as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        self.progress.send_modify(|progress| {
            progress.bytes_received = received;
            progress.bytes_per_second = Some(rate as u64);
            progress.eta_seconds =
                progress.bytes_total.map(|total| (total.saturating_sub(received) as f64 / rate.max(1.0)).ceil() as u64);
            progress.fraction = progress.bytes_total.map(|total| (received as f64 / total.max(1) as f64).min(1.0));
        });
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.tell(Told::Receiving);
        }
        Ok(())
    }

    /// Ends the upload: its bytes are synced and it becomes a video with a queued ingest. The same
    /// bytes as a video's that is there already are let go, unless `again`.
    ///
    /// # Errors
    /// When the disk or the catalog fails; nothing is left then.
    pub async fn finish(self, name: &str, title: Option<&str>, again: bool) -> Result<Accepted, UploadError> {
        let title = titled(title, name);
        // A task of its own: a sender that hangs up after the last byte does not tear this.
        let shutdown = self.uploads.shared.shutdown.clone();
        let ending = shutdown.spawn("finish an upload", self.end(title, again));
        ending.await.map_err(|_| UploadError::Catalog(CatalogError::Closed))?
    }

    async fn end(mut self, title: String, again: bool) -> Result<Accepted, UploadError> {
        let Some(writer) = self.writer.take() else { return Err(UploadError::Taken) };
        self.broken = true;
        let received = writer.finish().await?;
        let arrival =
            Arrival { source: Source::Upload(self.id), title, bytes: received.bytes, hash: Some(received.hash), again };
        let accepted = self.uploads.accept(arrival).await;
        self.broken = accepted.is_err();
        match &accepted {
            Ok(Accepted::New(..)) => self.tell(Told::Received),
            Ok(Accepted::Known(_)) => self.uploads.shared.spool.remove_upload(self.id).await?,
            Err(_) => self.uploads.shared.spool.remove_upload(self.id).await?,
        }
        accepted
    }

    fn tell(&self, state: Told) {
        let (bytes_received, bytes_total) = {
            let progress = self.progress.borrow();
            (progress.bytes_received, progress.bytes_total)
        };
        self.uploads.shared.events.publish(Event::Upload { upload_id: self.id, state, bytes_received, bytes_total });
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        self.uploads.arriving().remove(&self.id);
        if self.broken {
            self.tell(Told::Failed);
            let (catalog, id) = (self.uploads.shared.catalog.clone(), self.id);
            self.uploads.shared.shutdown.spawn("forget a broken upload", async move {
                if let Err(error) = catalog.drop_upload(id).await {
                    // The next start removes it.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a broken upload was not forgotten");
                }
            });
        }
    }
}

impl UploadProgress {
    fn receiving(upload_id: UploadId, bytes_total: Option<u64>) -> Self {
        Self {
            upload_id,
            video_id: None,
            state: UploadState::Receiving,
            bytes_received: 0,
            bytes_total,
            bytes_per_second: None,
            eta_seconds: None,
            stage: "receiving".into(),
            fraction: None,
            error: None,
        }
    }
}

/// The title a person gave, or one made of the file's name.
fn titled(given: Option<&str>, file_name: &str) -> String {
    given.and_then(clean_title).unwrap_or_else(|| title_of_file(file_name))
}

impl From<SpoolError> for UploadError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Taken(_) => Self::Taken,
            other => Self::Spool(other),
        }
    }
}

impl From<CatalogError> for UploadError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotAllowed(_) => Self::Taken,
            other => Self::Catalog(other),
        }
    }
}
