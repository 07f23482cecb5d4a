//! The stream of boxes from ffmpeg's pipe, taken apart as it arrives.

use super::boxes::Header;
use super::error::CmafError;
use super::fragment::{Fragment, Pair};
use super::source::SourceInit;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// Bounds of what a demuxer keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The biggest box accepted, in bytes: the `mdat` of one fragment, so one GOP of the source.
    pub max_box_bytes: u64,
}

/// What a demuxer found.
#[derive(Clone, Debug)]
pub enum Event {
    /// The tracks; comes once, before any fragment.
    Init(SourceInit),
    /// Samples.
    Fragment(Fragment),
}

/// Takes a fragmented MP4 apart. Feed it, and ask for events until there are none; it keeps at most
/// one box that is not complete (and the `moof` in front of it).
#[derive(Debug)]
pub struct Demuxer {
    limits: Limits,
    /// What was fed and not yet taken, none of them empty.
    fed: VecDeque<Bytes>,
    len: u64,
    init: Option<SourceInit>,
    moof: Option<(Bytes, usize)>,
}

/// Boxes that describe; a real one is far smaller, and unlike data they are decoded to something
/// bigger than themselves.
const MAX_HEADER_BOX: u64 = 16 * 1024 * 1024;

impl Demuxer {
    /// A demuxer at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, fed: VecDeque::new(), len: 0, init: None, moof: None }
    }

    /// Adds the next bytes of the stream.
    pub fn feed(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len() as u64;
            self.fed.push_back(bytes);
        }
    }

    /// The next thing found; `None` when more must be fed first. After an error the stream is lost:
    /// do not go on.
    ///
    /// # Errors
    /// When the bytes are not such an MP4, or a box is over the limit.
    #[expect(clippy::should_implement_trait, reason = "a Result of an Option, so that `?` reads well at the caller")]
    pub fn next(&mut self) -> Result<Option<Event>, CmafError> {
        while let Some((header, whole)) = self.take_box()? {
            match &header.kind {
                b"moov" if self.init.is_some() => return Err(CmafError::Unsupported("a second description of tracks")),
                b"moov" => {
                    let init = SourceInit::read(&whole[header.header..])?;
                    self.init = Some(init.clone());
                    return Ok(Some(Event::Init(init)));
                }
                b"moof" => self.moof = Some((whole, header.header)),
                b"mdat" => {
                    let Some((moof, moof_header)) = self.moof.take() else {
                        return Err(CmafError::Unsupported("media data outside a fragment"));
                    };
                    let Some(init) = &self.init else {
                        return Err(CmafError::Malformed("a fragment comes before the tracks are described"));
                    };
                    let pair =
                        Pair { moof: &moof, moof_body: &moof[moof_header..], mdat: &whole, mdat_header: header.header };
                    let fragment = pair.read(init)?;
                    if !fragment.runs.is_empty() {
                        return Ok(Some(Event::Fragment(fragment)));
                    }
                }
                // Brands, padding and indexes say nothing that is not said elsewhere.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Ends the stream. Every event must have been taken.
    ///
    /// # Errors
    /// When it ends inside a box or between a `moof` and its data: the writer was cut short.
    pub fn finish(&mut self) -> Result<(), CmafError> {
        if self.len > 0 {
            return Err(CmafError::Truncated(self.len));
        }
        if self.moof.is_some() {
            return Err(CmafError::Truncated(0));
        }
        Ok(())
    }

    /// The next box, once all of it is here.
    fn take_box(&mut self) -> Result<Option<(Header, Bytes)>, CmafError> {
        let Some(header) = Header::read(&self.peek())? else { return Ok(None) };
        let limit = match &header.kind {
            b"mdat" => self.limits.max_box_bytes,
            _ => self.limits.max_box_bytes.min(MAX_HEADER_BOX),
        };
        if header.total > limit {
            return Err(CmafError::TooLarge { bytes: header.total, limit });
        }
        if header.total > self.len {
            return Ok(None);
        }
        let total = usize::try_from(header.total).map_err(|_| CmafError::TooLarge { bytes: header.total, limit })?;
        Ok(Some((header, self.take(total))))
    }

    /// The first bytes, as many as a header may take.
    fn peek(&self) -> Vec<u8> {
        self.fed.iter().flat_map(|bytes| bytes.iter()).take(Header::LONGEST).copied().collect()
    }

    /// Takes `total` bytes, which are there: a slice if they came in one piece, else one copy of
    /// exactly their size.
    fn take(&mut self, total: usize) -> Bytes {
        self.len -= total as u64;
        let mut joined = Vec::new();
        while let Some(front) = self.fed.front_mut() {
            let missing = total - joined.len();
            if joined.is_empty() {
                if front.len() > missing {
                    return front.split_to(missing);
                }
                joined.reserve_exact(total);
            }
            let part = missing.min(front.len());
            joined.extend_from_slice(&front[..part]);
            front.advance(part);
            if front.is_empty() {
                self.fed.pop_front();
            }
            if joined.len() == total {
                break;
            }
        }
        Bytes::from(joined)
    }
}
