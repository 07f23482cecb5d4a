//! What the server makes of its bots' lines, over the simulator: eight bots that answer after 20 ms, each
//! with 100 Mbit/s to send and 100 Mbit/s to receive, shared by all that it does that way.
//!
//! - *Ingest*: a film is imported and kept in two copies. Measured are the document bytes of both that
//!   arrived, per second from the first to the last of them, over what the eight lines could have taken.
//!   Every copy is read back meanwhile. The budget of messages is set so that it does not matter.
//! - *Cold first byte*: the first MiB of segments that the server has nowhere near, each from another pack,
//!   until the first byte of the body. Beside it, in turns, the same chunks of the same file asked for
//!   directly, until the first chunk (256 KiB) is there and its hash was compared: no server that checks
//!   what it serves can be quicker. A server that was just started knows no download links, so each of
//!   the two needs `getFile` first; in a second pass, with the cache cleared, both know them. The server has no
//!   memory for segments then: what it would read ahead comes over the lines that are measured.
//!
//! `BENCH_MIB` sets the size of the film (1024), `BENCH_MBIT` the width of a line (100), for machines that
//! cannot fill sixteen of those, and `BENCH_DIR` the folder. Rows 10 and 14 of `docs/benchmarks.md` are written.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends at once")]

#[expect(dead_code, reason = "each measurement uses what it needs of what they have in common")]
mod stage;

use reqwest::header::RANGE;
use serde_json::{Value, json};
use stage::report::{self, Goal, Row, Spread};
use stage::{Server, cpu_seconds, median, number};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};
use telecine::catalog::{self, Catalog};
use telecine::media::extent::{CHUNK_SIZE, Hash, Place};
use telegram_sim::{Settings, Simulator, environment};

const BOTS: usize = 8;
const LATENCY: Duration = Duration::from_millis(20);
const BITS_PER_BYTE: u64 = 8;
/// The budget that is configured when nobody says otherwise.
const DEFAULT_PER_MINUTE: f64 = 20.0;
/// What is asked for of a segment.
const HEAD: u64 = 1024 * 1024;
/// Between two requests, so that none finds the line of its bot in use.
const PAUSE: Duration = Duration::from_millis(50);
fn sent(sim: &Simulator) -> (u64, u64) {
    let counters = sim.world().bots().into_iter().map(|bot| sim.world().counters(bot.id));
    counters.fold((0, 0), |(bytes, messages), bot| (bytes + bot.bytes_in, messages + bot.requests_of("sendDocument")))
}

struct Ingest {
    video: String,
    bytes: u64,
    messages: u64,
    /// From the first byte to the last.
    seconds: f64,
    /// Of the server and of the simulator.
    cpu: (f64, f64),
}

async fn ingest(server: &Server, sim: &Simulator, film: &Path) -> Ingest {
    let pids = (server.pid(), std::process::id());
    let before = (cpu_seconds(pids.0), cpu_seconds(pids.1));
    let video = server.import(film).await;
    let (mut begin, mut end, mut bytes) = (Instant::now(), Instant::now(), 0);
    server
        .until(&video, |status| {
            let (now, arrived) = (Instant::now(), sent(sim).0);
            if bytes == 0 {
                begin = now;
            }
            if arrived > bytes {
                (end, bytes) = (now, arrived);
            }
            status["protected"] == true
        })
        .await;
    let cpu = (cpu_seconds(pids.0) - before.0, cpu_seconds(pids.1) - before.1);
    let (bytes, messages) = sent(sim);
    Ingest { video, bytes, messages, seconds: (end - begin).as_secs_f64(), cpu }
}

/// The beginning of a segment: where it lies, for somebody who is not the server.
struct Head {
    segment: u32,
    bot: i64,
    file: String,
    /// Whole chunks of the file.
    first: u64,
    last: u64,
    /// Of the first chunk.
    hash: Hash,
}

/// One segment of each pack of the picture.
async fn heads(data: &Path, video: &str) -> Vec<Head> {
    let catalog = Catalog::open(&catalog::Settings { file: data.join("catalog.sqlite"), readers: 1 }).unwrap();
    let video = video.parse().unwrap();
    let playlist = catalog.track_playlist(video, "v0".to_owned()).await.unwrap().unwrap();
    let (mut heads, mut seen) = (Vec::new(), HashSet::new());
    for segment in playlist.segments {
        let pieces = catalog.segment_pieces(video, "v0".to_owned(), segment.number).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("a protected film is in the store") };
        let (begin, len) = (pieces[0].piece.range.start(), pieces[0].piece.range.len());
        if !seen.insert(blob.id) || len < HEAD {
            continue;
        }
        // tg:<channel>/<message>/<bot>/<file>
        let mut parts = blob.copies[0].0.splitn(4, '/').skip(2);
        let (bot, file) = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().to_owned());
        let chunk = begin / CHUNK_SIZE;
        let end = ((begin + HEAD).next_multiple_of(CHUNK_SIZE)).min(blob.len);
        let hash = blob.chunks[usize::try_from(chunk).unwrap()];
        heads.push(Head { segment: segment.number, bot, file, first: chunk * CHUNK_SIZE, last: end - 1, hash });
    }
    heads
}

/// Asks the simulator itself, as the server would.
struct Direct {
    client: reqwest::Client,
    url: String,
    tokens: HashMap<i64, String>,
    links: HashMap<u32, String>,
}

impl Direct {
    fn new(sim: &Simulator) -> Self {
        let tokens = sim.world().bots().into_iter().map(|bot| (bot.id.0, bot.token)).collect();
        Self { client: reqwest::Client::new(), url: sim.url(), tokens, links: HashMap::new() }
    }

    /// Milliseconds until the first chunk was compared; asks for the link when it does not know it.
    async fn first_chunk(&mut self, head: &Head) -> f64 {
        let (began, token) = (Instant::now(), &self.tokens[&head.bot]);
        if !self.links.contains_key(&head.segment) {
            let request = self.client.post(format!("{}/bot{token}/getFile", self.url));
            let answer = request.json(&json!({ "file_id": head.file })).send().await.unwrap();
            let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
            self.links.insert(head.segment, answer["result"]["file_path"].as_str().unwrap().to_owned());
        }
        let request = self.client.get(format!("{}/file/bot{token}/{}", self.url, self.links[&head.segment]));
        let request = request.header(RANGE, format!("bytes={}-{}", head.first, head.last));
        let mut response = request.send().await.unwrap().error_for_status().unwrap();
        let mut chunk = Vec::new();
        while (chunk.len() as u64) < CHUNK_SIZE {
            chunk.extend_from_slice(&response.chunk().await.unwrap().unwrap());
        }
        chunk.truncate(usize::try_from(CHUNK_SIZE).unwrap());
        assert_eq!(blake3::hash(&chunk).as_bytes(), &head.hash.0);
        let took = began.elapsed();
        while response.chunk().await.unwrap().is_some() {}
        took.as_secs_f64() * 1000.0
    }
}

/// Milliseconds until the first byte of a segment's body.
async fn first_byte(server: &Server, video: &str, head: &Head) -> f64 {
    let request = server.client.get(format!("{}/hls/{video}/v0/{}.m4s", server.base, head.segment));
    let request = request.header(RANGE, format!("bytes=0-{}", HEAD - 1));
    let began = Instant::now();
    let mut response = request.send().await.unwrap().error_for_status().unwrap();
    response.chunk().await.unwrap().unwrap();
    let took = began.elapsed();
    while response.chunk().await.unwrap().is_some() {}
    took.as_secs_f64() * 1000.0
}

/// The server and the direct way, in milliseconds, segment by segment.
async fn compare(server: &Server, direct: &mut Direct, video: &str, heads: &[Head]) -> Vec<(f64, f64)> {
    let cleared = server.client.post(format!("{}/api/system/cache/clear", server.base)).send().await;
    cleared.unwrap().error_for_status().unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for (turn, head) in heads.iter().enumerate() {
        for is_ours in [turn % 2 == 0, turn % 2 == 1] {
            tokio::time::sleep(PAUSE).await;
            if is_ours {
                ours.push(first_byte(server, video, head).await);
            } else {
                bare.push(direct.first_chunk(head).await);
            }
        }
    }
    ours.into_iter().zip(bare).collect()
}

/// How many times as long it took as the lines would have, had they been full all the time.
fn note_ingest(ingest: &Ingest, line: u64) {
    let Ingest { bytes, messages, seconds, cpu, .. } = ingest;
    let (rate, all) = (*bytes as f64 / seconds, (line * BOTS as u64) as f64);
    let row = Row {
        key: "10",
        what: format!("ingest over {BOTS} bots in two copies, beside what their upload lines alone would take"),
        seen: format!("{:.1} of {:.1} MB/s, a share of {:.2}", rate / 1e6, all / 1e6, rate / all),
        figure: Spread::of([all / rate]),
        unit: "×",
        goal: Goal::AtMost(1.1),
    };
    report::note("telegram", &[row]);
    let cores = std::thread::available_parallelism().unwrap();
    let paced = BOTS as f64 * DEFAULT_PER_MINUTE / 60.0 * (*bytes as f64 / *messages as f64);
    eprintln!(
        "{} MB in {messages} messages took {seconds:.1} s; CPU seconds of {:.1} on {cores} cores: server {:.1}, simulator \
         {:.1}; by arithmetic the default of {DEFAULT_PER_MINUTE} messages a minute to each channel would allow {:.1} MB/s",
        bytes / 1_000_000,
        seconds * cores.get() as f64,
        cpu.0,
        cpu.1,
        paced / 1e6
    );
}

fn note_first_byte(key: &'static str, what: &str, times: &[(f64, f64)]) {
    let (ours, bare): (Vec<f64>, Vec<f64>) = times.iter().copied().unzip();
    let row = Row {
        key,
        what: format!(
            "first byte of a cold segment, {what}, beside the round trips it needs, {} segments",
            times.len()
        ),
        seen: format!("{:.1} beside {:.1} ms", median(ours), median(bare)),
        figure: Spread::of(times.iter().map(|(ours, bare)| ours / bare)),
        unit: "×",
        goal: Goal::AtMost(1.1),
    };
    report::note("telegram", &[row]);
}

#[tokio::main]
async fn main() {
    let line = number("BENCH_MBIT", 100) * 1_000_000 / BITS_PER_BYTE;
    let folder = stage::folder();
    let (data, world) = (folder.path().join("data"), folder.path().join("world"));
    std::fs::create_dir(&data).unwrap();
    let film = stage::film(folder.path(), number("BENCH_MIB", 1024), "mp4");
    let settings = Settings { latency: LATENCY, bot_bytes_per_second: Some(line), ..Settings::bots(BOTS) };
    let sim = Simulator::start(settings.kept_in(world)).unwrap();
    let environment = environment(&sim.url(), &sim.world().bots());
    let settings = environment.lines().filter_map(|line| line.split_once('='));
    let settings =
        settings.chain([("REPLICAS", "2"), ("TELEGRAM_MESSAGES_PER_MINUTE", "3000"), ("ENABLE_ABR", "false")]);
    let settings: Vec<(&str, &str)> = settings.collect();
    println!("eight bots, {} MB/s each way, {} ms before each answer", line as f64 / 1e6, LATENCY.as_millis());

    let server = Server::start(&data, settings.clone());
    stage::settle();
    let ingest = ingest(&server, &sim, &film).await;
    drop(server);
    note_ingest(&ingest, line);

    let heads = heads(&data, &ingest.video).await;
    let settings = settings.into_iter().chain([("CACHE_MEMORY_SIZE", "1")]);
    let (server, mut direct) = (Server::start(&data, settings), Direct::new(&sim));
    server.rest().await;
    let asked = compare(&server, &mut direct, &ingest.video, &heads).await;
    note_first_byte("14a", "its link to be asked for", &asked);
    let known = compare(&server, &mut direct, &ingest.video, &heads).await;
    note_first_byte("14b", "its link known", &known);
}
