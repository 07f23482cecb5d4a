//! A run whose output is read while it works.
//!
//! One task minds the child: it reads stderr, watches for cancellation and for a child that is
//! stuck, and reaps it. It belongs to [`Running`], so dropping that kills the child.

use super::cage::CageLimits;
use super::command::{self, Blame, Words, each_line, pipes};
use super::errand::Errand;
use super::{Ffmpeg, FfmpegError, PackageTask, Program, Progress};
use std::ffi::OsString;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A child at work. Dropping it kills the child.
#[derive(Debug)]
pub struct Running {
    /// The fragmented MP4. Read it to its end, then ask [`Running::wait`] whether that end was a
    /// good one. Not reading for a while pauses ffmpeg; that does not count as a stall.
    pub stdout: Output,
    /// How far it has come, about twice a second.
    pub progress: watch::Receiver<Progress>,
    cancel: CancellationToken,
    minder: JoinSet<Result<(), FfmpegError>>,
}

/// The bytes a child writes.
#[derive(Debug)]
pub struct Output {
    pipe: ChildStdout,
    life: Arc<Life>,
}

/// Signs of life of a child.
#[derive(Debug)]
struct Life {
    began: Instant,
    /// Milliseconds after `began` of the last sign.
    last_ms: AtomicU64,
    /// Whether somebody waits for output: while nobody does, silence is not the child's fault.
    awaited: AtomicBool,
}

impl Life {
    fn sign(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// Returns once there was no sign for `limit` although output was awaited.
    async fn lost(&self, limit: Duration) {
        let mut look = tokio::time::interval((limit / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        loop {
            look.tick().await;
            if !self.awaited.load(Ordering::Relaxed) {
                self.sign();
            }
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if self.began.elapsed().saturating_sub(last) > limit {
                return;
            }
        }
    }
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.pipe).poll_read(context, buffer);
        self.life.awaited.store(read.is_pending(), Ordering::Relaxed);
        if read.is_ready() {
            self.life.sign();
        }
        read
    }
}

impl Ffmpeg {
    /// Starts encoding or copying. The child ends by itself when the file or the clip ends, and is
    /// killed when `cancel` fires or the returned value is dropped.
    ///
    /// # Errors
    /// `Io` when no process can be started. A program that is missing shows in [`Running::wait`].
    pub async fn start(&self, task: &PackageTask, cancel: CancellationToken) -> Result<Running, FfmpegError> {
        self.launch(&self.package_limits(task), task.arguments(&self.settings.vaapi_device), cancel).await
    }

    /// Starts ffmpeg with these arguments, which ask it for `-progress pipe:2`.
    async fn launch(
        &self,
        limits: &CageLimits,
        arguments: Vec<OsString>,
        cancel: CancellationToken,
    ) -> Result<Running, FfmpegError> {
        let mut child = self.spawn(Program::Ffmpeg, limits, arguments).await?;
        let (stdout, stderr) = pipes(&mut child)?;
        let life =
            Arc::new(Life { began: Instant::now(), last_ms: AtomicU64::new(0), awaited: AtomicBool::new(false) });
        let (sender, progress) = watch::channel(Progress::default());
        let (mut minder, cancel) = (JoinSet::new(), cancel.child_token());
        minder.spawn(self.clone().mind(child, stderr, Arc::clone(&life), sender, cancel.clone()));
        Ok(Running { stdout: Output { pipe: stdout, life }, progress, cancel, minder })
    }

    /// Runs ffmpeg over a whole film and gathers what it writes, at most `most` bytes. It is killed
    /// when it stalls, however long it may take; what it wrote comes back even if it failed in the
    /// end, beside how it ended.
    ///
    /// # Errors
    /// `Io`, and `Refused` for more than `most` bytes.
    pub(super) async fn gather(
        &self,
        arguments: Vec<OsString>,
        most: u64,
        cancel: CancellationToken,
    ) -> Result<(Vec<u8>, Result<(), FfmpegError>), FfmpegError> {
        let limits = CageLimits { cpu_s: self.settings.encode_cpu.as_secs().max(1), ..self.short_limits() };
        let _turn = self.errands.turn(Errand::Read, &cancel).await?;
        let mut running = self.launch(&limits, arguments, cancel).await?;
        let mut written = Vec::new();
        let read = (&mut running.stdout).take(most + 1).read_to_end(&mut written).await;
        read.map_err(|error| FfmpegError::io("reading from ffmpeg", error))?;
        if written.len() as u64 > most {
            return Err(FfmpegError::refused(
                "What the file holds beside picture and sound is larger than any film needs.",
            ));
        }
        Ok((written, running.wait().await))
    }

    async fn mind(
        self,
        mut child: Child,
        stderr: ChildStderr,
        life: Arc<Life>,
        progress: watch::Sender<Progress>,
        cancel: CancellationToken,
    ) -> Result<(), FfmpegError> {
        let stall = self.settings.stall;
        let early = tokio::select! {
            words = listen(stderr, &life, &progress) => {
                let words = words?;
                let status = child.wait().await.map_err(|error| FfmpegError::io("waiting for ffmpeg", error))?;
                return self.judge(Program::Ffmpeg, status, &words, Blame::Run);
            }
            () = cancel.cancelled() => FfmpegError::Cancelled,
            () = life.lost(stall) => FfmpegError::Stalled { seconds: stall.as_secs() },
        };
        command::end(&mut child).await?;
        Err(early)
    }
}

impl Running {
    /// Whether the run ended well; only then are the bytes read before the whole result. Output
    /// not read until now is given up, which ends the child.
    ///
    /// # Errors
    /// `Cancelled`, `Stalled`, `NotInstalled`, or `Failed` with ffmpeg's last words.
    pub async fn wait(self) -> Result<(), FfmpegError> {
        let Self { stdout, mut minder, .. } = self;
        drop(stdout);
        match minder.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(FfmpegError::io("minding ffmpeg", std::io::Error::other(error))),
            None => Err(FfmpegError::io("minding ffmpeg", std::io::Error::other("nobody minded it"))),
        }
    }

    /// Ends the child before its time, and waits until it is gone.
    pub async fn stop(self) {
        self.cancel.cancel();
        // Whether it ended by itself just before is all the same.
        let _ = self.wait().await;
    }
}

/// Reads stderr to its end: progress is passed on, words are kept.
async fn listen(stderr: ChildStderr, life: &Life, sender: &watch::Sender<Progress>) -> Result<Words, FfmpegError> {
    let mut words = Words::default();
    let mut progress = Progress::default();
    each_line(stderr, &mut |line| {
        if !progress.read(line) {
            words.push(line);
        } else if line.starts_with("progress=") {
            let before = sender.send_replace(progress);
            if (before.frames, before.out_time_s) != (progress.frames, progress.out_time_s) {
                life.sign();
            }
        }
        Ok(())
    })
    .await?;
    Ok(words)
}
