//! Trying encoders: a second of generated H.264 goes through the decoder, the filters and the encoder that films
//! go through, in two sizes, within ten seconds, every picture counted.

use super::cage::CageLimits;
use super::command::words;
use super::encoder::{Encoder, EncoderReport, Preference};
use super::errand::Errand;
use super::package::{PackageTask, VideoEncode, VideoTask};
use super::{Ffmpeg, FfmpegError, Program};
use crate::media::ladder::Rung;
use crate::media::probe::Ratio;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Pictures of the trial.
const PICTURES: usize = 30;

/// For one encoder; …
const LIMIT: Duration = Duration::from_secs(10);

/// … so much of it for the way in which its device decodes, too.
const DEVICE_LIMIT: Duration = Duration::from_secs(6);

/// The generated film has some hundred kilobytes.
const MOST: u64 = 16 << 20;

/// Tries the encoders that the preference allows, best first. One after the other, since several
/// may share a device; takes at most ten seconds each.
pub async fn probe_encoders(ffmpeg: &Ffmpeg, preference: Preference) -> Vec<EncoderReport> {
    // For all of it: who waits for a turn in between has less time.
    let _turn = ffmpeg.errands.turn(Errand::Still, &CancellationToken::new()).await;
    let film = ffmpeg.trial_film().await;
    let mut reports = Vec::new();
    for encoder in preference.order() {
        let done = match &film {
            Ok(film) => ffmpeg.try_encoder(encoder, film).await.map_err(|error| error.to_string()),
            Err(error) => Err(format!("there is no film to try it with: {error}")),
        };
        let (works, decodes) = (done.is_ok(), matches!(done, Ok(Decodes::OnDevice)));
        reports.push(EncoderReport { encoder, works, decodes, why_not: done.err() });
    }
    if let Ok(film) = film
        && let Err(error) = tokio::fs::remove_file(&film).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "the film to try encoders with was not removed");
    }
    reports
}

/// Where frames came from in a trial that succeeded.
enum Decodes {
    OnDevice,
    InMemory,
}

impl Ffmpeg {
    /// Writes the film to try encoders with.
    async fn trial_film(&self) -> Result<PathBuf, FfmpegError> {
        let list = words(
            "-hide_banner -nostdin -loglevel error -f lavfi -i testsrc2=size=640x360:rate=30:duration=1 \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -f matroska pipe:1",
        );
        let bytes =
            self.run(Program::Ffmpeg, &self.short_limits(), list, MOST, LIMIT, &CancellationToken::new()).await?;
        let path = self.settings.working_dir.join(format!("encoder-trial-{}.mkv", Uuid::new_v4()));
        let write = async {
            // Others may write to this folder, too: nothing that is there is taken for ours.
            let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await?;
            file.write_all(&bytes).await?;
            file.flush().await
        };
        write.await.map_err(|error| FfmpegError::io("writing the film to try encoders with", error))?;
        Ok(path)
    }

    async fn try_encoder(&self, encoder: Encoder, film: &Path) -> Result<Decodes, FfmpegError> {
        let begun = Instant::now();
        if encoder != Encoder::Software {
            match self.encode_film(trial(encoder, film, true), DEVICE_LIMIT).await {
                Ok(()) => return Ok(Decodes::OnDevice),
                Err(error) => {
                    tracing::debug!(
                        encoder = encoder.name(),
                        error = &error as &dyn std::error::Error,
                        "a device does not decode"
                    );
                }
            }
        }
        let left = LIMIT.saturating_sub(begun.elapsed());
        self.encode_film(trial(encoder, film, false), left).await.map(|()| Decodes::InMemory)
    }

    /// Does what is done with a film. The `framecrc` muxer writes one line for each coded picture, which begins with
    /// the number of its size.
    async fn encode_film(&self, task: PackageTask, within: Duration) -> Result<(), FfmpegError> {
        let limits = CageLimits { cpu_s: 60, ..self.package_limits(&task) };
        let list = task.arguments_into(&self.settings.vaapi_device, words("-f framecrc pipe:1"));
        let output = self.run(Program::Ffmpeg, &limits, list, 1 << 20, within, &CancellationToken::new()).await?;
        let text = String::from_utf8_lossy(&output);
        for size in ["0,", "1,"] {
            let made = text.lines().filter(|line| line.starts_with(size)).count();
            if made != PICTURES {
                return Err(FfmpegError::Failed { last_words: format!("{made} of {PICTURES} pictures came out") });
            }
        }
        Ok(())
    }
}

/// The production's own task, in two sizes.
fn trial(encoder: Encoder, film: &Path, device_decodes: bool) -> PackageTask {
    let encode = VideoEncode {
        index: 0,
        encoder,
        rungs: vec![
            Rung { size: (640, 360), max_bit_rate: 1_000_000 },
            Rung { size: (426, 240), max_bit_rate: 500_000 },
        ],
        frame_rate: Ratio { num: 30, den: 1 },
        least_gap_s: None,
        hold_s: None,
        held_from_s: None,
        deinterlace: false,
        rotated: false,
        device_decodes,
        tone_map: None,
        clip: None,
        key_frame_interval_s: 2,
        key_frames_s: Vec::new(),
    };
    PackageTask {
        input: film.to_path_buf(),
        start_s: 0.0,
        video: Some(VideoTask::Encode(Box::new(encode))),
        audio: Vec::new(),
        in_background: false,
    }
}
