//! The end of the program: one root token, and every background task known by name.

use std::future::Future;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Says when to stop, and knows who still works. Clones share one state.
#[derive(Clone, Debug)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
    runtime: Handle,
}

impl Shutdown {
    /// Tasks will run on the runtime this is called on.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[expect(clippy::new_without_default, reason = "it needs a runtime around it, which a default must not")]
    pub fn new() -> Self {
        Self { token: CancellationToken::new(), tracker: TaskTracker::new(), runtime: Handle::current() }
    }

    /// Cancelled when the program is to end.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Starts a tracked task; `name` is for the logs.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tracing::trace!(task = name, "a task starts");
        self.tracker.spawn_on(future, &self.runtime)
    }
}
