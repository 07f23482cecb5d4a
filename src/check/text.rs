//! A playlist as lines: what every playlist keeps to, and attribute lists (RFC 8216bis, 4.1 and 4.2).

use super::report::Fault;

const SHAPE: &str = "RFC 8216bis 4.1";
const ATTRIBUTES: &str = "RFC 8216bis 4.2";

/// A line that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) content: Content,
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// `#EXT…`, and what stands behind its colon.
    Tag { name: String, value: Option<String> },
    /// An address.
    Uri(String),
}

/// Splits a playlist into its lines, and tells what is wrong with it as a text.
pub(super) fn lines(bytes: &[u8]) -> (Vec<Line>, Vec<Fault>) {
    let mut faults = Vec::new();
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => {
            faults.push(Fault::new(SHAPE, "it begins with a byte order mark"));
            rest
        }
        None => bytes,
    };
    if let Err(error) = std::str::from_utf8(bytes) {
        faults.push(Fault::new(SHAPE, format!("not UTF-8 at byte {}", error.valid_up_to())));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let number = at + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.chars().any(char::is_control) {
            faults.push(Fault::new(SHAPE, format!("line {number}: a control character")));
        }
        if number == 1 && line != "#EXTM3U" {
            faults.push(Fault::new("RFC 8216bis 4.4.1.1", format!("the first line is {}, not #EXTM3U", shown(line))));
        }
        lines.extend(content(line).map(|content| Line { number, content }));
    }
    (lines, faults)
}

fn content(line: &str) -> Option<Content> {
    if line.trim().is_empty() {
        return None;
    }
    if !line.starts_with('#') {
        return Some(Content::Uri(line.trim().to_owned()));
    }
    let tag = line.strip_prefix('#').filter(|tag| tag.starts_with("EXT"))?;
    let (name, value) = tag.split_once(':').map_or((tag, None), |(name, value)| (name, Some(value.to_owned())));
    Some(Content::Tag { name: name.to_owned(), value })
}

/// Text from outside as it is printed: in quotes, short, without anything that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// Without its quotes.
    pub(super) value: String,
    pub(super) quoted: bool,
}

/// The attributes of a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes(pub(super) Vec<Attribute>);

impl Attributes {
    /// Reads an attribute list as far as it can be understood, and tells what is wrong with it.
    pub(super) fn read(list: &str) -> (Self, Vec<Fault>) {
        let (mut found, mut faults): (Vec<Attribute>, Vec<Fault>) = (Vec::new(), Vec::new());
        let mut wrong = |what: String| faults.push(Fault::new(ATTRIBUTES, what));
        let mut rest = list;
        while !rest.is_empty() {
            let Some((name, after)) = rest.split_once('=') else {
                wrong(format!("no attribute: {}", shown(rest)));
                break;
            };
            if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-')) {
                wrong(format!("{} is no name of an attribute", shown(name)));
            }
            let (value, quoted, after) = value(after);
            let Some(value) = value else {
                wrong(format!("the quotes of {} do not end", shown(name)));
                break;
            };
            if !quoted && (value.is_empty() || value.contains([' ', '\t', '"'])) {
                wrong(format!("{} has the value {}", shown(name), shown(value)));
            }
            if found.iter().any(|other| other.name == name) {
                wrong(format!("{} stands there twice", shown(name)));
            }
            found.push(Attribute { name: name.to_owned(), value: value.to_owned(), quoted });
            rest = match after.strip_prefix(',') {
                Some("") => {
                    wrong("a comma at the end".to_owned());
                    ""
                }
                Some(rest) => rest,
                None => {
                    if !after.is_empty() {
                        wrong(format!("{} follows a value", shown(after)));
                    }
                    ""
                }
            };
        }
        (Self(found), faults)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}

/// A value, whether it was quoted, and what comes behind it.
fn value(text: &str) -> (Option<&str>, bool, &str) {
    match text.strip_prefix('"') {
        Some(open) => match open.split_once('"') {
            Some((value, after)) => (Some(value), true, after),
            None => (None, true, ""),
        },
        None => {
            let end = text.find(',').unwrap_or(text.len());
            (Some(&text[..end]), false, &text[end..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &[u8]) -> Vec<&'static str> {
        lines(text).1.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn a_playlist_begins_with_its_mark_and_nothing_before() {
        assert!(rules(b"#EXTM3U\n").is_empty());
        assert!(rules(b"#EXTM3U\r\n#EXT-X-ENDLIST\r\n").is_empty());
        assert_eq!(rules(b"\xEF\xBB\xBF#EXTM3U\n"), [SHAPE]);
        assert_eq!(rules(b"\n#EXTM3U\n"), ["RFC 8216bis 4.4.1.1"]);
        assert_eq!(rules(b"#EXTM3U8\n"), ["RFC 8216bis 4.4.1.1"]);
        assert_eq!(rules(b""), ["RFC 8216bis 4.4.1.1"]);
    }

    #[test]
    fn a_playlist_is_plain_utf_8() {
        assert!(rules("#EXTM3U\n#EXTINF:6,Übergröße\nä.ts\n".as_bytes()).is_empty());
        assert_eq!(rules(b"#EXTM3U\n\xFF.ts\n"), [SHAPE]);
        assert_eq!(rules(b"#EXTM3U\na\x07.ts\n"), [SHAPE]);
    }

    #[test]
    fn comments_and_empty_lines_mean_nothing() {
        let (found, _) = lines(b"#EXTM3U\n\n# a comment\n#EXTINF:6.0,\n a.ts\n");
        let tag = |name: &str, value: Option<&str>| Content::Tag { name: name.into(), value: value.map(str::to_owned) };
        let contents: Vec<_> = found.into_iter().map(|line| (line.number, line.content)).collect();
        let uri = Content::Uri("a.ts".into());
        assert_eq!(contents, [(1, tag("EXTM3U", None)), (4, tag("EXTINF", Some("6.0,"))), (5, uri)]);
    }

    #[test]
    fn attributes_are_read_with_commas_in_quotes() {
        let (found, faults) = Attributes::read("BANDWIDTH=1,CODECS=\"a,b=c\",X=YES");
        assert_eq!(faults, []);
        let values: Vec<_> = found.0.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.quoted)).collect();
        assert_eq!(values, [("BANDWIDTH", "1", false), ("CODECS", "a,b=c", true), ("X", "YES", false)]);
        assert_eq!(Attributes::read("").1, []);
    }

    #[test]
    fn what_is_no_attribute_list_is_told() {
        for bad in ["A", "a=1", "A=1,", "A=1, B=2", "A=\"x", "A=\"x\"y", "A=", "A=1,A=2", "=1", "A= 1", "A=x\"y\""] {
            assert!(!Attributes::read(bad).1.is_empty(), "{bad}");
        }
    }
}
