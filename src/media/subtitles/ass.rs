//! ASS and SSA. Of their styling only italics, bold, underline and "at the top" are kept; drawings
//! and comments are dropped, lines on top of each other are kept.

use super::markup::{CueText, Writer};
use super::{Found, Settings, SubtitlesError, clock};

/// Columns of an event at most; ASS has ten.
const MAX_COLUMNS: usize = 32;

/// Where an event's fields stand, as the section's `Format:` line says.
#[derive(Clone, Copy, Debug)]
struct Columns {
    count: usize,
    start: usize,
    end: usize,
    text: usize,
}

/// What a file without a `Format:` line means. SSA and ASS differ only in the name of the first.
const USUAL: Columns = Columns { count: 10, start: 1, end: 2, text: 9 };

/// Fields that Matroska puts before an event's text: its number and all columns but the times.
const FIELDS_BEFORE_TEXT: usize = 8;

/// Whether a line is one that only ASS and SSA have.
pub(super) fn is_sign(line: &str) -> bool {
    let line = line.trim();
    line.eq_ignore_ascii_case("[script info]") || line.eq_ignore_ascii_case("[events]")
}

pub(super) fn parse(text: &str, found: &mut Found) -> Result<(), SubtitlesError> {
    let mut columns = USUAL;
    let mut in_events = false;
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with('[') {
            in_events = line.trim_end().eq_ignore_ascii_case("[events]");
        } else if let Some(list) = line.strip_prefix("Format:").filter(|_| in_events) {
            columns = Columns::of(list).unwrap_or(columns);
        } else if let Some(event) = line.strip_prefix("Dialogue:").filter(|_| in_events) {
            columns.read(event, found)?;
        }
    }
    Ok(())
}

impl Columns {
    /// `None` without times or text, or when the text is not last: it may hold commas.
    fn of(list: &str) -> Option<Self> {
        let names: Vec<&str> = list.split(',').map(str::trim).take(MAX_COLUMNS + 1).collect();
        let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let columns = Self { count: names.len(), start: place("start")?, end: place("end")?, text: place("text")? };
        (columns.text + 1 == columns.count && columns.count <= MAX_COLUMNS).then_some(columns)
    }

    fn read(self, event: &str, found: &mut Found) -> Result<(), SubtitlesError> {
        let fields: Vec<&str> = event.splitn(self.count, ',').collect();
        let time = |column: usize| fields.get(column).and_then(|field| clock::parse(field));
        let (Some(start), Some(end), Some(raw)) = (time(self.start), time(self.end), fields.get(self.text)) else {
            return Ok(());
        };
        let (text, settings) = text(raw);
        found.push(start, end, settings, text)
    }
}

/// The text of an event as Matroska holds it.
pub(super) fn of_event(event: &str) -> (CueText, Settings) {
    text(event.splitn(FIELDS_BEFORE_TEXT + 1, ',').nth(FIELDS_BEFORE_TEXT).unwrap_or_default())
}

/// What the overrides of a line ask for where they stand.
#[derive(Debug, Default)]
struct Style {
    italic: bool,
    bold: bool,
    underline: bool,
    draws: bool,
    at_top: bool,
}

fn text(raw: &str) -> (CueText, Settings) {
    let mut writer = Writer::default();
    let mut style = Style::default();
    // A block that nothing ends is text; known beforehand, the search for its end never fails.
    let last_end = raw.rfind('}').unwrap_or(0);
    let mut rest = raw;
    while let Some(letter) = rest.chars().next() {
        if writer.is_full() {
            break;
        }
        let may_be_block = letter == '{' && raw.len() - rest.len() < last_end;
        if let Some((block, after)) = may_be_block.then(|| rest[1..].split_once('}')).flatten() {
            style.read(block);
            rest = after;
            continue;
        }
        let (letter, length) = unescaped(rest, letter);
        if !style.draws {
            style.write(letter, &mut writer);
        }
        rest = &rest[length..];
    }
    let settings = if style.at_top { Settings::top() } else { Settings::default() };
    (writer.finish(), settings)
}

/// The letter that `rest` begins with, and how many bytes of it that takes. A soft line break (`\n`)
/// is a space, as in every wrapping style but one.
fn unescaped(rest: &str, letter: char) -> (char, usize) {
    match rest.as_bytes() {
        [b'\\', b'N', ..] => ('\n', 2),
        [b'\\', b'n', ..] => (' ', 2),
        [b'\\', b'h', ..] => ('\u{A0}', 2),
        [b'\\', escaped @ (b'{' | b'}' | b'\\'), ..] => (char::from(*escaped), 2),
        _ => (letter, letter.len_utf8()),
    }
}

impl Style {
    /// Takes in the overrides of a block, such as `\i1\pos(10,20)\fs30`. What stands in brackets
    /// belongs to an animation and is passed over.
    fn read(&mut self, block: &str) {
        let mut depth = 0_i32;
        for part in block.split('\\').skip(1) {
            if depth <= 0 {
                self.override_with(part.trim());
            }
            depth += brackets(part);
        }
    }

    fn override_with(&mut self, tag: &str) {
        let name_length = tag.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (name, value) = tag.split_at(name_length);
        let number: u32 = value.parse().unwrap_or(0);
        match name {
            "i" => self.italic = number > 0,
            // 1, or a weight as fonts have them.
            "b" => self.bold = number == 1 || number >= 600,
            "u" => self.underline = number > 0,
            "p" => self.draws = number > 0,
            "an" => self.at_top |= (7..=9).contains(&number),
            // SSA's older numbers: 5 to 7 are at the top.
            "a" => self.at_top |= (5..=7).contains(&number),
            // With the name of a style behind it or without; `\rnd` is something else.
            _ if name.starts_with('r') && !name.starts_with("rnd") => {
                (self.italic, self.bold, self.underline) = (false, false, false);
            }
            _ => {}
        }
    }

    /// Writes a letter within the tags that hold now.
    fn write(&self, letter: char, writer: &mut Writer) {
        let wanted = [("i", self.italic), ("b", self.bold), ("u", self.underline)];
        for (name, holds) in wanted {
            if !holds {
                writer.close(name);
            }
        }
        for (name, holds) in wanted {
            if holds && !writer.open_tags().contains(&name) {
                writer.open(name, "", "");
            }
        }
        writer.letter(letter);
    }
}

/// How many more brackets a text opens than it closes.
fn brackets(text: &str) -> i32 {
    text.bytes().map(|byte| i32::from(byte == b'(') - i32::from(byte == b')')).sum()
}
