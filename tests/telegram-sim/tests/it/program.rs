//! The program: killed and started again, and the environment it writes.

use crate::client::{Talk, answer, document, noise};
use reqwest::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use telegram_sim::{Bot, Settings, World};
use tokio::task::JoinSet;

const PROGRAM: &str = env!("CARGO_BIN_EXE_telegram-sim");

/// A running program. It is killed when this is dropped.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn serve(folder: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg("--folder").arg(folder).args(["--port", "0"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("telegram-sim serves ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SIGKILL: nothing in the program can prepare for it.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--folder").arg(folder).output().unwrap()
}

fn lines(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter(|line| !line.starts_with('#')).map(|line| pair(line).unwrap()).collect()
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut sent: BTreeMap<i64, usize> = BTreeMap::new();
    for round in 0..6 {
        let program = Program::serve(folder.path(), &["--bots", "1"]);
        let bot = World::bots_in(folder.path()).unwrap().remove(0);
        let mut sends = JoinSet::new();
        for number in 0..20 {
            let len = 1 + number * 60_000 + round;
            let form = document(noise(len)).text("chat_id", bot.channel.to_string());
            let post = Client::new().post(format!("{}/bot{}/sendDocument", program.url, bot.token)).multipart(form);
            sends.spawn(async move {
                let message = answer(post.send().await?).await?.result();
                Ok::<_, reqwest::Error>((message["message_id"].as_i64().unwrap(), len))
            });
        }
        // The others are cut off wherever they are.
        for _ in 0..=round * 3 {
            let (message, len) = sends.join_next().await.unwrap().unwrap().unwrap();
            assert_eq!(sent.insert(message, len), None, "a number was used twice");
        }
        drop(program);
        while let Some(late) = sends.join_next().await {
            sent.extend(late.unwrap().ok());
        }
    }
    let world = World::open(Settings::default().kept_in(folder.path())).unwrap();
    let stored = world.messages(world.bots()[0].channel);
    for message in &stored {
        let document = message.document.as_ref().unwrap();
        let bytes = fs::read(&document.path).unwrap();
        assert_eq!(bytes.len() as u64, document.size);
        assert_eq!(blake3::hash(&bytes).to_hex().to_string(), document.blake3);
    }
    for (id, len) in sent {
        let found = stored.iter().find(|message| message.id.0 == id).and_then(|message| message.document.as_ref());
        assert_eq!(found.map(|document| document.size), Some(len as u64), "message {id}");
    }
}

#[tokio::test]
async fn the_environment_is_what_a_server_needs_and_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.env");
    let options = ["--bots", "2", "--everywhere", "--env-file", file.to_str().unwrap()];
    let program = Program::serve(&folder.path().join("world"), &options);
    let written = lines(&fs::read_to_string(&file).unwrap());
    assert_eq!(
        written.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "TELEGRAM_API_URL",
            "TELEGRAM_BOT_TOKEN_1",
            "TELEGRAM_BOT_TOKEN_2",
            "TELEGRAM_CHANNEL_ID_1",
            "TELEGRAM_CHANNEL_ID_2",
        ]
    );
    assert_eq!(written["TELEGRAM_API_URL"], program.url);
    let address = format!("{}/bot{}/getChat", program.url, written["TELEGRAM_BOT_TOKEN_1"]);
    let chat = Client::new().post(address).json(&json!({ "chat_id": written["TELEGRAM_CHANNEL_ID_2"] }));
    answer(chat.send().await.unwrap()).await.unwrap().result();

    let printed = run(&["env", "--port", "8081"], &folder.path().join("world"));
    let mut expected = written.clone();
    expected.insert("TELEGRAM_API_URL".to_owned(), "http://127.0.0.1:8081".to_owned());
    assert_eq!(lines(&String::from_utf8(printed.stdout).unwrap()), expected);
    drop(program);
    let again = Program::serve(&folder.path().join("world"), &options);
    let mut rewritten = lines(&fs::read_to_string(&file).unwrap());
    assert_eq!(rewritten.remove("TELEGRAM_API_URL").unwrap(), again.url);
    assert!(rewritten.iter().all(|(name, value)| written[name] == *value));
}

/// A program with a bot that has sent a document of so many bytes, and the link to that.
async fn with_a_document(options: &[&str], len: usize) -> (Program, tempfile::TempDir, Bot, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), &[&["--bots", "1"], options].concat());
    let bot = World::bots_in(folder.path()).unwrap().remove(0);
    let form = document(noise(len)).text("chat_id", bot.channel.to_string());
    let post = Client::new().post(format!("{}/bot{}/sendDocument", program.url, bot.token)).multipart(form);
    let sent = answer(post.send().await.unwrap()).await.unwrap().result();
    let asked = Client::new()
        .post(format!("{}/bot{}/getFile", program.url, bot.token))
        .json(&json!({ "file_id": sent["document"]["file_id"] }));
    let file = answer(asked.send().await.unwrap()).await.unwrap().result();
    let link = format!("{}/file/bot{}/{}", program.url, bot.token, file["file_path"].as_str().unwrap());
    (program, folder, bot, link)
}

#[tokio::test]
async fn told_so_the_program_ignores_ranges() {
    for (options, status, bytes) in [(&[][..], 206, 10), (&["--no-range"], 200, 1000)] {
        let (_program, _folder, _, link) = with_a_document(options, 1000).await;
        let read = Client::new().get(link).header("Range", "bytes=10-19").send().await.unwrap();
        assert_eq!(read.status(), status);
        assert_eq!(read.bytes().await.unwrap().len(), bytes);
    }
}

#[tokio::test]
async fn told_so_the_program_takes_its_time_before_each_answer() {
    let (program, _folder, bot, _) = with_a_document(&["--latency-ms", "300"], 1).await;
    let begun = Instant::now();
    Client::new().get(format!("{}/bot{}/getMe", program.url, bot.token)).send().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn told_so_the_program_sends_no_faster() {
    let (_program, _folder, _, link) = with_a_document(&["--bandwidth", "100000"], 100_000).await;
    let begun = Instant::now();
    let bytes = Client::new().get(link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len(), 100_000);
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn told_so_the_program_takes_few_messages() {
    let (program, _folder, bot, _) = with_a_document(&["--messages-per-minute", "2"], 1).await;
    let say = async || {
        let words = json!({ "chat_id": bot.channel, "text": "words" });
        let post = Client::new().post(format!("{}/bot{}/sendMessage", program.url, bot.token)).json(&words);
        answer(post.send().await.unwrap()).await.unwrap()
    };
    say().await.result();
    let (code, words) = say().await.refusal();
    assert!(code == 429 && words.contains("retry after"), "{words}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = |output: Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let none = said(run(&["env"], folder.path()));
    assert!(none.contains("simulator's folder"), "{none}");
    let _running = Program::serve(folder.path(), &["--bots", "1"]);
    let second = said(run(&["serve", "--port", "0"], folder.path()));
    assert!(second.contains("another simulator uses"), "{second}");
    let precious = folder.path().join(".env");
    fs::write(&precious, "TELEGRAM_BOT_TOKEN_1=real\n").unwrap();
    let elsewhere = folder.path().join("other");
    let refused = said(run(&["serve", "--port", "0", "--env-file", precious.to_str().unwrap()], &elsewhere));
    assert!(refused.contains("not a file of the simulator"), "{refused}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "TELEGRAM_BOT_TOKEN_1=real\n");
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_so() {
    let talk = Talk::bots(0);
    let port: u16 = talk.sim.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = telegram_sim::Simulator::start(Settings { port, ..Settings::default() }).unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
}
