//! A look into the file: what it holds, where its pictures lie, and what is to be done with it.

use super::{Ingest, IngestError, Run};
use crate::catalog::{JobLease, Shown};
use crate::cmaf::{Descriptions, Opening};
use crate::disk;
use crate::flv;
use crate::media::plan::{Plan, VideoAction, plan};
use crate::media::probe::{Packet, Probe, VideoStream};
use crate::mpegts;
use std::fs::File;
use std::io::BufReader;

/// A film of a day at 60 pictures a second has five million; more is not a film.
const MOST_PACKETS: usize = 6_000_000;

/// Where packets are known from.
pub(super) enum Known {
    /// An MP4 file's index, which says nothing of how key frames begin.
    Index,
    /// The beginnings of all its pictures, and what those of key frames say; whether a sound in AAC changes.
    Beginnings(Opening, bool),
    /// The film was read; where its key frames begin, as far as its container tells.
    Reading(Vec<u64>),
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
        for sound in &mut probe.audio {
            sound.changes = descriptions.count(sound.index) > 1;
        }
        let Some(stream) = probe.video.first().cloned() else {
            self.listen(&mut probe, None).await?;
            self.look_for_changes(&mut probe).await?;
            let plan = plan(&probe, &[], &self.ingest.policy)?;
            return Ok((probe, plan));
        };
        probe.video[0].changes = descriptions.count(stream.index) > 1;
        let mut are_sounds_known = false;
        // A file's own list says enough of a film that is copied.
        if let Some((packets, from)) = self.listed(&stream).await? {
            are_sounds_known = matches!(from, Known::Beginnings(..));
            let mut whole = probe.clone();
            let plan = self.plan_from(&mut whole, &stream, &packets, from).await?;
            if plan.is_copied() {
                return Ok((whole, plan));
            }
            (probe.video[0].changes, probe.video[0].leans) = (whole.video[0].changes, whole.video[0].leans);
            for (own, seen) in probe.audio.iter_mut().zip(&whole.audio) {
                own.changes = seen.changes;
            }
        }
        let (packets, places) = self.packets(stream.index).await?;
        if packets.is_empty() {
            return Err(IngestError::refused(
                "The file lists a picture but holds none: it ends too early. Copy it again and add it once more.",
            ));
        }
        if !are_sounds_known {
            self.look_for_changes(&mut probe).await?;
        }
        let plan = self.plan_from(&mut probe, &stream, &packets, Known::Reading(places)).await?;
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
        let do_sounds_change = matches!(from, Known::Beginnings(_, true));
        probe.audio.iter_mut().for_each(|sound| sound.changes |= do_sounds_change);
        let planned = plan(probe, packets, &self.ingest.policy)?;
        if !planned.is_copied() {
            return Ok(planned);
        }
        let keys = match from {
            Known::Index => self.openings_by_index(stream).await?,
            Known::Beginnings(keys, _) => keys,
            Known::Reading(places) => self.openings_by_reading(&probe.container, stream, places).await?,
        };
        (probe.video[0].changes, probe.video[0].leans) = (keys.changes, keys.leans);
        Ok(plan(probe, packets, &self.ingest.policy)?)
    }

    /// Whether a sound in AAC, which could be copied, gets other channels or another rate: looks for that where the
    /// container is one that tells it only where it happens, and nobody walked through it.
    async fn look_for_changes(&self, probe: &mut Probe) -> Result<(), IngestError> {
        let is_open = probe.audio.iter().any(|sound| sound.codec == "aac" && !sound.changes);
        if !is_open || self.ingest.policy.copies(probe).is_err() {
            return Ok(());
        }
        let (path, cancel, container) = (self.input().to_path_buf(), self.work.cancel.clone(), probe.container.clone());
        let look = move || {
            let goes_on = || !cancel.is_cancelled();
            match container.as_str() {
                "mpegts" => mpegts::do_sounds_change(File::open(path)?, goes_on),
                "flv" => flv::does_sound_change(File::open(path)?, goes_on),
                _ => Ok(false),
            }
        };
        let do_they = disk::blocking(look).await.map_err(IngestError::Source)?;
        if self.work.cancel.is_cancelled() {
            return Err(IngestError::Stopped);
        }
        probe.audio.iter_mut().for_each(|sound| sound.changes |= do_they);
        Ok(())
    }

    /// The packets of a picture, and where those of key frames begin.
    async fn packets(&self, stream: u32) -> Result<(Vec<Packet>, Vec<u64>), IngestError> {
        let (mut packets, mut places) = (Vec::new(), Vec::new());
        let mut keep = |packet: Packet, place: Option<u64>| {
            if packets.len() <= MOST_PACKETS {
                places.extend(place.filter(|_| packet.key));
                packets.push(packet);
            }
        };
        self.ingest.ffmpeg.scan(self.input(), stream, None, &self.work.cancel, &mut keep).await?;
        if packets.len() > MOST_PACKETS {
            return Err(IngestError::refused(
                "The file has more pictures than a film of a whole day. It was not taken.",
            ));
        }
        Ok((packets, places))
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

fn as_json(value: &impl serde::Serialize) -> Result<String, IngestError> {
    serde_json::to_string(value).map_err(|error| IngestError::Pipe(error.into()))
}
