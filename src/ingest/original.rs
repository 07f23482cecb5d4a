//! The file itself, kept as it is: runs of its bytes that each fill a pack are the segments of a track of their own,
//! which no player is told of.

use super::transcode::Sealed;
use super::{IngestError, Run, source};
use crate::catalog::{NewRendition, Rendition};
use crate::deposit::{FreshSegment, Packer, PackerSettings};
use crate::disk::{self, Buffers};
use crate::events::VideoChange;
use crate::media::extent::CHUNK_SIZE;
use crate::media::file_form::FileForm;
use crate::media::probe::Probe;
use crate::media::rendition::{Method, RenditionKind, TrackName, number_of};
use bytes::Bytes;
use futures::FutureExt;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::sync::Arc;

/// Longest run of bytes, all of which are in memory at a time: a pack, unless packs are larger than usual.
const LONGEST_RUN: u64 = 32 * 1024 * 1024;

/// Idle buffers that wait for the next run.
const BUFFERS: usize = (LONGEST_RUN / CHUNK_SIZE) as usize;

/// A file being read from its beginning, and the hash of what was read.
struct Reader {
    file: Arc<File>,
    buffers: Buffers,
    hash: Sha256,
    at: u64,
}

impl Run<'_> {
    /// Keeps the source, if it is not kept yet, and stores it.
    pub(super) async fn keep_original(&self, probe: &Probe, stored: Sealed) -> Result<(), IngestError> {
        let (sealed, to_store) = self.sealed().await?;
        self.work.stage("original");
        let pack = self.pack_original(probe, sealed);
        self.store_beside(pack.boxed(), to_store, stored).await
    }

    async fn pack_original(&self, probe: &Probe, sealed: Sealed) -> Result<(), IngestError> {
        let (catalog, lease) = (&self.ingest.catalog, self.work.lease);
        let rendition = catalog.begin_rendition(lease, of_file(FileForm::of(probe))).await?;
        if rendition.finished {
            return Ok(());
        }
        let settings = PackerSettings {
            lease,
            video: self.video,
            rendition: rendition.id,
            number: rendition.number,
            init: catalog.init_of(rendition.id).await?,
            timescale: rendition.timescale,
            ramps: false,
        };
        let packer = self.ingest.deposit.packer(settings, sealed.clone()).await?;
        let sha256 = self.pack_file(probe.bytes, &rendition, packer, &sealed).await?;
        catalog.finish_original(lease, rendition.id, sha256).await?;
        self.ingest.tell(self.video, VideoChange::Refined);
        Ok(())
    }

    /// Packs what is not listed yet of a file of so many bytes; answers the hash of all of it.
    ///
    /// # Errors
    /// `Refused` when it is not the file any more of which a part was packed.
    async fn pack_file(
        &self,
        bytes: u64,
        rendition: &Rendition,
        mut packer: Packer,
        sealed: &Sealed,
    ) -> Result<[u8; 32], IngestError> {
        let listed = self.ingest.catalog.segment_sizes(rendition.id).await?;
        let mut reader = Reader::open(self.input.clone()).await?;
        // What an earlier run packed is read once more, as a hash cannot be kept half-way, and as it may be another
        // file by now.
        let mut again = packer.again().await?;
        for (len, _) in &listed {
            self.go_on()?;
            let data = reader.read(*len).await?;
            let compare = move || Ok((again.take(&data), again));
            let is_same;
            (is_same, again) = disk::blocking(compare).await.map_err(IngestError::Source)?;
            if !is_same {
                return Err(source::changed());
            }
        }
        let run = packer.even_run(LONGEST_RUN);
        for start in listed.len() as u64.. {
            let len = run.min(bytes.saturating_sub(reader.at));
            if len == 0 {
                break;
            }
            self.go_on()?;
            // A slow store takes hours for a large file, and what a person adds meanwhile does not wait for its end.
            self.ingest.make_waiting(self.work, self.video, sealed).await?;
            self.work.stage("original");
            packer.room(len, &self.work.cancel).await?;
            let data = reader.read(len).await?;
            // Runs have no time; a segment lasts a tick.
            packer
                .add(FreshSegment { start, duration: 1, data, len, independent: true, key_frames: Vec::new() })
                .await?;
            packer.begin_commit().await?;
        }
        packer.finish().await?;
        Ok(reader.hash.finalize().into())
    }

    fn go_on(&self) -> Result<(), IngestError> {
        if self.work.cancel.is_cancelled() { Err(IngestError::Stopped) } else { Ok(()) }
    }
}

impl Reader {
    async fn open(path: std::path::PathBuf) -> Result<Self, IngestError> {
        let file = disk::blocking(move || File::open(path)).await.map_err(IngestError::Source)?;
        Ok(Self { file: Arc::new(file), buffers: Buffers::new(BUFFERS), hash: Sha256::new(), at: 0 })
    }

    /// The next `len` bytes.
    async fn read(&mut self, len: u64) -> Result<Vec<Bytes>, IngestError> {
        let (file, buffers, mut hash) = (Arc::clone(&self.file), self.buffers.clone(), self.hash.clone());
        let (at, end) = (self.at, self.at + len);
        let read = move || {
            let mut slices = Vec::new();
            let mut next = at;
            while next < end {
                let len = CHUNK_SIZE.min(end - next);
                let slice = buffers.read_at(&file, next, len as usize)?;
                hash.update(&slice);
                slices.push(slice);
                next += len;
            }
            Ok((slices, hash))
        };
        let (slices, hash) = disk::blocking(read).await.map_err(IngestError::Source)?;
        (self.hash, self.at) = (hash, end);
        Ok(slices)
    }
}

/// The track of a kept file. Its init segment is the ending of the file's name.
fn of_file(form: FileForm) -> NewRendition {
    let name = TrackName::new(RenditionKind::Original, 0);
    NewRendition {
        number: number_of(name.kind, name.number),
        name: name.to_string(),
        generation: 1,
        kind: name.kind,
        refines: true,
        method: Method::Copied,
        why: "the file itself is kept".to_owned(),
        codecs: form.media_type.to_owned(),
        timescale: 1,
        target_duration: 1,
        size: None,
        frame_rate_milli: None,
        video_range: None,
        sound: None,
        source_stream: None,
        language: None,
        label: None,
        is_default: false,
        forced: false,
        reorder_delay: 0,
        planned_bandwidth: 1,
        init: form.ending.as_bytes().to_vec(),
    }
}
