//! Compressed playlists, made once for each version and shared by all workers.

use super::text::Text;
use crate::delivery::Playlist;
use crate::media::extent::Hash;
use lru::LruCache;
use std::sync::{Arc, Mutex, MutexGuard};

/// Most bytes of playlists kept, plain and compressed.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The playlists asked for last.
pub(super) struct Texts {
    kept: Mutex<Kept>,
    max_bytes: usize,
}

struct Kept {
    texts: LruCache<Hash, Arc<Text>>,
    bytes: usize,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self::of_size(MAX_BYTES)
    }

    fn of_size(max_bytes: usize) -> Self {
        Self { kept: Mutex::new(Kept { texts: LruCache::unbounded(), bytes: 0 }), max_bytes }
    }

    /// This version of a playlist, ready to be sent.
    pub(super) fn of(&self, playlist: &Playlist) -> Arc<Text> {
        if let Some(known) = self.kept().texts.get(&playlist.hash) {
            return Arc::clone(known);
        }
        // Compressed outside the lock: two who come at once both do it, and nobody else waits.
        let text = Arc::new(Text::new(playlist.text.clone()));
        let mut kept = self.kept();
        kept.bytes += text.weight();
        if let Some(replaced) = kept.texts.put(playlist.hash, Arc::clone(&text)) {
            kept.bytes -= replaced.weight();
        }
        while kept.bytes > self.max_bytes {
            let Some((_, evicted)) = kept.texts.pop_lru() else { break };
            kept.bytes -= evicted.weight();
        }
        text
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist(text: &str) -> Playlist {
        Playlist { text: text.into(), hash: Hash(*blake3::hash(text.as_bytes()).as_bytes()) }
    }

    #[test]
    fn texts_are_bounded_by_their_bytes_and_the_oldest_goes_first() {
        let texts = Texts::of_size(10);
        for text in ["12345", "67890", "12345", "abcde"] {
            texts.of(&playlist(text));
        }
        let kept = texts.kept();
        assert_eq!((kept.bytes, kept.texts.len()), (10, 2));
        assert!(!kept.texts.contains(&playlist("67890").hash));
    }
}
