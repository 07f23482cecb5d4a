//! A `moof`: when its samples are decoded and shown (ISO/IEC 14496-12, 8.8).

use super::boxes::{Malformed, Reader, child, children, required};

/// A sample. What is not told here is told by the init segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) duration: Option<u32>,
    pub(super) size: Option<u32>,
    pub(super) flags: Option<u32>,
    /// Ticks from decoding to showing.
    pub(super) offset: i64,
}

/// The samples of one track in a `moof`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) track: u32,
    /// The decode time of the first sample in ticks, as it is written.
    pub(super) decode_time: Option<u64>,
    pub(super) samples: Vec<Sample>,
    /// Where the data of the first sample begins, from the first byte of the `moof`, if that is how
    /// it is told.
    pub(super) data_offset: Option<i64>,
}

/// The tracks of a `moof`'s body, of `most` samples altogether: a run may claim billions in a few bytes.
pub(super) fn fragments(moof: &[u8], most: usize) -> Result<Vec<Fragment>, Malformed> {
    let mut found = Vec::new();
    let mut left = most;
    for (kind, body) in children(moof)? {
        if kind == *b"traf" {
            let fragment = track(body, left)?;
            left -= fragment.samples.len();
            found.push(fragment);
        }
    }
    Ok(found)
}

fn track(traf: &[u8], most: usize) -> Result<Fragment, Malformed> {
    let mut header = Reader(required(traf, b"tfhd")?);
    let (_, flags) = header.version()?;
    let track = header.u32()?;
    let is_absolute = flags & 1 != 0;
    if is_absolute {
        header.u64()?;
    }
    if flags & 2 != 0 {
        header.u32()?;
    }
    let mut told = |flag: u32| if flags & flag != 0 { header.u32().map(Some) } else { Ok(None) };
    let usual = Sample { duration: told(0x8)?, size: told(0x10)?, flags: told(0x20)?, offset: 0 };
    let decode_time = match child(traf, b"tfdt")? {
        Some(body) => {
            let mut reader = Reader(body);
            let (version, _) = reader.version()?;
            Some(reader.by_version(version)?)
        }
        None => None,
    };
    let mut fragment = Fragment { track, decode_time, ..Fragment::default() };
    for (kind, body) in children(traf)? {
        if kind == *b"trun" {
            let offset = run(body, usual, &mut fragment.samples, most)?;
            fragment.data_offset = fragment.data_offset.or(offset.filter(|_| !is_absolute));
        }
    }
    Ok(fragment)
}

/// Adds the samples of a run; returns where their data begins.
fn run(body: &[u8], usual: Sample, samples: &mut Vec<Sample>, most: usize) -> Result<Option<i64>, Malformed> {
    let mut reader = Reader(body);
    let (version, flags) = reader.version()?;
    let count = reader.u32()? as usize;
    if count > most.saturating_sub(samples.len()) {
        return Err(Malformed("a fragment claims more samples than a segment can have"));
    }
    let offset = if flags & 1 != 0 { Some(i64::from(reader.u32()? as i32)) } else { None };
    let first = if flags & 4 != 0 { Some(reader.u32()?) } else { None };
    for at in 0..count {
        let mut sample = usual;
        if flags & 0x100 != 0 {
            sample.duration = Some(reader.u32()?);
        }
        if flags & 0x200 != 0 {
            sample.size = Some(reader.u32()?);
        }
        if flags & 0x400 != 0 {
            sample.flags = Some(reader.u32()?);
        } else if at == 0 {
            sample.flags = first.or(sample.flags);
        }
        if flags & 0x800 != 0 {
            let told = reader.u32()?;
            sample.offset = if version == 0 { i64::from(told) } else { i64::from(told as i32) };
        }
        samples.push(sample);
    }
    Ok(offset)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::init::tests::boxed;
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// The body of a `moof` of track 1 with a decode time and samples of duration, size, flags, offset.
    pub(in crate::check) fn moof(time: u64, samples: &[(u32, u32, u32, i32)]) -> Vec<u8> {
        let tfdt = [words(&[0x0100_0000]), time.to_be_bytes().to_vec()].concat();
        let mut trun = words(&[0x0100_0F01, samples.len() as u32, 0]);
        for &(duration, size, flags, offset) in samples {
            trun.extend(words(&[duration, size, flags, offset as u32]));
        }
        let traf = [boxed(b"tfhd", &words(&[0x0002_0000, 1])), boxed(b"tfdt", &tfdt), boxed(b"trun", &trun)].concat();
        [boxed(b"mfhd", &words(&[0, 1])), boxed(b"traf", &traf)].concat()
    }

    #[test]
    fn samples_have_their_own_times() {
        let found = fragments(&moof(7, &[(40, 9, 0x0200_0000, 80), (41, 8, 0x0101_0000, -1)]), 2).unwrap();
        assert_eq!((found.len(), found[0].track, found[0].decode_time), (1, 1, Some(7)));
        let told: Vec<_> = found[0].samples.iter().map(|one| (one.duration, one.size, one.offset)).collect();
        assert_eq!(told, [(Some(40), Some(9), 80), (Some(41), Some(8), -1)]);
        assert_eq!(found[0].data_offset, Some(0));
    }

    #[test]
    fn what_is_not_told_is_usual_or_unknown() {
        let tfhd = boxed(b"tfhd", &words(&[0x28, 1, 512, 5]));
        let trun = boxed(b"trun", &words(&[4, 2, 6]));
        let found = fragments(&boxed(b"traf", &[tfhd, trun].concat()), 9).unwrap();
        let usual = Sample { duration: Some(512), size: None, flags: Some(5), offset: 0 };
        assert_eq!(found[0].samples, [Sample { flags: Some(6), ..usual }, usual]);
        assert_eq!((found[0].decode_time, found[0].data_offset), (None, None));
    }

    #[test]
    fn impossible_fragments_are_refused() {
        let tfhd = boxed(b"tfhd", &words(&[0, 1]));
        let trun = boxed(b"trun", &words(&[0, u32::MAX]));
        assert!(fragments(&boxed(b"traf", &[tfhd, trun].concat()), 9).is_err());
        let whole = moof(7, &[(40, 9, 0, 80)]);
        assert!(fragments(&whole, 1).is_ok() && fragments(&whole, 0).is_err());
        for len in 1..whole.len() {
            _ = fragments(&whole[..len], 9);
        }
        assert!(fragments(&whole[..whole.len() - 1], 9).is_err());
    }
}
