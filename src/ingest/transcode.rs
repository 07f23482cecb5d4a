//! The making of a video's tracks: ffmpeg copies or encodes, fragments become segments, segments
//! go into packs, and sealed packs to the store, all at the same time.

use super::progress::Meter;
use super::slots::EncodeSlot;
use super::spec::TrackSpec;
use super::task::{copy_task, encode_task};
use super::track::Track;
use super::{IngestError, Run};
use crate::events::VideoChange;
use crate::ffmpeg::package::{Clip, PackageTask, VideoEncode, VideoTask};
use crate::ffmpeg::{Choice, Encoder};
use crate::media::id::BlobId;
use crate::media::plan::{AudioPlan, Encoding, Plan, Turn, VideoPlan};
use crate::media::probe::Probe;
use crate::media::span::{Span, VIDEO_TIMESCALE};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often work that can wait looks whether there is room on the machine for it, and whether a person added something.
const WAY: Duration = Duration::from_secs(1);

pub(super) type Sealed = mpsc::UnboundedSender<BlobId>;

impl Run<'_> {
    /// Makes, stores and finishes everything that has this turn; blobs with a first copy go to `stored`.
    pub(super) async fn make(&self, probe: &Probe, plan: &Plan, turn: Turn, stored: Sealed) -> Result<(), IngestError> {
        let (sealed, to_store) = self.sealed().await?;
        let meter = Meter::new(self.work, probe.duration_s.unwrap_or(0.0));
        let make = async {
            match turn {
                Turn::First => {
                    let poster = self.poster(probe, sealed.clone());
                    let tracks = self.first(probe, plan, &meter, sealed.clone());
                    tokio::try_join!(poster, tracks)?;
                }
                Turn::Later => self.later(probe, plan, &meter, sealed.clone()).await?,
            }
            // Also when an earlier run was cut off before this: what is not stored keeps a film from being published.
            self.ingest.deposit.discard_superseded(self.work.lease).await?;
            drop(sealed);
            meter.storing();
            Ok::<(), IngestError>(())
        };
        self.store_beside(make.boxed(), to_store, stored).await
    }

    /// The way of sealed packs to the store, with those on it that an earlier run left.
    pub(super) async fn sealed(&self) -> Result<(Sealed, mpsc::UnboundedReceiver<BlobId>), IngestError> {
        let (sealed, to_store) = mpsc::unbounded_channel();
        for blob in self.ingest.catalog.sealed_blobs(self.work.lease).await? {
            // The receiver is handed out with it.
            let _ = sealed.send(blob);
        }
        Ok((sealed, to_store))
    }

    /// Stores what is sealed while `make`, which holds the sender, makes it; blobs with a first copy go to `stored`.
    pub(super) async fn store_beside(
        &self,
        make: BoxFuture<'_, Result<(), IngestError>>,
        to_store: mpsc::UnboundedReceiver<BlobId>,
        stored: Sealed,
    ) -> Result<(), IngestError> {
        let store =
            async { Ok(self.ingest.deposit.store_all(self.work.lease, to_store, stored, &self.work.cancel).await?) };
        // Both are large: kept on the heap, not in every future around them.
        tokio::try_join!(make, store.boxed())?;
        Ok(())
    }

    /// What a film can be played with.
    async fn first(&self, probe: &Probe, plan: &Plan, meter: &Meter<'_>, sealed: Sealed) -> Result<(), IngestError> {
        let pictures = self.open(TrackSpec::pictures(plan, Turn::First), &sealed).await?;
        let sounds = self.open(TrackSpec::sounds(plan, Turn::First), &sealed).await?;
        if pictures.iter().all(Track::keeps_its_times) {
            let tracks = pictures.into_iter().chain(sounds).collect();
            return self.in_one_piece(probe, plan, tracks, Some(meter)).await;
        }
        // The picture takes longer: its progress is the film's.
        let listen = self.in_one_piece(probe, plan, sounds, None);
        let look = self.in_spans(probe, plan, pictures, Turn::First, meter);
        tokio::try_join!(listen.boxed(), look.boxed())?;
        Ok(())
    }

    /// What makes a film better that can be played already.
    async fn later(&self, probe: &Probe, plan: &Plan, meter: &Meter<'_>, sealed: Sealed) -> Result<(), IngestError> {
        self.ingest.make_waiting(self.work, self.video, &sealed).await?;
        let left_out = self.beside(probe, plan, &sealed).await?;
        self.leave_out(probe, plan, left_out).await?;
        self.work.stage("sounds");
        let left_out = self.further_sounds(probe, plan, &sealed).await?;
        self.leave_out(probe, plan, left_out).await?;
        let pictures = self.open(TrackSpec::pictures(plan, Turn::Later), &sealed).await?;
        self.in_spans(probe, plan, pictures, Turn::Later, meter).await
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

    /// The tracks that an earlier run did not finish.
    async fn open(&self, specs: Vec<TrackSpec>, sealed: &Sealed) -> Result<Vec<Track<'_>>, IngestError> {
        let mut tracks = Vec::with_capacity(specs.len());
        for spec in specs {
            let track = Track::open(self, spec, sealed.clone()).await?;
            if !track.is_finished() {
                tracks.push(track);
            }
        }
        Ok(tracks)
    }

    /// Copied picture, and sounds, in one run from beginning to end.
    async fn in_one_piece(
        &self,
        probe: &Probe,
        plan: &Plan,
        mut tracks: Vec<Track<'_>>,
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        if tracks.is_empty() {
            return Ok(());
        }
        let mut runs: Vec<&mut Track<'_>> = tracks.iter_mut().collect();
        if let Some(listing) = self.listing(probe, plan, &runs).await? {
            self.remux(listing, &mut runs, meter).await?;
        } else {
            self.run_ffmpeg(&copy_task(self.input(), probe, &runs), &mut runs, meter).await?;
        }
        for track in tracks {
            track.finish().await?;
        }
        Ok(())
    }

    /// Encoded pictures, all forms from one decoder. Where a device fails in the middle, or the encoder became
    /// another one since an earlier run, the forms begin anew in software.
    async fn in_spans(
        &self,
        probe: &Probe,
        plan: &Plan,
        mut tracks: Vec<Track<'_>>,
        turn: Turn,
        meter: &Meter<'_>,
    ) -> Result<(), IngestError> {
        let Some(encoding) = plan.encoding.as_ref().filter(|_| !tracks.is_empty()) else { return Ok(()) };
        let is_new = tracks.iter().all(|track| track.generation() == 1);
        let mut choice = if is_new { self.encoder().await? } else { Choice::SOFTWARE };
        while let Err(error) = self.encode(probe, encoding, &mut tracks, (choice, turn), meter).await {
            let Some(why) = why_anew(&error, choice.encoder) else { return Err(error) };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                encoder = choice.encoder.name(),
                "pictures begin anew in software"
            );
            for track in &mut tracks {
                track.begin_anew(&why)?;
            }
            choice = Choice::SOFTWARE;
        }
        for track in tracks {
            track.finish().await?;
        }
        Ok(())
    }

    /// Encodes what is left of the spans, one after the other.
    async fn encode(
        &self,
        probe: &Probe,
        encoding: &Encoding,
        tracks: &mut [Track<'_>],
        (choice, turn): (Choice, Turn),
        meter: &Meter<'_>,
    ) -> Result<(), IngestError> {
        let mut listed = Vec::with_capacity(tracks.len());
        for track in tracks.iter() {
            listed.push(track.next_tick().await?);
        }
        for span in &encoding.spans {
            // Encoding takes hours, and what a person adds meanwhile does not wait for its end.
            if let (Turn::Later, Some(track)) = (turn, tracks.first()) {
                self.ingest.make_waiting(self.work, self.video, track.sealed()).await?;
            }
            // An earlier run may have listed the span of some forms only.
            let with_next = tracks.iter_mut().zip(&listed);
            let mut lacking: Vec<&mut Track<'_>> =
                with_next.filter(|(_, next)| is_left(span, **next)).map(|(track, _)| track).collect();
            if lacking.is_empty() {
                continue;
            }
            if turn == Turn::Later {
                self.make_way(lacking[0].sealed()).await?;
            }
            let clip = Clip { seek_s: span.seek_s, from_s: span.from_s, to_s: span.to_s };
            let forms: Vec<&VideoPlan> = lacking.iter().filter_map(|track| track.picture()).collect();
            let encode = VideoEncode { clip: Some(clip), ..encode_task(probe, encoding, &forms, choice)? };
            let bytes: u64 = forms.iter().map(|form| span.seconds() * form.planned_bandwidth / 8).sum();
            let task = PackageTask {
                input: self.input().to_path_buf(),
                start_s: probe.start_s,
                video: Some(VideoTask::Encode(Box::new(encode))),
                audio: Vec::new(),
                in_background: turn == Turn::Later,
            };
            // Room first: whoever waits for a store to take what was made keeps nobody from encoding.
            lacking[0].room(bytes).await?;
            // The first seconds of a film that cannot be played yet wait for nobody: they are short.
            let is_opening = turn == Turn::First && listed.iter().all(Option::is_none) && is_first(encoding, span);
            let _slot = if is_opening { None } else { Some(self.slot(turn, lacking[0].sealed()).await?) };
            if is_first(encoding, span) {
                lacking.iter_mut().for_each(|track| track.begin_at(span.first_tick));
            }
            self.run_ffmpeg(&task, &mut lacking, Some(meter)).await?;
            for track in lacking {
                track.end_span(span.next_tick).await?;
            }
        }
        Ok(())
    }

    /// Waits for the turn to encode a span. What a person adds meanwhile to a film that can be played does not wait.
    async fn slot(&self, turn: Turn, sealed: &Sealed) -> Result<EncodeSlot, IngestError> {
        let priority = self.ingest.catalog.priority_of(self.work.lease).await?;
        let mut taken = std::pin::pin!(self.ingest.slots.take(turn, priority));
        loop {
            tokio::select! {
                slot = &mut taken => return Ok(slot),
                () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
                () = tokio::time::sleep(WAY), if turn == Turn::Later => {}
            }
            self.ingest.make_waiting(self.work, self.video, sealed).await?;
        }
    }

    /// Waits while films that cannot be played yet want the machine. What a person adds meanwhile is little work.
    async fn make_way(&self, sealed: &Sealed) -> Result<(), IngestError> {
        while self.ingest.catalog.is_ingesting(self.ingest.clock.now()).await? {
            self.ingest.make_waiting(self.work, self.video, sealed).await?;
            self.work.stage("make_way");
            tokio::select! {
                () = tokio::time::sleep(WAY) => {}
                () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
            }
        }
        Ok(())
    }

    /// A film without a picture gets a drawing of its sound.
    async fn poster(&self, probe: &Probe, sealed: Sealed) -> Result<(), IngestError> {
        let Run { ingest, work, .. } = self;
        if ingest.catalog.has_poster(work.lease).await? {
            return Ok(());
        }
        let jpeg = match (probe.video.is_empty() && probe.cover.is_none(), probe.audio.first()) {
            (true, None) => return Ok(()),
            (true, Some(sound)) => ingest.ffmpeg.still_of_sound(self.input(), sound.index, &work.cancel).await,
            (false, _) => ingest.ffmpeg.poster(self.input(), probe, &work.cancel).await,
        };
        let jpeg = match jpeg {
            Ok(jpeg) => jpeg,
            Err(_) if work.cancel.is_cancelled() => return Err(IngestError::Stopped),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a film has no poster");
                return Ok(());
            }
        };
        let blob = ingest.deposit.add_poster(work.lease, jpeg).await?;
        // Nobody stores any more only when the job is ending; the blob is found again then.
        let _ = sealed.send(blob);
        ingest.tell(self.video, VideoChange::Described);
        Ok(())
    }

    /// The encoder to use, once it is known which ones work.
    async fn encoder(&self) -> Result<Choice, IngestError> {
        let chosen = self.work.cancel.run_until_cancelled(self.ingest.encoders.chosen()).await;
        chosen.ok_or(IngestError::Stopped)
    }
}

/// Why forms begin anew after this failure, for people; `None` when that would not help.
fn why_anew(error: &IngestError, encoder: Encoder) -> Option<String> {
    match error {
        IngestError::Changed => Some("the encoder became another one in the middle".to_owned()),
        IngestError::Ffmpeg(_) | IngestError::Cmaf(_) if encoder != Encoder::Software => {
            let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            Some(format!("{} failed: {source}", encoder.name()))
        }
        _ => None,
    }
}

/// Whether a span begins at or after what is listed; a hundredth of a second is rounding.
fn is_left(span: &Span, next_tick: Option<i64>) -> bool {
    next_tick.is_none_or(|next| span.first_tick + i64::from(VIDEO_TIMESCALE) / 100 >= next)
}

fn is_first(encoding: &Encoding, span: &Span) -> bool {
    encoding.spans.first().is_some_and(|first| first.first_tick == span.first_tick)
}
