//! Which chunk lies in which slot of the file, and which slot is written next. Bookkeeping only; nothing waits.

#[cfg(test)]
mod tests;

use crate::cache::memory::ChunkKey;
use crate::cache::ranking::{ONE_VIEWING, Ranking, Standing, Worth};
use crate::cache::worth::Ledger;
use crate::media::id::BlobId;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// A chunk that a run of the program leaves to the next one.
pub(super) type Left = (ChunkKey, Slot, Worth);

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) number: u32,
    /// Bytes of the chunk.
    pub(super) len: u32,
    /// Whether its bytes are known to be those that were verified: written by this run of the program, or compared with
    /// their hash since it began.
    pub(super) is_proven: bool,
}

struct Kept {
    slot: Slot,
    /// Whether an earlier run left it.
    is_left: bool,
    /// When it was read first.
    read: Option<Instant>,
    /// Whether it was brought ahead, and left the memory before anybody asked for it.
    is_ahead: bool,
}

impl Kept {
    fn new(slot: Slot, is_left: bool) -> Self {
        Self { slot, is_left, read: None, is_ahead: false }
    }
}

pub(super) struct Slots {
    ranking: Ranking<ChunkKey, Kept>,
    free: Vec<u32>,
    /// Those that take no room on the file system.
    empty: Vec<u32>,
    /// Slots the file has.
    made: u32,
    /// Slots that may take room now; `most` when the file system has some.
    allowed: u32,
    most: u32,
    /// How many read which slot now.
    readers: HashMap<u32, u32>,
    /// Slots to be free once nobody reads them any more.
    leaving: HashSet<u32>,
    /// Blobs that are gone for good: what of them is still on its way is not taken.
    forgotten: HashSet<BlobId>,
    ledger: Ledger,
    pub(super) evictions: u64,
}

impl Slots {
    /// An empty file that may grow to so many slots.
    pub(super) fn new(most: u32, ledger: Ledger) -> Self {
        Self {
            ranking: Ranking::new(u64::from(most)),
            free: Vec::new(),
            empty: Vec::new(),
            made: 0,
            allowed: most,
            most,
            readers: HashMap::new(),
            leaving: HashSet::new(),
            forgotten: HashSet::new(),
            ledger,
            evictions: 0,
        }
    }

    /// What an earlier run left in the first `made` slots, those first that go first.
    pub(super) fn restored(most: u32, made: u32, chunks: Vec<Left>, ledger: Ledger) -> Self {
        let mut slots = Self { made: made.min(most), ..Self::new(most, ledger) };
        let mut used = vec![false; slots.made as usize];
        for (key, slot, worth) in chunks {
            let is_free = used.get_mut(slot.number as usize).is_some_and(|used| !std::mem::replace(used, true));
            if is_free {
                for (_, replaced) in slots.ranking.insert(key, Kept::new(slot, true), 1, worth) {
                    used[replaced.slot.number as usize] = false;
                }
            }
        }
        slots.empty = (0..slots.made).rev().filter(|number| !used[*number as usize]).collect();
        slots
    }

    pub(super) fn holds(&self, key: &ChunkKey) -> bool {
        self.ranking.contains(key)
    }

    /// A slot to write a chunk into; nobody else gets it before `settle` or `give_back`. `None` when the chunk is there
    /// already or of a blob that is gone, or no slot can be had.
    pub(super) fn take(&mut self, key: &ChunkKey) -> Option<u32> {
        if self.holds(key) || self.forgotten.contains(&key.blob) {
            return None;
        }
        loop {
            if let Some(number) = self.free.pop() {
                return Some(number);
            }
            if self.used() < self.allowed {
                if let Some(number) = self.empty.pop() {
                    return Some(number);
                }
                let number = self.made;
                self.made += 1;
                if !self.readers.contains_key(&number) {
                    return Some(number);
                }
                // The file was emptied in the middle of their reading.
                self.leaving.insert(number);
                continue;
            }
            self.evict()?;
        }
    }

    /// The chunk that goes first makes room.
    fn evict(&mut self) -> Option<()> {
        let (_, kept) = self.ranking.evict()?;
        self.evictions += 1;
        self.let_go(&kept);
        Some(())
    }

    /// The chunk is not in the ranking any more.
    fn let_go(&mut self, kept: &Kept) {
        self.ledger.wasted(u64::from(kept.is_ahead));
        self.release(kept.slot.number);
    }

    /// Whether the chunk is here, which was brought ahead and left the memory before anybody asked for it.
    pub(super) fn takes_over(&mut self, key: &ChunkKey) -> bool {
        let kept = self.ranking.peek_mut(key);
        kept.map(|kept| kept.is_ahead = true).is_some()
    }

    /// The chunk lies there now.
    pub(super) fn settle(&mut self, key: ChunkKey, slot: Slot, standing: Standing) {
        if slot.number >= self.made {
            // The file was emptied meanwhile.
            return;
        }
        if self.forgotten.contains(&key.blob) {
            return self.release(slot.number);
        }
        for (_, gone) in self.ranking.insert(key, Kept::new(slot, false), 1, standing) {
            self.let_go(&gone);
        }
    }

    /// Nothing of use was written there.
    pub(super) fn give_back(&mut self, number: u32) {
        self.release(number);
    }

    /// Where a chunk lies. Its slot is left alone until `end_reading`. Whoever it was brought for may read it, and again at
    /// once, which makes it worth no more.
    pub(super) fn begin_reading(&mut self, key: &ChunkKey) -> Option<Slot> {
        let kept = self.ranking.peek_mut(key)?;
        if std::mem::take(&mut kept.is_ahead) {
            self.ledger.useful();
        }
        let since_read = kept.read.get_or_insert_with(Instant::now).elapsed();
        let is_same_viewing = !kept.is_left && since_read < ONE_VIEWING;
        let kept = if is_same_viewing { self.ranking.touch(key) } else { self.ranking.get(key) };
        let slot = kept?.slot;
        *self.readers.entry(slot.number).or_default() += 1;
        Some(slot)
    }

    /// Answers whether the chunk has lain there all the time.
    pub(super) fn end_reading(&mut self, key: &ChunkKey, number: u32) -> bool {
        let is_there = self.ranking.peek_mut(key).is_some_and(|kept| kept.slot.number == number);
        let Some(readers) = self.readers.get_mut(&number) else { return is_there };
        *readers -= 1;
        if *readers == 0 {
            self.readers.remove(&number);
            if self.leaving.remove(&number) {
                self.release(number);
            }
        }
        is_there
    }

    /// The chunk's bytes were compared with their hash.
    pub(super) fn prove(&mut self, key: &ChunkKey, number: u32) {
        if let Some(kept) = self.ranking.peek_mut(key).filter(|kept| kept.slot.number == number) {
            kept.slot.is_proven = true;
        }
    }

    /// What lies in this slot is not the chunk.
    pub(super) fn forget(&mut self, key: &ChunkKey, number: u32) {
        if self.ranking.peek_mut(key).is_some_and(|kept| kept.slot.number == number) {
            self.ranking.remove(key);
            self.release(number);
        }
    }

    /// Forgets every chunk of these blobs, which never come back, and answers where they lay: their bytes are to be erased.
    pub(super) fn forget_blobs(&mut self, blobs: &HashSet<BlobId>) -> Vec<u32> {
        self.forgotten.extend(blobs);
        let gone = self.ranking.retain(|key, _| !blobs.contains(&key.blob));
        self.throw_away(&gone);
        let gone: Vec<u32> = gone.into_iter().map(|(_, kept)| kept.slot.number).collect();
        let (read, unread): (Vec<u32>, Vec<u32>) = gone.iter().partition(|number| self.readers.contains_key(number));
        self.leaving.extend(read);
        self.empty.extend(unread);
        gone
    }

    /// What lies there for the next run, in the order of `restored`.
    pub(super) fn left(&self) -> Vec<Left> {
        self.ranking.ranked().map(|(key, kept, worth)| (*key, kept.slot, worth)).collect()
    }

    /// The file may grow as far as it was meant to.
    pub(super) fn may_grow(&mut self) {
        self.allow(self.most);
    }

    /// The file takes no more room than it does.
    pub(super) fn may_not_grow(&mut self) {
        self.allow(self.used());
    }

    /// Gives up so many slots, and says which: their room is to be given back. What is read now stays, and others go
    /// in its place.
    pub(super) fn give_up(&mut self, slots: u32) -> Vec<u32> {
        self.allow(self.used().saturating_sub(slots));
        let mut given_up = Vec::new();
        while self.used() > self.allowed {
            match self.free.pop() {
                Some(number) => {
                    self.empty.push(number);
                    given_up.push(number);
                }
                None if self.evict().is_none() => break,
                None => {}
            }
        }
        given_up
    }

    /// Forgets everything; no slot is left.
    pub(super) fn clear(&mut self) {
        let gone = self.ranking.retain(|_, _| false);
        self.throw_away(&gone);
        (self.free, self.empty, self.made) = (Vec::new(), Vec::new(), 0);
        self.leaving.clear();
    }

    /// Slots that take room on the file system.
    pub(super) fn used(&self) -> u32 {
        self.made - u32::try_from(self.empty.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn entries(&self) -> u64 {
        self.ranking.len() as u64
    }

    /// Each rank has its share of what there may be.
    fn allow(&mut self, slots: u32) {
        self.allowed = slots;
        self.ranking.set_max(u64::from(slots));
    }

    fn throw_away(&self, gone: &[(ChunkKey, Kept)]) {
        self.ledger.thrown_away(gone.iter().filter(|(_, kept)| kept.is_ahead).count() as u64);
    }

    fn release(&mut self, number: u32) {
        if number >= self.made {
            return;
        }
        if self.readers.contains_key(&number) {
            self.leaving.insert(number);
        } else {
            self.free.push(number);
        }
    }
}
