//! What the measurements have in common: a film, the release server, its import, figures.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How often a server is asked how far it is.
pub const LOOK: Duration = Duration::from_millis(20);

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A folder that goes with the measurement, in `BENCH_DIR`, else here.
pub fn folder() -> TempDir {
    let parent = std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".into());
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

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    pub base: String,
    pub client: reqwest::Client,
    token: String,
}

impl Server {
    /// With nothing configured but what is said here: neither this environment nor an `.env` counts.
    pub fn start<'a>(data: &Path, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let note = data.join("server.json");
        // Left by one that was killed.
        let _ = std::fs::remove_file(&note);
        let child = Command::new(env!("CARGO_BIN_EXE_telecine"))
            .arg("serve")
            .current_dir(data)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(settings)
            .env("DATA_DIR", data)
            .env("LOCAL_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let note: Value = loop {
            if let Some(note) = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break note;
            }
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

    /// Waits until nothing is left to be done: a film is refined after it became ready.
    pub async fn rest(&self) {
        let status = format!("{}/api/system/status", self.base);
        loop {
            let status: Value = self.client.get(&status).send().await.unwrap().json().await.unwrap();
            if status["jobs"].as_array().is_some_and(Vec::is_empty) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
