//! Encoded pictures: span by span, all forms of a turn from one decoder, in turns with other films.

use super::progress::Meter;
use super::slots::EncodeSlot;
use super::spec::TrackSpec;
use super::task::encode_task;
use super::track::Track;
use super::transcode::Sealed;
use super::{IngestError, Run};
use crate::catalog::Rival;
use crate::ffmpeg::package::{Clip, PackageTask, VideoEncode, VideoTask};
use crate::ffmpeg::{Choice, Encoder};
use crate::media::plan::{Encoding, Plan, Turn, VideoPlan};
use crate::media::probe::Probe;
use crate::media::span::{Span, VIDEO_TIMESCALE};
use futures::FutureExt;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Seconds of film that are encoded at most without waiting for a turn.
const LONGEST_OPENING_S: u64 = 15;

/// How often work that can wait looks whether there is room on the machine for it, and whether a person added something.
const WAY: Duration = Duration::from_secs(1);

/// How pictures are encoded in one pass over the film.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    /// Whose turn it is.
    pub(super) turn: Turn,
    /// Says that the rest is left to another job, after the span that is being made.
    pub(super) until: Option<&'a CancellationToken>,
    /// Who is told how far it is.
    pub(super) meter: Option<&'a Meter<'a>>,
}

/// Where a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    TheEnd,
    /// A whole number of spans; another job goes on, or this one when others had their turn.
    EnoughForNow,
}

impl Run<'_> {
    /// Begins the form that browsers wait for beside the copy that they cannot play, until that is published; the
    /// refinement goes on with it. What fails here is tried again there, and costs the film nothing.
    pub(super) async fn begin_next(
        &self,
        probe: &Probe,
        plan: &Plan,
        published: &CancellationToken,
        stored: Sealed,
    ) -> Result<(), IngestError> {
        let (sealed, to_store) = mpsc::unbounded_channel();
        let make = async {
            let pictures = self.open(TrackSpec::pictures(plan, Turn::Next), &sealed).await?;
            let pass = Pass { turn: Turn::Next, until: Some(published), meter: None };
            let made = self.in_spans(probe, plan, pictures, pass).await;
            drop(sealed);
            made
        };
        match self.store_beside(make.boxed(), to_store, stored).await {
            Err(error) if !matches!(error, IngestError::Stopped) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what browsers can play of a film is left to its refinement");
                Ok(())
            }
            ended => ended.map(drop),
        }
    }

    /// Encoded pictures, all forms from one decoder. Where a device fails in the middle, or the encoder became
    /// another one since an earlier run, the forms begin anew in software.
    pub(super) async fn in_spans(
        &self,
        probe: &Probe,
        plan: &Plan,
        mut tracks: Vec<Track<'_>>,
        pass: Pass<'_>,
    ) -> Result<Reached, IngestError> {
        let Some(encoding) = plan.encoding.as_ref().filter(|_| !tracks.is_empty()) else {
            return Ok(Reached::TheEnd);
        };
        let is_new = tracks.iter().all(|track| track.generation() == 1);
        let mut choice = if is_new { self.encoder().await? } else { Choice::SOFTWARE };
        loop {
            let error = match self.encode(probe, encoding, &mut tracks, choice, pass).await {
                Ok(Reached::TheEnd) => break,
                Ok(Reached::EnoughForNow) => return Ok(Reached::EnoughForNow),
                Err(error) => error,
            };
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
        Ok(Reached::TheEnd)
    }

    /// Encodes what is left of the spans, one after the other.
    async fn encode(
        &self,
        probe: &Probe,
        encoding: &Encoding,
        tracks: &mut [Track<'_>],
        choice: Choice,
        Pass { turn, until, meter }: Pass<'_>,
    ) -> Result<Reached, IngestError> {
        let mut listed = Vec::with_capacity(tracks.len());
        for track in tracks.iter() {
            listed.push(track.next_tick().await?);
        }
        let mut had_a_turn = false;
        for span in &encoding.spans {
            // Encoding takes hours, and what a person adds meanwhile does not wait for its end.
            if let (true, Some(track)) = (can_wait(turn, until), tracks.first()) {
                self.ingest.make_waiting(self.work, self.video, track.sealed()).await?;
            }
            // An earlier run may have listed the span of some forms only.
            let with_next = tracks.iter_mut().zip(&listed);
            let mut lacking: Vec<&mut Track<'_>> =
                with_next.filter(|(_, next)| is_left(span, **next)).map(|(track, _)| track).collect();
            if lacking.is_empty() {
                continue;
            }
            if until.is_some_and(CancellationToken::is_cancelled) {
                return Ok(Reached::EnoughForNow);
            }
            if can_wait(turn, until) && self.is_anothers_turn(had_a_turn).await? {
                return Ok(Reached::EnoughForNow);
            }
            if turn == Turn::Later {
                self.make_way(lacking[0].sealed()).await?;
            }
            let clip = Clip { seek_s: span.seek_s, from_s: span.from_s, to_s: span.to_s };
            let forms: Vec<&VideoPlan> = lacking.iter().filter_map(|track| track.picture()).collect();
            let held_from_s = encoding.held_from_s.filter(|_| is_first(encoding, span));
            let encode = VideoEncode { clip: Some(clip), held_from_s, ..encode_task(probe, encoding, &forms, choice)? };
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
            // The first seconds of a film that cannot be played yet wait for nobody.
            let is_short = span.seconds() <= LONGEST_OPENING_S;
            let is_unseen = turn != Turn::Later && listed.iter().all(Option::is_none);
            let is_opening = is_unseen && is_short && is_first(encoding, span);
            let slot = if is_opening { None } else { self.slot(turn, lacking[0].sealed(), until).await? };
            if slot.is_none() && !is_opening {
                return Ok(Reached::EnoughForNow);
            }
            if is_first(encoding, span) {
                lacking.iter_mut().for_each(|track| track.begin_at(span.first_tick));
            }
            self.run_ffmpeg(&task, &mut lacking, meter).await?;
            drop(slot);
            had_a_turn = true;
            for track in lacking {
                match encoding.spans.last() == Some(span) {
                    true => track.end_last_span(span.next_tick).await?,
                    false => track.end_span(span.next_tick).await?,
                }
            }
        }
        Ok(Reached::TheEnd)
    }

    /// Waits for the turn to encode a span; `None` when it is left to another job. What a person adds meanwhile to a
    /// film that can be played does not wait.
    async fn slot(
        &self,
        turn: Turn,
        sealed: &Sealed,
        until: Option<&CancellationToken>,
    ) -> Result<Option<EncodeSlot>, IngestError> {
        let never = CancellationToken::new();
        let priority = self.ingest.catalog.priority_of(self.work.lease).await?;
        let mut taken = std::pin::pin!(self.ingest.slots.take(turn, priority));
        loop {
            tokio::select! {
                slot = &mut taken => return Ok(Some(slot)),
                () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
                () = until.unwrap_or(&never).cancelled() => return Ok(None),
                () = tokio::time::sleep(WAY), if can_wait(turn, until) => {}
            }
            self.ingest.make_waiting(self.work, self.video, sealed).await?;
        }
    }

    /// Whether the job is to be handed back, as another refinement goes before it now; it goes on after that one.
    async fn is_anothers_turn(&self, had_a_turn: bool) -> Result<bool, IngestError> {
        let Run { ingest, work, .. } = self;
        let rival = ingest.catalog.rival_of(work.lease, work.videos_at_work(), ingest.clock.now()).await?;
        Ok(match rival {
            Some(Rival::Urgent) => true,
            Some(Rival::Equal) => had_a_turn,
            None => false,
        })
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

    /// The encoder to use, once it is known which ones work.
    async fn encoder(&self) -> Result<Choice, IngestError> {
        let chosen = self.work.cancel.run_until_cancelled(self.ingest.encoders.chosen()).await;
        chosen.ok_or(IngestError::Stopped)
    }
}

/// Whether a film is refined, so that it can be played, and what a person adds to it is taken in on the way.
fn can_wait(turn: Turn, until: Option<&CancellationToken>) -> bool {
    turn != Turn::First && until.is_none()
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
