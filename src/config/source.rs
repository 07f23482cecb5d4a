//! Where values come from: the environment, then `.env`, then what is built in.

use super::Fault;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Every variable the program reads with its default, in the order of `.env.example`.
const DEFAULTS: [(&str, &str); 49] = [
    ("LOCAL_HOST", "127.0.0.1"),
    ("LOCAL_PORT", "5050"),
    ("FORCE_HTTPS", "false"),
    ("BEHIND_PROXY", "false"),
    ("CORS_ALLOWED_ORIGINS", ""),
    ("MAX_CONNECTIONS", ""),
    ("MAX_REQUESTS_PER_CLIENT", "100"),
    ("DATA_DIR", "./data"),
    ("SPOOL_MAX_SIZE", "64GiB"),
    ("TELEGRAM_BOT_TOKEN_1", ""),
    ("TELEGRAM_CHANNEL_ID_1", ""),
    ("TELEGRAM_BOT_TOKEN_2", ""),
    ("TELEGRAM_CHANNEL_ID_2", ""),
    ("TELEGRAM_BOT_TOKEN_3", ""),
    ("TELEGRAM_CHANNEL_ID_3", ""),
    ("TELEGRAM_BOT_TOKEN_4", ""),
    ("TELEGRAM_CHANNEL_ID_4", ""),
    ("TELEGRAM_BOT_TOKEN_5", ""),
    ("TELEGRAM_CHANNEL_ID_5", ""),
    ("TELEGRAM_BOT_TOKEN_6", ""),
    ("TELEGRAM_CHANNEL_ID_6", ""),
    ("TELEGRAM_BOT_TOKEN_7", ""),
    ("TELEGRAM_CHANNEL_ID_7", ""),
    ("TELEGRAM_BOT_TOKEN_8", ""),
    ("TELEGRAM_CHANNEL_ID_8", ""),
    ("TELEGRAM_API_URL", "https://api.telegram.org"),
    ("TELEGRAM_MESSAGES_PER_MINUTE", "20"),
    ("UPLOAD_PARALLELISM", ""),
    ("TELEGRAM_MAX_FILE_SIZE", "20971520"),
    ("REPLICAS", ""),
    ("TRASH_KEEP", "7d"),
    ("MAX_UPLOAD_SIZE", "21474836480"),
    ("UPLOAD_EXPIRES", "24h"),
    ("ENABLE_COPY_MODE", "true"),
    ("COPY_MODE_MIN_SIZE", "20971520"),
    ("KEEP_ORIGINAL", "false"),
    ("HLS_SEGMENT_DURATION", "6s"),
    ("ENABLE_ABR", "true"),
    ("LADDER", "2160p:16M,1440p:9M,1080p:6M,720p:3M,480p:1.2M,360p:600k"),
    ("ENABLE_HARDWARE_ACCELERATION", "true"),
    ("PREFERRED_ENCODER", ""),
    ("VAAPI_DEVICE", "/dev/dri/renderD128"),
    ("MAX_PARALLEL_ENCODES", "2"),
    ("STALL_TIMEOUT", "60s"),
    ("CACHE_MEMORY_SIZE", "256MiB"),
    ("CACHE_DISK_SIZE", "10GiB"),
    ("CACHE_DIR", ""),
    ("LOG_LEVEL", "info"),
    ("LOG_FORMAT", "text"),
];

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Built in.
    Default,
    /// An environment variable of the process.
    Environment,
    /// The `.env` file.
    EnvFile,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::EnvFile => ".env",
        })
    }
}

/// The texts a configuration is made from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    not_text: Vec<&'static str>,
}

/// The `.env` file exists and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEnvFile {
    /// The system did not let us read it.
    #[error("reading {}: {cause}; make it readable for this user, or remove it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// A line in it is not an assignment. The line itself is not shown: it may hold a secret.
    #[error(
        "{}: the line after {} is not NAME=value; put quotes around a value with spaces or a #",
        path.display(),
        after.as_deref().unwrap_or("the beginning")
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The last variable that could be read.
        after: Option<String>,
    },
}

impl Source {
    /// The environment of this process and, if it exists, the file `env_file`.
    ///
    /// # Errors
    /// The file exists and cannot be read to its end.
    pub fn of_process(env_file: &Path) -> Result<Self, UnreadableEnvFile> {
        let mut source = Self::default().with_env_file(env_file)?;
        for (name, _) in DEFAULTS {
            match std::env::var(name) {
                Ok(value) => drop(source.environment.insert(name.to_owned(), value)),
                Err(std::env::VarError::NotPresent) => {}
                Err(std::env::VarError::NotUnicode(_)) => source.not_text.push(name),
            }
        }
        Ok(source)
    }

    /// This source with `name` set in the environment, for callers that choose values themselves.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// This source with the assignments of the file `path`; without any if there is no such file.
    ///
    /// # Errors
    /// The file exists and cannot be read to its end.
    pub fn with_env_file(mut self, path: &Path) -> Result<Self, UnreadableEnvFile> {
        let read = |cause| UnreadableEnvFile::Read { path: path.to_owned(), cause };
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(self),
            Err(dotenvy::Error::Io(cause)) => return Err(read(cause)),
            Err(_) => return Err(UnreadableEnvFile::Syntax { path: path.to_owned(), after: None }),
        };
        let mut after = None;
        for line in lines {
            match line {
                Ok((name, value)) => {
                    after = Some(name.clone());
                    self.file.insert(name, value);
                }
                Err(dotenvy::Error::Io(cause)) => return Err(read(cause)),
                Err(_) => return Err(UnreadableEnvFile::Syntax { path: path.to_owned(), after }),
            }
        }
        Ok(self)
    }

    /// Names in the `.env` file that mean nothing to the program, so that a typo can be shown.
    pub fn unknown_names(&self) -> Vec<&str> {
        let known = |name: &str| DEFAULTS.iter().any(|(known, _)| *known == name);
        self.file.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }

    /// The text of `name`, one of [`DEFAULTS`], and where it was found.
    pub(super) fn value(&self, name: &str) -> (&str, Origin) {
        let set = |values: &'_ BTreeMap<String, String>| values.get(name).is_some_and(|value| !value.trim().is_empty());
        if set(&self.environment) {
            return (self.environment[name].trim(), Origin::Environment);
        }
        if set(&self.file) {
            return (self.file[name].trim(), Origin::EnvFile);
        }
        (default_of(name), Origin::Default)
    }

    /// Variables that are set to something that is not text.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let fault = |name: &&'static str| Fault {
            name,
            origin: Origin::Environment,
            wrong: "the value is not UTF-8".to_owned(),
            write: "write it in UTF-8".to_owned(),
        };
        self.not_text.iter().map(fault).collect()
    }
}

/// The built-in text of `name`, which is one of [`DEFAULTS`].
pub(super) fn default_of(name: &str) -> &'static str {
    let found = DEFAULTS.iter().find(|(known, _)| *known == name);
    found.expect("every variable that is read has a default").1
}
