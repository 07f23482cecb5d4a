//! What this machine lets the web server have.

use crate::config;
use crate::http::{Capacity, Patience, Settings};
use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::path::Path;

/// Memory that is assumed where the system does not say how much there is.
const MEMORY: u64 = 1 << 30;

/// As much as the machine carries, or as the owner chose. Raises the bound on open files as far as this user may: the
/// usual one is meant for programs that open few.
///
/// # Errors
/// When the chosen connections need more open files than there may be.
pub(super) fn settings(server: &config::Server) -> anyhow::Result<Settings> {
    let files = raised_files();
    let mut capacity = Capacity::of(memory(), files);
    if let Some(connections) = server.max_connections {
        capacity = capacity.with_connections(connections as usize);
        if capacity.files() > files {
            bail!(
                "MAX_CONNECTIONS={connections} needs up to {} open files, and this user may have {files}. Lower it, or raise the \
                 hard limit (ulimit -Hn, or LimitNOFILE of systemd)",
                capacity.files()
            );
        }
    }
    capacity.client = server.requests_per_client as usize;
    Ok(Settings { capacity, patience: Patience::default() })
}

/// Open files that this process may have from now on.
fn raised_files() -> u64 {
    let found = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, ..found }) {
        tracing::warn!(%error, "the bound on open files could not be raised");
        return found.current.unwrap_or(u64::MAX);
    }
    found.maximum.unwrap_or(u64::MAX)
}

/// Bytes of memory: the machine's, or what a container or a service manager leaves of it.
fn memory() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    machine.into_iter().chain(left_by(Path::new("/sys/fs/cgroup"), &groups)).min().unwrap_or(MEMORY)
}

/// The least that the control group of this process, or one around it, may have (cgroup v2, `memory.max`). `groups` is
/// what the kernel says of a process, such as `0::/system.slice/telecine.service`.
fn left_by(root: &Path, groups: &str) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let around = Path::new(own).ancestors().map(|group| root.join(group).join("memory.max"));
    around.filter_map(|bound| fs::read_to_string(bound).ok()?.trim().parse().ok()).min()
}

/// From a line such as `MemTotal:       16384000 kB`.
fn total_of(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Source};

    fn settings_of(connections: &str) -> anyhow::Result<Settings> {
        let source = Source::default().with("MAX_CONNECTIONS", connections).with("MAX_REQUESTS_PER_CLIENT", "7");
        settings(&Config::load(&source).unwrap().server)
    }

    #[test]
    fn an_owner_chooses_as_many_connections_as_there_may_be_files_and_is_told_otherwise() {
        let capacity = settings_of("20").unwrap().capacity;
        assert_eq!((capacity.connections, capacity.listeners, capacity.client), (20, 5, 7));
        let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), most, "the bound was raised");
        if most < 2_000_000 {
            let refused = settings_of("1000000").unwrap_err().to_string();
            assert!(refused.contains("MAX_CONNECTIONS") && refused.contains("ulimit"), "{refused}");
        }
    }

    #[test]
    fn a_service_has_what_any_group_around_it_leaves() {
        let root = tempfile::tempdir().unwrap();
        let service = root.path().join("system.slice/telecine.service");
        fs::create_dir_all(&service).unwrap();
        let left = |groups: &str| left_by(root.path(), groups);
        assert_eq!(left("0::/system.slice/telecine.service\n"), None);
        fs::write(root.path().join("memory.max"), "9000\n").unwrap();
        fs::write(root.path().join("system.slice/memory.max"), "max\n").unwrap();
        fs::write(service.join("memory.max"), "5000\n").unwrap();
        assert_eq!(left("1:cpu:/other\n0::/system.slice/telecine.service\n"), Some(5000));
        assert_eq!((left("0::/\n"), left("")), (Some(9000), Some(9000)));
    }

    #[test]
    fn the_machine_says_how_much_memory_it_has() {
        assert_eq!(total_of("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 << 20));
        assert!(memory() >= 1 << 26);
    }
}
