//! Rows 1 to 5 and 19: segments out of memory, and playlists.

use crate::film::{self, Same};
use crate::load::{Load, Request, on_core};
use crate::nginx::Nginx;
use crate::stage::report::{Goal, Row, Spread, short};
use crate::stage::{Server, forget_peak, median, memory};
use crate::versus::{Side, Turns};
use crate::{Plan, is_wanted, note};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Connections over segments, and over playlists.
const PLAYERS: usize = 256;
const LOOKERS: usize = 64;

/// More than all the films of this measurement.
const SETTINGS: [(&str, &str); 3] =
    [("CACHE_MEMORY_SIZE", "1GiB"), ("ENABLE_ABR", "false"), ("COPY_MODE_MIN_SIZE", "1")];

/// A film with so many segments has a playlist of 100 KB.
const MANY: u64 = 4_000;

/// Sizes in MiB, and how many segments of that size; which row each is.
const SIZES: [Size; 3] = [
    Size { mib: 1, count: 24, rate: ("2", 1.4), memory: "3a" },
    Size { mib: 4, count: 12, rate: ("1a", 1.0), memory: "3b" },
    Size { mib: 16, count: 6, rate: ("1b", 1.0), memory: "3c" },
];

struct Size {
    mib: u64,
    count: u64,
    /// Row and goal of the throughput.
    rate: (&'static str, f64),
    /// Row of the memory.
    memory: &'static str,
}

/// A library with one film for each size, and one with many segments.
struct Library {
    data: PathBuf,
    sized: Vec<String>,
    many: String,
}

impl Library {
    async fn make(folder: &Path) -> Self {
        let data = folder.join("cached");
        std::fs::create_dir(&data).unwrap();
        let server = Server::start(&data, SETTINGS.into_iter().chain([("HLS_SEGMENT_DURATION", "2s")]));
        let many = import(&server, &film::of_many(folder, MANY)).await;
        server.stop();
        let server = Server::start(&data, SETTINGS);
        let mut sized = Vec::new();
        for size in &SIZES {
            sized.push(import(&server, &film::of_segments(folder, size.mib, size.count)).await);
        }
        server.stop();
        Self { data, sized, many }
    }

    async fn server(&self, plan: &Plan) -> Server {
        let settings = SETTINGS.into_iter().chain([("LOG_LEVEL", "info,actix_server=warn")]);
        let server = Server::start_on(plan.server_core, &self.data, settings);
        server.rest().await;
        server
    }
}

async fn import(server: &Server, film: &Path) -> String {
    let video = server.import(film).await;
    server.until(&video, |status| status["state"] == "ready").await;
    server.rest().await;
    std::fs::remove_file(film).unwrap();
    video
}

pub async fn measure(plan: &Plan) {
    let library = Library::make(&plan.folder).await;
    let nginx = Nginx::start(plan.server_core, &plan.folder);
    if is_wanted(&[3]) {
        memory_per_connection(plan, &library).await;
    }
    let server = library.server(plan).await;
    if is_wanted(&[1, 2]) {
        segments(plan, &library, &server, &nginx).await;
    }
    if is_wanted(&[4, 5]) {
        playlists(plan, &library, &server, &nginx).await;
    }
    if is_wanted(&[19]) {
        hashes(plan, &library, &server).await;
    }
    server.stop();
    std::fs::remove_dir_all(&library.data).unwrap();
}

async fn segments(plan: &Plan, library: &Library, server: &Server, nginx: &Nginx) {
    for (size, video) in SIZES.iter().zip(&library.sized) {
        let paths = film::segments(server, video).await;
        let same = Same::segments(server, nginx, &paths).await;
        let before = Tiers::of(server).await;
        let ours = Side { address: server.address(), pid: server.pid(), requests: &same.ours };
        let theirs = Side { address: nginx.address, pid: nginx.pid(), requests: &same.theirs };
        let turns = Turns::of(plan, PLAYERS, ours, theirs);
        before.assert_all_from_memory(server).await;
        let gigabytes = |measured: &crate::load::Measured| measured.rate() / 1e9;
        let (key, goal) = size.rate;
        let row = Row {
            key,
            what: format!("cached segments of {:.1} MB, {PLAYERS} connections, throughput", same.size() / 1e6),
            seen: format!(
                "{}; {}",
                turns.seen(gigabytes, "GB/s"),
                turns.aside(|measured| measured.cpu_per_gb(), "s/GB")
            ),
            figure: turns.ratio(gigabytes),
            unit: "×",
            goal: Goal::AtLeast(goal),
        };
        note(&[row]);
    }
}

/// Each time on a server that was just started: what malloc kept of an earlier load is not counted twice.
async fn memory_per_connection(plan: &Plan, library: &Library) {
    for (size, video) in SIZES.iter().zip(&library.sized) {
        let mut growths = Vec::new();
        for _ in 0..plan.rounds.min(3) {
            let server = library.server(plan).await;
            let mut requests = Vec::new();
            for path in film::segments(&server, video).await {
                let len = server.bytes(&path).await.len() as u64;
                requests.push(Request::get(&path, "", 200, len));
            }
            let idle = memory(server.pid()).0;
            forget_peak(server.pid());
            let load = Load { connections: PLAYERS, time: plan.time, core: plan.client_core };
            Side { address: server.address(), pid: server.pid(), requests: &requests }.under(load);
            growths.push(memory(server.pid()).1.saturating_sub(idle) as f64 / 1024.0 / PLAYERS as f64);
            server.stop();
        }
        let row = Row {
            key: size.memory,
            what: format!("memory for each of {PLAYERS} busy connections, segments of {} MiB", size.mib),
            seen: "growth of the resident set at its peak".into(),
            figure: Spread::of(growths),
            unit: "KiB",
            goal: Goal::AtMost(256.0),
        };
        note(&[row]);
    }
}

async fn playlists(plan: &Plan, library: &Library, server: &Server, nginx: &Nginx) {
    let long = format!("/hls/{}/v0/playlist.m3u8", library.many);
    let plain = server.bytes(&long).await;
    let asked =
        server.client.get(format!("{}{long}", server.base)).header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert_eq!(asked.headers()[CONTENT_ENCODING], "gzip");
    let packed = asked.bytes().await.unwrap();
    nginx.keep("/lists/long.m3u8", &plain);
    nginx.keep("/lists/long.m3u8.gz", &packed);
    let asked = |path: &str| [Request::get(path, "Accept-Encoding: gzip\r\n", 200, packed.len() as u64)];
    let turns = lists(plan, server, nginx, &asked(&long), &asked("/lists/long.m3u8"));
    let cost = |measured: &crate::load::Measured| measured.cpu_per_answer() * 1e6;
    let rate = |measured: &crate::load::Measured| measured.answers_per_second() / 1000.0;
    let row = Row {
        key: "4",
        what: format!(
            "playlist of {:.0} KB as {:.0} KB of gzip, {LOOKERS} connections, CPU per answer",
            plain.len() as f64 / 1e3,
            packed.len() as f64 / 1e3
        ),
        seen: format!("{}; {}", turns.seen(cost, "µs"), turns.seen(rate, "thousand a second")),
        figure: turns.ratio(cost),
        unit: "×",
        goal: Goal::AtMost(1.25),
    };
    note(&[row]);

    let short = format!("/hls/{}/v0/playlist.m3u8", library.sized[0]);
    let plain = server.bytes(&short).await;
    nginx.keep("/lists/short.m3u8", &plain);
    let asked = |path: &str| [Request::get(path, "", 200, plain.len() as u64)];
    let turns = lists(plan, server, nginx, &asked(&short), &asked("/lists/short.m3u8"));
    let row = Row {
        key: "5",
        what: format!("playlist of {} bytes, {LOOKERS} connections, answers a second", plain.len()),
        seen: format!("{}; {}", turns.seen(rate, "thousand a second"), turns.aside(cost, "µs each")),
        figure: turns.ratio(rate),
        unit: "×",
        goal: Goal::AtLeast(1.0),
    };
    note(&[row]);
}

fn lists(plan: &Plan, server: &Server, nginx: &Nginx, ours: &[Request], theirs: &[Request]) -> Turns {
    let ours = Side { address: server.address(), pid: server.pid(), requests: ours };
    let theirs = Side { address: nginx.address, pid: nginx.pid(), requests: theirs };
    Turns::of(plan, LOOKERS, ours, theirs)
}

/// A chunk is hashed whole or not at all. So a byte out of a cached chunk is asked for: when all that the answer costs is
/// less than the hash of the chunk alone, there was none.
async fn hashes(plan: &Plan, library: &Library, server: &Server) {
    let paths = film::segments(server, &library.sized[1]).await;
    for path in &paths {
        server.bytes(path).await;
    }
    let requests: Vec<Request> = paths.iter().map(|path| Request::get(path, "Range: bytes=0-0\r\n", 206, 1)).collect();
    let before = Tiers::of(server).await;
    let load = Load { connections: LOOKERS, time: plan.time, core: plan.client_core };
    let side = Side { address: server.address(), pid: server.pid(), requests: &requests };
    let (mut ratios, mut answers, mut passes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let answer = side.under(load).cpu_per_answer() * 1e6;
        let pass = on_core(plan.server_core, hash_of_a_chunk);
        ratios.push(answer / pass);
        answers.push(answer);
        passes.push(pass);
    }
    before.assert_all_from_memory(server).await;
    let row = Row {
        key: "19",
        what:
            "hashing per hit: CPU of an answer with one byte of a cached chunk, beside BLAKE3 of that chunk (below 1, \
               none was hashed)"
                .into(),
        seen: format!("{} beside {} µs", short(median(answers)), short(median(passes))),
        figure: Spread::of(ratios),
        unit: "×",
        goal: Goal::AtMost(0.99),
    };
    note(&[row]);
}

/// Microseconds, as quick as it can be: the chunk lies in the processor's own cache.
fn hash_of_a_chunk() -> f64 {
    let chunk = vec![7; usize::try_from(telecine::media::extent::CHUNK_SIZE).unwrap()];
    let passes: Vec<f64> = (0..2_000)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(blake3::hash(std::hint::black_box(&chunk)));
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(passes)
}

/// Where chunks were found so far.
struct Tiers {
    hits: u64,
    misses: u64,
}

impl Tiers {
    async fn of(server: &Server) -> Self {
        let stats = server.json("/api/system/cache/stats").await;
        Self { hits: stats["hits"].as_u64().unwrap(), misses: stats["misses"].as_u64().unwrap() }
    }

    async fn assert_all_from_memory(&self, server: &Server) {
        let now = Self::of(server).await;
        assert!(now.hits > self.hits && now.misses == self.misses, "not all of it came out of memory");
    }
}
