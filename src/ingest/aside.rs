//! What stands beside picture and sound: subtitles, and small pictures to scrub by.
//!
//! None of it is worth a film: what cannot be made is left out, and the plan says why.

use super::{Ingest, IngestError, Run, publish};
use crate::catalog::{NewRendition, Rendition};
use crate::deposit::{FreshSegment, PackerSettings};
use crate::events::VideoChange;
use crate::ffmpeg::{Candidate, FfmpegError};
use crate::jobs::Work;
use crate::media::id::{BlobId, VideoId};
use crate::media::plan::{Plan, SubtitlePlan};
use crate::media::probe::Probe;
use crate::media::rendition::{Method, RenditionKind, TrackName, number_of};
use crate::media::storyboard::{SIDE, Storyboard};
use crate::media::subtitles::Subtitles;
use crate::media::time::{TIMELINE_OFFSET_SECONDS, seconds};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Ticks a second of everything here.
const TIMESCALE: u32 = 1000;

/// Milliseconds of a segment of subtitles (Apple authoring rule 5.6 wants them longer than those of pictures).
const TEXT_MS: u64 = 60_000;

/// Said of subtitles that are cut short.
const CROWDED: &str = "so much text stays so long that only the earliest of it is shown";

/// A rendition whose segments need no encoder.
pub(super) struct Aside<'a> {
    name: TrackName,
    why: String,
    /// What its segments need to be understood.
    init: Vec<u8>,
    codecs: &'static str,
    /// Seconds of its longest segment.
    target_duration: u32,
    size: Option<(u32, u32)>,
    language: Option<String>,
    label: Option<String>,
    is_default: bool,
    forced: bool,
    /// Milliseconds and bytes of each, in order. Those of subtitles are written when they are kept: cues that stay
    /// stand in many of them, which are never in memory together.
    segments: Box<dyn Iterator<Item = (u32, Bytes)> + Send + 'a>,
}

impl Run<'_> {
    /// Makes subtitles and scrub pictures; answers what was left out and why.
    pub(super) async fn beside(
        &self,
        probe: &Probe,
        plan: &Plan,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<Vec<String>, IngestError> {
        let made = self.ingest.catalog.renditions_of(self.work.lease).await?;
        let is_made = |name: TrackName| made.iter().any(|known| known.finished && known.name == name.to_string());
        let length_ms = self.ingest.length_ms(&made).await?;
        let mut left_out = Vec::new();
        let texts = (0..).map(|at| TrackName::new(RenditionKind::Subtitles, at)).zip(&plan.subtitles);
        let lacking: Vec<(TrackName, &SubtitlePlan)> = texts.filter(|(name, _)| !is_made(*name)).collect();
        if !lacking.is_empty() {
            self.work.stage("subtitles");
            left_out.extend(self.texts(probe, &lacking, length_ms, sealed).await?);
        }
        if !probe.video.is_empty() && !is_made(TrackName::STORYBOARD) {
            self.work.stage("storyboard");
            left_out.extend(self.board(probe, length_ms, sealed).await?);
        }
        if !probe.video.is_empty() && !is_made(TrackName::STILLS) {
            self.work.stage("stills");
            self.stills(probe, length_ms, sealed).await?;
        }
        Ok(left_out)
    }

    async fn texts(
        &self,
        probe: &Probe,
        lacking: &[(TrackName, &SubtitlePlan)],
        length_ms: u64,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<Vec<String>, IngestError> {
        let found = match self.ingest.ffmpeg.subtitles(self.input(), probe, &self.work.cancel).await {
            Ok(found) => found,
            Err(FfmpegError::Cancelled) => return Err(IngestError::Stopped),
            Err(error) => return Ok(vec![format!("The subtitles could not be read: {error}")]),
        };
        let mut left_out = Vec::new();
        for (name, plan) in lacking {
            match found.iter().find(|track| track.index == plan.index).map(|track| &track.subtitles) {
                Some(Ok(texts)) => {
                    if !texts.fits(TEXT_MS, length_ms) {
                        left_out.push(format!("Subtitles {} are not whole: {CROWDED}.", name.number + 1));
                    }
                    self.keep(of_texts(*name, plan, texts, length_ms), sealed).await?;
                }
                Some(Err(error)) => left_out.push(format!("Subtitles {} were left out: {error}", name.number + 1)),
                None => left_out.push(format!("Subtitles {} were not found in the file.", name.number + 1)),
            }
        }
        Ok(left_out)
    }

    async fn board(
        &self,
        probe: &Probe,
        length_ms: u64,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<Option<String>, IngestError> {
        let Some(picture) = probe.video.first() else { return Ok(None) };
        let board = Storyboard::of(length_ms as f64 / 1000.0, picture.display_size());
        let sheets = match self.ingest.ffmpeg.storyboard(self.input(), probe, &board, &self.work.cancel).await {
            Ok(sheets) => sheets,
            Err(FfmpegError::Cancelled) => return Err(IngestError::Stopped),
            Err(error) => return Ok(Some(format!("There are no pictures to scrub by: {error}"))),
        };
        self.keep(of_board(&board, sheets)?, sealed).await?;
        Ok(None)
    }

    /// Stills that may become the poster. A film of which none is good has none.
    async fn stills(
        &self,
        probe: &Probe,
        length_ms: u64,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<(), IngestError> {
        let stills = self.ingest.ffmpeg.poster_candidates(self.input(), probe, &self.work.cancel).await?;
        if stills.is_empty() {
            return Ok(());
        }
        self.keep(of_stills(stills, length_ms)?, sealed).await
    }

    async fn keep(&self, aside: Aside<'_>, sealed: &mpsc::UnboundedSender<BlobId>) -> Result<(), IngestError> {
        self.ingest.keep_aside(self.work, self.video, aside, sealed).await
    }
}

impl Ingest {
    /// Milliseconds of film, as its pictures, or without any its sound, came out.
    pub(super) async fn length_ms(&self, made: &[Rendition]) -> Result<u64, IngestError> {
        let Some(main) = made.iter().find(|rendition| rendition.finished && !rendition.refines) else { return Ok(0) };
        let resume = self.catalog.resume_of(main.id).await?;
        let end = resume.next_start.unwrap_or(0) + u64::from(main.reorder_delay);
        let length_s = seconds(end, main.timescale) - TIMELINE_OFFSET_SECONDS as f64;
        Ok((length_s * 1000.0).round().max(0.0) as u64)
    }

    /// Lists a rendition, or what an earlier run did not list of it, and finishes it.
    pub(super) async fn keep_aside(
        &self,
        work: &Work,
        video: VideoId,
        aside: Aside<'_>,
        sealed: &mpsc::UnboundedSender<BlobId>,
    ) -> Result<(), IngestError> {
        let (catalog, lease) = (&self.catalog, work.lease);
        let rendition = catalog.begin_rendition(lease, aside.rendition()).await?;
        let listed = catalog.resume_of(rendition.id).await?;
        let settings = PackerSettings {
            lease,
            video,
            rendition: rendition.id,
            number: rendition.number,
            init: aside.init,
            timescale: TIMESCALE,
            ramps: false,
        };
        let mut packer = self.deposit.packer(settings, sealed.clone()).await?;
        let mut start = 0;
        for (number, (duration, bytes)) in (0..).zip(aside.segments) {
            if number >= listed.next_number {
                let (data, len) = (vec![bytes.clone()], bytes.len() as u64);
                packer
                    .add(FreshSegment { start, duration, data, len, independent: true, key_frames: Vec::new() })
                    .await?;
            }
            start += u64::from(duration);
        }
        packer.finish().await?;
        publish::finish(self, lease, &rendition).await?;
        self.tell(video, VideoChange::Refined);
        Ok(())
    }
}

impl Aside<'_> {
    fn rendition(&self) -> NewRendition {
        NewRendition {
            number: number_of(self.name.kind, self.name.number),
            name: self.name.to_string(),
            generation: 1,
            kind: self.name.kind,
            refines: true,
            method: Method::Encoded,
            why: self.why.clone(),
            codecs: self.codecs.to_owned(),
            timescale: TIMESCALE,
            target_duration: self.target_duration,
            size: self.size,
            frame_rate_milli: None,
            video_range: None,
            sound: None,
            language: self.language.clone(),
            label: self.label.clone(),
            is_default: self.is_default,
            forced: self.forced,
            source_stream: None,
            reorder_delay: 0,
            planned_bandwidth: 1,
            init: self.init.clone(),
        }
    }
}

/// Subtitles in segments. Where they do not fit into these, it is told why not all of them is shown.
pub(super) fn of_texts<'a>(name: TrackName, plan: &SubtitlePlan, texts: &'a Subtitles, length_ms: u64) -> Aside<'a> {
    let starts = (0..length_ms).step_by(TEXT_MS as usize);
    let lengths = starts.map(move |start| (length_ms - start).min(TEXT_MS) as u32);
    let segments = lengths.zip(texts.segments(TEXT_MS, length_ms).map(Bytes::from));
    let why = if texts.fits(TEXT_MS, length_ms) { plan.why.clone() } else { format!("{}; {CROWDED}", plan.why) };
    Aside {
        name,
        why,
        init: Vec::new(),
        codecs: "wvtt",
        target_duration: (TEXT_MS / 1000) as u32,
        size: None,
        language: plan.language.clone(),
        label: plan.label.clone(),
        is_default: plan.is_default,
        forced: plan.forced,
        segments: Box::new(segments),
    }
}

fn of_board(board: &Storyboard, sheets: Vec<Bytes>) -> Result<Aside<'static>, IngestError> {
    let full = u64::from(SIDE * SIDE);
    let tiles = |sheet: u64| (u64::from(board.tiles) - (sheet * full).min(u64::from(board.tiles))).min(full);
    let lasts = |sheet: u64| u32::try_from(tiles(sheet).max(1) * board.interval_ms).unwrap_or(u32::MAX);
    let segments: Vec<(u32, Bytes)> = (0..).map(lasts).zip(sheets).collect();
    let longest = segments.iter().map(|segment| segment.0).max().unwrap_or(0);
    Ok(Aside {
        name: TrackName::STORYBOARD,
        why: "key frames to scrub by".to_owned(),
        init: serde_json::to_vec(board).map_err(|error| IngestError::Pipe(error.into()))?,
        codecs: "jpeg",
        target_duration: longest.div_ceil(1000).max(1),
        size: Some((board.tile_width, board.tile_height)),
        language: None,
        label: None,
        is_default: false,
        forced: false,
        segments: Box::new(segments.into_iter()),
    })
}

/// One segment for each still; the init segment says at which second each is.
fn of_stills(stills: Vec<Candidate>, length_ms: u64) -> Result<Aside<'static>, IngestError> {
    let seconds: Vec<f64> = stills.iter().map(|still| still.second).collect();
    let part_ms = u32::try_from(length_ms / stills.len().max(1) as u64).unwrap_or(u32::MAX).max(1);
    Ok(Aside {
        name: TrackName::STILLS,
        why: "stills to choose a poster from".to_owned(),
        init: serde_json::to_vec(&seconds).map_err(|error| IngestError::Pipe(error.into()))?,
        codecs: "jpeg",
        target_duration: part_ms.div_ceil(1000).max(1),
        size: None,
        language: None,
        label: None,
        is_default: false,
        forced: false,
        segments: Box::new(stills.into_iter().map(move |still| (part_ms, still.jpeg))),
    })
}
