//! A segment read as it arrives: its `moof`s are understood, the beginning of its first `mdat` is
//! kept, the rest is only counted. So a segment of any size takes little memory.

use super::boxes::Malformed;
use super::fragment::{Fragment, fragments};

/// Bytes of the largest `moof` that is read.
const MOOF_MAX: u64 = 16 << 20;
/// Bytes kept of the first `mdat`: enough for what stands before the first picture.
const HEAD: usize = 64 << 10;
/// Bytes of the first and last part that are kept to compare ranges with.
pub(super) const ENDS: usize = 16;
/// More samples than any segment has.
pub(super) const SAMPLES_MAX: usize = 1_000_000;
/// Boxes of a segment that are looked at.
const BOXES_MAX: usize = 100_000;

/// Where the reading stands.
enum State {
    /// In the header of a box.
    Header(Vec<u8>),
    /// In a `moof`.
    Moof { left: u64, body: Vec<u8> },
    /// In a box that is only counted, or the first `mdat`.
    Body { left: u64, is_first_data: bool },
    /// What came is not MP4.
    Lost(Malformed),
}

/// What is known of a segment.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Types of the boxes at the top, each once, in order of appearance.
    pub(super) kinds: Vec<[u8; 4]>,
    pub(super) fragments: Vec<Fragment>,
    /// The beginning of the data of the first sample, as far as it was kept.
    pub(super) head: Vec<u8>,
    pub(super) len: u64,
    /// Bytes that the last box still wants.
    pub(super) missing: u64,
    /// Bytes of data that came behind the first `moof`.
    pub(super) data: u64,
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
    /// Why it is no MP4.
    pub(super) broken: Option<Malformed>,
}

/// Reads a segment.
pub(super) struct Scanner {
    state: State,
    found: Scanned,
    boxes: usize,
    samples: usize,
    /// Positions of the first `moof` and of the first `mdat`'s contents.
    moof_at: Option<u64>,
    data_at: Option<u64>,
}

impl Scanner {
    pub(super) fn new() -> Self {
        let state = State::Header(Vec::new());
        Self { state, found: Scanned::default(), boxes: 0, samples: 0, moof_at: None, data_at: None }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        self.ends(bytes);
        while !bytes.is_empty() {
            let used = self.step(bytes);
            self.found.len += used as u64;
            bytes = &bytes[used..];
        }
    }

    fn ends(&mut self, bytes: &[u8]) {
        let wanted = ENDS.saturating_sub(self.found.first.len()).min(bytes.len());
        self.found.first.extend_from_slice(&bytes[..wanted]);
        self.found.last.extend_from_slice(&bytes[bytes.len().saturating_sub(ENDS)..]);
        let surplus = self.found.last.len().saturating_sub(ENDS);
        self.found.last.drain(..surplus);
    }

    /// Uses some of the bytes, of which there is at least one; returns how many.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match &mut self.state {
            State::Lost(_) => bytes.len(),
            State::Header(header) => {
                let wanted = if header.starts_with(&[0, 0, 0, 1]) { 16 } else { 8 };
                let used = bytes.len().min(wanted - header.len());
                header.extend_from_slice(&bytes[..used]);
                let is_long = header.len() == 8 && header.starts_with(&[0, 0, 0, 1]);
                if header.len() >= 8 && !is_long {
                    let header = std::mem::take(header);
                    self.state = self.enter(&header, self.found.len + used as u64);
                }
                used
            }
            State::Moof { left, body } => {
                let used = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend_from_slice(&bytes[..used]);
                *left -= used as u64;
                if *left == 0 {
                    let body = std::mem::take(body);
                    self.state = self.understand(&body);
                }
                used
            }
            State::Body { left, is_first_data } => {
                let used = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                if *is_first_data {
                    let kept = used.min(HEAD.saturating_sub(self.found.head.len()));
                    self.found.head.extend_from_slice(&bytes[..kept]);
                }
                if self.moof_at.is_some() {
                    self.found.data += used as u64;
                }
                *left -= used as u64;
                if *left == 0 {
                    self.state = State::Header(Vec::new());
                }
                used
            }
        }
    }

    /// The state behind a header that ends at `at`.
    fn enter(&mut self, header: &[u8], at: u64) -> State {
        self.boxes += 1;
        if self.boxes > BOXES_MAX {
            return State::Lost(Malformed("a segment of more boxes than anybody writes"));
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let kind = [header[4], header[5], header[6], header[7]];
        let size = match number(&header[..4]) {
            0 => u64::MAX,
            1 => number(&header[8..]),
            size => size,
        };
        let Some(left) = size.checked_sub(header.len() as u64) else {
            return State::Lost(Malformed("a box that is shorter than its header"));
        };
        if !self.found.kinds.contains(&kind) {
            self.found.kinds.push(kind);
        }
        if kind == *b"moof" {
            let begin = at - header.len() as u64;
            self.moof_at.get_or_insert(begin);
            return match left {
                0 => State::Header(Vec::new()),
                left if left > MOOF_MAX => State::Lost(Malformed("a moof of more than 16 MiB")),
                left => State::Moof { left, body: Vec::new() },
            };
        }
        let is_first_data = kind == *b"mdat" && self.data_at.is_none();
        if is_first_data {
            self.data_at = Some(at);
        }
        if left == 0 { State::Header(Vec::new()) } else { State::Body { left, is_first_data } }
    }

    fn understand(&mut self, body: &[u8]) -> State {
        let left = SAMPLES_MAX.saturating_sub(self.samples);
        match fragments(body, left) {
            Ok(found) => {
                self.samples += found.iter().map(|one| one.samples.len()).sum::<usize>();
                self.found.fragments.extend(found);
                State::Header(Vec::new())
            }
            Err(error) => State::Lost(error),
        }
    }

    /// What came altogether.
    pub(super) fn finish(mut self) -> Scanned {
        self.found.missing = match &self.state {
            State::Header(header) if header.is_empty() => 0,
            State::Header(header) => 8_u64.saturating_sub(header.len() as u64).max(1),
            State::Moof { left, .. } => *left,
            // A box of size 0 goes on to the end.
            State::Body { left, .. } if *left > u64::MAX / 2 => 0,
            State::Body { left, .. } => *left,
            State::Lost(_) => 0,
        };
        if let State::Lost(error) = self.state {
            self.found.broken = Some(error);
        }
        let offset = self.found.fragments.first().and_then(|first| first.data_offset);
        let begin = match (offset, self.moof_at, self.data_at) {
            (Some(offset), Some(moof), Some(data)) => moof.saturating_add_signed(offset).saturating_sub(data),
            _ => 0,
        };
        let begin = usize::try_from(begin).unwrap_or(usize::MAX).min(self.found.head.len());
        self.found.head.drain(..begin);
        self.found
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::fragment::tests::moof;
    use super::super::init::tests::boxed;
    use super::*;

    /// A segment of one `moof` and this data.
    pub(in crate::check) fn segment(time: u64, samples: &[(u32, u32, u32, i32)], data: &[u8]) -> Vec<u8> {
        [boxed(b"moof", &moof(time, samples)), boxed(b"mdat", data)].concat()
    }

    pub(in crate::check) fn scanned(bytes: &[u8]) -> Scanned {
        let mut scanner = Scanner::new();
        bytes.chunks(1).for_each(|byte| scanner.feed(byte));
        scanner.finish()
    }

    #[test]
    fn a_segment_is_the_same_in_any_slices() {
        let bytes = segment(7, &[(40, 3, 0, 0)], b"abc");
        let mut whole = Scanner::new();
        whole.feed(&bytes);
        for found in [whole.finish(), scanned(&bytes)] {
            assert_eq!(found.kinds, [*b"moof", *b"mdat"]);
            assert_eq!((found.fragments.len(), found.len, found.missing), (1, bytes.len() as u64, 0));
            assert_eq!((found.head.as_slice(), found.data), (&b"abc"[..], 3));
            assert_eq!(found.first, bytes[..ENDS]);
            assert_eq!(found.last, bytes[bytes.len() - ENDS..]);
            assert!(found.broken.is_none());
        }
    }

    #[test]
    fn what_is_cut_off_is_missing() {
        let bytes = segment(7, &[(40, 3, 0, 0)], b"abcdef");
        assert_eq!(scanned(&bytes[..bytes.len() - 2]).missing, 2);
        assert_eq!(scanned(&bytes[..4]).missing, 4);
        assert_eq!(scanned(&[0, 0, 0, 0, b'm', b'd', b'a', b't', 1]).missing, 0);
    }

    #[test]
    fn what_is_not_mp4_is_told_and_never_kept() {
        assert!(scanned(&[0, 0, 0, 7, 1, 2, 3, 4]).broken.is_some());
        assert!(scanned(&[0, 0, 0, 1, b'm', b'o', b'o', b'f', 0, 0, 0, 1, 0, 0, 0, 0]).broken.is_some());
        assert!(scanned(&boxed(b"moof", &boxed(b"traf", b""))).broken.is_some());
        let mut scanner = Scanner::new();
        boxed(b"mdat", &vec![1; 3 * HEAD]).chunks(HEAD - 1).for_each(|slice| scanner.feed(slice));
        assert_eq!(scanner.finish().head.len(), HEAD);
    }
}
