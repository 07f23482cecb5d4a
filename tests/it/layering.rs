//! Who may import whom. The table is the architecture: to change it is a decision, made together
//! with the map in `src/lib.rs`.

use crate::source;
use std::collections::BTreeSet;
use std::path::Path;

/// Every module, bottom to top, with what it may import besides itself and [`EVERYBODY`].
const TABLE: [(&str, &str); 33] = [
    ("telemetry", ""),
    ("shutdown", ""),
    ("events", "media"),
    ("clock", "media"),
    ("media", ""),
    ("catalog", "media"),
    ("ffmpeg", "media"),
    ("cmaf", "media"),
    ("matroska", "media"),
    ("flv", "media"),
    ("mpegts", "media"),
    // Shares nothing with what it measures.
    ("check", ""),
    ("disk", "media"),
    ("telegram", "media disk"),
    ("spool", "media disk"),
    ("store", "media telegram disk"),
    ("cache", "media disk store spool"),
    ("deposit", "media catalog store spool"),
    ("jobs", "media catalog"),
    ("ingest", "media catalog ffmpeg cmaf matroska flv mpegts disk spool deposit jobs"),
    ("live", "media catalog ffmpeg cmaf spool deposit jobs"),
    ("delivery", "media catalog cmaf store cache jobs"),
    ("library", "media catalog jobs"),
    ("upkeep", "media catalog store spool cache deposit jobs"),
    ("system", "media catalog telegram ffmpeg spool cache jobs"),
    ("access", "media catalog"),
    ("links", "media catalog store cache telegram jobs"),
    ("http", FACE),
    ("bot", FACE),
    // Plain values only: `app` turns them into the settings of the parts.
    ("config", "media telegram"),
    ("app", ANYTHING),
    ("cli", ANYTHING),
    ("main", ANYTHING),
];

/// Use cases, and the parts below them for their errors.
const FACE: &str = "ingest live delivery library upkeep system access links jobs media store spool cache catalog";
const ANYTHING: &str = "*";
/// May be imported by every module above them.
const EVERYBODY: [&str; 4] = ["telemetry", "shutdown", "events", "clock"];
/// Lie below these and import none of them.
const GROUND: [&str; 5] = ["media", "telemetry", "shutdown", "events", "clock"];

/// What is wrong with the imports of `file`, a path like `src/cache/memory.rs`.
fn faults(file: &Path, text: &str) -> Vec<String> {
    let place = file.strip_prefix("src").unwrap().with_extension("");
    let mut path: Vec<&str> = place.iter().map(|part| part.to_str().unwrap()).collect();
    if path.last() == Some(&"mod") {
        path.pop();
    }
    if path == ["lib"] {
        return Vec::new();
    }
    let module = path[0];
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: {module} is not in the table of tests/it/layering.rs", file.display())];
    };
    let may = |name: &str| {
        let everybody = EVERYBODY.contains(&name) && !GROUND.contains(&module);
        name == module || *allowed == ANYTHING || everybody || allowed.split(' ').any(|listed| listed == name)
    };
    let imports = imports(text, path.len());
    let fault = |name: &&String| format!("{}: {module} may not import {name}", file.display());
    imports.iter().filter(|name| !may(name)).map(|name| fault(&name)).collect()
}

/// First names behind `crate::`, and behind as many `super::` as lead out of a module `depth` deep.
fn imports(text: &str, depth: usize) -> BTreeSet<String> {
    let code: String = source::split(text).0.split_whitespace().collect::<Vec<_>>().join(" ");
    let code = code.replace(" ::", "::").replace(":: ", "::");
    let mut names = BTreeSet::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|letter| letter.is_alphanumeric() || "_:$".contains(letter)) {
                names.extend(first_names(&code[at + root.len()..]));
            }
        }
    }
    names
}

/// `a` of `a::b`; `a` and `b` of `{a::{x, y}, b}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut names = vec![name(group)];
    let mut level = 1;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => level += 1,
            '}' => level -= 1,
            ',' if level == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if level == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn every_module_imports_only_what_its_row_lists() {
    let faults: Vec<String> = source::program().iter().flat_map(|(file, text)| faults(file, text)).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_map_in_lib_rs_is_the_program_in_layer_order() {
    let text = source::read(Path::new("src/lib.rs"));
    let between = |line: &str, before: &str, after: &str| {
        line.strip_prefix(before).and_then(|rest| rest.split_once(after)).map(|(name, _)| name.to_owned())
    };
    let told: Vec<String> = text.lines().filter_map(|line| between(line, "//! - [`", "`]: ")).collect();
    let declared: BTreeSet<String> = text.lines().filter_map(|line| between(line, "pub mod ", ";")).collect();
    assert_eq!(told.iter().cloned().collect::<BTreeSet<_>>(), declared, "one line `//! - [`name`]: sentence` a module");

    let order = |name: &String| TABLE.iter().position(|(listed, _)| listed == name);
    assert!(told.is_sorted_by_key(order), "the map goes bottom to top, as the table does: {told:?}");
    let tops = source::files("src").into_iter().filter_map(|file| {
        let top = Path::new(file.strip_prefix("src").unwrap().iter().next()?).file_stem()?.to_str()?.to_owned();
        (!["lib", "main", "tests"].contains(&top.as_str())).then_some(top)
    });
    assert_eq!(tops.collect::<BTreeSet<_>>(), declared, "src holds exactly the modules of lib.rs");
}

#[test]
fn a_forbidden_import_is_seen_in_every_spelling() {
    let seen = |file: &str, text: &str| faults(Path::new(file), text).len();
    assert_eq!(seen("src/cache/mod.rs", "use crate::store::BlobStore; use crate::telemetry;"), 0);
    assert_eq!(seen("src/cache/disk.rs", "use crate::catalog::Catalog;"), 1);
    assert_eq!(seen("src/cache/disk.rs", "use crate::{\n  media::{id, range},\n  catalog::Catalog, jobs,\n};"), 2);
    assert_eq!(seen("src/cache/disk.rs", "fn f() { crate :: http :: f(); }"), 1);
    assert_eq!(seen("src/cache/disk.rs", "use super::super::http; use super::memory;"), 1);
    assert_eq!(seen("src/cache.rs", "use super::http;"), 1);
    assert_eq!(seen("src/cache/disk.rs", "// crate::http\nlet a = \"crate::http\"; pub(crate) fn f() {}"), 0);
    assert_eq!(seen("src/media/id.rs", "use crate::telemetry;"), 1);
    assert_eq!(seen("src/cli.rs", "use crate::{app, http};"), 0);
    assert_eq!(seen("src/oddments.rs", ""), 1);
}
