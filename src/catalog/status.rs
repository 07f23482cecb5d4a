//! Counts of the library, kept by triggers: the same cost at any size.

use super::{Catalog, CatalogError};
use serde::Serialize;
use utoipa::ToSchema;

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Videos outside the trash.
    pub videos: u64,
    /// Waiting for their ingest.
    pub received: u64,
    /// Being prepared.
    pub processing: u64,
    /// Stored and verified.
    pub ready: u64,
    /// Could not be prepared.
    pub failed: u64,
    /// In the trash.
    pub trashed: u64,
    /// Stored blobs.
    pub blobs: u64,
    /// Bytes of stored blobs, one copy each.
    pub bytes: u64,
}

impl Catalog {
    /// How much there is.
    pub async fn counts(&self) -> Result<Counts, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut counts = Counts::default();
                let mut statement = tx.prepare_cached("SELECT name, value FROM tallies")?;
                let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
                for row in rows {
                    let (name, value) = row?;
                    match name.as_str() {
                        "received" => counts.received = value,
                        "processing" => counts.processing = value,
                        "ready" => counts.ready = value,
                        "failed" => counts.failed = value,
                        "trashed" => counts.trashed = value,
                        "blobs" => counts.blobs = value,
                        "bytes" => counts.bytes = value,
                        _ => {}
                    }
                }
                counts.videos = counts.received + counts.processing + counts.ready + counts.failed;
                Ok(counts)
            })
            .await
    }
}
