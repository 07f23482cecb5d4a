//! Files on their way in: uploads as their bytes arrive, and files imported where they lie.
//!
//! `arriving` takes what comes in one piece, `continuing` what comes in several and goes on after
//! any interruption, by whoever has its `seat`; `joining` makes one of parts. All of them end in the
//! same `accept`, or in `removing`.

mod arriving;
mod beginning;
mod continuing;
mod error;
mod joining;
mod removing;
mod seat;
mod telling;
#[cfg(test)]
mod tests;
mod turn;

pub use arriving::Uploading;
pub use beginning::Begun;
pub use continuing::{Continuing, GoOn, Kept, Trust};
pub use error::UploadError;

use super::Foresight;
use crate::catalog::{Accepted, Arrival, Catalog, Source, VideoState};
use crate::clock::Clock;
use crate::events::{Event, Events, VideoChange};
use crate::jobs::Jobs;
use crate::media::id::{UploadId, VideoId};
use crate::media::title::{clean_title, title_of_file};
use crate::shutdown::Shutdown;
use crate::spool::{Spool, UploadWriter};
use seat::Seat;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use telling::Telling;
use tokio::sync::watch;
use utoipa::ToSchema;

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
    /// Whether the library had the same bytes before: `video_id` is that video, and none was added.
    pub already_in_library: bool,
}

/// What the way in is made of.
pub struct Parts {
    /// The library's records.
    pub catalog: Catalog,
    /// Where uploads lie.
    pub spool: Spool,
    /// What looks at them while they arrive.
    pub foresight: Foresight,
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
    /// How long an unfinished upload waits for its sender.
    pub expires: Duration,
}

/// The way in. Clones know the same uploads.
#[derive(Clone)]
pub struct Uploads {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Catalog,
    spool: Spool,
    foresight: Foresight,
    jobs: Jobs,
    events: Events,
    clock: Clock,
    shutdown: Shutdown,
    max_bytes: u64,
    expires: Duration,
    arriving: Mutex<HashMap<UploadId, watch::Receiver<UploadProgress>>>,
    seats: Mutex<HashMap<UploadId, Seat>>,
}

impl Uploads {
    /// The way into a library.
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, spool, foresight, jobs, events, clock, shutdown, max_bytes, expires } = parts;
        let (arriving, seats) = (Mutex::default(), Mutex::default());
        let shared =
            Shared { catalog, spool, foresight, jobs, events, clock, shutdown, max_bytes, expires, arriving, seats };
        Self { shared: Arc::new(shared) }
    }

    /// Begins an upload; `bytes_total` is what the sender announced.
    ///
    /// # Errors
    /// `TooLarge`, `Taken`, or when there is no room.
    pub async fn begin(&self, id: UploadId, bytes_total: Option<u64>) -> Result<Uploading, UploadError> {
        let Shared { catalog, clock, .. } = &*self.shared;
        self.admit(bytes_total)?;
        catalog.begin_upload(id, bytes_total, clock.now()).await?;
        self.receive(id, bytes_total).await
    }

    /// Refuses what is known to be too long.
    fn admit(&self, bytes_total: Option<u64>) -> Result<(), UploadError> {
        let limit = self.shared.max_bytes;
        if bytes_total.is_some_and(|bytes| bytes > limit) { Err(UploadError::TooLarge { limit }) } else { Ok(()) }
    }

    /// Takes in one piece an upload that has its record.
    async fn receive(&self, id: UploadId, bytes_total: Option<u64>) -> Result<Uploading, UploadError> {
        match self.shared.spool.begin_upload(id, bytes_total).await {
            Ok(writer) => {
                self.look_ahead(&writer);
                Ok(Uploading::new(Telling::begin(self, id, bytes_total, 0), writer))
            }
            Err(error) => {
                self.shared.catalog.drop_upload(id).await?;
                Err(error.into())
            }
        }
    }

    /// What is received is looked at meanwhile, from its beginning.
    fn look_ahead(&self, writer: &UploadWriter) {
        self.shared.foresight.begin(writer.path(), writer.final_path());
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
        let Some(video_id) = upload.video else {
            let bytes_received = upload.bytes_safe.unwrap_or_default();
            return Ok(Some(UploadProgress { bytes_received, ..UploadProgress::receiving(id, upload.bytes_total) }));
        };
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
            already_in_library: upload.known,
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
        let looking = self.shared.foresight.begin_tentatively(&real);
        let received = self.shared.spool.hash_file(&real).await?;
        looking.keep();
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
        let Shared { catalog, spool, foresight, jobs, events, clock, .. } = &*self.shared;
        let path = match &arrival.source {
            Source::Upload(id) => spool.upload_path(*id),
            Source::File(path) => path.clone(),
        };
        foresight.complete(&path);
        let accepted = catalog.accept(arrival, clock.now()).await;
        if let Ok(Accepted::New(video_id, _)) = accepted {
            jobs.wake();
            events.publish(Event::Video { video_id, change: VideoChange::Added });
        } else {
            foresight.forget(&path);
        }
        Ok(accepted?)
    }

    fn arriving(&self) -> MutexGuard<'_, HashMap<UploadId, watch::Receiver<UploadProgress>>> {
        self.shared.arriving.lock().expect("nothing panics while holding it")
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<UploadId, Seat>> {
        self.shared.seats.lock().expect("nothing panics while holding it")
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
            already_in_library: false,
        }
    }
}

/// The title a person gave, or one made of the file's name.
fn titled(given: Option<&str>, file_name: &str) -> String {
    given.and_then(clean_title).unwrap_or_else(|| title_of_file(file_name))
}
