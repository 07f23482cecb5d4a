//! Documents as files: taken in beside the others, renamed when a message holds them.

use super::World;
use super::clock::milliseconds;
use super::handle;
use super::refusal::Refusal;
use super::state::{BotId, Document, DocumentId, State};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Bytes on their way to become a document. The file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    file: NamedTempFile,
    hasher: Box<blake3::Hasher>,
    size: u64,
}

impl Spool {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    pub(crate) fn blake3(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// The file gets its lasting place.
    pub(super) fn keep(self, path: &Path) -> io::Result<()> {
        self.file.persist(path).map(drop).map_err(|error| error.error)
    }
}

impl World {
    /// A place for the bytes of an upload.
    pub(crate) fn spool(&self) -> io::Result<Spool> {
        let file = Builder::new().prefix("upload-").tempfile_in(self.incoming())?;
        Ok(Spool { file, hasher: Box::default(), size: 0 })
    }

    /// A document and a path by which it can be downloaded for a while.
    pub(crate) fn link(&self, bot: BotId, file_id: &str) -> Result<(Document, String), Refusal> {
        let live = self.live();
        let document = live.state.document(bot, file_id)?;
        if document.size > self.settings().limits.download_bytes {
            return Err(Refusal::FileTooBig);
        }
        let path = handle::link(&live.state.secret, bot, document.id, self.now_ms());
        Ok((document.clone(), path))
    }

    /// The document behind a path that is still good, and the file it lies in.
    pub(crate) fn linked(&self, bot: BotId, path: &str) -> Result<(Document, PathBuf), Refusal> {
        let live = self.live();
        let (document, made_ms) = handle::linked(&live.state.secret, bot, path).ok_or(Refusal::NoLink)?;
        if self.now_ms() >= made_ms.saturating_add(milliseconds(self.settings().limits.link_life)) {
            return Err(Refusal::NoLink);
        }
        let document = live.state.documents.get(&document).ok_or(Refusal::NoLink)?;
        Ok((document.clone(), self.document_path(document.id)))
    }

    /// The id by which `bot` knows a document.
    pub(crate) fn file_id(&self, bot: BotId, document: DocumentId) -> String {
        handle::file_id(&self.live().state.secret, bot, document)
    }

    /// The id that all bots see and none can use.
    pub(crate) fn unique_id(&self, document: DocumentId) -> String {
        handle::unique_id(&self.live().state.secret, document)
    }

    pub(super) fn document_path(&self, document: DocumentId) -> PathBuf {
        self.inner.folder.join("documents").join(document.0.to_string())
    }

    fn incoming(&self) -> PathBuf {
        self.inner.folder.join("incoming")
    }

    /// Makes the folders, and removes what a killed simulator left in them.
    pub(super) fn clean_folders(&self, state: &State) -> io::Result<()> {
        let documents = self.inner.folder.join("documents");
        fs::create_dir_all(&documents)?;
        fs::create_dir_all(self.incoming())?;
        for entry in fs::read_dir(self.incoming())? {
            fs::remove_file(entry?.path())?;
        }
        for entry in fs::read_dir(documents)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(DocumentId);
            if number.is_none_or(|number| !state.documents.contains_key(&number)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Milliseconds since 1970 on the world's clock.
    pub(crate) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }
}

impl State {
    /// A document lives as long as a message holds it. The real service promises neither that it
    /// outlives its last message nor that it does not.
    pub(super) fn document(&self, bot: BotId, file_id: &str) -> Result<&Document, Refusal> {
        let document = handle::document_of(&self.secret, bot, file_id);
        document.and_then(|document| self.documents.get(&document)).ok_or(Refusal::NoFile)
    }
}
