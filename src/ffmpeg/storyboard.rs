//! Drawing a storyboard: one run over the file that decodes key frames only.
//!
//! Tile `n` shows the last key frame not after its time, or the first one where there is none
//! before. `fps` with times rounded up does just that; `tpad` and `trim` make the tiles exactly as
//! many as planned, whatever the film's time stamps say. Full sheets and the shorter last one are
//! two tracks of one Matroska stream, so that nobody has to find the borders of JPEGs.

use super::command::words;
use super::package::ToneMap;
use super::{Ffmpeg, FfmpegError, filter, input, matroska};
use crate::media::probe::{Probe, VideoStream};
use crate::media::storyboard::Storyboard;
use bytes::Bytes;
use std::ffi::OsString;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Bytes of all sheets at most. A sheet has 1 MB at the worst, and there are 36 at most.
const MAX_BYTES: u64 = 128 << 20;

impl Ffmpeg {
    /// Draws the sheets of a storyboard, as JPEGs in their order: `board.sheets()` of them, each
    /// with the rows and columns that `board.grid` says. The film is read once from end to end, and
    /// of its pictures only key frames are decoded: where they are far apart, tiles repeat.
    ///
    /// # Errors
    /// `Refused` when the file has no moving pictures or not one of their key frames can be decoded:
    /// such a film has no storyboard. `Cancelled`, `Stalled`, `Failed`.
    pub async fn storyboard(
        &self,
        input: &Path,
        probe: &Probe,
        board: &Storyboard,
        cancel: &CancellationToken,
    ) -> Result<Vec<Bytes>, FfmpegError> {
        let Some(video) = probe.video.first() else {
            return Err(FfmpegError::refused("The file has no moving pictures to make a storyboard of."));
        };
        let list = arguments(input, probe.start_s, video, board);
        let (written, end) = self.gather(list, MAX_BYTES, cancel.clone()).await?;
        match end {
            // Without a picture there was nothing to set up the filters with.
            Err(FfmpegError::Failed { last_words }) if written.is_empty() => {
                return Err(FfmpegError::refused(format!(
                    "No key frame of the film could be decoded, so it has no storyboard ({last_words})."
                )));
            }
            end => end?,
        }
        let mut sheets = matroska::read(written)?.packets;
        sheets.sort_by_key(|sheet| (sheet.track, sheet.start_ms));
        if sheets.len() != board.sheets() as usize {
            let last_words = format!("{} of {} sheets came out", sheets.len(), board.sheets());
            return Err(FfmpegError::Failed { last_words });
        }
        Ok(sheets.into_iter().map(|sheet| sheet.data.into()).collect())
    }
}

fn arguments(file: &Path, start_s: f64, video: &VideoStream, board: &Storyboard) -> Vec<OsString> {
    let mut list = words("-hide_banner -nostdin -loglevel error -nostats -progress pipe:2 -copyts -max_error_rate 1");
    // One thread: this is work for the background, and key frames alone are few.
    list.extend(words("-threads 1 -skip_frame nokey"));
    list.extend(input::protections());
    list.extend(["-i".into(), input::url(file), "-filter_complex".into()]);
    list.push(graph(start_s, video, board).into());
    list.extend(words(&format!("{} -map [sheets]", signs_of_life(video.index))));
    if board.sheets() > 1 {
        list.extend(words("-map [last]"));
    }
    list.extend(words("-c:v mjpeg -q:v 4 -map_metadata -1 -map_chapters -1 -f matroska pipe:1"));
    list
}

/// An output that counts the packets of a stream and is nowhere written. What a run is asked for may
/// come late or not at all, and a run without progress is taken for stuck. It stands before other
/// outputs, since ffmpeg tells the pictures of the first one.
pub(super) fn signs_of_life(stream: u32) -> String {
    format!("-map 0:{stream} -c copy -f null -")
}

fn graph(start_s: f64, video: &VideoStream, board: &Storyboard) -> String {
    let (width, height) = (board.tile_width, board.tile_height);
    let mut steps = vec![
        format!("[0:{}]setpts=PTS-({start_s:.6})/TB", video.index),
        format!("fps=fps=1000/{}:start_time=0:round=up", board.interval_ms),
    ];
    if video.interlaced {
        // Key frames are far apart, so no filter may look at neighbours; one field has lines enough.
        steps.push("field=type=top".to_owned());
    }
    steps.push(format!("scale={width}:{height}:flags=area,setsar=1"));
    steps.extend(ToneMap::of(video.transfer.as_deref()).map(filter::tone_map));
    steps.push(filter::TO_JPEG.to_owned());
    steps.push(format!("tpad=stop=-1:stop_mode=clone,trim=end_frame={}", board.tiles));
    let chain = steps.join(",");
    let tile = |sheet: u32| {
        let (rows, columns) = board.grid(sheet);
        format!("tile={columns}x{rows}")
    };
    let last = board.sheets() - 1;
    if last == 0 {
        return format!("{chain},{}[sheets]", tile(0));
    }
    let before: u32 = (0..last).map(|sheet| board.grid(sheet)).map(|(rows, columns)| rows * columns).sum();
    format!(
        "{chain},split[a][b];[a]trim=end_frame={before},{}[sheets];[b]trim=start_frame={before},{}[last]",
        tile(0),
        tile(last)
    )
}
