//! Bytes at hand, wherever they lie.

use super::pages::Page;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that are there at once: in this program's memory, or in pages that the kernel sends without a copy. Clones and
/// parts share them.
#[derive(Clone, Debug)]
pub struct Slice(Place);

#[derive(Clone, Debug)]
enum Place {
    Memory(Bytes),
    Paged { page: Arc<Page>, range: Range<usize> },
}

impl Slice {
    /// All of a page.
    pub(super) fn of(page: Page) -> Self {
        let range = 0..page.len();
        Self(Place::Paged { page: Arc::new(page), range })
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Place::Memory(bytes) => bytes.len(),
            Place::Paged { range, .. } => range.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of it.
    ///
    /// # Panics
    /// When it goes beyond the end.
    #[must_use]
    pub fn slice(&self, part: Range<usize>) -> Self {
        assert!(part.start <= part.end && part.end <= self.len(), "a part lies within its whole");
        Self(match &self.0 {
            Place::Memory(bytes) => Place::Memory(bytes.slice(part)),
            Place::Paged { page, range } => {
                let range = range.start + part.start..range.start + part.end;
                Place::Paged { page: Arc::clone(page), range }
            }
        })
    }

    /// The bytes themselves; copied, where they lie in pages.
    ///
    /// # Errors
    /// As `pread`: when pages that had to make room for others do not come back.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match &self.0 {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::Paged { page, range } => {
                let mut bytes = vec![0; range.len()];
                page.file().read_exact_at(&mut bytes, page.at() + range.start as u64)?;
                Ok(bytes.into())
            }
        }
    }

    /// What to send.
    pub fn source(&self) -> Source<'_> {
        match &self.0 {
            Place::Memory(bytes) => Source::Memory(bytes),
            Place::Paged { page, range } => Source::File(page.file(), page.at() + range.start as u64),
        }
    }
}

impl From<Bytes> for Slice {
    fn from(bytes: Bytes) -> Self {
        Self(Place::Memory(bytes))
    }
}

/// Where the bytes of a slice lie.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Here.
    Memory(&'a [u8]),
    /// In a file, from this byte on.
    File(&'a File, u64),
}
