//! The frames of a sound.

use super::frame::Frame;
use super::{CLOCK, Pes, STAMPS_MAX, near};
use crate::check::fragment::{Fragment, Sample};
use crate::check::init::{Track, TrackKind};
use crate::check::scan::SAMPLES_MAX;

/// Seconds by which a time stamp may be off: containers that sound is taken from count in milliseconds.
const JITTER: f64 = 0.002;
/// Up to this rate, AAC may be the lower half of a sound without saying so.
const HALVED: u32 = 24_000;

/// What it is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Mpeg,
    Aac,
}

/// A sound with its time stamps.
#[derive(Debug)]
pub(in crate::check) struct Sound {
    frame: Frame,
    /// Ticks of 90 kHz, and how many frames begin from there on.
    runs: Vec<(u64, u32)>,
}

/// Reads the sound of a segment.
pub(super) struct Reader {
    kind: Kind,
    /// Whether a PES packet began.
    is_begun: bool,
    /// Bytes of the frame that the stream is in, and the header of the next as far as it came.
    left: usize,
    header: Vec<u8>,
    /// A time stamp that waits for a frame.
    stamp: Option<u64>,
    /// Frames that came.
    frames: usize,
    /// Whether it cannot be read.
    is_lost: bool,
    found: Option<Sound>,
}

impl Reader {
    pub(super) fn new(kind: Kind) -> Self {
        let (header, found) = (Vec::new(), None);
        Self { kind, is_begun: false, left: 0, header, stamp: None, frames: 0, is_lost: false, found }
    }

    pub(super) fn lose(&mut self) {
        self.is_lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether the end of the last frame is missing.
    pub(super) fn is_cut(&self) -> bool {
        self.found.is_some() && self.left + self.header.len() > 0 && !self.is_lost
    }

    pub(super) fn finish(self) -> Option<Sound> {
        self.found.filter(|_| !self.is_lost)
    }

    /// Takes what a packet carries of it. What comes before it begins is the end of the segment before.
    pub(super) fn take(&mut self, carried: &[u8], begins: bool) -> Result<(), &'static str> {
        let mut left = carried;
        if begins {
            let pes = Pes::of(carried).ok_or("a PES packet that cannot be read")?;
            self.stamp = pes.times.map(|(shown, _)| shown).or(self.stamp);
            self.is_begun = true;
            left = pes.body;
        }
        let len = match self.kind {
            Kind::Mpeg => Frame::MP3,
            Kind::Aac => Frame::ADTS,
        };
        while self.is_begun && !left.is_empty() && !self.is_lost {
            if self.left > 0 {
                let used = self.left.min(left.len());
                self.left -= used;
                left = &left[used..];
                continue;
            }
            let (now, rest) = left.split_at(left.len().min(len - self.header.len()));
            self.header.extend_from_slice(now);
            left = rest;
            if self.header.len() == len {
                self.frame()?;
            }
        }
        Ok(())
    }

    /// Understands the header of a frame.
    fn frame(&mut self) -> Result<(), &'static str> {
        let header = std::mem::take(&mut self.header);
        let read = match self.kind {
            Kind::Mpeg => Frame::mp3(&header),
            Kind::Aac => Frame::adts(&header),
        };
        self.frames += 1;
        let Some((frame, bytes)) = read.filter(|_| self.frames <= SAMPLES_MAX) else {
            self.is_lost = true;
            return Ok(());
        };
        self.left = bytes - header.len();
        let stamp = self.stamp.take();
        match (&mut self.found, stamp) {
            (None, Some(stamp)) => self.found = Some(Sound { frame, runs: vec![(stamp, 1)] }),
            (None, None) => return Err("sound before the first time stamp"),
            (Some(sound), _) if sound.frame != frame => self.is_lost = true,
            (Some(sound), Some(stamp)) if sound.runs.len() < STAMPS_MAX => sound.runs.push((stamp, 1)),
            (Some(sound), _) => sound.runs.iter_mut().next_back().into_iter().for_each(|(_, count)| *count += 1),
        }
        Ok(())
    }
}

impl Sound {
    /// What an init segment would say of it. AAC of a low rate may be more than it says, and is not named then.
    pub(in crate::check) fn track(&self) -> Track {
        let Frame { object, rate, channels, .. } = self.frame;
        let is_halved = object == 2 && rate <= HALVED;
        let codec = if is_halved { String::new() } else { format!("mp4a.40.{object}") };
        let channels = channels.filter(|_| !is_halved);
        Track { id: 1, kind: TrackKind::Sound, timescale: rate, codec, channels, ..Track::default() }
    }

    /// Its frames as fragments on a timeline that counts its samples. Time stamps are those nearest to second `due`,
    /// as they begin anew after a day, and mean that second when they are hardly beside it. Where none is due, the first
    /// stamp is.
    pub(in crate::check) fn fragments(&self, due: Option<f64>) -> Vec<Fragment> {
        let Frame { rate, samples, .. } = self.frame;
        let slack = (f64::from(rate) * JITTER) as u64;
        let mut next = due.map(|due| (due * f64::from(rate)).round() as u64);
        let first = self.runs.first().map_or(0, |(stamp, _)| *stamp);
        let due = due.map_or(first, |due| (due * CLOCK as f64) as u64);
        let mut fragments = Vec::with_capacity(self.runs.len());
        for (stamp, count) in &self.runs {
            let stamp = near(*stamp, due);
            // A tick of the clock is longer than a sample: this is the one that was meant.
            let told = (u128::from(stamp) * u128::from(rate) + u128::from(CLOCK) / 2) / u128::from(CLOCK);
            let told = u64::try_from(told).unwrap_or(u64::MAX);
            let begin = next.filter(|next| next.abs_diff(told) <= slack).unwrap_or(told);
            next = Some(begin.saturating_add(u64::from(samples) * u64::from(*count)));
            let sample = Sample { duration: Some(samples), ..Sample::default() };
            let samples = vec![sample; *count as usize];
            fragments.push(Fragment { track: 1, decode_time: Some(begin), samples, data_offset: None });
        }
        fragments
    }
}
