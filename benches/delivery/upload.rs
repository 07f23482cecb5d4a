//! Rows 7 and 8: a film arrives, beside a PUT to nginx.
//!
//! One sender, who writes from memory as fast as he is read. The server hashes what comes and syncs it before it answers;
//! nginx does neither. In memory (`/dev/shm`) a sync costs nothing, so that the two ways of taking bytes are compared; on
//! the disk it does.

use crate::load::on_core;
use crate::nginx::Nginx;
use crate::stage::report::{Goal, Row, Spread, short};
use crate::stage::{Server, cpu_seconds, forget_peak, median, memory, number, settle};
use crate::{Plan, is_wanted, note};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

/// Bytes that are sent again and again, from another place each time.
const NOISE: usize = 32 * 1024 * 1024;
const BOUNDARY: &str = "----------------------------telecine";
/// How much more is sent to see the memory grow.
const LONGER: u64 = 4;

/// What one upload took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

struct Upload<'a> {
    address: SocketAddr,
    pid: u32,
    core: usize,
    noise: &'a [u8],
    bytes: u64,
}

impl Upload<'_> {
    /// Sends a head, the bytes and an end, and waits for the answer.
    fn send(&self, head: &str, end: &str, status: &str) -> Took {
        on_core(self.core, || {
            let mut socket = TcpStream::connect(self.address).unwrap();
            let (began, cpu) = (Instant::now(), cpu_seconds(self.pid));
            socket.write_all(head.as_bytes()).unwrap();
            let mut left = self.bytes;
            while left > 0 {
                let part = &self.noise[..self.noise.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                socket.write_all(part).unwrap();
                left -= part.len() as u64;
            }
            socket.write_all(end.as_bytes()).unwrap();
            let mut answer = [0; 4096];
            let len = socket.read(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer[..len]);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}{answer}");
            Took { seconds: began.elapsed().as_secs_f64(), cpu: cpu_seconds(self.pid) - cpu }
        })
    }

    fn put(&self, path: &str) -> Took {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", self.bytes);
        self.send(&head, "", "201")
    }

    /// The body of a request, and nothing else, is the film.
    fn raw(&self, path: &str) -> Took {
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
            self.bytes
        );
        self.send(&head, "", "204")
    }

    fn form(&self) -> Took {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"film.mp4\"\r\n\
             Content-Type: video/mp4\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let head = format!(
            "POST /api/upload?again=true HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n{part}",
            self.bytes + (part.len() + end.len()) as u64
        );
        self.send(&head, &end, "202")
    }
}

/// Where the next raw upload goes.
async fn begin(server: &Server, bytes: u64) -> String {
    let request = server.client.post(format!("{}/api/uploads?again=true", server.base));
    let request = request.header("Tus-Resumable", "1.0.0").header("Upload-Length", bytes);
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    location[location.find("/api/").unwrap()..].to_owned()
}

/// Noise is no film: what came is refused, and goes.
async fn forget_all(server: &Server) {
    server.rest().await;
    for video in server.json("/api/videos").await["videos"].as_array().unwrap() {
        let id = video["id"].as_str().unwrap();
        let request = server.client.delete(format!("{}/api/videos/{id}?now=true", server.base));
        request.send().await.unwrap().error_for_status().unwrap();
    }
    server.rest().await;
}

fn noise() -> Vec<u8> {
    let mut noise = vec![0; NOISE];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut noise);
    noise
}

pub async fn measure(plan: &Plan) {
    let noise = noise();
    let bytes = number("BENCH_UPLOAD_MIB", 512) * 1024 * 1024;
    let in_memory = tempfile::tempdir_in("/dev/shm").unwrap();
    if is_wanted(&[7]) {
        let keys = ["7a", "7b", "7c"];
        rates(plan, in_memory.path(), &noise, bytes, "in memory", keys).await;
        rates(plan, &plan.folder, &noise, bytes, "on the disk, where only the server syncs", ["7d", "7e", "7f"]).await;
    }
    if is_wanted(&[8]) {
        growth(plan, &noise, bytes * LONGER).await;
    }
}

async fn rates(plan: &Plan, folder: &Path, noise: &[u8], bytes: u64, place: &str, keys: [&'static str; 3]) {
    let data = folder.join("uploads");
    std::fs::create_dir(&data).unwrap();
    let server = Server::start_on(plan.server_core, &data, [("LOG_LEVEL", "error")]);
    server.rest().await;
    let nginx = Nginx::start(plan.server_core, folder);
    let (mut raw, mut put, mut form) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let noise = &noise[usize::try_from(round).unwrap() * 4096..];
        let to = |address, pid| Upload { address, pid, core: plan.client_core, noise, bytes };
        let (ours, theirs) = (to(server.address(), server.pid()), to(nginx.address, nginx.pid()));
        for turn in 0..3 {
            if folder == plan.folder {
                settle();
            }
            match (turn + round) % 3 {
                0 => raw.push(ours.raw(&begin(&server, bytes).await)),
                1 => form.push(ours.form()),
                _ => {
                    put.push(theirs.put("/put/film"));
                    nginx.remove("/put/film");
                }
            }
            forget_all(&server).await;
        }
    }
    server.stop();
    std::fs::remove_dir_all(&data).unwrap();
    note(&rows(keys, place, bytes, &[raw, form, put]));
}

fn rows(keys: [&'static str; 3], place: &str, bytes: u64, took: &[Vec<Took>; 3]) -> [Row; 3] {
    let [raw, form, put] = took;
    let ratio = |a: &[Took], b: &[Took], of: fn(&Took) -> f64| Spread::of(a.iter().zip(b).map(|(a, b)| of(a) / of(b)));
    let rate = |all: &[Took]| short(median(all.iter().map(|took| bytes as f64 / took.seconds / 1e6).collect()));
    let cost = |all: &[Took]| short(median(all.iter().map(|took| took.cpu / (bytes as f64 / 1e9)).collect()));
    let size = format!("upload of {} MB {place}", bytes / 1_000_000);
    [
        Row {
            key: keys[0],
            what: format!("{size}: raw body (tus) beside PUT to nginx, MB/s"),
            seen: format!("{} beside {} MB/s", rate(raw), rate(put)),
            figure: ratio(put, raw, |took| took.seconds),
            unit: "×",
            goal: Goal::AtLeast(1.5),
        },
        Row {
            key: keys[1],
            what: format!("{size}: raw body (tus) beside PUT to nginx, CPU per GB"),
            seen: format!("{} beside {} s/GB; ours are hashed, too", cost(raw), cost(put)),
            figure: ratio(raw, put, |took| took.cpu),
            unit: "×",
            goal: Goal::AtMost(1.0),
        },
        Row {
            key: keys[2],
            what: format!("{size}: form (multipart) beside raw body, MB/s"),
            seen: format!("{} beside {} MB/s; CPU {} beside {} s/GB", rate(form), rate(raw), cost(form), cost(raw)),
            figure: ratio(raw, form, |took| took.seconds),
            unit: "×",
            goal: Goal::AtLeast(0.9),
        },
    ]
}

async fn growth(plan: &Plan, noise: &[u8], bytes: u64) {
    let data = plan.folder.join("growth");
    for (key, what) in [("8a", "raw body (tus)"), ("8b", "form (multipart)")] {
        std::fs::create_dir(&data).unwrap();
        let server = Server::start_on(plan.server_core, &data, [("LOG_LEVEL", "error")]);
        server.rest().await;
        let path = begin(&server, bytes).await;
        let upload = Upload { address: server.address(), pid: server.pid(), core: plan.client_core, noise, bytes };
        let idle = memory(server.pid()).0;
        forget_peak(server.pid());
        if key == "8a" {
            upload.raw(&path);
        } else {
            upload.form();
        }
        let grown = memory(server.pid()).1.saturating_sub(idle) as f64 / 1e6;
        server.stop();
        std::fs::remove_dir_all(&data).unwrap();
        let row = Row {
            key,
            what: format!("memory that an upload of {} MB takes, {what}", bytes / 1_000_000),
            seen: "growth of the resident set at its peak".into(),
            figure: Spread::of([grown]),
            unit: "MB",
            goal: Goal::AtMost(16.0),
        };
        note(&[row]);
    }
}
