//! The format of a pack, and which segments travel together in one.
//!
//! A pack is append-only, so that it can grow in the spool and a crash costs only a truncation:
//!
//! ```text
//! header   "TLCNPACK" · version u16 · video uuid · rendition number u32 · pack number u32 · init length u32 · init segment
//! body     segments (or parts of one), back to back
//! trailer  per entry: segment number u32 · part u16 · duration ticks u32 · length u32
//!          entry count u32 · timescale u32 · trailer length u32 · "TLCNTRLR"
//! ```
//!
//! All integers are big-endian. Header and trailer name everything a lost catalog would need, and
//! the header makes a pack's hash unique: no pack is ever shared between videos.

use super::id::VideoId;
use super::time::Timescale;

const MAGIC: &[u8; 8] = b"TLCNPACK";
const END_MAGIC: &[u8; 8] = b"TLCNTRLR";
const VERSION: u16 = 1;
const ENTRY_LEN: usize = 14;
const TRAILER_FIXED_LEN: usize = 20;

/// What a pack says of itself before its first segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackHeader {
    /// The video it belongs to.
    pub video: VideoId,
    /// Number of the rendition inside the video.
    pub rendition: u32,
    /// Position of the pack among the rendition's packs, from 0.
    pub number: u32,
    /// The rendition's init segment, so that any pack alone can be decoded.
    pub init: Vec<u8>,
}

/// One run of segment bytes in a pack's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// Number of the segment in its rendition.
    pub segment: u32,
    /// Part of the segment, from 0; more than one only when a segment is larger than a pack.
    pub part: u16,
    /// Duration of the whole segment in ticks.
    pub duration: u32,
    /// Bytes of this part.
    pub len: u32,
}

/// A pack as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// What stands before the first segment.
    pub header: PackHeader,
    /// Its entries, each with its offset in the pack.
    pub entries: Vec<(u64, PackEntry)>,
    /// Ticks per second of the durations.
    pub timescale: Timescale,
}

/// The bytes are not a pack, or not one this version reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable pack: {0}")]
pub struct NotAPack(&'static str);

impl PackHeader {
    /// The header's bytes, which begin the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(38 + self.init.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(self.video.0.as_bytes());
        out.extend_from_slice(&self.rendition.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&u32::try_from(self.init.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&self.init);
        out
    }
}

/// The trailer's bytes for these entries, which end the file.
pub fn encode_trailer(entries: &[PackEntry], timescale: Timescale) -> Vec<u8> {
    let len = trailer_len(entries.len());
    let mut out = Vec::with_capacity(len);
    for entry in entries {
        out.extend_from_slice(&entry.segment.to_be_bytes());
        out.extend_from_slice(&entry.part.to_be_bytes());
        out.extend_from_slice(&entry.duration.to_be_bytes());
        out.extend_from_slice(&entry.len.to_be_bytes());
    }
    out.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&timescale.to_be_bytes());
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(END_MAGIC);
    out
}

/// Bytes a trailer of so many entries takes.
pub fn trailer_len(entries: usize) -> usize {
    entries * ENTRY_LEN + TRAILER_FIXED_LEN
}

/// Reads a whole pack back.
///
/// # Errors
/// `NotAPack` when a length, a magic number or the version does not fit.
pub fn read_pack(bytes: &[u8]) -> Result<Pack, NotAPack> {
    let (header, body_start) = read_header(bytes)?;
    let tail = bytes.len().checked_sub(TRAILER_FIXED_LEN).ok_or(NotAPack("too short"))?;
    if &bytes[tail + 12..] != END_MAGIC {
        return Err(NotAPack("it has no trailer"));
    }
    let (count, timescale, len) = (be_u32(bytes, tail)?, be_u32(bytes, tail + 4)?, be_u32(bytes, tail + 8)?);
    if trailer_len(count as usize) != len as usize {
        return Err(NotAPack("the trailer's length is wrong"));
    }
    let table = bytes.len().checked_sub(len as usize).ok_or(NotAPack("the trailer is longer than the pack"))?;
    let mut entries = Vec::with_capacity(count as usize);
    let mut offset = body_start;
    for row in bytes[table..tail].chunks_exact(ENTRY_LEN) {
        let entry = PackEntry {
            segment: be_u32(row, 0)?,
            part: u16::from_be_bytes([row[4], row[5]]),
            duration: be_u32(row, 6)?,
            len: be_u32(row, 10)?,
        };
        entries.push((offset as u64, entry));
        offset += entry.len as usize;
    }
    if offset != table {
        return Err(NotAPack("the segments do not fill the body"));
    }
    Ok(Pack { header, entries, timescale })
}

fn read_header(bytes: &[u8]) -> Result<(PackHeader, usize), NotAPack> {
    if bytes.get(..8) != Some(MAGIC) {
        return Err(NotAPack("it does not begin like one"));
    }
    if bytes.get(8..10) != Some(&VERSION.to_be_bytes()) {
        return Err(NotAPack("it was written by another version"));
    }
    let uuid = bytes.get(10..26).and_then(|part| uuid::Uuid::from_slice(part).ok()).ok_or(NotAPack("too short"))?;
    let init_len = be_u32(bytes, 34)? as usize;
    let body_start = 38_usize.checked_add(init_len).ok_or(NotAPack("the init segment is too long"))?;
    let init = bytes.get(38..body_start).ok_or(NotAPack("too short"))?.to_vec();
    let header = PackHeader { video: VideoId(uuid), rendition: be_u32(bytes, 26)?, number: be_u32(bytes, 30)?, init };
    Ok((header, body_start))
}

fn be_u32(bytes: &[u8], at: usize) -> Result<u32, NotAPack> {
    let four = bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).ok_or(NotAPack("too short"))?;
    Ok(u32::from_be_bytes(four))
}

/// How many segments pack `number` of a rendition may hold: packs ramp, so that a cold start waits
/// for little. The size cap usually ends a pack first.
pub fn ramp(number: u32) -> u32 {
    1 << number.min(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_describes_itself() {
        let header = PackHeader { video: VideoId::fresh(), rendition: 2, number: 7, init: b"init".to_vec() };
        let entries = [
            PackEntry { segment: 4, part: 0, duration: 540_000, len: 3 },
            PackEntry { segment: 5, part: 1, duration: 1, len: 2 },
        ];
        let mut pack = header.encode();
        let first = pack.len() as u64;
        pack.extend_from_slice(b"abcde");
        pack.extend_from_slice(&encode_trailer(&entries, 90_000));

        let read = read_pack(&pack).unwrap();

        assert_eq!((read.header, read.timescale), (header, 90_000));
        assert_eq!(read.entries, [(first, entries[0]), (first + 3, entries[1])]);
    }

    #[test]
    fn a_torn_pack_is_refused_and_never_panics() {
        let header = PackHeader { video: VideoId::fresh(), rendition: 0, number: 0, init: vec![1; 9] };
        let mut pack = header.encode();
        pack.extend_from_slice(b"abc");
        pack.extend_from_slice(&encode_trailer(&[PackEntry { segment: 0, part: 0, duration: 1, len: 3 }], 1));
        for len in 0..pack.len() {
            assert!(read_pack(&pack[..len]).is_err(), "{len} bytes");
        }
        assert!(read_pack(&pack).is_ok());
    }
}
