//! Which tags there are, where they may stand, how often, and what they say (RFC 8216bis, 4.4).

use super::report::Fault;
use super::text::{Attributes, Content, Line, shown};

/// In which playlists a tag may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Master,
    Media,
    Both,
}

/// What stands behind a tag's colon.
enum Says {
    Nothing,
    Integer,
    Words(&'static [&'static str]),
    /// Duration and title.
    Duration,
    /// Length and offset.
    Bytes,
    /// A date.
    Text,
    /// Name, kind, and whether it must be there.
    Attributes(&'static [(&'static str, Kind, bool)]),
}

/// The form of an attribute's value (RFC 8216bis, 4.2).
#[derive(Clone, Copy)]
enum Kind {
    Quoted,
    Integer,
    Decimal,
    Signed,
    Hexadecimal,
    Resolution,
    Words(&'static [&'static str]),
    /// A quoted string, or this word alone.
    QuotedOr(&'static str),
}

struct Known {
    name: &'static str,
    place: Place,
    /// Whether a playlist holds it once at most.
    once: bool,
    says: Says,
    section: &'static str,
}

const YES_NO: Kind = Kind::Words(&["YES", "NO"]);

const fn known(name: &'static str, place: Place, once: bool, says: Says, section: &'static str) -> Known {
    Known { name, place, once, says, section }
}

const TAGS: [Known; 32] = [
    known("EXTM3U", Place::Both, true, Says::Nothing, "RFC 8216bis 4.4.1.1"),
    known("EXT-X-VERSION", Place::Both, true, Says::Integer, "RFC 8216bis 4.4.1.2"),
    known("EXT-X-INDEPENDENT-SEGMENTS", Place::Both, true, Says::Nothing, "RFC 8216bis 4.4.2.1"),
    known("EXT-X-START", Place::Both, true, Says::Attributes(START), "RFC 8216bis 4.4.2.2"),
    known("EXT-X-DEFINE", Place::Both, false, Says::Attributes(DEFINE), "RFC 8216bis 4.4.2.3"),
    known("EXT-X-TARGETDURATION", Place::Media, true, Says::Integer, "RFC 8216bis 4.4.3.1"),
    known("EXT-X-MEDIA-SEQUENCE", Place::Media, true, Says::Integer, "RFC 8216bis 4.4.3.2"),
    known("EXT-X-DISCONTINUITY-SEQUENCE", Place::Media, true, Says::Integer, "RFC 8216bis 4.4.3.3"),
    known("EXT-X-ENDLIST", Place::Media, true, Says::Nothing, "RFC 8216bis 4.4.3.4"),
    known("EXT-X-PLAYLIST-TYPE", Place::Media, true, Says::Words(&["EVENT", "VOD"]), "RFC 8216bis 4.4.3.5"),
    known("EXT-X-I-FRAMES-ONLY", Place::Media, true, Says::Nothing, "RFC 8216bis 4.4.3.6"),
    known("EXT-X-PART-INF", Place::Media, true, Says::Text, "RFC 8216bis 4.4.3.7"),
    known("EXT-X-SERVER-CONTROL", Place::Media, true, Says::Text, "RFC 8216bis 4.4.3.8"),
    known("EXTINF", Place::Media, false, Says::Duration, "RFC 8216bis 4.4.4.1"),
    known("EXT-X-BYTERANGE", Place::Media, false, Says::Bytes, "RFC 8216bis 4.4.4.2"),
    known("EXT-X-DISCONTINUITY", Place::Media, false, Says::Nothing, "RFC 8216bis 4.4.4.3"),
    known("EXT-X-KEY", Place::Media, false, Says::Attributes(KEY), "RFC 8216bis 4.4.4.4"),
    known("EXT-X-MAP", Place::Media, false, Says::Attributes(MAP), "RFC 8216bis 4.4.4.5"),
    known("EXT-X-PROGRAM-DATE-TIME", Place::Media, false, Says::Text, "RFC 8216bis 4.4.4.6"),
    known("EXT-X-GAP", Place::Media, false, Says::Nothing, "RFC 8216bis 4.4.4.7"),
    known("EXT-X-BITRATE", Place::Media, false, Says::Integer, "RFC 8216bis 4.4.4.8"),
    known("EXT-X-PART", Place::Media, false, Says::Text, "RFC 8216bis 4.4.4.9"),
    known("EXT-X-DATERANGE", Place::Media, false, Says::Text, "RFC 8216bis 4.4.5.1"),
    known("EXT-X-SKIP", Place::Media, true, Says::Text, "RFC 8216bis 4.4.5.2"),
    known("EXT-X-PRELOAD-HINT", Place::Media, false, Says::Text, "RFC 8216bis 4.4.5.3"),
    known("EXT-X-RENDITION-REPORT", Place::Media, false, Says::Text, "RFC 8216bis 4.4.5.4"),
    known("EXT-X-MEDIA", Place::Master, false, Says::Attributes(MEDIA), "RFC 8216bis 4.4.6.1"),
    known("EXT-X-STREAM-INF", Place::Master, false, Says::Attributes(VARIANT), "RFC 8216bis 4.4.6.2"),
    known("EXT-X-I-FRAME-STREAM-INF", Place::Master, false, Says::Attributes(I_FRAMES), "RFC 8216bis 4.4.6.3"),
    known("EXT-X-SESSION-DATA", Place::Master, false, Says::Attributes(SESSION_DATA), "RFC 8216bis 4.4.6.4"),
    known("EXT-X-SESSION-KEY", Place::Master, false, Says::Attributes(KEY), "RFC 8216bis 4.4.6.5"),
    known("EXT-X-CONTENT-STEERING", Place::Master, true, Says::Attributes(STEERING), "RFC 8216bis 4.4.6.6"),
];

const START: &[(&str, Kind, bool)] = &[("TIME-OFFSET", Kind::Signed, true), ("PRECISE", YES_NO, false)];
const DEFINE: &[(&str, Kind, bool)] = &[
    ("NAME", Kind::Quoted, false),
    ("VALUE", Kind::Quoted, false),
    ("IMPORT", Kind::Quoted, false),
    ("QUERYPARAM", Kind::Quoted, false),
];
const KEY: &[(&str, Kind, bool)] = &[
    ("METHOD", Kind::Words(&["NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR"]), true),
    ("URI", Kind::Quoted, false),
    ("IV", Kind::Hexadecimal, false),
    ("KEYFORMAT", Kind::Quoted, false),
    ("KEYFORMATVERSIONS", Kind::Quoted, false),
];
const MAP: &[(&str, Kind, bool)] = &[("URI", Kind::Quoted, true), ("BYTERANGE", Kind::Quoted, false)];
const MEDIA: &[(&str, Kind, bool)] = &[
    ("TYPE", Kind::Words(&["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"]), true),
    ("GROUP-ID", Kind::Quoted, true),
    ("NAME", Kind::Quoted, true),
    ("URI", Kind::Quoted, false),
    ("LANGUAGE", Kind::Quoted, false),
    ("ASSOC-LANGUAGE", Kind::Quoted, false),
    ("STABLE-RENDITION-ID", Kind::Quoted, false),
    ("DEFAULT", YES_NO, false),
    ("AUTOSELECT", YES_NO, false),
    ("FORCED", YES_NO, false),
    ("INSTREAM-ID", Kind::Quoted, false),
    ("BIT-DEPTH", Kind::Integer, false),
    ("SAMPLE-RATE", Kind::Integer, false),
    ("CHARACTERISTICS", Kind::Quoted, false),
    ("CHANNELS", Kind::Quoted, false),
];
const VARIANT: &[(&str, Kind, bool)] = &[
    ("BANDWIDTH", Kind::Integer, true),
    ("AVERAGE-BANDWIDTH", Kind::Integer, false),
    ("SCORE", Kind::Decimal, false),
    ("CODECS", Kind::Quoted, false),
    ("SUPPLEMENTAL-CODECS", Kind::Quoted, false),
    ("RESOLUTION", Kind::Resolution, false),
    ("FRAME-RATE", Kind::Decimal, false),
    ("HDCP-LEVEL", Kind::Words(&["TYPE-0", "TYPE-1", "NONE"]), false),
    ("ALLOWED-CPC", Kind::Quoted, false),
    ("VIDEO-RANGE", Kind::Words(&["SDR", "HLG", "PQ"]), false),
    ("REQ-VIDEO-LAYOUT", Kind::Quoted, false),
    ("STABLE-VARIANT-ID", Kind::Quoted, false),
    ("PATHWAY-ID", Kind::Quoted, false),
    ("NAME", Kind::Quoted, false),
    ("AUDIO", Kind::Quoted, false),
    ("VIDEO", Kind::Quoted, false),
    ("SUBTITLES", Kind::Quoted, false),
    ("CLOSED-CAPTIONS", Kind::QuotedOr("NONE"), false),
];
const I_FRAMES: &[(&str, Kind, bool)] = &[
    ("BANDWIDTH", Kind::Integer, true),
    ("AVERAGE-BANDWIDTH", Kind::Integer, false),
    ("SCORE", Kind::Decimal, false),
    ("CODECS", Kind::Quoted, false),
    ("SUPPLEMENTAL-CODECS", Kind::Quoted, false),
    ("RESOLUTION", Kind::Resolution, false),
    ("HDCP-LEVEL", Kind::Words(&["TYPE-0", "TYPE-1", "NONE"]), false),
    ("ALLOWED-CPC", Kind::Quoted, false),
    ("VIDEO-RANGE", Kind::Words(&["SDR", "HLG", "PQ"]), false),
    ("REQ-VIDEO-LAYOUT", Kind::Quoted, false),
    ("STABLE-VARIANT-ID", Kind::Quoted, false),
    ("PATHWAY-ID", Kind::Quoted, false),
    ("VIDEO", Kind::Quoted, false),
    ("URI", Kind::Quoted, true),
];
const SESSION_DATA: &[(&str, Kind, bool)] = &[
    ("DATA-ID", Kind::Quoted, true),
    ("VALUE", Kind::Quoted, false),
    ("URI", Kind::Quoted, false),
    ("FORMAT", Kind::Words(&["JSON", "RAW"]), false),
    ("LANGUAGE", Kind::Quoted, false),
];
const STEERING: &[(&str, Kind, bool)] = &[("SERVER-URI", Kind::Quoted, true), ("PATHWAY-ID", Kind::Quoted, false)];

/// Everything that is wrong with the tags of a playlist, each seen by itself.
pub(super) fn faults(lines: &[Line], place: Place) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for line in lines {
        let Content::Tag { name, value } = &line.content else { continue };
        let mut wrong = |rule: &'static str, what: String| {
            faults.push(Fault::new(rule, format!("line {}: {what}", line.number)));
        };
        let Some(tag) = TAGS.iter().find(|tag| tag.name == name) else {
            wrong("RFC 8216bis 4.4", format!("no tag is called {}", shown(name)));
            continue;
        };
        if tag.place != Place::Both && tag.place != place {
            wrong("RFC 8216bis 4.1", format!("{name} does not belong into this kind of playlist"));
        }
        if tag.once && seen.contains(&tag.name) {
            wrong(tag.section, format!("{name} stands there twice"));
        }
        if tag.once {
            seen.push(tag.name);
        }
        for (rule, what) in said(tag, value.as_deref()) {
            wrong(rule, format!("{name}: {what}"));
        }
    }
    faults
}

/// What is wrong with the value of a tag.
fn said(tag: &Known, value: Option<&str>) -> Vec<(&'static str, String)> {
    let one = |is_right: bool, wanted: &str| {
        let found = value.map_or("nothing".to_owned(), shown);
        if is_right { Vec::new() } else { vec![(tag.section, format!("{found} instead of {wanted}"))] }
    };
    let text = value.unwrap_or_default();
    match &tag.says {
        Says::Nothing => one(value.is_none(), "nothing"),
        Says::Integer => one(is_integer(text), "a whole number"),
        Says::Words(words) => one(words.contains(&text), &words.join(" or ")),
        Says::Duration => {
            one(text.split_once(',').is_some_and(|(duration, _)| is_decimal(duration)), "a duration and a comma")
        }
        Says::Bytes => one(range_of(text).is_some(), "a length and an offset"),
        Says::Text => one(!text.is_empty(), "a value"),
        Says::Attributes(wanted) => {
            let (found, faults) = Attributes::read(text);
            let mut all: Vec<_> = faults.into_iter().map(|fault| (fault.rule, fault.found)).collect();
            all.extend(attributes(wanted, &found).into_iter().map(|what| (tag.section, what)));
            all
        }
    }
}

fn attributes(wanted: &[(&str, Kind, bool)], found: &Attributes) -> Vec<String> {
    let missing = wanted.iter().filter(|(name, _, required)| *required && found.get(name).is_none());
    let mut faults: Vec<String> = missing.map(|(name, ..)| format!("no {name}")).collect();
    for attribute in &found.0 {
        let Some((name, kind, _)) = wanted.iter().find(|(name, ..)| *name == attribute.name) else {
            faults.push(format!("no attribute is called {}", shown(&attribute.name)));
            continue;
        };
        if !is_of_kind(*kind, &attribute.value, attribute.quoted) {
            faults.push(format!("{name} has the value {}", shown(&attribute.value)));
        }
    }
    faults
}

fn is_of_kind(kind: Kind, value: &str, quoted: bool) -> bool {
    match kind {
        Kind::Quoted => quoted,
        Kind::QuotedOr(word) => quoted || value == word,
        _ if quoted => false,
        Kind::Integer => is_integer(value),
        Kind::Decimal => is_decimal(value),
        Kind::Signed => is_decimal(value.strip_prefix('-').unwrap_or(value)),
        Kind::Hexadecimal => {
            let digits = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
            digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        Kind::Resolution => resolution_of(value).is_some(),
        Kind::Words(words) => words.contains(&value),
    }
}

/// Up to twenty digits, as far as 2^64 − 1.
fn is_integer(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && text.len() <= 40
}

/// `1280x720`.
pub(super) fn resolution_of(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| is_integer(text).then(|| text.parse().ok()).flatten();
    Some((side(width)?, side(height)?))
}

/// `length` or `length@offset`.
pub(super) fn range_of(text: &str) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| is_integer(text).then(|| text.parse::<u64>().ok()).flatten();
    match text.split_once('@') {
        Some((len, offset)) => Some((number(len)?, Some(number(offset)?))),
        None => Some((number(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn rules(text: &str, place: Place) -> Vec<&'static str> {
        let (lines, _) = text::lines(text.as_bytes());
        faults(&lines, place).into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn good_playlists_have_good_tags() {
        let media = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-START:TIME-OFFSET=-1.5\n\
                     #EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"7@0\"\n#EXTINF:6.0,a title\n#EXT-X-BYTERANGE:5@7\na\n#EXT-X-ENDLIST\n";
        assert!(rules(media, Place::Media).is_empty());
        let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\"\n\
                      #EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=NONE,RESOLUTION=1x2,FRAME-RATE=23.976\nv\n";
        assert!(rules(master, Place::Master).is_empty());
    }

    #[test]
    fn unknown_misplaced_and_doubled_tags_are_seen() {
        assert_eq!(rules("#EXTM3U\n#EXT-X-FOO:1\n", Place::Media), ["RFC 8216bis 4.4"]);
        assert_eq!(rules("#EXTM3U\n#EXT-X-ENDLIST\n", Place::Master), ["RFC 8216bis 4.1"]);
        assert_eq!(rules("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", Place::Media), ["RFC 8216bis 4.1"]);
        let twice = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-TARGETDURATION:6\n";
        assert_eq!(rules(twice, Place::Media), ["RFC 8216bis 4.4.3.1"]);
    }

    #[test]
    fn values_have_their_form() {
        for bad in ["EXT-X-VERSION:six", "EXT-X-VERSION", "EXT-X-ENDLIST:1", "EXT-X-PLAYLIST-TYPE:vod", "EXTINF:6"] {
            assert_eq!(rules(&format!("#EXTM3U\n#{bad}\n"), Place::Media).len(), 1, "{bad}");
        }
        for bad in ["EXTINF:-1,", "EXTINF:1e3,", "EXT-X-BYTERANGE:5@", "EXT-X-TARGETDURATION:99999999999999999999"] {
            assert_eq!(rules(&format!("#EXTM3U\n#{bad}\n"), Place::Media).len(), 1, "{bad}");
        }
    }

    #[test]
    fn attributes_are_there_and_have_their_form() {
        let variant = |list: &str| rules(&format!("#EXTM3U\n#EXT-X-STREAM-INF:{list}\nv\n"), Place::Master);
        let section = ["RFC 8216bis 4.4.6.2"];
        assert_eq!(variant("CODECS=\"avc1.64001f\""), section);
        assert_eq!(variant("BANDWIDTH=1,CODECS=avc1"), section);
        assert_eq!(variant("BANDWIDTH=\"1\""), section);
        assert_eq!(variant("BANDWIDTH=1,RESOLUTION=1280"), section);
        assert_eq!(variant("BANDWIDTH=1,VIDEO-RANGE=HDR"), section);
        assert_eq!(variant("BANDWIDTH=1,COLOUR=RED"), section);
        assert_eq!(variant("BANDWIDTH=1,BANDWIDTH=2"), ["RFC 8216bis 4.2"]);
        let media = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"b\",DEFAULT=yes\n";
        assert_eq!(rules(media, Place::Master), ["RFC 8216bis 4.4.6.1"; 2]);
    }
}
