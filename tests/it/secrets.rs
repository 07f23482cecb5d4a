//! Tokens of bots in a world where everything goes wrong: they are in no page, answer, event, log or file.

use crate::harness::World;
use crate::harness::bots::{SMALL_PACKS, Telegram};
use crate::harness::clip;
use crate::harness::upload::Sending;
use crate::harness::wait::until_true;
use futures::StreamExt as _;
use reqwest::Method;
use std::fs;
use std::sync::{Arc, Mutex};
use telegram_sim::{Bot, Fault, Operation, Settings, Trouble};
use tokio::task::JoinHandle;

/// Every address that shows something, `{id}` being a film.
const PATHS: [&str; 20] = [
    "/",
    "/watch/{id}",
    "/system",
    "/api/docs",
    "/api/openapi.json",
    "/api/videos",
    "/api/videos/{id}",
    "/api/videos/{id}/status",
    "/api/system/status",
    "/api/system/bots/status",
    "/api/system/migrate",
    "/api/system/affected",
    "/api/system/cache/stats",
    "/hls/{id}/master.m3u8",
    "/hls/{id}/v0/0.m4s",
    "/hls/{id}/v0/1.m4s",
    "/hls/{id}/a0/0.m4s",
    "/healthz",
    "/readyz",
    "/metrics",
];

/// What the bots meet, one after the other.
const TROUBLES: [(Operation, Trouble); 9] = [
    (Operation::Any, Trouble::Flood { seconds: 2 }),
    (Operation::GetFile, Trouble::Hang),
    (Operation::Send, Trouble::LoseAnswer),
    (Operation::Download, Trouble::FlipBit { at: 99 }),
    (Operation::Send, Trouble::Forbidden),
    (Operation::Any, Trouble::Reset),
    (Operation::Any, Trouble::Status { code: 502 }),
    (Operation::Download, Trouble::DropAfter { bytes: 100 }),
    (Operation::Delete, Trouble::Status { code: 500 }),
];

/// How often they meet all of it.
const SHIFTS: usize = 3;

/// What was said so far, by whom.
struct Said {
    secrets: Vec<String>,
    texts: Vec<(String, String)>,
}

impl Said {
    /// Of every token the part that nobody may know.
    fn nothing(telegram: &Telegram) -> Self {
        let secret = |token: &str| token.split_once(":SIMULATED-").unwrap().1.to_owned();
        Self { secrets: telegram.bots().iter().map(|bot| secret(&bot.token)).collect(), texts: Vec::new() }
    }

    fn add(&mut self, by: &str, bytes: &[u8]) {
        self.texts.push((by.to_owned(), String::from_utf8_lossy(bytes).into_owned()));
    }

    async fn hear_all_paths(&mut self, world: &World, video: &str) {
        for path in PATHS.map(|path| path.replace("{id}", video)) {
            let answer = world.get(&path).await;
            let head = format!("{:?}", answer.headers());
            // A body may break off, as everything else here.
            let body = answer.bytes().await.unwrap_or_default();
            self.add(&path, &[head.as_bytes(), &body].concat());
        }
        let tested = world.send(Method::POST, "/api/system/bots/test").await;
        self.add("the test of bots", &tested.bytes().await.unwrap());
    }

    fn hear_commands(&mut self, world: &World, commands: &[&[&str]]) {
        for arguments in commands {
            let output = world.run(arguments);
            self.add(&arguments.join(" "), &[output.stdout, output.stderr].concat());
        }
    }

    fn hear_disk(&mut self, world: &World) {
        for file in world.files("") {
            // What is there one moment may be gone the next.
            let bytes = fs::read(world.data().join(&file)).unwrap_or_default();
            self.add(&file.display().to_string(), &bytes);
        }
        self.add("the log", world.log().as_bytes());
    }

    fn assert_no_secret(&self) {
        for (by, text) in &self.texts {
            for secret in &self.secrets {
                let line = text.lines().find(|line| line.contains(secret.as_str()));
                assert!(line.is_none(), "{by} tells a token: {}", line.unwrap());
            }
        }
    }
}

/// Everything an event stream says until it ends.
fn listen(world: &World, path: &str) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (request, into) = (world.request(Method::GET, path), Arc::clone(&heard));
    let task = tokio::spawn(async move {
        let mut stream = request.send().await.unwrap().bytes_stream();
        while let Some(Ok(slice)) = stream.next().await {
            into.lock().unwrap().extend_from_slice(&slice);
        }
    });
    (heard, task)
}

/// Every trouble was met by some bot at least once.
fn assert_all_was_met(telegram: &Telegram) {
    let left: Vec<Fault> = telegram.bots().iter().flat_map(|bot| telegram.world().faults(bot.id)).collect();
    for (operation, trouble) in TROUBLES {
        let never = Fault::once(operation, trouble.clone());
        assert!(
            left.iter().filter(|fault| **fault == never).count() < SHIFTS,
            "no bot ever met {trouble:?} at {operation:?}"
        );
    }
}

#[tokio::test]
async fn a_token_is_told_to_nobody_whatever_goes_wrong() {
    let telegram = Telegram::of(Settings::bots(6).everywhere());
    let mut world = telegram.folder();
    let settings = [SMALL_PACKS, ("TELEGRAM_MESSAGES_PER_MINUTE", "3000"), ("LOG_LEVEL", "trace")];
    world.set(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let mut said = Said::nothing(&telegram);
    let (events, listening) = listen(&world, "/api/events");
    let bots = telegram.bots();
    let trouble = |shift: usize| {
        for (number, (operation, trouble)) in TROUBLES.iter().enumerate() {
            let bot = bots[(number + shift) % bots.len()].id;
            telegram.world().fault(bot, Fault::once(*operation, trouble.clone()));
        }
    };
    trouble(0);
    // Whoever looks for a lost message forwards it.
    let look = Fault::once(Operation::Forward, Trouble::LoseAnswer);
    telegram.world().fault_all(&look);
    let is_met = |bot: &Bot| !telegram.world().faults(bot.id).contains(&look);
    let accepted = world.accepted(&Sending::of(&clip::h264_aac(4))).await;
    let (progress, following) = listen(&world, &format!("/api/upload/{}/progress", accepted.upload));
    let video = accepted.video;
    world.ready(&video).await;
    trouble(1);
    said.hear_all_paths(&world, &video).await;
    world.protected(&video).await;
    until_true("a lost message is looked at", async || bots.iter().any(is_met)).await;

    // A copy that is gone is forwarded from a bot that is out, and a film is deleted.
    let doomed = world.published(&clip::matroska(4)).await;
    trouble(2);
    assert!(world.send(Method::DELETE, &format!("/api/videos/{doomed}?now=true")).await.status().is_success());
    until_true("it is forgotten", async || world.get(&format!("/api/videos/{doomed}")).await.status() == 404).await;
    for message in telegram.world().messages(bots[0].channel) {
        telegram.world().lose_message(bots[0].channel, message.id).unwrap();
    }
    telegram.world().revoke(bots[5].id).unwrap();
    assert_eq!(world.send(Method::POST, "/api/system/cache/clear").await.status(), 204);
    said.hear_all_paths(&world, &video).await;
    world.at_rest().await;
    said.hear_all_paths(&world, &video).await;
    said.hear_commands(&world, &[&["test-bots"], &["test-bots", "--json"], &["config"], &["config", "--json"]]);
    said.hear_disk(&world);

    // A server that reaches no Bot API at all.
    assert!(world.stop().await.success());
    listening.await.unwrap();
    following.await.unwrap();
    said.add("/api/events", &events.lock().unwrap());
    said.add("the progress of an upload", &progress.lock().unwrap());
    world.set([("TELEGRAM_API_URL".to_owned(), "http://127.0.0.1:1".to_owned())]);
    world.resume().await;
    said.hear_all_paths(&world, &video).await;
    said.hear_commands(&world, &[&["test-bots"], &["migrate", "--patience", "0"]]);
    said.hear_disk(&world);

    assert_all_was_met(&telegram);
    assert!(world.log().contains("TRACE"), "the log tells everything else");
    assert!(said.texts.iter().any(|(by, text)| by == "/api/events" && !text.is_empty()), "events were heard");
    said.assert_no_secret();
}

#[tokio::test]
async fn a_move_of_films_tells_no_token() {
    let telegram = Telegram::with(3);
    let mut world = World::start().await;
    world.published(&clip::h264_aac(4)).await;
    world.at_rest().await;
    assert!(world.stop().await.success());
    world.set(telegram.settings());
    world.set([("LOG_LEVEL".to_owned(), "trace".to_owned())]);
    telegram.world().fault_all(&Fault::once(Operation::Send, Trouble::Status { code: 500 }));
    telegram.world().fault_all(&Fault::once(Operation::Download, Trouble::FlipBit { at: 99 }));
    let mut said = Said::nothing(&telegram);
    said.hear_commands(&world, &[&["migrate"]]);
    said.hear_disk(&world);
    assert!(!telegram.messages().is_empty());
    said.assert_no_secret();
}
