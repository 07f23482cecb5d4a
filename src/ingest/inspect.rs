//! A look into the file: what it holds, where its pictures lie, and what is to be done with it.

use super::{Ingest, IngestError, Run};
use crate::catalog::{JobLease, Shown};
use crate::cmaf::{Index, IndexedSample, IndexedTrack, TrackKind};
use crate::disk;
use crate::media::plan::{Plan, VideoAction, plan};
use crate::media::probe::{Packet, Probe, Ratio, VideoStream};
use crate::media::span::Frames;
use std::fs::File;
use std::io::BufReader;

/// A film of a day at 60 pictures a second has five million; more is not a film.
const MOST_PACKETS: usize = 6_000_000;

impl Run<'_> {
    pub(super) async fn inspect(&self) -> Result<(Probe, Plan), IngestError> {
        let mut probe = self.ingest.ffmpeg.probe(self.input(), &self.work.cancel).await?;
        let Some(stream) = probe.video.first().cloned() else {
            let plan = plan(&probe, &[], &self.ingest.policy)?;
            return Ok((probe, plan));
        };
        let length_s = |packets: &[Packet]| {
            let measured_s = Frames::of(packets, stream.time_base.value()).end_s().map(|end| end - probe.start_s);
            believable(probe.duration_s, measured_s)
        };
        // A file's own index says enough of a film that is copied.
        let packets = self.indexed(&stream).await?;
        if !packets.is_empty() {
            let whole = Probe { duration_s: length_s(&packets)?, ..probe.clone() };
            let plan = plan(&whole, &packets, &self.ingest.policy)?;
            if plan.video.iter().any(|form| form.action == VideoAction::Copy) {
                return Ok((whole, plan));
            }
        }
        let packets = self.packets(stream.index).await?;
        if packets.is_empty() {
            return Err(IngestError::refused(
                "The file lists a picture but holds none: it ends too early. Copy it again and add it once more.",
            ));
        }
        probe.duration_s = length_s(&packets)?;
        let plan = plan(&probe, &packets, &self.ingest.policy)?;
        Ok((probe, plan))
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

/// The film's length. A header that claims somewhat more than there is belongs to a file that was
/// cut off; one that claims many times as much, or less, is simply wrong.
fn believable(claimed_s: Option<f64>, measured_s: Option<f64>) -> Result<Option<f64>, IngestError> {
    let (Some(claimed), Some(measured)) = (claimed_s, measured_s) else { return Ok(claimed_s.or(measured_s)) };
    if claimed > measured * 20.0 || measured > claimed + 60.0 {
        return Ok(Some(measured));
    }
    if measured < claimed * 0.9 && claimed - measured > 5.0 {
        return Err(IngestError::refused(format!(
            "The picture ends early, at {:.0} % of the film. The file was probably cut off when it was copied here: \
             copy it again and add it once more.",
            measured / claimed * 100.0
        )));
    }
    Ok(Some(claimed))
}

fn as_json(value: &impl serde::Serialize) -> Result<String, IngestError> {
    serde_json::to_string(value).map_err(|error| IngestError::Pipe(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_length_counts_only_near_the_measured_one() {
        let length = |claimed, measured| believable(claimed, measured).unwrap();
        assert_eq!(length(Some(143_165.0), Some(1.5)), Some(1.5));
        assert_eq!(length(Some(61.0), Some(60.0)), Some(61.0));
        assert_eq!(length(None, Some(60.0)), Some(60.0));
        assert_eq!(length(Some(9.0), None), Some(9.0));
    }

    #[test]
    fn a_film_that_was_cut_off_is_refused() {
        let refusal = believable(Some(7200.0), Some(2736.0)).unwrap_err().to_string();
        assert!(refusal.contains("ends early, at 38 %"), "{refusal}");
    }
}
