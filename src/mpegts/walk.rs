//! The packets of a file, many at a time.

use super::Stop;
use super::packet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Packets that are read at once: what fits into a cache of the processor.
const WINDOW: usize = 2048;

/// Answers how many bytes there are, once these are there or no more come.
type Waiting = Box<dyn FnMut(u64) -> io::Result<u64> + Send>;

/// A file that is read from its beginning to its end.
pub(super) struct Walk {
    file: File,
    /// How far it was read.
    pub(super) at: u64,
    /// How many bytes are known to be there.
    end: u64,
    until: Waiting,
    /// Bytes from packet to packet, and before each: discs have a time there.
    stride: usize,
    before: usize,
    window: Vec<u8>,
}

impl Walk {
    /// Finds out how its packets lie.
    pub(super) fn begin(file: File, until: Waiting) -> Result<Self, Stop> {
        let mut walk = Self { file, at: 0, end: 0, until, stride: 0, before: 0, window: Vec::new() };
        for (stride, before) in [(packet::LEN, 0), (packet::LEN + 4, 4)] {
            (walk.at, walk.stride, walk.before) = (0, stride, before);
            walk.go_on()?;
            if walk.packets().take(2).filter(|bytes| packet::is_begun(*bytes)).count() == 2 {
                walk.at = 0;
                return Ok(walk);
            }
        }
        Err(Stop::Odd)
    }

    /// Reads the next packets; `false` when there are no more. What is less than a packet at the end is none.
    pub(super) fn go_on(&mut self) -> Result<bool, Stop> {
        let most = WINDOW * self.stride;
        let wanted = self.at.saturating_add(most as u64);
        if self.end < wanted {
            self.end = (self.until)(wanted).map_err(Stop::Unreadable)?;
        }
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = left.min(most) / self.stride * self.stride;
        self.window.resize(len, 0);
        self.file.read_exact_at(&mut self.window, self.at).map_err(Stop::Unreadable)?;
        self.at += len as u64;
        Ok(len > 0)
    }

    /// Those that were read last.
    pub(super) fn packets(&self) -> impl Iterator<Item = &[u8; packet::LEN]> {
        self.window.chunks_exact(self.stride).filter_map(|bytes| bytes[self.before..].first_chunk())
    }
}
