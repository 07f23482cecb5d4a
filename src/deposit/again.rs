//! Segments that are made again, against the packs that an earlier run filled with them: what they are made from may
//! have changed in between. Only hashes are compared; nothing is read back.

use super::{DepositError, Packer};
use crate::media::extent::Hash;
use crate::media::pack::{PackEntry, encode_trailer};
use crate::spool::ChunkHasher;
use bytes::Bytes;
use std::collections::VecDeque;

/// The packs that were not compared yet.
#[derive(Debug, Default)]
pub struct Again {
    packs: VecDeque<Filled>,
}

/// A pack, as far as its segments were made again.
#[derive(Debug)]
struct Filled {
    hasher: ChunkHasher,
    /// Segments that are still to come.
    left: usize,
    trailer: Vec<u8>,
    hash: Hash,
}

impl Packer {
    /// What was packed so far, to be compared with the same segments made again. Each must lie in one pack.
    ///
    /// # Errors
    /// When the spool or the catalog fails.
    pub async fn again(&self) -> Result<Again, DepositError> {
        let rendition = self.settings.rendition;
        let mut packs = VecDeque::new();
        for pack in self.deposit.catalog.filled_packs(rendition).await? {
            let listed = self.deposit.catalog.entries_in(rendition, pack.blob).await?;
            let entry = |(segment, part, duration, len)| {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                PackEntry { segment, part, duration, len }
            };
            let entries: Vec<PackEntry> = listed.into_iter().map(entry).collect();
            let open = self.open.as_ref().filter(|open| open.blob == pack.blob);
            let (hash, trailer) = match (pack.hash, open) {
                (Some(hash), _) => (hash, encode_trailer(&entries, self.settings.timescale)),
                (None, Some(open)) => (open.writer.hash()?, Vec::new()),
                (None, None) => continue,
            };
            let mut hasher = ChunkHasher::default();
            hasher.update(&self.header(pack.number).encode());
            packs.push_back(Filled { hasher, left: entries.len(), trailer, hash });
        }
        Ok(Again { packs })
    }
}

impl Again {
    /// Takes the next segment. `false` when the pack that it ends is another one than that it was in.
    pub fn take(&mut self, data: &[Bytes]) -> bool {
        let Some(pack) = self.packs.front_mut() else { return false };
        data.iter().for_each(|slice| pack.hasher.update(slice));
        pack.left = pack.left.saturating_sub(1);
        if pack.left > 0 {
            return true;
        }
        let Some(mut pack) = self.packs.pop_front() else { return false };
        pack.hasher.update(&pack.trailer);
        pack.hasher.finish().0 == pack.hash
    }
}
