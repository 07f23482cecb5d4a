//! What a person can type: one type per command, with help that teaches.

pub mod config;
pub mod import;

use crate::config::Config;
use clap::{Args, Parser, Subcommand};
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

  telecine config                         what is in effect, and where it came from
  LOCAL_PORT=8080 telecine config --json  the same for programs, with another port";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the configuration in effect, and where each value came from
    Config(config::ShowConfig),
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
    pub fn run(self, config: &Config, unknown: &[&str]) -> anyhow::Result<ExitCode> {
        match self {
            Self::Config(command) => command.run(config, unknown),
        }
    }
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
