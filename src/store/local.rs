//! The embedded default: channels as folders of one disk.
//!
//! `channels/<channel>/<fan-out>/<nonce>` holds one copy; what is being copied in lies in
//! `incoming/` until it is durable, so a name in a channel is always a whole copy.

#[cfg(test)]
mod tests;

use super::error::{Fault, StoreError};
use super::stream::Reading;
use super::{BlobStore, Presence, Purpose, PutTicket, Search, channel_in};
use crate::disk;
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::range::ByteRange;
use async_trait::async_trait;
use futures::StreamExt;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// As many as there are bots in a usual set-up, so that placement works the same way on both.
const CHANNELS: u8 = 8;

/// How soon a put onto a full disk is worth another try.
const DISK_FULL_WAIT: Duration = Duration::from_secs(30);

/// Where the local store lies.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its folder; made when it is not there. On the spool's file system storing costs no copy.
    pub root: PathBuf,
}

/// Blobs in folders of the local disk.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: Arc<Path>,
}

/// Where one copy lies: the parsed form of a locator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    channel: u8,
    nonce: Uuid,
}

impl LocalStore {
    /// The channels of every local store.
    pub fn folders() -> Vec<ChannelId> {
        (1..=CHANNELS).map(|channel| ChannelId(channel.to_string())).collect()
    }

    /// Opens the store, making its folders (0700) where they are missing and emptying `incoming/`.
    ///
    /// # Errors
    /// `Throttled` on a full disk, else `Refused`.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        let root = disk::blocking(move || {
            let root = std::path::absolute(settings.root)?;
            let incoming = root.join("incoming");
            if incoming.exists() {
                fs::remove_dir_all(&incoming)?;
            }
            disk::create_private_folder(&incoming)?;
            for channel in 1..=CHANNELS {
                disk::create_private_folder(&root.join("channels").join(channel.to_string()))?;
            }
            disk::sync_folder(&root.join("channels"))?;
            disk::sync_folder(&root)?;
            Ok(root)
        })
        .await
        .map_err(failed("opening the local store"))?;
        Ok(Self { root: root.into() })
    }
}

#[async_trait]
impl BlobStore for LocalStore {
    fn channels(&self) -> Vec<ChannelId> {
        Self::folders()
    }

    fn channel_of(&self, copy: &Locator) -> Option<ChannelId> {
        channel_in(copy, "local:")
    }

    fn is_near(&self, copy: &Locator) -> bool {
        self.channel_of(copy).is_some()
    }

    async fn put(&self, ticket: &PutTicket, file: &Path) -> Result<Locator, StoreError> {
        const DOING: &str = "storing a local copy";
        let channel = channel_number(&ticket.channel.0).ok_or_else(|| StoreError::new(Fault::Refused, DOING))?;
        let spot = Spot { channel, nonce: ticket.nonce };
        let (root, file, len) = (Arc::clone(&self.root), file.to_path_buf(), ticket.len);
        disk::blocking(move || put(&root, spot, &file, len)).await.map_err(failed(DOING))?;
        Ok(spot.locator())
    }

    async fn put_again(&self, _ticket: &PutTicket, _from: &Locator) -> Result<Locator, StoreError> {
        // What cannot be read here cannot be copied here either.
        Err(StoreError::new(Fault::Refused, "copying a local copy").definitely())
    }

    /// A copy lies where its nonce says, or nowhere: none is a forward, so each has its own imprint.
    async fn find(
        &self,
        channel: &ChannelId,
        unheard: &[UnheardCopy],
        named: &[Locator],
    ) -> Result<Search, StoreError> {
        let channel =
            channel_number(&channel.0).ok_or_else(|| StoreError::new(Fault::Refused, "looking for local copies"))?;
        let mut strays = Vec::new();
        for (position, copy) in unheard.iter().enumerate() {
            let locator = Spot { channel, nonce: copy.imprint }.locator();
            if named.contains(&locator) || strays.contains(&locator) {
                continue;
            }
            match self.probe(&locator).await {
                Ok(Presence::Present) => strays.push(locator),
                Ok(Presence::Absent) => {}
                Err(error) => return Ok(Search::broken_off(strays, &unheard[position..], error)),
            }
        }
        Ok(Search::complete(strays))
    }

    async fn read(&self, copy: &Locator, range: ByteRange, _purpose: Purpose) -> Result<Reading, StoreError> {
        const DOING: &str = "reading a local copy";
        let path = Spot::parse(copy, DOING)?.path(&self.root);
        let (file, len) = disk::blocking(move || {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        })
        .await
        .map_err(failed(DOING))?;
        if len < range.end() {
            return Err(StoreError::new(Fault::Corrupt, DOING));
        }
        let slices = disk::read_slices(Arc::new(file), range);
        Ok(Reading::of_range(Box::pin(slices.map(|slice| slice.map_err(failed(DOING))))))
    }

    async fn remove(&self, copies: &[Locator]) -> Result<Vec<Locator>, StoreError> {
        const DOING: &str = "removing local copies";
        let paths: Vec<PathBuf> = copies
            .iter()
            .map(|copy| Spot::parse(copy, DOING).map(|spot| spot.path(&self.root)))
            .collect::<Result<_, _>>()?;
        disk::blocking(move || remove(&paths)).await.map_err(failed(DOING))?;
        Ok(Vec::new())
    }

    async fn probe(&self, copy: &Locator) -> Result<Presence, StoreError> {
        const DOING: &str = "looking for a local copy";
        let path = Spot::parse(copy, DOING)?.path(&self.root);
        let len = disk::blocking(move || len_of(&path)).await.map_err(failed(DOING))?;
        Ok(if len.is_some() { Presence::Present } else { Presence::Absent })
    }
}

impl Spot {
    /// Strict: the only accepted spelling is the one `locator` makes, so no locator leads elsewhere.
    fn parse(copy: &Locator, doing: &'static str) -> Result<Self, StoreError> {
        let parts = copy.0.strip_prefix("local:").and_then(|rest| rest.split_once('/'));
        parts
            .and_then(|(channel, name)| {
                Some(Self { channel: channel_number(channel)?, nonce: Uuid::try_parse(name).ok()? })
            })
            .filter(|spot| spot.locator() == *copy)
            .ok_or_else(|| StoreError::new(Fault::Refused, doing))
    }

    fn locator(self) -> Locator {
        Locator(format!("local:{}/{}", self.channel, self.nonce.hyphenated()))
    }

    /// The last byte spreads: it is random in every version of UUID in use, the first one is not.
    fn path(self, root: &Path) -> PathBuf {
        let fan_out = format!("{:02x}", self.nonce.as_bytes()[15]);
        let channel = root.join("channels").join(self.channel.to_string());
        channel.join(fan_out).join(self.nonce.hyphenated().to_string())
    }
}

fn channel_number(name: &str) -> Option<u8> {
    (1..=CHANNELS).find(|number| number.to_string() == name)
}

fn len_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn put(root: &Path, spot: Spot, file: &Path, len: u64) -> io::Result<()> {
    let target = spot.path(root);
    let folder = target.parent().unwrap_or(root);
    if len_of(&target)? == Some(len) {
        // The earlier put may have been killed before its name was durable.
        return sync_names(folder);
    }
    let source = File::open(file).map_err(|error| io::Error::other(format!("the spooled file: {error}")))?;
    let found = source.metadata()?;
    if found.len() != len {
        return Err(io::Error::other(format!("the spooled file has {} bytes, {len} were announced", found.len())));
    }
    disk::create_private_folder(folder)?;
    // A file with a second link already is a copy here: one more link would share its fate.
    let is_linked = found.nlink() == 1 && link(&source, file, &target)?;
    if !is_linked {
        copy(root, source, &target)?;
    }
    sync_names(folder)
}

/// Also the fan-out folder's own name: another put may have made it and not have synced it yet.
fn sync_names(folder: &Path) -> io::Result<()> {
    disk::sync_folder(folder)?;
    folder.parent().map_or(Ok(()), disk::sync_folder)
}

/// Whether the copy is there by a link. A file system that cannot link, or another one than the
/// spool's, says no.
fn link(source: &File, file: &Path, target: &Path) -> io::Result<bool> {
    source.sync_all()?;
    Ok(fs::hard_link(file, target).is_ok())
}

fn copy(root: &Path, mut source: File, target: &Path) -> io::Result<()> {
    let part = root.join("incoming").join(Uuid::new_v4().to_string());
    let mut copy = disk::create_private_file(&part)?;
    let done = io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).and_then(|()| fs::rename(&part, target));
    if done.is_err() {
        disk::remove_if_there(&part)?;
    }
    done
}

fn remove(paths: &[PathBuf]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for path in paths {
        disk::remove_if_there(path)?;
        folders.extend(path.parent().filter(|folder| folder.exists()));
    }
    folders.into_iter().try_for_each(disk::sync_folder)
}

/// A full disk is a wait and not a refusal: the job goes on when there is room again. A sector that
/// cannot be read is as good as a wrong one. Too many open files is nobody's fault and passes.
fn failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError + Copy {
    move |error| {
        let class = match Errno::from_io_error(&error) {
            _ if disk::is_full(&error) => StoreError::throttled(doing, DISK_FULL_WAIT),
            Some(Errno::NOENT) => StoreError::new(Fault::Missing, doing),
            Some(Errno::IO) => StoreError::new(Fault::Corrupt, doing),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => StoreError::new(Fault::Unreachable, doing),
            _ if error.kind() == io::ErrorKind::UnexpectedEof => StoreError::new(Fault::Corrupt, doing),
            _ => StoreError::new(Fault::Refused, doing),
        };
        class.because(error)
    }
}
