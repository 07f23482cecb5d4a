//! What a person added to a film beside its file becomes part of it, and what they took away is removed.
//!
//! It needs no source, and everything of it can be repeated: what is recorded is looked at, and what lacks is
//! made. Refining a film may take hours, so it takes in what waits on its way, too.

use super::aside::of_texts;
use super::{ATTEMPTS, Ingest, IngestError};
use crate::catalog::{JobLease, JobRecord, Sidecar};
use crate::disk;
use crate::events::VideoChange;
use crate::jobs::{Outcome, Work};
use crate::media::id::{BlobId, VideoId};
use crate::media::plan::SubtitlePlan;
use crate::media::subtitles::examine;
use futures::FutureExt;
use tokio::sync::mpsc;

impl Ingest {
    /// Does an attach job.
    pub async fn attach(&self, job: &JobRecord, work: &Work) -> Outcome {
        match self.catch_up(job.video, work).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                if !matches!(error, IngestError::Stopped) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what was added to a film did not become part of it");
                }
                error.outcome(job.attempts < ATTEMPTS)
            }
        }
    }

    async fn catch_up(&self, video: VideoId, work: &Work) -> Result<(), IngestError> {
        let lease = work.lease;
        self.deposit.discard_removed(lease).await?;
        let (sealed, to_store) = mpsc::unbounded_channel();
        for blob in self.catalog.sealed_blobs(lease).await? {
            // The receiver lives as long as this function.
            let _ = sealed.send(blob);
        }
        let (stored, to_protect) = self.deposit.stored(lease).await?;
        let make = async {
            self.make_waiting(work, video, &sealed).await?;
            drop(sealed);
            work.stage("protect");
            Ok::<(), IngestError>(())
        };
        let store = async { Ok(self.deposit.store_all(lease, to_store, stored, &work.cancel).await?) };
        let protect = async { Ok(self.deposit.protect_all(lease, to_protect, &work.cancel).await?) };
        let ((), (), is_protected) = tokio::try_join!(make.boxed(), store.boxed(), protect.boxed())?;
        if is_protected {
            self.tell(video, VideoChange::Protected);
        }
        Ok(())
    }

    /// Makes tracks of the subtitles that wait for the job's film; blobs that are complete go to `sealed`.
    pub(super) async fn make_waiting(
        &self,
        work: &Work,
        video: VideoId,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<(), IngestError> {
        let waiting = self.catalog.sidecars_to_make(work.lease).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        work.stage("subtitles");
        let made = self.catalog.renditions_of(work.lease).await?;
        let length_ms = self.length_ms(&made).await?;
        for sidecar in waiting {
            let name = sidecar.track.to_string();
            let is_made = made.iter().any(|known| known.finished && known.name == name);
            if !is_made && let Some(text) = self.catalog.sidecar_text(work.lease, sidecar.track).await? {
                match disk::blocking(move || Ok(examine(&text))).await.map_err(IngestError::Source)? {
                    Ok((_, texts)) => {
                        let aside = of_texts(sidecar.track, &plan_of(&sidecar), &texts, length_ms);
                        self.keep_aside(work, video, aside, sealed).await?;
                    }
                    // It was read when it came, so only another version of this program can think otherwise.
                    Err(error) => self.leave_out_sidecar(work.lease, &sidecar, &error.to_string()).await?,
                }
            }
            self.catalog.sidecar_made(work.lease, sidecar.track).await?;
        }
        Ok(())
    }

    /// Tells in the film's details that added subtitles are not part of it.
    async fn leave_out_sidecar(&self, lease: JobLease, sidecar: &Sidecar, why: &str) -> Result<(), IngestError> {
        tracing::warn!(track = %sidecar.track, why, "added subtitles cannot be used");
        if let Some((probe, mut plan)) = self.known_plan(lease).await? {
            let which = sidecar.label.as_ref().unwrap_or(&sidecar.language);
            plan.left_out.push(format!("Added subtitles ({which}) were left out: {}.", why.trim_end_matches('.')));
            self.record(lease, &probe, &plan).await?;
        }
        Ok(self.catalog.sidecar_unusable(lease, sidecar.track).await?)
    }
}

fn plan_of(sidecar: &Sidecar) -> SubtitlePlan {
    SubtitlePlan {
        // It is in no file.
        index: sidecar.track.number,
        why: sidecar.why.clone(),
        language: Some(sidecar.language.clone()),
        label: sidecar.label.clone(),
        forced: sidecar.forced,
        is_default: false,
    }
}
