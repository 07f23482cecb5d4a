//! A master playlist as a value, and the rules it can break by itself.

use super::report::Fault;
use super::tags::resolution_of;
use super::text::{Attributes, Content, Line, shown};

/// An alternative rendition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Media {
    pub(super) line: usize,
    /// `AUDIO`, `VIDEO`, `SUBTITLES` or `CLOSED-CAPTIONS`.
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) language: Option<String>,
    pub(super) default: bool,
    /// As it is written; `YES`, `NO` or nothing.
    pub(super) autoselect: Option<String>,
    /// What else automatic choice goes by.
    pub(super) traits: String,
    pub(super) channels: Option<String>,
    pub(super) in_stream: bool,
    pub(super) uri: Option<String>,
}

/// A variant, or an I-frame playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Variant {
    pub(super) line: usize,
    pub(super) bandwidth: Option<u64>,
    pub(super) average: Option<u64>,
    pub(super) codecs: Option<String>,
    pub(super) resolution: Option<(u32, u32)>,
    pub(super) frame_rate: Option<f64>,
    pub(super) range: Option<String>,
    pub(super) audio: Option<String>,
    pub(super) subtitles: Option<String>,
    pub(super) video: Option<String>,
    pub(super) captions: Option<String>,
    pub(super) uri: Option<String>,
}

/// A master playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Master {
    pub(super) independent: bool,
    pub(super) media: Vec<Media>,
    pub(super) variants: Vec<Variant>,
    pub(super) i_frames: Vec<Variant>,
    faults: Vec<Fault>,
}

/// Whether these lines are a master playlist.
pub(super) fn is_master(lines: &[Line]) -> bool {
    lines.iter().any(|line| match &line.content {
        Content::Tag { name, .. } => {
            matches!(name.as_str(), "EXT-X-STREAM-INF" | "EXT-X-MEDIA" | "EXT-X-I-FRAME-STREAM-INF")
        }
        Content::Uri(_) => false,
    })
}

impl Master {
    /// Reads what can be understood; what cannot is a fault that `tags` tells.
    pub(super) fn read(lines: &[Line]) -> Self {
        let mut master = Self::default();
        let mut open = false;
        for line in lines {
            let number = line.number;
            match &line.content {
                Content::Tag { name, value } => {
                    let attributes = || Attributes::read(value.as_deref().unwrap_or_default()).0;
                    match name.as_str() {
                        "EXT-X-INDEPENDENT-SEGMENTS" => master.independent = true,
                        "EXT-X-MEDIA" => master.media.push(media(number, &attributes())),
                        "EXT-X-I-FRAME-STREAM-INF" => {
                            let attributes = attributes();
                            let uri = attributes.owned("URI");
                            master.i_frames.push(Variant { uri, ..variant(number, &attributes) });
                        }
                        "EXT-X-STREAM-INF" => {
                            master.orphan(open);
                            master.variants.push(variant(number, &attributes()));
                            open = true;
                        }
                        _ => {}
                    }
                }
                Content::Uri(uri) => match master.variants.last_mut().filter(|_| open) {
                    Some(last) => {
                        last.uri = Some(uri.clone());
                        open = false;
                    }
                    None => {
                        let what = format!("line {number}: the address {} without EXT-X-STREAM-INF", shown(uri));
                        master.faults.push(Fault::new("RFC 8216bis 4.4.6.2", what));
                    }
                },
            }
        }
        master.orphan(open);
        master
    }

    fn orphan(&mut self, open: bool) {
        if let Some(last) = self.variants.last().filter(|_| open) {
            let what = format!("line {}: a variant without an address", last.line);
            self.faults.push(Fault::new("RFC 8216bis 4.4.6.2", what));
        }
    }

    /// The members of a group.
    pub(super) fn group<'a>(&'a self, kind: &'a str, group: &'a str) -> impl Iterator<Item = &'a Media> {
        self.media.iter().filter(move |media| media.kind == kind && media.group == group)
    }

    /// Everything that is wrong with it, whatever the playlists it names hold.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.faults.clone();
        for variant in &self.variants {
            faults.extend(variant_faults(variant));
            faults.extend(self.reference_faults(variant));
        }
        for list in &self.i_frames {
            faults.extend(codec_faults(list, "A 9.3"));
            if list.resolution.is_none() {
                faults.push(Fault::new("A 9.4", format!("line {}: no RESOLUTION", list.line)));
            }
        }
        for (at, media) in self.media.iter().enumerate() {
            faults.extend(media_faults(media));
            faults.extend(member_faults(media, &self.media[..at]));
        }
        faults.extend(self.offer_faults());
        faults
    }

    fn reference_faults(&self, variant: &Variant) -> Vec<Fault> {
        let captions = variant.captions.as_deref().filter(|captions| *captions != "NONE");
        let groups = [
            ("AUDIO", variant.audio.as_deref()),
            ("VIDEO", variant.video.as_deref()),
            ("SUBTITLES", variant.subtitles.as_deref()),
            ("CLOSED-CAPTIONS", captions),
        ];
        let named = groups.into_iter().filter_map(|(kind, group)| Some((kind, group?)));
        let missing = named.filter(|(kind, group)| self.group(kind, group).next().is_none());
        let told = missing.map(|(kind, group)| {
            let what = format!("line {}: there is no {kind} group {}", variant.line, shown(group));
            Fault::new("RFC 8216bis 4.4.6.2", what)
        });
        told.collect()
    }

    /// What a film has to offer altogether.
    fn offer_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let pictures: Vec<&Variant> = self.variants.iter().filter(|variant| variant.has_pictures()).collect();
        if !pictures.is_empty() && self.i_frames.is_empty() {
            faults.push(Fault::new("A 6.1", "no EXT-X-I-FRAME-STREAM-INF"));
        }
        let first = pictures.first().map(|variant| &variant.uri);
        if first.is_some_and(|first| pictures.iter().all(|variant| variant.uri == *first)) {
            faults.push(Fault::new("A 9.9", "one bit rate of video only"));
        }
        let codecs: Vec<&str> = self.variants.iter().flat_map(Variant::codec_list).collect();
        let is_aac = |codec: &&str| ["mp4a.40.2", "mp4a.40.5", "mp4a.40.29"].contains(codec);
        let is_sound = |codec: &&str| codec_kind(codec) == CodecKind::Sound;
        if codecs.iter().any(is_sound) && !codecs.iter().any(is_aac) {
            faults.push(Fault::new("A 2.3", "no sound in AAC"));
        }
        let mut sounds = self.media.iter().filter(|media| media.kind == "AUDIO").peekable();
        // What does not say how many it has may have two.
        let is_other = |media: &Media| channel_count(media).is_some_and(|channels| channels != 2);
        if sounds.peek().is_some() && sounds.all(is_other) {
            faults.push(Fault::new("A 2.3", "no stereo sound"));
        }
        faults
    }
}

fn channel_count(media: &Media) -> Option<u32> {
    media.channels.as_deref()?.split('/').next()?.parse().ok()
}

fn media(line: usize, found: &Attributes) -> Media {
    let traits = ["FORCED", "CHARACTERISTICS", "ASSOC-LANGUAGE", "CHANNELS"];
    Media {
        line,
        kind: found.owned("TYPE").unwrap_or_default(),
        group: found.owned("GROUP-ID").unwrap_or_default(),
        name: found.owned("NAME").unwrap_or_default(),
        language: found.owned("LANGUAGE"),
        default: found.get("DEFAULT") == Some("YES"),
        autoselect: found.owned("AUTOSELECT"),
        traits: traits.map(|name| found.get(name).unwrap_or_default()).join("\n"),
        channels: found.owned("CHANNELS"),
        in_stream: found.get("INSTREAM-ID").is_some(),
        uri: found.owned("URI"),
    }
}

fn variant(line: usize, found: &Attributes) -> Variant {
    let number = |name: &str| found.get(name).and_then(|value| value.parse().ok());
    Variant {
        line,
        bandwidth: number("BANDWIDTH"),
        average: number("AVERAGE-BANDWIDTH"),
        codecs: found.owned("CODECS"),
        resolution: found.get("RESOLUTION").and_then(resolution_of),
        frame_rate: found.get("FRAME-RATE").and_then(|rate| rate.parse().ok()),
        range: found.owned("VIDEO-RANGE"),
        audio: found.owned("AUDIO"),
        subtitles: found.owned("SUBTITLES"),
        video: found.owned("VIDEO"),
        captions: found.owned("CLOSED-CAPTIONS"),
        uri: None,
    }
}

/// What a codec is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodecKind {
    Pictures,
    Sound,
    Text,
    Unknown,
}

/// What the codec of an RFC 6381 name is for.
pub(super) fn codec_kind(codec: &str) -> CodecKind {
    let four = codec.split('.').next().unwrap_or_default().to_ascii_lowercase();
    match four.as_str() {
        "avc1" | "avc3" | "hvc1" | "hev1" | "dvh1" | "dvhe" | "dva1" | "dvav" | "av01" | "vp08" | "vp09" | "mjpg" => {
            CodecKind::Pictures
        }
        "mp4a" | "ac-3" | "ec-3" | "ac-4" | "opus" | "flac" | "alac" | "mp3" | "apac" => CodecKind::Sound,
        "wvtt" | "stpp" => CodecKind::Text,
        _ => CodecKind::Unknown,
    }
}

impl Variant {
    pub(super) fn codec_list(&self) -> impl Iterator<Item = &str> {
        self.codecs.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|codec| !codec.is_empty())
    }

    /// Whether it says to have pictures.
    pub(super) fn has_pictures(&self) -> bool {
        self.resolution.is_some() || self.codec_list().any(|codec| codec_kind(codec) == CodecKind::Pictures)
    }
}

fn codec_faults(variant: &Variant, rule: &'static str) -> Vec<Fault> {
    let line = variant.line;
    if variant.codec_list().next().is_none() {
        return vec![Fault::new(rule, format!("line {line}: no CODECS"))];
    }
    let banned = variant.codec_list().filter(|codec| ["avc3", "hev1", "dvhe"].iter().any(|bad| codec.starts_with(bad)));
    let told = banned.map(|codec| {
        let what = format!("line {line}: {} keeps its parameter sets in the samples", shown(codec));
        Fault::new("A 1.10", what)
    });
    told.collect()
}

fn variant_faults(variant: &Variant) -> Vec<Fault> {
    let mut faults = codec_faults(variant, "A 9.1");
    let mut missing = |rule: &'static str, name: &str| {
        faults.push(Fault::new(rule, format!("line {}: no {name}", variant.line)));
    };
    if variant.average.is_none() {
        missing("A 9.14", "AVERAGE-BANDWIDTH");
    }
    if variant.has_pictures() && variant.resolution.is_none() {
        missing("A 9.2", "RESOLUTION");
    }
    if variant.has_pictures() && variant.frame_rate.is_none() {
        missing("A 9.15", "FRAME-RATE");
    }
    faults
}

fn media_faults(media: &Media) -> Vec<Fault> {
    const SECTION: &str = "RFC 8216bis 4.4.6.1";
    let mut faults = Vec::new();
    let mut wrong = |rule: &'static str, what: &str| {
        faults.push(Fault::new(rule, format!("line {}: {what}", media.line)));
    };
    if media.kind != "VIDEO" && media.language.is_none() {
        wrong("A 8.10", "no LANGUAGE");
    }
    if media.default && media.autoselect.as_deref() == Some("NO") {
        wrong(SECTION, "DEFAULT=YES with AUTOSELECT=NO");
    }
    let has_channels = media.channels.as_deref().is_some_and(|channels| {
        channels.split('/').next().is_some_and(|count| count.parse().is_ok_and(|count: u32| count > 0))
    });
    if media.kind == "AUDIO" && !has_channels {
        wrong(SECTION, "sound without a number of CHANNELS");
    }
    if media.kind == "SUBTITLES" && media.uri.is_none() {
        wrong(SECTION, "subtitles without URI");
    }
    if media.kind == "CLOSED-CAPTIONS" && (media.uri.is_some() || !media.in_stream) {
        wrong(SECTION, "closed captions have an INSTREAM-ID and no URI");
    }
    faults
}

/// What is wrong with a member of a group beside those before it.
fn member_faults(media: &Media, before: &[Media]) -> Vec<Fault> {
    const SECTION: &str = "RFC 8216bis 4.4.6.1.1";
    let group = || before.iter().filter(|other| other.kind == media.kind && other.group == media.group);
    let automatic = |media: &Media| media.default || media.autoselect.as_deref() == Some("YES");
    let mut faults = Vec::new();
    let mut wrong = |what: String| faults.push(Fault::new(SECTION, format!("line {}: {what}", media.line)));
    if group().any(|other| other.name == media.name) {
        wrong(format!("two members of a group have the NAME {}", shown(&media.name)));
    }
    if media.default && group().any(|other| other.default) {
        wrong("two members of a group are DEFAULT".to_owned());
    }
    let alike = |other: &Media| other.language == media.language && other.traits == media.traits;
    if automatic(media) && group().any(|other| automatic(other) && alike(other)) {
        wrong("automatic choice cannot tell two members of a group apart".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests;
