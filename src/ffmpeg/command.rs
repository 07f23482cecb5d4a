//! Starting caged children, and running one to its end: bounded output, a deadline, cancellation,
//! and its last words when it fails.

use super::cage::{CageLimits, NOT_FOUND};
use super::error::{FfmpegError, fault_of_the_file};
use super::{Ffmpeg, Program};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// Bytes between a child and us, where the system allows so many: Linux lets everybody have 1 MiB.
const PIPE_SIZE: usize = 1024 * 1024;

/// Bytes of stderr kept from its beginning, and as many from its end.
const KEPT_WORDS: usize = 4096;

/// How long a killed child is waited for. One whom its disk does not answer is not gone before that does.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Kills a child, and waits until it is gone: not before may another have its turn.
///
/// # Errors
/// When the system refuses.
pub(super) async fn end(child: &mut Child) -> Result<(), FfmpegError> {
    match tokio::time::timeout(LAST_WAIT, child.kill()).await {
        Ok(ended) => ended.map_err(|error| FfmpegError::io("stopping ffmpeg", error)),
        Err(_) => {
            tracing::warn!("an ffmpeg that was killed is not gone yet; perhaps its disk does not answer");
            Ok(())
        }
    }
}

/// What a child said, its middle left out when it said much.
#[derive(Debug, Default)]
pub(super) struct Words {
    head: String,
    tail: String,
}

impl Words {
    /// Adds a line.
    pub(super) fn push(&mut self, line: &str) {
        let kept = if self.head.len() < KEPT_WORDS { &mut self.head } else { &mut self.tail };
        kept.extend(line.chars().take(KEPT_WORDS));
        kept.push('\n');
        if self.tail.len() > 2 * KEPT_WORDS {
            let cut = self.tail.len() - KEPT_WORDS;
            let cut = (cut..self.tail.len()).find(|at| self.tail.is_char_boundary(*at)).unwrap_or(cut);
            self.tail.drain(..cut);
        }
    }

    fn all(&self) -> String {
        [self.head.as_str(), self.tail.as_str()].concat()
    }

    /// The last lines, without the names of files.
    fn last(&self) -> String {
        let all = self.all();
        let lines: Vec<&str> = all.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join(" / ");
        let words: Vec<&str> =
            last.split(' ').map(|word| if word.starts_with("file:") { "the file:" } else { word }).collect();
        words.join(" ")
    }
}

/// The words of a list without names of files in it.
pub(super) fn words(list: &str) -> Vec<OsString> {
    list.split_ascii_whitespace().map(OsString::from).collect()
}

/// How a failed child is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The file may be at fault: its words are searched for signs of that.
    File,
    /// The file was opened before, so it is the run that failed.
    Run,
}

impl Ffmpeg {
    /// A caged child with pipes for stdout and stderr, killed when dropped.
    pub(super) async fn spawn(
        &self,
        program: Program,
        limits: &CageLimits,
        arguments: Vec<OsString>,
    ) -> Result<Child, FfmpegError> {
        let mut command = Command::new(&self.settings.cage);
        command
            .args(limits.arguments(std::process::id(), self.name(program)))
            .args(arguments)
            .current_dir(&self.settings.working_dir)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        self.spawner.spawn(command).await.map_err(|error| FfmpegError::io("starting ffmpeg", error))
    }

    fn name(&self, program: Program) -> &OsStr {
        match program {
            Program::Ffmpeg => self.settings.ffmpeg.as_os_str(),
            Program::Ffprobe => self.settings.ffprobe.as_os_str(),
        }
    }

    /// Runs to the end and returns what was written to stdout, at most `most` bytes.
    pub(super) async fn run(
        &self,
        program: Program,
        limits: &CageLimits,
        arguments: Vec<OsString>,
        most: u64,
        within: Duration,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, FfmpegError> {
        let mut child = self.spawn(program, limits, arguments).await?;
        let (stdout, stderr) = pipes(&mut child)?;
        let mut output = Vec::new();
        let work = async {
            // What writes more finds its pipe closed, and ends.
            let bounded = async {
                let mut bounded = stdout.take(most + 1);
                bounded.read_to_end(&mut output).await
            };
            let (read, words) = tokio::join!(bounded, words_of(stderr));
            read.map_err(|error| FfmpegError::io("reading from ffmpeg", error))?;
            let status = child.wait().await.map_err(|error| FfmpegError::io("waiting for ffmpeg", error))?;
            Ok((status, words?))
        };
        let early = tokio::select! {
            done = tokio::time::timeout(within, work) => match done {
                Ok(done) => Ok(done?),
                Err(_) => Err(FfmpegError::Stalled { seconds: within.as_secs() }),
            },
            () = cancel.cancelled() => Err(FfmpegError::Cancelled),
        };
        if early.is_err() {
            end(&mut child).await?;
        }
        let (status, words) = early?;
        if output.len() as u64 > most {
            return Err(FfmpegError::refused("The file describes itself at a length no film has, so it was not read."));
        }
        self.judge(program, status, &words, Blame::File)?;
        Ok(output)
    }

    /// What the end of a child means.
    pub(super) fn judge(
        &self,
        program: Program,
        status: ExitStatus,
        words: &Words,
        blame: Blame,
    ) -> Result<(), FfmpegError> {
        if status.success() {
            return Ok(());
        }
        if status.code() == Some(i32::from(NOT_FOUND)) {
            return Err(FfmpegError::NotInstalled { program: self.name(program).to_string_lossy().into_owned() });
        }
        if let Some(reason) = fault_of_the_file(&words.all()).filter(|_| blame == Blame::File) {
            return Err(FfmpegError::refused(reason));
        }
        let mut last_words = words.last();
        if let Some(signal) = status.signal() {
            last_words = format!("ended by signal {signal}, perhaps a limit; {last_words}");
        }
        Err(FfmpegError::Failed { last_words })
    }
}

/// The pipes of a child just spawned: a large one for what it makes, so that neither side wakes the
/// other for every 64 KiB.
pub(super) fn pipes(
    child: &mut Child,
) -> Result<(tokio::process::ChildStdout, tokio::process::ChildStderr), FfmpegError> {
    let (stdout, stderr) = child.stdout.take().zip(child.stderr.take()).ok_or_else(|| {
        FfmpegError::io("starting ffmpeg", std::io::Error::other("the child was started without pipes"))
    })?;
    // Where the system allows less (`/proc/sys/fs/pipe-max-size`), its own size does as well, slower.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_SIZE);
    Ok((stdout, stderr))
}

/// Reads all of stderr, keeping its beginning and its end.
pub(super) async fn words_of(stderr: impl AsyncRead + Unpin) -> Result<Words, FfmpegError> {
    let mut words = Words::default();
    each_line(stderr, &mut |line| {
        words.push(line);
        Ok(())
    })
    .await?;
    Ok(words)
}

/// Calls `each` for every line; of a line longer than 64 KiB, only its pieces. Bounded memory.
pub(super) async fn each_line(
    mut source: impl AsyncRead + Unpin,
    each: &mut impl FnMut(&str) -> Result<(), FfmpegError>,
) -> Result<(), FfmpegError> {
    let mut buffer = vec![0_u8; 64 << 10];
    let mut filled = 0;
    loop {
        let read = source.read(&mut buffer[filled..]).await;
        let read = read.map_err(|error| FfmpegError::io("reading from ffmpeg", error))?;
        filled += read;
        let mut start = 0;
        while let Some(len) = buffer[start..filled].iter().position(|byte| *byte == b'\n' || *byte == b'\r') {
            each(&String::from_utf8_lossy(&buffer[start..start + len]))?;
            start += len + 1;
        }
        let line_is_too_long = start == 0 && filled == buffer.len();
        if (read == 0 || line_is_too_long) && start < filled {
            each(&String::from_utf8_lossy(&buffer[start..filled]))?;
            start = filled;
        }
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_endless_ones_in_pieces() {
        let text = ["a\nbb\r\n", &"x".repeat(100_000), "\nlast"].concat();
        let mut lines = Vec::new();
        each_line(text.as_bytes(), &mut |line| {
            lines.push(line.len());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(lines, [1, 2, 0, 65_536, 34_464, 4]);
    }

    #[tokio::test]
    async fn what_writes_without_end_is_ended_and_its_file_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let cage = folder.path().join("cage");
        std::fs::write(&cage, "#!/bin/sh\nexec yes\n").unwrap();
        std::fs::set_permissions(&cage, std::fs::Permissions::from_mode(0o755)).unwrap();
        let ffmpeg = Ffmpeg::new(super::super::Settings::new(cage, folder.path().to_path_buf())).unwrap();
        let (limits, cancel) = (ffmpeg.short_limits(), CancellationToken::new());
        let run = ffmpeg.run(Program::Ffmpeg, &limits, Vec::new(), 1 << 20, Duration::from_secs(20), &cancel).await;
        assert!(matches!(run, Err(FfmpegError::Refused { .. })), "{run:?}");
    }

    #[test]
    fn last_words_name_no_file_and_stay_short() {
        let mut words = Words::default();
        for number in 0..10_000 {
            words.push(&format!("warning {number}"));
        }
        words.push("file:/data/spool/x: broken");
        assert!(words.all().len() < 4 * KEPT_WORDS);
        assert_eq!(words.last(), "warning 9998 / warning 9999 / the file: broken");
    }
}
