//! ffmpeg's pipe: what comes out of it is taken apart into fragments, and each goes to its track.

use super::progress::Meter;
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

impl Run<'_> {
    /// Runs ffmpeg and hands every fragment to the track it belongs to, in the order of the task's outputs. Its pipe is read on while
    /// segments are written, so that neither waits for the other.
    pub(super) async fn run_ffmpeg(
        &self,
        task: &PackageTask,
        tracks: &mut [&mut Track<'_>],
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        let mut running = self.ingest.ffmpeg.start(task, self.work.cancel.clone()).await?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let reading = read_all(&mut running.stdout, sender);
        let ((), mut demuxer) = tokio::try_join!(reading, package(receiver, tracks, meter))?;
        // A run that failed says more than half a box does.
        running.wait().await?;
        Ok(demuxer.finish()?)
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
        output.read_buf(&mut buffer).await.map_err(IngestError::Pipe)?;
        if buffer.is_empty() || taker.send(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// Hands fragments to their tracks as they come. Progress is that of the first track.
async fn package(
    mut bytes: mpsc::Receiver<Bytes>,
    tracks: &mut [&mut Track<'_>],
    meter: Option<&Meter<'_>>,
) -> Result<Demuxer, IngestError> {
    let mut demuxer = Demuxer::new(Limits { max_box_bytes: MAX_BOX_BYTES });
    let mut sources: Vec<SourceTrack> = Vec::new();
    while let Some(more) = bytes.recv().await {
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
    Ok(demuxer)
}
