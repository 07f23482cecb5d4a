//! The end of an ingest: what was made is measured, checked as a whole and published.

use super::{Ingest, IngestError, Run};
use crate::catalog::{JobLease, Measured, Rendition};
use crate::media::playlist::{IFramePlaylist, bandwidth};
use crate::media::time::{TIMELINE_OFFSET_SECONDS, seconds};

/// Measures a rendition's rates from its bytes and marks it finished.
pub(super) async fn finish(ingest: &Ingest, lease: JobLease, rendition: &Rendition) -> Result<(), IngestError> {
    let sizes = ingest.catalog.segment_sizes(rendition.id).await?;
    let sizes: Vec<(u64, u64)> = sizes.into_iter().map(|(bytes, ticks)| (u64::from(ticks), bytes)).collect();
    let rates = bandwidth(&sizes, rendition.timescale, rendition.target_duration);
    // Measured once and kept: a master playlist would otherwise read every key frame of the film.
    let key_frames = ingest.catalog.key_frames_of(rendition.id).await?;
    let i_frames = IFramePlaylist::of(&key_frames.frames, key_frames.span, rendition.timescale);
    let i_frames = i_frames.map(|playlist| playlist.rates());
    let measured = Measured { peak: rates.peak, average: rates.average, i_frames };
    ingest.catalog.finish_rendition(lease, rendition.id, measured).await?;
    Ok(())
}

impl Run<'_> {
    /// Holds what was made against what the packets promised: a run of ffmpeg that ended early may
    /// say that all is well.
    pub(super) async fn is_whole(&self, made: &Rendition, end_s: Option<f64>) -> Result<(), IngestError> {
        let resume = self.ingest.catalog.resume_of(made.id).await?;
        let (Some(end), Some(promised_s)) = (resume.next_start, end_s) else { return Ok(()) };
        let made_s = seconds(end + u64::from(made.reorder_delay), made.timescale) - TIMELINE_OFFSET_SECONDS as f64;
        let slack_s = (promised_s * 0.02).max(2.0);
        if made_s + slack_s < promised_s {
            return Err(IngestError::Short { made_s, promised_s });
        }
        Ok(())
    }
}

/// Makes the video ready: the catalog refuses unless everything is stored and verified. `refine`: there is
/// more to be made of it.
pub(super) async fn publish(ingest: &Ingest, lease: JobLease, refine: bool) -> Result<(), IngestError> {
    ingest.catalog.publish(lease, refine, ingest.clock.now()).await?;
    tracing::info!("a video is ready");
    Ok(())
}
