//! What this process and its disk say of themselves. Figures for people: what cannot be read is
//! shown as 0.

use super::Disk;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Shorter stretches say nothing of a load.
const SHORTEST: Duration = Duration::from_millis(500);

/// Memory and disk at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine {
    pub(super) memory_bytes: u64,
    pub(super) disk: Disk,
}

/// How busy the process was between two looks.
pub(super) struct Meter {
    at: Instant,
    spent: Duration,
    fraction: f64,
}

impl Meter {
    pub(super) fn start() -> Self {
        Self { at: Instant::now(), spent: processor_time(), fraction: 0.0 }
    }

    /// Processors kept busy since the last look that is long enough ago.
    pub(super) fn read(&mut self) -> f64 {
        let elapsed = self.at.elapsed();
        if elapsed >= SHORTEST {
            let spent = processor_time();
            self.fraction = spent.saturating_sub(self.spent).as_secs_f64() / elapsed.as_secs_f64();
            (self.at, self.spent) = (Instant::now(), spent);
        }
        self.fraction
    }
}

/// Looks at the process and at the disk of this folder, off the runtime.
pub(super) async fn look(folder: PathBuf) -> Machine {
    let looking = tokio::task::spawn_blocking(move || Machine { memory_bytes: memory(), disk: disk(&folder) });
    looking.await.unwrap_or_default()
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The resident set, from a line such as `VmRSS:     5120 kB`.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn disk(folder: &Path) -> Disk {
    match rustix::fs::statvfs(folder) {
        Ok(found) => Disk {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        },
        Err(error) => {
            tracing::debug!(%error, "the disk of the data folder does not say how full it is");
            Disk::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_has_memory_and_a_disk() {
        let machine = look(std::env::temp_dir()).await;
        assert!(machine.memory_bytes > 1_000_000, "{machine:?}");
        assert!(machine.disk.free_bytes > 0 && machine.disk.total_bytes >= machine.disk.free_bytes, "{machine:?}");
        assert_eq!(disk(Path::new("/nowhere/at/all")), Disk::default());
    }

    #[test]
    fn work_is_seen_as_load() {
        let began = Instant::now();
        let mut meter =
            Meter { at: began.checked_sub(SHORTEST).unwrap_or(began), spent: Duration::ZERO, fraction: 0.0 };
        assert!(meter.read() > 0.0);
    }
}
