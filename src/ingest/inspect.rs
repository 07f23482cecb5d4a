//! A look into the file: what it holds, where its pictures lie, and what is to be done with it.

use super::{Ingest, IngestError, Run};
use crate::catalog::{JobLease, Shown};
use crate::cmaf::{Descriptions, Index, IndexedSample, IndexedTrack, Opening, ParameterSets, TrackKind};
use crate::disk;
use crate::media::plan::{Plan, VideoAction, plan};
use crate::media::probe::{Packet, Probe, Ratio, VideoStream};
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt;

/// A film of a day at 60 pictures a second has five million; more is not a film.
const MOST_PACKETS: usize = 6_000_000;

/// Parameter sets stand in the first bytes of a key frame, before its picture.
const KEY_FRAME_BEGIN: usize = 2048;

/// Where packets are known from.
#[derive(Clone, Copy)]
enum Known {
    Index,
    Reading,
}

impl Run<'_> {
    pub(super) async fn inspect(&self) -> Result<(Probe, Plan), IngestError> {
        let mut probe = self.ingest.ffmpeg.probe(self.input(), &self.work.cancel).await?;
        let path = self.input().to_path_buf();
        let read = disk::blocking(move || Descriptions::read(&mut BufReader::new(File::open(path)?)));
        let descriptions = read.await.map_err(IngestError::Source)?;
        if descriptions.are_protected() {
            return Err(IngestError::refused(
                "The film is protected against copying: its picture or sound is encrypted, and the key is not in the \
                 file. Add a copy without protection.",
            ));
        }
        let Some(stream) = probe.video.first().cloned() else {
            self.listen(&mut probe, None).await?;
            let plan = plan(&probe, &[], &self.ingest.policy)?;
            return Ok((probe, plan));
        };
        probe.video[0].changes = descriptions.count(stream.index) > 1;
        // A file's own index says enough of a film that is copied.
        let packets = self.indexed(&stream).await?;
        if !packets.is_empty() {
            let mut whole = probe.clone();
            let plan = self.plan_from(&mut whole, &stream, &packets, Known::Index).await?;
            if plan.is_copied() {
                return Ok((whole, plan));
            }
            (probe.video[0].changes, probe.video[0].leans) = (whole.video[0].changes, whole.video[0].leans);
        }
        let packets = self.packets(stream.index).await?;
        if packets.is_empty() {
            return Err(IngestError::refused(
                "The file lists a picture but holds none: it ends too early. Copy it again and add it once more.",
            ));
        }
        let plan = self.plan_from(&mut probe, &stream, &packets, Known::Reading).await?;
        Ok((probe, plan))
    }

    /// The plan that follows from these packets. What would be copied is looked at once more: its picture may
    /// change in the middle.
    async fn plan_from(
        &self,
        probe: &mut Probe,
        stream: &VideoStream,
        packets: &[Packet],
        from: Known,
    ) -> Result<Plan, IngestError> {
        probe.duration_s = self.length(probe, stream, packets).await?;
        let planned = plan(probe, packets, &self.ingest.policy)?;
        if !planned.is_copied() {
            return Ok(planned);
        }
        let keys = match from {
            Known::Index => self.openings_by_index(stream).await?,
            Known::Reading => Opening { changes: self.changes_by_reading(stream).await?, leans: false },
        };
        (probe.video[0].changes, probe.video[0].leans) = (keys.changes, keys.leans);
        Ok(plan(probe, packets, &self.ingest.policy)?)
    }

    /// What any key frame says that keeps it from being copied. Only their first bytes are read.
    async fn openings_by_index(&self, stream: &VideoStream) -> Result<Opening, IngestError> {
        let (path, stream) = (self.input().to_path_buf(), stream.clone());
        let look = move || {
            let mut file = BufReader::new(File::open(path)?);
            let mut found = Opening::default();
            let Some(index) = Index::read(&mut file)? else { return Ok(found) };
            let Some(mut sets) = index.source(stream.index).as_ref().and_then(ParameterSets::of) else {
                return Ok(found);
            };
            let file = file.into_inner();
            let mut begin = Vec::with_capacity(KEY_FRAME_BEGIN);
            let samples = listed_picture(&index, &stream).map(|track| track.samples).unwrap_or_default();
            for sample in samples.iter().filter(|sample| sample.sync) {
                begin.resize(KEY_FRAME_BEGIN.min(sample.bytes as usize), 0);
                file.read_exact_at(&mut begin, sample.at)?;
                let key = sets.look(&begin);
                found = Opening { changes: found.changes || key.changes, leans: found.leans || key.leans };
            }
            Ok(found)
        };
        disk::blocking(look).await.map_err(IngestError::Source)
    }

    /// Whether key frames of a file without an index set the decoder up in another way than its header does. It
    /// has to be read for that.
    async fn changes_by_reading(&self, stream: &VideoStream) -> Result<bool, IngestError> {
        let (codec, cancel) = (stream.codec.as_str(), &self.work.cancel);
        let sets = self.ingest.ffmpeg.parameter_sets(self.input(), stream.index, codec, cancel).await?;
        Ok(ParameterSets::new(codec).change_in_stream(&sets))
    }

    /// The packets that an MP4 file lists of its picture; none when it has to be read for that.
    async fn indexed(&self, stream: &VideoStream) -> Result<Vec<Packet>, IngestError> {
        let Some(index) = self.index().await? else { return Ok(Vec::new()) };
        let picture = listed_picture(&index, stream);
        Ok(picture.map(|track| track.samples.iter().map(IndexedSample::packet).collect()).unwrap_or_default())
    }

    /// The file's own index, if it is an MP4 that has one.
    pub(super) async fn index(&self) -> Result<Option<Index>, IngestError> {
        let path = self.input().to_path_buf();
        let read = disk::blocking(move || Index::read(&mut BufReader::new(File::open(path)?)));
        read.await.map_err(IngestError::Source)
    }

    async fn packets(&self, stream: u32) -> Result<Vec<Packet>, IngestError> {
        let mut packets = Vec::new();
        let mut keep = |packet: Packet| {
            if packets.len() <= MOST_PACKETS {
                packets.push(packet);
            }
        };
        self.ingest.ffmpeg.scan(self.input(), stream, None, &self.work.cancel, &mut keep).await?;
        if packets.len() > MOST_PACKETS {
            return Err(IngestError::refused(
                "The file has more pictures than a film of a whole day. It was not taken.",
            ));
        }
        Ok(packets)
    }

    pub(super) async fn record(&self, probe: &Probe, plan: &Plan) -> Result<(), IngestError> {
        self.ingest.record(self.work.lease, probe, plan).await
    }
}

impl Ingest {
    /// Writes down what was found in the file of the job's video, and what is planned for it.
    pub(super) async fn record(&self, lease: JobLease, probe: &Probe, plan: &Plan) -> Result<(), IngestError> {
        let shown = Shown {
            tracks: plan.first(),
            duration_ms: probe.duration_s.map(|seconds| (seconds * 1000.0) as u64),
            size: plan.video.first().map(|form| form.size),
        };
        let what = plan.video.first().map(|form| match &form.action {
            VideoAction::Copy => "copy",
            VideoAction::Encode { .. } => "encode",
        });
        tracing::info!(
            video = what,
            sizes = plan.video.len(),
            sounds = plan.audio.len(),
            subtitles = plan.subtitles.len(),
            "a film is planned"
        );
        let (probe, plan) = (as_json(probe)?, as_json(plan)?);
        self.catalog.record_plan(lease, probe, plan, shown, self.clock.now()).await?;
        Ok(())
    }
}

/// The picture as an index lists it; `None` when the probe found it to begin elsewhere.
pub(super) fn listed_picture(index: &Index, stream: &VideoStream) -> Option<IndexedTrack> {
    let track = index.track(stream.index).filter(|track| track.kind == TrackKind::Video)?;
    let time_base = Ratio { num: 1, den: track.timescale };
    (stream.time_base == time_base && stream.start_ticks == track.first_shown()).then_some(track)
}

fn as_json(value: &impl serde::Serialize) -> Result<String, IngestError> {
    serde_json::to_string(value).map_err(|error| IngestError::Pipe(error.into()))
}
