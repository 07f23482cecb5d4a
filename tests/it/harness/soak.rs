//! How long the long tests are: `make soak` says so in the environment. Without it each is short.

use std::time::Duration;

/// Moments at which servers are killed (`TELECINE_SOAK_SEEDS`).
pub fn seeds() -> u64 {
    told("TELECINE_SOAK_SEEDS").unwrap_or(5)
}

/// Length of the mixed load (`TELECINE_SOAK_MINUTES`); none means a few seconds.
pub fn load() -> Option<Duration> {
    told("TELECINE_SOAK_MINUTES").map(|minutes| Duration::from_secs(60 * minutes))
}

/// Where the numbers by chance of the mixed load begin (`TELECINE_SOAK_SEED`).
pub fn seed() -> u64 {
    told("TELECINE_SOAK_SEED").unwrap_or(1)
}

/// Length of the film that is played at its own speed (`TELECINE_PLAY_MINUTES`).
pub fn play_minutes() -> u32 {
    told("TELECINE_PLAY_MINUTES").map_or(1, |minutes| u32::try_from(minutes).expect("some minutes"))
}

fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}
