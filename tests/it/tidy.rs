//! House rules that no compiler checks.

use crate::source;
use std::path::Path;

const LINES_MAX: usize = 400;
const FOLDERS: [&str; 5] = ["src", "tests", "web", "templates", "benches"];
/// A name that says nothing hides a noun that is missing.
const BANNED: [&str; 8] = ["util", "utils", "helpers", "common", "manager", "service", "models", "core"];
/// With the space or bracket that follows in a statement, so that words of prose are not meant.
const SQL: [&str; 8] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];
const SPAWNS: [&str; 4] = ["tokio::spawn(", "task::spawn(", "rt::spawn(", "spawn_local("];

/// Written by others, or by a program: nobody reads it from its beginning to its end.
fn is_vendored(file: &Path) -> bool {
    file.iter().any(|part| part == "vendor") || file.ends_with("package-lock.json")
}

/// Faults of any file.
fn size_and_name(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{}: {lines} lines; split it, {LINES_MAX} are the most", file.display()));
    }
    for part in file.with_extension("").iter().filter(|part| BANNED.iter().any(|banned| part == banned)) {
        faults.push(format!("{}: {} is no name; find the noun", file.display(), part.display()));
    }
    faults
}

/// Faults of a Rust file of the program.
fn rust(file: &Path, text: &str) -> Vec<String> {
    let (code, strings) = source::split(text);
    let mut faults = Vec::new();
    let mut look = |half: &str, words: &[&str], fault: &str| {
        for (number, line) in half.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}: {fault}", file.display(), number + 1));
            }
        }
    };
    let within =
        |module: &str| file.starts_with(format!("src/{module}")) || file == Path::new(&format!("src/{module}.rs"));
    if !within("catalog") {
        look(&strings, &SQL, "SQL lives in catalog");
        look(&code, &["rusqlite"], "only catalog knows its database");
    }
    if !within("shutdown") {
        look(&code, &SPAWNS, "tasks are started by Shutdown::spawn, or the end of the program forgets them");
    }
    look(&code, &[".unwrap()"], "unwrap is for tests; handle it, or say with expect why it cannot fail");
    faults
}

#[test]
fn files_are_short_and_named_by_nouns() {
    let files = FOLDERS.into_iter().flat_map(source::files).filter(|file| !is_vendored(file));
    let faults: Vec<String> = files.flat_map(|file| size_and_name(&file, &source::read(&file))).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_program_keeps_the_house_rules() {
    let faults: Vec<String> = source::program().iter().flat_map(|(file, text)| rust(file, text)).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What shares types with the program would share its mistakes: the simulator speaks the wire only.
#[test]
fn the_simulator_does_not_know_the_program() {
    let files = source::files("tests/telegram-sim");
    assert!(files.contains(&"tests/telegram-sim/Cargo.toml".into()), "the simulator has moved");
    let knows = |file: &Path| match file.extension().and_then(|end| end.to_str()) {
        Some("rs") => source::split(&source::read(file)).0.contains("telecine::"),
        Some("toml") => source::read(file).lines().any(|line| line.trim_start().starts_with("telecine")),
        _ => false,
    };
    let faults: Vec<_> = files.iter().filter(|file| knows(file)).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn every_rule_sees_its_fault() {
    let named = |file: &str, lines: usize| size_and_name(Path::new(file), &"x\n".repeat(lines)).len();
    assert_eq!(named("src/cache/disk.rs", 400), 0);
    assert_eq!(named("src/cache/disk.rs", 401), 1);
    assert_eq!(named("src/http/utils.rs", 1), 1);
    assert_eq!(named("web/common/a.js", 1), 1);

    let found = |file: &str, text: &str| rust(Path::new(file), text).len();
    assert_eq!(found("src/jobs/engine.rs", "let a = \"SELECT id FROM jobs\";"), 1);
    assert_eq!(found("src/catalog/jobs.rs", "use rusqlite::Row; let a = \"SELECT id FROM jobs\";"), 0);
    assert_eq!(found("src/jobs/engine.rs", "use rusqlite::Row;"), 1);
    assert_eq!(found("src/jobs/engine.rs", "tokio::spawn(async {}); // tokio::spawn("), 1);
    assert_eq!(found("src/shutdown.rs", "tokio::spawn(async {});"), 0);
    assert_eq!(found("src/jobs/engine.rs", "a.unwrap();\nb.unwrap_or(1);\nlet c = \".unwrap()\";"), 1);
}
