//! Titles: made readable from a file name, or cleaned as a person gave them.
//!
//! A file name is outside input: it may hold folders, control characters, marks that turn the
//! direction of text, and kilobytes. A title never does. What remains is a guess at what a person
//! would have written; `The.Film.2019.1080p.BluRay.x264-GRP.mkv` is `The Film (2019)`.

/// Longest title in characters.
pub const MAX_TITLE: usize = 200;

/// The title of a video nobody and nothing names.
pub const UNTITLED: &str = "Untitled";

/// Endings that say only what kind of file it is.
const EXTENSIONS: [&str; 28] = [
    "3g2", "3gp", "aac", "avi", "divx", "f4v", "flac", "flv", "m2ts", "m4a", "m4v", "mka", "mkv", "mov", "mp3", "mp4",
    "mpeg", "mpg", "mts", "mxf", "oga", "ogg", "ogv", "opus", "ts", "wav", "webm", "wmv",
];

/// Words that begin the technical part of a release's name. None is a word of a likely title.
const TAGS: [&str; 47] = [
    "480i", "480p", "576i", "576p", "720p", "1080i", "1080p", "1440p", "2160p", "4320p", "4k", "8k", "uhd", "hdr",
    "hdr10", "hdr10+", "10bit", "8bit", "bluray", "blu-ray", "bdrip", "bdremux", "brrip", "remux", "dvdrip", "dvdscr",
    "hdrip", "hdtv", "pdtv", "web-dl", "webdl", "webrip", "web-rip", "hdcam", "x264", "x265", "h264", "h265", "hevc",
    "avc", "xvid", "av1", "aac", "ac3", "dts", "ddp5", "truehd",
];

/// A readable title from the name of an uploaded file, never empty and at most `MAX_TITLE`
/// characters long.
pub fn title_of_file(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let name = without_marks(name);
    let stem = without_extension(name.trim());
    // Dots stand for spaces only where there are none: "Mr. Robot" keeps its own.
    let joined = !stem.trim().contains(' ');
    let spaced: String = stem.chars().map(|letter| if is_space(letter, joined) { ' ' } else { letter }).collect();
    let words = without_brackets(&spaced);
    let words: Vec<&str> = words.split_whitespace().collect();
    let title = shorten(without_release_tags(&words, joined).trim_matches([' ', '-', '.', ',']));
    if title.is_empty() { UNTITLED.to_owned() } else { title }
}

/// A title as a person gave it, on one line, without invisible marks, at most `MAX_TITLE`
/// characters long; `None` when nothing is left.
pub fn clean_title(text: &str) -> Option<String> {
    let text = without_marks(text);
    let title = shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    (!title.is_empty()).then_some(title)
}

/// Control characters become spaces; marks that are not seen but change how text is read go.
fn without_marks(text: &str) -> String {
    let seen = text.chars().filter(|letter| {
        !matches!(letter,
            '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFD}' | '\u{E0000}'..='\u{E007F}')
    });
    seen.map(|letter| if letter.is_control() || letter.is_whitespace() { ' ' } else { letter }).collect()
}

fn without_extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if EXTENSIONS.contains(&ending.to_ascii_lowercase().as_str()) => stem,
        _ => name,
    }
}

fn is_space(letter: char, joined: bool) -> bool {
    letter == '_' || (joined && matches!(letter, '.' | '+'))
}

/// Drops what stands in square or curly brackets, which names groups and formats, unless nothing
/// else is there; round ones stay, as they hold years and parts of titles.
fn without_brackets(text: &str) -> String {
    let mut outside = String::with_capacity(text.len());
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                outside.push(' ');
            }
            _ if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    if outside.chars().any(char::is_alphanumeric) { outside } else { text.replace(['[', ']', '{', '}'], " ") }
}

/// Cuts before the first technical word, and at the release year when one stands before it or the
/// name is written like a release's. The first word is never cut: `1917` and `2012` are films.
fn without_release_tags(words: &[&str], joined: bool) -> String {
    let tag = (1..words.len()).find(|&at| is_tag(words[at]));
    let head = &words[..tag.unwrap_or(words.len())];
    let year = (1..head.len()).rfind(|&at| {
        let bare = head[at].trim_start_matches('(').trim_end_matches(')');
        let alone = joined && (tag.is_some() || at + 1 == head.len());
        is_year(bare) && (bare.len() + 2 == head[at].len() || alone || (tag == Some(at + 1)))
    });
    match year {
        // Words between year and tags describe the release; without tags they belong to the title.
        Some(at) if tag.is_some() || at + 1 == head.len() => {
            let title = head[..at].join(" ");
            let year = head[at].trim_matches(['(', ')']);
            format!("{} ({year})", title.trim_end_matches([' ', '-', '.', ',', '(']))
        }
        _ => head.join(" ").trim_end_matches(['(', ' ']).to_owned(),
    }
}

fn is_tag(word: &str) -> bool {
    let word = word.trim_matches(['(', ')', ',', '-']).to_ascii_lowercase();
    let first = word.split('-').next().unwrap_or_default();
    TAGS.contains(&word.as_str()) || TAGS.contains(&first)
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.parse().is_ok_and(|year: u32| (1890..2100).contains(&year))
}

/// The first `MAX_TITLE` characters, cut between what a reader sees as letters: never before an
/// accent, a variation or a skin tone, nor inside a joined picture.
fn shorten(text: &str) -> String {
    let text = text.trim();
    let Some((mut end, _)) = text.char_indices().nth(MAX_TITLE) else {
        return text.to_owned();
    };
    loop {
        let before = text[..end].chars().next_back();
        let torn = text[end..].starts_with(joins_the_letter_before) || before == Some('\u{200D}');
        match before {
            Some(letter) if torn => end -= letter.len_utf8(),
            _ => break,
        }
    }
    // A title made of nothing but accents has no good place to cut.
    if end == 0 { text.chars().take(MAX_TITLE).collect() } else { text[..end].trim_end().to_owned() }
}

fn joins_the_letter_before(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{200C}' | '\u{200D}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{1F3FB}'..='\u{1F3FF}')
}

#[cfg(test)]
mod tests;
