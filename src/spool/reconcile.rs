//! After a crash: what nobody knows is removed, what is there is counted.

use super::budget::Ledger;
use crate::disk;
use crate::media::id::{BlobId, UploadId};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::Hash;
use std::io;
use std::path::Path;

/// The ledger of what stays, and how many strays were removed. Blocks.
pub(super) fn reconcile(
    root: &Path,
    reserved: &HashMap<UploadId, u64>,
    packs: &HashSet<BlobId>,
) -> io::Result<(Ledger, u64)> {
    let known = |upload: &UploadId| reserved.contains_key(upload);
    let (mut uploads, stray_uploads) = keep_known(&root.join(super::UPLOADS), known, |name| name.parse().ok())?;
    for (upload, bytes) in reserved {
        let taken = uploads.get(upload).copied().unwrap_or_default().max(*bytes);
        if taken > 0 {
            uploads.insert(*upload, taken);
        }
    }
    let (packs, stray_packs) = keep_known(&root.join(super::PACKS), |pack| packs.contains(pack), pack_of)?;
    let (_, stray_work) = keep_known::<UploadId>(&root.join(super::WORK), |_| false, |_| None)?;
    Ok((Ledger { uploads, packs }, stray_uploads + stray_packs + stray_work))
}

fn pack_of(name: &str) -> Option<BlobId> {
    let id = BlobId(name.strip_suffix(".pack")?.parse().ok()?);
    (super::pack_name(id) == name).then_some(id)
}

fn keep_known<Id: Hash + Eq>(
    folder: &Path,
    is_known: impl Fn(&Id) -> bool,
    id_of: impl Fn(&str) -> Option<Id>,
) -> io::Result<(HashMap<Id, u64>, u64)> {
    let mut kept = HashMap::new();
    let mut strays = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        let id = entry.file_name().to_str().and_then(&id_of).filter(&is_known);
        match id {
            Some(id) if found.is_file() => drop(kept.insert(id, found.len())),
            _ => {
                strays += 1;
                if found.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }?;
            }
        }
    }
    if strays > 0 {
        disk::sync_folder(folder)?;
    }
    Ok((kept, strays))
}
