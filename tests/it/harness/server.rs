//! The server under test: the real program in a folder of its own, started, stopped, killed and
//! started again.

use super::process::{self, Process};
use super::wait::until;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

/// What a story sets for its server unless it says otherwise.
const USUAL: [(&str, &str); 4] = [
    ("LOCAL_PORT", "0"),
    ("COPY_MODE_MIN_SIZE", "0"),
    ("ENABLE_HARDWARE_ACCELERATION", "false"),
    ("LOG_LEVEL", "info"),
];

/// A server and its folder.
pub struct World {
    folder: TempDir,
    settings: Vec<(String, String)>,
    server: Option<Child>,
    address: Option<SocketAddr>,
    http: Client,
}

impl World {
    /// A running server with nothing in it.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A running server with these variables set, too.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let mut world = Self::prepared(settings);
        world.resume().await;
        world
    }

    /// A folder without a server.
    pub fn prepared(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("world-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let settings = USUAL.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            folder: folder.expect("a folder for the test can be made"),
            settings: settings.collect(),
            server: None,
            address: None,
            // A kept connection may be closed by the server just when it is used again.
            http: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()
                .expect("a client without settings can be built"),
        }
    }

    /// Sets more variables, from the next start on.
    pub fn set(&mut self, settings: impl IntoIterator<Item = (String, String)>) {
        self.settings.extend(settings);
    }

    /// Starts the server on the folder as it is and waits until it answers.
    pub async fn resume(&mut self) {
        assert!(self.server.is_none(), "the server of this test runs already");
        // What a killed server left there names an address where nobody listens.
        _ = fs::remove_file(self.data().join("server.json"));
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log can be written");
        let started = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn();
        self.server = Some(started.expect("the server can be started"));
        let address = until("the server says where it listens", async || self.announced()).await;
        self.address = Some(address);
        until("the server is ready", async || {
            self.assert_alive();
            self.request(Method::GET, "/readyz").send().await.ok().filter(|answer| answer.status() == StatusCode::OK)
        })
        .await;
    }

    /// The program with these arguments, in the test's folder and environment and no other.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_telecine"));
        command.args(arguments).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("DATA_DIR", self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program can be started")
    }

    fn announced(&mut self) -> Option<SocketAddr> {
        self.assert_alive();
        let text = fs::read(self.data().join("server.json")).ok()?;
        serde_json::from_slice::<Value>(&text).ok()?["address"].as_str()?.parse().ok()
    }

    fn assert_alive(&mut self) {
        let ended = self.server.as_mut().and_then(|server| server.try_wait().expect("a child can be asked"));
        assert!(ended.is_none(), "the server ended by itself: {ended:?}");
    }

    /// Asks the server to stop (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut server = self.server.take().expect("the server runs");
        until("the server stops", async || server.try_wait().expect("a child can be asked")).await
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.server.take().expect("the server runs").wait().expect("a killed child can be waited for");
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().expect("the server runs");
        let pid = Pid::from_child(server);
        kill_process(pid, signal).expect("a child that was not waited for can be signalled");
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("the server runs").id()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The test's folder, which holds the data folder and nothing else of the server's.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// Everything the server has logged.
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Files below a folder of the data folder, as paths below it, in order.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        let root = self.data().join(below);
        let mut folders = vec![root.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            // A folder may go while it is walked: then there is nothing in it.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&root).expect("a file below the root").to_owned());
                }
            }
        }
        found.sort();
        found
    }

    /// Processes of ffmpeg that work for this server.
    pub fn ffmpegs(&self) -> Vec<Process> {
        process::ffmpegs_in(self.folder.path())
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("the server was started")
    }

    /// The whole address of a path of the server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A request to the server.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// The answer to a plain GET.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("the server answers")
    }

    /// The answer to a request without a body.
    pub async fn send(&self, method: Method, path: &str) -> Response {
        self.request(method, path).send().await.expect("the server answers")
    }

    /// The JSON at a path, which must be there.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = answer.text().await.expect("an answer arrives whole");
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} is no JSON ({error}): {text}"))
    }

    /// The bytes at a path, which must be there.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.bytes().await.expect("an answer arrives whole").to_vec()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may be gone already, which is what is wanted.
            _ = server.kill();
            _ = server.wait();
        }
        process::end_all_in(self.folder.path());
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(150)..];
            eprintln!("--- the server's last words ---\n{}\n--- end ---", last.join("\n"));
        }
    }
}
