//! What is done with a file: for each stream copy, encode or leave out, and why. Pure rules, so
//! that they can be read and tested as a table.

use super::probe::{AudioStream, Packet, Probe, Ratio, VideoStream};
use super::rendition::VideoRange;
use super::segment::{CutRule, longest};
use super::span::{Frames, Span};
use copied::{copyable, densest};
use serde::{Deserialize, Serialize};

mod copied;

/// Ticks per second in which copied video is planned; the packager uses the source's own.
const PLAN_TIMESCALE: u32 = 90_000;

/// Pictures per second beyond which every second one is dropped (Apple authoring rule 1.13).
const HIGHEST_RATE: f64 = 61.0;

/// Pixels of the largest H.264 level we encode (5.2: 36,864 macroblocks of 16 × 16).
const MOST_PIXELS: f64 = 36_864.0 * 256.0;

/// How the owner wants files treated.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether streams may be copied at all.
    pub copy_mode: bool,
    /// Smallest file, in bytes, whose streams are copied.
    pub copy_min_bytes: u64,
    /// Seconds a segment aims at.
    pub segment_s: u32,
    /// Largest blob: a segment gets no further group of pictures beyond it.
    pub max_blob_bytes: u64,
}

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The picture, if the file has one.
    pub video: Option<VideoPlan>,
    /// The sound, if the file has any.
    pub audio: Option<AudioPlan>,
    /// `EXT-X-TARGETDURATION` of every playlist, in seconds.
    pub target_duration: u32,
    /// How segments are cut: kept, so that other settings do not change a film half-way.
    pub cut: Cut,
}

/// How segments are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Seconds a segment aims at.
    pub segment_s: u32,
    /// Bytes beyond which a segment gets no further group of pictures.
    pub max_bytes: u64,
}

/// What is done with the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// Stream index in the file.
    pub index: u32,
    /// Copy or encode.
    pub action: VideoAction,
    /// Why, in words for people.
    pub why: String,
    /// Width and height as shown.
    pub size: (u32, u32),
    /// Pictures per 1000 seconds, the highest there are.
    pub frame_rate_milli: u32,
    /// Bits per second to declare until it is measured.
    pub planned_bandwidth: u64,
    /// Dynamic range, where it is not the standard one.
    pub range: Option<VideoRange>,
    /// Seconds from the start of the file to the end of the last picture, as far as packets tell.
    pub end_s: Option<f64>,
}

/// How the picture is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoAction {
    /// Bit for bit.
    Copy,
    /// Encoded to H.264, span by span.
    Encode {
        /// Bits per second at most.
        max_bit_rate: u64,
        /// Drop every second picture to reach this rate.
        fixed_rate: Option<Ratio>,
        /// The runs of film.
        spans: Vec<Span>,
    },
}

/// What is done with the sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// Stream index in the file.
    pub index: u32,
    /// Copy or encode.
    pub action: AudioAction,
    /// Why, in words for people.
    pub why: String,
    /// Language tag of the source.
    pub language: Option<String>,
    /// Name of the track.
    pub label: Option<String>,
    /// Bits per second to declare until it is measured.
    pub planned_bandwidth: u64,
}

/// How the sound is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioAction {
    /// Bit for bit.
    Copy,
    /// Encoded to AAC-LC.
    Aac {
        /// Channels, 1 or 2.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
        /// Bits per second.
        bit_rate: u64,
    },
}

/// The file cannot become a video; the sentence says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Cut {
    /// The rule on a timescale.
    pub fn rule(self, timescale: u32) -> CutRule {
        // Just under half a second, so that a duration never rounds up to one more (RFC 8216bis 4.4.3.1).
        let tolerance = u64::from(timescale) * 49 / 100;
        CutRule { target: u64::from(self.segment_s) * u64::from(timescale), tolerance, max_bytes: self.max_bytes }
    }
}

impl Policy {
    fn cut(&self) -> Cut {
        Cut { segment_s: self.segment_s, max_bytes: self.max_blob_bytes }
    }

    fn copies(&self, probe: &Probe) -> Result<(), String> {
        if !self.copy_mode {
            return Err("copying is switched off".into());
        }
        if probe.bytes < self.copy_min_bytes {
            return Err(format!("files below {} MB are always encoded", self.copy_min_bytes / 1_000_000));
        }
        Ok(())
    }
}

/// Decides what is done with a file. `packets` are those of its first video stream, in file order.
///
/// # Errors
/// `Refusal` when there is nothing to play.
pub fn plan(probe: &Probe, packets: &[Packet], policy: &Policy) -> Result<Plan, Refusal> {
    let video = probe.video.first().map(|stream| plan_video(probe, stream, packets, policy));
    let audio = main_sound(&probe.audio).map(|stream| plan_audio(probe, stream, policy));
    if video.is_none() && audio.is_none() {
        return Err(Refusal(
            "There is neither moving picture nor sound in this file. Choose the film itself, not a subtitle or a picture."
                .into(),
        ));
    }
    let (video, longest_s) = video.map_or((None, 0.0), |(plan, longest)| (Some(plan), longest));
    let target_duration = policy.segment_s.max((longest_s + 0.000_001).round() as u32);
    Ok(Plan { video, audio, target_duration, cut: policy.cut() })
}

/// The track a player should take unasked: the one marked as default, else the first.
fn main_sound(tracks: &[AudioStream]) -> Option<&AudioStream> {
    tracks.iter().find(|track| track.default).or_else(|| tracks.first())
}

/// The plan and the seconds of its longest segment.
fn plan_video(probe: &Probe, stream: &VideoStream, packets: &[Packet], policy: &Policy) -> (VideoPlan, f64) {
    let rate = highest_rate(stream);
    let size = fitting(stream.display_size());
    let frames = Frames::of(packets, stream.time_base.value());
    let obstacle = policy.copies(probe).and_then(|()| copyable(stream, packets));
    let mut plan = VideoPlan {
        index: stream.index,
        action: VideoAction::Copy,
        why: String::new(),
        size,
        frame_rate_milli: (rate * 1000.0).round() as u32,
        planned_bandwidth: 0,
        range: None,
        end_s: frames.end_s().map(|end| end - probe.start_s),
    };
    match obstacle {
        Ok(gops) => {
            let rule = policy.cut().rule(PLAN_TIMESCALE);
            plan.size = stream.display_size();
            plan.range = match stream.transfer.as_deref() {
                Some("smpte2084") => Some(VideoRange::Pq),
                Some("arib-std-b67") => Some(VideoRange::Hlg),
                _ => None,
            };
            plan.why = format!("{} plays as it is", name_of(&stream.codec));
            plan.planned_bandwidth = densest(&gops, rule).max(1);
            (plan, longest(gops.into_iter(), rule) as f64 / f64::from(PLAN_TIMESCALE))
        }
        Err(why) => {
            let halved = rate > HIGHEST_RATE;
            let fixed_rate =
                stream.average_rate.filter(|_| halved).map(|rate| Ratio { den: rate.den.saturating_mul(2), ..rate });
            let shown_rate = if halved { rate / 2.0 } else { rate };
            let max_bit_rate = bit_rate_for(size, shown_rate, source_rate(probe, stream));
            plan.frame_rate_milli = (shown_rate * 1000.0).round() as u32;
            plan.planned_bandwidth = max_bit_rate * 4 / 3;
            plan.why = why;
            // A key frame comes every 2 s, at the first picture from then on.
            let gop = 2.0 + frames.longest_gap();
            let longest_s = gop.max(f64::from(policy.segment_s) + frames.longest_gap().min(0.49));
            plan.action = VideoAction::Encode { max_bit_rate, fixed_rate, spans: frames.spans(probe.start_s) };
            (plan, longest_s)
        }
    }
}

fn plan_audio(probe: &Probe, stream: &AudioStream, policy: &Policy) -> AudioPlan {
    let decided = policy.copies(probe).and_then(|()| {
        let plays = stream.codec == "aac" && !stream.profile.as_deref().is_some_and(|profile| profile.contains("xHE"));
        match (plays, stream.codec.as_str()) {
            (true, _) => Ok(()),
            (false, "mp3") => Err("MP3 does not play in every browser inside MP4".to_owned()),
            (false, codec) => Err(format!("{} does not play in every browser", name_of(codec))),
        }
    });
    let (action, why, planned_bandwidth) = match decided {
        Ok(()) => (AudioAction::Copy, "AAC plays as it is".to_owned(), stream.bit_rate.unwrap_or(192_000) * 11 / 10),
        Err(why) => {
            let channels = stream.channels.clamp(1, 2);
            let bit_rate = 80_000 * u64::from(channels);
            let sample_rate = if stream.sample_rate == 44_100 { 44_100 } else { 48_000 };
            (AudioAction::Aac { channels, sample_rate, bit_rate }, why, bit_rate * 11 / 10)
        }
    };
    let (language, label) = (stream.language.clone(), stream.title.clone());
    AudioPlan { index: stream.index, action, why, language, label, planned_bandwidth }
}

/// The highest rate a stream can show. Containers with a fine clock report absurd base rates.
fn highest_rate(stream: &VideoStream) -> f64 {
    let average = stream.average_rate.map_or(0.0, Ratio::value);
    let base = stream.frame_rate.map_or(0.0, Ratio::value);
    if base > 0.0 && base <= 240.0 {
        return base.max(average);
    }
    if average > 0.0 { average } else { 25.0 }
}

/// The size, made smaller where H.264 has no level for it.
fn fitting((width, height): (u32, u32)) -> (u32, u32) {
    let pixels = f64::from(width) * f64::from(height);
    let scale = (MOST_PIXELS / pixels).sqrt().min(1.0);
    let even = |length: u32| ((f64::from(length) * scale / 2.0).floor() * 2.0).max(16.0) as u32;
    if scale < 1.0 { (even(width), even(height)) } else { (width.max(16), height.max(16)) }
}

/// Bits per second at most: about a tenth of a bit for each pixel, and never much above the source.
fn bit_rate_for(size: (u32, u32), rate: f64, source: Option<u64>) -> u64 {
    let pixels = f64::from(size.0) * f64::from(size.1);
    // Twice the pictures do not need twice the bits.
    let wanted = pixels * (rate.clamp(10.0, 60.0) / 30.0).sqrt() * 3.2;
    let cap = source.map_or(f64::INFINITY, |source| source as f64 * 1.3);
    wanted.min(cap).clamp(150_000.0, 40_000_000.0) as u64
}

/// The picture's bits per second: its own, or what the file has beside its sound.
fn source_rate(probe: &Probe, stream: &VideoStream) -> Option<u64> {
    stream.bit_rate.or_else(|| {
        let seconds = probe.duration_s.filter(|seconds| *seconds > 0.0)?;
        let sound: u64 = probe.audio.iter().filter_map(|track| track.bit_rate).sum();
        Some(((probe.bytes as f64 * 8.0 / seconds) as u64).saturating_sub(sound).max(1))
    })
}

/// What people call a codec.
fn name_of(codec: &str) -> String {
    match codec {
        "h264" => "H.264".into(),
        "hevc" => "HEVC".into(),
        "aac" => "AAC".into(),
        "ac3" => "AC-3".into(),
        "eac3" => "E-AC-3".into(),
        "dts" => "DTS".into(),
        "mpeg2video" => "MPEG-2".into(),
        "mpeg4" => "MPEG-4 Part 2".into(),
        other => other.to_uppercase(),
    }
}

#[cfg(test)]
mod tests;
