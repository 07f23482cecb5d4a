//! The processes of this machine that work on a test's folder, as `/proc` tells them.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;

/// A running process.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: Pid,
    /// The number of the process that started it.
    pub parent: u32,
    /// Its arguments, separated by blanks.
    pub arguments: String,
}

/// Every process, other than this one, that was given a path below `folder` or stands in it.
pub fn at_work_in(folder: &Path) -> Vec<Process> {
    let own = std::process::id();
    let listed = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|pid| *pid != own).filter_map(|pid| described(pid, folder)).collect()
}

/// Those of them that run ffmpeg or ffprobe.
pub fn ffmpegs_in(folder: &Path) -> Vec<Process> {
    let is_ffmpeg = |word: &str| matches!(word.rsplit('/').next(), Some("ffmpeg" | "ffprobe"));
    let mut found = at_work_in(folder);
    found.retain(|process| process.arguments.split(' ').any(is_ffmpeg));
    found
}

fn described(pid: u32, folder: &Path) -> Option<Process> {
    let place = format!("/proc/{pid}");
    let arguments = String::from_utf8_lossy(&fs::read(format!("{place}/cmdline")).ok()?).replace('\0', " ");
    // A zombie has no arguments: it is dead, and only its parent has not looked yet.
    let stands_there = || fs::read_link(format!("{place}/cwd")).is_ok_and(|place| place.starts_with(folder));
    let is_there = !arguments.is_empty() && (arguments.contains(folder.to_str()?) || stands_there());
    let stat = fs::read_to_string(format!("{place}/stat")).ok()?;
    // Behind the name, which may hold anything: the state, and the parent.
    let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    is_there.then_some(Process { pid, parent, arguments })
}

/// Kills whatever still works in the folder. The folder is the test's own, so nobody else's is hit.
pub fn end_all_in(folder: &Path) {
    for process in at_work_in(folder) {
        // It may have ended by itself since it was listed.
        _ = kill_process(process.pid, Signal::KILL);
    }
}
