//! Chunks in memory that the kernel sends by itself.
//!
//! What lies in memory of this program is copied for everybody it is sent to. What lies in a file is not: `sendfile` has
//! the network take the file's pages as they are. So the chunks lie in a file that has no name and no disk. Pages that
//! are on their way to somebody stay what they are, whatever becomes of the file: a chunk that goes takes its pages out
//! of the file, and the next one in its place gets others.

use super::Slice;
use crate::media::extent::CHUNK_SIZE;
use bytes::Bytes;
use rustix::fs::{FallocateFlags, MemfdFlags};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shorter ones are cheaper to copy than to take pages for.
const LEAST: usize = 32 * 1024;

/// A cheap handle to the file; clones share it.
#[derive(Clone, Debug)]
pub struct Pages {
    /// None where the system has no files that serve.
    book: Option<Arc<Book>>,
}

/// The file, in places for a chunk each, and which of them are free.
#[derive(Debug)]
struct Book {
    file: File,
    /// From the beginning of one place to that of the next.
    stride: u64,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    free: Vec<u32>,
    /// Those that were ever used.
    made: u32,
}

/// One chunk in the file, until it is dropped.
#[derive(Debug)]
pub(super) struct Page {
    book: Arc<Book>,
    place: u32,
    len: usize,
}

impl Pages {
    /// None yet. Where the system gives no such file, what is held stays in this program's memory.
    pub fn new() -> Self {
        let book = made().inspect_err(|error| {
            tracing::warn!(%error, "chunks cannot lie in pages of the kernel; they are copied for each player");
        });
        Self { book: book.ok().map(Arc::new) }
    }

    /// The same bytes, from now on in pages, unless they are few or the system has no room for them.
    pub fn hold(&self, bytes: Bytes) -> Slice {
        let fits = (LEAST..=CHUNK_SIZE as usize).contains(&bytes.len());
        let Some(book) = self.book.as_ref().filter(|_| fits) else { return bytes.into() };
        match Page::filled(book, &bytes) {
            Ok(page) => Slice::of(page),
            Err(error) => {
                tracing::debug!(%error, "there are no pages for a chunk, which is copied for each player");
                bytes.into()
            }
        }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

/// A file without a name, from which places can be taken out, and which takes no more memory than what lies in it.
///
/// # Errors
/// As `memfd_create` and `fallocate`; `Unsupported` where the system takes huge pages for everything.
fn made() -> io::Result<Book> {
    let file = File::from(nameless()?);
    let book = Book { file, stride: stride(rustix::param::page_size() as u64), places: Mutex::default() };
    // Some systems give huge pages to what is long.
    book.file.set_len(2 * book.stride)?;
    book.file.write_all_at(&[0; LEAST], 0)?;
    let taken = book.file.metadata()?.blocks() * 512;
    book.take_out(0)?;
    if taken > CHUNK_SIZE {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the system takes huge pages for every file in memory"));
    }
    Ok(book)
}

/// Nobody may run what lies in it, which some systems insist on and old ones cannot promise.
fn nameless() -> io::Result<OwnedFd> {
    let made = |flags| rustix::fs::memfd_create("chunks", flags | MemfdFlags::CLOEXEC);
    made(MemfdFlags::NOEXEC_SEAL).or_else(|_| made(MemfdFlags::empty())).map_err(io::Error::from)
}

/// As much as the largest page there is: the one that a page full of addresses of pages stands for. Where a place ended
/// within a page, the kernel would write zeros to the part that is taken out, also into what is on its way. More would
/// make pages slower to find.
fn stride(page: u64) -> u64 {
    (page * page / 8).max(CHUNK_SIZE)
}

impl Book {
    /// Whoever panicked while holding it left numbers, which are as good as any.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_out(&self, place: u32) -> io::Result<()> {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(rustix::fs::fallocate(&self.file, hole, u64::from(place) * self.stride, self.stride)?)
    }

    fn take(&self) -> io::Result<u32> {
        let mut places = self.places();
        if let Some(place) = places.free.pop() {
            return Ok(place);
        }
        let next = places.made.checked_add(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(std::mem::replace(&mut places.made, next))
    }
}

impl Page {
    fn filled(book: &Arc<Book>, bytes: &[u8]) -> io::Result<Self> {
        let page = Self { book: Arc::clone(book), place: book.take()?, len: bytes.len() };
        page.file().write_all_at(bytes, page.at())?;
        Ok(page)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn file(&self) -> &File {
        &self.book.file
    }

    /// Where it begins in the file.
    pub(super) fn at(&self) -> u64 {
        u64::from(self.place) * self.book.stride
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        match self.book.take_out(self.place) {
            Ok(()) => self.book.places().free.push(self.place),
            // Written again, it could change what is on its way to somebody.
            Err(error) => tracing::warn!(%error, "a chunk's pages stay where they are, and are not used again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Source;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    fn chunk(seed: u8, len: usize) -> Bytes {
        (0..len).map(|at| (at % 251) as u8 ^ seed).collect()
    }

    fn place_of(slice: &Slice) -> Option<u64> {
        match slice.source() {
            Source::Memory(_) => None,
            Source::File(_, at) => Some(at),
        }
    }

    #[test]
    fn what_is_held_is_read_as_it_came_whole_and_in_parts() {
        let pages = Pages::new();
        for len in [LEAST, 100_000, CHUNK_SIZE as usize] {
            let slice = pages.hold(chunk(1, len));
            assert!(place_of(&slice).is_some() && slice.len() == len);
            assert!(slice.to_bytes().unwrap() == chunk(1, len));
            let part = slice.slice(1000..30_000).slice(5..20_005);
            assert!(part.len() == 20_000 && part.to_bytes().unwrap() == chunk(1, len).slice(1005..21_005));
        }
    }

    #[test]
    fn what_is_short_or_too_long_stays_where_it_is() {
        let pages = Pages::new();
        for len in [0, LEAST - 1, CHUNK_SIZE as usize + 1] {
            let slice = pages.hold(chunk(1, len));
            assert_eq!((place_of(&slice), slice.len()), (None, len));
            assert!(slice.to_bytes().unwrap() == chunk(1, len));
        }
    }

    #[test]
    fn a_place_is_used_again_once_its_last_part_is_gone_and_nothing_is_left_in_it() {
        let pages = Pages::new();
        let first = pages.hold(chunk(1, CHUNK_SIZE as usize));
        let (place, part) = (place_of(&first), first.slice(5..9));
        drop(first);
        let second = pages.hold(chunk(2, CHUNK_SIZE as usize));
        assert_ne!(place_of(&second), place, "a part of it is still in use");
        assert_eq!(part.to_bytes().unwrap(), chunk(1, 10).slice(5..9));
        drop(part);
        let third = pages.hold(chunk(3, LEAST));
        assert_eq!(place_of(&third), place);
        let Source::File(file, at) = third.source() else { panic!("it is in the file") };
        let mut behind = vec![7; CHUNK_SIZE as usize - LEAST];
        file.read_exact_at(&mut behind, at + LEAST as u64).unwrap();
        assert!(behind.iter().all(|byte| *byte == 0), "memory of the one before is given back");
    }

    #[test]
    fn what_is_on_its_way_stays_what_it_is_when_its_place_is_used_again() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut player = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (connection, _) = listener.accept().unwrap();
        let pages = Pages::new();
        let first = pages.hold(chunk(1, CHUNK_SIZE as usize));
        let (place, Source::File(file, mut at)) = (place_of(&first), first.source()) else {
            panic!("it is in the file")
        };
        let sent = rustix::fs::sendfile(&connection, file, Some(&mut at), first.len()).unwrap();
        drop(first);
        let second = pages.hold(chunk(2, CHUNK_SIZE as usize));
        assert_eq!(place_of(&second), place);
        let mut heard = vec![0; sent];
        player.read_exact(&mut heard).unwrap();
        assert!(sent > 0 && heard == chunk(1, sent));
    }

    #[test]
    fn memory_is_taken_only_for_what_is_held() {
        let pages = Pages::new();
        let held: Vec<Slice> = (0..8).map(|seed| pages.hold(chunk(seed, 40_000))).collect();
        let Source::File(file, _) = held[0].source() else { panic!("it is in the file") };
        let file = file.try_clone().unwrap();
        assert!(file.metadata().unwrap().blocks() * 512 <= 8 * 40_960, "no more than the pages that are filled");
        drop(held);
        assert_eq!(file.metadata().unwrap().blocks(), 0);
    }
}
