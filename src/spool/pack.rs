//! Packs in the making: append-only files whose committed part is never touched again, hashed
//! while they grow.

use super::Spool;
use super::error::SpoolError;
use super::hashing::ChunkHasher;
use crate::disk;
use crate::media::extent::Hash;
use crate::media::id::BlobId;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fewer bytes are hashed and written one after the other.
const WORTH_A_THREAD: usize = 1024 * 1024;

/// A pack that will not grow any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPack {
    /// Its length in bytes.
    pub len: u64,
    /// BLAKE3 of all bytes.
    pub hash: Hash,
    /// BLAKE3 of each `CHUNK_SIZE` bytes, the last being of the rest.
    pub chunks: Vec<Hash>,
}

/// Bytes of a pack that are written and not durable yet.
#[derive(Debug)]
pub struct Unsynced {
    file: Arc<File>,
    /// The folder whose entry of the file is not durable either.
    folder: Option<PathBuf>,
}

/// Appends to one pack. Dropped, the file stays as it is: what counts is the length the caller
/// committed, to which `Spool::reopen_pack` returns.
#[derive(Debug)]
pub struct PackWriter {
    spool: Spool,
    blob: BlobId,
    /// Away while a step runs, and for good when the step's future was dropped half-way. Boxed, as it
    /// travels through the futures of everybody who fills packs and its hashers are kilobytes.
    file: Option<Box<PackFile>>,
    len: u64,
}

#[derive(Debug)]
struct PackFile {
    path: PathBuf,
    file: Arc<File>,
    hasher: ChunkHasher,
    is_named: bool,
}

impl PackWriter {
    pub(super) async fn create(spool: Spool, blob: BlobId, header: Bytes) -> Result<Self, SpoolError> {
        let path = spool.pack_path(blob);
        let file = disk::blocking(move || PackFile::create(path, &header).map(Box::new))
            .await
            .map_err(SpoolError::io("beginning a pack"))?;
        Ok(Self::over(spool, blob, file))
    }

    pub(super) async fn reopen(spool: Spool, blob: BlobId, committed_len: u64) -> Result<Self, SpoolError> {
        let path = spool.pack_path(blob);
        let file = disk::blocking(move || PackFile::reopen(path, committed_len).map(Box::new))
            .await
            .map_err(SpoolError::io("reopening a pack"))?;
        let len = file.hasher.len();
        if len < committed_len {
            return Err(SpoolError::Short { blob, len, wanted: committed_len });
        }
        Ok(Self::over(spool, blob, file))
    }

    fn over(spool: Spool, blob: BlobId, file: Box<PackFile>) -> Self {
        let len = file.hasher.len();
        spool.budget().record_pack(blob, len);
        Self { spool, blob, file: Some(file), len }
    }

    /// Bytes written so far.
    #[expect(clippy::len_without_is_empty, reason = "a pack begins with its header")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The hash of what was written so far, as `SealedPack::hash` has it of the whole.
    ///
    /// # Errors
    /// `Torn`, as `append`.
    pub fn hash(&self) -> Result<Hash, SpoolError> {
        self.file.as_ref().map(|file| file.hasher.clone().finish().0).ok_or(SpoolError::Torn)
    }

    /// Appends the slices and returns the offset of the first one. After an error the pack is as it was before, and
    /// the same append can be tried again.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, and `Torn` when the future of an earlier step was dropped half-way.
    pub async fn append(&mut self, slices: Vec<Bytes>) -> Result<u64, SpoolError> {
        let offset = self.len;
        self.step("appending to a pack", move |file| file.append(&slices)).await?;
        Ok(offset)
    }

    /// What was appended so far, to be made durable while more is appended.
    ///
    /// # Errors
    /// `Torn`, as `append`.
    pub fn unsynced(&mut self) -> Result<Unsynced, SpoolError> {
        self.file.as_mut().map(|file| file.unsynced()).ok_or(SpoolError::Torn)
    }

    /// Ends the pack. It counts as sealed once what is unsynced of it is durable; after an error it can
    /// be reopened at its committed length.
    ///
    /// # Errors
    /// As `append`.
    pub async fn seal(mut self, trailer: &[u8]) -> Result<(SealedPack, Unsynced), SpoolError> {
        let trailer = Bytes::copy_from_slice(trailer);
        self.step("sealing a pack", move |file| file.append(&[trailer])).await?;
        let unsynced = self.unsynced()?;
        let hasher = self.file.take().ok_or(SpoolError::Torn)?.hasher;
        let (hash, chunks) = hasher.finish();
        Ok((SealedPack { len: self.len, hash, chunks }, unsynced))
    }

    async fn step(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&mut PackFile) -> io::Result<()> + Send + 'static,
    ) -> Result<(), SpoolError> {
        let mut file = self.file.take().ok_or(SpoolError::Torn)?;
        let (file, done) = disk::blocking(move || {
            let done = work(&mut file);
            Ok((file, done))
        })
        .await
        .map_err(SpoolError::io(doing))?;
        self.len = file.hasher.len();
        self.file = Some(file);
        self.spool.budget().record_pack(self.blob, self.len);
        done.map_err(SpoolError::io(doing))
    }
}

impl PackFile {
    /// A leftover of the same name was never committed. It is unlinked, not truncated: whoever still
    /// has it open keeps their own.
    fn create(path: PathBuf, header: &Bytes) -> io::Result<Self> {
        disk::remove_if_there(&path)?;
        let file = disk::create_private_file(&path)?;
        let mut pack = Self { path, file: Arc::new(file), hasher: ChunkHasher::default(), is_named: false };
        pack.append(std::slice::from_ref(header))?;
        Ok(pack)
    }

    fn reopen(path: PathBuf, committed_len: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        if file.metadata()?.nlink() > 1 {
            file = own_copy(&path, file)?;
        }
        let mut hasher = ChunkHasher::default();
        let mut buffer = vec![0; 256 * 1024];
        while hasher.len() < committed_len {
            let want = buffer.len().min(usize::try_from(committed_len - hasher.len()).unwrap_or(usize::MAX));
            let len = match file.read_at(&mut buffer[..want], hasher.len()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if len == 0 {
                // Too short: left as it is for people to look at.
                return Ok(Self { path, file: Arc::new(file), hasher, is_named: false });
            }
            hasher.update(&buffer[..len]);
        }
        file.set_len(committed_len)?;
        Ok(Self { path, file: Arc::new(file), hasher, is_named: false })
    }

    /// Writes and hashes at the same time. A full disk gets back what the half-written part took.
    fn append(&mut self, slices: &[Bytes]) -> io::Result<()> {
        let before = self.hasher.len();
        let mut hasher = self.hasher.clone();
        let hash = || slices.iter().for_each(|slice| hasher.update(slice));
        let write = || disk::write_all_at(&self.file, slices, before);
        let written = if slices.iter().map(Bytes::len).sum::<usize>() < WORTH_A_THREAD {
            let mut hash = hash;
            hash();
            write()
        } else {
            beside(write, hash)
        };
        if let Err(error) = written {
            self.file.set_len(before)?;
            return Err(error);
        }
        self.hasher = hasher;
        Ok(())
    }

    fn unsynced(&mut self) -> Unsynced {
        let is_named = std::mem::replace(&mut self.is_named, true);
        let folder = (!is_named).then(|| self.path.parent().unwrap_or(Path::new("/")).to_path_buf());
        Unsynced { file: Arc::clone(&self.file), folder }
    }
}

impl Unsynced {
    /// Makes all of them durable.
    ///
    /// # Errors
    /// `DiskFull`, `Io`: the packs must be reopened at their committed lengths then.
    pub async fn sync(all: Vec<Self>) -> Result<(), SpoolError> {
        let work = move || {
            all.iter().try_for_each(|unsynced| unsynced.file.sync_data())?;
            let folders: BTreeSet<PathBuf> = all.into_iter().filter_map(|unsynced| unsynced.folder).collect();
            folders.iter().try_for_each(|folder| disk::sync_folder(folder))
        };
        disk::blocking(work).await.map_err(SpoolError::io("making packs durable"))
    }
}

/// Does both, each on a thread of its own.
fn beside(write: impl FnOnce() -> io::Result<()> + Send, hash: impl FnOnce()) -> io::Result<()> {
    std::thread::scope(|scope| {
        let writing = scope.spawn(write);
        hash();
        writing.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes came to grief")))
    })
}

/// The store may share the file by a hard link; what it holds must not be truncated under it.
fn own_copy(path: &Path, shared: File) -> io::Result<File> {
    let part = path.with_extension("part");
    disk::remove_if_there(&part)?;
    let mut own = disk::create_private_file(&part)?;
    io::copy(&mut &shared, &mut own)?;
    own.sync_all()?;
    std::fs::rename(&part, path)?;
    Ok(own)
}
