//! The master playlist: every playable combination of a video's renditions.
//!
//! Sound renditions of one codec form one group, so that `CODECS` tells exactly what a variant
//! needs. Each video rendition is offered once with every group. Without pictures, each group is
//! a variant by itself: the address is that of its main sound, whose `EXT-X-MEDIA` then has none.
//! The I-frames of each video rendition that is complete follow at the end.
//! Writing into a `String` cannot fail, so those results are dropped.

use super::{I_FRAMES_NAME, PLAYLIST_NAME, VERSION};
use crate::media::rendition::{AudioRendition, Rates, VideoRange, VideoRendition};
use std::fmt::Write as _;

/// What a video can be played as.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Master {
    /// Pictures, in the order in which players should try them.
    pub video: Vec<VideoRendition>,
    /// Sound tracks, the preferred ones first.
    pub audio: Vec<AudioRendition>,
    /// Whether every segment of every rendition can be decoded without the ones before.
    pub independent_segments: bool,
}

/// Sound renditions among which a player may switch without another decoder.
struct Group<'a> {
    id: String,
    members: Vec<&'a AudioRendition>,
    main: usize,
}

impl Master {
    /// The playlist's text.
    pub fn write(&self) -> String {
        let groups = self.groups();
        let lines = self.audio.len() + self.video.len() * (groups.len().max(1) + 1) + groups.len();
        let mut out = String::with_capacity(128 + lines * 256);
        out.push_str("#EXTM3U\n");
        out.push_str(VERSION);
        if self.independent_segments {
            out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        for group in &groups {
            group.write_members(&mut out, self.video.is_empty());
        }
        if self.video.is_empty() {
            groups.iter().for_each(|group| group.write_alone(&mut out));
        }
        for video in &self.video {
            groups.iter().for_each(|group| write_variant(&mut out, video, Some(group)));
            if groups.is_empty() {
                write_variant(&mut out, video, None);
            }
        }
        self.video.iter().for_each(|video| write_i_frames(&mut out, video));
        out
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for audio in &self.audio {
            match groups.iter_mut().find(|group| group.members[0].codecs == audio.codecs) {
                Some(group) => group.members.push(audio),
                None => groups.push(Group { id: format!("audio{}", groups.len()), members: vec![audio], main: 0 }),
            }
        }
        for group in &mut groups {
            group.main = group.members.iter().position(|audio| audio.default).unwrap_or(0);
        }
        groups
    }
}

impl Group<'_> {
    /// What a variant must reckon with: the member that needs most.
    fn rates(&self) -> Rates {
        Rates {
            peak: self.members.iter().map(|audio| audio.rates.peak).max().unwrap_or(0),
            average: self.members.iter().map(|audio| audio.rates.average).max().unwrap_or(0),
        }
    }

    fn write_members(&self, out: &mut String, without_pictures: bool) {
        let mut names: Vec<String> = Vec::with_capacity(self.members.len());
        for (at, audio) in self.members.iter().enumerate() {
            let name = self.name_of(at, &names);
            _ = write!(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{name}\"", self.id);
            names.push(name);
            let language = language(audio);
            if let Some(language) = &language {
                _ = write!(out, ",LANGUAGE=\"{language}\"");
            }
            let main = at == self.main;
            // Automatic choice goes by language, so only one track of each takes part in it.
            let taken = |other: &AudioRendition| self::language(other) == language;
            let automatic = main || !(taken(self.members[self.main]) || self.members[..at].iter().any(|it| taken(it)));
            _ = write!(out, ",DEFAULT={},AUTOSELECT={}", yes_no(main), yes_no(automatic));
            _ = write!(out, ",CHANNELS=\"{}\"", audio.channels.max(1));
            if !(without_pictures && main) {
                _ = write!(out, ",URI=\"{}/{PLAYLIST_NAME}\"", audio.name);
            }
            out.push('\n');
        }
    }

    /// A name no other member has (RFC 8216bis, 4.4.6.1.1).
    fn name_of(&self, at: usize, taken: &[String]) -> String {
        let audio = self.members[at];
        let label = audio.label.as_deref().and_then(quotable).or_else(|| language(audio));
        let name = label.unwrap_or_else(|| format!("Sound {}", audio.name.number + 1));
        let mut unique = name.clone();
        let mut number = 2;
        while taken.contains(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        unique
    }

    fn write_alone(&self, out: &mut String) {
        let (main, rates) = (self.members[self.main], self.rates());
        write_rates(out, "STREAM-INF", rates);
        _ = write!(out, ",CODECS=\"{}\",AUDIO=\"{}\"", quotable(&main.codecs).unwrap_or_default(), self.id);
        _ = write!(out, "\n{}/{PLAYLIST_NAME}\n", main.name);
    }
}

fn write_variant(out: &mut String, video: &VideoRendition, sound: Option<&Group<'_>>) {
    let more = sound.map(Group::rates).unwrap_or_default();
    write_rates(
        out,
        "STREAM-INF",
        Rates {
            peak: video.rates.peak.saturating_add(more.peak),
            average: video.rates.average.saturating_add(more.average),
        },
    );
    let codecs = [Some(video.codecs.as_str()), sound.map(|group| group.members[0].codecs.as_str())];
    let codecs: Vec<String> = codecs.into_iter().flatten().filter_map(quotable).collect();
    _ = write!(out, ",CODECS=\"{}\"", codecs.join(","));
    _ = write!(out, ",RESOLUTION={}x{}", video.resolution.width, video.resolution.height);
    if let Some(rate) = video.frame_rate.filter(|rate| rate.num > 0) {
        _ = write!(out, ",FRAME-RATE={:.3}", rate.value());
    }
    out.push_str(range_attribute(video.range));
    if let Some(group) = sound {
        _ = write!(out, ",AUDIO=\"{}\"", group.id);
    }
    _ = write!(out, "\n{}/{PLAYLIST_NAME}\n", video.name);
}

/// The pictures alone, so `CODECS` and rates are without sound (RFC 8216bis, 4.4.6.3).
fn write_i_frames(out: &mut String, video: &VideoRendition) {
    let Some(rates) = video.i_frames else { return };
    write_rates(out, "I-FRAME-STREAM-INF", rates);
    _ = write!(out, ",CODECS=\"{}\"", quotable(&video.codecs).unwrap_or_default());
    _ = write!(out, ",RESOLUTION={}x{}", video.resolution.width, video.resolution.height);
    out.push_str(range_attribute(video.range));
    _ = writeln!(out, ",URI=\"{}/{I_FRAMES_NAME}\"", video.name);
}

fn range_attribute(range: VideoRange) -> &'static str {
    match range {
        VideoRange::Sdr => "",
        VideoRange::Hlg => ",VIDEO-RANGE=HLG",
        VideoRange::Pq => ",VIDEO-RANGE=PQ",
    }
}

fn write_rates(out: &mut String, tag: &str, rates: Rates) {
    // Zero is no legal bandwidth, and players divide by it.
    _ = write!(out, "#EXT-X-{tag}:BANDWIDTH={}", rates.peak.max(1));
    if rates.average > 0 {
        _ = write!(out, ",AVERAGE-BANDWIDTH={}", rates.average);
    }
}

/// `und` is how containers spell "nobody said".
fn language(audio: &AudioRendition) -> Option<String> {
    let tag = audio.language.as_deref()?.trim();
    let well_formed = tag.len() <= 35 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (well_formed && !tag.is_empty() && !tag.eq_ignore_ascii_case("und")).then(|| tag.to_owned())
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
