//! Senders of uploads that were not written for this server, unmodified: tuspy, tus-js-client in node, and
//! the page, which uses tus-js-client in a browser.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, Clip};
use crate::harness::strict::players;
use crate::harness::tus::KEPT;
use crate::harness::wait::{until, until_true, within};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tus").join(name)
}

fn python() -> PathBuf {
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let python = std::env::var_os("TELECINE_TEST_PYTHON").map_or_else(made, PathBuf::from);
    assert!(python.exists(), "there is no {}: run make tools", python.display());
    python
}

fn node(told: &Value) -> Command {
    let mut command = Command::new("node");
    command.arg(script("sender.mjs")).arg(told.to_string()).current_dir(players()).kill_on_drop(true);
    command
}

/// The path of the upload whose address a sender said last.
async fn place(world: &World, what: &str, mut command: Command) -> String {
    let output = within(what, command.output()).await.expect("the sender can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path_of(world, &String::from_utf8(output.stdout).unwrap())
}

fn path_of(world: &World, said: &str) -> String {
    let said = said.trim();
    let path = said.strip_prefix(&world.url("")).unwrap_or(said);
    assert!(path.starts_with("/api/uploads/"), "{said} is no upload here");
    path.to_owned()
}

/// The film has the bytes of the clip and this title.
async fn assert_became(world: &World, place: &str, clip: &Clip, title: &str) {
    world.assert_became(place, &clip.bytes()).await;
    assert_eq!(world.videos().await[0]["title"], title);
}

#[tokio::test]
async fn tuspy_sends_in_chunks_with_checksums_and_goes_on_from_its_storage() {
    let world = World::with(&[KEPT]).await;
    let clip = clip::mpeg4_mp3(8);
    let storage = world.folder().join("storage.json");
    let told = json!({ "endpoint": world.url("/api/uploads"), "file": clip.path, "storage": storage });
    let mut command = Command::new(python());
    command.arg("-B").arg(script("sender.py")).arg(told.to_string()).kill_on_drop(true);
    let place = place(&world, "tuspy sends a film", command).await;
    assert_became(&world, &place, &clip, "Sent by tuspy").await;
}

#[tokio::test]
async fn tus_js_client_goes_on_by_itself_when_a_killed_server_is_back() {
    let mut world = World::with(&[KEPT]).await;
    world.set([("LOCAL_PORT".to_owned(), world.address().port().to_string())]);
    let clip = clip::mpeg4_mp3(8);
    let told = json!({ "endpoint": world.url("/api/uploads"), "file": clip.path, "pause_at": 3 });
    let mut sender = node(&told).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node can be started");
    let mut said = BufReader::new(sender.stdout.take().unwrap()).lines();
    assert_eq!(within("half is sent", said.next_line()).await.unwrap().as_deref(), Some("half"));
    world.kill();
    let mut stdin = sender.stdin.take().unwrap();
    stdin.write_all(b"go on\n").await.unwrap();
    world.resume().await;
    let url = within("the rest is sent", said.next_line()).await.unwrap().expect("it was sent");
    assert_became(&world, &path_of(&world, &url), &clip, "Sent by tus-js-client").await;
    assert_eq!((world.videos().await.len(), world.begun_in_pieces()), (1, 1), "it did not begin anew");
}

#[tokio::test]
async fn tus_js_client_sends_parts_side_by_side() {
    let world = World::with(&[KEPT]).await;
    let clip = clip::mpeg4_mp3(8);
    let told = json!({ "endpoint": world.url("/api/uploads"), "file": clip.path, "parts": 4 });
    let place = place(&world, "tus-js-client sends parts", node(&told)).await;
    assert_became(&world, &place, &clip, "Sent by tus-js-client").await;
}

/// Lets the page send a half of the file, and nothing more until it may.
const HALF: &str = "let pieces = 0;
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
      if (!(body instanceof Blob) || window.whole) send.call(this, body);
      else if (!pieces++) send.call(this, body.slice(0, body.size / 2));
    };";

/// A half of the clip is sent by the page; its address.
async fn half_sent(world: &World, browser: &Browser, clip: &Clip) -> String {
    browser.goto(&world.url("/")).await;
    browser.run(HALF).await;
    browser.pick("#file-input", &clip.path).await;
    let half = clip.bytes().len() as u64 / 2;
    until("half of it has come", async || {
        let stored = browser.run("return Object.values(localStorage).find((text) => text.includes('uploadUrl'))").await;
        let stored: Value = serde_json::from_str(stored.as_str()?).ok()?;
        let place = path_of(world, stored["uploadUrl"].as_str()?);
        (world.became(&place).await["bytes_received"].as_u64()? >= half).then_some(place)
    })
    .await
}

#[tokio::test]
async fn a_film_picked_again_after_a_reload_goes_on_where_it_was() {
    let world = World::with(&[KEPT]).await;
    let clip = clip::mpeg4_mp3(8);
    let browser = Browser::open().await;
    let place = half_sent(&world, &browser, &clip).await;
    browser.goto("about:blank").await;
    browser.goto(&world.url("/")).await;
    assert!(world.videos().await.is_empty(), "only a half of it was sent");

    browser.pick("#file-input", &clip.path).await;

    until_true("it is a film", async || world.became(&place).await["video_id"].is_string()).await;
    world.assert_became(&place, &clip.bytes()).await;
    assert_eq!((world.videos().await.len(), world.begun_in_pieces()), (1, 1), "it did not begin anew");
}

/// Lets the page be told once that the server is busy when it asks how far an upload is, and once get no
/// answer when it asks what has become of it.
const BUSY: &str = "const { open } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, ...rest) {
      this.isBusy = method === 'HEAD' && !window.wasBusy;
      if (this.isBusy) window.wasBusy = true;
      open.call(this, method, ...rest);
    };
    const { get } = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, 'status');
    Object.defineProperty(XMLHttpRequest.prototype, 'status', { get() { return this.isBusy ? 503 : get.call(this); } });
    const ask = window.fetch;
    window.fetch = (path, ...rest) => {
      if (!path.endsWith('/progress') || window.wasLost) return ask(path, ...rest);
      window.wasLost = true;
      return Promise.reject(new TypeError('lost'));
    };";

#[tokio::test]
async fn the_page_sends_nothing_twice_because_the_server_could_not_be_asked() {
    let world = World::with(&[KEPT]).await;
    let clip = clip::mpeg4_mp3(8);
    let browser = Browser::open().await;
    half_sent(&world, &browser, &clip).await;
    browser.goto("about:blank").await;
    browser.goto(&world.url("/")).await;
    browser.run(BUSY).await;

    browser.pick("#file-input", &clip.path).await;

    browser
        .until("the page tells of it", "document.querySelector('.upload .what')?.textContent.startsWith('Ready')")
        .await;
    assert_eq!(browser.run("return [window.wasBusy, window.wasLost]").await, json!([true, true]));
    assert_eq!((world.videos().await.len(), world.begun_in_pieces()), (1, 1), "it did not begin anew");
}

#[tokio::test]
async fn the_page_pauses_an_upload_and_continues_it_after_a_restart_of_the_server() {
    let mut world = World::with(&[KEPT]).await;
    world.set([("LOCAL_PORT".to_owned(), world.address().port().to_string())]);
    let clip = clip::mpeg4_mp3(8);
    let browser = Browser::open().await;
    half_sent(&world, &browser, &clip).await;
    let link = |name: &str| {
        format!("[...document.querySelectorAll('.upload .link')].find((link) => link.textContent === '{name}')")
    };
    browser.until("it can be paused", &link("Pause")).await;
    browser.run(&format!("{}.click()", link("Pause"))).await;
    browser.until("it is paused", "document.querySelector('.upload .what')?.textContent.startsWith('Paused')").await;
    world.kill();
    browser.run(&format!("window.whole = true; {}.click()", link("Continue"))).await;
    let waits = "document.querySelector('.upload .what')?.textContent === 'Waiting for the server'";
    browser.until("it waits for the server", waits).await;
    world.resume().await;
    let film = until("it is a film", async || world.videos().await.first().cloned()).await;
    world.ready(film["id"].as_str().unwrap()).await;
    browser
        .until("the page tells of it", "document.querySelector('.upload .what')?.textContent.startsWith('Ready')")
        .await;
    assert_eq!((world.videos().await.len(), world.begun_in_pieces()), (1, 1), "it did not begin anew");
}

/// Keeps from the page, until it calls `answer`, that the server made it a place; whoever breaks that off never hears.
const ASKING: &str = "const { set } = Object.getOwnPropertyDescriptor(XMLHttpRequestEventTarget.prototype, 'onload');
    const { abort, open } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, ...rest) {
      this.asks = method === 'POST' && !window.answer;
      open.call(this, method, ...rest);
    };
    XMLHttpRequest.prototype.abort = function () {
      this.isGone = true;
      abort.call(this);
    };
    Object.defineProperty(XMLHttpRequest.prototype, 'onload', { set(heard) {
      set.call(this, (event) => {
        if (this.asks) window.answer = () => this.isGone || heard(event);
        else heard(event);
      });
    } });";

#[tokio::test]
async fn an_upload_that_is_paused_while_the_page_asks_for_its_place_is_begun_once() {
    let world = World::with(&[KEPT]).await;
    let clip = clip::mpeg4_mp3(8);
    let browser = Browser::open().await;
    browser.goto(&world.url("/")).await;
    browser.run(ASKING).await;
    browser.pick("#file-input", &clip.path).await;
    browser.until("the server made it a place", "window.answer").await;
    let link = |name: &str| {
        format!("[...document.querySelectorAll('.upload .link')].find((link) => link.textContent === '{name}')")
    };
    browser.run(&format!("{}.click()", link("Pause"))).await;
    browser.until("it is paused", "document.querySelector('.upload .what')?.textContent.startsWith('Paused')").await;
    browser.run("window.answer()").await;
    browser.until("its place is kept", "Object.values(localStorage).some((text) => text.includes('uploadUrl'))").await;
    assert_eq!(world.recorded_bytes(), 0, "a paused one sends nothing");

    browser.run(&format!("{}.click()", link("Continue"))).await;

    browser
        .until("the page tells of it", "document.querySelector('.upload .what')?.textContent.startsWith('Ready')")
        .await;
    assert_eq!((world.videos().await.len(), world.begun_in_pieces()), (1, 1));
}
