//! The parameter sets of a stream as they stand at its key frames, without the pictures.

use super::cage::CageLimits;
use super::command::words;
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
        self.run(Program::Ffmpeg, &limits, arguments(input, stream, codec), MOST, LIMIT, cancel).await
    }
}

fn arguments(file: &Path, stream: u32, codec: &str) -> Vec<OsString> {
    let filters = match codec {
        "hevc" => "hevc_mp4toannexb,filter_units=pass_types=32-34",
        _ => "h264_mp4toannexb,filter_units=pass_types=7-8",
    };
    let mut list = words("-hide_banner -nostdin -loglevel error");
    list.extend(input::protections());
    list.extend(["-i".into(), input::url(file)]);
    list.extend(words(&format!("-map 0:{stream} -c copy -bsf:v {filters} -f data pipe:1")));
    list
}
