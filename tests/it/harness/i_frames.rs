//! A player that scrubs: it reads I-frame playlists and fetches the parts of segments they name.

use super::measure;
use super::player::{Player, parsed};
use m3u8_rs::{MediaPlaylist, Playlist};
use reqwest::{Method, StatusCode};
use std::fs;
use std::path::{Path, PathBuf};

/// Rounding of time stamps to 1/90000 s and back, in microseconds.
pub const ROUNDING_US: i64 = 30;

/// An I-frame playlist with what `m3u8_rs` is too coarse for.
pub struct IFrames {
    pub playlist: MediaPlaylist,
    pub text: String,
    /// When each is shown, in microseconds since the first.
    pub times: Vec<i64>,
    /// When the last ends.
    pub end: i64,
}

impl Player<'_> {
    /// The I-frames of a track, of which there must be a list.
    pub async fn i_frames(&self, track: &str) -> IFrames {
        let text = self.text(&format!("{track}iframes.m3u8")).await;
        let Playlist::MediaPlaylist(playlist) = parsed(&text) else { panic!("not a media playlist:\n{text}") };
        let (mut times, mut end) = (Vec::new(), 0);
        for duration in text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')) {
            times.push(end);
            end += duration.replace('.', "").parse::<i64>().expect("a duration with six decimals");
        }
        assert_eq!(times.len(), playlist.segments.len(), "{text}");
        IFrames { playlist, text, times, end }
    }

    /// The bytes of one I-frame, fetched by a Range, behind the init segment, as a file.
    pub async fn saved_i_frame(&self, track: &str, frames: &IFrames, number: usize) -> PathBuf {
        let frame = &frames.playlist.segments[number];
        let range = frame.byte_range.clone().expect("an I-frame is a range");
        let start = range.offset.expect("it says where it begins");
        let header = format!("bytes={start}-{}", start + range.length - 1);
        let asked = self.world.request(Method::GET, &format!("{track}{}", frame.uri)).header("Range", &header);
        let answer = asked.send().await.expect("the server answers");
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{header} of {}", frame.uri);
        let bytes = answer.bytes().await.expect("an answer arrives whole");
        assert_eq!(bytes.len() as u64, range.length);
        assert_eq!(&bytes[4..8], b"moof", "{header} of {}", frame.uri);
        let init = self.world.bytes(&format!("{track}init.mp4")).await;
        let path = self.world.folder().join("i_frame.mp4");
        fs::write(&path, [init, bytes.to_vec()].concat()).expect("a file in the test's folder can be written");
        path
    }

    /// Checks that the first picture track lists the key frames of `file`, which is all of it, and leaves
    /// out only those that follow another within a second.
    pub async fn assert_lists_i_frames_of(&self, file: &Path) {
        let track = self.tracks().await.video.expect("the video has pictures");
        let frames = self.i_frames(&track).await;
        let keys = measure::key_times(file);
        let mut listed = frames.times.iter().map(|time| keys[0] + time).peekable();
        let mut last = None;
        for &key in &keys {
            match listed.next_if(|time| (time - key).abs() <= ROUNDING_US) {
                Some(_) => last = Some(key),
                None => {
                    let is_close = last.is_some_and(|last| key - last < 1_000_000);
                    assert!(is_close, "the key frame at {key} µs is missing:\n{}", frames.text);
                }
            }
        }
        assert_eq!(listed.next(), None, "this is no key frame:\n{}", frames.text);
    }
}

impl IFrames {
    /// What RFC 8216bis asks of every such list.
    pub fn assert_well_formed(&self) {
        let Self { playlist, text, .. } = self;
        assert!(playlist.i_frames_only && playlist.end_list, "{text}");
        assert!(playlist.version.is_some_and(|version| version >= 6), "EXT-X-MAP needs version 6:\n{text}");
        let ends = self.times.iter().skip(1).chain([&self.end]);
        let longest = self.times.iter().zip(ends).map(|(start, end)| end - start).max().expect("it is not empty");
        assert_eq!((longest + 500_000) / 1_000_000, playlist.target_duration as i64, "{text}");
        assert_eq!(playlist.segments[0].map.as_ref().map(|map| map.uri.as_str()), Some("init.mp4"), "{text}");
    }

    /// Bits of every range and seconds until the next.
    pub fn sizes(&self) -> Vec<(f64, f64)> {
        let ends = self.times.iter().skip(1).chain([&self.end]);
        let seconds = self.times.iter().zip(ends).map(|(start, end)| (end - start) as f64 / 1e6);
        let bits = self.playlist.segments.iter().map(|frame| frame.byte_range.as_ref().map_or(0, |range| range.length));
        bits.zip(seconds).map(|(bytes, seconds)| (bytes as f64 * 8.0, seconds)).collect()
    }
}
