//! A real Chromium, driven over `WebDriver`, with a profile of its own.

use super::process;
use super::wait::{until, within};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,900",
];

/// A browser window. Dropping it ends the browser and its driver.
pub struct Browser {
    page: Client,
    driver: Child,
    driver_url: String,
    profile: TempDir,
}

impl Browser {
    pub async fn open() -> Self {
        let profile = tempfile::Builder::new().prefix("browser-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let profile = profile.expect("a folder for the browser can be made");
        let (driver, driver_url) = driver(profile.path()).await;
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
        let mut wanted = Map::new();
        wanted.insert("goog:chromeOptions".to_owned(), json!({ "args": flags, "binary": chromium() }));
        wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted);
        let opened = within("the browser opens", builder.connect(&driver_url)).await;
        Self { page: opened.expect("the browser opens a session"), driver, driver_url, profile }
    }

    pub async fn goto(&self, url: &str) {
        within("a page loads", self.page.goto(url)).await.expect("the page can be loaded");
    }

    pub async fn resize(&self, width: u32, height: u32) {
        self.page.set_window_size(width, height).await.expect("the window takes a size");
    }

    /// The value of a script, which is the body of a function.
    pub async fn run(&self, script: &str) -> Value {
        within(script, self.page.execute(script, Vec::new())).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until the expression is true in the page.
    pub async fn until(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression})");
        until(what, async || (self.run(&script).await == true).then_some(())).await;
    }

    /// The expression's value once it is neither null nor undefined.
    pub async fn value(&self, what: &str, expression: &str) -> Value {
        let script = format!("return {expression}");
        until(what, async || Some(self.run(&script).await).filter(|value| !value.is_null())).await
    }

    /// Picks a file in a file input, as a person would in the dialog.
    pub async fn pick(&self, selector: &str, file: &Path) {
        let input = self.page.find(Locator::Css(selector)).await.expect("the file input is there");
        input.send_keys(file.to_str().expect("a test's path is plain")).await.expect("the input takes a file");
    }

    /// Sends a key to an element that has the focus then, as a keyboard does; `key` is a character, those without one as in
    /// the standard of web drivers.
    pub async fn press(&self, selector: &str, key: &str) {
        let element = self.page.find(Locator::Css(selector)).await.expect("the element is there");
        element.send_keys(key).await.expect("the element takes keys");
    }

    /// What the browser complained of so far, other than about things the caller expects.
    pub async fn complaints(&self) -> Vec<String> {
        let session = self.page.session_id().await.expect("the driver answers").expect("a session is open");
        let url = format!("{}/session/{session}/se/log", self.driver_url);
        let asked = reqwest::Client::new().request(Method::POST, url).json(&json!({ "type": "browser" }));
        let said: Value = asked.send().await.expect("the driver answers").json().await.expect("a log is JSON");
        let entries = said["value"].as_array().cloned().unwrap_or_default();
        let serious = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        serious.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Keeps a picture of the page under the target folder, for people.
    pub async fn keep_picture(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        fs::create_dir_all(&folder).expect("the folder of screenshots can be made");
        let path = folder.join(format!("{name}.png"));
        let picture = self.page.screenshot().await.expect("the browser takes a picture");
        fs::write(&path, picture).expect("a picture can be written");
        path
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // They may have ended by themselves, which is as good.
        _ = self.driver.kill();
        _ = self.driver.wait();
        process::end_all_in(self.profile.path());
    }
}

/// How often the driver may fail to start, and how long it takes at most.
const STARTS: usize = 5;
const START: Duration = Duration::from_secs(60);

/// Starts the driver on a port the system chooses, which it names in its log. It wants the port of both families of
/// addresses, and ends when the other one is taken; then it is started again.
async fn driver(folder: &Path) -> (Child, String) {
    let log = folder.join("driver.log");
    for _ in 0..STARTS {
        let output = File::create(&log).expect("a log can be made");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").current_dir(folder).env("HOME", folder);
        let started = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn();
        let mut driver = started.expect("chromedriver can be started");
        if let Ok(Some(port)) = timeout(START, port_of(&mut driver, &log)).await {
            return (driver, format!("http://127.0.0.1:{port}"));
        }
        // It may have ended by itself, which is as good.
        _ = driver.kill();
        _ = driver.wait();
    }
    panic!("chromedriver does not start: {}", fs::read_to_string(&log).unwrap_or_default());
}

/// The port that the driver says it listens on; none when it ended.
async fn port_of(driver: &mut Child, log: &Path) -> Option<u16> {
    until("chromedriver says on which port it listens, or ends", async || {
        let said = fs::read_to_string(log).unwrap_or_default();
        let line = said.lines().find(|line| line.contains("started successfully on port"));
        let port = line.and_then(|line| line.rsplit_once(' ')?.1.strip_suffix('.')?.parse().ok());
        let has_ended = driver.try_wait().expect("a child can be asked").is_some();
        (port.is_some() || has_ended).then_some(port)
    })
    .await
}

fn chromium() -> &'static str {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("Chromium is installed")
}
