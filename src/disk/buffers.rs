//! Memory that is read into again and again: the first use of fresh memory costs more than the copy
//! into it.

use crate::media::extent::CHUNK_SIZE;
use bytes::Bytes;
use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A shelf of buffers of `CHUNK_SIZE` bytes. Clones share it; bytes find their way back to it when
/// the last of their slices is dropped, as long as it is there.
#[derive(Clone, Debug)]
pub struct Buffers {
    shelf: Arc<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    idle: Mutex<Vec<Vec<u8>>>,
    most: usize,
}

/// A buffer that is in use.
struct Lent {
    /// `CHUNK_SIZE` bytes.
    bytes: Vec<u8>,
    /// How many of them were read.
    len: usize,
    /// Gone with whoever reads: then its memory is given back.
    shelf: Weak<Shelf>,
}

impl Buffers {
    /// An empty shelf for at most so many idle buffers.
    pub fn new(most: usize) -> Self {
        Self { shelf: Arc::new(Shelf { idle: Mutex::new(Vec::new()), most }) }
    }

    /// Exactly `len` bytes of a file from `at`; blocks. What fills less than half of a buffer, or needs
    /// more than one, gets memory of its own.
    ///
    /// # Errors
    /// As `pread`; `UnexpectedEof` when the file is shorter.
    pub fn read_at(&self, file: &File, at: u64, len: usize) -> io::Result<Bytes> {
        self.filled(len, |buffer| file.read_exact_at(buffer, at))
    }

    /// The same without waiting for the disk: only what the kernel has in its memory.
    ///
    /// # Errors
    /// As `preadv2` with `RWF_NOWAIT`: `WouldBlock` when not all of it is there, `Unsupported` where the file system
    /// does not tell.
    pub fn read_cached_at(&self, file: &File, at: u64, len: usize) -> io::Result<Bytes> {
        self.filled(len, |buffer| {
            let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT)?;
            if read == len { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        })
    }

    fn filled(&self, len: usize, fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Bytes> {
        const SIZE: usize = CHUNK_SIZE as usize;
        if !(SIZE / 2..=SIZE).contains(&len) {
            let mut bytes = vec![0; len];
            fill(&mut bytes)?;
            return Ok(bytes.into());
        }
        let idle = self.shelf.idle().pop();
        let mut lent = Lent { bytes: idle.unwrap_or_else(|| vec![0; SIZE]), len, shelf: Arc::downgrade(&self.shelf) };
        fill(&mut lent.bytes[..len])?;
        Ok(Bytes::from_owner(lent))
    }
}

impl Shelf {
    /// Whoever panicked while holding it left buffers, which are as good as any.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(shelf) = self.shelf.upgrade() else { return };
        let mut idle = shelf.idle();
        if idle.len() < shelf.most {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_last_slice_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let written: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
        std::fs::write(&path, &written).unwrap();
        let file = File::open(path).unwrap();
        let buffers = Buffers::new(1);

        let first = buffers.read_at(&file, 0, 262_144).unwrap();
        let place = first.as_ptr();
        let slice = first.slice(1000..2000);
        drop(first);
        let second = buffers.read_at(&file, 300_000, 200_000).unwrap();
        assert_ne!(second.as_ptr(), place, "a slice of it is still in use");
        assert_eq!((&slice[..], &second[..]), (&written[1000..2000], &written[300_000..500_000]));

        drop(slice);
        let third = buffers.read_at(&file, 7, 131_072).unwrap();
        assert_eq!((third.as_ptr(), &third[..]), (place, &written[7..131_079]));
    }

    #[test]
    fn the_shelf_does_not_grow_beyond_its_bound() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(CHUNK_SIZE).unwrap();
        let buffers = Buffers::new(2);
        let all: Vec<Bytes> = (0..5).map(|_| buffers.read_at(&file, 0, CHUNK_SIZE as usize).unwrap()).collect();
        drop(all);
        assert_eq!(buffers.shelf.idle().len(), 2);
    }
}
