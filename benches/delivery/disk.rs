//! Row 6: segments that came from Telegram once and lie on the disk, in the kernel's page cache; the server has no memory
//! of its own for them.

use crate::film::{self, Same};
use crate::load::Measured;
use crate::nginx::Nginx;
use crate::stage::report::{Goal, Row};
use crate::stage::{LOOK, Server};
use crate::stored::Stored;
use crate::versus::{Side, Turns};
use crate::{Plan, note};
use serde_json::Value;
use telecine::media::extent::CHUNK_SIZE;
use telegram_sim::{Settings, Simulator};

/// So few that hardly ever two of them wait for the same chunk, which is read once for both.
const PLAYERS: usize = 16;
const SEGMENT_MIB: u64 = 4;
const SEGMENTS: u64 = 48;

pub async fn measure(plan: &Plan) {
    let little = [("CACHE_MEMORY_SIZE", "1")];
    let stored = Stored::made(plan, "disk", Settings::bots(8), &little, SEGMENT_MIB, SEGMENTS).await;
    let Stored { sim, server, video, .. } = &stored;
    let nginx = Nginx::start(plan.server_core, &plan.folder);
    let paths = film::segments(server, video).await;
    let same = fill(server, &nginx, &paths).await;
    let before = Disk::of(server, sim).await;
    let ours = Side { address: server.address(), pid: server.pid(), requests: &same.ours };
    let theirs = Side { address: nginx.address, pid: nginx.pid(), requests: &same.theirs };
    let turns = Turns::of(plan, PLAYERS, ours, theirs);
    let share = Disk::of(server, sim).await.share_since(&before);
    let row = Row {
        key: "6",
        what: format!(
            "segments of {:.1} MB from the disk tier, page cache warm, {PLAYERS} connections, CPU per GB",
            same.size() / 1e6
        ),
        seen: format!(
            "{}; {}; {:.0} % of the chunks were read for one connection alone",
            turns.seen(Measured::cpu_per_gb, "s/GB"),
            turns.seen(|measured| measured.rate() / 1e9, "GB/s"),
            share * 100.0
        ),
        figure: turns.ratio(Measured::cpu_per_gb),
        unit: "×",
        goal: Goal::AtMost(1.2),
    };
    note(&[row]);
    stored.end();
}

/// Asks for everything until all of it lies on the disk.
async fn fill(server: &Server, nginx: &Nginx, paths: &[String]) -> Same {
    loop {
        let same = Same::segments(server, nginx, paths).await;
        let stats = server.json("/api/system/cache/stats").await;
        if stats["disk"]["bytes"].as_u64().unwrap() as f64 >= same.size() * paths.len() as f64 {
            return same;
        }
        // What waits is written behind the readers.
        tokio::time::sleep(LOOK).await;
    }
}

/// What was found where so far.
struct Disk {
    stats: Value,
    fetched: u64,
}

impl Disk {
    async fn of(server: &Server, sim: &Simulator) -> Self {
        let world = sim.world();
        let fetched = world.bots().into_iter().map(|bot| world.counters(bot.id).requests_of("download")).sum();
        Self { stats: server.json("/api/system/cache/stats").await, fetched }
    }

    /// How many of the chunks that were asked for were read from the disk; the others were being read already. Nothing
    /// may have come from elsewhere.
    fn share_since(&self, before: &Self) -> f64 {
        let grown = |of: fn(&Value) -> &Value| of(&self.stats).as_u64().unwrap() - of(&before.stats).as_u64().unwrap();
        let (hits, misses) = (grown(|stats| &stats["hits"]), grown(|stats| &stats["misses"]));
        let read = grown(|stats| &stats["disk"]["hits"]);
        assert_eq!((hits, self.fetched), (0, before.fetched), "some of it came out of memory, or from Telegram");
        let share = read as f64 / misses as f64;
        assert!(share > 0.5, "{read} chunks of {CHUNK_SIZE} bytes were read for {misses} that were asked for");
        share
    }
}
