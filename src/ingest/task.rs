//! What ffmpeg is asked to do for tracks, as values.

use super::IngestError;
use super::track::Track;
use crate::ffmpeg::Choice;
use crate::ffmpeg::package::{AudioTask, CopiedCodec, PackageTask, ToneMap, VideoEncode, VideoTask};
use crate::media::ladder::Rung;
use crate::media::plan::{AudioAction, AudioPlan, Encoding, Turn, VideoAction, VideoPlan};
use crate::media::probe::{Probe, Ratio, VideoStream};
use crate::media::span::{Span, second_of};
use std::path::Path;

/// Seconds between key frames that we ask an encoder for (Apple authoring rule 1.10).
const KEY_FRAME_INTERVAL_S: u32 = 2;

/// The run of ffmpeg that copies the picture, if there is one, and copies or encodes the sounds.
pub(super) fn copy_task(input: &Path, probe: &Probe, tracks: &[&mut Track<'_>]) -> PackageTask {
    let copied = |plan: &VideoPlan| VideoTask::Copy { index: plan.index, codec: copied_codec(probe) };
    PackageTask {
        input: input.to_path_buf(),
        start_s: probe.start_s,
        video: tracks.iter().find_map(|track| track.picture()).map(copied),
        audio: tracks.iter().filter_map(|track| track.sound()).map(|plan| audio_task(plan, probe.start_s)).collect(),
        in_background: tracks.iter().all(|track| track.turn() == Turn::Later),
    }
}

fn copied_codec(probe: &Probe) -> CopiedCodec {
    match probe.video.first() {
        Some(stream) if stream.codec == "hevc" => CopiedCodec::Hevc,
        _ => CopiedCodec::H264,
    }
}

fn audio_task(plan: &AudioPlan, start_s: f64) -> AudioTask {
    let index = plan.index;
    match plan.action {
        AudioAction::Copy => AudioTask::Copy { index },
        AudioAction::Mp3 { .. } => AudioTask::Mp3 { index },
        AudioAction::Aac { channels, sample_rate, bit_rate } => {
            let (from_s, until_s) = (plan.from_s.map(|from| from + start_s), plan.end_s.map(|end| end + start_s));
            let is_padded = plan.is_padded;
            AudioTask::Aac { index, channels, sample_rate, bit_rate, from_s, until_s, is_padded }
        }
    }
}

/// The run of ffmpeg that encodes the picture in these forms, all from one decoder; the caller sets the clip, the key frames in
/// it, and what comes before the first one.
pub(super) fn encode_task(
    probe: &Probe,
    encoding: &Encoding,
    forms: &[&VideoPlan],
    choice: Choice,
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
        encoder: choice.encoder,
        rungs: forms.iter().filter_map(rung).collect(),
        frame_rate: Ratio { num: first.frame_rate_milli.max(1000), den: 1000 },
        least_gap_s: encoding.least_gap_s,
        hold_s: encoding.hold_s,
        held_from_s: None,
        deinterlace: stream.interlaced,
        rotated: stream.rotation != 0,
        device_decodes: choice.decodes(&stream.codec, &stream.pixel_format),
        tone_map: ToneMap::of(stream.transfer.as_deref()),
        clip: None,
        key_frame_interval_s: KEY_FRAME_INTERVAL_S,
        key_frames_s: Vec::new(),
    })
}

/// Seconds from the first picture of a span, which is shown at `first_s` of the source, to the cuts in it.
pub(super) fn cuts_within(span: &Span, encoding: &Encoding, first_s: f64, start_s: f64) -> Vec<f64> {
    let is_within = |cut: &&i64| **cut > span.first_tick && span.next_tick.is_none_or(|next| **cut < next);
    encoding.cuts.iter().filter(is_within).map(|cut| second_of(*cut, start_s) - first_s).collect()
}
