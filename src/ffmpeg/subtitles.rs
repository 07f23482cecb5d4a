//! Taking the text subtitles out of a film: all tracks in one pass over the file, which may be
//! twenty gigabytes long.
//!
//! The tracks come back as one Matroska stream, with their texts as the film has them and times to
//! the millisecond; only codecs that Matroska does not know are made ASS by ffmpeg. No demuxer of
//! subtitle files is needed for that, nor on the list of those that are allowed.

use super::command::words;
use super::storyboard::signs_of_life;
use super::{Ffmpeg, FfmpegError, input, matroska};
use crate::media::probe::{Probe, SubtitleStream};
use crate::media::subtitles::{Event, Format, Subtitles, SubtitlesError, is_text};
use std::ffi::OsString;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Bytes of all text tracks of a film at most.
const MAX_BYTES: u64 = 128 << 20;

/// Codecs that Matroska holds as they are.
const COPIED: [&str; 6] = ["subrip", "srt", "ass", "ssa", "webvtt", "text"];

/// Milliseconds before second 0 of the file that times may reach back to: Matroska has no negative
/// ones. Cues so early are never shown.
const LEAD_MS: f64 = 10_000.0;

/// One text track of a film.
#[derive(Debug)]
pub struct TextTrack {
    /// Index among all streams of the file, as in `SubtitleStream::index`.
    pub index: u32,
    /// Its cues, with times from the film's start; a track may be faulty by itself.
    pub subtitles: Result<Subtitles, SubtitlesError>,
}

impl Ffmpeg {
    /// Takes all subtitle tracks that are text (`media::subtitles::is_text`) out of a film, in the
    /// order of `probe.subtitles`. Times are exact to the millisecond. Without such a track nothing
    /// is run.
    ///
    /// # Errors
    /// `Refused` when the tracks together are larger than 128 MiB; `Cancelled`, `Stalled`, `Failed`.
    pub async fn subtitles(
        &self,
        input: &Path,
        probe: &Probe,
        cancel: &CancellationToken,
    ) -> Result<Vec<TextTrack>, FfmpegError> {
        let streams: Vec<&SubtitleStream> = probe.subtitles.iter().filter(|stream| is_text(&stream.codec)).collect();
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let offset_ms = LEAD_MS + (-probe.start_s * 1000.0).max(0.0).ceil();
        let list = arguments(input, probe, &streams, offset_ms);
        let (written, end) = self.gather(list, MAX_BYTES, cancel.clone()).await?;
        end?;
        let start_ms = (probe.start_s * 1000.0 + offset_ms).round() as i64;
        let mut tracks = matroska::read(written)?;
        let mut events: Vec<Vec<Event>> = streams.iter().map(|_| Vec::new()).collect();
        for packet in tracks.packets.drain(..) {
            let (Some(track), Some(codec)) = (events.get_mut(packet.track), tracks.codecs.get(packet.track)) else {
                continue;
            };
            track.push(event(packet, codec, start_ms));
        }
        let formats = tracks.codecs.iter().map(|codec| format_of(codec)).chain(std::iter::repeat(Format::Srt));
        let read = streams.iter().zip(events).zip(formats).map(|((stream, events), format)| TextTrack {
            index: stream.index,
            subtitles: Subtitles::of_events(format, &events),
        });
        Ok(read.collect())
    }
}

fn arguments(file: &Path, probe: &Probe, streams: &[&SubtitleStream], offset_ms: f64) -> Vec<OsString> {
    let mut list = words("-hide_banner -nostdin -loglevel error -nostats -progress pipe:2 -copyts");
    list.extend(input::protections());
    list.extend(["-i".into(), input::url(file)]);
    let picture = probe.video.first().map(|video| video.index);
    if let Some(counted) = picture.or(probe.audio.first().map(|audio| audio.index)) {
        list.extend(words(&signs_of_life(counted)));
    }
    for (number, stream) in streams.iter().enumerate() {
        let codec = if COPIED.contains(&stream.codec.as_str()) { "copy" } else { "ass" };
        list.extend(words(&format!("-map 0:{} -c:s:{number} {codec}", stream.index)));
    }
    // A track without a text for hours holds up the others, which wait in a queue.
    list.extend(words(&format!(
        "-map_metadata -1 -map_chapters -1 -max_muxing_queue_size 1000000 -avoid_negative_ts disabled \
         -output_ts_offset {:.3} -f matroska pipe:1",
        offset_ms / 1000.0
    )));
    list
}

/// By Matroska's name of the codec.
fn format_of(codec: &str) -> Format {
    match codec {
        "S_TEXT/ASS" | "S_TEXT/SSA" => Format::Ass,
        "S_TEXT/WEBVTT" => Format::WebVtt,
        _ if codec.starts_with("D_WEBVTT") => Format::WebVtt,
        _ => Format::Srt,
    }
}

/// Times on the film's own timeline: `start_ms` of the stream is the film's start.
fn event(packet: matroska::Packet, codec: &str, start_ms: i64) -> Event {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let start = signed(packet.start_ms).saturating_sub(start_ms);
    let end = start.saturating_add(signed(packet.duration_ms));
    // WebM's WebVTT puts the cue's name and its settings on two lines before the text.
    let mut lines = packet.data.splitn(3, |byte| *byte == b'\n');
    if let (true, Some(_), Some(settings), Some(payload)) =
        (codec.starts_with("D_WEBVTT"), lines.next(), lines.next(), lines.next())
    {
        return Event { start_ms: start, end_ms: end, settings: settings.to_vec(), payload: payload.to_vec() };
    }
    Event { start_ms: start, end_ms: end, settings: Vec::new(), payload: packet.data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::probe::AudioStream;

    #[test]
    fn the_packets_of_the_picture_are_counted_before_anything_is_asked_for() {
        let stream = |index, codec: &str| SubtitleStream {
            index,
            codec: codec.into(),
            language: None,
            title: None,
            default: false,
            forced: false,
        };
        let (srt, mov) = (stream(3, "subrip"), stream(4, "mov_text"));
        let list = command_line(&[&srt, &mov]);
        assert!(
            list.contains("-i file:/film -map 0:1 -c copy -f null - -map 0:3 -c:s:0 copy -map 0:4 -c:s:1 ass "),
            "{list}"
        );
    }

    fn command_line(streams: &[&SubtitleStream]) -> String {
        let audio = AudioStream {
            index: 1,
            codec: "aac".into(),
            profile: None,
            sample_rate: 48_000,
            channels: 2,
            layout: None,
            has_extradata: true,
            bit_rate: None,
            language: None,
            title: None,
            default: false,
            start_s: Some(0.0),
            end_s: None,
            time_base: None,
            is_empty: false,
            changes: false,
        };
        let probe = Probe {
            container: "matroska,webm".into(),
            duration_s: None,
            start_s: 0.0,
            bytes: 0,
            title: None,
            video: Vec::new(),
            audio: vec![audio],
            subtitles: Vec::new(),
            data: Vec::new(),
            cover: None,
            chapters: Vec::new(),
        };
        let list = arguments(Path::new("/film"), &probe, streams, 10_000.0);
        list.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_block_of_webvtt_is_taken_apart() {
        let block =
            |data: &[u8]| matroska::Packet { track: 0, start_ms: 11_000, duration_ms: 500, data: data.to_vec() };
        let event = event(block(b"name\nline:0\ntwo\nlines"), "D_WEBVTT/SUBTITLES", 10_000);
        assert_eq!((event.start_ms, event.end_ms), (1000, 1500));
        assert_eq!((event.settings.as_slice(), event.payload.as_slice()), (&b"line:0"[..], &b"two\nlines"[..]));
        let plain = super::event(block(b"one\ntwo\nthree"), "S_TEXT/UTF8", 12_000);
        assert_eq!((plain.start_ms, plain.payload.as_slice()), (-1000, &b"one\ntwo\nthree"[..]));
    }
}
