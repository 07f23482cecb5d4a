//! A film that can be played becomes better: further sounds, subtitles, pictures to scrub by, smaller sizes.
//!
//! The film stays ready whatever happens here; what cannot be made is missing from it, and the job says why.

use super::{ATTEMPTS, Ingest, IngestError, Run, source};
use crate::catalog::JobRecord;
use crate::events::VideoChange;
use crate::jobs::{Outcome, Work};
use crate::media::plan::Turn;
use futures::FutureExt;
use tokio::sync::mpsc;

/// Begins the sentence that says so of a film.
const UNFINISHED: &str = "Not everything could be made of this film:";

/// What becomes of the source of a film that was given up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Another try may do better.
    Keep,
    LetGo,
}

impl Ingest {
    /// Does a refine job.
    pub async fn refine(&self, job: &JobRecord, work: &Work) -> Outcome {
        match self.improve(job, work).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                if !matches!(error, IngestError::Stopped) {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a film could not be refined");
                }
                let outcome = error.outcome(job.attempts < ATTEMPTS);
                match &outcome {
                    // Another try cannot help.
                    Outcome::Refused(why) => self.give_up(work, why, After::LetGo).await,
                    Outcome::Failed(why) => self.give_up(work, why, After::Keep).await,
                    _ => {}
                }
                outcome
            }
        }
    }

    /// Tells in the film's details that not everything could be made of it.
    async fn give_up(&self, work: &Work, why: &str, after: After) {
        let told = async {
            if let Some((probe, mut plan)) = self.known_plan(work.lease).await? {
                let next = if after == After::Keep { " Its file is kept, so that it can be tried again." } else { "" };
                plan.left_out.push(format!("{UNFINISHED} {why}{next}"));
                self.record(work.lease, &probe, &plan).await?;
            }
            if after == After::LetGo {
                self.deposit.discard_unmade(work.lease).await?;
                self.deposit.discard_unkept(work.lease).await?;
                let (source, _) = self.catalog.source_of(work.lease).await?;
                source::let_go(&self.spool, &source).await;
            }
            Ok::<(), IngestError>(())
        };
        if let Err(error) = told.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "it was not noted that a film was not refined");
        }
    }

    async fn improve(&self, job: &JobRecord, work: &Work) -> Result<(), IngestError> {
        let lease = work.lease;
        let (source, bytes) = self.catalog.source_of(lease).await?;
        let input = source::open(&self.spool, &source, bytes).await?;
        let run = Run { ingest: self, work, video: job.video, input };
        let (probe, mut plan) = run.planned(lease).await?;
        if plan.left_out.iter().any(|why| why.starts_with(UNFINISHED)) {
            // An earlier try gave up.
            plan.left_out.retain(|why| !why.starts_with(UNFINISHED));
            run.record(&probe, &plan).await?;
        }
        let (stored, to_protect) = mpsc::unbounded_channel();
        let make = async {
            let better = run.make(&probe, &plan, Turn::Later, stored.clone()).await;
            // Last, as it takes a store the longest, and also of a film that cannot be made better.
            if plan.keep_original && !matches!(better, Err(IngestError::Stopped)) {
                run.keep_original(&probe, stored).await?;
            }
            better?;
            source::let_go(&self.spool, &source).await;
            work.stage("protect");
            Ok::<(), IngestError>(())
        };
        let protect = async { Ok(self.deposit.protect_all(lease, to_protect, &work.cancel).await?) };
        let ((), is_protected) = tokio::try_join!(make.boxed(), protect.boxed())?;
        if is_protected {
            self.tell(job.video, VideoChange::Protected);
        }
        Ok(())
    }
}
