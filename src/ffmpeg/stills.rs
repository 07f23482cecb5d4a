//! Stills: a poster, which is one good frame of the film, and candidates for a person to choose from.
//!
//! For a poster a few key frames, first of its first half, are looked at as thumbnails of 64 × 36 grey pixels. The
//! best is the one with the most contrast that is neither black nor white; it is then made at full
//! size. Decoding key frames only is about a hundred times faster than decoding everything.

use super::command::words;
use super::errand::Errand;
use super::package::ToneMap;
use super::{Ffmpeg, FfmpegError, Program, filter, input};
use crate::media::probe::{Probe, VideoStream};
use bytes::Bytes;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where to look, as parts of the film's length, best guess first. Its second half would tell how
/// it ends, so that is only for films whose first half is flat.
const PLACES: [f64; 9] = [0.2, 0.35, 0.1, 0.5, 0.27, 0.42, 0.15, 0.65, 0.8];
/// Candidates at most: the film is cut into so many parts.
const CANDIDATES: u32 = 8;
/// Where to look within a part of the film, best guess first.
const PLACES_OF_PART: [f64; 2] = [0.5, 0.2];
const THUMBNAIL: (u32, u32) = (64, 36);
/// Width of a poster at most, in pixels.
const MAX_WIDTH: u32 = 1280;
/// Height of a poster at most: tall pictures exist.
const MAX_HEIGHT: u32 = 1280;
/// Bytes of a poster at most.
pub(super) const MAX_JPEG: u64 = 8 << 20;
/// How long one still may take.
const LIMIT: Duration = Duration::from_secs(30);
/// A key frame before the second asked for has a negative time, and would be left out for that.
const PASS: &str = "-fps_mode passthrough";
/// Seconds decoded before an exact moment: a transport stream is entered anywhere, and its pictures
/// are grey until the next key frame.
const RUN_UP: f64 = 20.0;
/// Contrast above which no better frame is looked for.
const GOOD_ENOUGH: f64 = 45.0;
/// Contrast below which a frame is nearly one colour.
const FLAT: f64 = 8.0;

/// A still that a person may choose as poster.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Seconds from the film's start that were asked for; the frame is the last key frame before.
    pub second: f64,
    /// As the poster is judged: below 8 nearly one colour, above 45 rich in contrast.
    pub score: f64,
    /// The still, as large as the poster would be.
    pub jpeg: Bytes,
}

/// Which frame, and how it is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// The last key frame not after this second of the file.
    KeyFrame(f64),
    /// The first frame from this second of the file: slower, but not bound to key frames.
    Exactly(f64),
}

impl Ffmpeg {
    /// A JPEG of a good frame: upright, with square pixels, even, at most 1280 wide and high. A file without
    /// moving pictures gives its cover.
    ///
    /// # Errors
    /// `Refused` when the file has no picture at all or none can be decoded.
    pub async fn poster(&self, input: &Path, probe: &Probe, cancel: &CancellationToken) -> Result<Bytes, FfmpegError> {
        let jpeg = match (probe.video.first(), probe.cover) {
            (Some(video), _) => {
                let moment = self.best_moment(input, probe, video, cancel).await?;
                self.picture(input, video, moment, cancel).await?
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
        Ok(jpeg.into())
    }

    /// Up to eight stills of one film, in its order, each the better of two key frames of an eighth of
    /// it. Places that are flat, damaged or show what was shown before are left out, so a film with
    /// few key frames has fewer. Without moving pictures there are none.
    ///
    /// # Errors
    /// `Cancelled`, `NotInstalled`; a film of which no still can be made just has none.
    pub async fn poster_candidates(
        &self,
        input: &Path,
        probe: &Probe,
        cancel: &CancellationToken,
    ) -> Result<Vec<Candidate>, FfmpegError> {
        let Some(video) = probe.video.first() else { return Ok(Vec::new()) };
        let part = probe.duration_s.unwrap_or(0.0) / f64::from(CANDIDATES);
        let mut seen = HashSet::new();
        let mut candidates = Vec::new();
        for number in 0..CANDIDATES {
            let mut best: Option<(f64, f64)> = None;
            for place in PLACES_OF_PART {
                let second = (f64::from(number) + place) * part;
                let looked = self.thumbnail(input, video, Moment::KeyFrame(second), cancel).await;
                let Some(pixels) = unless_damaged(looked)? else { continue };
                let score = contrast(&pixels);
                if score > FLAT && seen.insert(pixels) && best.is_none_or(|(_, other)| score > other) {
                    best = Some((second, score));
                }
            }
            let Some((second, score)) = best else { continue };
            let jpeg = unless_damaged(self.picture(input, video, Moment::KeyFrame(second), cancel).await)?;
            let jpeg = jpeg.filter(|jpeg| !jpeg.is_empty());
            candidates.extend(jpeg.map(|jpeg| Candidate { second, score, jpeg: jpeg.into() }));
        }
        Ok(candidates)
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
                let looked = self.thumbnail(file, video, moment, cancel).await;
                let Some(pixels) = unless_damaged(looked)? else { continue };
                let score = contrast(&pixels);
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

    /// The frame at full size, as JPEG.
    async fn picture(
        &self,
        file: &Path,
        video: &VideoStream,
        moment: Moment,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FfmpegError> {
        let list = still_arguments(file, video.index, Some(moment), &poster_chain(video));
        self.still(list, MAX_JPEG, cancel).await
    }

    /// The frame in grey, small enough to judge it by.
    async fn thumbnail(
        &self,
        file: &Path,
        video: &VideoStream,
        moment: Moment,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FfmpegError> {
        let (width, height) = THUMBNAIL;
        let mut list = seek(file, moment);
        list.extend(words(&format!(
            "-map 0:{} -frames:v 1 {PASS} -vf scale={width}:{height}:flags=area,format=gray -f rawvideo pipe:1",
            video.index
        )));
        self.still(list, u64::from(width * height), cancel).await
    }

    pub(super) async fn still(
        &self,
        list: Vec<OsString>,
        most: u64,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FfmpegError> {
        let _turn = self.errands.turn(Errand::Still, cancel).await?;
        self.run(Program::Ffmpeg, &self.short_limits(), list, most, LIMIT, cancel).await
    }
}

/// A damaged place is no reason to do without stills; `None` for it.
fn unless_damaged(looked: Result<Vec<u8>, FfmpegError>) -> Result<Option<Vec<u8>>, FfmpegError> {
    match looked {
        Err(error @ (FfmpegError::Cancelled | FfmpegError::NotInstalled { .. })) => Err(error),
        looked => Ok(looked.ok()),
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
    list.extend(words(&format!("-map 0:{stream} -frames:v 1 {PASS} -vf")));
    list.push(chain.into());
    list.extend(words("-c:v mjpeg -q:v 3 -f image2pipe pipe:1"));
    list
}

/// Square pixels first, then into the frame, never larger, even.
pub(super) fn fit() -> String {
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
    steps.push(filter::TO_JPEG.to_owned());
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
