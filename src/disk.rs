//! Files that outlive a crash: private folders, the order of syncs, a full disk as a class of its
//! own, bytes that the kernel sends by itself, and reading in slices without blocking a runtime thread.
//!
//! Importable by every module that keeps bytes on disk. It knows bytes and paths, nothing of
//! uploads, packs or blobs.

mod buffers;
mod pages;
mod slice;

pub use buffers::Buffers;
pub use pages::Pages;
pub use slice::{Slice, Source};

use crate::media::extent::CHUNK_SIZE;
use crate::media::range::ByteRange;
use bytes::Bytes;
use futures::stream::{Stream, try_unfold};
use rustix::fs::FallocateFlags;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// As many slices as one call takes (`IOV_MAX` on Linux).
const MOST_SLICES: usize = 1024;

/// Makes a folder and its parents, readable by this user alone; one that is there is left as it is.
///
/// # Errors
/// As `mkdir`.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for reading and writing, readable by this user alone.
///
/// # Errors
/// As `open`; `AlreadyExists` when there is one.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a folder durable: to be called after a file was made, renamed or removed in it.
///
/// # Errors
/// As `open` and `fsync`.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file; one that is not there is a success.
///
/// # Errors
/// As `unlink`, but never `NotFound`.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Whether the disk (or this user's quota of it) is full: to wait for, not to fail on.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Does blocking work on a thread made for it. When the returned future is dropped, the work still
/// runs to its end and its result is dropped there.
///
/// # Errors
/// What the work returns; `Other` when it panicked or the runtime is ending.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|end| Err(io::Error::other(end)))
}

/// Exactly the bytes of `range`, in slices of at most `CHUNK_SIZE` bytes counted from its start.
/// The file may be unlinked meanwhile.
///
/// Ends in `UnexpectedEof` when the file is shorter.
pub fn read_slices(file: Arc<File>, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> + Send {
    // As many as are usually on their way at the same time.
    let buffers = Buffers::new(4);
    try_unfold(range.start(), move |at| {
        let (file, buffers) = (Arc::clone(&file), buffers.clone());
        async move {
            let len = CHUNK_SIZE.min(range.end() - at);
            if len == 0 {
                return Ok(None);
            }
            let slice = blocking(move || buffers.read_at(&file, at, len as usize)).await?;
            Ok(Some((slice, at + len)))
        }
    })
}

/// Writes all slices from `at` on, one after another, with few calls.
///
/// # Errors
/// As `pwritev`; a part may be written then.
pub fn write_all_at(file: &File, slices: &[Bytes], mut at: u64) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
    let mut left = &mut slices[..];
    // Takes away empty ones in front.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match rustix::io::pwritev(file, &left[..left.len().min(MOST_SLICES)], at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Takes these bytes out of a file that stays as long as it is: they read as zeros. Whether they take no room any more:
/// not every file system can have holes.
///
/// # Errors
/// As `fallocate`, or `pwrite` where there are no holes.
pub fn erase(file: &File, at: u64, len: u64) -> io::Result<bool> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, hole, at, len) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let end = (at + len).min(file.metadata()?.len());
            let zeros = Bytes::from(vec![0; usize::try_from(end.saturating_sub(at)).map_err(io::Error::other)?]);
            write_all_at(file, &[zeros], at)?;
            Ok(false)
        }
        done => Ok(done.map(|()| true)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    async fn read(file: &Path, start: u64, len: u64) -> io::Result<Vec<Bytes>> {
        let file = Arc::new(File::open(file)?);
        read_slices(file, ByteRange::at(start, len).expect("not empty")).try_collect().await
    }

    #[tokio::test]
    async fn a_range_comes_whole_in_slices_of_a_chunk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();

        let slices = read(&path, 5, 599_000).await.unwrap();

        assert_eq!(slices.iter().map(Bytes::len).collect::<Vec<_>>(), [262_144, 262_144, 74_712]);
        assert_eq!(slices.concat(), bytes[5..599_005]);
    }

    #[test]
    fn thousands_of_slices_are_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let slices: Vec<Bytes> =
            (0..3000_usize).map(|number| Bytes::from(vec![(number % 251) as u8; number % 5])).collect();

        write_all_at(&File::options().write(true).open(&path).unwrap(), &slices, 4).unwrap();

        assert_eq!(std::fs::read(&path).unwrap(), [b"0123".as_slice(), &slices.concat()].concat());
    }

    #[test]
    fn what_is_erased_reads_as_zeros_and_what_lies_around_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10_000]).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        erase(&file, 1000, 5000).unwrap();
        erase(&file, 9000, 5000).unwrap();
        let bytes = [vec![7; 1000], vec![0; 5000], vec![7; 3000], vec![0; 1000]].concat();
        assert!(std::fs::read(&path).unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_ends_in_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read(&path, 50, 51).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
