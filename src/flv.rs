//! What an FLV file holds of its pictures (Adobe Flash Video File Format 10.1, annex E). It has no list of them: its
//! tags are walked from header to header, and of each picture no more is read than its first bytes.
//!
//! Of its sound only that is looked at by which a decoder is set up: whether that changes in the middle.
//!
//! A *tag* is a picture, a piece of sound, or data about the film, behind a header with its length and its time.
//!
//! Only plain films are understood: H.264 that is set up once, every tag whole and as long as is said behind it, no
//! picture shown before it is decoded. Anything else is `None`, and somebody who reads the film has to say what is in it.

#[cfg(test)]
mod tests;

use crate::media::probe::Packet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes handed over of a picture that is marked as a key frame, at most: parameter sets come first in it, …
const KEY_BEGIN: u64 = 2048;

/// … and of any other one.
const BEGIN: u64 = 1024;

/// Bytes read at once. Headers are small, and lie between large bodies.
const WINDOW: usize = 4096;

/// A film of a day at 60 pictures a second has five million, and tags of sound between them.
const MOST_TAGS: usize = 20_000_000;
const MOST_PICTURES: usize = 6_000_000;

/// Bytes of the file's header, of a tag's, of that of a picture in it, and of the length behind each tag.
const FILE_HEADER: u64 = 9;
const HEADER: u64 = 11;
const PICTURE_HEADER: u64 = 5;
const LENGTH: u64 = 4;

/// The kinds of tags.
const SOUND: u8 = 8;
const PICTURE: u8 = 9;
const DATA: u8 = 18;

/// The codec of a picture, in the lower half of its first byte; in the upper one is whether it is a key frame.
const H264: u8 = 7;
const KEY: u8 = 1;
const INTER: [u8; 2] = [2, 3];

/// The codec of a sound, in the upper half of its first byte.
const AAC: u8 = 10;

/// What a tag of H.264 holds, and the first of them of AAC.
const CONFIGURATION: u8 = 0;
const CODED: u8 = 1;
const END: u8 = 2;

/// A decoder's set-up is small.
const LARGEST_RECORD: u64 = 64 * 1024;

/// Milliseconds from decoding to showing that readers do not believe.
const LONGEST_WAIT: i64 = 15 * 60 * 1000;

/// Why a walk ends early.
#[derive(Debug)]
enum Stop {
    /// The file is not as plain as it has to be.
    Odd,
    Unreadable(io::Error),
}

/// A file that was opened: its decoder's set-up is known.
#[derive(Debug)]
pub struct Film {
    walk: Walk,
    /// Where the first tag begins.
    begin: u64,
    record: Vec<u8>,
    sound: Sound,
}

/// The set-up of the decoder of a film's sound, if that is AAC, and whether another one comes later.
#[derive(Debug, Default)]
struct Sound {
    record: Option<Vec<u8>>,
    changes: bool,
}

/// A tag whose header was read.
#[derive(Clone, Copy, Debug)]
struct Tag {
    kind: u8,
    /// Milliseconds.
    time: i64,
    body: u64,
    bytes: u64,
}

impl Film {
    /// Reads on to the set-up of the picture's decoder. `None` when it is no plain FLV file with H.264.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: File) -> io::Result<Option<Self>> {
        let end = file.metadata()?.len();
        plain(Self::head(Walk { file, end, start: 0, window: Vec::new() }))
    }

    fn head(mut walk: Walk) -> Result<Self, Stop> {
        let begin = walk.begin()?;
        let mut at = begin;
        for _ in 0..MOST_TAGS {
            let tag = walk.tag(at)?.ok_or(Stop::Odd)?;
            if tag.kind != PICTURE {
                at = walk.after(tag)?;
                continue;
            }
            let len = tag.bytes.checked_sub(PICTURE_HEADER).filter(|len| *len <= LARGEST_RECORD).ok_or(Stop::Odd)?;
            let head = walk.at(tag.body, PICTURE_HEADER)?;
            let is_set_up = head[0] & 0x0F == H264 && head[1] == CONFIGURATION;
            let record = walk.at(tag.body + PICTURE_HEADER, len)?.to_vec();
            return if is_set_up { Ok(Self { walk, begin, record, sound: Sound::default() }) } else { Err(Stop::Odd) };
        }
        Err(Stop::Odd)
    }

    /// The configuration record of its picture's decoder (ISO/IEC 14496-15, 5.3.3).
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// Whether its sound in AAC was set up anew, as far as the film was walked.
    pub fn does_sound_change(&self) -> bool {
        self.sound.changes
    }

    /// Calls `each` with every picture in the order of the file, and its first bytes, as long as it returns something.
    /// Times are in milliseconds; a picture lasts for `duration` of them. `None` when the file turns out not to be plain,
    /// or `each` returned `None`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pictures(
        &mut self,
        duration: u64,
        mut each: impl FnMut(Packet, &[u8]) -> Option<()>,
    ) -> io::Result<Option<()>> {
        plain(self.tags(duration, &mut each))
    }

    fn tags(&mut self, duration: u64, each: &mut impl FnMut(Packet, &[u8]) -> Option<()>) -> Result<(), Stop> {
        let (mut at, mut tags, mut pictures) = (self.begin, 0, 0);
        while let Some(tag) = self.walk.tag(at)? {
            (tags, pictures) = (tags + 1, pictures + usize::from(tag.kind == PICTURE));
            if tags > MOST_TAGS || pictures > MOST_PICTURES {
                return Err(Stop::Odd);
            }
            match tag.kind {
                PICTURE => self.picture(tag, duration, each)?,
                SOUND => self.sound.take(&mut self.walk, tag)?,
                _ => {}
            }
            at = self.walk.after(tag)?;
        }
        Ok(())
    }

    fn picture(
        &mut self,
        tag: Tag,
        duration: u64,
        each: &mut impl FnMut(Packet, &[u8]) -> Option<()>,
    ) -> Result<(), Stop> {
        let bytes = tag.bytes.checked_sub(PICTURE_HEADER).ok_or(Stop::Odd)?;
        let place = tag.body + PICTURE_HEADER;
        let head = self.walk.at(tag.body, PICTURE_HEADER)?;
        let (frame, wait) = (head[0] >> 4, number(&head[2..]) as i64);
        let is_known = head[0] & 0x0F == H264 && (frame == KEY || INTER.contains(&frame));
        match head[1] {
            CODED if is_known && bytes > 0 && wait <= LONGEST_WAIT => {
                let key = frame == KEY;
                let (pts, dts) = (Some(tag.time + wait), Some(tag.time));
                let begin = bytes.min(if key { KEY_BEGIN } else { BEGIN });
                each(Packet { pts, dts, duration, bytes, key }, self.walk.at(place, begin)?).ok_or(Stop::Odd)?;
            }
            // It comes again where somebody joined pieces.
            CONFIGURATION if is_known && bytes == self.record.len() as u64 => {
                if self.walk.at(place, bytes)? != self.record {
                    return Err(Stop::Odd);
                }
            }
            END if is_known && bytes == 0 => {}
            _ => return Err(Stop::Odd),
        }
        Ok(())
    }
}

/// Whether the sound in AAC of an FLV file gets other channels or another rate in its middle, whatever its pictures are,
/// as far as the file can be walked; no, as soon as it shall not go on.
///
/// # Errors
/// When the file cannot be read.
pub fn does_sound_change(file: File, goes_on: impl Fn() -> bool) -> io::Result<bool> {
    let end = file.metadata()?.len();
    let mut walk = Walk { file, end, start: 0, window: Vec::new() };
    let mut look = || -> Result<bool, Stop> {
        let (mut at, mut sound) = (walk.begin()?, Sound::default());
        while !sound.changes
            && goes_on()
            && let Some(tag) = walk.tag(at)?
        {
            if tag.kind == SOUND {
                sound.take(&mut walk, tag)?;
            }
            at = walk.after(tag)?;
        }
        Ok(sound.changes)
    };
    Ok(plain(look())?.unwrap_or(false))
}

impl Sound {
    fn take(&mut self, walk: &mut Walk, tag: Tag) -> Result<(), Stop> {
        let head = walk.at(tag.body, tag.bytes.min(2))?;
        if let [codec, CONFIGURATION] = head
            && codec >> 4 == AAC
        {
            let record = walk.at(tag.body, tag.bytes.min(LARGEST_RECORD))?.to_vec();
            let known = self.record.get_or_insert_with(|| record.clone());
            self.changes |= *known != record;
        }
        Ok(())
    }
}

/// A file and the bytes of it that were read last.
#[derive(Debug)]
struct Walk {
    file: File,
    end: u64,
    start: u64,
    window: Vec<u8>,
}

impl Walk {
    /// Where the first tag begins.
    fn begin(&mut self) -> Result<u64, Stop> {
        let [b'F', b'L', b'V', 1, _, offset @ ..] = self.at(0, FILE_HEADER)? else { return Err(Stop::Odd) };
        Ok(number(offset) + LENGTH)
    }

    /// These bytes of the file; `Odd` when it ends before.
    fn at(&mut self, at: u64, count: u64) -> Result<&[u8], Stop> {
        let end = at.checked_add(count).filter(|end| *end <= self.end).ok_or(Stop::Odd)?;
        if at < self.start || end > self.start + self.window.len() as u64 {
            let len = usize::try_from(self.end - at).unwrap_or(usize::MAX).min(WINDOW.max(count as usize));
            self.window.resize(len, 0);
            self.start = at;
            self.file.read_exact_at(&mut self.window, at).map_err(Stop::Unreadable)?;
        }
        let skip = (at - self.start) as usize;
        self.window.get(skip..skip + count as usize).ok_or(Stop::Odd)
    }

    /// The tag at this place; `None` at the end of the file.
    fn tag(&mut self, at: u64) -> Result<Option<Tag>, Stop> {
        if at == self.end {
            return Ok(None);
        }
        let header = self.at(at, HEADER)?;
        let (kind, bytes) = (header[0], number(&header[1..4]));
        let time = i32::from_be_bytes([header[7], header[4], header[5], header[6]]);
        let is_plain = matches!(kind, SOUND | PICTURE | DATA) && time >= 0;
        is_plain.then_some(Some(Tag { kind, time: time.into(), body: at + HEADER, bytes })).ok_or(Stop::Odd)
    }

    /// Where the next tag begins.
    fn after(&mut self, tag: Tag) -> Result<u64, Stop> {
        let end = tag.body + tag.bytes;
        let is_told = number(self.at(end, LENGTH)?) == tag.bytes + HEADER;
        is_told.then_some(end + LENGTH).ok_or(Stop::Odd)
    }
}

/// A number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a walk found; `None` when it met something odd.
fn plain<T>(walked: Result<T, Stop>) -> io::Result<Option<T>> {
    match walked {
        Ok(found) => Ok(Some(found)),
        Err(Stop::Odd) => Ok(None),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}
