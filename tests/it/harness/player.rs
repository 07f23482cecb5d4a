//! A player that is stricter than any other: it follows the playlists over HTTP, keeps every byte,
//! and lets a third party parse what it read.

use super::World;
use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaPlaylistType, MediaSegment, Playlist};
use reqwest::StatusCode;
use std::fs;
use std::path::PathBuf;

/// A player of one video.
pub struct Player<'a> {
    pub world: &'a World,
    pub video: String,
}

/// The paths of a video's first picture and sound tracks, up to and with the last slash.
#[derive(Clone, Debug)]
pub struct Tracks {
    pub video: Option<String>,
    pub audio: Option<String>,
}

/// A whole track: its playlist, its init segment and its segments, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Reel {
    pub playlist: MediaPlaylist,
    pub text: String,
    pub init: Vec<u8>,
    pub segments: Vec<(String, Vec<u8>)>,
}

impl World {
    pub fn player(&self, video: &str) -> Player<'_> {
        Player { world: self, video: video.to_owned() }
    }
}

impl Player<'_> {
    pub fn master_path(&self) -> String {
        format!("/hls/{}/master.m3u8", self.video)
    }

    /// The master playlist.
    pub async fn master(&self) -> MasterPlaylist {
        let text = self.text(&self.master_path()).await;
        match parsed(&text) {
            Playlist::MasterPlaylist(master) => master,
            Playlist::MediaPlaylist(_) => panic!("not a master playlist:\n{text}"),
        }
    }

    /// The tracks the master playlist leads to.
    pub async fn tracks(&self) -> Tracks {
        let master = self.master().await;
        let folder =
            |uri: &str| format!("/hls/{}/{}", self.video, uri.strip_suffix("playlist.m3u8").expect("a playlist"));
        let first = folder(&master.variants.first().expect("a variant").uri);
        let sound = master.alternatives.iter().find_map(|media| media.uri.as_deref()).map(folder);
        if master.variants[0].resolution.is_none() {
            return Tracks { video: None, audio: Some(first) };
        }
        Tracks { video: Some(first), audio: sound }
    }

    /// A track's playlist, parsed and as text.
    pub async fn playlist(&self, track: &str) -> (MediaPlaylist, String) {
        let text = self.text(&format!("{track}playlist.m3u8")).await;
        match parsed(&text) {
            Playlist::MediaPlaylist(media) => (media, text),
            Playlist::MasterPlaylist(_) => panic!("not a media playlist:\n{text}"),
        }
    }

    /// The track as it is now, with every byte of it.
    pub async fn reel(&self, track: &str) -> Reel {
        let (playlist, text) = self.playlist(track).await;
        let init = match playlist.segments.first() {
            Some(first) if !is_transport(first) => self.world.bytes(&format!("{track}{}", map_of(first))).await,
            _ => Vec::new(),
        };
        let mut segments = Vec::with_capacity(playlist.segments.len());
        for segment in &playlist.segments {
            let bytes = self.world.bytes(&format!("{track}{}", segment.uri)).await;
            segments.push((segment.uri.clone(), bytes));
        }
        Reel { playlist, text, init, segments }
    }

    /// The first picture track, complete.
    pub async fn pictures(&self) -> Reel {
        let track = self.tracks().await.video.expect("the video has pictures");
        self.reel(&track).await
    }

    /// The first sound track, complete.
    pub async fn sound(&self) -> Reel {
        let track = self.tracks().await.audio.expect("the video has sound");
        self.reel(&track).await
    }

    pub async fn text(&self, path: &str) -> String {
        let answer = self.world.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/vnd.apple.mpegurl", "{path}");
        answer.text().await.expect("a playlist is text")
    }
}

impl Reel {
    /// Seconds of all segments together, as the playlist tells them.
    pub fn seconds(&self) -> f64 {
        self.playlist.segments.iter().map(|segment| f64::from(segment.duration)).sum()
    }

    /// All bytes in playing order.
    pub fn bytes(&self) -> Vec<u8> {
        let mut whole = self.init.clone();
        self.segments.iter().for_each(|(_, bytes)| whole.extend(bytes));
        whole
    }

    /// Writes it as one file into the world's folder.
    pub fn save(&self, world: &World, name: &str) -> PathBuf {
        let path = world.folder().join(name);
        fs::write(&path, self.bytes()).expect("a file in the test's folder can be written");
        path
    }

    /// Writes one segment, with the init segment before it, as a file that can be read alone.
    pub fn save_segment(&self, world: &World, number: usize) -> PathBuf {
        let path = world.folder().join("segment.mp4");
        let bytes = [self.init.as_slice(), &self.segments[number].1].concat();
        fs::write(&path, bytes).expect("a file in the test's folder can be written");
        path
    }

    /// Whether it can still grow.
    pub fn is_growing(&self) -> bool {
        !self.playlist.end_list
    }

    /// Checks that this later state of a track only adds to an earlier one, byte for byte.
    pub fn assert_continues(&self, earlier: &Self) {
        assert_eq!(earlier.init, self.init, "the init segment changed");
        for (number, (name, bytes)) in earlier.segments.iter().enumerate() {
            let (now, now_bytes) =
                self.segments.get(number).unwrap_or_else(|| panic!("segment {name} was listed and is gone"));
            assert_eq!((name, bytes.len()), (now, now_bytes.len()), "a listed segment changed");
            assert!(bytes == now_bytes, "the bytes of segment {name} changed");
            let (then, now) = (&earlier.playlist.segments[number], &self.playlist.segments[number]);
            assert_eq!((then.duration, then.discontinuity), (now.duration, now.discontinuity), "segment {name}");
        }
    }

    /// What every playlist of ours keeps to, finished or not (hls.md, requirements 1, 2, 9).
    pub fn assert_well_formed(&self) {
        let playlist = &self.playlist;
        assert!(self.text.starts_with("#EXTM3U\n"), "{}", self.text);
        assert!(playlist.version.is_some_and(|version| version >= 6), "EXT-X-MAP needs version 6:\n{}", self.text);
        let kind = if playlist.end_list { MediaPlaylistType::Vod } else { MediaPlaylistType::Event };
        assert_eq!(playlist.playlist_type, Some(kind), "{}", self.text);
        let longest = playlist.segments.iter().map(|segment| segment.duration).fold(0.0, f32::max);
        assert!(f64::from(longest).round() <= playlist.target_duration as f64, "{longest} s:\n{}", self.text);
        assert_eq!(playlist.media_sequence, 0);
        for first in playlist.segments.iter().take(1) {
            assert!(is_transport(first) && first.map.is_none() || !map_of(first).is_empty(), "{}", self.text);
        }
        assert!(playlist.segments.iter().all(|segment| segment.duration > 0.0), "{}", self.text);
    }
}

/// Whether it is one that needs no init segment.
fn is_transport(segment: &MediaSegment) -> bool {
    segment.uri.ends_with(".ts")
}

fn map_of(segment: &MediaSegment) -> &str {
    &segment.map.as_ref().expect("EXT-X-MAP before the first segment").uri
}

/// Parses the whole text and nothing less.
pub fn parsed(text: &str) -> Playlist {
    match m3u8_rs::parse_playlist(text.as_bytes()) {
        Ok((rest, playlist)) if rest.trim_ascii().is_empty() => playlist,
        Ok((rest, _)) => panic!("the parser stopped before {:?} in:\n{text}", String::from_utf8_lossy(rest)),
        Err(error) => panic!("not a playlist ({error:?}):\n{text}"),
    }
}
