//! What the program says about itself: log lines on standard error, and counters for `/metrics`.
//!
//! Every line passes the [`Redactor`] after it was formatted, whatever it was made from: a token in
//! a URL, in an error of a library or in a panic becomes stars. That is a safety net; code still
//! never logs tokens, grants, file names of users or whole URLs.

pub mod metrics;
pub mod redact;

use redact::Redactor;
use std::io;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Starts logging to standard error for the whole process, panics included, and hands back what
/// keeps secrets out of it. To be called once, first of all.
///
/// # Errors
/// The filter is not valid, or logging was started before.
pub fn start(filter: &str, format: LogFormat) -> Result<Redactor, StartError> {
    let redactor = Redactor::default();
    let colours = io::IsTerminal::is_terminal(&io::stderr());
    match format {
        LogFormat::Text => text(filter, colours, redactor.writer(io::stderr))?.try_init(),
        LogFormat::Json => json(filter, redactor.writer(io::stderr))?.try_init(),
    }
    .map_err(|_| StartError::Twice)?;
    log_panics();
    Ok(redactor)
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter is not valid.
    #[error("reading the log filter: {0}")]
    Filter(String),
    /// There is a logger already.
    #[error("logging was started twice")]
    Twice,
}

/// Whether `filter` is a level or a list of levels per module.
///
/// # Errors
/// Says which part is wrong. A lone word that is no level is refused, too: `EnvFilter` takes it for
/// the name of a module and then silences all the others.
pub fn check_filter(filter: &str) -> Result<(), String> {
    for part in filter.split(',').map(str::trim) {
        if !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err() {
            return Err(format!("\"{part}\" is not a log level"));
        }
    }
    EnvFilter::try_new(filter).map(drop).map_err(|error| error.to_string())
}

fn text<W>(filter: &str, colours: bool, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>, StartError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_ansi(colours).with_span_events(FmtSpan::NONE);
    Ok(lines.with_env_filter(parse(filter)?).with_writer(writer).finish())
}

fn json<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>, StartError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false);
    Ok(lines.with_env_filter(parse(filter)?).with_writer(writer).finish())
}

fn parse(filter: &str) -> Result<EnvFilter, StartError> {
    check_filter(filter).map_err(StartError::Filter)?;
    EnvFilter::try_new(filter).map_err(|error| StartError::Filter(error.to_string()))
}

/// The usual report of a panic goes straight to standard error, past the redaction.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let error = panic.payload_as_str().unwrap_or("a value that is not text");
        tracing::error!(place, error, "the program panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::redact::tests::Collected;
    use super::*;

    const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";
    const GRANT: &str = "grant \"with\" \\ odd letters";

    /// Logs secrets as a message, as a field, inside an error and as a span's field.
    fn spill(subscriber: impl Subscriber + Send + Sync) {
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", url = format!("https://api.telegram.org/bot{TOKEN}/getMe"));
            let _inside = span.enter();
            let error = io::Error::other(format!("GET /file/bot{TOKEN}/a.mp4: refused"));
            tracing::error!(%error, header = "Authorization: Bearer abc.DEF-123", grant = GRANT, "lost {TOKEN}");
            tracing::info!(grant = ?GRANT, "still {GRANT} here");
        });
    }

    #[test]
    fn planted_secrets_never_reach_a_log_line() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let (redactor, out) = (Redactor::default(), Collected::default());
            redactor.keep_secret(GRANT);
            let sink = out.clone();
            let writer = redactor.writer(move || sink.clone());
            match format {
                LogFormat::Text => spill(text("info", true, writer).unwrap()),
                LogFormat::Json => spill(json("info", writer).unwrap()),
            }
            let lines = out.text();
            assert_eq!(lines.lines().count(), 2, "{lines}");
            for secret in [TOKEN, "AAEXAMPLE", "abc.DEF", "odd letters"] {
                assert!(!lines.contains(secret), "{format:?} shows {secret}: {lines}");
            }
            assert!(lines.contains("api.telegram.org/bot***/getMe") && lines.contains("still *** here"), "{lines}");
        }
    }

    #[test]
    fn a_json_line_is_still_json_after_redaction() {
        let (redactor, out) = (Redactor::default(), Collected::default());
        redactor.keep_secret(GRANT);
        let sink = out.clone();
        spill(json("info", redactor.writer(move || sink.clone())).unwrap());
        for line in out.text().lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_module() {
        assert!(check_filter("chatty").is_err());
        assert!(check_filter("warn,telecine::cache=debug").is_ok());
    }
}
