//! The making of a video's tracks: ffmpeg copies or encodes, fragments become segments, segments
//! go into packs, and sealed packs to the store, all at the same time.

use super::progress::Meter;
use super::spec::TrackSpec;
use super::track::Track;
use super::{IngestError, Run};
use crate::cmaf::{Demuxer, Event, Limits, SourceTrack};
use crate::events::VideoChange;
use crate::ffmpeg::Encoder;
use crate::ffmpeg::Output;
use crate::ffmpeg::package::{AudioTask, Clip, CopiedCodec, PackageTask, ToneMap, VideoEncode, VideoTask};
use crate::media::id::BlobId;
use crate::media::ladder::Rung;
use crate::media::plan::{AudioAction, AudioPlan, Encoding, Plan, Turn, VideoAction, VideoPlan};
use crate::media::probe::{Probe, Ratio, VideoStream};
use crate::media::span::{Span, VIDEO_TIMESCALE};
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use std::path::Path;
use std::time::Duration;
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

/// How often it is looked whether there is room on the machine for work that can wait.
const WAY: Duration = Duration::from_secs(1);

type Sealed = mpsc::UnboundedSender<BlobId>;

impl Run<'_> {
    /// Makes, stores and finishes everything that has this turn; blobs with a first copy go to `stored`.
    pub(super) async fn make(&self, probe: &Probe, plan: &Plan, turn: Turn, stored: Sealed) -> Result<(), IngestError> {
        let (sealed, to_store) = mpsc::unbounded_channel();
        for blob in self.ingest.catalog.sealed_blobs(self.work.lease).await? {
            // The receiver lives as long as this function.
            let _ = sealed.send(blob);
        }
        let meter = Meter::new(self.work, probe.duration_s.unwrap_or(0.0));
        let store = self.ingest.deposit.store_all(self.work.lease, to_store, stored, &self.work.cancel);
        let make = async {
            match turn {
                Turn::First => {
                    let poster = self.poster(probe, sealed.clone());
                    let tracks = self.first(probe, plan, &meter, sealed.clone());
                    tokio::try_join!(poster, tracks)?;
                }
                Turn::Later => self.later(probe, plan, &meter, sealed.clone()).await?,
            }
            drop(sealed);
            meter.storing();
            Ok::<(), IngestError>(())
        };
        let store = async { Ok(store.await?) };
        // Both are large: kept on the heap, not in every future around them.
        tokio::try_join!(make.boxed(), store.boxed())?;
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
        let left_out = self.beside(probe, plan, &sealed).await?;
        self.leave_out(probe, plan, left_out).await?;
        let sounds = self.open(TrackSpec::sounds(plan, Turn::Later), &sealed).await?;
        self.in_one_piece(probe, plan, sounds, Some(meter)).await?;
        let pictures = self.open(TrackSpec::pictures(plan, Turn::Later), &sealed).await?;
        self.in_spans(probe, plan, pictures, Turn::Later, meter).await
    }

    /// Writes down what could not be made, for whoever asks for the film's details.
    async fn leave_out(&self, probe: &Probe, plan: &Plan, mut left_out: Vec<String>) -> Result<(), IngestError> {
        left_out.retain(|why| !plan.left_out.contains(why));
        if left_out.is_empty() {
            return Ok(());
        }
        tracing::info!(?left_out, "a film is not taken over as a whole");
        self.record(probe, &Plan { left_out: [plan.left_out.clone(), left_out].concat(), ..plan.clone() }).await
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
        let mut encoder = if is_new { self.encoder().await? } else { Encoder::Software };
        while let Err(error) = self.encode(probe, encoding, &mut tracks, (encoder, turn), meter).await {
            let Some(why) = why_anew(&error, encoder) else { return Err(error) };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                encoder = encoder.name(),
                "pictures begin anew in software"
            );
            for track in &mut tracks {
                track.begin_anew(&why)?;
            }
            encoder = Encoder::Software;
        }
        for track in tracks {
            track.finish().await?;
        }
        Ok(self.ingest.deposit.discard_superseded(self.work.lease).await?)
    }

    /// Encodes what is left of the spans, one after the other.
    async fn encode(
        &self,
        probe: &Probe,
        encoding: &Encoding,
        tracks: &mut [Track<'_>],
        (encoder, turn): (Encoder, Turn),
        meter: &Meter<'_>,
    ) -> Result<(), IngestError> {
        let mut listed = Vec::with_capacity(tracks.len());
        for track in tracks.iter() {
            listed.push(track.next_tick().await?);
        }
        for span in &encoding.spans {
            // An earlier run may have listed the span of some forms only.
            let with_next = tracks.iter_mut().zip(&listed);
            let mut lacking: Vec<&mut Track<'_>> =
                with_next.filter(|(_, next)| is_left(span, **next)).map(|(track, _)| track).collect();
            if lacking.is_empty() {
                continue;
            }
            if turn == Turn::Later {
                self.make_way().await?;
            }
            let clip = Clip { seek_s: span.seek_s, from_s: span.from_s, to_s: span.to_s };
            let forms: Vec<&VideoPlan> = lacking.iter().filter_map(|track| track.picture()).collect();
            let encode = VideoEncode { clip: Some(clip), ..encode_task(probe, encoding, &forms, encoder)? };
            let bytes: u64 = forms.iter().map(|form| span.seconds() * form.planned_bandwidth / 8).sum();
            let task = PackageTask {
                input: self.input().to_path_buf(),
                start_s: probe.start_s,
                video: Some(VideoTask::Encode(Box::new(encode))),
                audio: Vec::new(),
                in_background: turn == Turn::Later,
            };
            lacking[0].room(bytes).await?;
            self.run_ffmpeg(&task, &mut lacking, Some(meter)).await?;
            for track in lacking {
                track.end_span(span.next_tick).await?;
            }
        }
        Ok(())
    }

    /// Waits while films that cannot be played yet want the machine.
    async fn make_way(&self) -> Result<(), IngestError> {
        while self.ingest.catalog.is_ingesting(self.ingest.clock.now()).await? {
            self.work.stage("make_way");
            tokio::select! {
                () = tokio::time::sleep(WAY) => {}
                () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
            }
        }
        Ok(())
    }

    /// Runs ffmpeg and hands every fragment to the track it belongs to, in the order of the task's outputs. Its pipe is read on while
    /// segments are written, so that neither waits for the other.
    async fn run_ffmpeg(
        &self,
        task: &PackageTask,
        tracks: &mut [&mut Track<'_>],
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

/// Hands fragments to their tracks as they come. Progress is that of the first track.
async fn package(
    mut bytes: mpsc::Receiver<Bytes>,
    tracks: &mut [&mut Track<'_>],
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
                    for (source, track) in sources.iter().zip(tracks.iter_mut()) {
                        track.begin_run(source).await?;
                    }
                }
                Event::Fragment(fragment) => {
                    for run in fragment.runs {
                        let position = sources.iter().position(|source| source.id == run.track);
                        let Some(track) = position.and_then(|position| tracks.get_mut(position)) else { continue };
                        if let (Some(meter), Some(last), Some(0)) = (meter, run.samples.last(), position) {
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

/// Whether a span begins at or after what is listed; a hundredth of a second is rounding.
fn is_left(span: &Span, next_tick: Option<i64>) -> bool {
    next_tick.is_none_or(|next| span.first_tick + i64::from(VIDEO_TIMESCALE) / 100 >= next)
}

/// The run of ffmpeg that copies the picture, if there is one, and copies or encodes the sounds.
fn copy_task(input: &Path, probe: &Probe, tracks: &[&mut Track<'_>]) -> PackageTask {
    let copied = |plan: &VideoPlan| VideoTask::Copy { index: plan.index, codec: copied_codec(probe) };
    PackageTask {
        input: input.to_path_buf(),
        start_s: probe.start_s,
        video: tracks.iter().find_map(|track| track.picture()).map(copied),
        audio: tracks.iter().filter_map(|track| track.sound()).map(audio_task).collect(),
        in_background: tracks.iter().all(|track| track.turn() == Turn::Later),
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

fn encode_task(
    probe: &Probe,
    encoding: &Encoding,
    forms: &[&VideoPlan],
    encoder: Encoder,
) -> Result<VideoEncode, IngestError> {
    let missing = || IngestError::refused("The file's picture cannot be found any more. Add the film again.");
    let first = forms.first().ok_or_else(missing)?;
    let stream: &VideoStream = probe.video.iter().find(|stream| stream.index == first.index).ok_or_else(missing)?;
    let rung = |form: &&VideoPlan| match form.action {
        VideoAction::Encode { max_bit_rate } => Some(Rung { size: form.size, max_bit_rate }),
        VideoAction::Copy => None,
    };
    Ok(VideoEncode {
        index: first.index,
        encoder,
        rungs: forms.iter().filter_map(rung).collect(),
        frame_rate: Ratio { num: first.frame_rate_milli.max(1000), den: 1000 },
        fixed_rate: encoding.fixed_rate,
        deinterlace: stream.interlaced,
        rotated: stream.rotation != 0,
        tone_map: ToneMap::of(stream.transfer.as_deref()),
        clip: None,
        key_frame_interval_s: KEY_FRAME_INTERVAL_S,
    })
}
