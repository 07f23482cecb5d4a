//! Waiting for facts.

use serde_json::Value;
use std::time::{Duration, Instant};

/// Longer than anything a story waits for takes on a machine that is busy with other things, and much shorter than a test
/// may take: a wait in vain is told by its name.
pub const PATIENCE: Duration = Duration::from_secs(240);

const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// Looks until there is something to see, and panics with `what` when it never comes.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "in {} s this did not happen: {what}", PATIENCE.as_secs());
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The same for what may take long as long as it gets on: what is seen before, an error, changes all the time.
pub async fn until_while_moving<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, Value>) -> T {
    let (mut last, mut moved) = (Value::Null, Instant::now());
    loop {
        let now = match look().await {
            Ok(seen) => return seen,
            Err(now) => now,
        };
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        let (seconds, is_moving) = (PATIENCE.as_secs(), moved.elapsed() < PATIENCE);
        assert!(is_moving, "in {seconds} s nothing changed, and this did not happen: {what}: {last}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The same for a condition.
pub async fn until_true(what: &str, mut look: impl AsyncFnMut() -> bool) {
    until(what, async || look().await.then_some(())).await;
}

/// The future's result, or a panic with `what` when it takes too long.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("this took more than {} s: {what}", PATIENCE.as_secs()),
    }
}
