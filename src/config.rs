//! The configuration: environment variables and a `.env` file, read once at the start.
//!
//! A real environment variable wins over the file, an empty one counts as not set, and every
//! fault is reported at once, so that nobody starts the program five times to find five typos.
//! One struct per area, as plain values; the parts of the program get their settings from these.

mod parse;
mod source;
mod telegram;
#[cfg(test)]
mod tests;

use crate::media::ladder::Ladder;
use crate::telemetry::LogFormat;
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use source::{Origin, Source, UnreadableEnvFile};
pub use telegram::Telegram;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how the web server listens.
    pub server: Server,
    /// Where bytes are kept and for how long.
    pub storage: Storage,
    /// The bots that are the disk.
    pub telegram: Telegram,
    /// How an uploaded file becomes a video.
    pub ingest: Ingest,
    /// What is kept close at hand.
    pub cache: Cache,
    /// What is written to standard error.
    pub log: Log,
    lines: Vec<Line>,
}

/// Where and how the web server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Address to listen on; always a loopback address.
    pub host: IpAddr,
    /// Port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// Whether plain HTTP requests are redirected to HTTPS.
    pub force_https: bool,
    /// Whether forwarding headers of a peer on this machine are believed.
    pub behind_proxy: bool,
    /// Other web sites that may play, read and write, each like `https://example.org`.
    pub cors: Vec<String>,
    /// Most open connections; none leaves it to what the machine carries.
    pub max_connections: Option<u32>,
    /// Most requests of each kind under way of one address behind a proxy, 6 to 100,000.
    pub requests_per_client: u32,
}

/// Where bytes are kept and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Folder of everything the server keeps. May be relative to the working directory.
    pub data_dir: PathBuf,
    /// Budget in bytes for what is on the local disk and not stored yet.
    pub spool_max_bytes: u64,
    /// Largest stored object in bytes: the longest a pack grows.
    pub pack_max_bytes: u64,
    /// Verified copies kept of each pack, 1 to 8.
    pub replicas: u8,
    /// How long a deleted video can be restored.
    pub trash_keep: Duration,
}

/// How an uploaded file becomes a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// Largest accepted upload in bytes.
    pub upload_max_bytes: u64,
    /// How long an unfinished upload waits for its sender, at least a second.
    pub upload_expires: Duration,
    /// Whether H.264, HEVC and AAC are kept bit for bit.
    pub copy_mode: bool,
    /// Size in bytes from which a file is copied and not encoded.
    pub copy_min_bytes: u64,
    /// Whether the uploaded file itself is stored, too.
    pub keep_original: bool,
    /// Wanted length of a segment, 2 to 10 seconds.
    pub segment_duration: Duration,
    /// Sizes and rates in which a picture is offered.
    pub ladder: Ladder,
    /// Whether smaller sizes than the largest are made.
    pub adaptive: bool,
    /// Whether an encoder in hardware is tried.
    pub hardware_acceleration: bool,
    /// Encoder to try first: `vaapi`, `nvenc`, `qsv` or `software`.
    pub preferred_encoder: Option<String>,
    /// The device of VA-API and Quick Sync encoders.
    pub vaapi_device: PathBuf,
    /// Encodes of pictures at the same time, and as many of sounds, 1 to 64; without those of first seconds.
    pub parallel_encodes: u8,
    /// How long an ffmpeg may say nothing before it is taken for stuck, 1 second to a day.
    pub stall_timeout: Duration,
}

/// What is kept close at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Memory for segments, in bytes.
    pub memory_bytes: u64,
    /// Room on disk for segments that came from Telegram, in bytes; 0 keeps none there.
    pub disk_bytes: u64,
    /// The folder they are kept in; none means one in the data folder.
    pub disk_folder: Option<PathBuf>,
}

/// What is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or levels per module in `EnvFilter` syntax: `info,telecine::cache=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// One variable as it took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Name of the variable.
    pub name: &'static str,
    /// Its value, as written.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// One variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the variable.
    pub name: &'static str,
    /// Where its value came from.
    pub origin: Origin,
    /// What is wrong with the value.
    pub wrong: String,
    /// What to write instead.
    pub write: String,
}

/// Everything wrong with a configuration, at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(out, "the configuration has {count} fault{}:", if count == 1 { "" } else { "s" })?;
        for fault in &self.0 {
            write!(out, "\n  {} ({}): {}; {}", fault.name, fault.origin, fault.wrong, fault.write)?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads every variable from `source`.
    ///
    /// # Errors
    /// Lists all the variables whose values cannot be used, not only the first.
    pub fn load(source: &Source) -> Result<Self, Faults> {
        let mut reader = Reader { source, lines: Vec::new(), faults: source.faults() };
        let server = server(&mut reader);
        let (mut storage, telegram, replicas) = storage(&mut reader);
        storage.replicas = replicas.unwrap_or(if telegram.bots.len() > 1 { 2 } else { 1 });
        reader.show("REPLICAS", storage.replicas.to_string());
        let config = Self {
            server,
            storage,
            telegram,
            ingest: ingest(&mut reader),
            cache: Cache {
                memory_bytes: reader.value("CACHE_MEMORY_SIZE", parse::size),
                disk_bytes: reader.value("CACHE_DISK_SIZE", parse::size_or_zero),
                disk_folder: reader.value("CACHE_DIR", parse::folder_or_none),
            },
            log: Log {
                filter: reader.value("LOG_LEVEL", parse::log_filter),
                format: reader.value("LOG_FORMAT", parse::log_format),
            },
            lines: reader.lines,
        };
        let mut faults = reader.faults;
        faults.extend(config.contradictions());
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    /// Every variable with its value and where that came from, in the order of `.env.example`.
    pub fn report(&self) -> &[Line] {
        &self.lines
    }

    /// Faults of values that are right by themselves and wrong together.
    fn contradictions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (spool, upload) = (self.storage.spool_max_bytes, self.ingest.upload_max_bytes);
        // Uploads may fill three quarters of the spool; the rest is kept for packs in the making.
        if spool / 4 * 3 < upload {
            faults.push(Fault {
                name: "SPOOL_MAX_SIZE",
                origin: self.origin_of("SPOOL_MAX_SIZE"),
                wrong: format!(
                    "three quarters of {spool} bytes cannot hold one upload of MAX_UPLOAD_SIZE ({upload} bytes)"
                ),
                write: "raise it, or lower MAX_UPLOAD_SIZE".to_owned(),
            });
        }
        if self.server.force_https && !self.server.behind_proxy {
            faults.push(Fault {
                name: "FORCE_HTTPS",
                origin: self.origin_of("FORCE_HTTPS"),
                wrong: "this server speaks plain HTTP itself, so every request would be sent in a circle".to_owned(),
                write: "put a proxy that ends TLS in front and set BEHIND_PROXY=true, or leave FORCE_HTTPS out"
                    .to_owned(),
            });
        }
        let (replicas, largest) = (self.storage.replicas, self.storage.pack_max_bytes);
        faults.extend(self.telegram.contradictions(replicas, largest, |name| self.origin_of(name)));
        faults
    }

    fn origin_of(&self, name: &str) -> Origin {
        self.lines.iter().find(|line| line.name == name).map_or(Origin::Default, |line| line.origin)
    }
}

fn server(reader: &mut Reader<'_>) -> Server {
    Server {
        host: reader.value("LOCAL_HOST", parse::loopback),
        port: reader.value("LOCAL_PORT", parse::port),
        force_https: reader.value("FORCE_HTTPS", parse::switch),
        behind_proxy: reader.value("BEHIND_PROXY", parse::switch),
        cors: reader.value("CORS_ALLOWED_ORIGINS", parse::origins),
        max_connections: reader.value("MAX_CONNECTIONS", parse::connections),
        requests_per_client: reader.value("MAX_REQUESTS_PER_CLIENT", parse::requests),
    }
}

/// In the order of `.env.example`; the number of copies as it was written, if it was.
fn storage(reader: &mut Reader<'_>) -> (Storage, Telegram, Option<u8>) {
    let (data_dir, spool_max_bytes) =
        (reader.value("DATA_DIR", parse::folder), reader.value("SPOOL_MAX_SIZE", parse::size));
    let telegram = telegram::read(reader);
    let pack_max_bytes = reader.value("TELEGRAM_MAX_FILE_SIZE", parse::pack_size);
    let replicas = reader.value("REPLICAS", parse::replicas);
    let trash_keep = reader.value("TRASH_KEEP", parse::duration);
    (Storage { data_dir, spool_max_bytes, pack_max_bytes, replicas: 1, trash_keep }, telegram, replicas)
}

fn ingest(reader: &mut Reader<'_>) -> Ingest {
    Ingest {
        upload_max_bytes: reader.value("MAX_UPLOAD_SIZE", parse::size),
        upload_expires: reader.value("UPLOAD_EXPIRES", parse::upload_expires),
        copy_mode: reader.value("ENABLE_COPY_MODE", parse::switch),
        copy_min_bytes: reader.value("COPY_MODE_MIN_SIZE", parse::size_or_zero),
        keep_original: reader.value("KEEP_ORIGINAL", parse::switch),
        segment_duration: reader.value("HLS_SEGMENT_DURATION", parse::segment_duration),
        adaptive: reader.value("ENABLE_ABR", parse::switch),
        ladder: reader.value("LADDER", parse::ladder),
        hardware_acceleration: reader.value("ENABLE_HARDWARE_ACCELERATION", parse::switch),
        preferred_encoder: reader.value("PREFERRED_ENCODER", parse::encoder),
        vaapi_device: reader.value("VAAPI_DEVICE", parse::device),
        parallel_encodes: reader.value("MAX_PARALLEL_ENCODES", parse::parallel_encodes),
        stall_timeout: reader.value("STALL_TIMEOUT", parse::stall_timeout),
    }
}

/// Takes one variable after the other and remembers what was read and what was wrong.
struct Reader<'a> {
    source: &'a Source,
    lines: Vec<Line>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    /// The value of `name`, or its default when it is not set or cannot be used; the second is a
    /// fault, so no program ever runs on such a default.
    fn value<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, parse::Wrong>) -> T {
        let (text, origin) = self.source.value(name);
        self.lines.push(Line { name, value: text.to_owned(), origin });
        let wrong = match parse(text) {
            Ok(value) => return value,
            Err(wrong) => wrong,
        };
        self.fault(name, wrong.wrong, wrong.write);
        parse(source::default_of(name)).expect("the built-in defaults are valid")
    }

    /// As `value`, for a text that nobody may see.
    fn secret<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, parse::Wrong>) -> T {
        let value = self.value(name, parse);
        if !self.source.value(name).0.is_empty() {
            self.show(name, "********".to_owned());
        }
        value
    }

    /// What the report says of a variable instead of its text.
    fn show(&mut self, name: &str, value: String) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.name == name) {
            line.value = value;
        }
    }

    fn fault(&mut self, name: &'static str, wrong: impl Into<String>, write: impl Into<String>) {
        let (_, origin) = self.source.value(name);
        self.faults.push(Fault { name, origin, wrong: wrong.into(), write: write.into() });
    }

    fn is_faulty(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name)
    }
}
