//! Segments of MPEG-TS. How long one's last picture is shown is known when the next segment begins, so that each is
//! measured then.

use super::{Reading, Role};
use crate::check::init::{Track, TrackKind};
use crate::check::list::Listed;
use crate::check::opening::{self, Opening};
use crate::check::report::Fault;
use crate::check::timeline::Timeline;
use crate::check::transport::{CLOCK, Pictures, Transport};
use crate::check::whole;
use reqwest::Url;

/// Seconds that `EXTINF` is off by its own decimals.
const ROUNDING: f64 = 0.001;

/// What is remembered from segment to segment.
#[derive(Default)]
pub(super) struct Packets {
    /// What they hold, as far as that is known.
    tracks: Vec<Track>,
    waiting: Option<Waiting>,
    /// The times of sound beside pictures.
    beside: Timeline,
    /// Whether there are pictures of which nothing says what they are.
    has_untold: bool,
}

/// A segment of pictures that is not measured yet.
struct Waiting {
    url: Url,
    pictures: Pictures,
    track: Track,
    /// When each is shown and decoded, in ticks.
    times: Vec<(u64, i64)>,
    /// Seconds, as the playlist says.
    extinf: f64,
    discontinuity: bool,
    /// Where it is due to begin, unless that is where it does.
    begin: Option<u64>,
}

impl Reading<'_> {
    /// Tells what is wrong with a segment, but for what is told of it when the next one begins.
    pub(super) fn judge_packets(&mut self, url: &Url, packets: Transport, listed: &Listed) -> Vec<Fault> {
        let mut faults = packets.faults;
        if self.task.role == Role::IFrames {
            self.leave("I-frames of MPEG-TS: only sizes, types and tables");
            self.opens = None;
            return faults;
        }
        if packets.has_others {
            self.leave(
                "streams of MPEG-TS that are not read here: time stamps, codecs and key frames; only sizes, types, \
                 tables and the playlist's durations",
            );
        }
        let due = match &self.packets.waiting {
            Some(waiting) => waiting.times.first().map(|(shown, _)| *shown as f64 / CLOCK as f64),
            None => self.timeline.due(),
        };
        let due = due.filter(|_| !listed.discontinuity);
        match packets.pictures {
            Some(pictures) => faults.extend(self.pictures(url, pictures, listed, due)),
            None => self.opens = None,
        }
        if let Some(sound) = packets.sound {
            let (timeline, extinf) = if packets.is_sound_alone {
                (&mut self.timeline, Some(listed.duration))
            } else {
                (&mut self.packets.beside, None)
            };
            let due = timeline.due().filter(|_| !listed.discontinuity);
            let track = sound.track();
            faults.extend(timeline.take(&sound.fragments(due), &track, extinf, listed.discontinuity));
            faults.extend(self.follows(track, listed));
        }
        if packets.has_others {
            faults.extend(self.follows(Track::default(), listed));
        }
        faults
    }

    /// Whether the segment has such a track as those before it, if they have one of its kind.
    fn follows(&mut self, track: Track, listed: &Listed) -> Option<Fault> {
        if self.found.track(track.kind).is_none() {
            self.found.tracks.push(track.clone());
        }
        let tracks = &mut self.packets.tracks;
        let Some(before) = tracks.iter_mut().find(|before| before.kind == track.kind) else {
            tracks.push(track);
            return None;
        };
        let fault = whole::change_fault(std::slice::from_ref(before), std::slice::from_ref(&track), listed);
        *before = track;
        fault
    }

    /// Takes the pictures of a segment, and measures those of the one before.
    fn pictures(&mut self, url: &Url, pictures: Pictures, listed: &Listed, due: Option<f64>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let times = pictures.times(due.map(|due| (due * CLOCK as f64) as u64));
        if times.windows(2).any(|two| two[1].1 <= two[0].1) {
            faults.push(Fault::new("A 7.3", "pictures are decoded at times that do not go on"));
        }
        // Where a segment does not repeat what its pictures are, they are as before; they are not to be decoded without
        // what came before, though.
        let before = self.packets.tracks.iter().find(|track| track.kind == TrackKind::Pictures);
        let own = pictures.track();
        let is_told = own.is_some();
        let Some(track) = own.or_else(|| before.cloned()) else {
            self.packets.has_untold = true;
            self.leave("pictures of MPEG-TS that do not say what they are: time stamps, codecs and key frames");
            self.opens = None;
            return faults;
        };
        let scanned = pictures.scanned(&times, 0, 0);
        let opening = opening::opening(&scanned, &track);
        self.note(if is_told { opening } else { Opening::Unknown });
        faults.extend(self.opening_faults(&scanned, &track, opening));
        let is_claimed = self.task.claimed || self.task.list.independent;
        if opening == Opening::Clean && is_claimed && listed.map.is_none() && !pictures.has_set() {
            let what = "no parameter sets stand before its first picture, which cannot be decoded without them";
            faults.push(Fault::new("RFC 8216bis 4.4.2.1", what));
        }
        faults.extend(self.follows(track.clone(), listed));
        let begin = self.measure_waiting((!listed.discontinuity).then_some(&times));
        let (extinf, discontinuity) = (listed.duration, listed.discontinuity);
        self.packets.waiting = Some(Waiting { url: url.clone(), pictures, track, times, extinf, discontinuity, begin });
        faults
    }

    /// What is there beside the tracks that were found.
    pub(super) fn untold(&self) -> Option<Track> {
        self.packets.has_untold.then(|| Track { kind: TrackKind::Pictures, ..Track::default() })
    }

    /// Measures the segment that waits for that, where these are the times of the next one. Answers where that is due
    /// to begin if it goes on from there.
    pub(super) fn measure_waiting(&mut self, next: Option<&Vec<(u64, i64)>>) -> Option<u64> {
        let waiting = self.packets.waiting.take()?;
        let (last, goes_on) = waiting.last_step(next);
        let begin = waiting.begin.unwrap_or_else(|| span(&waiting.times).0);
        let scanned = waiting.pictures.scanned(&waiting.times, begin, last);
        let Waiting { track, extinf, discontinuity, .. } = &waiting;
        let faults = self.timeline.take(&scanned.fragments, track, Some(*extinf), *discontinuity);
        self.report.add(waiting.url.as_str(), faults);
        let total = span(&waiting.times).1 - span(&waiting.times).0 + last;
        goes_on.then_some(begin + total)
    }
}

impl Waiting {
    /// How many ticks the last picture is shown, and whether the next segment goes on from there.
    fn last_step(&self, next: Option<&Vec<(u64, i64)>>) -> (u64, bool) {
        let (first, last) = span(&self.times);
        let mut shown: Vec<u64> = self.times.iter().map(|(shown, _)| *shown).collect();
        shown.sort_unstable();
        let mut steps: Vec<u64> = shown.windows(2).map(|two| two[1] - two[0]).collect();
        steps.sort_unstable();
        let all = (self.extinf * CLOCK as f64) as u64;
        let usual = steps.get(steps.len() / 2).copied().unwrap_or(all);
        let Some(next) = next else { return (usual, false) };
        let longest = steps.last().copied().unwrap_or(all);
        let begin = span(next).0;
        if begin > last {
            let off = ((begin - first) as f64 / CLOCK as f64 - self.extinf).abs();
            // A picture may stand still for long where the playlist knows it.
            let is_known = off <= longest as f64 / CLOCK as f64 + ROUNDING;
            let is_next = begin - last <= 2 * longest || is_known;
            return if is_next { (begin - last, true) } else { (usual, false) };
        }
        // Where the next one is not cut before a picture that needs no others, the two are shown in between each other,
        // and last until they are decoded.
        let decoded = |times: &[(u64, i64)]| times.first().map_or(0, |(_, decoded)| *decoded);
        let latest = self.times.iter().map(|(_, decoded)| *decoded).max();
        if Some(decoded(next)) <= latest {
            return (usual, false);
        }
        let both = u64::try_from(decoded(next) - decoded(&self.times)).unwrap_or(0);
        (both.saturating_sub(last - first).max(1), true)
    }
}

/// When the first picture is shown, and when the last one.
fn span(times: &[(u64, i64)]) -> (u64, u64) {
    let shown = || times.iter().map(|(shown, _)| *shown);
    (shown().min().unwrap_or(0), shown().max().unwrap_or(0))
}
