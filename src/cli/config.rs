//! `telecine config`: the configuration in effect.

use crate::app;
use crate::config::{Config, Line};
use crate::ffmpeg::encoder::choose;
use crate::ffmpeg::probe_encoders;
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Show the configuration in effect.
#[derive(Debug, Args)]
pub struct ShowConfig {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    settings: &'a [Line],
    unknown_in_env_file: &'a [&'a str],
    ffmpeg: String,
    encoders: Vec<EncoderLine>,
}

/// What became of trying one encoder.
#[derive(Serialize)]
struct EncoderLine {
    name: &'static str,
    works: bool,
    decodes: bool,
    chosen: bool,
    why_not: Option<String>,
}

impl ShowConfig {
    /// Prints the report on standard output. `unknown` are names in `.env` that mean nothing.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub async fn run(&self, config: &Config, unknown: &[&str]) -> anyhow::Result<ExitCode> {
        let ffmpeg = app::children(config, std::env::temp_dir())?;
        let version = ffmpeg.version().await.map_err(|error| error.to_string());
        let encoders = match version {
            Ok(_) => probe_encoders(&ffmpeg, app::preference(config)?).await,
            Err(_) => Vec::new(),
        };
        let chosen = choose(&encoders).encoder;
        let encoders = encoders.into_iter().map(|report| EncoderLine {
            name: report.encoder.name(),
            works: report.works,
            decodes: report.decodes,
            chosen: report.works && report.encoder == chosen,
            why_not: report.why_not,
        });
        let report = Report {
            settings: config.report(),
            unknown_in_env_file: unknown,
            ffmpeg: version.unwrap_or_else(|error| error),
            encoders: encoders.collect(),
        };
        let text = if self.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.table() };
        io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Report<'_> {
    fn table(&self) -> String {
        let name_width = self.settings.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let value_width = self.settings.iter().map(|line| line.value.chars().count()).max().unwrap_or(0).max(6);
        let mut table = String::new();
        for Line { name, value, origin } in self.settings {
            let value = if value.is_empty() { "(none)" } else { value };
            writeln!(table, "{name:name_width$}  {value:value_width$}  {origin}").expect("writing to a string");
        }
        writeln!(table, "\n{}", self.ffmpeg).expect("writing to a string");
        for EncoderLine { name, works, decodes, chosen, why_not } in &self.encoders {
            let word = match (works, chosen) {
                (true, true) => "works, is used",
                (true, false) => "works",
                (false, _) => "does not work",
            };
            let in_memory = if *works && !decodes && *name != "software" { ", decodes in memory" } else { "" };
            let why = why_not.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(table, "{name:name_width$}  {word}{in_memory}{why}").expect("writing to a string");
        }
        for name in self.unknown_in_env_file {
            writeln!(table, "{name} in .env means nothing to Telecine; is it misspelt?").expect("writing to a string");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn the_report_says_where_each_value_came_from() {
        let config = Config::load(&Source::default().with("LOCAL_PORT", "8080")).unwrap();
        let report = Report {
            settings: config.report(),
            unknown_in_env_file: &["LOCAL_PROT"],
            ffmpeg: "ffmpeg 5.1".into(),
            encoders: Vec::new(),
        };
        let table = report.table();
        let words = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(words("LOCAL_PORT"), ["LOCAL_PORT", "8080", "environment"]);
        assert_eq!(words("LOCAL_HOST"), ["LOCAL_HOST", "127.0.0.1", "default"]);
        assert_eq!(words("PREFERRED_ENCODER"), ["PREFERRED_ENCODER", "(none)", "default"]);
        assert!(table.contains("LOCAL_PROT in .env means nothing"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["settings"][1]["origin"], "environment");
    }
}
