//! Download links: `getFile` tells where a file lies for at least an hour.

use super::super::error::TelegramError;
use super::super::id::FileId;
use super::http::Http;
use lru::LruCache;
use serde::Deserialize;
use serde_json::json;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Links of one bot that are still good, the latest used ones.
pub(super) struct Links {
    life: Duration,
    known: Mutex<LruCache<FileId, Link>>,
}

#[derive(Clone)]
struct Link {
    path: Arc<str>,
    told: Instant,
}

#[derive(Deserialize)]
struct File {
    file_path: String,
}

impl Links {
    pub(super) fn new(max: NonZeroUsize, life: Duration) -> Self {
        Self { life, known: Mutex::new(LruCache::new(max)) }
    }

    /// The path of a file, if it was told lately.
    pub(super) fn known(&self, file: &FileId) -> Option<Arc<str>> {
        let mut known = self.known.lock().expect("no panic while links are looked up");
        let link = known.get(file)?.clone();
        if link.told.elapsed() < self.life {
            return Some(link.path);
        }
        known.pop(file);
        None
    }

    pub(super) fn forget(&self, file: &FileId) {
        self.known.lock().expect("no panic while links are looked up").pop(file);
    }

    /// Asks for the path of a file and remembers it.
    pub(super) async fn ask(&self, http: &Http, file: &FileId) -> Result<Arc<str>, TelegramError> {
        let told = Instant::now();
        let parameters = json!({ "file_id": file });
        let answer: File = http.call("asking for a file", "getFile", &parameters, http.settings().first_byte).await?;
        let path: Arc<str> = answer.file_path.into();
        let link = Link { path: Arc::clone(&path), told };
        self.known.lock().expect("no panic while links are looked up").put(file.clone(), link);
        Ok(path)
    }
}
