//! A media playlist as a value, and the rules it can break by itself.

use super::report::Fault;
use super::tags::range_of;
use super::text::{Attributes, Content, Line};
use std::sync::Arc;

const VERSIONS: &str = "RFC 8216bis 8";

/// A part of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// An init segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Map {
    pub(super) uri: String,
    pub(super) part: Option<Part>,
}

/// A listed segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) line: usize,
    pub(super) uri: String,
    /// Seconds, as `EXTINF` says.
    pub(super) duration: f64,
    pub(super) discontinuity: bool,
    pub(super) part: Option<Part>,
    pub(super) map: Option<Arc<Map>>,
    pub(super) encrypted: bool,
    /// Said to be missing.
    pub(super) gap: bool,
}

/// A media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MediaList {
    /// 1 unless it says more.
    pub(super) version: u64,
    /// Seconds.
    pub(super) target: Option<u64>,
    /// `EVENT` or `VOD`.
    pub(super) kind: Option<String>,
    pub(super) ended: bool,
    pub(super) independent: bool,
    pub(super) i_frames_only: bool,
    pub(super) segments: Vec<Listed>,
    /// Found while reading.
    faults: Vec<Fault>,
    /// The version that its tags need, and the one that needs most.
    needs: (u64, &'static str),
}

/// What applies to the next segment.
#[derive(Default)]
struct Pending {
    duration: Option<f64>,
    discontinuity: bool,
    range: Option<(u64, Option<u64>)>,
    gap: bool,
    map: Option<Arc<Map>>,
    encrypted: bool,
}

impl MediaList {
    /// Reads what can be understood; what cannot is a fault that `tags` tells.
    pub(super) fn read(lines: &[Line]) -> Self {
        let mut list = Self { version: 1, needs: (1, ""), ..Self::default() };
        let mut pending = Pending::default();
        for line in lines {
            match &line.content {
                Content::Tag { name, value } => list.tag(name, value.as_deref().unwrap_or_default(), &mut pending),
                Content::Uri(uri) => list.segment(line.number, uri, &mut pending),
            }
        }
        list
    }

    fn need(&mut self, version: u64, why: &'static str) {
        if version > self.needs.0 {
            self.needs = (version, why);
        }
    }

    fn tag(&mut self, name: &str, value: &str, pending: &mut Pending) {
        match name {
            "EXT-X-VERSION" => self.version = value.parse().unwrap_or(1),
            "EXT-X-TARGETDURATION" => self.target = value.parse().ok(),
            "EXT-X-PLAYLIST-TYPE" => self.kind = Some(value.to_owned()),
            "EXT-X-ENDLIST" => self.ended = true,
            "EXT-X-INDEPENDENT-SEGMENTS" => self.independent = true,
            "EXT-X-I-FRAMES-ONLY" => {
                self.need(4, "EXT-X-I-FRAMES-ONLY");
                self.i_frames_only = true;
            }
            "EXTINF" => {
                let seconds = value.split(',').next().unwrap_or_default();
                if seconds.contains('.') {
                    self.need(3, "EXTINF with decimals");
                }
                pending.duration = seconds.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
            }
            "EXT-X-BYTERANGE" => {
                self.need(4, "EXT-X-BYTERANGE");
                pending.range = range_of(value);
            }
            "EXT-X-DISCONTINUITY" => pending.discontinuity = true,
            "EXT-X-GAP" => {
                self.need(8, "EXT-X-GAP");
                pending.gap = true;
            }
            "EXT-X-DEFINE" => self.need(8, "EXT-X-DEFINE"),
            "EXT-X-MAP" => {
                if self.i_frames_only {
                    self.need(5, "EXT-X-MAP");
                } else {
                    self.need(6, "EXT-X-MAP");
                }
                let attributes = Attributes::read(value).0;
                let range = attributes.get("BYTERANGE").and_then(range_of);
                let part = range.map(|(len, offset)| Part { offset: offset.unwrap_or(0), len });
                pending.map = attributes.owned("URI").map(|uri| Arc::new(Map { uri, part }));
            }
            "EXT-X-KEY" => {
                let attributes = Attributes::read(value).0;
                if attributes.get("IV").is_some() {
                    self.need(2, "IV of EXT-X-KEY");
                }
                if attributes.get("KEYFORMAT").is_some() {
                    self.need(5, "KEYFORMAT of EXT-X-KEY");
                }
                pending.encrypted = attributes.get("METHOD").is_some_and(|method| method != "NONE");
            }
            _ => {}
        }
    }

    fn segment(&mut self, line: usize, uri: &str, pending: &mut Pending) {
        let (duration, range) = (pending.duration.take(), pending.range.take());
        if duration.is_none() {
            self.faults.push(Fault::new("RFC 8216bis 4.4.4.1", format!("line {line}: a segment without EXTINF")));
        }
        let before = self.segments.last().filter(|last| last.uri == uri).and_then(|last| last.part);
        let part = range.and_then(|(len, offset)| {
            let offset = offset.or_else(|| before.map(|before| before.offset.saturating_add(before.len)));
            offset.map(|offset| Part { offset, len })
        });
        if range.is_some() && part.is_none() {
            let what = format!("line {line}: EXT-X-BYTERANGE without offset, and no part of this file before it");
            self.faults.push(Fault::new("RFC 8216bis 4.4.4.2", what));
        }
        self.segments.push(Listed {
            line,
            uri: uri.to_owned(),
            duration: duration.unwrap_or(0.0),
            discontinuity: std::mem::take(&mut pending.discontinuity),
            part,
            map: pending.map.clone(),
            encrypted: pending.encrypted,
            gap: std::mem::take(&mut pending.gap),
        });
    }

    /// Seconds of all segments together.
    pub(super) fn duration(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// When encoding changes, in seconds from the beginning of the list.
    pub(super) fn discontinuities(&self) -> Vec<f64> {
        let mut begin = 0.0;
        let mut found = Vec::new();
        for segment in &self.segments {
            if segment.discontinuity {
                found.push(begin);
            }
            begin += segment.duration;
        }
        found
    }

    /// Everything that is wrong with it, whatever its segments hold.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.faults.clone();
        let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
        if self.version < self.needs.0 {
            let (version, why) = self.needs;
            wrong(VERSIONS, format!("{why} needs version {version}, the playlist says {}", self.version));
        }
        match (self.kind.as_deref(), self.ended) {
            (Some("VOD"), false) => wrong("RFC 8216bis 4.4.3.5", "VOD without EXT-X-ENDLIST".to_owned()),
            (None, true) => wrong("A 8.6", "a finished playlist without EXT-X-PLAYLIST-TYPE:VOD".to_owned()),
            _ => {}
        }
        if self.ended && self.segments.is_empty() {
            wrong("RFC 8216bis 4.1", "a finished playlist without segments".to_owned());
        }
        let Some(target) = self.target else {
            wrong("RFC 8216bis 4.4.3.1", "no EXT-X-TARGETDURATION".to_owned());
            return faults;
        };
        for segment in &self.segments {
            let (line, duration) = (segment.line, segment.duration);
            if duration.round() > target as f64 {
                let what = format!("line {line}: a segment of {duration} s with a target of {target} s");
                wrong("RFC 8216bis 4.4.3.1", what);
            }
            if duration > target as f64 + 0.5 {
                wrong("A 7.7", format!("line {line}: a segment of {duration} s is over the target {target} s + 0.5 s"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn read(text: &str) -> MediaList {
        MediaList::read(&text::lines(text.as_bytes()).0)
    }

    fn rules(text: &str) -> Vec<&'static str> {
        read(text).faults().into_iter().map(|fault| fault.rule).collect()
    }

    const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n\
                        #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.499,\n0.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:2.0,\n1.m4s\n#EXT-X-ENDLIST\n";

    #[test]
    fn a_good_list_is_read_whole() {
        let list = read(GOOD);
        assert_eq!(list.faults(), []);
        assert_eq!((list.target, list.version, list.ended, list.segments.len()), (Some(6), 6, true, 2));
        assert!((list.duration() - 8.499).abs() < 1e-9);
        assert_eq!(list.discontinuities(), [6.499]);
        assert_eq!(list.segments[1].map.as_ref().unwrap().uri, "init.mp4");
    }

    #[test]
    fn the_version_is_high_enough_for_what_is_used() {
        assert_eq!(rules(&GOOD.replace("VERSION:6", "VERSION:5")), [VERSIONS]);
        assert_eq!(rules("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:5.5,\na.ts\n"), [VERSIONS]);
        assert_eq!(rules("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:5,\na.ts\n"), [""; 0]);
        let ranges = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:5.5,\n#EXT-X-BYTERANGE:5@0\na.ts\n";
        assert_eq!(rules(ranges), [VERSIONS]);
        assert_eq!(rules(&ranges.replace("VERSION:3", "VERSION:4")), [""; 0]);
        let frames = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:6\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"i\"\n";
        assert_eq!(rules(frames), [VERSIONS]);
        assert_eq!(rules(&frames.replace("VERSION:4", "VERSION:5")), [""; 0]);
    }

    #[test]
    fn segments_keep_to_the_target() {
        assert_eq!(rules(&GOOD.replace("6.499", "6.5")), ["RFC 8216bis 4.4.3.1"]);
        assert_eq!(rules(&GOOD.replace("6.499", "6.501")), ["RFC 8216bis 4.4.3.1", "A 7.7"]);
        assert_eq!(rules(&GOOD.replace("#EXT-X-TARGETDURATION:6\n", "")), ["RFC 8216bis 4.4.3.1"]);
    }

    #[test]
    fn the_end_and_the_type_agree() {
        assert_eq!(rules(&GOOD.replace("#EXT-X-ENDLIST\n", "")), ["RFC 8216bis 4.4.3.5"]);
        assert_eq!(rules(&GOOD.replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "")), ["A 8.6"]);
        assert_eq!(rules(&GOOD.replace("VOD", "EVENT").replace("#EXT-X-ENDLIST\n", "")), [""; 0]);
        let empty = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-ENDLIST\n";
        assert_eq!(rules(empty), ["RFC 8216bis 4.1"]);
    }

    #[test]
    fn byte_ranges_follow_each_other() {
        let text = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:6\n#EXTINF:5,\n#EXT-X-BYTERANGE:5@7\na\n\
                    #EXTINF:5,\n#EXT-X-BYTERANGE:6\na\n#EXTINF:5,\n#EXT-X-BYTERANGE:6\nb\nc\n";
        let list = read(text);
        let parts: Vec<_> =
            list.segments.iter().map(|segment| segment.part.map(|part| (part.offset, part.len))).collect();
        assert_eq!(parts, [Some((7, 5)), Some((12, 6)), None, None]);
        assert_eq!(rules(text), ["RFC 8216bis 4.4.4.2", "RFC 8216bis 4.4.4.1"]);
    }

    #[test]
    fn keys_and_gaps_are_seen() {
        let text = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:5,\na\n\
                    #EXT-X-KEY:METHOD=NONE\n#EXT-X-GAP\n#EXTINF:5,\nb\n";
        let flags: Vec<_> = read(text).segments.iter().map(|segment| (segment.encrypted, segment.gap)).collect();
        assert_eq!(flags, [(true, false), (false, true)]);
    }
}
