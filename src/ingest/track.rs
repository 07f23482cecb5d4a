//! One track on its way from ffmpeg's fragments to listed segments.

use super::spans::LONGEST_OPENING_S;
use super::spec::TrackSpec;
use super::{IngestError, Run, publish};
use crate::catalog::Rendition;
use crate::cmaf::{CmafError, Packager, PackagerSettings, Resume, Sample, Segment, SourceTrack, Timing, TrackKind};
use crate::deposit::{FreshSegment, Packer, PackerSettings};
use crate::events::VideoChange;
use crate::media::id::BlobId;
use crate::media::key_frame::thin;
use crate::media::plan::{AudioPlan, Turn, VideoPlan};
use crate::media::rendition::TrackName;
use crate::media::time::{TIMELINE_OFFSET_SECONDS, seconds};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Segments are listed at least this often while they come, …
const LIST_EVERY: Duration = Duration::from_millis(400);

/// … and whenever so many bytes are waiting, which are on disk already: a sync of many costs little
/// more than one of few.
const LIST_BYTES: u64 = 64 * 1024 * 1024;

/// Room in the spool that must be there to go on.
const ROOM_BYTES: u64 = 16 * 1024 * 1024;

/// A track that was begun so often is not begun anew.
const MOST_GENERATIONS: u32 = 8;

/// A track being made.
pub(super) struct Track<'a> {
    run: &'a Run<'a>,
    spec: TrackSpec,
    sealed: mpsc::UnboundedSender<BlobId>,
    /// Known once the first fragments came, or from an earlier run.
    rendition: Option<Rendition>,
    packager: Option<Packager>,
    packer: Option<Packer>,
    source: Option<SourceTrack>,
    /// Whether what the present run makes could not be decoded with the init segment that players have.
    is_other: bool,
    /// Presentation tick from which on the next sample is shown at the latest.
    begins_at: Option<i64>,
    listed_at: Instant,
    /// Seconds of film up to which something came.
    reached_s: f64,
    /// Whether this run told anybody that there is something to play.
    is_shown: bool,
}

impl<'a> Track<'a> {
    /// A track that begins, or goes on where an earlier run left it.
    pub(super) async fn open(
        run: &'a Run<'a>,
        spec: TrackSpec,
        sealed: mpsc::UnboundedSender<BlobId>,
    ) -> Result<Track<'a>, IngestError> {
        let (mut spec, mut rendition) = (spec, None);
        for known in run.ingest.catalog.renditions_of(run.work.lease).await? {
            let Ok(name) = known.name.parse::<TrackName>() else { continue };
            let is_later = name.generation >= spec.generation;
            if is_later && (name.kind, name.number) == (spec.rendition_kind(), spec.position) {
                spec.generation = name.generation;
                rendition = Some(known);
            }
        }
        Ok(Self {
            run,
            spec,
            sealed,
            rendition,
            packager: None,
            packer: None,
            source: None,
            is_other: false,
            begins_at: None,
            listed_at: Instant::now(),
            reached_s: 0.0,
            is_shown: false,
        })
    }

    /// Where its complete packs go.
    pub(super) fn sealed(&self) -> &mpsc::UnboundedSender<BlobId> {
        &self.sealed
    }

    /// When it is made.
    pub(super) fn turn(&self) -> Turn {
        self.spec.turn
    }

    /// How often it was begun, this time included.
    pub(super) fn generation(&self) -> u32 {
        self.spec.generation
    }

    /// Begins anew, under another name: what is listed keeps its bytes.
    ///
    /// # Errors
    /// `Changed` when it was begun too often.
    pub(super) fn begin_anew(&mut self, why: &str) -> Result<(), IngestError> {
        if self.spec.generation >= MOST_GENERATIONS {
            return Err(IngestError::Changed);
        }
        if self.rendition.take().is_some() {
            self.spec.generation += 1;
        }
        self.spec.anew = Some(why.to_owned());
        (self.packager, self.packer, self.source) = (None, None, None);
        Ok(())
    }

    /// Forgets what was made and not listed, as a restart does; begins anew where nothing was listed yet.
    ///
    /// # Errors
    /// As `begin_anew`.
    pub(super) async fn take_back(&mut self, why: &str) -> Result<(), IngestError> {
        if self.rendition.is_some() && self.next_dts().await?.is_none() {
            return self.begin_anew(why);
        }
        (self.packager, self.packer, self.source) = (None, None, None);
        Ok(())
    }

    /// The form of the picture that it carries, if it does.
    pub(super) fn picture(&self) -> Option<&VideoPlan> {
        self.spec.video.as_ref()
    }

    /// The form of a sound that it carries, if it does.
    pub(super) fn sound(&self) -> Option<&AudioPlan> {
        self.spec.audio.as_ref()
    }

    /// Whether its decode times are the source's own, so that it is made in one piece.
    pub(super) fn keeps_its_times(&self) -> bool {
        self.spec.timing == Timing::Source
    }

    /// Whether an earlier run listed its last segment.
    pub(super) fn is_finished(&self) -> bool {
        self.rendition.as_ref().is_some_and(|rendition| rendition.finished)
    }

    /// Presentation tick at which the next segment begins; `None` before the first.
    pub(super) async fn next_tick(&self) -> Result<Option<i64>, IngestError> {
        let delay = self.rendition.as_ref().map_or(0, |rendition| i64::from(rendition.reorder_delay));
        Ok(self.next_dts().await?.map(|start| start as i64 + delay))
    }

    /// Decode tick at which the next segment begins; `None` before the first.
    pub(super) async fn next_dts(&self) -> Result<Option<u64>, IngestError> {
        let Some(rendition) = &self.rendition else { return Ok(None) };
        Ok(self.run.ingest.catalog.resume_of(rendition.id).await?.next_start)
    }

    /// Takes what a run of ffmpeg says of this track, before its samples. Of a run without any it is of no account:
    /// encoders say something else of nothing.
    pub(super) async fn begin_run(&mut self, source: &SourceTrack) -> Result<(), IngestError> {
        self.is_other = match &self.rendition {
            Some(rendition) => self.run.ingest.catalog.init_of(rendition.id).await? != self.spec.init(source),
            None => false,
        };
        if self.is_other {
            return Ok(());
        }
        if self.packager.is_none() {
            let resume = match &self.rendition {
                None => None,
                Some(rendition) => {
                    let delay = rendition.reorder_delay;
                    self.next_dts().await?.map(|next_dts| Resume { next_dts, delay })
                }
            };
            self.packager = Some(Packager::new(PackagerSettings {
                timescale: source.timescale,
                kind: self.spec.kind,
                cut: self.spec.cut.rule(source.timescale),
                cuts: self.spec.cuts.clone(),
                timing: self.spec.timing,
                wrapping: self.spec.wrapping(),
                resume,
            })?);
            if let (Some(from_s), None) = (self.picture().and_then(|plan| plan.from_s), resume) {
                let begin = (from_s + TIMELINE_OFFSET_SECONDS as f64) * f64::from(source.timescale);
                self.begin_at(begin.round() as i64);
            }
        }
        self.source = Some(source.clone());
        Ok(())
    }

    /// Takes the samples of one fragment. In a run of one piece segments are listed as they come.
    ///
    /// # Errors
    /// `Changed` when they could not be decoded with the init segment that players have.
    pub(super) async fn push(&mut self, samples: Vec<Sample>) -> Result<(), IngestError> {
        if self.is_other && !samples.is_empty() {
            return Err(IngestError::Changed);
        }
        let mut samples = self.before_end(samples);
        self.begin(&mut samples);
        self.reached_s = samples.last().map_or(self.reached_s, |last| self.film_seconds(last.pts));
        let Some(packager) = &mut self.packager else { return Ok(()) };
        let segments = packager.push(samples)?;
        self.keep(segments).await?;
        if self.spec.timing == Timing::Source {
            self.list_if_due().await?;
        }
        Ok(())
    }

    /// From this tick on the first picture is shown, which may have a later time of its own.
    pub(super) fn begin_at(&mut self, tick: i64) {
        self.begins_at = Some(tick);
    }

    /// Whether nothing came since.
    pub(super) fn has_nothing(&self) -> bool {
        self.begins_at.is_some()
    }

    fn begin(&mut self, samples: &mut [Sample]) {
        let Some(first) = samples.first_mut() else { return };
        let rounding = self.source.as_ref().map_or(0, |source| i64::from(source.timescale) / 100);
        let early = self.begins_at.take().map_or(0, |tick| first.pts - tick);
        if early > rounding {
            (first.pts, first.dts) = (first.pts - early, first.dts - early);
        }
    }

    /// Sound that is copied goes no further than the picture.
    fn before_end(&self, mut samples: Vec<Sample>) -> Vec<Sample> {
        let copied = self.sound().filter(|sound| sound.action.is_copied());
        if let (Some(end_s), Some(source)) = (copied.and_then(|sound| sound.end_s), &self.source) {
            let end = (end_s + TIMELINE_OFFSET_SECONDS as f64) * f64::from(source.timescale);
            samples.retain(|sample| (sample.dts as f64) < end);
        }
        samples
    }

    /// Ends a span: everything of it is listed at once.
    ///
    /// # Errors
    /// `Cmaf(Hole)` when there is nothing of it, or not enough.
    pub(super) async fn end_span(&mut self, next_tick: Option<i64>) -> Result<(), IngestError> {
        let Some(packager) = &mut self.packager else { return Err(CmafError::Hole(0).into()) };
        let segments = packager.end_span(next_tick)?;
        self.keep(segments).await?;
        self.list().await
    }

    /// The same of the last one, whose last picture is shown up to there if it is shown before.
    pub(super) async fn end_last_span(&mut self, until_tick: Option<i64>) -> Result<(), IngestError> {
        let Some(packager) = &mut self.packager else { return Ok(()) };
        let segments = packager.end_last_span(until_tick)?;
        self.keep(segments).await?;
        self.list().await
    }

    /// Ends a run before its end: what is complete is listed, and another run goes on behind it.
    pub(super) async fn break_off(&mut self) -> Result<(), IngestError> {
        self.list().await?;
        (self.packager, self.packer, self.source) = (None, None, None);
        Ok(())
    }

    /// Whether a film has its first seconds with these tracks of a run. One of which nothing comes for long has none.
    pub(super) fn have_opened(tracks: &[&mut Track<'_>]) -> bool {
        let reached_s = tracks.iter().map(|track| track.reached_s).fold(0.0, f64::max);
        let are_shown = tracks.iter().all(|track| track.is_shown);
        let least_s = if are_shown { LONGEST_OPENING_S } else { 4 * LONGEST_OPENING_S };
        reached_s > least_s as f64
    }

    /// Ends the track.
    ///
    /// # Errors
    /// `Refused` when it never had a segment.
    pub(super) async fn finish(mut self) -> Result<(), IngestError> {
        if let Some(packager) = &mut self.packager {
            let segments = packager.finish()?;
            self.keep(segments).await?;
        }
        if self.packer.is_none() && self.rendition.is_some() {
            // An earlier run listed everything and was cut off before it sealed the last pack.
            self.packer = Some(self.open_packer().await?);
        }
        if let Some(packer) = self.packer.take() {
            packer.finish().await?;
        }
        let what = if self.spec.kind == TrackKind::Video { "picture" } else { "sound" };
        let nothing = || IngestError::refused(format!("The file lists a {what}, but nothing of it could be decoded."));
        let rendition = self.rendition.ok_or_else(nothing)?;
        self.run.is_whole(&rendition, self.spec.video.as_ref().and_then(|plan| plan.end_s)).await?;
        publish::finish(self.run.ingest, self.run.work.lease, &rendition).await?;
        if self.spec.turn != Turn::First {
            self.run.ingest.tell(self.run.video, VideoChange::Refined);
        }
        Ok(())
    }

    /// Seconds of film that a tick of this track stands for.
    pub(super) fn film_seconds(&self, tick: i64) -> f64 {
        let timescale = self.source.as_ref().map_or(1, |source| source.timescale);
        seconds(u64::try_from(tick).unwrap_or(0), timescale) - TIMELINE_OFFSET_SECONDS as f64
    }

    /// Waits until the spool has room.
    pub(super) async fn room(&mut self, bytes: u64) -> Result<(), IngestError> {
        match &mut self.packer {
            Some(packer) => Ok(packer.room(bytes, &self.run.work.cancel).await?),
            None => Ok(()),
        }
    }

    async fn keep(&mut self, segments: Vec<Segment>) -> Result<(), IngestError> {
        if segments.is_empty() {
            return Ok(());
        }
        if self.packer.is_none() {
            self.packer = Some(self.open_packer().await?);
        }
        let Some(packer) = &mut self.packer else { return Ok(()) };
        let timescale = self.rendition.as_ref().map_or(1, |rendition| rendition.timescale);
        for mut segment in segments {
            thin(&mut segment.key_frames, timescale, |frame| frame.start);
            let duration = u32::try_from(segment.duration)
                .map_err(|_| IngestError::refused("A single picture of the film lasts for hours. It was not taken."))?;
            let (start, data, len, independent) = (segment.start, segment.data, segment.len, segment.independent);
            let key_frames = segment.key_frames;
            packer.add(FreshSegment { start, duration, data, len, independent, key_frames }).await?;
        }
        Ok(())
    }

    async fn open_packer(&mut self) -> Result<Packer, IngestError> {
        let (catalog, lease) = (&self.run.ingest.catalog, self.run.work.lease);
        let rendition = match self.rendition.take() {
            Some(known) => known,
            None => {
                let source = self.source.as_ref().ok_or(IngestError::Changed)?;
                let delay = self.packager.as_ref().and_then(Packager::delay).unwrap_or(0);
                catalog.begin_rendition(lease, self.spec.rendition(source, delay)).await?
            }
        };
        let settings = PackerSettings {
            lease,
            video: self.run.video,
            rendition: rendition.id,
            number: rendition.number,
            init: catalog.init_of(rendition.id).await?,
            timescale: rendition.timescale,
            ramps: true,
        };
        self.rendition = Some(rendition);
        Ok(self.run.ingest.deposit.packer(settings, self.sealed.clone()).await?)
    }

    async fn list_if_due(&mut self) -> Result<(), IngestError> {
        let pending = self.packer.as_ref().map_or(0, Packer::pending_bytes);
        if pending > 0 && (pending >= LIST_BYTES || self.listed_at.elapsed() >= LIST_EVERY) {
            // The first one is waited for, and told.
            match (&mut self.packer, self.is_shown) {
                (Some(packer), true) => packer.begin_commit().await?,
                _ => self.list().await?,
            }
            self.listed_at = Instant::now();
            self.room(ROOM_BYTES).await?;
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<(), IngestError> {
        if let Some(packer) = &mut self.packer {
            packer.commit().await?;
            if !std::mem::replace(&mut self.is_shown, true) && self.spec.turn != Turn::Later {
                self.run.ingest.tell(self.run.video, VideoChange::Playable);
            }
        }
        self.listed_at = Instant::now();
        Ok(())
    }
}
