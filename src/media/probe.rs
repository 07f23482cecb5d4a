//! What a look into a file found: its streams and their properties, as plain values.

use serde::{Deserialize, Serialize};

/// The longest film in seconds: a week.
pub const MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// A rational number: rates, aspects, time bases. The denominator is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Numerator.
    pub num: u32,
    /// Denominator, at least 1.
    pub den: u32,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// ffmpeg's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Length of the film in seconds; `None` where the container does not tell.
    pub duration_s: Option<f64>,
    /// Presentation time of the earliest packet, in seconds.
    pub start_s: f64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The `title` tag of the container.
    pub title: Option<String>,
    /// Moving pictures, in file order; covers and stills are not among them.
    pub video: Vec<VideoStream>,
    /// Sound tracks, in file order.
    pub audio: Vec<AudioStream>,
    /// Subtitle tracks, in file order.
    pub subtitles: Vec<SubtitleStream>,
    /// Streams of neither picture nor sound nor text that somebody may miss.
    #[serde(default)]
    pub data: Vec<DataStream>,
    /// Stream index of an attached cover picture.
    pub cover: Option<u32>,
    /// Its chapters, in order.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
}

/// A part of the film that has a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Seconds of the file at which it begins.
    pub start_s: f64,
    /// Seconds of the file at which it ends.
    pub end_s: f64,
    /// What it is called, if anything.
    pub title: Option<String>,
}

/// A stream of moving pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Index among all streams of the file (`0:<index>`).
    pub index: u32,
    /// ffmpeg's codec name: `h264`, `hevc`, `vp9`, …
    pub codec: String,
    /// Profile, in ffmpeg's words.
    pub profile: Option<String>,
    /// Level, in ffmpeg's numbers: 41 for 4.1 of H.264; `None` when unknown.
    #[serde(default)]
    pub level: Option<u32>,
    /// Pixel format, such as `yuv420p`.
    pub pixel_format: String,
    /// Coded width in pixels.
    pub width: u32,
    /// Coded height in pixels.
    pub height: u32,
    /// Shape of one pixel; 1:1 when unknown.
    pub sample_aspect: Ratio,
    /// Clockwise rotation a player must apply: 0, 90, 180 or 270 degrees.
    pub rotation: u32,
    /// The lowest rate that can hold all time stamps (ffprobe's `r_frame_rate`).
    pub frame_rate: Option<Ratio>,
    /// Frames divided by duration.
    pub average_rate: Option<Ratio>,
    /// Unit of the stream's time stamps in seconds.
    pub time_base: Ratio,
    /// Presentation time of its earliest picture in that unit, when known.
    #[serde(default)]
    pub start_ticks: Option<i64>,
    /// Seconds of the file at which it ends, as far as it says so by itself.
    #[serde(default)]
    pub end_s: Option<f64>,
    /// How many pictures are decoded before their turn, at most.
    #[serde(default)]
    pub reordered: u32,
    /// Whether its decoder has to be set up anew in the middle; found by looking at its key frames.
    #[serde(default)]
    pub changes: bool,
    /// Whether it is H.264 with a key frame that is no IDR; found by looking at its key frames.
    #[serde(default)]
    pub leans: bool,
    /// Whether fields are interlaced.
    pub interlaced: bool,
    /// Transfer characteristics (`smpte2084`, `arib-std-b67`, `bt709`, …).
    pub transfer: Option<String>,
    /// Whether decoder configuration is in the container's header.
    pub has_extradata: bool,
    /// Bits per second, when known.
    pub bit_rate: Option<u64>,
    /// BCP 47 or ISO 639 language tag.
    pub language: Option<String>,
}

/// A sound track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Index among all streams of the file.
    pub index: u32,
    /// ffmpeg's codec name: `aac`, `mp3`, `ac3`, …
    pub codec: String,
    /// Profile, in ffmpeg's words (`LC`, `HE-AAC`, …).
    pub profile: Option<String>,
    /// Samples per second.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u32,
    /// Where their loudspeakers stand, in ffmpeg's words (`stereo`, `5.1`, …); `None` when unknown.
    #[serde(default)]
    pub layout: Option<String>,
    /// Whether decoder configuration is in the container's header.
    pub has_extradata: bool,
    /// Bits per second, when known.
    pub bit_rate: Option<u64>,
    /// Language tag.
    pub language: Option<String>,
    /// The track's name.
    pub title: Option<String>,
    /// Whether the file marks it as the default.
    pub default: bool,
    /// Seconds of the file at which it begins; `None` when its beginning was not seen.
    #[serde(default)]
    pub start_s: Option<f64>,
    /// Seconds of the file at which it ends, as far as is known.
    #[serde(default)]
    pub end_s: Option<f64>,
    /// Unit of its time stamps in seconds, when known.
    #[serde(default)]
    pub time_base: Option<Ratio>,
    /// Whether it is listed but holds nothing.
    #[serde(default)]
    pub is_empty: bool,
    /// Whether its decoder has to be set up anew in the middle; found by looking through the file.
    #[serde(default)]
    pub changes: bool,
}

/// A stream of data, such as where a camera was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataStream {
    /// Index among all streams of the file.
    pub index: u32,
    /// What the container calls its kind.
    pub kind: String,
}

/// A subtitle track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubtitleStream {
    /// Index among all streams of the file.
    pub index: u32,
    /// ffmpeg's codec name.
    pub codec: String,
    /// Language tag.
    pub language: Option<String>,
    /// The track's name.
    pub title: Option<String>,
    /// Whether the file marks it as the one to show.
    #[serde(default)]
    pub default: bool,
    /// Whether it is to be shown unasked: it holds what is spoken in another language.
    #[serde(default)]
    pub forced: bool,
}

/// A coded frame as the container lists it. Times in ticks of the stream's time base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Presentation time.
    pub pts: Option<i64>,
    /// Decode time.
    pub dts: Option<i64>,
    /// Duration; 0 when unknown.
    pub duration: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether decoding can start here.
    pub key: bool,
}

impl Ratio {
    /// The value; 0 for a zero numerator.
    pub fn value(self) -> f64 {
        f64::from(self.num) / f64::from(self.den.max(1))
    }
}

impl VideoStream {
    /// Width and height with square pixels, as MP4 says it of a track (ISO/IEC 14496-12, 8.3.2): wide pixels widen
    /// the picture, and tall ones make it narrower. Not turned; both are at least 1.
    pub fn shown_size(&self) -> (u32, u32) {
        let (num, den) = (u64::from(self.sample_aspect.num), u64::from(self.sample_aspect.den.max(1)));
        let width = u64::from(self.width);
        let stretched = if num == 0 { width } else { (width * num + den / 2) / den };
        (u32::try_from(stretched).unwrap_or(u32::MAX).max(1), self.height.max(1))
    }

    /// Width and height as seen: with square pixels and turned upright; both are at least 2 and even.
    pub fn display_size(&self) -> (u32, u32) {
        let (width, height) = self.shown_size();
        let (width, height) = if matches!(self.rotation, 90 | 270) { (height, width) } else { (width, height) };
        (even(width), even(height))
    }
}

/// The even number that is next, between 2 and 32768.
fn even(length: u32) -> u32 {
    (length.min(32_768).div_ceil(2) * 2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(width: u32, height: u32, (num, den): (u32, u32), rotation: u32) -> VideoStream {
        VideoStream {
            index: 0,
            codec: "h264".into(),
            profile: None,
            level: None,
            pixel_format: "yuv420p".into(),
            width,
            height,
            sample_aspect: Ratio { num, den },
            rotation,
            frame_rate: None,
            average_rate: None,
            time_base: Ratio { num: 1, den: 90_000 },
            start_ticks: None,
            end_s: None,
            reordered: 0,
            changes: false,
            leans: false,
            interlaced: false,
            transfer: None,
            has_extradata: true,
            bit_rate: None,
            language: None,
        }
    }

    #[test]
    fn the_display_size_is_upright_square_and_even() {
        assert_eq!(stream(720, 576, (64, 45), 0).display_size(), (1024, 576));
        assert_eq!(stream(720, 480, (8, 9), 0).display_size(), (640, 480));
        assert_eq!(stream(720, 480, (32, 27), 0).display_size(), (854, 480));
        assert_eq!(stream(720, 480, (32, 27), 0).shown_size(), (853, 480));
        assert_eq!(stream(1920, 1080, (1, 1), 90).display_size(), (1080, 1920));
        assert_eq!(stream(321, 1, (1, 1), 0).display_size(), (322, 2));
    }
}
