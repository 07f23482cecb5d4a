//! The making of a video's tracks: ffmpeg copies or encodes, fragments become segments, segments
//! go into packs, and sealed packs to the store, all at the same time.

use super::progress::Meter;
use super::track::{Track, TrackSpec};
use super::{IngestError, Run};
use crate::cmaf::{Demuxer, Event, Limits, SourceTrack, Timing, TrackKind};
use crate::events::VideoChange;
use crate::ffmpeg::Output;
use crate::ffmpeg::encoder::{Encoder, choose};
use crate::ffmpeg::package::{AudioTask, Clip, CopiedCodec, PackageTask, ToneMap, VideoEncode, VideoTask};
use crate::media::id::BlobId;
use crate::media::plan::{AudioAction, AudioPlan, Plan, VideoAction, VideoPlan};
use crate::media::probe::{Probe, Ratio, VideoStream};
use crate::media::rendition::Method;
use crate::media::span::{Span, VIDEO_TIMESCALE};
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use std::path::Path;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// Bytes asked of ffmpeg's pipe at a time, at most.
const READ_SIZE: usize = 256 * 1024;

/// A buffer with less room than this left is followed by a new one.
const LEAST_READ: usize = 64 * 1024;

/// Reads of the pipe that may wait to be packaged: 8 MiB.
const READ_AHEAD: usize = 32;

/// Largest box taken from ffmpeg: a fragment holds one group of pictures.
const MAX_BOX_BYTES: u64 = 160 * 1024 * 1024;

/// Seconds between key frames that we ask an encoder for (Apple authoring rule 1.10).
const KEY_FRAME_INTERVAL_S: u32 = 2;

type Sealed = mpsc::UnboundedSender<BlobId>;

impl Run<'_> {
    /// Makes, stores and finishes everything that is planned; blobs with a first copy go to `stored`.
    pub(super) async fn make(&self, probe: &Probe, plan: &Plan, stored: Sealed) -> Result<(), IngestError> {
        let (sealed, to_store) = mpsc::unbounded_channel();
        for blob in self.ingest.catalog.sealed_blobs(self.work.lease).await? {
            // The receiver lives as long as this function.
            let _ = sealed.send(blob);
        }
        let meter = Meter::new(self.work, probe.duration_s.unwrap_or(0.0));
        let store = self.ingest.deposit.store_all(self.work.lease, to_store, stored, &self.work.cancel);
        let make = async {
            let poster = self.poster(probe, sealed.clone());
            let tracks = self.tracks(probe, plan, &meter, sealed.clone());
            tokio::try_join!(poster, tracks)?;
            drop(sealed);
            meter.storing();
            Ok::<(), IngestError>(())
        };
        let store = async { Ok(store.await?) };
        // Both are large: kept on the heap, not in every future around them.
        tokio::try_join!(make.boxed(), store.boxed())?;
        Ok(())
    }

    async fn tracks(&self, probe: &Probe, plan: &Plan, meter: &Meter<'_>, sealed: Sealed) -> Result<(), IngestError> {
        let sound = plan.audio.as_ref();
        match &plan.video {
            None => self.in_one_piece(probe, plan, None, sound, Some(meter), sealed).await,
            Some(video) if video.action == VideoAction::Copy => {
                self.in_one_piece(probe, plan, Some(video), sound, Some(meter), sealed).await
            }
            Some(video) => {
                let listen = async {
                    match sound {
                        // The picture takes longer: its progress is the film's.
                        Some(_) => self.in_one_piece(probe, plan, None, sound, None, sealed.clone()).await,
                        None => Ok(()),
                    }
                };
                let look = self.in_spans(probe, plan, video, meter, sealed.clone());
                tokio::try_join!(listen.boxed(), look.boxed())?;
                Ok(())
            }
        }
    }

    /// Copied picture, and sound, in one run from beginning to end.
    async fn in_one_piece(
        &self,
        probe: &Probe,
        plan: &Plan,
        video: Option<&VideoPlan>,
        audio: Option<&AudioPlan>,
        meter: Option<&Meter<'_>>,
        sealed: Sealed,
    ) -> Result<(), IngestError> {
        let mut tracks = Vec::new();
        if let Some(video) = video {
            tracks.push(Track::open(self, TrackSpec::of_video(plan, video, Timing::Source), sealed.clone()).await?);
        }
        if let Some(audio) = audio {
            let method = if audio.action == AudioAction::Copy { Method::Copied } else { Method::Encoded };
            tracks.push(Track::open(self, TrackSpec::of_sound(plan, audio, method), sealed.clone()).await?);
        }
        if tracks.iter().all(Track::is_finished) {
            return Ok(());
        }
        if let Some(listing) = self.listing(probe, plan, video, audio).await? {
            self.remux(listing, &mut tracks, meter).await?;
        } else {
            self.run_ffmpeg(&copy_task(self.input(), probe, video, audio), &mut tracks, meter).await?;
        }
        for track in tracks.into_iter().filter(|track| !track.is_finished()) {
            track.finish().await?;
        }
        Ok(())
    }

    /// Encoded picture, span after span.
    async fn in_spans(
        &self,
        probe: &Probe,
        plan: &Plan,
        video: &VideoPlan,
        meter: &Meter<'_>,
        sealed: Sealed,
    ) -> Result<(), IngestError> {
        let VideoAction::Encode { spans, .. } = &video.action else { return Ok(()) };
        let track = Track::open(self, TrackSpec::of_video(plan, video, Timing::Spans), sealed).await?;
        if track.is_finished() {
            return Ok(());
        }
        let encoder = self.encoder().await?;
        let next_tick = track.next_tick().await?;
        let mut tracks = [track];
        for span in spans.iter().filter(|span| is_left(span, next_tick)) {
            let mut encode = encode_task(probe, video, encoder)?;
            encode.clip = Some(Clip { seek_s: span.seek_s, from_s: span.from_s, to_s: span.to_s });
            let task = PackageTask {
                input: self.input().to_path_buf(),
                start_s: probe.start_s,
                video: Some(VideoTask::Encode(Box::new(encode))),
                audio: None,
            };
            tracks[0].room(span.seconds() * video.planned_bandwidth / 8).await?;
            self.run_ffmpeg(&task, &mut tracks, Some(meter)).await?;
            tracks[0].end_span(span.next_tick).await?;
        }
        let [track] = tracks;
        track.finish().await
    }

    /// Runs ffmpeg and hands every fragment to the track it belongs to. Its pipe is read on while
    /// segments are written, so that neither waits for the other.
    async fn run_ffmpeg(
        &self,
        task: &PackageTask,
        tracks: &mut [Track<'_>],
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        let mut running = self.ingest.ffmpeg.start(task, self.work.cancel.clone()).await?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let reading = read_all(&mut running.stdout, sender);
        let ((), mut demuxer) = tokio::try_join!(reading, package(receiver, tracks, meter))?;
        // A run that failed says more than half a box does.
        running.wait().await?;
        Ok(demuxer.finish()?)
    }

    async fn poster(&self, probe: &Probe, sealed: Sealed) -> Result<(), IngestError> {
        let Run { ingest, work, .. } = self;
        let has_picture = !probe.video.is_empty() || probe.cover.is_some();
        if !has_picture || ingest.catalog.has_poster(work.lease).await? {
            return Ok(());
        }
        let file = ingest.spool.work_folder().join(format!("{}.jpg", self.video));
        match ingest.ffmpeg.poster(self.input(), probe, &file, &work.cancel).await {
            Ok(()) => {}
            Err(_) if work.cancel.is_cancelled() => return Err(IngestError::Stopped),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a film has no poster");
                return Ok(());
            }
        }
        let bytes = tokio::fs::read(&file).await.map_err(IngestError::Pipe)?;
        tokio::fs::remove_file(&file).await.map_err(IngestError::Pipe)?;
        let blob = ingest.deposit.add_poster(work.lease, Bytes::from(bytes)).await?;
        // Nobody stores any more only when the job is ending; the blob is found again then.
        let _ = sealed.send(blob);
        ingest.tell(self.video, VideoChange::Described);
        Ok(())
    }

    /// The encoder to use, once it is known which ones work.
    async fn encoder(&self) -> Result<Encoder, IngestError> {
        let mut encoders = self.ingest.encoders.clone();
        let reports = tokio::select! {
            reports = encoders.wait_for(|reports| !reports.is_empty()) => reports,
            () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
        };
        reports.map(|reports| choose(&reports)).map_err(|_| IngestError::Stopped)
    }
}

/// Reads a pipe to its end. Stops early when nobody takes the bytes any more.
async fn read_all(output: &mut Output, taker: mpsc::Sender<Bytes>) -> Result<(), IngestError> {
    let mut buffer = BytesMut::new();
    loop {
        // What one read leaves of a buffer is used by the next: kept bytes hold little else in memory.
        if buffer.capacity() < LEAST_READ {
            buffer = BytesMut::with_capacity(READ_SIZE);
        }
        output.read_buf(&mut buffer).await.map_err(IngestError::Pipe)?;
        if buffer.is_empty() || taker.send(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// Hands fragments to their tracks as they come.
async fn package(
    mut bytes: mpsc::Receiver<Bytes>,
    tracks: &mut [Track<'_>],
    meter: Option<&Meter<'_>>,
) -> Result<Demuxer, IngestError> {
    let mut demuxer = Demuxer::new(Limits { max_box_bytes: MAX_BOX_BYTES });
    let mut sources: Vec<SourceTrack> = Vec::new();
    while let Some(more) = bytes.recv().await {
        demuxer.feed(more);
        while let Some(event) = demuxer.next()? {
            match event {
                Event::Init(init) => {
                    sources = init.tracks;
                    for source in &sources {
                        if let Some(track) = track_of(tracks, source.kind) {
                            track.begin_run(source).await?;
                        }
                    }
                }
                Event::Fragment(fragment) => {
                    for run in fragment.runs {
                        let kind = sources.iter().find(|source| source.id == run.track).map(|source| source.kind);
                        let Some(track) = kind.and_then(|kind| track_of(tracks, kind)) else { continue };
                        if let (Some(meter), Some(last)) = (meter, run.samples.last()) {
                            meter.made(track.film_seconds(last.pts));
                        }
                        track.push(run.samples).await?;
                    }
                }
            }
        }
    }
    Ok(demuxer)
}

pub(super) fn track_of<'t, 'a>(tracks: &'t mut [Track<'a>], kind: TrackKind) -> Option<&'t mut Track<'a>> {
    tracks.iter_mut().find(|track| track.kind() == kind && !track.is_finished())
}

/// Whether a span begins at or after what is listed; a hundredth of a second is rounding.
fn is_left(span: &Span, next_tick: Option<i64>) -> bool {
    next_tick.is_none_or(|next| span.first_tick + i64::from(VIDEO_TIMESCALE) / 100 >= next)
}

/// The run of ffmpeg that copies the picture, if there is one, and copies or encodes the sound.
fn copy_task(input: &Path, probe: &Probe, video: Option<&VideoPlan>, audio: Option<&AudioPlan>) -> PackageTask {
    let copied = |plan: &VideoPlan| VideoTask::Copy { index: plan.index, codec: copied_codec(probe) };
    PackageTask {
        input: input.to_path_buf(),
        start_s: probe.start_s,
        video: video.map(copied),
        audio: audio.map(audio_task),
    }
}

fn copied_codec(probe: &Probe) -> CopiedCodec {
    match probe.video.first() {
        Some(stream) if stream.codec == "hevc" => CopiedCodec::Hevc,
        _ => CopiedCodec::H264,
    }
}

fn audio_task(plan: &AudioPlan) -> AudioTask {
    let index = plan.index;
    match plan.action {
        AudioAction::Copy => AudioTask::Copy { index },
        AudioAction::Aac { channels, sample_rate, bit_rate } => {
            AudioTask::Aac { index, channels, sample_rate, bit_rate }
        }
    }
}

fn encode_task(probe: &Probe, plan: &VideoPlan, encoder: Encoder) -> Result<VideoEncode, IngestError> {
    let missing = || IngestError::refused("The file's picture cannot be found any more. Add the film again.");
    let stream: &VideoStream = probe.video.iter().find(|stream| stream.index == plan.index).ok_or_else(missing)?;
    let VideoAction::Encode { max_bit_rate, fixed_rate, .. } = &plan.action else { return Err(missing()) };
    Ok(VideoEncode {
        index: plan.index,
        encoder,
        width: plan.size.0,
        height: plan.size.1,
        frame_rate: Ratio { num: plan.frame_rate_milli.max(1000), den: 1000 },
        fixed_rate: *fixed_rate,
        deinterlace: stream.interlaced,
        rotated: stream.rotation != 0,
        tone_map: ToneMap::of(stream.transfer.as_deref()),
        max_bit_rate: *max_bit_rate,
        clip: None,
        key_frame_interval_s: KEY_FRAME_INTERVAL_S,
    })
}
