//! Encoded pictures: span by span, all forms of a turn from one decoder, in turns with other films.

use super::line::{WAY, Wanted};
use super::progress::Meter;
use super::slots::{Lane, Need};
use super::spec::TrackSpec;
use super::task::{cuts_within, encode_task};
use super::track::Track;
use super::transcode::Sealed;
use super::{IngestError, Run};
use crate::catalog::Rival;
use crate::cmaf::CmafError;
use crate::ffmpeg::package::{Clip, PackageTask, VideoEncode, VideoTask};
use crate::ffmpeg::{Choice, Encoder};
use crate::media::plan::{Encoding, Plan, Turn, VideoPlan};
use crate::media::probe::Probe;
use crate::media::span::{Span, VIDEO_TIMESCALE};
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Seconds of film that are made at most before a film that cannot be played yet takes turns with others.
pub(super) const LONGEST_OPENING_S: u64 = 15;

/// Seconds after its own first picture from which on another one stands in the place of that, if it is missing.
const AFTER_FIRST_S: f64 = 0.005;

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

/// What the spans of a film have in common.
#[derive(Clone, Copy)]
struct Film<'a> {
    probe: &'a Probe,
    encoding: &'a Encoding,
    choice: Choice,
    turn: Turn,
    meter: Option<&'a Meter<'a>>,
}

/// What becomes of pictures that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patch {
    /// There are none, as far as is known.
    None,
    /// Those before them stand still, and where there are none, those after them.
    Holes,
}

/// What was met of them in a pass.
#[derive(Debug)]
struct Holes {
    patch: Patch,
    /// The span before, if nothing of it could be decoded.
    nothing_since: Option<Span>,
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
        let film = Film { probe, encoding, choice, turn, meter };
        let (mut had_a_turn, mut holes) = (false, Holes { patch: Patch::None, nothing_since: None });
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
            let forms = lacking.iter().filter_map(|track| track.picture());
            let bytes: u64 = forms.map(|form| span.seconds() * form.planned_bandwidth / 8).sum();
            // Room first: whoever waits for a store to take what was made keeps nobody from encoding.
            lacking[0].room(bytes).await?;
            let is_unseen = turn != Turn::Later && listed.iter().all(Option::is_none);
            let need = if is_unseen && is_first(encoding, span) { need_of_opening(span) } else { Need::Rest };
            let sealed = can_wait(turn, until).then(|| lacking[0].sealed());
            let wanted = Wanted { lane: Lane::Pictures, need, turn, until, meter, sealed };
            let Some(held) = self.slot(wanted).await? else {
                return Ok(Reached::EnoughForNow);
            };
            self.fill_span(film, *span, lacking, &mut holes).await?;
            drop(held);
            had_a_turn = true;
        }
        Ok(Reached::TheEnd)
    }

    /// Encodes a span, anew where pictures in it are missing.
    ///
    /// # Errors
    /// `Cmaf(Hole)` when nothing of it can be decoded, nor of the one before: each such span is read to where pictures come
    /// again, perhaps to the end of the film. Also when a device encodes, which would describe what is mended in other
    /// words than the rest.
    async fn fill_span(
        &self,
        film: Film<'_>,
        span: Span,
        mut tracks: Vec<&mut Track<'_>>,
        holes: &mut Holes,
    ) -> Result<(), IngestError> {
        let before = holes.nothing_since.take();
        let span = before.map_or(span, |before| span.from_where(before));
        let can_mend = holes.patch == Patch::None && film.choice.encoder == Encoder::Software;
        let is_made = match self.make_span(film, &span, &mut tracks, holes.patch).await {
            Err(IngestError::Cmaf(error @ CmafError::Hole(_))) if can_mend => {
                holes.patch = Patch::Holes;
                self.mend_span(film, &span, tracks, &error).await?
            }
            made => made?,
        };
        match (is_made, before) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(CmafError::Hole(span.first_tick).into()),
            (false, None) => {
                holes.nothing_since = Some(span);
                Ok(())
            }
        }
    }

    /// Encodes a span anew in which pictures are missing. Whether there were any.
    async fn mend_span(
        &self,
        film: Film<'_>,
        span: &Span,
        tracks: Vec<&mut Track<'_>>,
        error: &CmafError,
    ) -> Result<bool, IngestError> {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "pictures cannot be decoded; others stand still in their place"
        );
        let mut left = Vec::with_capacity(tracks.len());
        for track in tracks {
            if is_left(span, track.next_tick().await?) {
                track.take_back("pictures in it could not be decoded").await?;
                left.push(track);
            }
        }
        self.make_span(film, span, &mut left, Patch::Holes).await
    }

    /// Encodes a span in the forms of these tracks, and lists it. Whether any picture of it could be decoded: one
    /// without goes to the next span, whose first picture stands in its place.
    async fn make_span(
        &self,
        film: Film<'_>,
        span: &Span,
        tracks: &mut [&mut Track<'_>],
        patch: Patch,
    ) -> Result<bool, IngestError> {
        let Film { probe, encoding, choice, turn, meter } = film;
        let forms: Vec<&VideoPlan> = tracks.iter().filter_map(|track| track.picture()).collect();
        let clip = Clip { seek_s: span.seek_s, from_s: span.from_s, to_s: span.to_s };
        let held_from_s = encoding.held_from_s.filter(|_| is_first(encoding, span));
        let mut encode = VideoEncode { clip: Some(clip), held_from_s, ..encode_task(probe, encoding, &forms, choice)? };
        let is_last = encoding.spans.last().is_some_and(|last| last.next_tick == span.next_tick);
        if patch == Patch::Holes {
            let hold_s = if is_last { 0.0 } else { span.seconds() as f64 };
            encode.hold_s = encode.hold_s.filter(|_| is_last).or(Some(hold_s));
            encode.held_from_s = held_from_s.or(Some(span.first_s(probe.start_s) + AFTER_FIRST_S));
        }
        let own_s = encoding.first_s.filter(|_| is_first(encoding, span));
        let first_s = encode.held_from_s.or(own_s).unwrap_or_else(|| span.first_s(probe.start_s));
        encode.key_frames_s = cuts_within(span, encoding, first_s, probe.start_s);
        let task = PackageTask {
            input: self.input().to_path_buf(),
            start_s: probe.start_s,
            video: Some(VideoTask::Encode(Box::new(encode))),
            audio: Vec::new(),
            in_background: turn == Turn::Later,
        };
        if is_first(encoding, span) || patch == Patch::Holes {
            tracks.iter_mut().for_each(|track| track.begin_at(span.first_tick));
        }
        self.run_ffmpeg(&task, tracks, meter, None).await?;
        if patch == Patch::Holes && tracks.iter().all(|track| track.has_nothing()) {
            return Ok(false);
        }
        for track in tracks {
            match is_last || patch == Patch::Holes {
                // What cannot be decoded up to the end of the film has nothing that stands in its place.
                true => track.end_last_span(span.next_tick).await?,
                false => track.end_span(span.next_tick).await?,
            }
        }
        Ok(true)
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

/// The first seconds of a film that cannot be played yet go before everything else.
fn need_of_opening(span: &Span) -> Need {
    if span.seconds() <= LONGEST_OPENING_S { Need::Opening } else { Need::LongOpening }
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
