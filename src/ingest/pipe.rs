//! ffmpeg's pipe: what comes out of it is taken apart into fragments, and each goes to its track.

use super::progress::Meter;
use super::slots::Slot;
use super::track::Track;
use super::{IngestError, Run};
use crate::cmaf::{Demuxer, Event, Limits, SourceTrack};
use crate::ffmpeg::Output;
use crate::ffmpeg::package::PackageTask;
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// Bytes asked of ffmpeg's pipe at a time, at most.
const READ_SIZE: usize = 256 * 1024;

/// A buffer with less room than this left is followed by a new one.
const LEAST_READ: usize = 64 * 1024;

/// Reads of the pipe that may wait to be packaged: 8 MiB.
const READ_AHEAD: usize = 32;

/// Largest box taken from ffmpeg: a fragment holds one group of pictures.
const MAX_BOX_BYTES: u64 = 160 * 1024 * 1024;

/// How a run ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    /// Its slot was wanted for the first seconds of another film, and this one has its own.
    GaveWay,
}

impl Run<'_> {
    /// Runs ffmpeg and hands every fragment to the track it belongs to, in the order of the task's outputs. Its pipe is read on while
    /// segments are written, so that neither waits for the other. With a slot it may give way.
    pub(super) async fn run_ffmpeg(
        &self,
        task: &PackageTask,
        tracks: &mut [&mut Track<'_>],
        meter: Option<&Meter<'_>>,
        slot: Option<&mut Slot>,
    ) -> Result<Ended, IngestError> {
        let mut running = self.ingest.ffmpeg.start(task, self.work.cancel.clone()).await?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let reading = read_all(&mut running.stdout, sender);
        let ((), demuxer) = tokio::try_join!(reading, package(receiver, tracks, meter, slot))?;
        let Some(mut demuxer) = demuxer else {
            running.stop().await;
            return Ok(Ended::GaveWay);
        };
        // A run that failed says more than half a box does.
        running.wait().await?;
        demuxer.finish()?;
        Ok(Ended::Whole)
    }
}

/// Reads a pipe to its end. Stops early when nobody takes the bytes any more.
async fn read_all(output: &mut Output, taker: mpsc::Sender<Bytes>) -> Result<(), IngestError> {
    let mut buffer = BytesMut::new();
    loop {
        // What one read leaves of a buffer is used by the next: kept bytes hold little else in memory.
        if buffer.capacity() < LEAST_READ {
            buffer = BytesMut::with_capacity(READ_SIZE);
        }
        tokio::select! {
            read = output.read_buf(&mut buffer) => read.map_err(IngestError::Pipe)?,
            () = taker.closed() => return Ok(()),
        };
        if buffer.is_empty() || taker.send(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// The next of what is read, once it comes; `None` when the slot is wanted before, and these tracks have begun.
pub(super) async fn next_unless_wanted<T>(
    more: &mut mpsc::Receiver<T>,
    tracks: &[&mut Track<'_>],
    slot: Option<&mut Slot>,
) -> Option<Option<T>> {
    match slot.filter(|_| Track::have_opened(tracks)) {
        Some(slot) => tokio::select! {
            () = slot.wanted() => None,
            more = more.recv() => Some(more),
        },
        None => Some(more.recv().await),
    }
}

/// Hands fragments to their tracks as they come; `None` when it gives way before they all came. Progress is that of the
/// first track.
async fn package(
    mut bytes: mpsc::Receiver<Bytes>,
    tracks: &mut [&mut Track<'_>],
    meter: Option<&Meter<'_>>,
    mut slot: Option<&mut Slot>,
) -> Result<Option<Demuxer>, IngestError> {
    let mut demuxer = Demuxer::new(Limits { max_box_bytes: MAX_BOX_BYTES });
    let mut sources: Vec<SourceTrack> = Vec::new();
    loop {
        let more = match next_unless_wanted(&mut bytes, tracks, slot.as_deref_mut()).await {
            None => return Ok(None),
            Some(None) => return Ok(Some(demuxer)),
            Some(Some(more)) => more,
        };
        demuxer.feed(more);
        while let Some(event) = demuxer.next()? {
            match event {
                Event::Init(init) => {
                    sources = init.tracks;
                    for (source, track) in sources.iter().zip(tracks.iter_mut()) {
                        track.begin_run(source).await?;
                    }
                }
                Event::Fragment(fragment) => {
                    for run in fragment.runs {
                        let position = sources.iter().position(|source| source.id == run.track);
                        let Some(track) = position.and_then(|position| tracks.get_mut(position)) else { continue };
                        if let (Some(meter), Some(last), Some(0)) = (meter, run.samples.last(), position) {
                            meter.made(track.film_seconds(last.pts));
                        }
                        track.push(run.samples).await?;
                    }
                }
            }
        }
    }
}
