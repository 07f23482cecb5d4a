//! One process owns a data folder.

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The right to a data folder, for as long as this lives. The system takes it back even from a
/// process that was killed.
pub(super) struct FolderLock {
    _file: File,
}

/// How long a process that was just ended may keep the folder: a child that it was starting holds the lock, too,
/// until it has become another program.
const PATIENCE: Duration = Duration::from_secs(3);

impl FolderLock {
    /// Takes the folder, or says who has it.
    pub(super) fn take(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        if !is_taken_in_time(&file) {
            let mut owner = String::new();
            file.read_to_string(&mut owner).context("reading who owns the data folder")?;
            bail!(
                "the data folder {} is in use by another telecine (process {}). Stop that one, or choose another DATA_DIR",
                data_dir.display(),
                owner.trim()
            );
        }
        file.set_len(0).context("noting who owns the data folder")?;
        file.rewind().context("noting who owns the data folder")?;
        writeln!(file, "{}", std::process::id()).context("noting who owns the data folder")?;
        Ok(Self { _file: file })
    }
}

fn is_taken_in_time(file: &File) -> bool {
    let begun = Instant::now();
    while flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
