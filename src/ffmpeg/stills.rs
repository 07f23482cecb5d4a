//! A poster: one good frame of the film.
//!
//! A few key frames, first of its first half, are looked at as thumbnails of 64 × 36 grey pixels. The
//! best is the one with the most contrast that is neither black nor white; it is then made at full
//! size. Decoding key frames only is about a hundred times faster than decoding everything.

use super::command::words;
use super::package::ToneMap;
use super::{Ffmpeg, FfmpegError, Program, filter, input};
use crate::media::probe::{Probe, VideoStream};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where to look, as parts of the film's length, best guess first. Its second half would tell how
/// it ends, so that is only for films whose first half is flat.
const PLACES: [f64; 9] = [0.2, 0.35, 0.1, 0.5, 0.27, 0.42, 0.15, 0.65, 0.8];
const THUMBNAIL: (u32, u32) = (64, 36);
/// Width of a poster at most, in pixels.
const MAX_WIDTH: u32 = 1280;
/// Height of a poster at most: tall pictures exist.
const MAX_HEIGHT: u32 = 1280;
/// Bytes of a poster at most.
const MAX_JPEG: u64 = 8 << 20;
/// How long one still may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Seconds decoded before an exact moment: a transport stream is entered anywhere, and its pictures
/// are grey until the next key frame.
const RUN_UP: f64 = 20.0;
/// Contrast above which no better frame is looked for.
const GOOD_ENOUGH: f64 = 45.0;
/// Contrast below which a frame is nearly one colour.
const FLAT: f64 = 8.0;

/// Which frame, and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// The last key frame not after this second of the file.
    KeyFrame(f64),
    /// The first frame from this second of the file: slower, but not bound to key frames.
    Exactly(f64),
}

impl Ffmpeg {
    /// Writes a JPEG of a good frame to `out`: upright, with square pixels, even, at most 1280 wide
    /// and high. A file without moving pictures gives its cover.
    ///
    /// # Errors
    /// `Refused` when the file has no picture at all or none can be decoded.
    pub async fn poster(
        &self,
        input: &Path,
        probe: &Probe,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let jpeg = match (probe.video.first(), probe.cover) {
            (Some(video), _) => {
                let moment = self.best_moment(input, probe, video, cancel).await?;
                self.still(still_arguments(input, video.index, Some(moment), &poster_chain(video)), MAX_JPEG, cancel)
                    .await?
            }
            (None, Some(cover)) => {
                let chain = format!("{},format=yuvj420p", fit());
                self.still(still_arguments(input, cover, None, &chain), MAX_JPEG, cancel).await?
            }
            (None, None) => return Err(FfmpegError::refused("The file has no picture to make a poster of.")),
        };
        if jpeg.is_empty() {
            return Err(FfmpegError::refused("No picture of the file could be decoded."));
        }
        tokio::fs::write(out, jpeg).await.map_err(|error| FfmpegError::io("writing the poster", error))
    }

    async fn best_moment(
        &self,
        file: &Path,
        probe: &Probe,
        video: &VideoStream,
        cancel: &CancellationToken,
    ) -> Result<Moment, FfmpegError> {
        let length = probe.duration_s.unwrap_or(0.0);
        let places = PLACES.map(|part| part * length);
        let mut best = (Moment::Exactly(0.0), f64::MIN);
        // A film with few key frames may have only flat ones, so exact moments come second.
        for exactly in [false, true] {
            for place in places {
                let moment = if exactly { Moment::Exactly(place) } else { Moment::KeyFrame(place) };
                let score = match self.contrast(file, video, moment, cancel).await {
                    Ok(score) => score,
                    Err(FfmpegError::Cancelled) => return Err(FfmpegError::Cancelled),
                    // A damaged place is no reason to do without a poster.
                    Err(_) => continue,
                };
                if score > best.1 {
                    best = (moment, score);
                }
                if score > GOOD_ENOUGH {
                    return Ok(moment);
                }
            }
            if best.1 > FLAT {
                break;
            }
        }
        Ok(best.0)
    }

    async fn contrast(
        &self,
        file: &Path,
        video: &VideoStream,
        moment: Moment,
        cancel: &CancellationToken,
    ) -> Result<f64, FfmpegError> {
        let (width, height) = THUMBNAIL;
        let mut list = seek(file, moment);
        list.extend(words(&format!(
            "-map 0:{} -frames:v 1 -vf scale={width}:{height}:flags=area,format=gray -f rawvideo pipe:1",
            video.index
        )));
        let pixels = self.still(list, u64::from(width * height), cancel).await?;
        Ok(contrast(&pixels))
    }

    async fn still(&self, list: Vec<OsString>, most: u64, cancel: &CancellationToken) -> Result<Vec<u8>, FfmpegError> {
        self.run(Program::Ffmpeg, &self.short_limits(), list, most, LIMIT, cancel).await
    }
}

fn seek(file: &Path, moment: Moment) -> Vec<OsString> {
    let mut list = words("-hide_banner -nostdin -loglevel error");
    let mut decoded = 0.0;
    match moment {
        Moment::KeyFrame(second) => list.extend(words(&format!("-skip_frame nokey -noaccurate_seek -ss {second:.3}"))),
        Moment::Exactly(second) => {
            decoded = second.min(RUN_UP);
            if second > RUN_UP {
                list.extend(words(&format!("-ss {:.3}", second - RUN_UP)));
            }
        }
    }
    list.extend(input::protections());
    list.extend(["-i".into(), input::url(file)]);
    if decoded > 0.0 {
        list.extend(words(&format!("-ss {decoded:.3}")));
    }
    list
}

fn still_arguments(file: &Path, stream: u32, moment: Option<Moment>, chain: &str) -> Vec<OsString> {
    let mut list = seek(file, moment.unwrap_or(Moment::Exactly(0.0)));
    list.extend(words(&format!("-map 0:{stream} -frames:v 1 -vf")));
    list.push(chain.into());
    list.extend(words("-c:v mjpeg -q:v 3 -f image2pipe pipe:1"));
    list
}

/// Square pixels first, then into the frame, never larger, even.
fn fit() -> String {
    format!(
        "scale=w='max(2,trunc(iw*sar/2)*2)':h='max(2,trunc(ih/2)*2)',setsar=1,\
         scale=w='min({MAX_WIDTH},iw)':h='min({MAX_HEIGHT},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2"
    )
}

fn poster_chain(video: &VideoStream) -> String {
    let mut steps = Vec::new();
    if video.interlaced {
        steps.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    steps.push(fit());
    let curve = ToneMap::of(video.transfer.as_deref());
    steps.extend(curve.map(filter::tone_map));
    // JPEG is full range.
    steps.push("scale=out_range=pc,format=yuvj420p".to_owned());
    steps.join(",")
}

/// Standard deviation of the luma, halved for frames that are very dark or very bright as a whole.
fn contrast(pixels: &[u8]) -> f64 {
    if pixels.is_empty() {
        return f64::MIN;
    }
    let count = pixels.len() as f64;
    let mean = pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / count;
    let variance = pixels.iter().map(|pixel| (f64::from(*pixel) - mean).powi(2)).sum::<f64>() / count;
    let balance = if (40.0..=215.0).contains(&mean) { 1.0 } else { 0.5 };
    variance.sqrt() * balance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_preferred_to_black_white_and_grey() {
        let picture: Vec<u8> = (0..=255).collect();
        for flat in [0_u8, 128, 255] {
            assert!(contrast(&picture) > GOOD_ENOUGH);
            assert!(contrast(&[flat; 256]) < FLAT);
        }
        assert_eq!(contrast(&[]), f64::MIN);
    }
}
