//! Elements of EBML (RFC 8794): a name, a length, a body. What lies in the file is read in small windows, so that
//! passing over a body costs nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read at once. Heads are small, and lie between large bodies.
const WINDOW: usize = 4096;

/// The names of elements (RFC 9559, 5.1).
pub(super) mod id {
    pub(in crate::matroska) const EBML: u32 = 0x1A45_DFA3;
    pub(in crate::matroska) const SEGMENT: u32 = 0x1853_8067;
    pub(in crate::matroska) const INFO: u32 = 0x1549_A966;
    pub(in crate::matroska) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(in crate::matroska) const TRACKS: u32 = 0x1654_AE6B;
    pub(in crate::matroska) const TRACK: u32 = 0xAE;
    pub(in crate::matroska) const NUMBER: u32 = 0xD7;
    pub(in crate::matroska) const TYPE: u32 = 0x83;
    pub(in crate::matroska) const CODEC: u32 = 0x86;
    pub(in crate::matroska) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(in crate::matroska) const CODEC_DELAY: u32 = 0x56AA;
    pub(in crate::matroska) const DEFAULT_DURATION: u32 = 0x23_E383;
    pub(in crate::matroska) const TRACK_TIMESTAMP_SCALE: u32 = 0x23_314F;
    pub(in crate::matroska) const TRACK_OFFSET: u32 = 0x537F;
    pub(in crate::matroska) const ENCODINGS: u32 = 0x6D80;
    pub(in crate::matroska) const CLUSTER: u32 = 0x1F43_B675;
    pub(in crate::matroska) const TIMESTAMP: u32 = 0xE7;
    pub(in crate::matroska) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in crate::matroska) const BLOCK_GROUP: u32 = 0xA0;
    pub(in crate::matroska) const BLOCK: u32 = 0xA1;
    pub(in crate::matroska) const BLOCK_DURATION: u32 = 0x9B;
    pub(in crate::matroska) const REFERENCE_BLOCK: u32 = 0xFB;
    pub(in crate::matroska) const CODEC_STATE: u32 = 0xA4;
    pub(in crate::matroska) const ENCRYPTED_BLOCK: u32 = 0xAF;
}

/// Why a walk ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file is not as plain as it has to be.
    Odd,
    Unreadable(io::Error),
}

/// What a walk found; `None` when it met something odd.
pub(super) fn plain<T>(walked: Result<T, Stop>) -> io::Result<Option<T>> {
    match walked {
        Ok(found) => Ok(Some(found)),
        Err(Stop::Odd) => Ok(None),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}

/// An element whose head was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) id: u32,
    /// Where its body begins.
    pub(super) body: u64,
    /// Bytes of its body, which are all in the file; `None` when it ends where another one begins.
    pub(super) len: Option<u64>,
}

impl Element {
    /// Where the next one begins.
    pub(super) fn end(self) -> Result<u64, Stop> {
        self.len.map(|len| self.body + len).ok_or(Stop::Odd)
    }

    /// The same of an element that must have this name.
    pub(super) fn end_of(self, id: u32) -> Result<u64, Stop> {
        if self.id == id { self.end() } else { Err(Stop::Odd) }
    }
}

/// Elements of a film of a day with many sounds; more are there to keep us busy.
const MOST_ELEMENTS: u64 = 64_000_000;

/// More than any head lists.
const MOST_CHILDREN: usize = 10_000;

/// A file and the bytes of it that were read last.
#[derive(Debug)]
pub(super) struct Walk {
    file: File,
    /// Where the file ends.
    pub(super) end: u64,
    start: u64,
    window: Vec<u8>,
    /// Elements looked at so far.
    elements: u64,
}

impl Walk {
    pub(super) fn new(file: File, end: u64) -> Self {
        Self { file, end, start: 0, window: Vec::new(), elements: 0 }
    }

    /// These bytes of the file; `Odd` when it ends before.
    pub(super) fn at(&mut self, at: u64, count: usize) -> Result<&[u8], Stop> {
        let known = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let is_known = known.is_some_and(|skip| skip.checked_add(count).is_some_and(|end| end <= self.window.len()));
        let skip = if let (true, Some(skip)) = (is_known, known) {
            skip
        } else {
            let left = self.end.checked_sub(at).ok_or(Stop::Odd)?;
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW.max(count));
            self.window.resize(len, 0);
            self.start = at;
            self.file.read_exact_at(&mut self.window, at).map_err(Stop::Unreadable)?;
            0
        };
        self.window.get(skip..skip + count).ok_or(Stop::Odd)
    }

    /// The head of the element at this place.
    pub(super) fn element(&mut self, at: u64) -> Result<Element, Stop> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS {
            return Err(Stop::Odd);
        }
        let first = self.at(at, 1)?[0];
        let width = u64::from(first.leading_zeros()) + 1;
        if width > 4 {
            return Err(Stop::Odd);
        }
        let id = self.at(at, width as usize)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let (len, len_width) = self.vint(at + width)?;
        let body = at + width + len_width;
        let is_unknown = len == (1 << (7 * len_width)) - 1;
        let len = (!is_unknown).then_some(len);
        if len.is_some_and(|len| len > self.end - body) {
            return Err(Stop::Odd);
        }
        Ok(Element { id, body, len })
    }

    /// A number of variable width, and that width.
    pub(super) fn vint(&mut self, at: u64) -> Result<(u64, u64), Stop> {
        let first = self.at(at, 1)?[0];
        let width = u64::from(first.leading_zeros()) + 1;
        if width > 8 {
            return Err(Stop::Odd);
        }
        let bytes = self.at(at, width as usize)?;
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Ok((value & ((1 << (7 * width)) - 1), width))
    }

    /// The whole body of an element.
    pub(super) fn body(&mut self, element: Element, most: u64) -> Result<Vec<u8>, Stop> {
        let len = element.len.filter(|len| *len <= most).ok_or(Stop::Odd)?;
        let mut body = vec![0; len as usize];
        self.file.read_exact_at(&mut body, element.body).map_err(Stop::Unreadable)?;
        Ok(body)
    }

    /// The number that an element holds.
    pub(super) fn number(&mut self, element: Element) -> Result<u64, Stop> {
        let len = element.len.filter(|len| *len <= 8).ok_or(Stop::Odd)?;
        Ok(number(self.at(element.body, len as usize)?))
    }
}

/// An unsigned number of up to eight bytes; more are not looked at.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The elements in a body that was read whole, in order.
pub(super) fn children(mut rest: &[u8]) -> Result<Vec<(u32, &[u8])>, Stop> {
    let mut found = Vec::new();
    while let Some(&first) = rest.first() {
        let (name, after) = rest.split_at_checked(first.leading_zeros() as usize + 1).ok_or(Stop::Odd)?;
        let width = after.first().ok_or(Stop::Odd)?.leading_zeros() as usize + 1;
        let (len, after) = after.split_at_checked(width).ok_or(Stop::Odd)?;
        if name.len() > 4 || width > 8 {
            return Err(Stop::Odd);
        }
        let len = number(len) & ((1 << (7 * width)) - 1);
        let (body, after) = usize::try_from(len).ok().and_then(|len| after.split_at_checked(len)).ok_or(Stop::Odd)?;
        if found.len() == MOST_CHILDREN {
            return Err(Stop::Odd);
        }
        found.push((number(name) as u32, body));
        rest = after;
    }
    Ok(found)
}
