//! `telecine import`: takes a film collection in through the API of a server on this machine,
//! which reads the files where they lie.
//!
//! A few files are on their way at a time; the server decides how many it really works on.

mod api;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod walk;

use super::server::{Api, RunningServer};
use api::{Answer, Status};
use clap::Args;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use table::{Outcome, Row};
use view::View;
use walk::Found;

/// Files handed to the server and not finished, at most. More would only wait in its queue.
const UNDER_WAY: usize = 4;
/// Time between two questions about one file.
const POLL: Duration = Duration::from_millis(500);

/// Take in films and whole folders, and print what is done with each
#[derive(Debug, Args)]
#[command(after_help = "\
Folders are walked to the bottom, hidden files are left out, and everything else is tried: what is
no film is listed as refused, with the reason. A film that is in the library already is left alone.
The files are read where they lie and never changed.

  telecine import ~/Films                a collection, with progress bars
  telecine import film.mkv --again       once more, although the library has it
  telecine import --strict clips         for scripts: exit code 1 if any file was refused

Exit code 0: every file is ready, was known or was refused with a reason; 1: something failed.
The server that runs on DATA_DIR does the work; without one, this command does it itself.")]
pub struct Import {
    /// Films, and folders of films
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Take in films that are in the library already
    #[arg(long)]
    again: bool,
    /// Exit with code 1 if a file was refused
    #[arg(long)]
    strict: bool,
}

impl Import {
    /// Takes in every file through the API of `server` and prints a table on standard output.
    ///
    /// # Errors
    /// There is no client to be had, or standard output cannot be written. What goes wrong with one
    /// file is in the table.
    pub async fn run(&self, server: &RunningServer) -> anyhow::Result<ExitCode> {
        let rows = self.take_in(server, &View::of_terminal()).await?;
        print!("{}", table::render(&rows));
        Ok(self.verdict(&rows))
    }

    /// One row for each file, in the order of the walk.
    async fn take_in(&self, server: &RunningServer, view: &View) -> anyhow::Result<Vec<Row>> {
        let api = Api::new(server)?;
        let paths = self.paths.clone();
        let found = tokio::task::spawn_blocking(move || walk::files(&paths)).await?;
        let work = found.into_iter().enumerate().map(|(place, found)| {
            let import = One { api: &api, view, again: self.again };
            async move { (place, import.found(found).await) }
        });
        let mut rows: Vec<(usize, Row)> = futures::stream::iter(work).buffer_unordered(UNDER_WAY).collect().await;
        rows.sort_by_key(|(place, _)| *place);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn verdict(&self, rows: &[Row]) -> ExitCode {
        let is_bad = |row: &Row| match row.outcome {
            Outcome::Failed => true,
            Outcome::Refused => self.strict,
            Outcome::Ready | Outcome::Known => false,
        };
        if rows.iter().any(is_bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// What the way of one file needs.
struct One<'a> {
    api: &'a Api,
    view: &'a View,
    again: bool,
}

impl One<'_> {
    async fn found(&self, found: Found) -> Row {
        let begun = Instant::now();
        let (file, (outcome, story)) = match found {
            Found::File(file) => {
                let end = self.file(&file).await;
                (file, end)
            }
            Found::Unreadable(file, reason) => (file, (Outcome::Failed, vec![reason])),
        };
        Row { file, outcome, story, elapsed: begun.elapsed() }
    }

    async fn file(&self, file: &Path) -> (Outcome, Vec<String>) {
        match self.api.import(file, self.again).await {
            Ok(Answer::Accepted(video)) => self.follow(file, &video).await,
            Ok(Answer::Known(detail)) => (Outcome::Known, vec![detail]),
            Ok(Answer::Refused(detail)) => (Outcome::Refused, vec![detail]),
            Err(error) => (Outcome::Failed, vec![error.to_string()]),
        }
    }

    /// Watches a video until it is ready or given up.
    async fn follow(&self, file: &Path, video: &str) -> (Outcome, Vec<String>) {
        let mut line = self.view.line(file);
        loop {
            let status = match self.api.status(video).await {
                Ok(status) => status,
                Err(error) => return (Outcome::Failed, vec![error.to_string()]),
            };
            line.show(&status);
            if let Some(outcome) = end_of(&status) {
                return (outcome, self.story(video, outcome, status).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What is done with a video and why, or why not. What is made when the film can be played may take hours:
    /// the plan tells it now.
    async fn story(&self, video: &str, outcome: Outcome, status: Status) -> Vec<String> {
        if outcome != Outcome::Ready {
            let unknown = || format!("the server gave no reason; ask for /api/videos/{video}");
            return vec![status.error.unwrap_or_else(unknown)];
        }
        match self.api.making(video).await {
            Ok(making) => {
                let left_out = making.left_out.iter().map(|reason| format!("left out: {reason}"));
                making.planned.iter().map(ToString::to_string).chain(left_out).collect()
            }
            Err(error) => vec![format!("ready, but {error}")],
        }
    }
}

/// How it ended, if it has. A refusal shows in the stage, as a cancelled job does.
fn end_of(status: &Status) -> Option<Outcome> {
    match (status.state.as_str(), status.stage.as_deref()) {
        ("ready", _) => Some(Outcome::Ready),
        ("failed", Some("refused")) => Some(Outcome::Refused),
        ("failed", _) => Some(Outcome::Failed),
        _ => None,
    }
}
