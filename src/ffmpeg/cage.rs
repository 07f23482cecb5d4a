//! The cage: `telecine cage …` limits itself and then becomes the program it was asked to run, so
//! that no unsafe code is needed between fork and exec.
//!
//! What it takes away: memory, CPU time, writing files, many open files, core dumps, and life
//! after its parent. The parent empties the environment and chooses the working directory.

use rustix::process::{Resource, Rlimit, Signal, getppid, nice, set_parent_process_death_signal, setrlimit};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Exit code of a cage that could not find the program, as shells have it.
pub const NOT_FOUND: u8 = 127;
/// Exit code of a cage that could not be built.
const NOT_CAGED: u8 = 126;

/// What the caged program may use at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CageLimits {
    /// Bytes of address space; `None` for no limit.
    pub address_space: Option<u64>,
    /// Seconds of CPU time over all threads, at least 1.
    pub cpu_s: u64,
    /// Bytes of any one file it writes; pipes do not count.
    pub file_size: u64,
    /// Open files, sockets and pipes at a time.
    pub open_files: u64,
    /// How much it gives way to others where the processor is short: 0, not at all, to 19.
    pub nice: u64,
}

impl Default for CageLimits {
    fn default() -> Self {
        Self { address_space: Some(8 << 30), cpu_s: 60, file_size: 0, open_files: 256, nice: 0 }
    }
}

impl CageLimits {
    /// The words after `telecine` that run `program` under these limits as a child of process
    /// `parent`; the program's own arguments follow.
    pub fn arguments(&self, parent: u32, program: &OsStr) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["cage", "--parent"].map(OsString::from).to_vec();
        words.push(parent.to_string().into());
        if let Some(bytes) = self.address_space {
            words.extend(["--address-space".into(), bytes.to_string().into()]);
        }
        for (name, value) in [
            ("--cpu-seconds", self.cpu_s),
            ("--file-size", self.file_size),
            ("--open-files", self.open_files),
            ("--nice", self.nice),
        ] {
            words.extend([name.into(), value.to_string().into()]);
        }
        words.extend(["--".into(), program.to_owned()]);
        words
    }
}

/// What a cage was asked to do.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    parent: u32,
    limits: CageLimits,
    program: OsString,
    arguments: Vec<OsString>,
}

/// Does what the words after `telecine cage` say: limits this process and becomes the program.
/// Returns only if that failed, with 127 when the program was not found and 126 otherwise.
pub fn enter(words: impl Iterator<Item = OsString>) -> ExitCode {
    let failure = match parse(words) {
        Ok(order) => become_caged(&order),
        Err(reason) => io::Error::new(io::ErrorKind::InvalidInput, reason),
    };
    eprintln!("telecine cage: {failure}");
    match failure.kind() {
        io::ErrorKind::NotFound => ExitCode::from(NOT_FOUND),
        _ => ExitCode::from(NOT_CAGED),
    }
}

fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Order, &'static str> {
    let mut parent = None;
    let mut limits = CageLimits { address_space: None, ..CageLimits::default() };
    loop {
        let word = words.next().ok_or("no program to run: it follows `--`")?;
        if word == "--" {
            break;
        }
        let value =
            words.next().and_then(|value| value.to_str()?.parse::<u64>().ok()).ok_or("a limit is not a number")?;
        match word.to_str() {
            Some("--parent") => parent = u32::try_from(value).ok(),
            Some("--address-space") => limits.address_space = Some(value),
            Some("--cpu-seconds") => limits.cpu_s = value,
            Some("--file-size") => limits.file_size = value,
            Some("--open-files") => limits.open_files = value,
            Some("--nice") => limits.nice = value.min(19),
            _ => return Err("an option it does not know"),
        }
    }
    let program = words.next().ok_or("no program to run: it follows `--`")?;
    Ok(Order { parent: parent.ok_or("it must be told its parent")?, limits, program, arguments: words.collect() })
}

/// Returns only with the reason why it is not caged.
fn become_caged(order: &Order) -> io::Error {
    if let Err(error) = limit(order) {
        return error;
    }
    Command::new(&order.program).args(&order.arguments).exec()
}

fn limit(order: &Order) -> io::Result<()> {
    // Armed first, looked at second: a parent that died in between would never send the signal.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent != Some(order.parent) {
        return Err(io::Error::other("the parent is gone"));
    }
    let limits = &order.limits;
    if limits.nice > 0 {
        nice(limits.nice as i32)?;
    }
    set(Resource::Core, 0)?;
    set(Resource::Cpu, limits.cpu_s)?;
    set(Resource::Fsize, limits.file_size)?;
    set(Resource::Nofile, limits.open_files)?;
    limits.address_space.map_or(Ok(()), |bytes| set(Resource::As, bytes))
}

fn set(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_back_as_it_was_written() {
        let limits = CageLimits { address_space: Some(1 << 40), cpu_s: 7, file_size: 3, open_files: 9, nice: 10 };
        let mut words = limits.arguments(42, OsStr::new("ffmpeg"));
        words.extend(["-i", "--", "file:/x"].map(OsString::from));

        let order = parse(words.into_iter().skip(1)).unwrap();

        let arguments = ["-i", "--", "file:/x"].map(OsString::from).to_vec();
        assert_eq!(order, Order { parent: 42, limits, program: "ffmpeg".into(), arguments });
    }

    #[test]
    fn a_cage_without_parent_number_or_program_is_not_built() {
        for words in
            [&["--", "true"][..], &["--parent", "x", "--", "true"], &["--parent", "1"], &["--parent", "1", "--"]]
        {
            assert!(parse(words.iter().map(OsString::from)).is_err(), "{words:?}");
        }
    }
}
