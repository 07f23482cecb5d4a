//! The library's records, the only place with SQL.
//!
//! Every public method is a *domain operation* and exactly one transaction; no caller sees a
//! connection, a row or SQL. Nothing here does I/O beyond the database, and time enters as an
//! argument. Work done for a job passes its `JobLease`: once the lease is lost, every such
//! operation answers `CatalogError::LeaseLost` and changes nothing.

mod affected;
mod blobs;
mod bots;
mod copies;
mod doubts;
mod download;
mod jobs;
mod key_frames;
mod list;
mod litter;
mod mend;
mod migrate;
mod missed;
mod playback;
mod posters;
mod publish;
mod renditions;
mod resumables;
mod segments;
mod shares;
mod sidecars;
mod sqlite;
mod status;
mod superseded;
#[cfg(test)]
mod tests;
mod trash;
mod turns;
mod unseen;
mod uploads;
mod videos;

pub use affected::{AffectedVideo, Unreadable};
pub use blobs::{FilledPack, PackInMaking, PackLength, SealedBlob};
pub use bots::{SavedPace, SavedRest};
pub use copies::{BlobToStore, CopyRecord, CopyState, Intent};
pub use doubts::Doubt;
pub use download::{KeptOriginal, WholeTrack};
pub use jobs::{JobKind, JobLease, JobRecord, JobState, Progress, Settlement};
pub use key_frames::KeyFrames;
pub use list::{Cursor, Sort, VideoPage, VideoQuery};
pub use litter::NotRemoved;
pub use mend::{Moving, Wanted};
pub use missed::ToProbe;
pub use playback::{SegmentRow, TrackPlaylist, Tracks};
pub use posters::Posters;
pub use renditions::{Measured, NewRendition, Rendition};
pub use resumables::{Beginning, Labels, Resumable, ResumableKind};
pub use segments::{Growth, NewPiece, NewSegment, Resume};
pub use shares::Shares;
pub use sidecars::{NewSidecar, Sidecar};
pub use status::Counts;
pub use superseded::Superseded;
pub use trash::DoomedBlob;
pub use turns::Outranked;
pub use unseen::Rival;
pub use uploads::{Accepted, Arrival, UploadRecord};
pub use videos::{Changes, Refinement, Shown, Source, Video, VideoState};

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the catalog lies.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database file; its folder must exist.
    pub file: PathBuf,
    /// Connections that only read, at least 1.
    pub readers: usize,
}

/// A cheap handle on the library's records.
#[derive(Clone)]
pub struct Catalog {
    sqlite: Arc<sqlite::Sqlite>,
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The job's lease is gone: stop and touch nothing.
    #[error("the job's lease was lost")]
    LeaseLost,
    /// The state of the record does not allow this now.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// The database file cannot be used as it is.
    #[error("the catalog {} cannot be opened: {reason}", file.display())]
    Unusable {
        /// The database file.
        file: PathBuf,
        /// What is wrong and the way out.
        reason: String,
    },
    /// The disk has no room for the write; nothing was changed.
    #[error("the disk that holds the catalog is full")]
    DiskFull,
    /// The database engine failed.
    #[error("the catalog failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The catalog was closed while the operation waited.
    #[error("the catalog is closed")]
    Closed,
}

impl Catalog {
    /// Opens the catalog, creating or migrating it. Blocks: call it before serving.
    ///
    /// # Errors
    /// `Unusable` when the file is damaged or was written by a newer version. It is never
    /// re-created silently.
    pub fn open(settings: &Settings) -> Result<Self, CatalogError> {
        Ok(Self { sqlite: Arc::new(sqlite::Sqlite::open(settings)?) })
    }

    /// A number that is another one after every commit, before its caller hears of it. What was
    /// read after asking for it holds for as long as it stays the same, without reading again.
    pub fn version(&self) -> u64 {
        self.sqlite.version()
    }

    /// Folds the write-ahead log into the database file, at the end of the process.
    pub async fn checkpoint(&self) -> Result<(), CatalogError> {
        self.sqlite.checkpoint().await
    }
}

impl CatalogError {
    fn unusable(file: &Path, reason: impl Into<String>) -> Self {
        Self::Unusable { file: file.to_path_buf(), reason: reason.into() }
    }

    fn damaged(file: &Path, error: &rusqlite::Error) -> Self {
        Self::unusable(file, format!("{error}. Restore it from a backup, or move it away to begin a new library"))
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => Self::Engine(Box::new(error)),
        }
    }
}
