//! A plain MP4 whose streams are copied needs no child process: its index says where every sample
//! lies, and they go into segments as they are.

use super::listed::listed_picture;
use super::pipe::{Ended, next_unless_wanted};
use super::progress::Meter;
use super::slots::Slot;
use super::track::Track;
use super::{IngestError, Run};
use crate::cmaf::{Index, IndexedSample, IndexedTrack, Sample, SourceTrack, TrackKind};
use crate::disk::{self, Buffers};
use crate::media::extent::CHUNK_SIZE;
use crate::media::plan::{AudioAction, Plan};
use crate::media::probe::{Packet, Probe};
use crate::media::time::{TIMELINE_OFFSET_SECONDS, seconds};
use std::fs::File;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use tokio::sync::mpsc;

#[cfg(test)]
mod tests;

/// What lies between two samples is read along when it is no more than this.
const GAP: u64 = 4096;

/// Idle buffers that wait for the next fragment: a segment, the fragment behind it and the one ahead.
const BUFFERS: usize = 128;

/// Fragments of sound hold about as many seconds.
const SOUND_FRAGMENT_S: u64 = 1;

/// … and no more packets: about ten times as many as AAC has in a second.
const MOST_SOUNDS: usize = 512;

/// A packet of sound with more bytes is none.
const LARGEST_SOUND: u32 = 64 * 1024;

/// A packet of sound that lasts longer is a gap, which ffmpeg knows how to fill.
const LONGEST_SOUND_S: u32 = 1;

/// Ticks a second of sound, which are samples of it.
const SOUND_TIMESCALES: RangeInclusive<u32> = 8_000..=192_000;

/// What is copied of a film, as the film itself lists it, on the timeline of our segments.
pub(super) struct Listing {
    tracks: Vec<Listed>,
}

struct Listed {
    source: SourceTrack,
    samples: Arc<Vec<IndexedSample>>,
}

/// Samples that travel together: a group of pictures, or a second of sound.
struct Fragment {
    track: usize,
    samples: Range<usize>,
    begins_s: f64,
}

impl Run<'_> {
    /// The film's own list of what is to be copied; `None` when ffmpeg has to take it apart, or to encode the sound.
    /// The same for every run over the same file and plan.
    pub(super) async fn listing(
        &self,
        probe: &Probe,
        plan: &Plan,
        tracks: &[&mut Track<'_>],
    ) -> Result<Option<Listing>, IngestError> {
        let is_copied = |track: &&mut Track<'_>| track.sound().is_none_or(|sound| sound.action == AudioAction::Copy);
        if !tracks.iter().all(is_copied) {
            return Ok(None);
        }
        let Some(index) = self.index().await? else { return Ok(None) };
        let listed = tracks.iter().map(|track| match (track.picture(), track.sound()) {
            (Some(video), _) => {
                let stream = probe.video.iter().find(|stream| stream.index == video.index)?;
                let track = listed_picture(&index, stream)?;
                is_planned(probe, plan, &track).then(|| Listed::of(&index, stream.index, track, probe.start_s))?
            }
            (None, sound) => {
                let stream = probe.audio.iter().find(|stream| Some(stream.index) == sound.map(|sound| sound.index))?;
                let track = index.track(stream.index).filter(is_plain_sound)?;
                let listed = Listed::of(&index, stream.index, track, probe.start_s)?;
                let (rate, channels) = (listed.source.sample_rate, listed.source.channels);
                ((rate, channels) == (stream.sample_rate, stream.channels)).then_some(listed)
            }
        });
        let tracks: Option<Vec<Listed>> = listed.collect();
        Ok(tracks.map(|tracks| Listing { tracks }))
    }

    /// Reads the film fragment by fragment, ahead of what is packaged, and hands each to its track. It may give way.
    pub(super) async fn remux(
        &self,
        listing: Listing,
        tracks: &mut [&mut Track<'_>],
        meter: Option<&Meter<'_>>,
        slot: &mut Slot,
    ) -> Result<Ended, IngestError> {
        let mut begin = Vec::new();
        for (listed, track) in listing.tracks.iter().zip(tracks.iter_mut()) {
            track.begin_run(&listed.source).await?;
            let next = track.next_dts().await?.and_then(|next| i64::try_from(next).ok());
            begin.push(next.unwrap_or(i64::MIN));
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
                if sender.send((fragment.track, read.map_err(IngestError::Source)?)).await.is_err() {
                    // Who packages gives way, or has an error of its own.
                    return Ok(());
                }
            }
            Ok(())
        };
        let package = async move {
            loop {
                let (position, samples) = match next_unless_wanted(&mut receiver, tracks, Some(slot)).await {
                    None => return Ok(Ended::GaveWay),
                    Some(None) => return Ok(Ended::Whole),
                    Some(Some(more)) => more,
                };
                let Some(track) = tracks.get_mut(position) else { continue };
                if let (Some(meter), Some(last), 0) = (meter, samples.last(), position) {
                    meter.made(track.film_seconds(last.pts));
                }
                track.push(samples).await?;
            }
        };
        let ((), ended) = tokio::try_join!(read, package)?;
        Ok(ended)
    }
}

impl Listed {
    /// A track, moved so that the film's start comes at the beginning of our timeline.
    fn of(index: &Index, stream: u32, mut track: IndexedTrack, start_s: f64) -> Option<Self> {
        let source = index.source(stream).filter(|source| source.timescale == track.timescale)?;
        if track.samples.windows(2).any(|pair| pair[1].dts <= pair[0].dts) {
            return None;
        }
        let offset_s = TIMELINE_OFFSET_SECONDS as f64 - start_s;
        let offset = (offset_s * f64::from(track.timescale)).round() as i64;
        for sample in &mut track.samples {
            sample.dts = sample.dts.checked_add(offset)?;
            sample.pts = sample.pts.checked_add(offset)?;
        }
        let begins = track.samples.first().is_some_and(|first| first.dts >= 0);
        begins.then(|| Self { source, samples: Arc::new(track.samples) })
    }

    /// Where fragments begin.
    fn cuts(&self) -> impl Iterator<Item = usize> {
        let second = i64::from(self.source.timescale);
        let ends = SOUND_FRAGMENT_S.cast_signed() * second;
        let (mut begun, mut first) = (i64::MIN, 0);
        self.samples.iter().enumerate().filter_map(move |(at, sample)| {
            let begins = match self.source.kind {
                TrackKind::Video => sample.sync,
                TrackKind::Audio => sample.dts >= begun.saturating_add(ends) || at - first >= MOST_SOUNDS,
            };
            if begins || at == 0 {
                (begun, first) = (sample.dts, at);
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

/// Whether these pictures are those that the plan was made for: it may have been made from reading the
/// film, which can find other key frames than the index lists.
fn is_planned(probe: &Probe, plan: &Plan, track: &IndexedTrack) -> bool {
    let packets: Vec<Packet> = track.samples.iter().map(IndexedSample::packet).collect();
    plan.copies(probe, &packets)
}

/// Whether a track is sound that needs no repair.
fn is_plain_sound(track: &IndexedTrack) -> bool {
    let longest = track.timescale.saturating_mul(LONGEST_SOUND_S);
    let is_plain = |sample: &IndexedSample| sample.bytes <= LARGEST_SOUND && sample.duration <= longest;
    let fits = track.kind == TrackKind::Audio && SOUND_TIMESCALES.contains(&track.timescale);
    fits && track.samples.iter().all(is_plain)
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
