//! A plain MP4 whose streams are copied needs no child process: its index says where every sample
//! lies, and they go into segments as they are.

use super::inspect::listed_picture;
use super::progress::Meter;
use super::track::Track;
use super::transcode::track_of;
use super::{IngestError, Run};
use crate::cmaf::{Index, IndexedSample, IndexedTrack, Sample, SourceTrack, TrackKind};
use crate::disk::{self, Buffers};
use crate::media::extent::CHUNK_SIZE;
use crate::media::plan::{AudioAction, AudioPlan, VideoPlan};
use crate::media::probe::Probe;
use crate::media::time::{TIMELINE_OFFSET_SECONDS, seconds};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What lies between two samples is read along when it is no more than this.
const GAP: u64 = 4096;

/// Idle buffers that wait for the next fragment: a segment, the fragment behind it and the one ahead.
const BUFFERS: usize = 128;

/// Fragments of sound hold about as many seconds.
const SOUND_FRAGMENT_S: u64 = 1;

/// A packet of sound with more bytes is none.
const LARGEST_SOUND: u32 = 64 * 1024;

/// What is copied of a film, as the film itself lists it, on the timeline of our segments.
pub(super) struct Listing {
    tracks: Vec<Listed>,
}

struct Listed {
    source: SourceTrack,
    samples: Arc<[IndexedSample]>,
}

/// Samples that travel together: a group of pictures, or a second of sound.
struct Fragment {
    track: usize,
    samples: Range<usize>,
    begins_s: f64,
}

impl Run<'_> {
    /// The film's own list of what is to be copied; `None` when ffmpeg has to take it apart, or to encode the sound.
    pub(super) async fn listing(
        &self,
        probe: &Probe,
        video: Option<&VideoPlan>,
        audio: Option<&AudioPlan>,
    ) -> Result<Option<Listing>, IngestError> {
        if audio.is_some_and(|audio| audio.action != AudioAction::Copy) {
            return Ok(None);
        }
        let Some(index) = self.index().await? else { return Ok(None) };
        let picture = video.map(|plan| {
            let stream = probe.video.iter().find(|stream| stream.index == plan.index)?;
            Listed::of(&index, stream.index, listed_picture(&index, stream)?, probe.start_s)
        });
        let sound = audio.map(|plan| {
            let track = index.track(plan.index).filter(|track| track.kind == TrackKind::Audio)?;
            let is_sound = track.samples.iter().all(|sample| sample.bytes <= LARGEST_SOUND);
            Listed::of(&index, plan.index, track, probe.start_s).filter(|_| is_sound)
        });
        let tracks: Option<Vec<Listed>> = picture.into_iter().chain(sound).collect();
        Ok(tracks.map(|tracks| Listing { tracks }))
    }

    /// Reads the film fragment by fragment, ahead of what is packaged, and hands each to its track.
    pub(super) async fn remux(
        &self,
        listing: Listing,
        tracks: &mut [Track<'_>],
        meter: Option<&Meter<'_>>,
    ) -> Result<(), IngestError> {
        let mut begin = Vec::new();
        for listed in &listing.tracks {
            let mut from = i64::MAX;
            if let Some(track) = track_of(tracks, listed.source.kind) {
                track.begin_run(&listed.source).await?;
                from = track.next_tick().await?.unwrap_or(i64::MIN);
            }
            begin.push(from);
        }
        let (sender, mut receiver) = mpsc::channel(1);
        let read = async move {
            let path = self.input().to_path_buf();
            let file = Arc::new(disk::blocking(move || File::open(path)).await.map_err(IngestError::Source)?);
            let buffers = Buffers::new(BUFFERS);
            for fragment in listing.fragments(&begin) {
                if self.work.cancel.is_cancelled() {
                    return Err(IngestError::Stopped);
                }
                let (file, buffers) = (Arc::clone(&file), buffers.clone());
                let listed = &listing.tracks[fragment.track];
                let (samples, range) = (Arc::clone(&listed.samples), fragment.samples);
                let read = disk::blocking(move || read_samples(&file, &buffers, &samples[range])).await;
                // Who packages ends first only with an error of its own.
                let _ = sender.send((listed.source.kind, read.map_err(IngestError::Source)?)).await;
            }
            Ok(())
        };
        let package = async {
            while let Some((kind, samples)) = receiver.recv().await {
                let Some(track) = track_of(tracks, kind) else { continue };
                if let (Some(meter), Some(last)) = (meter, samples.last()) {
                    meter.made(track.film_seconds(last.pts));
                }
                track.push(samples).await?;
            }
            Ok(())
        };
        tokio::try_join!(read, package)?;
        Ok(())
    }
}

impl Listed {
    /// A track, moved so that the film's start comes at the beginning of our timeline.
    fn of(index: &Index, stream: u32, mut track: IndexedTrack, start_s: f64) -> Option<Self> {
        let source = index.source(stream).filter(|source| source.timescale == track.timescale)?;
        let offset_s = TIMELINE_OFFSET_SECONDS as f64 - start_s;
        let offset = (offset_s * f64::from(track.timescale)).round() as i64;
        for sample in &mut track.samples {
            sample.dts = sample.dts.checked_add(offset)?;
            sample.pts = sample.pts.checked_add(offset)?;
        }
        Some(Self { source, samples: track.samples.into() })
    }

    /// Where fragments begin.
    fn cuts(&self) -> impl Iterator<Item = usize> {
        let second = i64::from(self.source.timescale);
        let ends = SOUND_FRAGMENT_S.cast_signed() * second;
        let mut begun = i64::MIN;
        self.samples.iter().enumerate().filter_map(move |(at, sample)| {
            let begins = match self.source.kind {
                TrackKind::Video => sample.sync,
                TrackKind::Audio => sample.dts >= begun.saturating_add(ends),
            };
            if begins || at == 0 {
                begun = sample.dts;
            }
            (begins || at == 0).then_some(at)
        })
    }

    /// Fragments of which something is decoded at `from` or later.
    fn fragments(&self, track: usize, from: i64) -> impl Iterator<Item = Fragment> {
        let ends = self.cuts().skip(1).chain([self.samples.len()]);
        let ranges = self.cuts().zip(ends).map(|(begin, end)| begin..end);
        let left = ranges.filter(move |range| self.samples[range.end - 1].dts >= from);
        left.map(move |samples| {
            let begins = u64::try_from(self.samples[samples.start].dts).unwrap_or(0);
            Fragment { track, begins_s: seconds(begins, self.source.timescale), samples }
        })
    }
}

impl Listing {
    /// The fragments of all tracks in the order of the film; of each track those from its tick in `begin` on.
    fn fragments(&self, begin: &[i64]) -> Vec<Fragment> {
        let tracks = self.tracks.iter().zip(begin).enumerate();
        let mut fragments: Vec<Fragment> =
            tracks.flat_map(|(number, (track, from))| track.fragments(number, *from)).collect();
        fragments.sort_by(|one, other| one.begins_s.total_cmp(&other.begins_s));
        fragments
    }
}

/// Reads consecutive samples of a track, many at a time where they lie close together.
fn read_samples(file: &File, buffers: &Buffers, listed: &[IndexedSample]) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::with_capacity(listed.len());
    let mut left = listed;
    while let Some(first) = left.first() {
        let mut end = first.at + u64::from(first.bytes);
        let mut count = 1;
        for next in &left[1..] {
            let next_end = next.at + u64::from(next.bytes);
            let is_near = (end..=end + GAP).contains(&next.at) && next_end - first.at <= CHUNK_SIZE;
            if !is_near {
                break;
            }
            (end, count) = (next_end, count + 1);
        }
        let (now, rest) = left.split_at(count);
        let window = buffers.read_at(file, first.at, (end - first.at) as usize)?;
        samples.extend(now.iter().map(|sample| {
            let at = (sample.at - first.at) as usize;
            Sample {
                dts: sample.dts,
                pts: sample.pts,
                duration: sample.duration,
                sync: sample.sync,
                data: window.slice(at..at + sample.bytes as usize),
            }
        }));
        left = rest;
    }
    Ok(samples)
}
