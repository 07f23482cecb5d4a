//! Samples of one track into segments.

use super::chunk::{Chunk, Placed, Segment};
use super::error::CmafError;
use super::fragment::Sample;
use super::source::TrackKind;
use super::timing::Timeline;
use super::transport::{self, Row};
use crate::media::segment::{CutRule, Gop};
use crate::media::span::LONGEST_SHOWN;
use crate::media::time::{TIMELINE_OFFSET_SECONDS, Timescale};

/// Seconds that a picture of spans is shown at most: no plan shows one for longer than `LONGEST_SHOWN`, and half a
/// second is for those whose times are guessed. More than that is missing.
pub(super) const LONGEST_STRETCH_S: f64 = LONGEST_SHOWN + 0.5;

/// Where decode times come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// One run from beginning to end (copied video, sound): the source's decode times are kept.
    Source,
    /// Video encoded span by span, every span a run of its own with closed GOPs: decode times are
    /// made from presentation times, so that they do not depend on how each run reorders.
    Spans,
}

/// What segments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Fragments of MP4, after an init segment.
    Fragments,
    /// Packets of MPEG-TS, for MP3 only: in fragments it crashes players. Ticks are samples of sound.
    Transport,
}

/// Where to go on after a restart: what `Packager::next_dts` and `Packager::delay` said when the last
/// kept segment had been returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// End of the last segment kept, in ticks. A `Timing::Source` stream may start earlier: samples
    /// before this are passed over, and one must begin exactly here.
    pub next_dts: u64,
    /// The generation's delay in ticks.
    pub delay: u32,
}

/// What a packager needs to know.
#[derive(Clone, Debug)]
pub struct PackagerSettings {
    /// Ticks per second of the track.
    pub timescale: Timescale,
    /// Picture (cut before key frames) or sound (cut on an even grid).
    pub kind: TrackKind,
    /// How long and how big segments should be.
    pub cut: CutRule,
    /// Picture: the presentation times, in ticks and in their order, at which segments begin, however big they become;
    /// none where the rule holds. Another one begins where spans join, and where one would be longer than the rule's
    /// target and tolerance.
    pub cuts: Vec<i64>,
    /// Where decode times come from.
    pub timing: Timing,
    /// What segments are.
    pub wrapping: Wrapping,
    /// Where to go on, if this generation was begun before.
    pub resume: Option<Resume>,
}

/// Packages one generation of one rendition. It keeps the segment being filled and one fragment.
#[derive(Debug)]
pub struct Packager {
    settings: PackagerSettings,
    timeline: Timeline,
    /// Spans: the pictures since the last key frame.
    gop: Vec<Sample>,
    /// Video: the GOPs of the segment being filled.
    chunks: Vec<Chunk>,
    size: Gop,
    /// Transport: where frames follow each other.
    row: Row,
    /// Sound: the samples of the segment being filled.
    sound: Vec<Placed>,
    next_dts: Option<u64>,
    sequence: u32,
}

impl Packager {
    /// A packager at the start of a generation, or where `resume` says.
    ///
    /// # Errors
    /// If the place to resume at is out of range.
    pub fn new(settings: PackagerSettings) -> Result<Self, CmafError> {
        Ok(Self {
            timeline: Timeline::new(settings.timing, settings.timescale, settings.resume)?,
            gop: Vec::new(),
            row: Row::default(),
            chunks: Vec::new(),
            size: Gop::default(),
            sound: Vec::new(),
            next_dts: settings.resume.map(|resume| resume.next_dts),
            sequence: 0,
            settings,
        })
    }

    /// Adds one fragment and returns the segments that this completes. A fragment of `Timing::Source` is a
    /// GOP, or about a second of sound; one of spans may end anywhere, since the muxer cuts all its tracks
    /// when any of them has a key frame.
    ///
    /// # Errors
    /// `CmafError::Times` if the time stamps cannot be packaged, and `Hole` if pictures of a span are missing; the packager
    /// is then of no more use.
    pub fn push(&mut self, samples: Vec<Sample>) -> Result<Vec<Segment>, CmafError> {
        if self.settings.timing == Timing::Source {
            return self.take(samples);
        }
        let mut done = Vec::new();
        for sample in samples {
            if sample.sync && !self.gop.is_empty() {
                let gop = std::mem::take(&mut self.gop);
                done.extend(self.take(gop)?);
            }
            self.gop.push(sample);
        }
        Ok(done)
    }

    fn take(&mut self, mut samples: Vec<Sample>) -> Result<Vec<Segment>, CmafError> {
        if self.settings.wrapping == Wrapping::Transport {
            self.row.place(&mut samples, self.settings.timescale);
        }
        match self.timeline.push(samples)? {
            Some(chunk) => self.join(chunk),
            None => Ok(Vec::new()),
        }
    }

    /// Ends a span: everything pushed is returned, so the next span starts a segment. The last
    /// picture is shown until `next_pts` (ticks), where the next span begins; without it, as long as
    /// the one before it.
    ///
    /// # Errors
    /// As for `push`; `Times` if `next_pts` is not after every picture pushed, and `Hole` if it is long after.
    pub fn end_span(&mut self, next_pts: Option<i64>) -> Result<Vec<Segment>, CmafError> {
        let mut segments = self.take_rest()?;
        if let Some(next) = next_pts {
            self.timeline.goes_on_at(next)?;
        }
        if let Some(chunk) = self.timeline.end(next_pts)? {
            segments.extend(self.join(chunk)?);
        }
        // The end of a file that was cut off in the middle of a frame.
        if self.settings.wrapping == Wrapping::Transport {
            self.sound.pop_if(|last| !transport::can_be_frame(last));
        }
        segments.extend(self.cut()?);
        Ok(segments)
    }

    /// Ends the last span, whose last picture is shown up to `until` if it is shown shortly before: of some films that
    /// cannot be known, as decoders guess when their pictures are shown, and of some the end cannot be decoded.
    ///
    /// # Errors
    /// `CmafError::Times` as for `push`.
    pub fn end_last_span(&mut self, until: Option<i64>) -> Result<Vec<Segment>, CmafError> {
        let mut segments = self.take_rest()?;
        let longest = (LONGEST_STRETCH_S * f64::from(self.settings.timescale)) as i64;
        let is_near = |until: &i64| {
            self.timeline.last_shown().is_some_and(|last| (1..=longest).contains(&until.saturating_sub(last)))
        };
        let until = until.filter(is_near);
        segments.extend(self.end_span(until)?);
        Ok(segments)
    }

    /// Takes the pictures since the last key frame.
    fn take_rest(&mut self) -> Result<Vec<Segment>, CmafError> {
        let gop = std::mem::take(&mut self.gop);
        self.take(gop)
    }

    /// Ends the rendition and returns what is left of it.
    ///
    /// # Errors
    /// As for `push`.
    pub fn finish(&mut self) -> Result<Vec<Segment>, CmafError> {
        self.end_span(None)
    }

    /// For `Resume`: ticks that the first picture, and with `Timing::Spans` every one before its rank, is decoded before
    /// it is shown; `None` until the first fragment.
    pub fn delay(&self) -> Option<u32> {
        self.timeline.delay()
    }

    /// For `Resume`: where the last segment returned ends, in ticks; `None` before the first.
    pub fn next_dts(&self) -> Option<u64> {
        self.next_dts
    }

    fn join(&mut self, chunk: Chunk) -> Result<Vec<Segment>, CmafError> {
        match self.settings.kind {
            TrackKind::Video => self.join_gop(chunk),
            TrackKind::Audio => self.join_sound(chunk),
        }
    }

    fn join_gop(&mut self, chunk: Chunk) -> Result<Vec<Segment>, CmafError> {
        let gop = Gop { duration: chunk.duration, bytes: chunk.bytes };
        let mut done = Vec::new();
        if self.closes_before(&chunk, gop) {
            done.extend(self.cut()?);
        }
        self.size = self.size.joined(gop);
        self.chunks.push(chunk);
        Ok(done)
    }

    fn closes_before(&self, next: &Chunk, gop: Gop) -> bool {
        let rule = self.settings.cut;
        if self.settings.cuts.is_empty() {
            return rule.closes_before(self.size, gop);
        }
        let is_too_long = self.size.joined(gop).duration > rule.target.saturating_add(rule.tolerance);
        // Time stamps are rounded, twice.
        let rounding = i64::from(self.settings.timescale) / 500;
        let passed = |chunk: &Chunk| {
            let shown = chunk.samples.first().map_or(i64::MIN, |first| first.pts.saturating_add(rounding));
            self.settings.cuts.partition_point(|cut| *cut <= shown)
        };
        self.chunks.first().is_some_and(|first| is_too_long || passed(first) < passed(next))
    }

    fn join_sound(&mut self, chunk: Chunk) -> Result<Vec<Segment>, CmafError> {
        let origin = TIMELINE_OFFSET_SECONDS * u64::from(self.settings.timescale);
        let mut done = Vec::new();
        for sample in chunk.samples {
            let at = u64::try_from(sample.dts).unwrap_or(0);
            let start = self.sound.first().map_or(at, |first| u64::try_from(first.dts).unwrap_or(0));
            let bytes = sample.data.len() as u64;
            let full = self.size.bytes.saturating_add(bytes) > self.settings.cut.max_bytes;
            if at >= self.settings.cut.sound_ends_at(start, origin) || full {
                done.extend(self.cut()?);
            }
            self.size.bytes += bytes;
            self.sound.push(sample);
        }
        Ok(done)
    }

    /// Ends the segment being filled, if there is anything in it.
    fn cut(&mut self) -> Result<Option<Segment>, CmafError> {
        let mut chunks = std::mem::take(&mut self.chunks);
        if !self.sound.is_empty() {
            chunks.push(Chunk::new(std::mem::take(&mut self.sound))?);
        }
        self.size = Gop::default();
        if chunks.is_empty() {
            return Ok(None);
        }
        let segment = self.written(&chunks)?;
        self.next_dts = Some(segment.start + segment.duration);
        Ok(Some(segment))
    }

    /// A segment of chunks, of which there is at least one; sound is one.
    fn written(&mut self, chunks: &[Chunk]) -> Result<Segment, CmafError> {
        if let (Wrapping::Transport, [sound]) = (self.settings.wrapping, chunks) {
            return transport::segment(sound, self.settings.timescale);
        }
        let timescale = u64::from(self.settings.timescale.max(1));
        let sequence = &mut self.sequence;
        Segment::write(chunks, self.settings.kind == TrackKind::Video, |chunk| {
            // Milliseconds of decode time, so that numbers go on increasing after a restart.
            let milliseconds = chunk.start.saturating_mul(1000) / timescale;
            *sequence = u32::try_from(milliseconds).unwrap_or(u32::MAX).max(sequence.saturating_add(1));
            *sequence
        })
    }
}
