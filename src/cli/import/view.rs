//! The way of each file on standard error: a bar at a terminal, else a line now and then.

use super::api::Status;
use super::table::shown;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::path::Path;

/// Steps of a bar.
const STEPS: u64 = 1000;

/// Where progress is shown.
pub(super) struct View {
    bars: Option<MultiProgress>,
}

/// What is shown of one file; gone when dropped.
pub(super) struct Line {
    name: String,
    bar: Option<ProgressBar>,
    last: String,
}

impl View {
    /// Bars if standard error is a terminal, else lines.
    pub(super) fn of_terminal() -> Self {
        Self { bars: stderr().is_terminal().then(MultiProgress::new) }
    }

    pub(super) fn line(&self, file: &Path) -> Line {
        let name = file.file_name().map_or_else(|| shown(file), |name| shown(Path::new(name)));
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {prefix}  {msg}");
            let bar = bars.add(ProgressBar::new(STEPS)).with_prefix(name.clone());
            bar.with_style(style.expect("the template is valid"))
        });
        Line { name, bar, last: String::new() }
    }
}

impl Line {
    pub(super) fn show(&mut self, status: &Status) {
        let stage = status.stage.as_deref().unwrap_or(&status.state);
        let fraction = status.fraction.unwrap_or(0.0).clamp(0.0, 1.0);
        if let Some(bar) = &self.bar {
            bar.set_position((fraction * STEPS as f64) as u64);
            bar.set_message(match status.eta_seconds {
                Some(seconds) => format!("{stage}, {} left", clock(seconds)),
                None => stage.replace('_', " "),
            });
            return;
        }
        // A log wants the milestones only: a new stage, and each tenth of the way; that others have their turn is none.
        if stage == "in_line" {
            return;
        }
        let tenth = (fraction * 10.0) as u64 * 10;
        let now = format!("{}: {stage} {tenth} %", self.name);
        if now != self.last {
            eprintln!("{now}");
            self.last = now;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Seconds as `m:ss`, or `h:mm:ss` from an hour on.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_hours_only_when_needed() {
        assert_eq!(clock(0.4), "0:00");
        assert_eq!(clock(75.0), "1:15");
        assert_eq!(clock(3661.0), "1:01:01");
        assert_eq!(clock(-1.0), "0:00");
    }
}
