//! The master playlist: every playable combination of a video's renditions.
//!
//! Sounds form one group for two ears, one for a room (A 8.10) and one of MP3; each video rendition is offered once with
//! every group. Those of one channel as the film has them form another, which goes with the first picture. Without
//! pictures, each group is a variant by itself: the address is that of its main sound, whose `EXT-X-MEDIA` then has none.
//! The I-frames of each video rendition that is complete follow at the end.
//! Writing into a `String` cannot fail, so those results are dropped.

mod groups;

pub use groups::fullest;

use super::{CHAPTERS_NAME, GROWING_NAME, I_FRAMES_NAME, PLAYLIST_NAME, VERSION};
use crate::media::rendition::{AudioRendition, Rates, TextRendition, VideoRange, VideoRendition};
use groups::{Group, SUBTITLES};
use std::fmt::Write as _;

/// Which of a rendition's lists a master leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// Those of what is finished, or of a video none of which is.
    #[default]
    Shown,
    /// Those of the same renditions beside one that grows.
    Growing,
}

/// What a video can be played as.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Master {
    /// Pictures, in the order in which players should try them.
    pub video: Vec<VideoRendition>,
    /// Sound tracks, the preferred ones first.
    pub audio: Vec<AudioRendition>,
    /// Subtitles, the preferred ones first. Without pictures nobody sees them, and they are not written.
    pub subtitles: Vec<TextRendition>,
    /// Whether there is a list of chapters beside the playlist.
    pub chapters: bool,
    /// Whether every segment of every rendition can be decoded without the ones before.
    pub independent_segments: bool,
    /// Which lists it leads to.
    pub lists: Lists,
}

impl Lists {
    fn name(self) -> &'static str {
        match self {
            Self::Shown => PLAYLIST_NAME,
            Self::Growing => GROWING_NAME,
        }
    }
}

impl Master {
    /// The playlist's text.
    pub fn write(&self) -> String {
        let groups = groups::of(&self.audio);
        let subtitles = !self.subtitles.is_empty() && !self.video.is_empty();
        let lines = self.audio.len() + self.video.len() * (groups.len().max(1) + 1) + groups.len();
        let mut out = String::with_capacity(128 + lines * 256);
        out.push_str("#EXTM3U\n");
        out.push_str(VERSION);
        if self.independent_segments {
            out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        if self.chapters {
            // Apple, "Providing JavaScript Object Notation (JSON) chapters".
            _ = writeln!(out, "#EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.chapters\",URI=\"{CHAPTERS_NAME}\"");
        }
        for group in &groups {
            group.write_members(&mut out, self.video.is_empty(), self.lists.name());
        }
        if subtitles {
            groups::write_subtitles(&mut out, &self.subtitles, self.lists.name());
        }
        if self.video.is_empty() {
            groups.iter().for_each(|group| write_alone(&mut out, group, self.lists.name()));
        }
        for (at, video) in self.video.iter().enumerate() {
            let range = self.range_attribute(video.range);
            let with = groups.iter().filter(|group| at == 0 || !group.is_for_first());
            with.for_each(|group| self.write_variant(&mut out, (video, range), Some(group)));
            if groups.is_empty() {
                self.write_variant(&mut out, (video, range), None);
            }
        }
        self.video.iter().for_each(|video| write_i_frames(&mut out, (video, self.range_attribute(video.range))));
        out
    }

    fn write_variant(&self, out: &mut String, (video, range): (&VideoRendition, &str), sound: Option<&Group<'_>>) {
        let more = sound.map(Group::rates).unwrap_or_default();
        write_rates(
            out,
            "STREAM-INF",
            Rates {
                peak: video.rates.peak.saturating_add(more.peak),
                average: video.rates.average.saturating_add(more.average),
            },
        );
        let codecs = std::iter::once(video.codecs.as_str()).chain(sound.map(Group::codecs).unwrap_or_default());
        let codecs: Vec<String> = codecs.filter_map(quotable).collect();
        _ = write!(out, ",CODECS=\"{}\"", codecs.join(","));
        _ = write!(out, ",RESOLUTION={}x{}", video.resolution.width, video.resolution.height);
        if let Some(rate) = video.frame_rate.filter(|rate| rate.num > 0) {
            _ = write!(out, ",FRAME-RATE={:.3}", rate.value());
        }
        out.push_str(range);
        if let Some(group) = sound {
            _ = write!(out, ",AUDIO=\"{}\"", group.id);
        }
        if !self.subtitles.is_empty() {
            _ = write!(out, ",SUBTITLES=\"{SUBTITLES}\"");
        }
        _ = write!(out, "\n{}/{}\n", video.name, self.lists.name());
    }

    /// Said of everything as soon as something is not SDR (A 9.16).
    fn range_attribute(&self, range: VideoRange) -> &'static str {
        let is_said = self.video.iter().any(|video| video.range != VideoRange::Sdr);
        match range {
            VideoRange::Sdr if is_said => ",VIDEO-RANGE=SDR",
            VideoRange::Sdr => "",
            VideoRange::Hlg => ",VIDEO-RANGE=HLG",
            VideoRange::Pq => ",VIDEO-RANGE=PQ",
        }
    }
}

/// A variant of sound alone.
fn write_alone(out: &mut String, group: &Group<'_>, list: &str) {
    write_rates(out, "STREAM-INF", group.rates());
    let codecs: Vec<String> = group.codecs().into_iter().filter_map(quotable).collect();
    _ = write!(out, ",CODECS=\"{}\",AUDIO=\"{}\"", codecs.join(","), group.id);
    _ = write!(out, "\n{}/{list}\n", group.main().name);
}

/// The pictures alone, so `CODECS` and rates are without sound (RFC 8216bis, 4.4.6.3).
fn write_i_frames(out: &mut String, (video, range): (&VideoRendition, &str)) {
    let Some(rates) = video.i_frames else { return };
    write_rates(out, "I-FRAME-STREAM-INF", rates);
    _ = write!(out, ",CODECS=\"{}\"", quotable(&video.codecs).unwrap_or_default());
    _ = write!(out, ",RESOLUTION={}x{}", video.resolution.width, video.resolution.height);
    out.push_str(range);
    _ = writeln!(out, ",URI=\"{}/{I_FRAMES_NAME}\"", video.name);
}

fn write_rates(out: &mut String, tag: &str, rates: Rates) {
    // Zero is no legal bandwidth, and players divide by it.
    _ = write!(out, "#EXT-X-{tag}:BANDWIDTH={}", rates.peak.max(1));
    if rates.average > 0 {
        _ = write!(out, ",AVERAGE-BANDWIDTH={}", rates.average);
    }
}

/// The text without what a quoted string may not hold (RFC 8216bis, 4.2); `None` when nothing is
/// left.
fn quotable(text: &str) -> Option<String> {
    let kept: String = text.chars().map(|letter| if letter == '"' { '\'' } else { letter }).collect();
    let words: Vec<&str> = kept.split(|letter: char| letter.is_control() || letter.is_whitespace()).collect();
    let clean = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    (!clean.is_empty()).then_some(clean)
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}
