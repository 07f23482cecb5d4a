//! A look into a file: which streams it has, and whether we take it.
//!
//! Everything ffprobe says of a hostile file is hostile too. So numbers are checked against what a
//! film can have before anybody plans with them.

mod report;

use super::errand::Errand;
use super::{Ffmpeg, FfmpegError, Program, input};
use crate::media::probe::{MAX_SECONDS, Probe};
use report::Report;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a look into a file may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of description at most.
const MAX_REPORT: u64 = 8 << 20;
/// Pictures, sounds and subtitles at most.
const MAX_TRACKS: usize = 64;
/// The latest start. The clock of a transport stream wraps after 26.5 hours (2^33 / 90000 s).
const MAX_START_SECONDS: f64 = MAX_SECONDS;
/// ffprobe's certainty about the container, of 100, below which noise is taken for a film.
const MIN_SCORE: u32 = 10;

impl Ffmpeg {
    /// Looks into a file and decides whether it can become a video.
    ///
    /// # Errors
    /// `Refused` with a sentence for people when it cannot; `Cancelled`; `NotInstalled`; `Io`.
    pub async fn probe(&self, input: &Path, cancel: &CancellationToken) -> Result<Probe, FfmpegError> {
        let limits = self.short_limits();
        let _turn = self.errands.turn(Errand::Look, cancel).await?;
        let run = self.run(Program::Ffprobe, &limits, arguments(input), MAX_REPORT, LIMIT, cancel);
        let json = run.await.map_err(|error| match error {
            FfmpegError::Stalled { seconds } => FfmpegError::refused(format!(
                "The file could not be understood within {seconds} seconds; it is damaged or not a film."
            )),
            FfmpegError::Failed { last_words } => {
                FfmpegError::refused(format!("The file could not be read: {last_words}"))
            }
            other => other,
        })?;
        accept(&json)
    }
}

fn arguments(file: &Path) -> Vec<OsString> {
    let mut list = super::command::words("-hide_banner -loglevel error -threads 1");
    list.extend(input::protections());
    list.extend(super::command::words("-show_format -show_streams -show_chapters -of json=compact=1 -i"));
    list.push(input::url(file));
    list
}

/// The checks, apart from the child that made the report.
fn accept(json: &[u8]) -> Result<Probe, FfmpegError> {
    let report: Report = serde_json::from_slice(json)
        .map_err(|_| FfmpegError::refused("The file is damaged: its description makes no sense."))?;
    if report.score() < MIN_SCORE {
        return Err(FfmpegError::refused("This is not a video or sound file of a kind we know."));
    }
    let probe = report.into_probe();
    let tracks = probe.video.len() + probe.audio.len() + probe.subtitles.len();
    if tracks > MAX_TRACKS {
        return Err(FfmpegError::refused(format!(
            "The file has {tracks} tracks; at most {MAX_TRACKS} are taken. Remove some and upload it again."
        )));
    }
    if probe.video.is_empty() && probe.audio.is_empty() {
        return Err(FfmpegError::refused("The file holds neither a moving picture nor sound."));
    }
    for video in &probe.video {
        check_size(video.width, video.height)?;
    }
    check_times(&probe)?;
    Ok(probe)
}

fn check_size(width: u32, height: u32) -> Result<(), FfmpegError> {
    if width == 0 || height == 0 {
        return Err(FfmpegError::refused(
            "The picture has no readable size: it is damaged, of an unknown codec, or larger than we decode (about 64 million pixels).",
        ));
    }
    if u64::from(width) * u64::from(height) > input::MAX_PIXELS {
        return Err(FfmpegError::refused(format!(
            "The picture is {width} × {height}, more than we decode (about 64 million pixels). Scale it down and upload it again."
        )));
    }
    Ok(())
}

fn check_times(probe: &Probe) -> Result<(), FfmpegError> {
    if probe.duration_s.is_some_and(|length| !length.is_finite() || !(0.0..=MAX_SECONDS).contains(&length)) {
        return Err(FfmpegError::refused("The file claims to last longer than a week; its time stamps are damaged."));
    }
    if !probe.start_s.is_finite() || probe.start_s.abs() > MAX_START_SECONDS {
        return Err(FfmpegError::refused(
            "The file claims to begin at a time no film begins at; its time stamps are damaged.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
