//! How a segment of pictures begins: with one that needs no other, or not (A 7.4; RFC 8216bis, 4.4.2.1).

use super::codec::Units;
use super::init::Track;
use super::report::Fault;
use super::scan::Scanned;

/// How a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Everything in it can be decoded without what came before.
    Clean,
    /// With a picture of this type of unit, which needs others or lets others need some.
    Dependent(u8),
    /// The codec is one whose samples are not read, or the first picture was not within what was kept.
    Unknown,
}

/// The sample depends on others, says the flag (ISO/IEC 14496-12, 8.8.3.1).
const NOT_SYNC: u32 = 0x0001_0000;

/// How the segment begins.
pub(super) fn opening(segment: &Scanned, track: &Track) -> Opening {
    let Some((units, length)) = track.units.filter(|_| !track.encrypted) else { return Opening::Unknown };
    match first_picture(&segment.head, units, length) {
        None => Opening::Unknown,
        Some(kind) => match (units, kind) {
            (Units::Avc, 5) | (Units::Hevc, 19 | 20) => Opening::Clean,
            // Without pictures shown before it, a CRA or BLA picture opens as well as an IDR does.
            (Units::Hevc, 16..=21) if !leads(segment, track) => Opening::Clean,
            _ => Opening::Dependent(kind),
        },
    }
}

/// The type of the first unit that is part of a picture.
fn first_picture(sample: &[u8], units: Units, length: usize) -> Option<u8> {
    let mut rest = sample;
    while rest.len() > length {
        let (size, body) = rest.split_at(length);
        let size = size.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let header = *body.first()?;
        let (kind, is_picture) = match units {
            Units::Avc => (units.kind(header), (1..=5).contains(&units.kind(header))),
            Units::Hevc => (units.kind(header), units.kind(header) < 32),
        };
        if is_picture {
            return Some(kind);
        }
        rest = body.get(size..)?;
    }
    None
}

/// Whether anything is shown before the picture that the segment begins with.
fn leads(segment: &Scanned, track: &Track) -> bool {
    let own = segment.fragments.iter().find(|fragment| fragment.track == track.id);
    let Some(own) = own else { return false };
    let mut time = 0;
    let mut first = None;
    own.samples.iter().any(|sample| {
        let shown = time + sample.offset;
        time += i64::from(sample.duration.unwrap_or(track.defaults.duration));
        shown < *first.get_or_insert(shown)
    })
}

/// What is wrong with the beginning of a segment; `claimed` is `INDEPENDENT-SEGMENTS`.
pub(super) fn faults(segment: &Scanned, track: &Track, opening: Opening, claimed: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Opening::Dependent(kind) = opening {
        let what = format!("the segment begins with a picture of type {kind}, which is no IDR");
        faults.push(Fault::new("A 7.4", what.clone()));
        if claimed {
            faults.push(Fault::new("RFC 8216bis 4.4.2.1", what));
        }
    }
    let own = segment.fragments.iter().find(|fragment| fragment.track == track.id);
    let flags = own.and_then(|own| own.samples.first()).map(|first| first.flags.unwrap_or(track.defaults.flags));
    if flags.is_some_and(|flags| flags & NOT_SYNC != 0) {
        faults.push(Fault::new("A 7.4", "the flags of the first sample say that it is no sync sample"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::scan::tests::{scanned, segment};
    use super::*;

    fn track(units: Units) -> Track {
        Track { id: 1, timescale: 1000, units: Some((units, 4)), ..Track::default() }
    }

    fn unit(header: u8) -> Vec<u8> {
        vec![0, 0, 0, 2, header, 0xAA]
    }

    fn begins(units: Units, headers: &[u8], offsets: [i32; 2]) -> Opening {
        let data: Vec<u8> = headers.iter().flat_map(|header| unit(*header)).collect();
        let samples = offsets.map(|offset| (40, 1, 0, offset));
        opening(&scanned(&segment(0, &samples, &data)), &track(units))
    }

    #[test]
    fn an_idr_opens_whatever_stands_before_it() {
        assert_eq!(begins(Units::Avc, &[0x09, 0x67, 0x68, 0x06, 0x65], [0, 0]), Opening::Clean);
        assert_eq!(begins(Units::Hevc, &[0x46, 0x40, 0x42, 0x44, 0x26], [0, 0]), Opening::Clean);
        assert_eq!(begins(Units::Avc, &[0x09, 0x06, 0x41], [0, 0]), Opening::Dependent(1));
        assert_eq!(begins(Units::Hevc, &[0x02], [0, 0]), Opening::Dependent(1));
    }

    #[test]
    fn a_clean_random_access_opens_only_without_leading_pictures() {
        assert_eq!(begins(Units::Hevc, &[0x2A], [0, 0]), Opening::Clean);
        assert_eq!(begins(Units::Hevc, &[0x2A], [80, 0]), Opening::Dependent(21));
    }

    #[test]
    fn what_cannot_be_seen_is_unknown() {
        assert_eq!(begins(Units::Avc, &[0x09], [0, 0]), Opening::Unknown);
        assert_eq!(begins(Units::Avc, &[], [0, 0]), Opening::Unknown);
        let other = Track { units: None, ..track(Units::Avc) };
        assert_eq!(opening(&scanned(&segment(0, &[(1, 1, 0, 0)], &unit(0x65))), &other), Opening::Unknown);
        let secret = Track { encrypted: true, ..track(Units::Avc) };
        assert_eq!(opening(&scanned(&segment(0, &[(1, 1, 0, 0)], &unit(0x65))), &secret), Opening::Unknown);
    }

    #[test]
    fn a_claim_that_is_not_true_is_worse_than_none() {
        let rules = |flags, opening, claimed| -> Vec<&'static str> {
            let bytes = segment(0, &[(40, 1, flags, 0)], b"x");
            let found = faults(&scanned(&bytes), &track(Units::Avc), opening, claimed);
            found.into_iter().map(|fault| fault.rule).collect()
        };
        assert_eq!(rules(0x0200_0000, Opening::Clean, true), [""; 0]);
        assert_eq!(rules(0x0200_0000, Opening::Dependent(1), false), ["A 7.4"]);
        assert_eq!(rules(0x0200_0000, Opening::Dependent(1), true), ["A 7.4", "RFC 8216bis 4.4.2.1"]);
        assert_eq!(rules(NOT_SYNC, Opening::Clean, true), ["A 7.4"]);
    }
}
