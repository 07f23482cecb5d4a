//! What a person can type: one type per command, with help that teaches.

mod check_hls;
pub mod config;
pub mod import;
mod migrate;
mod server;
mod terminal;
mod test_bots;

use crate::app;
use crate::config::Config;
use crate::telemetry::redact::Redactor;
use clap::{Args, Parser, Subcommand};
use server::Workplace;
use std::ffi::OsString;
use std::process::ExitCode;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "telecine", version, about, long_about = ABOUT, after_help = AFTER, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const ABOUT: &str = "\
A self-hosted video server. Drop a film on its page; it is turned into HLS, kept in packs on \
several channels, and plays in every browser and player while it still encodes.";

const AFTER: &str = "\
Settings come from environment variables and a file .env in the working directory; .env.example
explains each, and `telecine config` shows what is in effect. Nothing has to be set.

  telecine serve                          the server, on http://127.0.0.1:5050
  telecine import ~/Films                 a whole collection, read where it lies
  telecine test-bots                      whether the bots are fit to hold films
  telecine migrate                        films of this machine to the bots' channels
  telecine check-hls URL                  any HLS against the rules, as players see it
  telecine config                         what is in effect, and where it came from
  LOCAL_PORT=8080 telecine config --json  the same for programs, with another port";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Show the configuration in effect, where each value came from, and what ffmpeg can do here
    Config(config::ShowConfig),
    /// Take in films and whole folders that lie on this machine
    Import(import::Import),
    /// Let every configured bot send, read back and delete something, and say what to do where it fails
    TestBots(test_bots::TestBots),
    /// Move the films that lie on this machine to the channels of the bots
    Migrate(migrate::Migrate),
    /// Read any HLS playlist with all that it names, and print every rule that it breaks
    CheckHls(check_hls::CheckHls),
    /// Limit this process and become another program
    #[command(hide = true)]
    Cage(Cage),
}

/// Run the server until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = "\
Then open http://127.0.0.1:5050, or upload from a shell:
  curl -F file=@film.mp4 localhost:5050/api/upload

Everything is kept under DATA_DIR. One server per folder: a second one refuses to start.
A stop lets running answers finish; jobs go on where they were when the server starts again.
The API describes itself at /api/openapi.json.")]
pub struct Serve {}

/// The hidden command a child process begins with: it limits itself and becomes the program asked for.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Cage {
    /// Limits, `--`, the program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What a person can act on; the program then ends with code 1.
    pub async fn run(self, config: &Config, unknown: &[&str], redactor: &Redactor) -> anyhow::Result<ExitCode> {
        for bot in &config.telegram.bots {
            redactor.keep_secret(bot.token.reveal());
        }
        match self {
            Self::Serve(Serve {}) => serve(config, redactor).await,
            Self::Config(command) => command.run(config, unknown).await,
            Self::Import(command) => import_films(&command, config, redactor).await,
            Self::TestBots(command) => command.run(config).await,
            Self::Migrate(command) => command.run(config, redactor).await,
            Self::CheckHls(command) => command.run().await,
            Self::Cage(cage) => Ok(crate::ffmpeg::cage::enter(cage.words.into_iter())),
        }
    }
}

async fn serve(config: &Config, redactor: &Redactor) -> anyhow::Result<ExitCode> {
    let running = app::start(config, None, redactor).await?;
    let address = running.address;
    tracing::info!(%address, "Telecine is ready: open http://{address}");
    running.until_signal().await?;
    Ok(ExitCode::SUCCESS)
}

/// Through the server that runs on this data folder, or through one of our own for as long as it takes.
async fn import_films(command: &import::Import, config: &Config, redactor: &Redactor) -> anyhow::Result<ExitCode> {
    let workplace = Workplace::enter(config, redactor).await?;
    let verdict = command.run(&workplace.server()).await;
    workplace.leave().await?;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[derive(Debug, Parser)]
    struct Caged {
        #[command(flatten)]
        cage: Cage,
    }

    #[test]
    fn the_command_line_is_sound_and_explains_itself() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("self-hosted") && help.contains(".env.example"), "{help}");
    }

    #[test]
    fn a_cage_passes_every_word_on_as_it_is() {
        let words = ["cage", "--parent", "7", "--cpu-seconds", "60", "--", "ffmpeg", "-i", "file:x", "--help"];
        let caged = Caged::try_parse_from(words).unwrap();
        assert_eq!(caged.cage.words, words[1..]);
    }
}
