//! What stands at the key frames of a stream, without decoding it: its parameter sets, and whether they are entries.

use super::cage::CageLimits;
use super::command::words;
use super::errand::Errand;
use super::{Ffmpeg, FfmpegError, Program, input};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A film is read once from beginning to end, without decoding.
const LIMIT: Duration = Duration::from_secs(3600);

/// Some fifty bytes a key frame.
const MOST: u64 = 64 << 20;

impl Ffmpeg {
    /// All parameter sets of stream `stream`, H.264 or HEVC by `codec`, behind start codes; those of the header
    /// stand before each key frame that has none of its own.
    ///
    /// # Errors
    /// `Refused` when the file cannot be read on, `Failed`, `Stalled`, `Cancelled`.
    pub async fn parameter_sets(
        &self,
        input: &Path,
        stream: u32,
        codec: &str,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FfmpegError> {
        let cpu_s = self.settings.encode_cpu.as_secs().max(1);
        let limits = CageLimits { cpu_s, ..self.short_limits() };
        let filters = match codec {
            "hevc" => "hevc_mp4toannexb,filter_units=pass_types=32-34",
            _ => "h264_mp4toannexb,filter_units=pass_types=7-8",
        };
        let _turn = self.errands.turn(Errand::Read, cancel).await?;
        self.run(Program::Ffmpeg, &limits, arguments(input, stream, filters, ""), MOST, LIMIT, cancel).await
    }

    /// Whether a key frame of stream `stream`, which is H.264, is no IDR: what readers take for a key frame, as it is
    /// marked as one or says that decoders can begin with it. The file is read up to the first such.
    ///
    /// # Errors
    /// As `parameter_sets`.
    pub async fn has_open_key_frames(
        &self,
        input: &Path,
        stream: u32,
        cancel: &CancellationToken,
    ) -> Result<bool, FfmpegError> {
        let cpu_s = self.settings.encode_cpu.as_secs().max(1);
        let limits = CageLimits { cpu_s, ..self.short_limits() };
        // Slices of pictures that are no IDR are of the kinds 1 to 4 (ITU-T H.264 table 7-1).
        let filters = "noise=drop=not(key),h264_mp4toannexb,filter_units=pass_types=1-4";
        let list = arguments(input, stream, filters, "-frames:v 1");
        let _turn = self.errands.turn(Errand::Read, cancel).await?;
        Ok(!self.run(Program::Ffmpeg, &limits, list, MOST, LIMIT, cancel).await?.is_empty())
    }
}

/// All that `filters` let through of a stream, up to `bound`.
fn arguments(file: &Path, stream: u32, filters: &str, bound: &str) -> Vec<OsString> {
    let mut list = words("-hide_banner -nostdin -loglevel error");
    list.extend(input::protections());
    list.extend(["-i".into(), input::url(file)]);
    list.extend(words(&format!("-map 0:{stream} -c copy -bsf:v {filters} {bound} -f data pipe:1")));
    list
}
