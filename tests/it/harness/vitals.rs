//! What a running server holds, as the system and it itself tell.

use super::World;
use std::collections::BTreeMap;
use std::fs;

impl World {
    /// The memory the server holds now, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory_line("VmRSS:")
    }

    /// The most memory the server has held so far, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_line("VmHWM:")
    }

    fn memory_line(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a process has memory");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kilobytes");
        kilobytes * 1024
    }

    /// Open files and sockets of the server.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("a process has descriptors").count()
    }

    /// Tasks under way, by name.
    pub async fn tasks(&self) -> BTreeMap<String, u64> {
        let page = self.get("/metrics").await.text().await.expect("the page of numbers is text");
        let lines = page.lines().filter_map(|line| line.strip_prefix("telecine_tasks{name=\"")?.split_once("\"} "));
        lines.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect()
    }
}
