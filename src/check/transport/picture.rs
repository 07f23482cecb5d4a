//! The moving picture: when each picture is shown and decoded, and what the first one begins with.

use super::{Pes, ROUND, STAMPS_MAX, ahead};
use crate::check::codec::{self, Described, Units};
use crate::check::fragment::{Fragment, Sample};
use crate::check::init::{self, Track, TrackKind};
use crate::check::scan::Scanned;
use crate::check::sps::{Sps, without_emulation};
use memchr::memmem;

/// Bytes that are kept of the first picture: enough for what stands before it.
const HEAD: usize = 64 << 10;
/// How a unit begins (ITU-T H.264, annex B).
const START: [u8; 3] = [0, 0, 1];
/// Bytes that stand for a unit's length where they are in front of it.
const LENGTH: usize = 4;
/// Later than any time, in ticks.
const DUE_MAX: u64 = 1 << 62;

/// The pictures of a segment.
#[derive(Debug)]
pub(in crate::check) struct Pictures {
    units: Units,
    /// What the first one begins with.
    head: Vec<u8>,
    /// Stamps of when each is shown and decoded, in the order in which they came.
    stamps: Vec<(u64, u64)>,
}

/// Reads the pictures of a segment.
pub(super) struct Reader {
    found: Pictures,
    /// The last bytes, in which a unit may begin.
    last: Vec<u8>,
    /// Delimiters in the PES packet that is under way: one before each picture.
    delimiters: usize,
    /// Whether they cannot be told apart.
    is_lost: bool,
}

impl Reader {
    pub(super) fn new(units: Units) -> Self {
        let found = Pictures { units, head: Vec::new(), stamps: Vec::new() };
        Self { found, last: Vec::new(), delimiters: 0, is_lost: false }
    }

    pub(super) fn lose(&mut self) {
        self.is_lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn finish(self) -> Option<Pictures> {
        (!self.is_lost && !self.found.stamps.is_empty()).then_some(self.found)
    }

    /// Takes what a packet carries of them. What comes before one begins is the end of the segment before.
    pub(super) fn take(&mut self, carried: &[u8], begins: bool) -> Result<(), &'static str> {
        let mut body = carried;
        if begins {
            let pes = Pes::of(carried).ok_or("a PES packet that cannot be read")?;
            match pes.times {
                Some(times) if self.found.stamps.len() < STAMPS_MAX => self.found.stamps.push(times),
                _ => self.is_lost = true,
            }
            (self.delimiters, body) = (0, pes.body);
            self.last.clear();
        }
        if self.found.stamps.len() == 1 {
            let kept = body.len().min(HEAD.saturating_sub(self.found.head.len()));
            self.found.head.extend_from_slice(&body[..kept]);
        }
        self.last.extend_from_slice(body);
        let delimiters = memmem::find_iter(&self.last, &START).filter(|at| {
            let header = self.last.get(at + START.len());
            header.is_some_and(|header| self.found.units.kind(*header) == self.found.units.delimiter())
        });
        self.delimiters += delimiters.count();
        // Several pictures behind one time.
        self.is_lost |= self.delimiters > 1;
        self.last.drain(..self.last.len().saturating_sub(START.len()));
        Ok(())
    }
}

impl Pictures {
    /// Whether one is shown before it is decoded.
    pub(super) fn is_late(&self) -> bool {
        self.stamps.iter().any(|(shown, decoded)| ahead(*decoded, *shown) < 0)
    }

    /// What an init segment would say of them; `None` when they do not say it themselves.
    pub(in crate::check) fn track(&self) -> Option<Track> {
        let described = self.described()?;
        let shown = described.sps.and_then(|_| init::shown((0, 0), &[], &described).ok());
        let range = described.sps.and_then(|_| init::range(&[], &described).ok()?);
        let (kind, units) = (TrackKind::Pictures, described.units);
        let timescale = super::CLOCK as u32;
        Some(Track { id: 1, kind, timescale, codec: described.codec, units, shown, range, ..Track::default() })
    }

    /// Whether a parameter set stands with the first one.
    pub(in crate::check) fn has_set(&self) -> bool {
        units(&self.head).any(|unit| self.units.is_sequence(unit))
    }

    fn described(&self) -> Option<Described> {
        let set = units(&self.head).find(|unit| self.units.is_sequence(unit))?;
        let units = Some((self.units, LENGTH));
        match self.units {
            Units::Avc => {
                let [_, profile, constraints, level, ..] = *set else { return None };
                let codec = format!("avc1.{profile:02x}{constraints:02x}{level:02x}");
                Some(Described { codec, units, sps: Sps::read(set).ok(), channels: None })
            }
            Units::Hevc => {
                let plain = without_emulation(set);
                let codec = codec::hevc_name("hvc1", plain.get(3..)?).ok()?;
                Some(Described { codec, units, ..Described::default() })
            }
        }
    }

    /// When each is shown and decoded, in the order in which they came. Stamps begin anew after a day: these are the
    /// times nearest to `due`, in ticks. A film may begin with pictures that are decoded before zero.
    pub(in crate::check) fn times(&self, due: Option<u64>) -> Vec<(u64, i64)> {
        unrolled(&self.stamps, due)
    }

    /// The segment as it would be in MP4, where `begin` is due to be the time of the first picture that is shown, and
    /// the last one lasts so many ticks. Samples last until the next picture is shown.
    pub(in crate::check) fn scanned(&self, times: &[(u64, i64)], begin: u64, last: u64) -> Scanned {
        let mut shown: Vec<u64> = times.iter().map(|(shown, _)| *shown).collect();
        shown.sort_unstable();
        let steps = shown.windows(2).map(|two| two[1] - two[0]).chain([last]);
        let mut at = begin;
        let samples = times.iter().zip(steps).map(|((shown, _), step)| {
            let offset = *shown as i64 - at as i64;
            at = at.saturating_add(step);
            Sample { duration: u32::try_from(step).ok(), offset, ..Sample::default() }
        });
        let fragment = Fragment { track: 1, decode_time: Some(begin), samples: samples.collect(), data_offset: None };
        Scanned { fragments: vec![fragment], head: with_lengths(&self.head), ..Scanned::default() }
    }
}

/// The times that these stamps of when pictures are shown and decoded mean, nearest to `due` or else to the first one.
/// None is shown before zero: a round is added to all where one would be.
pub(super) fn unrolled(stamps: &[(u64, u64)], due: Option<u64>) -> Vec<(u64, i64)> {
    let due = due.or(stamps.first().map(|(shown, _)| *shown)).unwrap_or(0).min(DUE_MAX);
    let shown = |stamp: u64| due as i64 + ahead(due, stamp);
    let is_early = stamps.iter().any(|(stamp, _)| shown(*stamp) < 0);
    let rounds = if is_early { ROUND as i64 } else { 0 };
    let times = stamps.iter().map(|(stamp, decoded)| {
        let shown = shown(*stamp) + rounds;
        (shown.unsigned_abs(), shown - ahead(*decoded, *stamp))
    });
    times.collect()
}

/// The units that begin in these bytes.
fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memmem::find_iter(bytes, &START).map(|at| at + START.len()).peekable();
    let units = std::iter::from_fn(move || {
        let begin = starts.next()?;
        let end = starts.peek().map_or(bytes.len(), |next| next - START.len());
        let unit = bytes.get(begin..end)?;
        // A start code may have more zeros.
        let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..len])
    });
    units.filter(|unit| !unit.is_empty())
}

/// Units with their lengths before them, as in MP4.
fn with_lengths(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + LENGTH);
    for unit in units(bytes) {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}
