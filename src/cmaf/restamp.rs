//! A segment of ours on its way into a file of several tracks: its fragments get the numbers, the track and the
//! times of that file. As many bytes leave as come.

use super::boxes::Header;
use super::error::CmafError;
use super::merge::Place;
use bytes::Bytes;

/// Where in a `moof` its number stands, where `tfhd` begins, and in that, the track.
const SEQUENCE: usize = 8 + 12;
const TFHD: usize = 8 + 16 + 8;
const TRACK: usize = TFHD + 12;

/// Fragments of a segment get consecutive numbers below this many, so that those of the next segment are higher.
const MOST_FRAGMENTS: u32 = 1 << 12;

const FOREIGN: CmafError = CmafError::Malformed("a fragment is not laid out like ours");

/// Restamps one segment, fed from its first byte on in slices of any size.
#[derive(Debug)]
pub struct Restamp {
    place: Place,
    sequence: u32,
    /// The front of the box that began last, until there is enough of it.
    front: Vec<u8>,
    /// Bytes that pass as they are until the next box begins.
    passing: u64,
}

impl Restamp {
    /// Most bytes that it keeps until more come: the front of a `moof`, which holds all that is changed (its header,
    /// `mfhd`, the header of `traf`, the longest `tfhd`, `tfdt`).
    pub const FRONT: usize = 8 + 16 + 8 + 48 + 20;

    /// For the segment that comes as `number`, from 0, of all in the file.
    pub fn new(place: Place, number: usize) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let sequence = number.saturating_mul(MOST_FRAGMENTS).saturating_add(1);
        Self { place, sequence, front: Vec::with_capacity(Self::FRONT), passing: 0 }
    }

    /// Takes the next bytes, and appends what can leave to `out`.
    ///
    /// # Errors
    /// `Malformed` when they are not those of a segment of ours.
    pub fn push(&mut self, mut slice: Bytes, out: &mut Vec<Bytes>) -> Result<(), CmafError> {
        while !slice.is_empty() {
            if self.passing > 0 {
                let now = slice.len().min(usize::try_from(self.passing).unwrap_or(usize::MAX));
                self.passing -= now as u64;
                out.push(slice.split_to(now));
                continue;
            }
            let wanted = self.wanted()?;
            let now = slice.len().min(wanted.saturating_sub(self.front.len()));
            self.front.extend_from_slice(&slice.split_to(now));
            if self.front.len() == self.wanted()? {
                out.push(self.settle()?);
            }
        }
        Ok(())
    }

    /// How much of the front of a box is needed, as far as is known now.
    fn wanted(&self) -> Result<usize, CmafError> {
        const SHORT: usize = 8;
        if self.front.len() < SHORT {
            return Ok(SHORT);
        }
        match Header::read(&self.front)? {
            None => Ok(Header::LONGEST),
            Some(header) if header.kind == *b"moof" => {
                Ok(Self::FRONT.min(usize::try_from(header.total).unwrap_or(Self::FRONT)))
            }
            Some(header) => Ok(header.header),
        }
    }

    /// Ends the front of a box, which is there as far as it is wanted.
    fn settle(&mut self) -> Result<Bytes, CmafError> {
        let header = Header::read(&self.front)?.ok_or(FOREIGN)?;
        if header.kind == *b"moof" {
            self.restamp()?;
        }
        self.passing = header.total - self.front.len() as u64;
        let front = std::mem::replace(&mut self.front, Vec::with_capacity(Self::FRONT));
        Ok(front.into())
    }

    fn restamp(&mut self) -> Result<(), CmafError> {
        let moof = &mut self.front;
        let is_ours = kind_at(moof, 8) == Some(b"mfhd")
            && kind_at(moof, 24) == Some(b"traf")
            && kind_at(moof, TFHD) == Some(b"tfhd");
        let length = moof.get(TFHD..).and_then(|tfhd| tfhd.first_chunk::<4>()).filter(|_| is_ours).ok_or(FOREIGN)?;
        let tfdt = TFHD + usize::try_from(u32::from_be_bytes(*length)).map_err(|_| FOREIGN)?;
        // We write 64 bits always.
        if kind_at(moof, tfdt) != Some(b"tfdt") || moof.get(tfdt + 8) != Some(&1) {
            return Err(FOREIGN);
        }
        let time = moof.get_mut(tfdt + 12..).and_then(|time| time.first_chunk_mut::<8>()).ok_or(FOREIGN)?;
        *time = u64::from_be_bytes(*time).checked_sub(self.place.shift).ok_or(FOREIGN)?.to_be_bytes();
        moof[SEQUENCE..SEQUENCE + 4].copy_from_slice(&self.sequence.to_be_bytes());
        moof[TRACK..TRACK + 4].copy_from_slice(&self.place.track.to_be_bytes());
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }
}

/// The type of the box that begins at a byte of these.
fn kind_at(bytes: &[u8], at: usize) -> Option<&[u8; 4]> {
    bytes.get(at.checked_add(4)?..)?.first_chunk()
}
