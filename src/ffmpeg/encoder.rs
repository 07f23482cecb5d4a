//! The H.264 encoders we know how to drive, and which one to take.
//!
//! Listing encoders proves nothing: ffmpeg lists all of them on a machine without a GPU. So each is
//! tried (`trial`), and what is chosen is the first that worked.

use super::command::words;
use super::package::VideoEncode;
use crate::media::ladder::Rung;
use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

/// A family of H.264 encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoder {
    /// Intel and AMD through VA-API.
    Vaapi,
    /// NVIDIA.
    Nvenc,
    /// Intel Quick Sync.
    Qsv,
    /// x264 on the CPU.
    Software,
}

/// What the owner asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Whether hardware is tried at all.
    pub hardware_enabled: bool,
    /// What is tried first.
    pub preferred: Option<Encoder>,
}

/// What became of trying one encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderReport {
    /// Which one.
    pub encoder: Encoder,
    /// Whether it made every picture of the trial in time.
    pub works: bool,
    /// Whether its device decoded them, too; else frames are decoded in memory and sent up.
    pub decodes: bool,
    /// Why it does not, in ffmpeg's words or ours.
    pub why_not: Option<String>,
}

/// The encoder to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which one.
    pub encoder: Encoder,
    /// Whether its device decodes, too.
    pub decodes: bool,
}

/// The text names no encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of vaapi, nvenc, qsv, software")]
pub struct NotAnEncoder;

impl FromStr for Encoder {
    type Err = NotAnEncoder;
    fn from_str(text: &str) -> Result<Self, NotAnEncoder> {
        Self::ALL.into_iter().find(|encoder| encoder.name() == text).ok_or(NotAnEncoder)
    }
}

impl Preference {
    /// The encoders to try, best first. Software always ends the list.
    pub fn order(self) -> Vec<Encoder> {
        if !self.hardware_enabled {
            return vec![Encoder::Software];
        }
        let mut order = Encoder::ALL.to_vec();
        if let Some(preferred) = self.preferred {
            order.sort_by_key(|encoder| *encoder != preferred);
        }
        order
    }
}

/// The first that works, in the order given; software if none was seen to.
pub fn choose(reports: &[EncoderReport]) -> Choice {
    let working = reports.iter().find(|report| report.works);
    working.map_or(Choice::SOFTWARE, |report| Choice { encoder: report.encoder, decodes: report.decodes })
}

impl Choice {
    /// What works everywhere.
    pub const SOFTWARE: Self = Self { encoder: Encoder::Software, decodes: false };

    /// Whether the device is to decode a stream: it was seen to decode, and streams of this kind are within reach
    /// of any such device. Others would come out as frames in memory, which the device's scaler does not take.
    pub fn decodes(self, codec: &str, pixel_format: &str) -> bool {
        let is_usual = match (codec, pixel_format) {
            ("h264" | "mpeg2video", "yuv420p") | ("hevc", "yuv420p" | "yuv420p10le") => true,
            ("vp9", "yuv420p") => self.encoder == Encoder::Nvenc,
            _ => false,
        };
        self.decodes && is_usual && self.encoder != Encoder::Software
    }
}

impl Encoder {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::Vaapi, Self::Nvenc, Self::Qsv, Self::Software];

    /// The name used in configuration and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vaapi => "vaapi",
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::Software => "software",
        }
    }

    /// Opens the device; stands before the input. `vaapi` is the path of the VA-API device.
    pub(super) fn device_arguments(self, vaapi: &Path) -> Vec<OsString> {
        let device = |kind: &str, more: &str| {
            let mut text = OsString::from(kind);
            text.push(vaapi);
            text.push(more);
            vec![OsString::from("-init_hw_device"), text]
        };
        let (mut list, rest) = match self {
            Self::Vaapi => (device("vaapi=va:", ""), "-filter_hw_device va"),
            Self::Nvenc => (Vec::new(), "-init_hw_device cuda=cu:0 -filter_hw_device cu"),
            Self::Qsv => (device("vaapi=va:", ",driver=iHD"), "-init_hw_device qsv=qs@va -filter_hw_device qs"),
            Self::Software => (Vec::new(), ""),
        };
        list.extend(words(rest));
        list
    }

    /// Decodes on the device and keeps the frames there; stands before the input.
    pub(super) fn decoder_arguments(self) -> &'static str {
        match self {
            Self::Vaapi | Self::Qsv => "-hwaccel vaapi -hwaccel_output_format vaapi -noautorotate",
            Self::Nvenc => "-hwaccel cuda -hwaccel_output_format cuda -noautorotate -threads 1",
            Self::Software => "",
        }
    }

    /// The encoder and the rate control of each rung. Key frames come from `-force_key_frames`; the longest
    /// GOP only backs that up, and every GOP is closed.
    pub(super) fn arguments(self, encode: &VideoEncode) -> Vec<OsString> {
        let gop = encode.longest_gop();
        let family = match self {
            Self::Vaapi => "-c:v h264_vaapi -profile:v high -rc_mode VBR",
            Self::Nvenc => "-c:v h264_nvenc -preset p4 -profile:v high -forced-idr 1 -no-scenecut 1",
            Self::Qsv => "-c:v h264_qsv -profile:v high -forced_idr 1 -mbbrc 1",
            // Constant quality under a cap: easy scenes stay far below it.
            Self::Software => {
                "-c:v libx264 -preset veryfast -profile:v high -pix_fmt yuv420p -crf 21 -forced-idr 1 -sc_threshold 0"
            }
        };
        let mut list = words(&format!("{family} -flags:v +cgop -g {gop}"));
        for (at, rung) in encode.rungs.iter().enumerate() {
            list.extend(words(&self.rate_control(at, rung, encode.frame_rate.value())));
        }
        list
    }

    /// Capped variable rate of the output's picture `at`, over a buffer of two seconds.
    fn rate_control(self, at: usize, rung: &Rung, frame_rate: f64) -> String {
        let most = rung.max_bit_rate;
        let buffer = most.saturating_mul(2);
        match self {
            Self::Vaapi | Self::Nvenc => format!("-b:v:{at} {most} -maxrate:v:{at} {most} -bufsize:v:{at} {buffer}"),
            // Equal rates would be taken for a constant one.
            Self::Qsv => {
                format!("-b:v:{at} {most} -maxrate:v:{at} {} -bufsize:v:{at} {buffer}", most.saturating_add(1))
            }
            Self::Software => {
                let level = level(rung.size, frame_rate, most);
                format!("-level:v:{at} {level} -maxrate:v:{at} {most} -bufsize:v:{at} {buffer}")
            }
        }
    }
}

/// The lowest H.264 level (ITU-T H.264 table A-1, High profile) that holds such pictures; 5.2 at most (Apple authoring
/// rule 1.4).
/// Stated and not left to the encoder, which would guess a rate from the source's time base.
fn level((width, height): (u32, u32), rate: f64, bit_rate: u64) -> &'static str {
    /// Level, macroblocks per second, macroblocks per picture, kilobits per second (High).
    const LEVELS: [(&str, f64, u32, u64); 9] = [
        ("3.0", 40_500.0, 1620, 12_500),
        ("3.1", 108_000.0, 3600, 17_500),
        ("3.2", 216_000.0, 5120, 25_000),
        ("4.0", 245_760.0, 8192, 25_000),
        ("4.1", 245_760.0, 8192, 62_500),
        ("4.2", 522_240.0, 8704, 62_500),
        ("5.0", 589_824.0, 22_080, 168_750),
        ("5.1", 983_040.0, 36_864, 300_000),
        ("5.2", 2_073_600.0, 36_864, 300_000),
    ];
    let picture = width.div_ceil(16).saturating_mul(height.div_ceil(16));
    let per_second = f64::from(picture) * rate;
    let fits = |(_, speed, size, kilobits): &&(&str, f64, u32, u64)| {
        per_second <= *speed && picture <= *size && bit_rate <= kilobits * 1000
    };
    LEVELS.iter().find(fits).map_or("5.2", |level| level.0)
}

#[cfg(test)]
mod tests;
