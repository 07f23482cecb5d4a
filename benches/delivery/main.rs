//! What players and uploaders get, beside nginx: rows 1 to 8, 15, 18 and 19 of `docs/benchmarks.md`, where it writes them.
//!
//! The server and nginx are each pinned on one core and the clients on another, and take turns under the same load. Where
//! bytes came from is asked of the server afterwards: a measurement of the memory tier that read a disk ends at once, and
//! so does one in which any answer was wrong.
//!
//! `BENCH_ROUNDS` sets the number of turns (5), `BENCH_SECONDS` the length of one (3), `BENCH_CORES` the core of the
//! servers and that of the clients (`0,1`), `BENCH_UPLOAD_MIB` the size of an upload (512; four times that for its
//! memory), `BENCH_VIDEOS` the size of a large library (100000), `BENCH_ROWS` which of the rows (all, or such as `1,6`),
//! and `BENCH_DIR` the folder. It needs 8 GB there and 2 GB in `/dev/shm`, and takes about ten minutes.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends at once")]

mod cached;
mod crowd;
mod disk;
mod film;
mod load;
mod nginx;
#[expect(dead_code, reason = "each measurement uses what it needs of what they have in common")]
#[path = "../stage/mod.rs"]
mod stage;
mod start;
mod stored;
mod upload;
mod versus;

use stage::number;
use stage::report::{self, Row};
use std::path::PathBuf;
use std::time::Duration;

/// Name of this measurement.
const BENCH: &str = "delivery";

/// How all of it is measured.
pub struct Plan {
    /// Where films and libraries are made.
    pub folder: PathBuf,
    /// Turns of each side.
    pub rounds: u64,
    /// How long one side is under load at a time.
    pub time: Duration,
    /// Where the servers run.
    pub server_core: usize,
    /// Where the clients run.
    pub client_core: usize,
}

impl Plan {
    fn of_environment(folder: PathBuf) -> Self {
        let cores = std::env::var("BENCH_CORES").unwrap_or_else(|_| "0,1".into());
        let (server, client) = cores.split_once(',').expect("BENCH_CORES is two numbers with a comma");
        Self {
            folder,
            rounds: number("BENCH_ROUNDS", 5),
            time: Duration::from_secs(number("BENCH_SECONDS", 3)),
            server_core: server.parse().unwrap(),
            client_core: client.parse().unwrap(),
        }
    }
}

/// Whether one of these rows was asked for.
fn is_wanted(rows: &[u64]) -> bool {
    let Ok(wanted) = std::env::var("BENCH_ROWS") else { return true };
    wanted.split(',').any(|row| row.parse().is_ok_and(|row| rows.contains(&row)))
}

fn note(rows: &[Row]) {
    report::note(BENCH, rows);
}

#[tokio::main]
async fn main() {
    let folder = stage::folder();
    let plan = Plan::of_environment(folder.path().to_path_buf());
    if is_wanted(&[1, 2, 3, 4, 5, 19]) {
        cached::measure(&plan).await;
    }
    if is_wanted(&[6]) {
        disk::measure(&plan).await;
    }
    if is_wanted(&[7, 8]) {
        upload::measure(&plan).await;
    }
    if is_wanted(&[15]) {
        crowd::measure(&plan).await;
    }
    if is_wanted(&[18]) {
        start::measure(&plan).await;
    }
}
