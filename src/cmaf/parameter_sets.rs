//! Parameter sets (ITU-T H.264 7.4.1, H.265 7.4.2): how a decoder is set up. Those of a track stand in its
//! header; a stream may repeat them at its key frames, and may change them there, which a copy with one
//! header cannot follow.

use super::boxes::child;
use super::source::SourceTrack;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Bytes in front of the boxes of an `stsd` with one entry of a picture: two headers, a count, the fixed part.
const BEFORE_BOXES: usize = 16 + 8 + 78;

/// What units of a stream stand behind.
const CODE: [u8; 3] = [0, 0, 1];

/// The kind of a slice at which an H.264 decoder can begin (ITU-T H.264 table 7-1).
const IDR: u8 = 5;

/// The kinds of pictures at which a decoder of HEVC can begin (ITU-T H.265 table 7-1).
const ENTRIES: RangeInclusive<u8> = 16..=23;

/// The kind of a unit with supplemental messages, and the type of the one that says that a decoder can begin here,
/// with pictures that are whole after a while (ITU-T H.264 annex D).
const MESSAGES: u8 = 6;
const RECOVERY: usize = 6;

/// What the beginning of a key frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// It sets the decoder up in another way than before.
    pub changes: bool,
    /// It is H.264 and no IDR: pictures behind it may need ones before it.
    pub leans: bool,
    /// Whether readers take it for a key frame: an IDR, H.264 that says that one can begin with it, or any picture
    /// of HEVC that is meant for that. `None` where its picture cannot be seen.
    pub enters: Option<bool>,
}

impl Opening {
    /// What one of two key frames says.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { changes: self.changes || other.changes, leans: self.leans || other.leans, enters: None }
    }
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
        match child(boxes, b"avcC").ok()? {
            Some(record) => Self::of_record("h264", record.body),
            None => Self::of_record("hevc", child(boxes, b"hvcC").ok()??.body),
        }
    }

    /// Those in a decoder configuration record (ISO/IEC 14496-15, 5.3.3 and 8.3.3); `None` when it is not one of this
    /// codec, which is ffmpeg's name of H.264 or HEVC.
    pub fn of_record(codec: &str, record: &[u8]) -> Option<Self> {
        let (at, counts) = match codec {
            "h264" => (4, vec![usize::from(record.get(5)? & 0x1f), usize::MAX]),
            "hevc" => (21, vec![usize::MAX; usize::from(*record.get(22)?)]),
            _ => return None,
        };
        let length_size = usize::from(record.get(at)? & 3) + 1;
        let mut sets = Self { length_size, ..Self::new(codec) };
        sets.take_lists(record.get(at + 2..)?, &counts)?;
        (record.first() == Some(&1)).then_some(sets)
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

    /// Takes the beginning of a key frame whose units have their lengths before them.
    pub fn look(&mut self, sample: &[u8]) -> Opening {
        let (mut rest, mut found, mut recovers) = (sample, Opening::default(), false);
        while let Some((length, body)) = rest.split_at_checked(self.length_size) {
            let len = length.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            // Nothing of interest comes behind a picture, and what does not end here is one.
            let is_picture = body.first().is_some_and(|first| self.is_picture(*first));
            let unit = if is_picture { Some(body) } else { body.get(..len) };
            let Some(unit) = unit else { break };
            self.take(unit, &mut recovers, &mut found);
            if is_picture {
                break;
            }
            rest = &body[len..];
        }
        found
    }

    /// The same of one whose units stand behind start codes (ITU-T H.264 annex B).
    pub fn look_in_stream(&mut self, bytes: &[u8]) -> Opening {
        let (mut found, mut recovers) = (Opening::default(), false);
        let mut rest = behind_code(bytes);
        while let Some(body) = rest {
            if body.first().is_some_and(|first| self.is_picture(*first)) {
                self.take(body, &mut recovers, &mut found);
                break;
            }
            rest = behind_code(body);
            // The last one may go on.
            let Some(after) = rest else { break };
            self.take(&body[..body.len() - after.len() - CODE.len()], &mut recovers, &mut found);
        }
        found
    }

    /// Takes one unit of a key frame.
    fn take(&mut self, unit: &[u8], recovers: &mut bool, found: &mut Opening) {
        let Some(&first) = unit.first() else { return };
        let kind = self.kind(first);
        if !self.is_picture(first) {
            found.changes |= self.is_new(unit);
            *recovers |= !self.is_hevc && kind == MESSAGES && is_recovery(&unit[1..]);
        } else if self.is_hevc {
            found.enters = Some(ENTRIES.contains(&kind));
        } else {
            found.leans = kind != IDR;
            found.enters = Some(*recovers || kind == IDR);
        }
    }

    /// Takes units behind start codes, and says whether they set the decoder up in another way than before.
    pub fn change_in_stream(&mut self, bytes: &[u8]) -> bool {
        let mut changed = false;
        for unit in units(bytes) {
            changed |= self.is_new(unit);
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

/// What stands behind the next start code.
fn behind_code(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(CODE.len()).position(|code| code == CODE)?;
    bytes.get(at + CODE.len()..)
}

/// What stands behind start codes, up to the next one each.
fn units(bytes: &[u8]) -> Vec<&[u8]> {
    let codes = bytes.windows(CODE.len()).enumerate().filter(|(_, code)| *code == CODE).map(|(at, _)| at);
    let starts: Vec<usize> = codes.chain([bytes.len()]).collect();
    starts.windows(2).map(|pair| &bytes[(pair[0] + CODE.len()).min(pair[1])..pair[1]]).collect()
}

/// Whether one of the messages in a unit is that of recovery.
fn is_recovery(unit: &[u8]) -> bool {
    // A three behind two zeros keeps them from looking like a start code, and is no part of a message.
    let mut zeros = 0;
    let mut plain = unit.iter().copied().filter(|byte| {
        let is_guard = zeros >= 2 && *byte == 3;
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        !is_guard
    });
    loop {
        let (Some(kind), Some(len)) = (long_byte(&mut plain), long_byte(&mut plain)) else { return false };
        if kind == RECOVERY {
            return true;
        }
        if len > 0 && plain.nth(len - 1).is_none() {
            return false;
        }
    }
}

/// A number in bytes of which all but the last are 255.
fn long_byte(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut sum = 0;
    for byte in bytes {
        sum += usize::from(byte);
        if byte != u8::MAX {
            return Some(sum);
        }
    }
    None
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
        let plain = Opening { enters: Some(true), ..Opening::default() };
        assert_eq!(look(&[unit(&SEQUENCE), unit(&[0x65, 1])]), plain);
        assert_eq!(look(&[unit(&[0x65, 1]), unit(&other)]), plain);
        assert!(look(&[unit(&[9, 0xF0]), unit(&other)]).changes);
        assert_eq!(look(&[vec![0, 0, 1, 0, 0x65]]), plain, "cut off behind its first byte");
        assert_eq!(look(&[unit(&[9, 0xF0]), vec![0, 0, 1, 0, 6, 5, 255]]), Opening::default(), "cut off before it");
    }

    #[test]
    fn a_key_frame_behind_start_codes_is_read_alike() {
        let mut sets = ParameterSets::new("h264");
        let mut look = |units: &[&[u8]]| sets.look_in_stream(&stream(units));
        let plain = Opening { enters: Some(true), ..Opening::default() };
        assert_eq!(look(&[&[9, 0xF0], &SEQUENCE, &PICTURE, &[0x65, 1]]), plain);
        assert_eq!(look(&[&[6, 6, 1, 0x80], &[0x41, 1]]), Opening { leans: true, ..plain });
        assert_eq!(look(&[&SEQUENCE, &[0x68, 0xEB, 0xE7], &[0x65, 1]]), Opening { changes: true, ..plain });
        assert_eq!(look(&[&SEQUENCE, &[0x68, 0xEB]]), Opening::default(), "its last unit may go on");
    }

    #[test]
    fn a_key_frame_that_is_no_idr_leans_on_others() {
        let mut sets = ParameterSets::new("h264");
        let recovery = [0, 0, 0, 4, 6, 6, 1, 0x80, 0, 0, 9, 0, 0x41, 1];
        assert_eq!(sets.look(&recovery), Opening { changes: false, leans: true, enters: Some(true) });
        let enters = |message: &[u8]| {
            let unit = [&[0, 0, 0, message.len() as u8 + 1, 6], message].concat();
            ParameterSets::new("h264").look(&[&unit[..], &[0, 0, 9, 0, 0x41, 1]].concat()).enters
        };
        assert_eq!(enters(&[4, 2, 7, 7, 6, 1, 0x80]), Some(true), "behind another message");
        assert_eq!(enters(&[4, 4, 0, 0, 3, 1, 1, 6, 1, 0x80]), Some(true), "behind one with a guarded zero");
        assert_eq!(enters(&[4, 3, 6, 1, 0x80]), Some(false), "in the middle of another message");
        assert_eq!(enters(&[255, 6, 0]), Some(false), "261 is another type");
        let hevc = |kind: u8| ParameterSets::new("hevc").look(&[0, 0, 9, 0, kind << 1, 1]);
        assert_eq!(hevc(21), Opening { enters: Some(true), ..Opening::default() }, "of HEVC players take such ones");
        assert_eq!(hevc(1).enters, Some(false));
    }
}
