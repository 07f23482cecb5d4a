//! What a Matroska file lists of its pictures (RFC 9559). Its elements are walked from header to header, and of each
//! picture no more is read than its first bytes: a film of hours is known in a second.
//!
//! Only plain files are understood: one segment, every element whole, a picture to a block, nothing packed or
//! encrypted. Anything else is `None`, and somebody who reads the film has to say what is in it.

mod element;
#[cfg(test)]
mod tests;
mod track;

use crate::media::probe::Packet;
use element::{Element, Stop, Walk, id};
use std::fs::File;
use std::io;
pub use track::Track;

/// Bytes handed over of a picture that is marked as a key frame, at most: parameter sets come first in it, …
const KEY_BEGIN: usize = 2048;

/// … and of any other one.
const BEGIN: usize = 1024;

/// A film of a day at 60 pictures a second has five million.
const MOST_FRAMES: usize = 6_000_000;

/// Flags of a block (RFC 9559, 10.2): nothing before it is needed, and several frames are in it.
const KEY: u8 = 0x80;
const LACED: u8 = 0x06;

/// Info and tracks are small; a decoder's set-up and fonts do not stand among them.
const LARGEST_HEAD: u64 = 16 * 1024 * 1024;

/// Nanoseconds of a tick, unless the file says something else.
const USUAL_TICK_NS: u64 = 1_000_000;

/// A file that was opened: its tracks are known.
#[derive(Debug)]
pub struct Film {
    walk: Walk,
    tracks: Vec<Track>,
    tick_ns: u64,
    /// Where the first cluster begins.
    begin: u64,
}

/// A picture on its way out of a block.
struct Block {
    track: u64,
    /// Ticks from its cluster's time.
    at: i16,
    flags: u8,
    data: u64,
    bytes: u64,
}

impl Film {
    /// Reads what stands before the pictures. `None` when it is no plain Matroska file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: File) -> io::Result<Option<Self>> {
        let len = file.metadata()?.len();
        element::plain(Self::head(Walk::new(file, len)))
    }

    fn head(mut walk: Walk) -> Result<Self, Stop> {
        let header = walk.element(0)?;
        let segment = walk.element(header.end_of(id::EBML)?)?;
        if segment.id != id::SEGMENT || segment.len.is_some_and(|len| segment.body + len != walk.end) {
            return Err(Stop::Odd);
        }
        let (mut at, mut tick_ns, mut tracks) = (segment.body, USUAL_TICK_NS, Vec::new());
        loop {
            let element = walk.element(at)?;
            match element.id {
                id::CLUSTER if !tracks.is_empty() => return Ok(Self { walk, tracks, tick_ns, begin: at }),
                id::CLUSTER => return Err(Stop::Odd),
                id::INFO => tick_ns = track::tick_ns(&walk.body(element, LARGEST_HEAD)?)?,
                id::TRACKS => tracks = track::list(&walk.body(element, LARGEST_HEAD)?)?,
                _ => {}
            }
            at = element.end()?;
        }
    }

    /// Nanoseconds of a tick, at least 1.
    pub fn tick_ns(&self) -> u64 {
        self.tick_ns
    }

    /// Track number `stream`, counted from 0 as readers count them; `None` when it is not plain.
    pub fn track(&self, stream: u32) -> Option<&Track> {
        let at = usize::try_from(stream).ok()?;
        // What readers do not know they do not count.
        let known = self.tracks.get(..=at)?.iter().all(|track| track.is_known);
        self.tracks.get(at).filter(|track| known && track.is_plain)
    }

    /// Calls `each` with every picture of a track in the order of the file, and its first bytes. Presentation times
    /// are in ticks; decode times are none, as Matroska has none. `None` when the file turns out not to be plain.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pictures(&mut self, track: &Track, mut each: impl FnMut(Packet, &[u8])) -> io::Result<Option<()>> {
        element::plain(self.clusters(track, &mut each))
    }

    fn clusters(&mut self, track: &Track, each: &mut impl FnMut(Packet, &[u8])) -> Result<(), Stop> {
        let usual = track.duration_ns / self.tick_ns;
        let (mut at, mut time) = (self.begin, None);
        let mut frames = 0;
        while at < self.walk.end {
            let element = self.walk.element(at)?;
            // What a cluster holds is walked like the cluster itself.
            at = if element.id == id::CLUSTER { element.body } else { element.end()? };
            let (block, duration, key) = match element.id {
                id::SIMPLE_BLOCK => {
                    let block = self.block(element)?;
                    let key = block.flags & KEY != 0;
                    (block, None, key)
                }
                id::BLOCK_GROUP => self.group(element)?,
                id::CLUSTER => {
                    time = None;
                    continue;
                }
                id::TIMESTAMP => {
                    time = Some(self.walk.number(element)?);
                    continue;
                }
                id::EBML | id::SEGMENT | id::INFO | id::TRACKS | id::ENCRYPTED_BLOCK => return Err(Stop::Odd),
                _ => continue,
            };
            if block.track != track.number {
                continue;
            }
            let cluster = time.and_then(|time: u64| i64::try_from(time).ok());
            let shown = cluster.and_then(|time| time.checked_add(i64::from(block.at)));
            let pts = shown.filter(|shown| *shown >= 0).ok_or(Stop::Odd)?;
            frames += 1;
            // Several frames in one block share its time.
            let is_laced = block.flags & LACED != 0;
            if is_laced || block.bytes == 0 || frames > MOST_FRAMES {
                return Err(Stop::Odd);
            }
            let begin = block.bytes.min(if key { KEY_BEGIN } else { BEGIN } as u64);
            let duration = duration.unwrap_or(usual);
            let packet = Packet { pts: Some(pts), dts: None, duration, bytes: block.bytes, key };
            each(packet, self.walk.at(block.data, begin as usize)?);
        }
        Ok(())
    }

    /// The head of a block.
    fn block(&mut self, element: Element) -> Result<Block, Stop> {
        let end = element.end()?;
        let (track, width) = self.walk.vint(element.body)?;
        let head = self.walk.at(element.body + width, 3)?;
        let (at, flags) = (i16::from_be_bytes([head[0], head[1]]), head[2]);
        let data = element.body + width + 3;
        let bytes = end.checked_sub(data).ok_or(Stop::Odd)?;
        Ok(Block { track, at, flags, data, bytes })
    }

    /// The block of a group, how many ticks it lasts, and whether it needs no other one.
    fn group(&mut self, group: Element) -> Result<(Block, Option<u64>, bool), Stop> {
        let (mut at, end) = (group.body, group.end()?);
        let (mut found, mut duration, mut key) = (None, None, true);
        while at < end {
            let element = self.walk.element(at)?;
            match element.id {
                id::BLOCK if found.is_none() => found = Some(self.block(element)?),
                id::BLOCK_DURATION => duration = Some(self.walk.number(element)?),
                id::REFERENCE_BLOCK => key = false,
                // A second block, or a decoder that is set up anew.
                id::BLOCK | id::CODEC_STATE => return Err(Stop::Odd),
                _ => {}
            }
            at = element.end()?;
        }
        match found {
            Some(block) if at == end => Ok((block, duration, key)),
            _ => Err(Stop::Odd),
        }
    }
}

/// Gives pictures in the order of the file the decode times that readers give them: where up to `depth` of them are
/// decoded before their turn, each is decoded when the first of the last `depth` + 1 is shown.
pub fn give_decode_times(packets: &mut [Packet], depth: usize) {
    let mut waiting: Vec<Option<i64>> = vec![None; depth + 1];
    for packet in packets {
        waiting[0] = packet.pts;
        waiting.sort_unstable();
        packet.dts = waiting[0];
    }
}
