//! Parameter sets (ITU-T H.264 7.4.1, H.265 7.4.2): how a decoder is set up. Those of a track stand in its
//! header; a stream may repeat them at its key frames, and may change them there, which a copy with one
//! header cannot follow.

use super::boxes::child;
use super::source::SourceTrack;
use std::collections::BTreeMap;

/// Bytes in front of the boxes of an `stsd` with one entry of a picture: two headers, a count, the fixed part.
const BEFORE_BOXES: usize = 16 + 8 + 78;

/// The kind of a slice at which an H.264 decoder can begin (ITU-T H.264 table 7-1).
const IDR: u8 = 5;

/// What the beginning of a key frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// It sets the decoder up in another way than before.
    pub changes: bool,
    /// It is H.264 and no IDR: pictures behind it may need ones before it.
    pub leans: bool,
}

/// The parameter sets of one stream, each under its kind and, of picture sets, its id.
#[derive(Clone, Debug)]
pub struct ParameterSets {
    is_hevc: bool,
    /// Bytes of the length in front of each unit of a sample.
    length_size: usize,
    known: BTreeMap<(u8, u32), Vec<u8>>,
}

impl ParameterSets {
    /// None yet; `codec` is ffmpeg's name.
    pub fn new(codec: &str) -> Self {
        Self { is_hevc: codec == "hevc", length_size: 4, known: BTreeMap::new() }
    }

    /// Those in the header of a track; `None` when it is neither H.264 nor HEVC.
    pub fn of(track: &SourceTrack) -> Option<Self> {
        let boxes = track.configuration().get(BEFORE_BOXES..)?;
        let (mut sets, lists) = match child(boxes, b"avcC").ok()? {
            Some(record) => {
                let length_size = usize::from(record.body.get(4)? & 3) + 1;
                let sequence = usize::from(record.body.get(5)? & 0x1f);
                (Self { length_size, ..Self::new("h264") }, (record.body.get(6..)?, vec![sequence, usize::MAX]))
            }
            None => {
                let record = child(boxes, b"hvcC").ok()??;
                let length_size = usize::from(record.body.get(21)? & 3) + 1;
                let arrays = usize::from(*record.body.get(22)?);
                (Self { length_size, ..Self::new("hevc") }, (record.body.get(23..)?, vec![usize::MAX; arrays]))
            }
        };
        sets.take_lists(lists.0, &lists.1)?;
        Some(sets)
    }

    /// Lists of units with lengths of two bytes. Each list has its count, or says it itself (`usize::MAX`):
    /// behind a byte of its kind in HEVC, in one byte in H.264.
    fn take_lists(&mut self, mut rest: &[u8], counts: &[usize]) -> Option<()> {
        for &count in counts {
            let mut left = count;
            if count == usize::MAX && self.is_hevc {
                left = usize::from(u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]));
                rest = rest.get(3..)?;
            } else if count == usize::MAX {
                left = usize::from(*rest.first()?);
                rest = rest.get(1..)?;
            }
            for _ in 0..left {
                let len = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                self.is_new(rest.get(2..2 + len)?);
                rest = rest.get(2 + len..)?;
            }
        }
        Some(())
    }

    /// Takes the beginning of a key frame.
    pub fn look(&mut self, sample: &[u8]) -> Opening {
        let (mut rest, mut found) = (sample, Opening::default());
        while let Some((length, body)) = rest.split_at_checked(self.length_size) {
            let len = length.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            // Nothing of interest comes behind a picture, and what does not end here is one.
            let Some(&first) = body.first() else { break };
            if self.is_picture(first) {
                found.leans = !self.is_hevc && self.kind(first) != IDR;
                break;
            }
            let Some((unit, after)) = body.split_at_checked(len) else { break };
            found.changes |= self.is_new(unit);
            rest = after;
        }
        found
    }

    /// Takes units behind start codes (ITU-T H.264 annex B), and says whether they set the decoder up in
    /// another way than before.
    pub fn change_in_stream(&mut self, bytes: &[u8]) -> bool {
        let mut starts: Vec<usize> =
            bytes.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| at).collect();
        starts.push(bytes.len());
        let mut changed = false;
        for pair in starts.windows(2) {
            changed |= self.is_new(&bytes[(pair[0] + 3).min(pair[1])..pair[1]]);
        }
        changed
    }

    /// Whether a unit is a parameter set that replaces another one.
    fn is_new(&mut self, unit: &[u8]) -> bool {
        let Some(&first) = unit.first() else { return false };
        let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let unit = &unit[..end];
        let key = match (self.is_hevc, self.kind(first)) {
            (false, 7) => (7, unsigned(unit, 32)),
            (false, 8) => (8, unsigned(unit, 8)),
            (true, kind @ (32 | 33)) => (kind, 0),
            (true, 34) => (34, unsigned(unit, 16)),
            _ => return false,
        };
        match self.known.insert(key, unit.to_vec()) {
            Some(before) => before != unit,
            None => false,
        }
    }

    fn kind(&self, first: u8) -> u8 {
        if self.is_hevc { first >> 1 & 0x3f } else { first & 0x1f }
    }

    fn is_picture(&self, first: u8) -> bool {
        let kind = self.kind(first);
        if self.is_hevc { kind < 32 } else { (1..=5).contains(&kind) }
    }
}

/// An unsigned number in the code of Exp-Golomb at this bit, which comes before anything that is escaped in
/// practice; 0 where there is none.
fn unsigned(bytes: &[u8], at: usize) -> u32 {
    let bit = |at: usize| bytes.get(at / 8).map(|byte| u32::from(byte >> (7 - at % 8) & 1));
    let Some(zeros) = (0..16).find(|zeros| bit(at + zeros) == Some(1)) else { return 0 };
    let value = (0..=zeros).fold(0, |value, more| value << 1 | bit(at + zeros + more).unwrap_or(0));
    value - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence set of H.264 with id 0, and picture sets with ids 0 and 1.
    const SEQUENCE: [u8; 6] = [0x67, 100, 0, 30, 0xAC, 0xD9];
    const PICTURE: [u8; 3] = [0x68, 0xEB, 0xE3];
    const SECOND: [u8; 3] = [0x68, 0x5B, 0xE3];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    #[test]
    fn the_same_sets_again_and_further_ones_change_nothing() {
        let mut sets = ParameterSets::new("h264");
        assert!(!sets.change_in_stream(&stream(&[&SEQUENCE, &PICTURE, &SECOND])));
        assert!(!sets.change_in_stream(&stream(&[&PICTURE, &SEQUENCE, &SECOND])));
        assert!(!sets.change_in_stream(&[]));
    }

    #[test]
    fn another_set_of_the_same_name_is_a_change() {
        let mut other = SEQUENCE;
        other[5] ^= 0x10;
        for (codec, one, another) in [
            ("h264", SEQUENCE.to_vec(), other.to_vec()),
            ("h264", PICTURE.to_vec(), vec![0x68, 0xEB, 0xE7]),
            ("hevc", vec![0x42, 1, 1, 2], vec![0x42, 1, 1, 3]),
        ] {
            let mut sets = ParameterSets::new(codec);
            assert!(!sets.change_in_stream(&stream(&[&one])));
            assert!(sets.change_in_stream(&stream(&[&another])), "{codec}");
        }
    }

    #[test]
    fn a_sample_is_read_up_to_its_picture() {
        let mut sets = ParameterSets::new("h264");
        let unit = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
        let other = [0x67, 100, 0, 31, 0xAC, 0xD9];
        let mut look = |units: &[Vec<u8>]| sets.look(&units.concat());
        assert_eq!(look(&[unit(&SEQUENCE), unit(&[0x65, 1])]), Opening::default());
        assert_eq!(look(&[unit(&[0x65, 1]), unit(&other)]), Opening::default());
        assert!(look(&[unit(&[9, 0xF0]), unit(&other)]).changes);
        assert_eq!(look(&[vec![0, 0, 1, 0, 0x65]]), Opening::default(), "cut off behind its first byte");
    }

    #[test]
    fn a_key_frame_that_is_no_idr_leans_on_others() {
        let mut sets = ParameterSets::new("h264");
        let recovery = [0, 0, 0, 2, 6, 6, 0, 0, 9, 0, 0x41, 1];
        assert_eq!(sets.look(&recovery), Opening { changes: false, leans: true });
        assert!(!ParameterSets::new("hevc").look(&[0, 0, 9, 0, 0x2A, 1]).leans, "of HEVC players take such ones");
    }
}
