//! MP4 boxes in memory, as anybody may have written them.

/// A box: its type and what is in it.
pub(super) type Boxed<'a> = ([u8; 4], &'a [u8]);

/// What is wrong with an MP4 file or fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// The boxes of `bytes`, one behind the other.
pub(super) fn children(bytes: &[u8]) -> Result<Vec<Boxed<'_>>, Malformed> {
    const SHORT: Malformed = Malformed("a box is longer than what holds it");
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut reader = Reader(rest);
        let (size, kind) = (u64::from(reader.u32()?), reader.four()?);
        let (len, header) = match size {
            0 => (rest.len() as u64, 8),
            1 => (reader.u64()?, 16),
            size => (size, 8),
        };
        let len = usize::try_from(len).map_err(|_| SHORT)?;
        let body = rest.get(header..len).ok_or(SHORT)?;
        found.push((kind, body));
        rest = &rest[len..];
    }
    Ok(found)
}

/// The first box of a type.
pub(super) fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Result<Option<&'a [u8]>, Malformed> {
    Ok(children(bytes)?.into_iter().find(|(found, _)| found == kind).map(|(_, body)| body))
}

/// The first box of a type, which must be there.
pub(super) fn required<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8], Malformed> {
    child(bytes, kind)?.ok_or(Malformed("a box that must be there is missing"))
}

/// Big-endian fields, read one after the other.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Malformed("a box is cut short"))?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn four(&mut self) -> Result<[u8; 4], Malformed> {
        let bytes = self.take(4)?;
        Ok([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.four()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Malformed> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00FF_FFFF))
    }

    /// A number of four or eight bytes, as the version of the box says.
    pub(super) fn by_version(&mut self, version: u8) -> Result<u64, Malformed> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}

/// Bits, the most significant first, for configurations of decoders.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Up to 32 bits.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Malformed> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(Malformed("a decoder's configuration is cut short"))?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Ok(value)
    }

    /// An Exp-Golomb number (ITU-T H.264, 9.1).
    pub(super) fn golomb(&mut self) -> Result<u32, Malformed> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return Err(Malformed("a decoder's configuration has a number that is too large"));
            }
        }
        Ok((1_u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// A signed Exp-Golomb number.
    pub(super) fn signed_golomb(&mut self) -> Result<i64, Malformed> {
        let code = i64::from(self.golomb()?);
        Ok(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_found_in_every_spelling_of_their_length() {
        let mut bytes = vec![0, 0, 0, 9, b'a', b'b', b'c', b'd', 7];
        bytes.extend([0, 0, 0, 1, b'l', b'o', b'n', b'g', 0, 0, 0, 0, 0, 0, 0, 17, 8]);
        bytes.extend([0, 0, 0, 0, b'l', b'a', b's', b't', 9, 9]);
        let found = children(&bytes).unwrap();
        assert_eq!(found, [(*b"abcd", &[7][..]), (*b"long", &[8][..]), (*b"last", &[9, 9][..])]);
        assert_eq!(child(&bytes, b"long").unwrap(), Some(&[8][..]));
    }

    #[test]
    fn what_is_no_box_is_refused() {
        for bad in [&[0, 0, 0][..], &[0, 0, 0, 4, 1, 2, 3, 4], &[0, 0, 0, 9, 1, 2, 3, 4], &[0, 0, 0, 1, 1, 2, 3, 4]] {
            assert!(children(bad).is_err(), "{bad:?}");
        }
        let huge = [0, 0, 0, 1, 1, 2, 3, 4, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert!(children(&huge).is_err());
        assert!(required(&[], b"moov").is_err());
    }

    #[test]
    fn exp_golomb_numbers_are_read() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0101, 0b0000_0000]);
        let found = [(); 4].map(|()| bits.golomb().unwrap());
        assert_eq!(found, [0, 1, 2, 3]);
        assert!(Bits::new(&[0; 8]).golomb().is_err());
        assert_eq!(Bits::new(&[0b0110_0000]).signed_golomb().unwrap(), -1);
        assert_eq!(Bits::new(&[0b0100_0000]).signed_golomb().unwrap(), 1);
    }
}
