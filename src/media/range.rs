//! Byte ranges that cannot be wrong once they exist.

/// Bytes `start..end` of something: never empty, `start < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// `None` if the range is empty or runs past `len`.
    pub fn within(len: u64, start: u64, end: u64) -> Option<Self> {
        (start < end && end <= len).then_some(Self { start, end })
    }

    /// `len` bytes from `start`; `None` if that is empty or overflows.
    pub fn at(start: u64, len: u64) -> Option<Self> {
        let end = start.checked_add(len)?;
        (start < end).then_some(Self { start, end })
    }

    /// First byte.
    pub fn start(self) -> u64 {
        self.start
    }

    /// One past the last byte.
    pub fn end(self) -> u64 {
        self.end
    }

    /// Number of bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a range that exists is never empty")]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// The part `inner` of this range, where `inner` counts from this range's start.
    pub fn part(self, inner: ByteRange) -> Option<Self> {
        Self::within(self.end, self.start.checked_add(inner.start)?, self.start.checked_add(inner.end)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_overlong_ranges_do_not_exist() {
        assert_eq!(ByteRange::within(10, 3, 3), None);
        assert_eq!(ByteRange::within(10, 3, 11), None);
        assert_eq!(ByteRange::at(u64::MAX, 1), None);
        assert_eq!(ByteRange::within(10, 3, 10).map(ByteRange::len), Some(7));
    }

    #[test]
    fn a_part_counts_from_the_outer_start() {
        let outer = ByteRange::at(100, 50).unwrap();
        assert_eq!(outer.part(ByteRange::at(10, 5).unwrap()), ByteRange::at(110, 5));
        assert_eq!(outer.part(ByteRange::at(48, 5).unwrap()), None);
    }
}
