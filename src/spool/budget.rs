//! Who may take how much of the spool. Uploads are refused when they do not fit; packs wait.
//!
//! A quarter of the budget is never given to uploads, so an encode can go on (and, by storing
//! what it makes, free the upload it reads) while people fill the rest.

use super::Usage;
use super::error::SpoolError;
use crate::media::id::{BlobId, UploadId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(super) struct Budget {
    max_bytes: u64,
    ledger: Mutex<Ledger>,
    freed: Notify,
}

/// What each thing takes. For an upload that still arrives: what is reserved for it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) uploads: HashMap<UploadId, u64>,
    pub(super) packs: HashMap<BlobId, u64>,
}

impl Ledger {
    fn uploads_bytes(&self) -> u64 {
        self.uploads.values().sum()
    }

    fn packs_bytes(&self) -> u64 {
        self.packs.values().sum()
    }
}

impl Budget {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, ledger: Mutex::default(), freed: Notify::new() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("the ledger's own code does not panic")
    }

    /// Replaces the whole ledger by what was found on disk.
    pub(super) fn replace(&self, found: Ledger) {
        *self.ledger() = found;
        self.freed.notify_waiters();
    }

    pub(super) fn usage(&self) -> Usage {
        let ledger = self.ledger();
        Usage { uploads_bytes: ledger.uploads_bytes(), packs_bytes: ledger.packs_bytes(), max_bytes: self.max_bytes }
    }

    pub(super) fn packs(&self) -> Vec<(BlobId, u64)> {
        self.ledger().packs.iter().map(|(blob, bytes)| (*blob, *bytes)).collect()
    }

    pub(super) fn begin_upload(&self, id: UploadId, bytes: u64) -> Result<(), SpoolError> {
        let mut ledger = self.ledger();
        if ledger.uploads.contains_key(&id) {
            return Err(SpoolError::Taken(id));
        }
        self.check_upload(&ledger, bytes)?;
        ledger.uploads.insert(id, bytes);
        Ok(())
    }

    /// Reserves more for an upload that arrives, up to `total` bytes; never less than it has.
    pub(super) fn grow_upload(&self, id: UploadId, total: u64) -> Result<(), SpoolError> {
        let mut ledger = self.ledger();
        let reserved = *ledger.uploads.get(&id).ok_or(SpoolError::Cancelled)?;
        if total > reserved {
            self.check_upload(&ledger, total - reserved)?;
            ledger.uploads.insert(id, total);
        }
        Ok(())
    }

    fn check_upload(&self, ledger: &Ledger, wanted: u64) -> Result<(), SpoolError> {
        let packs = ledger.packs_bytes().max(self.max_bytes / 4);
        let free = self.max_bytes.saturating_sub(packs).saturating_sub(ledger.uploads_bytes());
        if wanted > free {
            return Err(SpoolError::Full { wanted, free, max_bytes: self.max_bytes });
        }
        Ok(())
    }

    /// Gives back what was reserved and did not come. False if the upload was removed meanwhile.
    pub(super) fn settle_upload(&self, id: UploadId, bytes: u64) -> bool {
        let known = self.ledger().uploads.get_mut(&id).map(|reserved| *reserved = bytes).is_some();
        self.freed.notify_waiters();
        known
    }

    pub(super) fn release_upload(&self, id: UploadId) {
        self.ledger().uploads.remove(&id);
        self.freed.notify_waiters();
    }

    /// Records what a pack takes now. Never refuses: the wait was before.
    pub(super) fn record_pack(&self, id: BlobId, bytes: u64) {
        self.ledger().packs.insert(id, bytes);
    }

    pub(super) fn release_pack(&self, id: BlobId) {
        self.ledger().packs.remove(&id);
        self.freed.notify_waiters();
    }

    pub(super) async fn room_for_packs(&self, bytes: u64, cancel: &CancellationToken) -> Result<(), SpoolError> {
        loop {
            // Listening begins before looking, so that what is freed in between wakes us.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.has_room_for_packs(bytes) {
                return Ok(());
            }
            tokio::select! {
                () = freed => {}
                () = cancel.cancelled() => return Err(SpoolError::Cancelled),
            }
        }
    }

    /// With no pack there, waiting could last for ever: only packs are freed by making packs.
    fn has_room_for_packs(&self, bytes: u64) -> bool {
        let ledger = self.ledger();
        let packs = ledger.packs_bytes();
        packs == 0 || ledger.uploads_bytes().saturating_add(packs).saturating_add(bytes) <= self.max_bytes
    }
}
