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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use tempfile::TempDir;

    /// A film of five seconds with a key frame each second, and its listing from a start at 0 s.
    fn film(words: &str) -> (TempDir, File, Listing) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("film.mp4");
        let begin = "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=5 -f lavfi -i sine=d=5:r=48000 \
                     -c:v libx264 -bf 2 -g 25 -pix_fmt yuv420p -c:a aac";
        let words = begin.split_whitespace().chain(words.split_whitespace());
        assert!(Command::new("ffmpeg").args(words).arg(&path).status().unwrap().success());
        let mut file = File::open(path).unwrap();
        let index = Index::read(&mut file).unwrap().unwrap();
        let listed = |stream| Listed::of(&index, stream, index.track(stream).unwrap(), 0.0).unwrap();
        let listing = Listing { tracks: vec![listed(0), listed(1)] };
        (dir, file, listing)
    }

    #[test]
    fn fragments_come_in_the_order_of_the_film_and_hold_every_sample_once() {
        let (_dir, _, listing) = film("");
        let fragments = listing.fragments(&[i64::MIN, i64::MIN]);
        assert!(fragments.windows(2).all(|pair| pair[0].begins_s <= pair[1].begins_s));
        for (number, track) in listing.tracks.iter().enumerate() {
            let ranges: Vec<_> = fragments.iter().filter(|fragment| fragment.track == number).collect();
            let numbers: Vec<usize> = ranges.iter().flat_map(|fragment| fragment.samples.clone()).collect();
            assert_eq!(numbers, Vec::from_iter(0..track.samples.len()));
            assert!((5..=6).contains(&ranges.len()), "{}", ranges.len());
            let groups = ranges.iter().all(|fragment| track.samples[fragment.samples.start].sync);
            assert!(groups, "decoding can start with each");
        }
    }

    #[test]
    fn what_was_packaged_is_not_read_again() {
        let (_dir, _, listing) = film("");
        let pictures = &listing.tracks[0].samples;
        // The second group is the first of which something is left.
        let left = listing.fragments(&[pictures[30].dts, i64::MAX]);
        assert_eq!(left[0].samples, 25..50);
        assert_eq!(left.len(), 4);
    }

    #[test]
    fn samples_are_read_where_they_lie_however_they_are_mixed() {
        for words in ["", "-max_interleave_delta 0 -frag_duration 0", "-movflags +faststart -b:v 4M -qp 1"] {
            let (dir, file, listing) = film(words);
            let bytes = std::fs::read(dir.path().join("film.mp4")).unwrap();
            for track in &listing.tracks {
                let read = read_samples(&file, &Buffers::new(1), &track.samples).unwrap();
                assert_eq!(read.len(), track.samples.len());
                for (sample, listed) in read.iter().zip(track.samples.iter()) {
                    let at = listed.at as usize;
                    assert_eq!(sample.data, bytes[at..at + listed.bytes as usize]);
                    assert_eq!((sample.dts, sample.pts, sample.sync), (listed.dts, listed.pts, listed.sync));
                }
            }
        }
    }

    #[test]
    fn a_film_that_was_cut_off_meanwhile_is_an_error() {
        let (dir, _, listing) = film("-movflags +faststart");
        let path = dir.path().join("film.mp4");
        let whole = path.metadata().unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(whole - 1000).unwrap();
        let file = File::open(path).unwrap();
        let read_all = |track: &Listed| read_samples(&file, &Buffers::new(1), &track.samples).map(drop);
        let read = listing.tracks.iter().try_for_each(read_all);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
