//! The simulator as a program: a Telegram to try Telecine with, without an account.

use clap::{Args, Parser, Subcommand};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use telegram_sim::{Membership, Ranges, Settings, Simulator, StartError, Throttle, World, environment};

const LONG: &str = "A simulated Telegram on 127.0.0.1, for development only: bots, channels and documents that stay \
                    in a folder, behind the HTTP Bot API.\n\nTo look into it and to break things, use \
                    http://127.0.0.1:<port>/sim/: GET state; POST fault, clear, lose, revoke, ban, drop, advance. \
                    For example, bot 1 may not send for a minute:\n\n  curl -H 'content-type: application/json' \
                    http://127.0.0.1:8081/sim/fault \\\n    -d '{\"bot\": 1, \"operation\": \"send\", \"trouble\": \
                    {\"flood\": {\"seconds\": 60}}, \"times\": 1}'\n\ntests/telegram-sim/README.md lists the faults.";

#[derive(Parser)]
#[command(name = "telegram-sim", about = "A simulated Telegram on 127.0.0.1", long_about = LONG)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until killed; a kill loses nothing.
    Serve(Serve),
    /// Print the environment of a server that uses the simulator in a folder.
    Env {
        /// Where the simulator keeps its world.
        #[arg(long)]
        folder: PathBuf,
        /// The port it serves on.
        #[arg(long, default_value_t = 8081)]
        port: u16,
    },
}

#[derive(Args)]
struct Serve {
    /// Where the world is kept; tokens, channels and documents stay the same over restarts.
    #[arg(long)]
    folder: PathBuf,
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// How many bots there are, each with a channel of its own.
    #[arg(long, default_value_t = 8)]
    bots: usize,
    /// Let every bot into every channel.
    #[arg(long)]
    everywhere: bool,
    /// Answer every download with the whole file.
    #[arg(long)]
    no_range: bool,
    /// Milliseconds before each answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Bytes per second of each upload and download.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    bandwidth: Option<u64>,
    /// Messages a bot may post to one channel in a minute.
    #[arg(long)]
    messages_per_minute: Option<usize>,
    /// Write the environment of a server to this file once the simulator answers.
    #[arg(long)]
    env_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("writing {}: {error}", path.display())]
    EnvFile { path: PathBuf, error: io::Error },
    #[error("{} is not a file of the simulator: remove it, or name another", .0.display())]
    NotOurs(PathBuf),
    #[error("serving: {0}")]
    Serving(io::Error),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(serve) => self::serve(serve),
        Command::Env { folder, port } => env(&folder, port),
    };
    if let Err(failure) = done {
        eprintln!("telegram-sim: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn serve(serve: Serve) -> Result<(), Failure> {
    let settings = Settings {
        folder: Some(serve.folder),
        port: serve.port,
        bots: serve.bots,
        membership: if serve.everywhere { Membership::EveryChannel } else { Membership::OwnChannel },
        throttle: Throttle { chat_per_minute: serve.messages_per_minute, ..Throttle::default() },
        ranges: if serve.no_range { Ranges::Ignored } else { Ranges::Honoured },
        latency: Duration::from_millis(serve.latency_ms),
        bytes_per_second: serve.bandwidth,
        ..Settings::default()
    };
    let simulator = Simulator::start(settings)?;
    let url = simulator.url();
    if let Some(path) = serve.env_file {
        write_environment(&path, &environment(&url, &simulator.world().bots()))?;
    }
    say(&format!("telegram-sim serves {url}\n"))?;
    simulator.wait().map_err(Failure::Serving)
}

fn env(folder: &Path, port: u16) -> Result<(), Failure> {
    let bots = World::bots_in(folder)?;
    say(&environment(&format!("http://127.0.0.1:{port}"), &bots))
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Serving)
}

const OURS: &str = "# Written by telegram-sim; it writes this file again when it starts.\n";

/// Never writes over a file of somebody else: an `.env` may hold real tokens.
fn write_environment(path: &Path, lines: &str) -> Result<(), Failure> {
    match fs::read_to_string(path) {
        Ok(before) if !before.starts_with(OURS) => return Err(Failure::NotOurs(path.to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::EnvFile { path: path.to_owned(), error });
        }
        _ => {}
    }
    // Whoever waits for the file finds it whole.
    let part = path.with_added_extension("part");
    let written = fs::write(&part, format!("{OURS}{lines}")).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| Failure::EnvFile { path: path.to_owned(), error })
}
