//! The strict parser of another make, and its measurer of rates: `tests/players/strict.mjs`.

use super::wait::within;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where `make tools` puts what comes from other makers.
pub fn players() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/players");
    assert!(folder.join("node_modules").exists(), "there is no {}: run make tools", folder.display());
    folder
}

/// What it says of the film at the address of a master playlist.
pub async fn read_strictly(master: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/players/strict.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(master).current_dir(players()).kill_on_drop(true);
    let output = within("a film is read strictly", command.output()).await.expect("node can be started");
    let problem = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{master} ({error}): {problem}"))
}

/// What is wrong with it.
pub fn problems(said: &Value) -> Vec<String> {
    let listed = said["problems"].as_array().expect("a list of problems");
    listed.iter().map(|problem| problem.as_str().expect("a problem is text").to_owned()).collect()
}
