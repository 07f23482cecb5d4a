//! What lies in which slot, for the next run of the program: a file of one record of 32 bytes for each slot.
//!
//! Nothing here has to be believed: a chunk that an earlier run left is compared with its hash before it is given out.
//! So records and bytes are written without syncs, and in no order that matters.

use super::slots::{Left, Slot};
use crate::cache::memory::ChunkKey;
use crate::cache::ranking::Worth;
use crate::media::id::BlobId;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a record, and of what stands before the first.
const RECORD: usize = 32;

/// Another layout gets another number.
const HEADER: [u8; RECORD] = *b"telecine chunks of 256 KiB, v. 1";

/// A record: blob (8 bytes, little endian), chunk (4), length (4), order (8), worth (1), nothing (3), and the first
/// four bytes of the BLAKE3 of all that.
pub(super) struct Index {
    file: File,
    /// Counts what was written, through all runs.
    order: u64,
}

impl Index {
    /// The records of an earlier run, of each worth in the order in which they were ranked or written. A file of another layout, or none, is
    /// begun anew.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn open(file: File) -> io::Result<(Self, Vec<Left>)> {
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        let Some(records) = bytes.strip_prefix(&HEADER) else {
            file.set_len(0)?;
            file.write_all_at(&HEADER, 0)?;
            return Ok((Self { file, order: 0 }, Vec::new()));
        };
        let records = (0..).zip(records.chunks_exact(RECORD));
        let mut all: Vec<_> = records.filter_map(|(number, record)| parse(number, record)).collect();
        all.sort_unstable_by_key(|(order, _)| *order);
        let order = all.last().map_or(0, |(order, _)| order.saturating_add(1));
        Ok((Self { file, order }, all.into_iter().map(|(_, left)| left).collect()))
    }

    /// Notes what lies in a slot now.
    ///
    /// # Errors
    /// As `pwrite`.
    pub(super) fn note(&mut self, key: ChunkKey, slot: Slot, worth: impl Into<Worth>) -> io::Result<()> {
        let record = self.record(key, slot, worth.into())?;
        self.file.write_all_at(&record, place(slot.number))
    }

    /// Notes anew what lies in all slots, those first that go first: what was asked for again since it was written, and
    /// when, is known to the next run of the program.
    ///
    /// # Errors
    /// As `pwrite`; some of it may be noted then.
    pub(super) fn note_all(&mut self, left: &[Left]) -> io::Result<()> {
        let slots = left.iter().map(|(_, slot, _)| slot.number + 1).max().unwrap_or(0);
        let mut bytes = vec![0; slots as usize * RECORD];
        for (key, slot, worth) in left {
            let at = slot.number as usize * RECORD;
            bytes[at..at + RECORD].copy_from_slice(&self.record(*key, *slot, *worth)?);
        }
        self.file.write_all_at(&bytes, place(0))
    }

    /// Nothing lies in this slot any more.
    ///
    /// # Errors
    /// As `pwrite`.
    pub(super) fn forget(&self, number: u32) -> io::Result<()> {
        self.file.write_all_at(&[0; RECORD], place(number))
    }

    fn record(&mut self, key: ChunkKey, slot: Slot, worth: Worth) -> io::Result<[u8; RECORD]> {
        let chunk = u32::try_from(key.chunk).map_err(io::Error::other)?;
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&key.blob.0.to_le_bytes());
        record[8..12].copy_from_slice(&chunk.to_le_bytes());
        record[12..16].copy_from_slice(&slot.len.to_le_bytes());
        record[16..24].copy_from_slice(&self.order.to_le_bytes());
        record[24] = match worth {
            Worth::Passing => 0,
            Worth::Opening => 1,
            Worth::Proven => 2,
        };
        let sum = checksum(&record);
        record[28..].copy_from_slice(&sum);
        self.order += 1;
        Ok(record)
    }

    /// Nothing lies in any slot any more.
    ///
    /// # Errors
    /// As `ftruncate`.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.file.set_len(place(0))
    }
}

/// Where the record of a slot lies.
fn place(number: u32) -> u64 {
    (u64::from(number) + 1) * RECORD as u64
}

fn checksum(record: &[u8]) -> [u8; 4] {
    let hash = *blake3::hash(&record[..RECORD - 4]).as_bytes();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The order, and what lies there; `None` where nothing was written, or not to the end.
fn parse(number: u32, record: &[u8]) -> Option<(u64, Left)> {
    let word = |at: usize| Some(u32::from_le_bytes(record.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_le_bytes(record.get(at..at + 8)?.try_into().ok()?));
    if record.get(RECORD - 4..)? != checksum(record) {
        return None;
    }
    let key = ChunkKey { blob: BlobId(long(0)?.cast_signed()), chunk: u64::from(word(8)?) };
    let slot = Slot { number, len: word(12)?, is_proven: false };
    let worth = match *record.get(24)? {
        1 => Worth::Opening,
        2 => Worth::Proven,
        _ => Worth::Passing,
    };
    Some((long(16)?, (key, slot, worth)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(index: &mut Index, blob: i64, number: u32, worth: Worth) {
        let (key, slot) = (ChunkKey { blob: BlobId(blob), chunk: 3 }, Slot { number, len: 700, is_proven: true });
        index.note(key, slot, worth).unwrap();
    }

    #[test]
    fn records_come_back_in_the_order_of_their_writing_and_torn_ones_do_not() {
        let file = tempfile::tempfile().unwrap();
        let (mut index, left) = Index::open(file.try_clone().unwrap()).unwrap();
        assert!(left.is_empty());
        for (blob, number) in [(5, 4), (6, 0), (7, 1)] {
            note(&mut index, blob, number, if blob == 6 { Worth::Opening } else { Worth::Passing });
        }
        // Written over by half.
        file.write_all_at(&[1; 16], 2 * RECORD as u64).unwrap();

        let (mut index, left) = Index::open(file.try_clone().unwrap()).unwrap();
        let found: Vec<_> = left.iter().map(|(key, slot, worth)| (key.blob.0, slot.number, *worth)).collect();
        assert_eq!(found, [(5, 4, Worth::Passing), (6, 0, Worth::Opening)]);
        assert!(left.iter().all(|(key, slot, _)| key.chunk == 3 && slot.len == 700 && !slot.is_proven));

        note(&mut index, 8, 1, Worth::Passing);
        let left = Index::open(file.try_clone().unwrap()).unwrap().1;
        assert_eq!(left.iter().map(|(key, ..)| key.blob.0).collect::<Vec<_>>(), [5, 6, 8]);
        index.clear().unwrap();
        assert!(Index::open(file).unwrap().1.is_empty());
    }

    #[test]
    fn what_is_noted_anew_comes_back_in_its_order_and_what_is_forgotten_does_not() {
        let file = tempfile::tempfile().unwrap();
        let (mut index, _) = Index::open(file.try_clone().unwrap()).unwrap();
        for (blob, number) in [(5, 0), (6, 1), (7, 2), (8, 3)] {
            note(&mut index, blob, number, Worth::Passing);
        }
        let mut left = Index::open(file.try_clone().unwrap()).unwrap().1;
        left.rotate_left(2);
        left[0].2 = Worth::Proven;
        left.pop();
        index.note_all(&left).unwrap();
        assert_eq!(Index::open(file.try_clone().unwrap()).unwrap().1, left);
        index.forget(3).unwrap();
        assert_eq!(Index::open(file).unwrap().1, [&left[..1], &left[2..]].concat());
    }

    #[test]
    fn a_file_of_another_layout_is_begun_anew() {
        for text in [&b"something else that is quite a bit longer than a record is"[..], b"short"] {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(text, 0).unwrap();
            let (mut index, left) = Index::open(file.try_clone().unwrap()).unwrap();
            assert!(left.is_empty());
            note(&mut index, 1, 0, Worth::Passing);
            assert_eq!(Index::open(file).unwrap().1.len(), 1);
        }
    }
}
