//! `telecine test-bots`: whether each configured bot is fit to hold films, and what to do where it is not.

use super::terminal::printable;
use crate::app;
use crate::config::Config;
use crate::system::BotTests;
use crate::telegram::{BotTest, Step, Transfer};
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The code when there is nothing to test, which is neither well nor broken.
const NO_BOTS: u8 = 2;

/// Let every configured bot send, read back and delete something, and say what to do where it fails
#[derive(Debug, Args)]
#[command(after_help = "\
Each bot is asked who it is, which channel it has and what it may do there. Then it sends 64 KiB to
its channel, reads them back, compares them and deletes them. All bots are tested side by side.
The speeds are those of so few bytes, which is mostly latency.

Bots are set with TELEGRAM_BOT_TOKEN_1 and TELEGRAM_CHANNEL_ID_1 up to …_8. A bot must be an
administrator of its channel, with the rights to post and to delete messages.
A server may run meanwhile. No token is ever printed.

  telecine test-bots            a table, and below it what to do
  telecine test-bots --json     the same for programs

Exit code 0: every bot is fit for everything; 1: at least one is not; 2: no bot is configured.")]
pub struct TestBots {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl TestBots {
    /// Tests the bots and prints what was found on standard output.
    ///
    /// # Errors
    /// No connection can ever be made, or standard output cannot be written.
    pub async fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        if config.telegram.bots.is_empty() {
            eprintln!(
                "telecine: no bot is configured, so films are kept in DATA_DIR on this machine. \
                 Set TELEGRAM_BOT_TOKEN_1 and TELEGRAM_CHANNEL_ID_1 to keep them in Telegram."
            );
            return Ok(ExitCode::from(NO_BOTS));
        }
        let tests = BotTests::of(&app::bots(config).await?).await;
        let text = if self.json { serde_json::to_string_pretty(&tests)? + "\n" } else { render(&tests) };
        io::stdout().write_all(text.as_bytes())?;
        Ok(if tests.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

const HEADINGS: [&str; 9] = ["bot", "name", "post", "delete", "round trip", "latency", "up", "down", "channel"];
/// Columns of numbers, whose ends stand below each other.
const NUMBERS: [bool; 9] = [true, false, false, false, false, true, true, true, false];

/// The table, what is wrong, and a sum as the last line.
fn render(tests: &BotTests) -> String {
    let rows: Vec<[String; 9]> = tests.bots.iter().map(row).collect();
    let widths: [usize; 9] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADINGS[column].chars().count()]).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in [HEADINGS.map(str::to_owned)].iter().chain(&rows) {
        let cells = row.iter().zip(widths).zip(NUMBERS).map(|((cell, width), is_number)| {
            if is_number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        let line: Vec<String> = cells.collect();
        writeln!(text, "{}", line.join("  ").trim_end()).expect("writing to a string");
    }
    for test in tests.bots.iter().filter(|test| !test.is_ok()) {
        writeln!(text, "\nBot {}, {}:", test.slot, name(test)).expect("writing to a string");
        for failure in &test.failures {
            writeln!(text, "  {}: {}", word(failure.step), printable(&failure.wrong)).expect("writing to a string");
            writeln!(text, "    {}", printable(&failure.advice)).expect("writing to a string");
        }
    }
    let (all, well) = (tests.bots.len(), tests.bots.iter().filter(|test| test.is_ok()).count());
    let bots = if all == 1 { "bot" } else { "bots" };
    writeln!(text, "\n{all} {bots}: {well} well, {} to repair", all - well).expect("writing to a string");
    text
}

fn row(test: &BotTest) -> [String; 9] {
    let may = |right: Option<bool>| match right {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let channel = match &test.title {
        Some(title) => format!("{} ({})", printable(title), test.channel),
        None => test.channel.to_string(),
    };
    [
        test.slot.to_string(),
        name(test),
        may(test.can_post).to_owned(),
        may(test.can_delete).to_owned(),
        round_trip(test).to_owned(),
        test.latency_ms.map_or_else(unknown, |latency| format!("{latency} ms")),
        test.up.map_or_else(unknown, speed),
        test.down.map_or_else(unknown, speed),
        channel,
    ]
}

fn unknown() -> String {
    "–".to_owned()
}

fn name(test: &BotTest) -> String {
    test.username.as_ref().map_or_else(|| test.bot.to_string(), |name| format!("@{}", printable(name)))
}

fn round_trip(test: &BotTest) -> &'static str {
    let is_of_trip = |step: Step| matches!(step, Step::Send | Step::ReadBack | Step::Delete);
    match () {
        () if test.failures.iter().any(|failure| is_of_trip(failure.step)) => "failed",
        () if test.down.is_some() => "ok",
        () => "not tried",
    }
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Token => "token",
        Step::Channel => "channel",
        Step::Rights => "rights",
        Step::Send => "send",
        Step::ReadBack => "read back",
        Step::Delete => "delete",
    }
}

fn speed(transfer: Transfer) -> String {
    format!("{:.1} MB/s", transfer.megabytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::{BotId, ChatId, StepFailure};

    fn fine(slot: u8) -> BotTest {
        let transfer = Transfer { bytes: 65_536, elapsed_ms: 20, megabytes_per_second: 3.28 };
        BotTest {
            slot,
            bot: BotId(7_000_000_000 + i64::from(slot)),
            username: Some("elm_bot".into()),
            channel: ChatId(-1_001_234_567_890),
            title: Some("Elm".into()),
            can_post: Some(true),
            can_delete: Some(true),
            latency_ms: Some(12),
            up: Some(transfer),
            down: Some(transfer),
            failures: Vec::new(),
        }
    }

    #[test]
    fn the_table_aligns_and_says_what_to_do_below_it() {
        let wrong = StepFailure {
            step: Step::Rights,
            wrong: "the bot may not delete".into(),
            advice: "Add @oak_bot as administrator.".into(),
        };
        let (up, down) = (None, None);
        let bare = BotTest {
            username: Some("oak_bot\u{1b}[2J".into()),
            can_delete: Some(false),
            up,
            down,
            failures: vec![wrong],
            ..fine(2)
        };
        let table = render(&BotTests { ok: false, bots: vec![fine(1), bare] });
        let expected = "\
bot  name          post  delete  round trip  latency        up      down  channel
  1  @elm_bot      yes   yes     ok            12 ms  3.3 MB/s  3.3 MB/s  Elm (-1001234567890)
  2  @oak_bot\u{fffd}[2J  yes   no      not tried     12 ms         –         –  Elm (-1001234567890)

Bot 2, @oak_bot\u{fffd}[2J:
  rights: the bot may not delete
    Add @oak_bot as administrator.

2 bots: 1 well, 1 to repair
";
        assert_eq!(table, expected);
    }
}
