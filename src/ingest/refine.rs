//! A film that can be played becomes better: further sounds, subtitles, pictures to scrub by, smaller sizes.
//!
//! The film stays ready whatever happens here; what cannot be made is missing from it, and the job says why.

use super::progress::Meter;
use super::spans::{Pass, Reached};
use super::spec::TrackSpec;
use super::transcode::Sealed;
use super::{ATTEMPTS, Ingest, IngestError, Run, source};
use crate::catalog::JobRecord;
use crate::events::VideoChange;
use crate::jobs::{Outcome, Work};
use crate::media::plan::{AudioPlan, Plan, Turn};
use crate::media::probe::Probe;
use futures::FutureExt;

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
        let (stored, to_protect) = self.deposit.stored(lease).await?;
        let make = async {
            let better = run.make(&probe, &plan, Turn::Later, stored.clone()).await;
            let goes_on = matches!(better, Ok(Reached::EnoughForNow) | Err(IngestError::Stopped));
            // Last, as it takes a store the longest, and also of a film that cannot be made better.
            if plan.keep_original && !goes_on {
                run.keep_original(&probe, stored).await?;
            }
            let reached = better?;
            if reached == Reached::TheEnd {
                source::let_go(&self.spool, &source).await;
                work.stage("protect");
            }
            Ok::<Reached, IngestError>(reached)
        };
        let protect = async { Ok(self.deposit.protect_all(lease, to_protect, &work.cancel).await?) };
        let (reached, is_protected) = tokio::try_join!(make.boxed(), protect.boxed())?;
        if reached == Reached::EnoughForNow {
            // Not before what was made is stored: it would be sent once more.
            return Err(IngestError::Stopped);
        }
        if is_protected {
            self.tell(job.video, VideoChange::Protected);
        }
        Ok(())
    }
}

impl Run<'_> {
    /// What makes a film better that can be played already. Sizes take the longest; neither they nor what stands beside
    /// them wait for each other, and what fails of the one keeps nobody from the other.
    pub(super) async fn later(
        &self,
        probe: &Probe,
        plan: &Plan,
        meter: &Meter<'_>,
        sealed: Sealed,
    ) -> Result<Reached, IngestError> {
        self.ingest.make_waiting(self.work, self.video, &sealed).await?;
        let (sizes, others) = futures::join!(
            self.sizes(probe, plan, meter, &sealed).boxed(),
            self.beside_sizes(probe, plan, &sealed).boxed()
        );
        others.and(sizes)
    }

    /// What browsers wait for before all other sizes.
    async fn sizes(
        &self,
        probe: &Probe,
        plan: &Plan,
        meter: &Meter<'_>,
        sealed: &Sealed,
    ) -> Result<Reached, IngestError> {
        for turn in plan.later_turns() {
            let pictures = self.open(TrackSpec::pictures(plan, turn), sealed).await?;
            let pass = Pass { turn, until: None, meter: Some(meter) };
            if self.in_spans(probe, plan, pictures, pass).await? == Reached::EnoughForNow {
                return Ok(Reached::EnoughForNow);
            }
            meter.next_pass();
        }
        Ok(Reached::TheEnd)
    }

    async fn beside_sizes(&self, probe: &Probe, plan: &Plan, sealed: &Sealed) -> Result<(), IngestError> {
        let left_out = self.beside(probe, plan, sealed).await?;
        self.leave_out(probe, plan, left_out).await?;
        self.work.stage("sounds");
        let left_out = self.further_sounds(probe, plan, sealed).await?;
        self.leave_out(probe, plan, left_out).await
    }

    /// Further sounds, in one run over the film. Where that fails, each is made by itself, so that one that cannot be
    /// decoded costs no other; those are answered, for people.
    async fn further_sounds(&self, probe: &Probe, plan: &Plan, sealed: &Sealed) -> Result<Vec<String>, IngestError> {
        let specs = TrackSpec::sounds(plan, Turn::Later);
        let together = self.open(specs.clone(), sealed).await?;
        // The pictures take longer: their progress is the job's, and it never goes back.
        match self.in_one_piece(probe, plan, together, None).await {
            Err(error) if error.is_of_the_film() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "further sounds are made one by one");
            }
            done => return done.map(|()| Vec::new()),
        }
        let mut left_out = Vec::new();
        for spec in specs {
            let name = spec.audio.as_ref().map(AudioPlan::name).unwrap_or_default();
            let mut alone = self.open(vec![spec], sealed).await?;
            // What players of MP4 are told beforehand differs with what is made beside it.
            for track in &mut alone {
                track.begin_anew("another sound of the film failed")?;
            }
            match self.in_one_piece(probe, plan, alone, None).await {
                Err(error) if error.is_of_the_film() => {
                    left_out.push(format!("{name} could not be made: {}.", error.for_people().trim_end_matches('.')));
                    self.ingest.deposit.discard_unmade_sounds(self.work.lease).await?;
                }
                done => done?,
            }
        }
        Ok(left_out)
    }

    /// Writes down what could not be made, for whoever asks for the film's details, beside what is written there.
    async fn leave_out(&self, probe: &Probe, plan: &Plan, mut left_out: Vec<String>) -> Result<(), IngestError> {
        let known = self.ingest.known_plan(self.work.lease).await?.map_or_else(Vec::new, |(_, plan)| plan.left_out);
        left_out.retain(|why| !known.contains(why));
        if left_out.is_empty() {
            return Ok(());
        }
        tracing::info!(?left_out, "a film is not taken over as a whole");
        self.record(probe, &Plan { left_out: [known, left_out].concat(), ..plan.clone() }).await
    }
}
