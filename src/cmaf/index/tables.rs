//! The sample tables of a track.

use super::{IndexedSample, inside};
use crate::cmaf::boxes::{child, children};

/// Samples are counted in 32 bits; a day at 60 pictures a second is five million.
const MOST_SAMPLES: u32 = 6_000_000;

/// The tables of a track. Each is the body of a full box: version and flags, a count, rows.
pub(super) struct Tables<'a> {
    durations: Rows<'a, 8>,
    offsets: Option<Rows<'a, 8>>,
    sizes: Sizes<'a>,
    keys: Option<Rows<'a, 4>>,
    chunks: Chunks<'a>,
}

struct Rows<'a, const WIDTH: usize>(&'a [[u8; WIDTH]]);

enum Sizes<'a> {
    Same(u32, u32),
    Each(Rows<'a, 4>),
}

struct Chunks<'a> {
    runs: Rows<'a, 12>,
    starts: Starts<'a>,
}

enum Starts<'a> {
    Short(Rows<'a, 4>),
    Long(Rows<'a, 8>),
}

impl<'a> Tables<'a> {
    /// The tables in an `stbl` box; `None` when one is missing, or key frames are listed elsewhere too.
    pub(super) fn read(samples: &'a [u8]) -> Option<Self> {
        // Further key frames may be listed in sample groups.
        let groups = children(samples).filter_map(Result::ok).filter(|found| found.kind == *b"sbgp");
        if groups.map(|group| group.body.get(4..8)).any(|kind| matches!(kind, Some(b"rap " | b"sync") | None)) {
            return None;
        }
        // Or in a table of QuickTime's; and where the usual one is empty, readers look into the pictures.
        let keys = optional(samples, b"stss")?;
        if child(samples, b"stps").ok()?.is_some() || keys.as_ref().is_some_and(|keys: &Rows<'_, 4>| keys.0.is_empty())
        {
            return None;
        }
        let starts = match child(samples, b"stco").ok()? {
            Some(short) => Starts::Short(Rows::read(short.body, 4)?),
            None => Starts::Long(Rows::read(inside(samples, b"co64")?, 4)?),
        };
        Some(Self {
            durations: Rows::read(inside(samples, b"stts")?, 4)?,
            offsets: optional(samples, b"ctts")?,
            sizes: Sizes::read(inside(samples, b"stsz")?)?,
            keys,
            chunks: Chunks { runs: Rows::read(inside(samples, b"stsc")?, 4)?, starts },
        })
    }

    /// All samples in media time; `None` when the tables do not fit each other or the file.
    pub(super) fn samples(&self, file_len: u64) -> Option<Vec<IndexedSample>> {
        let mut samples = self.times()?;
        self.sizes_into(&mut samples)?;
        self.keys_into(&mut samples)?;
        self.chunks.places_into(&mut samples, file_len)?;
        (!samples.is_empty()).then_some(samples)
    }

    /// Samples with their times; their number is that of the sizes.
    fn times(&self) -> Option<Vec<IndexedSample>> {
        let count = usize::try_from(self.sizes.count()).ok()?;
        let mut samples = Vec::with_capacity(count);
        let mut dts = 0_i64;
        for (run, duration) in self.durations.pairs() {
            for _ in 0..run {
                if samples.len() == count {
                    return None;
                }
                samples.push(IndexedSample { dts, pts: dts, at: 0, duration, bytes: 0, sync: false });
                dts = dts.checked_add(i64::from(duration))?;
            }
        }
        // Version 0 counts without a sign, but files are written as if it had one.
        let offsets = self.offsets.iter().flat_map(Rows::pairs);
        let offsets = offsets.map(|(run, offset)| (run, i64::from(offset.cast_signed())));
        // Where pictures are shown before their decode times, all of those lie so much earlier.
        let early = offsets.clone().map(|(_, offset)| -offset).max().unwrap_or(0).max(0);
        let mut left = samples.iter_mut();
        for (run, offset) in offsets {
            left.by_ref().take(usize::try_from(run).ok()?).for_each(|sample| sample.pts += offset);
        }
        samples.iter_mut().for_each(|sample| sample.dts -= early);
        (samples.len() == count).then_some(samples)
    }

    fn sizes_into(&self, samples: &mut [IndexedSample]) -> Option<()> {
        match &self.sizes {
            Sizes::Same(size, _) => samples.iter_mut().for_each(|sample| sample.bytes = *size),
            Sizes::Each(rows) => {
                for (sample, size) in samples.iter_mut().zip(rows.0) {
                    sample.bytes = u32::from_be_bytes(*size);
                }
            }
        }
        samples.iter().all(|sample| sample.bytes > 0).then_some(())
    }

    fn keys_into(&self, samples: &mut [IndexedSample]) -> Option<()> {
        let Some(keys) = &self.keys else {
            samples.iter_mut().for_each(|sample| sample.sync = true);
            return Some(());
        };
        for key in keys.0 {
            let number = usize::try_from(u32::from_be_bytes(*key)).ok()?;
            samples.get_mut(number.checked_sub(1)?)?.sync = true;
        }
        Some(())
    }
}

impl<'a, const WIDTH: usize> Rows<'a, WIDTH> {
    /// The rows after a count at `at`, which must all be there.
    fn read(body: &'a [u8], at: usize) -> Option<Self> {
        let (_, rest) = body.split_at_checked(at)?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (rows, _) = rest.as_chunks::<WIDTH>();
        let count = u32::from_be_bytes(*count);
        rows.get(..usize::try_from(count).ok()?).filter(|_| count <= MOST_SAMPLES).map(Self)
    }
}

impl Rows<'_, 8> {
    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        self.0.iter().map(|[a, b, c, d, e, f, g, h]| {
            (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]))
        })
    }
}

impl<'a> Sizes<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let same = u32::from_be_bytes(*body.get(4..)?.first_chunk()?);
        let count = u32::from_be_bytes(*body.get(8..)?.first_chunk()?);
        match same {
            _ if count > MOST_SAMPLES => None,
            0 => Rows::read(body, 8).map(Self::Each),
            same => Some(Self::Same(same, count)),
        }
    }

    fn count(&self) -> u32 {
        match self {
            Self::Same(_, count) => *count,
            Self::Each(rows) => u32::try_from(rows.0.len()).unwrap_or(MOST_SAMPLES),
        }
    }
}

impl Chunks<'_> {
    /// Where each sample lies; `None` when the tables do not fit each other, or the samples the file:
    /// none lies past its end, and no bytes belong to many of them.
    fn places_into(&self, samples: &mut [IndexedSample], file_len: u64) -> Option<()> {
        let bytes: u64 = samples.iter().map(|sample| u64::from(sample.bytes)).sum();
        if bytes > file_len {
            return None;
        }
        let mut left = samples.iter_mut();
        let mut runs = self.runs.0.iter().map(|[a, b, c, d, e, f, g, h, ..]| {
            (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]))
        });
        let mut now = runs.next()?;
        let mut next = runs.next();
        for (number, start) in (1..).zip(self.starts.each()) {
            if let Some(begun) = next.filter(|(first, _)| *first == number) {
                now = begun;
                next = runs.next();
            }
            let mut at = start;
            for sample in left.by_ref().take(usize::try_from(now.1).ok()?) {
                sample.at = at;
                at = at.checked_add(u64::from(sample.bytes)).filter(|end| *end <= file_len)?;
            }
        }
        left.next().is_none().then_some(())
    }
}

impl Starts<'_> {
    fn each(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match self {
            Self::Short(rows) => Box::new(rows.0.iter().map(|row| u64::from(u32::from_be_bytes(*row)))),
            Self::Long(rows) => Box::new(rows.0.iter().map(|row| u64::from_be_bytes(*row))),
        }
    }
}

fn optional<'a, const WIDTH: usize>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<Option<Rows<'a, WIDTH>>> {
    match child(bytes, kind).ok()? {
        Some(found) => Rows::read(found.body, 4).map(Some),
        None => Some(None),
    }
}
