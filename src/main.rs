//! The `telecine` program: parse the command line, load the configuration, do what was asked.

use clap::Parser;
use std::path::Path;
use std::process::ExitCode;
use telecine::cli::Cli;
use telecine::config::{Config, Source};
use telecine::telemetry;

fn main() -> ExitCode {
    // A child that is about to cage itself reads no configuration and writes no log.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|command| command == "cage") {
        return telecine::ffmpeg::cage::enter(words);
    }
    // The command line first: --help and --version work with any configuration.
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("telecine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let source = Source::of_process(Path::new(".env"))?;
    let config = Config::load(&source)?;
    telemetry::start(&config.log.filter, config.log.format)?;
    cli.command.run(&config, &source.unknown_names())
}
