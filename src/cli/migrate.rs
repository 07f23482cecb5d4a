//! `telecine migrate`: brings films that lie on this machine to the channels of the bots, through the
//! API of the server on this machine.
//!
//! The moves are jobs of the server: this command puts them in line and watches. Whatever ends it,
//! every pack lies where it was or where it goes, and every film plays.

use super::server::{Api, ServerError, Workplace};
use super::terminal::printable;
use crate::config::Config;
use crate::telemetry::redact::Redactor;
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Time between two questions.
const POLL: Duration = Duration::from_millis(500);
/// Puts moves in line, and says what is left.
const MIGRATION: &str = "/api/system/migrate";

/// Move the films that lie on this machine to the channels of the bots
#[derive(Debug, Args)]
#[command(after_help = "\
For a library from before there were bots. Each film is copied to the channels, read back and
compared, and only then removed here; it plays all the while. New films go to the bots anyway.
The bots' own pace is kept: Telegram takes about 20 messages a minute and channel.

  telecine migrate                 with a progress bar, until nothing is left
  telecine migrate --patience 0    for scripts: give up as soon as nothing moves

It can be interrupted at any time and run again. The server that runs on DATA_DIR does the work, and
goes on with it when this command ends; without one, this command does it itself.

Exit code 0: nothing is left on this machine; 1: something could not be moved now, and why; 2: no bot
is configured.")]
pub struct Migrate {
    /// Seconds to go on although nothing can be moved, as while Telegram asks for a pause
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
}

/// What is left.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
struct Left {
    videos: u64,
    blobs: u64,
    bytes: u64,
}

/// How many films were put in line.
#[derive(Debug, Deserialize)]
struct Queued {
    videos: u64,
}

/// How the server is, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Status {
    jobs: Vec<Job>,
}

/// A job of the server.
#[derive(Debug, Deserialize)]
struct Job {
    kind: String,
    state: String,
    title: String,
    error: Option<String>,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nothing is left.
    Moved,
    /// So much could not be moved, for these reasons.
    Stuck(Left, BTreeSet<String>),
    /// A person pressed Ctrl-C.
    Interrupted(Left),
}

impl Migrate {
    /// Moves what can be moved, and says on standard output how it ended.
    ///
    /// # Errors
    /// The server cannot be started or asked.
    pub async fn run(&self, config: &Config, redactor: &Redactor) -> anyhow::Result<ExitCode> {
        if config.telegram.bots.is_empty() {
            eprintln!(
                "telecine: no bot is configured, so there is nowhere to move films to. Set TELEGRAM_BOT_TOKEN_1 and \
                 TELEGRAM_CHANNEL_ID_1 in the environment or in .env, see that `telecine test-bots` is content, and try again."
            );
            return Ok(ExitCode::from(2));
        }
        let workplace = Workplace::enter(config, redactor).await?;
        let is_ours = matches!(workplace, Workplace::Own(_));
        let ended = self.follow(&Api::new(&workplace.server())?).await;
        workplace.leave().await?;
        let ended = ended?;
        println!("{}", told(&ended, is_ours));
        Ok(if ended == End::Moved { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Puts the moves in line and watches until nothing is left or nothing moves any more.
    async fn follow(&self, api: &Api) -> Result<End, ServerError> {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| ServerError::Client(error.to_string()))?;
        queue(api).await?;
        let begun = left(api).await?;
        let bar = Bar::new(begun.bytes);
        let mut best = begun;
        let mut moved_at = Instant::now();
        loop {
            // Asked before what is left, so that a move that ends in between is seen as progress.
            let moves = moves(api).await?;
            let now = left(api).await?;
            bar.show(now);
            if now.blobs == 0 {
                return Ok(End::Moved);
            }
            if now.bytes < best.bytes || now.blobs < best.blobs {
                (best, moved_at) = (now, Instant::now());
            }
            // A film became ready, or something else worked on it before.
            let is_fed = moves.is_empty() && queue(api).await?.videos > 0;
            let is_stuck = !is_fed && moves.iter().all(|job| job.state == "waiting" || job.state == "paused");
            if is_stuck && moved_at.elapsed() >= Duration::from_secs(self.patience) {
                return Ok(End::Stuck(now, reasons(moves)));
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = interrupts.recv() => return Ok(End::Interrupted(now)),
            }
        }
    }
}

async fn queue(api: &Api) -> Result<Queued, ServerError> {
    api.order(MIGRATION).await
}

async fn left(api: &Api) -> Result<Left, ServerError> {
    api.ask_patiently(MIGRATION).await
}

/// The moves that are not over.
async fn moves(api: &Api) -> Result<Vec<Job>, ServerError> {
    let mut jobs = api.ask_patiently::<Status>("/api/system/status").await?.jobs;
    jobs.retain(|job| job.kind == "move");
    Ok(jobs)
}

fn reasons(moves: Vec<Job>) -> BTreeSet<String> {
    let why = |job: Job| {
        let error = job.error.unwrap_or_else(|| "It waits.".to_owned());
        format!("{}: {}", printable(&job.title), printable(&error))
    };
    if moves.is_empty() {
        return BTreeSet::from(
            ["They belong to films that are not ready, or that something else works on.".to_owned()],
        );
    }
    moves.into_iter().map(why).collect()
}

fn told(end: &End, is_ours: bool) -> String {
    let (left, why) = match end {
        End::Moved => {
            return "Nothing is left on this machine: every film lies in the channels of the bots.".to_owned();
        }
        End::Stuck(left, reasons) => {
            let reasons: Vec<String> = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
            (left, format!("could not be moved now:{}\n", reasons.concat()))
        }
        End::Interrupted(left) => (left, "are not moved yet. ".to_owned()),
    };
    let next = if is_ours {
        "They stay where they are and play; a server goes on with them when it runs, and so does `telecine migrate`."
    } else {
        "They stay where they are and play; the running server goes on with them, and `telecine migrate` shows how far it is."
    };
    format!("{} packs ({}) {why}{next}", left.blobs, HumanBytes(left.bytes))
}

/// Progress on standard error: a bar at a terminal, else a line for each tenth.
struct Bar {
    bar: ProgressBar,
    whole: u64,
    tenth: std::cell::Cell<Option<u64>>,
}

impl Bar {
    fn new(whole: u64) -> Self {
        let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style =
            ProgressStyle::with_template("{bar:32} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {msg}");
        let bar = ProgressBar::with_draw_target(Some(whole), target).with_style(style.expect("the template is valid"));
        Self { bar, whole, tenth: std::cell::Cell::new(None) }
    }

    fn show(&self, left: Left) {
        // A film that becomes ready meanwhile adds to what is left.
        let moved = self.whole.saturating_sub(left.bytes);
        self.bar.set_position(moved);
        self.bar.set_message(format!("{} films in line", left.videos));
        let tenth = (moved * 10).checked_div(self.whole).unwrap_or(10) * 10;
        if self.bar.is_hidden() && self.tenth.replace(Some(tenth)) != Some(tenth) {
            eprintln!("{tenth} % moved, {} left", HumanBytes(left.bytes));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_is_left_why_and_who_goes_on() {
        let left = Left { videos: 1, blobs: 3, bytes: 3 * 1024 * 1024 };
        let job = Job {
            kind: "move".into(),
            state: "waiting".into(),
            title: "Elm\u{7}".into(),
            error: Some("The store does not answer.".into()),
        };
        let stuck = told(&End::Stuck(left, reasons(vec![job])), false);
        assert!(
            stuck.starts_with("3 packs (3.00 MiB) could not be moved now:\n  Elm\u{fffd}: The store does not answer."),
            "{stuck}"
        );
        assert!(stuck.contains("the running server goes on"), "{stuck}");
        assert!(told(&End::Interrupted(left), true).contains("when it runs"));
        assert!(reasons(Vec::new()).first().unwrap().contains("not ready"));
        assert!(told(&End::Moved, true).starts_with("Nothing is left"));
    }
}
