//! How the program ends: one token that says "now", and every task by name.
//!
//! Tasks run on the runtime that made the [`Shutdown`], whichever thread starts them: web workers
//! have small runtimes of their own, and a task on one of those would die with it. Nothing else in
//! the program starts tasks.

use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The end of the program, as seen by its parts. Clones are the same end.
#[derive(Clone)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
    runtime: Handle,
    running: Arc<Mutex<Running>>,
}

/// Names of the tasks that have not ended, by order of their start.
#[derive(Default)]
struct Running {
    names: BTreeMap<u64, &'static str>,
    started: u64,
    /// Every name there ever was.
    known: BTreeSet<&'static str>,
}

/// Takes a task off the list when it ends, is dropped or panics.
struct Entry {
    running: Arc<Mutex<Running>>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.lock().expect("no panic while a task is listed").names.remove(&self.number);
    }
}

impl Shutdown {
    /// For tasks on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a runtime.
    #[expect(clippy::new_without_default, reason = "a default must work everywhere, and this needs a runtime")]
    pub fn new() -> Self {
        Self {
            token: CancellationToken::new(),
            tracker: TaskTracker::new(),
            runtime: Handle::current(),
            running: Arc::default(),
        }
    }

    /// A token that is cancelled when the end begins. To cancel a part earlier, take a child of it.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Starts a task that is waited for at the end. It should watch [`Shutdown::token`]. A panic in
    /// it is logged with its name; the handle reports it, too, and may be dropped.
    pub fn spawn<F>(&self, name: &'static str, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let entry = self.enter(name);
        let task = async move {
            let _entry = entry;
            AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
                tracing::error!(task = name, "a task panicked; what it did has stopped");
                resume_unwind(panic)
            })
        };
        self.tracker.spawn_on(task, &self.runtime)
    }

    /// How many tasks of each name have not ended; 0 where all have.
    pub fn running(&self) -> BTreeMap<&'static str, u64> {
        let running = self.running.lock().expect("no panic while a task is listed");
        let mut counts: BTreeMap<_, _> = running.known.iter().map(|name| (*name, 0)).collect();
        for name in running.names.values() {
            *counts.entry(*name).or_default() += 1;
        }
        counts
    }

    /// Begins the end: every token is cancelled.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Begins the end unless it has begun, and waits for the tasks, `deadline` at most. Returns the
    /// names of those that are still running, oldest first.
    pub async fn finish(&self, deadline: Duration) -> Vec<&'static str> {
        self.begin();
        self.tracker.close();
        // Late tasks are named by the list itself, so the outcome of the wait says nothing more.
        let _ = tokio::time::timeout(deadline, self.tracker.wait()).await;
        self.running.lock().expect("no panic while a task is listed").names.values().copied().collect()
    }

    fn enter(&self, name: &'static str) -> Entry {
        let mut running = self.running.lock().expect("no panic while a task is listed");
        let number = running.started;
        running.started += 1;
        running.known.insert(name);
        running.names.insert(number, name);
        Entry { running: self.running.clone(), number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn tasks_that_watch_the_token_end_in_time() {
        let shutdown = Shutdown::new();
        let token = shutdown.token();
        let task = shutdown.spawn("watcher", async move {
            token.cancelled().await;
            7
        });
        assert_eq!(shutdown.finish(SOON).await, Vec::<&str>::new());
        assert_eq!(task.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_task_that_will_not_end_is_named() {
        let shutdown = Shutdown::new();
        shutdown.spawn("good", async {});
        let stuck = shutdown.spawn("stuck", std::future::pending::<()>());
        assert_eq!(shutdown.finish(Duration::from_millis(50)).await, ["stuck"]);
        assert_eq!(shutdown.running(), BTreeMap::from([("good", 0), ("stuck", 1)]));
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_cancelled());
        assert_eq!(shutdown.finish(SOON).await, Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_and_is_reported() {
        let shutdown = Shutdown::new();
        let broken = shutdown.spawn("broken", async { panic!("on purpose") });
        let fine = shutdown.spawn("fine", async { 1 });
        assert!(broken.await.unwrap_err().is_panic());
        assert_eq!(fine.await.unwrap(), 1);
        assert_eq!(shutdown.finish(SOON).await, Vec::<&str>::new());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_task_outlives_the_small_runtime_that_started_it() {
        let shutdown = Shutdown::new();
        let (go, gone) = oneshot::channel::<u8>();
        let starter = shutdown.clone();
        let worker = std::thread::spawn(move || {
            let small = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _inside = small.enter();
            starter.spawn("errand", gone)
        });
        let errand = worker.join().unwrap();
        go.send(5).unwrap();
        assert_eq!(errand.await.unwrap().unwrap(), 5);
    }

    #[tokio::test]
    async fn a_thread_without_a_runtime_can_start_a_task() {
        let shutdown = Shutdown::new();
        let starter = shutdown.clone();
        let task = std::thread::spawn(move || starter.spawn("plain", async { 3 })).join().unwrap();
        assert_eq!(task.await.unwrap(), 3);
    }
}
