//! A client that knows nothing of the simulator: python-telegram-bot, unmodified.

use crate::client::Talk;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use telegram_sim::{Rights, Standing};

/// The interpreter that `make tools` made.
fn python() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = || workspace.join("target/python/bin/python");
    let python = std::env::var_os("TELECINE_TEST_PYTHON").map_or_else(made, PathBuf::from);
    assert!(python.exists(), "there is no {}: run make tools", python.display());
    python
}

#[test]
fn python_telegram_bot_finds_what_it_expects() {
    let python = python();
    let talk = Talk::bots(3);
    let administrator = Standing::Administrator(Rights::ALL);
    talk.world().set_standing(talk.bot(0).channel, talk.bot(1).id, administrator).unwrap();
    let told = |number| {
        let bot = talk.bot(number);
        json!({ "token": bot.token, "id": bot.id, "channel": bot.channel })
    };
    let bots: Value = (0..3).map(told).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign.py");
    let world = json!({ "url": talk.sim.url(), "bots": bots });
    let output = Command::new(python).arg("-B").arg(script).arg(world.to_string()).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", said(&output.stderr));
    assert_eq!(said(&output.stdout), "every fact held\n");
}
