//! Trying encoders: a second of generated picture through the filters and the encoder that films
//! go through, within ten seconds, every picture counted.

use super::cage::CageLimits;
use super::command::words;
use super::encoder::{Encoder, EncoderReport, Preference};
use super::package::VideoEncode;
use super::{Ffmpeg, FfmpegError, Program, filter};
use crate::media::ladder::Rung;
use crate::media::probe::Ratio;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pictures of the trial.
const PICTURES: u64 = 30;
const LIMIT: Duration = Duration::from_secs(10);

/// Tries the encoders that the preference allows, best first. One after the other, since several
/// may share a device; takes at most ten seconds each.
pub async fn probe_encoders(ffmpeg: &Ffmpeg, preference: Preference) -> Vec<EncoderReport> {
    let mut reports = Vec::new();
    for encoder in preference.order() {
        let why_not = ffmpeg.try_encoder(encoder).await.err().map(|error| error.to_string());
        reports.push(EncoderReport { encoder, works: why_not.is_none(), why_not });
    }
    reports
}

impl Ffmpeg {
    async fn try_encoder(&self, encoder: Encoder) -> Result<(), FfmpegError> {
        let limits = match encoder {
            Encoder::Software => self.short_limits(),
            _ => CageLimits { address_space: None, file_size: 1 << 30, open_files: 1024, ..self.short_limits() },
        };
        let cancel = CancellationToken::new();
        let output = self
            .run(Program::Ffmpeg, &limits, arguments(encoder, &self.settings.vaapi_device), 1 << 20, LIMIT, &cancel)
            .await?;
        let made = String::from_utf8_lossy(&output).lines().filter(|line| !line.starts_with('#')).count() as u64;
        if made == PICTURES {
            return Ok(());
        }
        Err(FfmpegError::Failed { last_words: format!("{made} of {PICTURES} pictures came out") })
    }
}

/// Frames are made in memory, so they go up to the device as those of a rotated film would.
/// The `framecrc` muxer writes one line for each coded picture.
fn arguments(encoder: Encoder, vaapi: &Path) -> Vec<OsString> {
    let rate = Ratio { num: 30, den: 1 };
    let encode = VideoEncode {
        index: 0,
        encoder,
        rungs: vec![Rung { size: (640, 360), max_bit_rate: 1_000_000 }],
        frame_rate: rate,
        least_gap_s: None,
        hold_s: None,
        deinterlace: false,
        rotated: true,
        tone_map: None,
        clip: None,
        key_frame_interval_s: 2,
    };
    let mut list = words("-hide_banner -nostdin -loglevel error");
    list.extend(encoder.device_arguments(vaapi));
    list.extend(words("-f lavfi -i testsrc2=size=1280x720:rate=30:duration=1 -filter_complex"));
    list.push(filter::graph(&encode).into());
    list.extend(words("-map [v0]"));
    list.extend(encoder.arguments(&encode));
    list.extend(words("-f framecrc pipe:1"));
    list
}
