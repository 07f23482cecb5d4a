//! A track in segments, each a WebVTT file of its own (RFC 8216bis 3.1.4).

use super::{Cue, Subtitles};
use crate::media::time::TIMELINE_OFFSET_SECONDS;
use std::iter::Peekable;
use std::slice;

/// Bytes of cues that a segment may hold for each second of film, more than any film typeset by
/// hand has. A hostile track of cues that all last as long as the film would otherwise be written
/// again in every segment.
const BYTES_PER_SECOND: u64 = 32 << 10;

/// Bytes of cues that any segment may hold, however short.
const LEAST_BYTES: u64 = 64 << 10;

/// The segments of a track may hold so many times its own bytes, besides the least of each: a cue stands in every
/// segment that it is shown in.
const MOST_TIMES: u64 = 4;

/// Bytes of a cue besides its text and settings, about.
const TIMES_BYTES: u64 = 32;

/// Ticks a second of the MPEG clock.
const MPEG_CLOCK: u64 = 90_000;

impl Subtitles {
    /// The segments for a film of `length_ms` milliseconds, `every_ms` long each (at least 1) and
    /// the last one as long as what is left: together they are exactly as long as the film.
    ///
    /// Each is a valid file, also without a cue, that ties its times to the film's timeline
    /// (`media::time`) and holds every cue shown in it with the cue's full times: a cue across a
    /// border is in both. No cue ends after the film. Where more is shown than 32 KiB for a second
    /// of the segment, or than 64 KiB in a track that does not [fit](Self::fits), the cues that
    /// begin last are left out.
    pub fn segments(&self, every_ms: u64, length_ms: u64) -> impl Iterator<Item = String> + '_ {
        let every_ms = every_ms.max(1);
        let room = (every_ms.saturating_mul(BYTES_PER_SECOND) / 1000).max(LEAST_BYTES);
        Segments {
            coming: self.cues.iter().peekable(),
            shown: Vec::new(),
            at_ms: 0,
            every_ms,
            length_ms,
            room: if self.fits(every_ms, length_ms) { room } else { LEAST_BYTES },
        }
    }

    /// Whether such segments would hold no more than four times the bytes of the track and 64 KiB
    /// each, which only cues that are shown for much of a film exceed.
    pub fn fits(&self, every_ms: u64, length_ms: u64) -> bool {
        let every_ms = every_ms.max(1);
        let (mut written, mut most) = (0_u64, length_ms.div_ceil(every_ms).saturating_mul(LEAST_BYTES));
        for cue in self.cues.iter().filter(|cue| cue.start_ms < length_ms) {
            let segments = cue.end_ms.min(length_ms).div_ceil(every_ms) - cue.start_ms / every_ms;
            written = written.saturating_add(size(cue).saturating_mul(segments));
            most = most.saturating_add(size(cue).saturating_mul(MOST_TIMES));
        }
        written <= most
    }
}

#[derive(Debug)]
struct Segments<'a> {
    /// Cues that begin later than what is written.
    coming: Peekable<slice::Iter<'a, Cue>>,
    /// Cues that were shown last, in order.
    shown: Vec<&'a Cue>,
    at_ms: u64,
    every_ms: u64,
    length_ms: u64,
    /// Bytes of cues that a segment may hold.
    room: u64,
}

impl Iterator for Segments<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.at_ms >= self.length_ms {
            return None;
        }
        let end = self.at_ms.saturating_add(self.every_ms).min(self.length_ms);
        self.shown.retain(|cue| cue.end_ms > self.at_ms);
        let mut bytes: u64 = self.shown.iter().map(|cue| size(cue)).sum();
        while let Some(cue) = self.coming.next_if(|cue| cue.start_ms < end) {
            if bytes + size(cue) <= self.room {
                bytes += size(cue);
                self.shown.push(cue);
            }
        }
        self.at_ms = end;
        let mut file = header();
        for cue in &self.shown {
            cue.write(&mut file, self.length_ms);
        }
        Some(file)
    }
}

fn size(cue: &Cue) -> u64 {
    (cue.text.as_str().len() + cue.settings.as_str().len()) as u64 + TIMES_BYTES
}

fn header() -> String {
    format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n\n", TIMELINE_OFFSET_SECONDS * MPEG_CLOCK)
}
