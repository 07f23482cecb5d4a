//! Which chunk lies in which slot of the file, and which slot is written next. Bookkeeping only; nothing waits.

use crate::cache::memory::ChunkKey;
use crate::cache::ranking::{Ranking, Standing, Worth};
use crate::media::id::BlobId;
use std::collections::{HashMap, HashSet};

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

pub(super) struct Slots {
    ranking: Ranking<ChunkKey, Slot>,
    free: Vec<u32>,
    /// Slots the file has.
    made: u32,
    /// Slots it may have now; `most` when its file system has room.
    allowed: u32,
    most: u32,
    /// How many read which slot now.
    readers: HashMap<u32, u32>,
    /// Slots to be free once nobody reads them any more.
    leaving: HashSet<u32>,
    /// Blobs that are gone for good: what of them is still on its way is not taken.
    forgotten: HashSet<BlobId>,
    pub(super) evictions: u64,
}

impl Slots {
    /// An empty file that may grow to so many slots.
    pub(super) fn new(most: u32) -> Self {
        Self {
            ranking: Ranking::new(u64::from(most)),
            free: Vec::new(),
            made: 0,
            allowed: most,
            most,
            readers: HashMap::new(),
            leaving: HashSet::new(),
            forgotten: HashSet::new(),
            evictions: 0,
        }
    }

    /// What an earlier run left in the first `made` slots, those first that go first.
    pub(super) fn restored(most: u32, made: u32, chunks: Vec<Left>) -> Self {
        let mut slots = Self { made: made.min(most), ..Self::new(most) };
        let mut used = vec![false; slots.made as usize];
        for (key, slot, worth) in chunks {
            let is_free = used.get_mut(slot.number as usize).is_some_and(|used| !std::mem::replace(used, true));
            if is_free {
                for (_, replaced) in slots.ranking.insert(key, slot, 1, worth) {
                    used[replaced.number as usize] = false;
                }
            }
        }
        slots.free = (0..slots.made).rev().filter(|number| !used[*number as usize]).collect();
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
            if self.made < self.allowed {
                let number = self.made;
                self.made += 1;
                if !self.readers.contains_key(&number) {
                    return Some(number);
                }
                // The file was cut off in the middle of their reading.
                self.leaving.insert(number);
                continue;
            }
            let (_, slot) = self.ranking.evict()?;
            self.evictions += 1;
            self.release(slot.number);
        }
    }

    /// The chunk lies there now.
    pub(super) fn settle(&mut self, key: ChunkKey, slot: Slot, standing: Standing) {
        if slot.number >= self.made {
            // The file was cut short meanwhile.
            return;
        }
        if self.forgotten.contains(&key.blob) {
            return self.release(slot.number);
        }
        for (_, gone) in self.ranking.insert(key, slot, 1, standing) {
            self.release(gone.number);
        }
    }

    /// Nothing of use was written there.
    pub(super) fn give_back(&mut self, number: u32) {
        self.release(number);
    }

    /// Where a chunk lies. Its slot is left alone until `end_reading`.
    pub(super) fn begin_reading(&mut self, key: &ChunkKey) -> Option<Slot> {
        let slot = *self.ranking.get(key)?;
        *self.readers.entry(slot.number).or_default() += 1;
        Some(slot)
    }

    /// Answers whether the chunk has lain there all the time.
    pub(super) fn end_reading(&mut self, key: &ChunkKey, number: u32) -> bool {
        let is_there = self.ranking.peek_mut(key).is_some_and(|slot| slot.number == number);
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
        if let Some(slot) = self.ranking.peek_mut(key).filter(|slot| slot.number == number) {
            slot.is_proven = true;
        }
    }

    /// What lies in this slot is not the chunk.
    pub(super) fn forget(&mut self, key: &ChunkKey, number: u32) {
        if self.ranking.peek_mut(key).is_some_and(|slot| slot.number == number) {
            self.ranking.remove(key);
            self.release(number);
        }
    }

    /// Forgets every chunk of these blobs, which never come back, and answers where they lay.
    pub(super) fn forget_blobs(&mut self, blobs: &HashSet<BlobId>) -> Vec<u32> {
        self.forgotten.extend(blobs);
        let gone = self.ranking.retain(|key, _| !blobs.contains(&key.blob));
        let gone: Vec<u32> = gone.into_iter().map(|slot| slot.number).collect();
        gone.iter().for_each(|number| self.release(*number));
        gone
    }

    /// What lies there for the next run, in the order of `restored`.
    pub(super) fn left(&self) -> Vec<Left> {
        self.ranking.ranked().map(|(key, slot, worth)| (*key, *slot, worth)).collect()
    }

    /// The file may grow as far as it was meant to.
    pub(super) fn may_grow(&mut self) {
        self.allow(self.most);
    }

    /// The file stays as long as it is.
    pub(super) fn may_not_grow(&mut self) {
        self.allow(self.made);
    }

    /// Gives up the last slots of the file, at most so many; says how many slots are left.
    pub(super) fn cut_off(&mut self, slots: u32) -> u32 {
        self.made = self.made.saturating_sub(slots);
        let made = self.made;
        self.ranking.retain(|_, slot| slot.number < made);
        self.allow(made);
        self.free.retain(|number| *number < made);
        self.leaving.retain(|number| *number < made);
        made
    }

    pub(super) fn entries(&self) -> u64 {
        self.ranking.len() as u64
    }

    /// Each rank has its share of what there may be.
    fn allow(&mut self, slots: u32) {
        self.allowed = slots;
        self.ranking.set_max(u64::from(slots));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::id::BlobId;

    fn key(chunk: u64) -> ChunkKey {
        ChunkKey { blob: BlobId(1), chunk }
    }

    fn slot(number: u32) -> Slot {
        Slot { number, len: 10, is_proven: true }
    }

    fn written(slots: &mut Slots, chunk: u64) -> u32 {
        let number = slots.take(&key(chunk)).unwrap();
        slots.settle(key(chunk), slot(number), Standing::Passing);
        number
    }

    #[test]
    fn a_full_file_is_written_where_the_oldest_lies() {
        let mut slots = Slots::new(3);
        assert_eq!((0..3).map(|chunk| written(&mut slots, chunk)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(slots.take(&key(2)), None, "it is there");
        assert_eq!((written(&mut slots, 3), slots.evictions), (0, 1));
        assert!(!slots.holds(&key(0)) && slots.holds(&key(3)));
    }

    #[test]
    fn a_slot_is_not_written_while_somebody_reads_it() {
        let mut slots = Slots::new(1);
        written(&mut slots, 0);
        assert_eq!(slots.begin_reading(&key(0)), Some(slot(0)));
        slots.begin_reading(&key(0));
        assert_eq!(slots.take(&key(1)), None);
        assert!(slots.end_reading(&key(0), 0) || !slots.holds(&key(0)));
        assert_eq!(slots.take(&key(1)), None);
        slots.end_reading(&key(0), 0);
        assert_eq!(slots.take(&key(1)), Some(0));
    }

    #[test]
    fn what_an_earlier_run_left_is_found_and_its_holes_are_filled() {
        let left = vec![
            (key(7), slot(2), Worth::Passing),
            (key(8), slot(0), Worth::Passing),
            (key(9), slot(2), Worth::Passing),
            (key(10), slot(9), Worth::Passing),
        ];
        let mut slots = Slots::restored(4, 3, left);
        assert_eq!([7, 8, 9, 10].map(|chunk| slots.holds(&key(chunk))), [true, true, false, false]);
        assert_eq!([11, 12].map(|chunk| written(&mut slots, chunk)), [1, 3]);
        assert_eq!(written(&mut slots, 13), 2, "in place of the first of those that were left");
    }

    #[test]
    fn a_file_that_is_cut_off_loses_what_lay_at_its_end() {
        let mut slots = Slots::new(4);
        assert_eq!([0, 1, 2, 3].map(|chunk| written(&mut slots, chunk)), [0, 1, 2, 3]);
        slots.begin_reading(&key(2));
        assert_eq!(slots.cut_off(2), 2);
        assert_eq!([0, 1, 2, 3].map(|chunk| slots.holds(&key(chunk))), [true, true, false, false]);
        assert_eq!(written(&mut slots, 4), 0, "it does not grow");
        slots.may_grow();
        assert_eq!(written(&mut slots, 5), 3, "somebody still reads where the third was");
        assert!(!slots.end_reading(&key(2), 2), "its bytes may be a hole");
        assert_eq!(written(&mut slots, 6), 2);
    }

    #[test]
    fn what_is_wrong_is_forgotten_and_its_slot_used_again() {
        let mut slots = Slots::new(2);
        written(&mut slots, 0);
        slots.forget(&key(0), 1);
        assert!(slots.holds(&key(0)), "another slot is meant");
        slots.forget(&key(0), 0);
        assert!(!slots.holds(&key(0)));
        assert_eq!((written(&mut slots, 1), slots.entries()), (0, 1));
    }

    #[test]
    fn of_forgotten_blobs_nothing_is_found_and_their_slots_are_free_once_nobody_reads_them() {
        let mut slots = Slots::new(4);
        let other = |chunk| ChunkKey { blob: BlobId(2), chunk };
        assert_eq!([written(&mut slots, 0), written(&mut slots, 1)], [0, 1]);
        let number = slots.take(&other(0)).unwrap();
        slots.settle(other(0), slot(number), Standing::Passing);
        slots.begin_reading(&key(1));
        let late = slots.take(&key(2)).unwrap();
        assert_eq!(slots.forget_blobs(&HashSet::from([BlobId(1)])).into_iter().collect::<HashSet<_>>(), [0, 1].into());
        slots.settle(key(2), slot(late), Standing::Passing);
        assert_eq!(slots.take(&key(7)), None, "nothing more comes of it");
        assert_eq!((slots.entries(), slots.holds(&other(0))), (1, true));
        assert_eq!([1, 2].map(|chunk| slots.take(&other(chunk))), [Some(3), Some(0)]);
        assert!(!slots.end_reading(&key(1), 1));
        assert_eq!(slots.take(&other(3)), Some(1));
    }
}
