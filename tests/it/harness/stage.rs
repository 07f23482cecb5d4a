//! The page on which players of several makes play the same films: `tests/players/stage.html`, served from
//! another origin than the films.

use super::browser::Browser;
use super::shelf::{Files, Manners, Shelf};
use super::strict::players;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// What of other makes is served, below `target/players/node_modules`. It is there for the long tests only.
const OF_OTHERS: [&str; 2] = ["shaka-player/dist/shaka-player.compiled.js", "video.js/dist/video.min.js"];

pub struct Stage {
    shelf: Shelf,
}

impl Stage {
    pub async fn built() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Files::new();
        for page in ["stage.html", "stage.mjs", "hls.mjs", "shaka.mjs", "videojs.mjs"] {
            let text = fs::read(project.join("tests/players").join(page)).expect("a file of the project");
            files.insert(format!("/{page}"), text);
        }
        for name in ["hls.mjs", "hls.worker.js"] {
            let text = fs::read(project.join("web/vendor").join(name)).expect("a file of the project");
            files.insert(format!("/vendor/{name}"), text);
        }
        for name in OF_OTHERS {
            if let Ok(text) = fs::read(players().join("node_modules").join(name)) {
                files.insert(format!("/{name}"), text);
            }
        }
        Self { shelf: Shelf::of(files, Manners::Good).await }
    }

    /// Where its page comes from, as `CORS_ALLOWED_ORIGINS` names it.
    pub fn origin(&self) -> String {
        self.shelf.url("")
    }

    /// What goes wrong when the player of this name plays a film, which is described as in `stage.mjs`.
    pub async fn faults(&self, player: &str, film: &Value) -> Vec<String> {
        self.seen(player, "stage", film).await
    }

    /// What goes wrong when it plays the forms of a sound, which are described there, too.
    pub async fn faults_of_forms(&self, player: &str, forms: &Value) -> Vec<String> {
        self.seen(player, "stageForms", forms).await
    }

    async fn seen(&self, player: &str, stage: &str, what: &Value) -> Vec<String> {
        let browser = Browser::open().await;
        browser.goto(&self.shelf.url("/stage.html")).await;
        browser.until("the stage is built", "window.stage").await;
        browser.run(&format!("{stage}({}, {what})", Value::from(player))).await;
        let faults = browser.value(&format!("{player} has played"), "window.faults").await;
        let faults = faults.as_array().expect("a list of faults").clone();
        let mut faults: Vec<String> = faults.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        faults.extend(browser.complaints().await);
        faults
    }
}
