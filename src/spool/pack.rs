//! Packs in the making: append-only files whose committed part is never touched again, hashed
//! while they grow.

use super::Spool;
use super::error::SpoolError;
use super::hashing::ChunkHasher;
use crate::disk;
use crate::media::extent::Hash;
use crate::media::id::BlobId;
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

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
    file: File,
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

    /// Bytes written so far; those up to the last `sync` are durable.
    #[expect(clippy::len_without_is_empty, reason = "a pack begins with its header")]
    pub fn len(&self) -> u64 {
        self.len
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

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// As `append`.
    pub async fn sync(&mut self) -> Result<(), SpoolError> {
        self.step("making a pack durable", PackFile::sync).await
    }

    /// Ends the pack and makes it durable. After an error it can be reopened at its committed length.
    ///
    /// # Errors
    /// As `append`.
    pub async fn seal(mut self, trailer: &[u8]) -> Result<SealedPack, SpoolError> {
        let trailer = Bytes::copy_from_slice(trailer);
        self.step("sealing a pack", move |file| {
            file.append(&[trailer])?;
            file.sync()
        })
        .await?;
        let hasher = self.file.take().ok_or(SpoolError::Torn)?.hasher;
        let (hash, chunks) = hasher.finish();
        Ok(SealedPack { len: self.len, hash, chunks })
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
        let mut pack = Self { path, file, hasher: ChunkHasher::default(), is_named: false };
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
                return Ok(Self { path, file, hasher, is_named: false });
            }
            hasher.update(&buffer[..len]);
        }
        file.set_len(committed_len)?;
        Ok(Self { path, file, hasher, is_named: false })
    }

    fn append(&mut self, slices: &[Bytes]) -> io::Result<()> {
        let before = self.hasher.len();
        let mut at = before;
        for slice in slices {
            if let Err(error) = self.file.write_all_at(slice, at) {
                // A full disk gets back what the half-written part took.
                self.file.set_len(before)?;
                return Err(error);
            }
            at += slice.len() as u64;
        }
        slices.iter().for_each(|slice| self.hasher.update(slice));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if !self.is_named {
            disk::sync_folder(self.path.parent().unwrap_or(Path::new("/")))?;
            self.is_named = true;
        }
        Ok(())
    }
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
