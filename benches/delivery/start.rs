//! Row 18: how soon a server with a large library answers, from the start of its program to the end of the first answer,
//! which is a page of that library.
//!
//! The library is rows of the catalog that the server's own migrations have made, as many films as wanted, each kept with
//! two channels. The folder of the disk cache has the index of 10 GB of chunks; the chunks themselves are a hole, as none
//! is read at a start. The server is asked afterwards whether it took both for what they should be.

use crate::load::read_head;
use crate::stage::report::{Goal, Row, Spread};
use crate::stage::{Server, end, number, settle};
use crate::{Plan, note};
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use telecine::catalog::{self, Catalog};
use telecine::media::extent::CHUNK_SIZE;

/// How often a server that is being started is looked for.
const PEEK: Duration = Duration::from_micros(200);
const CACHE: u64 = 10 * 1024 * 1024 * 1024;
/// What the server answers first.
const PAGE: &str = "/api/videos?limit=50";
/// Segments of each film.
const SEGMENTS: u32 = 20;

pub async fn measure(plan: &Plan) {
    let data = plan.folder.join("start");
    std::fs::create_dir(&data).unwrap();
    let videos = number("BENCH_VIDEOS", 100_000);
    make_library(&data, videos);
    let starts = start_again_and_again(plan, &data, videos, 0).await;
    let what = format!("start with {videos} films to the first answer");
    note(&[row("18a", what.clone(), starts)]);
    make_cache(&data.join("cache"));
    let starts = start_again_and_again(plan, &data, videos, CACHE / CHUNK_SIZE).await;
    note(&[row("18b", format!("{what}, with 10 GiB in the disk cache"), starts)]);
    std::fs::remove_dir_all(&data).unwrap();
}

fn row(key: &'static str, what: String, starts: Vec<f64>) -> Row {
    let seen = "a page of the library, from the start of the program on".into();
    Row { key, what, seen, figure: Spread::of(starts), unit: "ms", goal: Goal::AtMost(200.0) }
}

async fn start_again_and_again(plan: &Plan, data: &Path, videos: u64, chunks: u64) -> Vec<f64> {
    // The first one after rows were made by another hand, or with a new folder, is no usual start.
    let server = Server::start(data, []);
    assert_eq!(server.json("/api/system/status").await["counts"]["ready"].as_u64(), Some(videos));
    assert_eq!(server.json("/api/system/cache/stats").await["disk"]["entries"].as_u64(), Some(chunks));
    server.stop();
    (0..plan.rounds).map(|_| start_once(data)).collect()
}

/// Milliseconds until the page was there.
fn start_once(data: &Path) -> f64 {
    settle();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_telecine"))
        .arg("serve")
        .current_dir(data)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("DATA_DIR", data)
        .env("LOCAL_PORT", address.port().to_string())
        .env("LOG_LEVEL", "warn")
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut socket = loop {
        if let Ok(socket) = TcpStream::connect(address) {
            break socket;
        }
        std::thread::sleep(PEEK);
    };
    let len = ask(&mut socket, address);
    let took = began.elapsed().as_secs_f64() * 1000.0;
    assert!(len > 1_000, "the page has films");
    end(&mut child);
    took
}

/// Asks for the page, and says how long it is.
fn ask(socket: &mut TcpStream, address: SocketAddr) -> u64 {
    socket.write_all(format!("GET {PAGE} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let len = socket.read(&mut part).unwrap();
        assert!(len > 0, "the server closed the connection instead of answering");
        answer.extend_from_slice(&part[..len]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let (status, length) = read_head(&answer[..end + 4]);
        assert_eq!(status, Some(200), "{}", String::from_utf8_lossy(&answer));
        let length = length.unwrap();
        if (answer.len() - end - 4) as u64 == length {
            return length;
        }
    }
}

fn make_library(data: &Path, videos: u64) {
    let file = data.join("catalog.sqlite");
    drop(Catalog::open(&catalog::Settings { file: file.clone(), readers: 1 }).unwrap());
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch(&rows_of(videos)).unwrap();
}

/// Films of two hours with a picture in one pack, kept twice.
fn rows_of(videos: u64) -> String {
    format!(
        "PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE numbers AS
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {videos}) SELECT n FROM n;
CREATE TEMP TABLE parts AS
    WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {SEGMENTS} - 1) SELECT n FROM n;
INSERT INTO videos (id, uuid, title, description, state, source_kind, source, source_bytes, source_hash, tracks,
                    duration_ms, width, height, created_at, updated_at, published_at)
    SELECT n, randomblob(16), 'Film number ' || n, 'Nobody has seen it', 'ready', 'file', '/films/' || n || '.mp4',
           1000000000 + n, randomblob(32), 1, 7200000 + n, 1920, 1080, 1700000000000 + n, 1700000000000 + n,
           1700000000000 + n FROM numbers;
INSERT INTO renditions (id, video, number, name, kind, method, why, state, codecs, timescale, target_duration, width,
                        height, planned_bandwidth, peak_bandwidth, average_bandwidth)
    SELECT n, n, 0, 'v0', 'video', 'copied', 'as it is', 'finished', 'avc1.640028', 90000, 6, 1920, 1080, 5000000,
           5000000, 5000000 FROM numbers;
INSERT INTO blobs (id, video, rendition, number, role, state, len, stored_len, hash, chunks)
    SELECT n, n, n, 0, 'pack', 'stored', 8388608, 8388608, randomblob(32), randomblob(1024) FROM numbers;
INSERT INTO copies (blob, copy, channel, nonce, locator, state, at)
    SELECT n, c.column1, 'local:' || (n + c.column1) % 8, randomblob(16), 'local:' || (n + c.column1) % 8 || '/' || n,
           'verified', 1700000000000 FROM numbers, (VALUES (0), (1)) c;
INSERT INTO init_segments (id, rendition, bytes) SELECT n, n, randomblob(800) FROM numbers;
INSERT INTO segments (rendition, number, start, duration, init, blob, piece_offset, piece_len)
    SELECT numbers.n, parts.n, parts.n * 540000, 540000, numbers.n, numbers.n, 1000 + parts.n * 400000, 400000
    FROM numbers, parts;
COMMIT;"
    )
}

/// The index of a full cache, as the server writes it: which blob's chunk lies in which slot, with a checksum.
fn make_cache(folder: &Path) {
    let slots = CACHE / CHUNK_SIZE;
    File::create(folder.join("chunks")).unwrap().set_len(CACHE).unwrap();
    let mut index = BufWriter::new(File::create(folder.join("index")).unwrap());
    index.write_all(b"telecine chunks of 256 KiB, v. 1").unwrap();
    for slot in 0..slots {
        let (blob, chunk) = (slot / 32 + 1, slot % 32);
        let mut record = [0; 32];
        record[..8].copy_from_slice(&blob.to_le_bytes());
        record[8..12].copy_from_slice(&u32::try_from(chunk).unwrap().to_le_bytes());
        record[12..16].copy_from_slice(&u32::try_from(CHUNK_SIZE).unwrap().to_le_bytes());
        record[16..24].copy_from_slice(&slot.to_le_bytes());
        let sum = blake3::hash(&record[..28]);
        record[28..].copy_from_slice(&sum.as_bytes()[..4]);
        index.write_all(&record).unwrap();
    }
    index.flush().unwrap();
}
