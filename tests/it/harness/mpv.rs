//! mpv without a window and without a loudspeaker, driven over its JSON socket.

use super::process;
use super::wait::{until, within};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// It keeps the whole film, within which it seeks without asking ffmpeg's reader of HLS: that one cannot, up to
/// version 7 (see `players::ffmpeg_arrives_…`).
const FLAGS: [&str; 11] = [
    "--no-config",
    "--vo=null",
    "--ao=null",
    "--idle=yes",
    "--really-quiet",
    "--pause",
    "--hr-seek=yes",
    "--cache=yes",
    "--demuxer-max-bytes=1GiB",
    "--demuxer-max-back-bytes=1GiB",
    "--hls-bitrate=max",
];

/// A running mpv with one film, which is paused.
pub struct Mpv {
    child: Child,
    socket: BufReader<UnixStream>,
    folder: TempDir,
    /// How often it has gone on, as it does when it has arrived somewhere.
    restarts: u32,
    /// What it complained of.
    pub errors: Vec<String>,
}

impl Mpv {
    /// Opens a film with more options, and waits until it has all of it.
    pub async fn open(url: &str, more: &[String]) -> Self {
        let folder = tempfile::Builder::new().prefix("mpv-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.expect("a folder for the player can be made");
        let path: PathBuf = folder.path().join("socket");
        let mut command = Command::new("mpv");
        command.args(FLAGS).args(more).arg(format!("--input-ipc-server={}", path.display())).arg(url);
        command.current_dir(folder.path()).env("HOME", folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("mpv can be started: make soak installs it");
        let socket = until("mpv listens", async || UnixStream::connect(&path).await.ok()).await;
        let mut mpv = Self { child, socket: BufReader::new(socket), folder, restarts: 0, errors: Vec::new() };
        mpv.ask(json!(["request_log_messages", "error"])).await;
        until("mpv has the whole film", async || {
            mpv.get("demuxer-cache-state").await["eof"].as_bool().filter(|is_whole| *is_whole)
        })
        .await;
        mpv
    }

    /// The answer to a command; null when there is none.
    pub async fn ask(&mut self, command: Value) -> Value {
        let line = format!("{}\n", json!({ "command": command }));
        self.socket.get_mut().write_all(line.as_bytes()).await.expect("mpv listens");
        loop {
            let mut line = String::new();
            within("mpv answers", self.socket.read_line(&mut line)).await.expect("mpv speaks");
            let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("mpv said {line:?}"));
            if said["event"] == "log-message" {
                self.errors.push(said["text"].as_str().unwrap_or_default().trim().to_owned());
            } else if said["event"] == "playback-restart" {
                self.restarts += 1;
            } else if said["event"].is_null() {
                return said["data"].clone();
            }
        }
    }

    pub async fn get(&mut self, property: &str) -> Value {
        self.ask(json!(["get_property", property])).await
    }

    /// Seeks, and answers where it arrived.
    pub async fn seek(&mut self, place: f64) -> f64 {
        let before = self.restarts;
        self.ask(json!(["seek", place, "absolute+exact"])).await;
        until("mpv arrives", async || {
            let arrived = self.get("time-pos").await.as_f64();
            arrived.filter(|_| self.restarts > before)
        })
        .await
    }
}

impl Drop for Mpv {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        _ = self.child.kill();
        _ = self.child.wait();
        process::end_all_in(self.folder.path());
    }
}
