//! How long a large file takes from accepted to ready in copy mode, beside bare `ffmpeg -c copy`
//! into fMP4 HLS of the same file, in turns. Prints both, their ratio and the server's peak memory.
//!
//! `BENCH_MIB` sets the size of the file (2048), `BENCH_ROUNDS` the number of turns (5), `BENCH_DIR`
//! the folder. The file lies on the same disk as the results, and was read once before; nothing is
//! left to be written to the disk when a turn begins.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends at once")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn ffmpeg(arguments: &str, output: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {arguments}");
}

/// A film of so many bytes: a minute of noise at 22 Mbit/s, again and again.
fn film(folder: &Path, mib: u64) -> PathBuf {
    let (seed, film) = (folder.join("seed.mp4"), folder.join("film.mp4"));
    ffmpeg(
        "-f lavfi -i testsrc2=size=1280x720:rate=25:duration=60,noise=alls=40:allf=t -f lavfi -i sine=440:duration=60 \
         -c:v libx264 -preset ultrafast -b:v 22M -maxrate 24M -bufsize 24M -g 50 -c:a aac -b:a 128k",
        &seed,
    );
    let turns = (mib * 1024 * 1024).div_ceil(seed.metadata().unwrap().len());
    ffmpeg(&format!("-stream_loop {} -i {} -c copy -movflags +faststart", turns - 1, seed.display()), &film);
    std::fs::remove_file(seed).unwrap();
    film
}

fn bare(folder: &Path, film: &Path) -> Duration {
    let out = folder.join("bare");
    std::fs::create_dir(&out).unwrap();
    settle();
    let began = Instant::now();
    let arguments = format!("-i {} -c copy -f hls -hls_segment_type fmp4 -hls_time 6 -hls_list_size 0", film.display());
    ffmpeg(&arguments, &out.join("playlist.m3u8"));
    let took = began.elapsed();
    std::fs::remove_dir_all(out).unwrap();
    took
}

/// What was written before is not this turn's.
fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

struct Server {
    child: Child,
    base: String,
    token: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_telecine"))
            .arg("serve")
            .env("DATA_DIR", data)
            .env("LOCAL_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let note = data.join("server.json");
        let note: Value = loop {
            if let Some(note) = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break note;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (address, token) = (note["address"].as_str().unwrap(), note["token"].as_str().unwrap());
        Self { child, base: format!("http://{address}/api"), token: token.to_owned() }
    }

    /// Seconds from accepted to ready; before that, the whole file was hashed.
    async fn import(&self, film: &Path) -> (Duration, Duration) {
        let client = reqwest::Client::new();
        let began = Instant::now();
        let asked = serde_json::json!({ "path": film, "again": true });
        let answer = client.post(format!("{}/imports", self.base)).bearer_auth(&self.token).json(&asked).send().await;
        let answer: Value = answer.unwrap().error_for_status().unwrap().json().await.unwrap();
        let (hashed, accepted) = (began.elapsed(), Instant::now());
        let status = format!("{}/videos/{}/status", self.base, answer["video_id"].as_str().unwrap());
        loop {
            let status: Value = client.get(&status).send().await.unwrap().json().await.unwrap();
            match status["state"].as_str().unwrap() {
                "ready" => return (hashed, accepted.elapsed()),
                "failed" => panic!("{status}"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    let (mib, rounds) = (number("BENCH_MIB", 2048), number("BENCH_ROUNDS", 5));
    let folder = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".into())).unwrap();
    let film = film(folder.path(), mib);
    let (mut ratios, mut bares, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    println!("copy mode, {} MB, accepted to ready", film.metadata().unwrap().len() / 1_000_000);
    println!("| round | bare ffmpeg s | Telecine s | ratio | hashing before s | peak memory MiB |");
    println!("|---|---|---|---|---|---|");
    for round in 1..=rounds {
        let bare = bare(folder.path(), &film).as_secs_f64();
        let data = tempfile::tempdir_in(folder.path()).unwrap();
        let server = Server::start(data.path());
        settle();
        let (hashed, ready) = server.import(&film).await;
        let (ready, ratio) = (ready.as_secs_f64(), ready.as_secs_f64() / bare);
        println!(
            "| {round} | {bare:.2} | {ready:.2} | {ratio:.2} | {:.2} | {} |",
            hashed.as_secs_f64(),
            server.peak_mib()
        );
        ratios.push(ratio);
        bares.push(bare);
        ours.push(ready);
    }
    println!(
        "medians: bare {:.2} s, Telecine {:.2} s, ratio {:.2} (goal 1.3)",
        median(bares),
        median(ours),
        median(ratios)
    );
}
