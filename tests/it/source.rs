//! The program's own files as text, for the tests that hold house rules.

use std::fs;
use std::path::{Path, PathBuf};

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder` of the project, as paths relative to the project, sorted.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => found.push(entry.strip_prefix(root()).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// The text of one of [`files`]; empty for what is not text.
pub fn read(file: &Path) -> String {
    String::from_utf8(fs::read(root().join(file)).unwrap()).unwrap_or_default()
}

/// The Rust files of the program with their texts, test files left out.
pub fn program() -> Vec<(PathBuf, String)> {
    let is_test = |file: &Path| file.ends_with("tests.rs") || file.iter().any(|part| part == "tests");
    let is_program = |file: &PathBuf| file.extension().is_some_and(|end| end == "rs") && !is_test(file);
    let sources = files("src").into_iter().filter(is_program);
    sources.map(|file| (file.clone(), without_tests(&read(&file)))).collect()
}

/// `text` up to its first test module; by convention tests are the last thing in a file.
/// A `#[cfg(test)] mod tests;` takes only its own line away.
fn without_tests(text: &str) -> String {
    let is_inline = |at: &usize| text[*at..].lines().nth(1).is_some_and(|line| line.trim_end().ends_with('{'));
    let end = text.match_indices("#[cfg(test)]\n").map(|(at, _)| at).find(is_inline);
    text[..end.unwrap_or(text.len())].to_owned()
}

/// A source text in two halves of the same length: code without comments and literals, and the
/// string literals alone. Everything else is blank, so lines keep their numbers.
pub fn split(text: &str) -> (String, String) {
    let mut code = String::new();
    let mut strings = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, kind) = next_piece(rest);
        let (piece, after) = rest.split_at(length);
        let blank: String = piece.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect();
        code.push_str(if kind == Piece::Code { piece } else { &blank });
        strings.push_str(if kind == Piece::Text { piece } else { &blank });
        rest = after;
    }
    (code, strings)
}

#[derive(PartialEq)]
enum Piece {
    Code,
    Text,
    Other,
}

/// Length in bytes and kind of what `rest` begins with.
fn next_piece(rest: &str) -> (usize, Piece) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Piece::Other);
    }
    if rest.starts_with("/*") {
        return (rest.find("*/").map_or(rest.len(), |end| end + 2), Piece::Other);
    }
    if rest.starts_with('"') {
        return (quoted(rest, '"'), Piece::Text);
    }
    if rest.starts_with("r\"") || rest.starts_with("r#") {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            return (rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len()), Piece::Text);
        }
    }
    // A quote is a letter ('a', '\n') or a lifetime ('a with no quote behind it).
    let mut letters = rest.chars();
    if letters.next() == Some('\'') {
        let letter = letters.next();
        if letter == Some('\\') || letters.next() == Some('\'') {
            return (quoted(rest, '\''), Piece::Other);
        }
    }
    // A whole word at a time, so that the r of `for"` never begins a raw string.
    let word = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    (word.max(rest.chars().next().map_or(0, char::len_utf8)), Piece::Code)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn code_and_strings_are_told_apart() {
    let text = "let a = \"x \\\" // y\"; // z \"no\"\nlet b: &'a str = r#\"q\"q\"#; let c = '\"'; end";
    let (code, strings) = split(text);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), "let a = ; let b: &'a str = ; let c = ; end");
    assert_eq!(strings.split_whitespace().collect::<Vec<_>>().join(" "), "\"x \\\" // y\" r#\"q\"q\"#");
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn only_tests_are_cut_off() {
    assert_eq!(
        without_tests("a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod tests {\nc}"),
        "a\n#[cfg(test)]\nmod tests;\nb\n"
    );
}
