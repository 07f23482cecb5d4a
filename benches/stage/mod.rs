//! What the measurements have in common: a film, the release server, its import, figures, and the report of them.

pub mod report;

use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How often a server is asked how far it is.
pub const LOOK: Duration = Duration::from_millis(20);

/// `/proc/<pid>/stat` counts in hundredths of a second on every Linux that Rust knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A folder that goes with the measurement, in `BENCH_DIR`, else among what was built.
pub fn folder() -> TempDir {
    let parent = std::env::var("BENCH_DIR").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").into());
    tempfile::tempdir_in(Path::new(&parent).canonicalize().unwrap()).unwrap()
}

pub fn ffmpeg(arguments: &str, output: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {arguments}");
}

/// A film of so many bytes in a file with this ending: a minute of noise at 22 Mbit/s, again and again.
pub fn film(folder: &Path, mib: u64, ending: &str) -> PathBuf {
    let (seed, film) = (folder.join("seed.mp4"), folder.join(format!("film.{ending}")));
    ffmpeg(
        "-f lavfi -i testsrc2=size=1280x720:rate=25:duration=60,noise=alls=40:allf=t -f lavfi -i sine=440:duration=60 \
         -c:v libx264 -preset ultrafast -b:v 22M -maxrate 24M -bufsize 24M -g 50 -c:a aac -b:a 128k",
        &seed,
    );
    let turns = (mib * 1024 * 1024).div_ceil(seed.metadata().unwrap().len());
    let index_first = if ending == "mp4" { "-movflags +faststart" } else { "" };
    ffmpeg(&format!("-stream_loop {} -i {} -c copy {index_first}", turns - 1, seed.display()), &film);
    std::fs::remove_file(seed).unwrap();
    film
}

/// What was written before is not this turn's.
pub fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds of all cores that a process used so far.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in brackets, may have spaces; user and system time are the 12th and 13th after it.
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    ticks.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
}

/// Bytes of memory that a process has now, and the most it had since `forget_peak`, or ever.
pub fn memory(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    (of("VmRSS"), of("VmHWM"))
}

/// What it had until now does not count as its peak (`proc(5)`: `clear_refs`).
pub fn forget_peak(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// Asks a child to end, and waits until it has.
pub fn end(child: &mut Child) {
    rustix::process::kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    pub base: String,
    pub client: reqwest::Client,
    token: String,
}

impl Server {
    /// With nothing configured but what is said here: neither this environment nor an `.env` counts. Unless it is said,
    /// only warnings are logged.
    pub fn start<'a>(data: &Path, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_telecine")), data, settings)
    }

    /// As `start`, on one core: with as many threads as it has on a machine with one.
    pub fn start_on<'a>(core: usize, data: &Path, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), env!("CARGO_BIN_EXE_telecine")]);
        Self::run(command, data, settings)
    }

    fn run<'a>(mut command: Command, data: &Path, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let note = data.join("server.json");
        // Left by one that was killed.
        let _ = std::fs::remove_file(&note);
        let mut child = command
            .arg("serve")
            .current_dir(data)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LOG_LEVEL", "warn")
            .envs(settings)
            .env("DATA_DIR", data)
            .env("LOCAL_PORT", "0")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let note: Value = loop {
            if let Some(note) = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break note;
            }
            assert!(child.try_wait().unwrap().is_none(), "the server did not start");
            std::thread::sleep(LOOK);
        };
        let (address, token) = (note["address"].as_str().unwrap(), note["token"].as_str().unwrap());
        Self { child, base: format!("http://{address}"), client: reqwest::Client::new(), token: token.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the video once the film is accepted, which is after the whole file was hashed.
    pub async fn import(&self, film: &Path) -> String {
        let asked = serde_json::json!({ "path": film, "again": true });
        let request = self.client.post(format!("{}/api/imports", self.base)).bearer_auth(&self.token).json(&asked);
        let answer: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        answer["video_id"].as_str().unwrap().to_owned()
    }

    /// Looks at the video's status until it is as it should be.
    pub async fn until(&self, video: &str, mut is_reached: impl FnMut(&Value) -> bool) {
        let status = format!("{}/api/videos/{video}/status", self.base);
        loop {
            let status: Value = self.client.get(&status).send().await.unwrap().json().await.unwrap();
            assert_ne!(status["state"], "failed", "{status}");
            if is_reached(&status) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing is left to be done: a film is refined after it became ready, and encoders are tried at the
    /// start.
    pub async fn rest(&self) {
        loop {
            let status = self.json("/api/system/status").await;
            let is_empty = |list: &str| status[list].as_array().unwrap().is_empty();
            if is_empty("jobs") && !is_empty("encoders") {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn json(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    pub async fn bytes(&self, path: &str) -> bytes::Bytes {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        answer.error_for_status().unwrap().bytes().await.unwrap()
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().unwrap()
    }

    /// Ends it as its owner would.
    pub fn stop(mut self) {
        end(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
