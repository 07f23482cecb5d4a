//! The end of an ingest: what was made is measured, checked as a whole and published.

use super::{Ingest, IngestError};
use crate::catalog::{JobLease, Measured, Rendition};
use crate::media::playlist::bandwidth;

/// Measures a rendition's rates from its bytes and marks it finished.
pub(super) async fn finish(ingest: &Ingest, lease: JobLease, rendition: &Rendition) -> Result<(), IngestError> {
    let sizes = ingest.catalog.segment_sizes(rendition.id).await?;
    let sizes: Vec<(u64, u64)> = sizes.into_iter().map(|(bytes, ticks)| (u64::from(ticks), bytes)).collect();
    let rates = bandwidth(&sizes, rendition.timescale, rendition.target_duration);
    let measured = Measured { peak: rates.peak, average: rates.average };
    ingest.catalog.finish_rendition(lease, rendition.id, measured).await?;
    Ok(())
}

/// Makes the video ready: the catalog refuses unless everything is stored and verified.
pub(super) async fn publish(ingest: &Ingest, lease: JobLease) -> Result<(), IngestError> {
    ingest.catalog.publish(lease, ingest.clock.now()).await?;
    tracing::info!("a video is ready");
    Ok(())
}
