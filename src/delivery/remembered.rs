//! Answers of the catalog that are still true: kept with the catalog's version, and good for as
//! long as nothing was committed since. So the tenth request for a thing costs no database, and a
//! deleted video is gone with the commit that deletes it.

use crate::media::extent::{Hash as Chunk, Place, PlacedPiece};
use crate::media::id::BlobId;
use lru::LruCache;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// The answers asked for last, at most so many. No operation waits.
pub(super) struct Remembered<K: Hash + Eq, V> {
    answers: Mutex<LruCache<K, (u64, V)>>,
}

impl<K: Hash + Eq, V: Clone> Remembered<K, V> {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { answers: Mutex::new(LruCache::new(most)) }
    }

    /// The answer, if it was read at this version of the catalog.
    pub(super) fn get(&self, key: &K, version: u64) -> Option<V> {
        self.answers().get(key).filter(|(read_at, _)| *read_at == version).map(|(_, value)| value.clone())
    }

    /// Keeps an answer that was read after the catalog was asked for this version.
    pub(super) fn keep(&self, key: K, version: u64, value: &V) {
        self.answers().put(key, (version, value.clone()));
    }

    fn answers(&self) -> MutexGuard<'_, LruCache<K, (u64, V)>> {
        self.answers.lock().expect("nothing panics while holding it")
    }
}

/// Things made at the same time.
const AT_ONCE: usize = 64;

/// Who makes a thing that is not remembered. Others who want it wait, and find it made; now and then somebody waits for
/// another thing, as there are fewer turns than things.
pub(super) struct Turns {
    turns: [tokio::sync::Mutex<()>; AT_ONCE],
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { turns: std::array::from_fn(|_| tokio::sync::Mutex::default()) }
    }

    /// The turn to make what has this name.
    pub(super) async fn take(&self, name: &impl Hash) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let at = hasher.finish() % AT_ONCE as u64;
        self.turns[at as usize].lock().await
    }
}

/// The lists of a few blobs may lie there for nothing before they are swept out.
const FEW: usize = 256;

/// The hashes of a blob's chunks: one list for all places in it that are remembered. With the largest packs it is 256 KB.
pub(super) struct SharedHashes {
    known: Mutex<HashMap<BlobId, Weak<[Chunk]>>>,
}

impl SharedHashes {
    pub(super) fn new() -> Self {
        Self { known: Mutex::default() }
    }

    /// Takes the list that is known instead of that of a place which was just read.
    pub(super) fn share(&self, pieces: &mut [PlacedPiece]) {
        let mut known = self.known.lock().expect("nothing panics while holding it");
        if known.len() > FEW && known.len() == known.capacity() {
            known.retain(|_, list| list.strong_count() > 0);
        }
        for PlacedPiece { place, .. } in pieces {
            let Place::Store(blob) = place else { continue };
            match known.get(&blob.id).and_then(Weak::upgrade) {
                Some(shared) => Arc::make_mut(blob).chunks = shared,
                None => drop(known.insert(blob.id, Arc::downgrade(&blob.chunks))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_one_version_only() {
        let remembered = Remembered::new(NonZeroUsize::MIN);
        remembered.keep("a", 7, &1);
        assert_eq!((remembered.get(&"a", 7), remembered.get(&"a", 8), remembered.get(&"a", 6)), (Some(1), None, None));
        remembered.keep("b", 7, &2);
        assert_eq!((remembered.get(&"a", 7), remembered.get(&"b", 7)), (None, Some(2)));
    }
}
