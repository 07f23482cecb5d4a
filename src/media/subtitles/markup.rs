//! The text of a cue, made harmless: a few tags of WebVTT, well-formed and balanced, and letters.
//! Whatever else looks like markup is escaped and so shown as it stands.

use super::clock;

/// Bytes of a cue's text at most, not counting the tags that close it; what is longer is cut.
const MAX_TEXT: usize = 4096;

/// Bytes of one tag at most: a longer one is text.
const MAX_TAG: usize = 256;

/// Bytes of a character reference at most, such as `&#x10FFFF;`.
const MAX_REFERENCE: usize = 12;

/// Tags that may be open at a time. More are left out.
const MAX_OPEN: usize = 8;

/// Tags of WebVTT that survive (WebVTT 3.5.1).
const TAGS: [&str; 8] = ["b", "c", "i", "lang", "rt", "ruby", "u", "v"];

/// Tags that players of SRT know and WebVTT has nothing for.
const SRT_ONLY: [&str; 3] = ["font", "s", "strike"];

/// A cue's text as WebVTT writes it. Safe to put into any WebVTT file: it has no blank line, no
/// `-->`, no control character and no tag but those of WebVTT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CueText(String);

/// Whose markup a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Srt,
    WebVtt,
}

impl CueText {
    /// Empty when no letter of it is visible.
    pub(super) fn clean(raw: &str, dialect: Dialect) -> Self {
        let mut writer = Writer::default();
        let mut rest = raw;
        while let Some(letter) = rest.chars().next() {
            if writer.is_full() {
                break;
            }
            let taken = match letter {
                '<' => writer.tag(rest, dialect),
                '&' => writer.reference(rest),
                '{' if dialect == Dialect::Srt => override_block(rest),
                _ => None,
            };
            let length = taken.unwrap_or_else(|| {
                writer.letter(letter);
                letter.len_utf8()
            });
            rest = &rest[length..];
        }
        writer.finish()
    }

    /// The text with its tags.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes of a `{\…}` of ASS, which SRT borrowed.
fn override_block(rest: &str) -> Option<usize> {
    rest.starts_with("{\\").then(|| enclosed(rest, '{', '}')).flatten()
}

/// Bytes of what `rest` begins with, from `open` to the first `close`, if that is near and there is
/// no other `open` in between: so no letter is looked at twice for nothing.
fn enclosed(rest: &str, open: char, close: char) -> Option<usize> {
    let mut near = rest.char_indices().skip(1).take_while(|(at, _)| *at < MAX_TAG);
    let (at, _) = near.find(|(_, letter)| [open, close].contains(letter)).filter(|(_, letter)| *letter == close)?;
    Some(at + close.len_utf8())
}

/// Writes a cue's text letter by letter and keeps its tags balanced.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    open: Vec<&'static str>,
    visible: bool,
    /// A line has ended, and nothing was written since but tags that close.
    line_ended: bool,
}

impl Writer {
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= MAX_TEXT
    }

    /// Writes a letter, escaped where it must be. Control characters are left out, and so are
    /// blanks and ends of lines before the first letter that can be seen.
    pub(super) fn letter(&mut self, letter: char) {
        match letter {
            '\n' => self.line_ended |= self.visible,
            ' ' | '\t' if !self.visible => {}
            '\u{FEFF}' => {}
            _ if letter.is_control() && letter != '\t' => {}
            _ => {
                self.end_line();
                match letter {
                    '&' => self.text.push_str("&amp;"),
                    '<' => self.text.push_str("&lt;"),
                    '>' => self.text.push_str("&gt;"),
                    '\t' => self.text.push(' '),
                    _ => self.text.push(letter),
                }
                self.visible |= !letter.is_whitespace();
            }
        }
    }

    /// Ends the line before something is written, so that no line is blank and none is the last.
    fn end_line(&mut self) {
        if std::mem::take(&mut self.line_ended) {
            self.text.truncate(self.text.trim_end_matches([' ', '\n']).len());
            self.text.push('\n');
        }
    }

    /// The names of the tags that are open, from the outermost.
    pub(super) fn open_tags(&self) -> &[&'static str] {
        &self.open
    }

    /// Opens `<name.classes annotation>`. Both may be empty; neither can end the tag early nor make
    /// an arrow of its end.
    pub(super) fn open(&mut self, name: &'static str, classes: &str, annotation: &str) {
        if self.open.len() == MAX_OPEN {
            return;
        }
        self.end_line();
        self.text.push('<');
        self.text.push_str(name);
        for class in classes.split('.').map(|class| class.trim_end_matches('-')) {
            if !class.is_empty() && class.chars().all(|letter| letter.is_alphanumeric() || "-_".contains(letter)) {
                self.text.push('.');
                self.text.push_str(class);
            }
        }
        let mut said = Self::default();
        said.letters(annotation);
        let words: Vec<&str> = said.text.split_whitespace().collect();
        let said = words.join(" ");
        let said = said.trim_matches([' ', '-']);
        if !said.is_empty() {
            self.text.push(' ');
            self.text.push_str(said);
        }
        self.text.push('>');
        self.open.push(name);
    }

    /// Letters and references to letters, without tags.
    fn letters(&mut self, text: &str) {
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let reference = (letter == '&').then(|| self.reference(rest)).flatten();
            let length = reference.unwrap_or_else(|| {
                self.letter(letter);
                letter.len_utf8()
            });
            rest = &rest[length..];
        }
    }

    /// Closes the innermost open tag of that name and those within it; nothing if there is none.
    pub(super) fn close(&mut self, name: &str) {
        while self.open.contains(&name) {
            let Some(innermost) = self.open.pop() else { return };
            self.text.push_str("</");
            self.text.push_str(innermost);
            self.text.push('>');
            if innermost == name {
                return;
            }
        }
    }

    /// Takes in what begins with `<`: its length if it is a tag, whether written or left out.
    fn tag(&mut self, rest: &str, dialect: Dialect) -> Option<usize> {
        let length = enclosed(rest, '<', '>')?;
        let inner = &rest[1..length - 1];
        let (inner, closes) = inner.strip_prefix('/').map_or((inner, false), |inner| (inner, true));
        let (head, annotation) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let (name, classes) = head.split_once('.').unwrap_or((head, ""));
        let name = name.to_ascii_lowercase();
        let Some(known) = TAGS.into_iter().find(|known| *known == name) else {
            return self.foreign(&name, inner, dialect).then_some(length);
        };
        match (closes, known) {
            (true, _) => self.close(known),
            (false, "rt") if !self.open.contains(&"ruby") => {}
            (false, "v" | "lang") => self.open(known, classes, annotation),
            (false, _) => self.open(known, classes, ""),
        }
        Some(length)
    }

    /// Whether a tag that WebVTT does not have is left out. Others are text. A time within a cue
    /// (`<00:00:01.000>`) is left out: it would colour words one by one.
    fn foreign(&mut self, name: &str, inner: &str, dialect: Dialect) -> bool {
        if dialect == Dialect::WebVtt {
            return clock::parse(inner).is_some();
        }
        if ["br", "br/"].contains(&name) {
            self.letter('\n');
            return true;
        }
        SRT_ONLY.contains(&name)
    }

    /// Takes in a character reference such as `&amp;` or `&#39;`: its length, if it is one.
    fn reference(&mut self, rest: &str) -> Option<usize> {
        let length = enclosed(&rest[..rest.floor_char_boundary(MAX_REFERENCE)], '&', ';')?;
        let name = &rest[1..length - 1];
        let letter = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => '\u{A0}',
            "lrm" => '\u{200E}',
            "rlm" => '\u{200F}',
            _ => {
                let number = name.strip_prefix('#')?;
                let hexadecimal = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
                char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?)?
            }
        };
        self.letter(letter);
        Some(length)
    }

    pub(super) fn finish(mut self) -> CueText {
        if !self.visible {
            return CueText::default();
        }
        self.text.truncate(self.text.trim_end_matches([' ', '\n']).len());
        while let Some(innermost) = self.open.last() {
            self.close(innermost);
        }
        CueText(self.text)
    }
}
