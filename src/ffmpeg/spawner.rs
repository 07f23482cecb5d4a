//! The one thread that starts children.
//!
//! The parent-death signal of Linux fires when the *thread* that forked ends, not the process
//! (prctl(2)). Threads of a runtime may come and go, so children are forked by a thread that lives
//! exactly as long as somebody holds the spawner.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Starts that may wait for their turn before the next one blocks; a start takes about a millisecond.
const QUEUE: usize = 64;

struct Start {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// Handle of the thread; it ends, and the children with it, when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Spawner(SyncSender<Box<Start>>);

impl Spawner {
    pub(super) fn start() -> io::Result<Self> {
        let (sender, orders) = sync_channel::<Box<Start>>(QUEUE);
        std::thread::Builder::new().name("ffmpeg-spawner".into()).spawn(move || {
            for order in orders {
                let Start { mut command, runtime, answer } = *order;
                let _inside = runtime.enter();
                // A start nobody waits for any more is dropped here, and killed by that.
                drop(answer.send(command.spawn()));
            }
        })?;
        Ok(Self(sender))
    }

    /// Starts the command with pipes of the calling task's runtime.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (answer, started) = oneshot::channel();
        let order = Box::new(Start { command, runtime: Handle::current(), answer });
        self.0.try_send(order).map_err(|_| io::Error::other("too many children are being started at once"))?;
        started.await.unwrap_or_else(|_| Err(io::Error::other("the thread that starts children is gone")))
    }
}
