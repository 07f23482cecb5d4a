//! Segments into packs: appended one after another, listed in commits, sealed when full.

use super::{Deposit, DepositError, sealed_blob};
use crate::catalog::{Growth, JobLease, NewPiece, NewSegment, PackLength};
use crate::media::id::{BlobId, RenditionId, VideoId};
use crate::media::key_frame::KeyFrame;
use crate::media::pack::{PackEntry, PackHeader, encode_trailer, ramp, trailer_len};
use crate::media::range::ByteRange;
use crate::media::time::Timescale;
use crate::spool::{PackWriter, Unsynced};
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// What all packs of a rendition have in common.
#[derive(Clone, Debug)]
pub struct PackerSettings {
    /// The claim under which everything is recorded.
    pub lease: JobLease,
    /// The video.
    pub video: VideoId,
    /// The rendition in the catalog.
    pub rendition: RenditionId,
    /// Its position among the video's renditions.
    pub number: u32,
    /// Its init segment.
    pub init: Vec<u8>,
    /// Ticks per second of its durations.
    pub timescale: Timescale,
    /// Whether packs are small at first, so that a cold start waits for little; else each is as large as may be.
    pub ramps: bool,
}

/// A segment just made.
#[derive(Clone, Debug)]
pub struct FreshSegment {
    /// Decode time of its first sample in ticks.
    pub start: u64,
    /// Its duration in ticks, at least 1.
    pub duration: u32,
    /// Its bytes.
    pub data: Vec<Bytes>,
    /// Their number, at least 1.
    pub len: u64,
    /// Whether it can be decoded without the segment before it.
    pub independent: bool,
    /// Those of its key frames that are kept, in order.
    pub key_frames: Vec<KeyFrame>,
}

/// Fills the packs of one rendition. What was added since the last commit is lost with it, and so may
/// be what a commit was begun with.
pub struct Packer {
    pub(super) deposit: Deposit,
    pub(super) settings: PackerSettings,
    /// Where sealed packs go, once listed.
    sealed: mpsc::UnboundedSender<BlobId>,
    next_segment: u32,
    next_pack: u32,
    pub(super) open: Option<OpenPack>,
    pending: Growth,
    pending_bytes: u64,
    /// Sealed packs whose bytes are not durable yet.
    unsynced: Vec<Unsynced>,
    /// The commit that was begun last, while it runs.
    committing: JoinSet<Result<(), DepositError>>,
}

pub(super) struct OpenPack {
    pub(super) blob: BlobId,
    number: u32,
    pub(super) writer: PackWriter,
    entries: Vec<PackEntry>,
}

impl Deposit {
    /// Goes on with a rendition where its last commit left it.
    ///
    /// # Errors
    /// When the spool or the catalog fails.
    pub async fn packer(
        &self,
        settings: PackerSettings,
        sealed: mpsc::UnboundedSender<BlobId>,
    ) -> Result<Packer, DepositError> {
        let (lease, rendition) = (settings.lease, settings.rendition);
        let (in_making, empty) = self.catalog.packs_in_making(lease, rendition).await?;
        for blob in empty {
            self.spool.remove_pack(blob).await?;
        }
        let next_pack = self.catalog.next_pack_number(rendition).await?;
        let open = match in_making {
            None => None,
            Some(pack) => {
                let writer = self.spool.reopen_pack(pack.blob, pack.committed_len).await?;
                let listed = self.catalog.entries_in(rendition, pack.blob).await?;
                let entries = listed.into_iter().map(|(segment, part, duration, len)| PackEntry {
                    segment,
                    part,
                    duration,
                    len: u32::try_from(len).unwrap_or(u32::MAX),
                });
                Some(OpenPack { blob: pack.blob, number: pack.number, writer, entries: entries.collect() })
            }
        };
        let next_segment = self.catalog.resume_of(rendition).await?.next_number;
        Ok(Packer {
            deposit: self.clone(),
            settings,
            sealed,
            next_segment,
            next_pack,
            open,
            pending: Growth::default(),
            pending_bytes: 0,
            unsynced: Vec::new(),
            committing: JoinSet::new(),
        })
    }
}

impl Packer {
    /// Waits until the spool has room for so many bytes. Before a wait, everything is sealed and
    /// listed: only what is stored makes room.
    ///
    /// # Errors
    /// `Cancelled`, and as `commit`.
    pub async fn room(&mut self, bytes: u64, cancel: &CancellationToken) -> Result<(), DepositError> {
        let spool = self.deposit.spool.clone();
        if spool.room_for_packs(bytes, cancel).now_or_never().is_some_and(|room| room.is_ok()) {
            return Ok(());
        }
        self.seal().await?;
        self.commit().await?;
        spool.room_for_packs(bytes, cancel).await.map_err(|_| DepositError::Cancelled)
    }

    /// Bytes of segments of which a whole number fills a pack, each at most `most` long.
    pub fn even_run(&self, most: u64) -> u64 {
        let runs = self.capacity().div_ceil(most.max(1));
        let more = trailer_len(usize::try_from(runs).unwrap_or(usize::MAX)) - trailer_len(1);
        (self.capacity().saturating_sub(more as u64) / runs).max(1)
    }

    /// Bytes added and not listed yet.
    pub fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// Adds the next segment to the packs; it is listed by the next commit.
    ///
    /// # Errors
    /// When the spool or the catalog fails.
    pub async fn add(&mut self, segment: FreshSegment) -> Result<(), DepositError> {
        let number = self.next_segment;
        self.next_segment += 1;
        self.pending_bytes += segment.len;
        let duration = segment.duration;
        let mut pieces = Vec::with_capacity(1);
        for (part, data) in self.parts(segment.data, segment.len).into_iter().enumerate() {
            let part = u16::try_from(part).unwrap_or(u16::MAX);
            pieces.push(self.append(number, part, duration, data).await?);
        }
        self.pending.segments.push(NewSegment {
            number,
            start: segment.start,
            duration,
            independent: segment.independent,
            pieces,
            key_frames: segment.key_frames,
        });
        Ok(())
    }

    /// Makes everything added so far durable, lists it, and lets sealed packs go to the store.
    ///
    /// # Errors
    /// When the spool or the catalog fails; nothing of it is listed then.
    pub async fn commit(&mut self) -> Result<(), DepositError> {
        self.begin_commit().await?;
        self.end_commit().await
    }

    /// As `commit`, but more can be added while the disk and the catalog work: only the commit before
    /// this one is waited for.
    ///
    /// # Errors
    /// As `commit`, for the one before.
    pub async fn begin_commit(&mut self) -> Result<(), DepositError> {
        self.end_commit().await?;
        let mut unsynced = std::mem::take(&mut self.unsynced);
        if let Some(open) = &mut self.open {
            unsynced.push(open.writer.unsynced()?);
            self.pending.grown.push(PackLength { blob: open.blob, len: open.writer.len() });
        }
        let growth = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let (catalog, lease, rendition) = (self.deposit.catalog.clone(), self.settings.lease, self.settings.rendition);
        let sealed = self.sealed.clone();
        let commit = async move {
            Unsynced::sync(unsynced).await?;
            if growth.segments.is_empty() && growth.sealed.is_empty() {
                return Ok(());
            }
            let blobs: Vec<BlobId> = growth.sealed.iter().map(|sealed| sealed.blob).collect();
            catalog.grow(lease, rendition, growth).await?;
            for blob in blobs {
                // Nobody stores any more only when the job is ending; the blob is found again then.
                let _ = sealed.send(blob);
            }
            Ok(())
        };
        self.committing.spawn(commit.in_current_span());
        Ok(())
    }

    async fn end_commit(&mut self) -> Result<(), DepositError> {
        match self.committing.join_next().await {
            None => Ok(()),
            Some(Ok(done)) => done,
            Some(Err(end)) if end.is_panic() => std::panic::resume_unwind(end.into_panic()),
            // Its task was ended with the program.
            Some(Err(_)) => Err(DepositError::Cancelled),
        }
    }

    /// Seals what is open and commits: the rendition gets no further segment.
    ///
    /// # Errors
    /// As `commit`.
    pub async fn finish(mut self) -> Result<(), DepositError> {
        self.seal().await?;
        self.commit().await
    }

    /// Splits what is larger than a pack into parts that each fill one; and what would leave the open pack with much
    /// room to spare, so that no film needs many more messages than its bytes. A part in the next pack costs its
    /// reader a second fetch, a little room costs nobody anything.
    fn parts(&self, data: Vec<Bytes>, len: u64) -> Vec<Vec<Bytes>> {
        let (room, first) = (self.capacity(), self.room_to_fill(len));
        if first.is_none() && len <= room {
            return vec![data];
        }
        let mut parts = vec![Vec::new()];
        let mut left = first.unwrap_or(room);
        for mut slice in data {
            while !slice.is_empty() {
                if left == 0 {
                    parts.push(Vec::new());
                    left = room;
                }
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(slice.len());
                left -= take as u64;
                if let Some(part) = parts.last_mut() {
                    part.push(slice.split_to(take));
                }
            }
        }
        parts
    }

    /// What is left in the open pack, where it is more than a fifth of one and less than a segment of `len` needs. Packs
    /// that do not ramp are filled evenly, and each of their segments is compared with one pack.
    fn room_to_fill(&self, len: u64) -> Option<u64> {
        let open = self
            .open
            .as_ref()
            .filter(|_| self.settings.ramps)
            .filter(|open| open.entries.len() < self.most_entries(open))?;
        let most = self.deposit.settings.max_blob_bytes;
        let left = most.saturating_sub(open.writer.len() + trailer_len(open.entries.len() + 1) as u64);
        (left > most / 5 && left < len).then_some(left)
    }

    /// Segment bytes that fit into an empty pack beside header and trailer.
    fn capacity(&self) -> u64 {
        let frame = self.header(0).encode().len() + trailer_len(1);
        self.deposit.settings.max_blob_bytes.saturating_sub(frame as u64).max(1)
    }

    pub(super) fn header(&self, number: u32) -> PackHeader {
        let PackerSettings { video, number: rendition, init, .. } = &self.settings;
        PackHeader { video: *video, rendition: *rendition, number, init: init.clone() }
    }

    async fn append(
        &mut self,
        segment: u32,
        part: u16,
        duration: u32,
        data: Vec<Bytes>,
    ) -> Result<NewPiece, DepositError> {
        let len: u64 = data.iter().map(|slice| slice.len() as u64).sum();
        if self.open.as_ref().is_some_and(|open| !self.fits(open, len)) {
            self.seal().await?;
        }
        let open = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => {
                let fresh = self.begin_pack().await?;
                self.open.insert(fresh)
            }
        };
        let offset = open.writer.append(data).await?;
        open.entries.push(PackEntry { segment, part, duration, len: u32::try_from(len).unwrap_or(u32::MAX) });
        let range = ByteRange::at(offset, len)
            .ok_or(crate::catalog::CatalogError::NotAllowed("a segment must have at least one byte"))?;
        Ok(NewPiece { blob: open.blob, range })
    }

    fn fits(&self, open: &OpenPack, len: u64) -> bool {
        let with_it = open.writer.len() + len + trailer_len(open.entries.len() + 1) as u64;
        open.entries.len() < self.most_entries(open) && with_it <= self.deposit.settings.max_blob_bytes
    }

    fn most_entries(&self, open: &OpenPack) -> usize {
        if self.settings.ramps { ramp(open.number) as usize } else { usize::MAX }
    }

    async fn begin_pack(&mut self) -> Result<OpenPack, DepositError> {
        let number = self.next_pack;
        let blob = self.deposit.catalog.open_pack(self.settings.lease, self.settings.rendition, number).await?;
        let writer = self.deposit.spool.open_pack(blob, &self.header(number).encode()).await?;
        self.next_pack += 1;
        Ok(OpenPack { blob, number, writer, entries: Vec::new() })
    }

    async fn seal(&mut self) -> Result<(), DepositError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.entries.is_empty() {
            return Ok(());
        }
        let (sealed, unsynced) = open.writer.seal(&encode_trailer(&open.entries, self.settings.timescale)).await?;
        self.unsynced.push(unsynced);
        self.pending.sealed.push(sealed_blob(open.blob, sealed));
        Ok(())
    }
}
