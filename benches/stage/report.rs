//! What was measured, as rows of `docs/benchmarks.md`: one for each goal, replaced when it is measured again.
//!
//! Only what stands between the two marks is written; the words around it are kept. A row holds for the machine that
//! is named above it, so that rows of another machine are dropped when one is measured here.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const BEGIN: &str = "<!-- measured: what stands from here to the end mark is written by `make bench` -->";
const END: &str = "<!-- end of what is measured -->";
const HEAD: &str = "| row | what | seen | median (least to most) | goal | | with |\n|---|---|---|---|---|---|---|";

/// What a row should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Nobody asked for it; it says what the others are made of.
    None,
}

impl Goal {
    fn verdict(self, figure: f64) -> &'static str {
        let is_met = match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
            Self::None => return "",
        };
        if is_met { "met" } else { "**missed**" }
    }
}

/// The median of some figures, with the least and the most of them.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let figures: Vec<f64> = figures.into_iter().collect();
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { median: super::median(figures), least, most }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, most } = *self;
        if least.to_bits() == most.to_bits() {
            return out.write_str(&short(median));
        }
        write!(out, "{} ({} to {})", short(median), short(least), short(most))
    }
}

/// Three digits, as far as there are so many in front of the point.
pub fn short(figure: f64) -> String {
    let digits = if figure.abs() < 9.995 { 2 } else { usize::from(figure.abs() < 99.95) };
    format!("{figure:.digits$}")
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// The goal's number, and a letter where it has several.
    pub key: &'static str,
    pub what: String,
    /// What the figure was made of, as medians.
    pub seen: String,
    pub figure: Spread,
    /// `×` for a ratio.
    pub unit: &'static str,
    pub goal: Goal,
}

impl Row {
    fn line(&self, with: &str) -> String {
        let Self { key, what, seen, figure, unit, goal } = self;
        let wanted = match goal {
            Goal::AtLeast(least) => format!("≥ {} {unit}", Plain(*least)),
            Goal::AtMost(most) => format!("≤ {} {unit}", Plain(*most)),
            Goal::None => String::new(),
        };
        format!("| {key} | {what} | {seen} | {figure} {unit} | {wanted} | {} | {with} |", goal.verdict(figure.median))
    }
}

/// A goal as it was set: `1.0`, and not `1.00` or `256.00`.
struct Plain(f64);

impl fmt::Display for Plain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(figure) = *self;
        if figure >= 3.0 { write!(out, "{figure}") } else { write!(out, "{figure:.2}") }
    }
}

/// Prints the rows, and puts them where others of their numbers were. `bench` is the measurement's name.
pub fn note(bench: &str, rows: &[Row]) {
    let with = format!("{}`{}`", date(), command(bench));
    let lines: Vec<(String, String)> = rows.iter().map(|row| (row.key.to_owned(), row.line(&with))).collect();
    lines.iter().for_each(|(_, line)| println!("{line}"));
    let file = file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, with_rows(&text, &machine(), lines)).unwrap();
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md")
}

/// The text with these rows in it, by key and line.
fn with_rows(text: &str, machine: &str, lines: Vec<(String, String)>) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("docs/benchmarks.md has a mark where what is measured begins");
    let (measured, after) = rest.split_once(END).expect("docs/benchmarks.md has a mark where what is measured ends");
    let mut kept: Vec<(String, String)> = Vec::new();
    if measured.contains(machine) {
        let rows = measured.lines().filter(|line| line.starts_with("| ")).skip(1);
        kept.extend(rows.map(|line| (line[2..].split(' ').next().unwrap_or_default().to_owned(), line.to_owned())));
    }
    kept.retain(|(key, _)| lines.iter().all(|(new, _)| new != key));
    kept.extend(lines);
    kept.sort_by_key(|(key, _)| (number(key), key.clone()));
    let mut measured = format!("{BEGIN}\n\n{machine}\n\n{HEAD}\n");
    for (_, line) in kept {
        writeln!(measured, "{line}").expect("a string takes every letter");
    }
    format!("{before}{measured}\n{END}{after}")
}

fn number(key: &str) -> u32 {
    key.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap_or(u32::MAX)
}

/// How to do it again: the knobs that were turned, and the command.
fn command(bench: &str) -> String {
    let mut knobs: Vec<(String, String)> = std::env::vars().filter(|(name, _)| name.starts_with("BENCH_")).collect();
    knobs.retain(|(name, _)| name != "BENCH_ROWS");
    knobs.sort();
    let knobs: String = knobs.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    format!("{knobs}cargo bench --bench {bench}")
}

fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs();
    let now = time::OffsetDateTime::from_unix_timestamp(since.cast_signed()).expect("it is earlier than 9999");
    format!("{}, ", now.date())
}

/// What it ran on and with.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = processors.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default();
    format!(
        "Machine: {}, {count} cores, {:.0} GB of memory, Linux {}; {}, {}, {}.",
        model.map_or("processor unknown", |(_, model)| model),
        kib * 1024.0 / 1e9,
        read("/proc/sys/kernel/osrelease").trim(),
        version("rustc", "--version", 2),
        version("nginx", "-v", 3),
        version("ffmpeg", "-version", 3),
    )
}

/// The first words of what a program says of itself.
fn version(program: &str, ask: &str, words: usize) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let Ok(said) = Command::new(program).arg(ask).env("PATH", format!("{path}:/usr/sbin")).output() else {
        return format!("no {program}");
    };
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    said.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}
