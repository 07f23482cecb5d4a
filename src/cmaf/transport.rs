//! Segments of MPEG-TS that hold MP3 (ISO/IEC 13818-1): a programme of one sound, told at the beginning of each.
//!
//! A segment is made of its samples alone, whatever came before it: its counters begin at 0, and those of the sound
//! end at 15, so that they go on from segment to segment.

use super::chunk::{Chunk, Placed, Segment};
use super::error::CmafError;
use super::fragment::Sample;
use crate::media::time::Timescale;
use bytes::Bytes;

/// Bytes of a packet, and of what it carries behind its header.
const PACKET: usize = 188;
const ROOM: usize = PACKET - 4;

/// Packets after which a counter is where it was.
const ROUND: usize = 16;

/// Where the packets of each kind are found.
const PROGRAMMES: u16 = 0;
const PROGRAMME: u16 = 0x1000;
const SOUND: u16 = 0x100;

/// Ticks of a time stamp in a second; their bits.
const CLOCK: u64 = 90_000;
const CLOCK_BITS: u64 = (1 << 33) - 1;

/// Ticks by which bytes come before they are heard.
const AHEAD: u64 = CLOCK / 10;

/// The clock is told at least so often (ISO/IEC 13818-1, 2.7.2 asks for 100 ms).
const TOLD_PARTS: i64 = 11;

/// Bytes of the header of an MP3 frame; of the smallest one (8 kb/s at 24 kHz), of which there is something for each of
/// a round of packets; of the largest one that is taken, and of a PES packet of several.
const FRAME_HEADER: usize = 4;
const SMALLEST: usize = FRAME_HEADER + ROUND;
const LARGEST: usize = 16 * 1024;

/// Bytes of an adaptation field with a clock, and of the header of a PES packet with a time stamp.
const CLOCK_FIELD: usize = 8;
const PES_HEADER: usize = 14;

/// A frame that comes less than a second divided by this off its place is one whose time was rounded.
const ROUNDED_PARTS: Timescale = 500;

/// Where frames belong that follow each other: containers round their times, some to whole milliseconds and always
/// down, and each would seem to leave a gap or to begin before the last one ends.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Where the last frame ended.
    end: Option<i64>,
}

impl Row {
    /// Moves frames to their places. What it does depends on all that came before, so a run has to begin at its beginning.
    pub(super) fn place(&mut self, samples: &mut [Sample], timescale: Timescale) {
        let rounded = u64::from(timescale / ROUNDED_PARTS);
        for sample in samples {
            let begin = self.end.filter(|end| end.abs_diff(sample.pts) <= rounded).unwrap_or(sample.pts);
            (sample.dts, sample.pts) = (begin, begin);
            self.end = Some(begin.saturating_add(Kind::of(&sample.data).samples()));
        }
    }
}

/// Whether a sample has the size of a frame of MP3; the last one of a file that was cut off may not.
pub(super) fn can_be_frame(sample: &Placed) -> bool {
    (SMALLEST..=LARGEST).contains(&sample.data.len())
}

/// Writes a segment of frames, of which there is at least one. Ticks are samples of sound.
///
/// # Errors
/// `CmafError::Unsupported` if a sample can be no frame of MP3.
pub(super) fn segment(chunk: &Chunk, timescale: Timescale) -> Result<Segment, CmafError> {
    if chunk.samples.iter().any(|sample| !can_be_frame(sample)) {
        return Err(CmafError::Unsupported("MP3 of frames of that size"));
    }
    let kind = Kind::of(chunk.samples.first().map_or(&[], |first| &first.data));
    let mut out = Vec::with_capacity(chunk.bytes as usize / 10 * 11 + (ROUND + 2) * PACKET);
    put_table(&mut out, PROGRAMMES, &programmes());
    put_table(&mut out, PROGRAMME, &kind.programme());
    let (mut left, mut counter) = (chunk.samples.as_slice(), 0);
    while !left.is_empty() {
        let (now, rest) = left.split_at(kind.together(left, timescale));
        let shown = clock(now[0].pts, timescale);
        let pes = pes(now, shown);
        let needed = packets(pes.len());
        // The last one is spread over as many packets as bring the counter round.
        let more = if rest.is_empty() { (ROUND - (counter + needed) % ROUND) % ROUND } else { 0 };
        put_sound(&mut out, counter, shown.saturating_sub(AHEAD), &pes, needed + more);
        counter += needed + more;
        left = rest;
    }
    Ok(Segment {
        start: chunk.start,
        duration: chunk.duration,
        len: out.len() as u64,
        data: vec![Bytes::from(out)],
        independent: true,
        first_pts: chunk.samples.first().map_or(0, |first| first.pts),
        key_frames: Vec::new(),
    })
}

/// The kinds of MP3 that differ in a transport stream.
#[derive(Clone, Copy)]
enum Kind {
    /// MPEG-1: from 32 kHz on.
    Mpeg1,
    /// MPEG-2: half the rates of samples.
    Mpeg2,
}

impl Kind {
    /// What a frame's header says.
    fn of(frame: &[u8]) -> Self {
        let version = frame.get(1).copied().unwrap_or(0);
        if version & 0x08 == 0 { Self::Mpeg2 } else { Self::Mpeg1 }
    }

    /// `stream_type` (ISO/IEC 13818-1, table 2-34).
    fn stream_type(self) -> u8 {
        match self {
            Self::Mpeg1 => 3,
            Self::Mpeg2 => 4,
        }
    }

    /// Samples of sound in a frame.
    fn samples(self) -> i64 {
        match self {
            Self::Mpeg1 => 1152,
            Self::Mpeg2 => 576,
        }
    }

    /// How many of these frames share a time stamp: those of a moment, without a gap.
    fn together(self, frames: &[Placed], timescale: Timescale) -> usize {
        let Some(first) = frames.first() else { return 0 };
        let moment = i64::from(timescale) / TOLD_PARTS;
        let (mut count, mut due, mut bytes) = (0, first.pts, 0);
        for frame in frames {
            bytes += frame.data.len();
            let is_next = frame.pts == due && due - first.pts + self.samples() <= moment && bytes <= LARGEST;
            if count > 0 && !is_next {
                break;
            }
            (count, due) = (count + 1, due.saturating_add(self.samples()));
        }
        count
    }

    /// What the programme consists of (2.4.4.8).
    fn programme(self) -> Vec<u8> {
        let [high, low] = SOUND.to_be_bytes();
        let high = 0xE0 | high;
        let sound = [self.stream_type(), high, low, 0xF0, 0];
        section(2, &[&[high, low, 0xF0, 0][..], &sound].concat())
    }
}

/// Which programmes there are (2.4.4.3).
fn programmes() -> Vec<u8> {
    let [high, low] = PROGRAMME.to_be_bytes();
    section(0, &[0, 1, 0xE0 | high, low])
}

/// A section of the first programme or the first stream, which never changes.
fn section(table: u8, body: &[u8]) -> Vec<u8> {
    // Its own number, version and place in front, a check sum behind.
    let len = 5 + body.len() + 4;
    let mut out = vec![table, 0xB0, len as u8, 0, 1, 0xC1, 0, 0];
    out.extend_from_slice(body);
    let sum = check_sum(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    out
}

/// CRC-32 as in annex A.
pub(super) fn check_sum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
        }
    }
    sum
}

/// A packet with a table, whose counter does not go on from the one before.
fn put_table(out: &mut Vec<u8>, place: u16, section: &[u8]) {
    let begin = out.len();
    put_header(out, (place, true), 0x30);
    out.extend_from_slice(&[1, 0x80, 0]);
    out.extend_from_slice(section);
    out.resize(begin + PACKET, 0xFF);
}

/// Place, whether something begins, and what follows with the counter (2.4.3.2).
fn put_header(out: &mut Vec<u8>, (place, begins): (u16, bool), control: u8) {
    let [high, low] = place.to_be_bytes();
    out.extend_from_slice(&[0x47, if begins { 0x40 } else { 0 } | high, low, control]);
}

/// When this is, on the clock.
fn clock(ticks: i64, timescale: Timescale) -> u64 {
    let (ticks, timescale) = (u128::try_from(ticks).unwrap_or(0), u128::from(timescale.max(1)));
    ((ticks * u128::from(CLOCK) + timescale / 2) / timescale) as u64
}

/// Frames behind a time stamp (2.4.3.6).
fn pes(frames: &[Placed], shown: u64) -> Vec<u8> {
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let mut out = Vec::with_capacity(PES_HEADER + bytes);
    let [.., high, low] = (PES_HEADER - 6 + bytes).to_be_bytes();
    out.extend_from_slice(&[0, 0, 1, 0xC0, high, low, 0x84, 0x80, 5]);
    let bits = |at: u32, mask: u64| ((shown & CLOCK_BITS) >> at & mask) as u8;
    out.extend_from_slice(&[
        0x21 | bits(30, 0x07) << 1,
        bits(22, 0xFF),
        0x01 | bits(15, 0x7F) << 1,
        bits(7, 0xFF),
        0x01 | bits(0, 0x7F) << 1,
    ]);
    frames.iter().for_each(|frame| out.extend_from_slice(&frame.data));
    out
}

/// Packets that so many bytes need.
fn packets(bytes: usize) -> usize {
    1 + bytes.saturating_sub(ROOM - CLOCK_FIELD).div_ceil(ROOM)
}

/// A PES packet in so many packets, which are enough and of which none is empty. Readers look for its header, and for
/// that of its first frame, in the first one.
fn put_sound(out: &mut Vec<u8>, counter: usize, told: u64, pes: &[u8], packets: usize) {
    let mut left = pes;
    for number in 0..packets {
        let is_first = number == 0;
        let most = if is_first { ROOM - CLOCK_FIELD } else { ROOM };
        let least = if is_first { PES_HEADER + FRAME_HEADER } else { 0 };
        let (now, rest) = left.split_at(left.len().div_ceil(packets - number).max(least).min(most));
        let field = ROOM - now.len();
        let control = if field > 0 { 0x30 } else { 0x10 } | ((counter + number) % ROUND) as u8;
        put_header(out, (SOUND, is_first), control);
        let begin = out.len();
        if field > 0 {
            out.push((field - 1) as u8);
        }
        if is_first {
            let told = told & CLOCK_BITS;
            out.push(0x50);
            out.extend_from_slice(&((told >> 1) as u32).to_be_bytes());
            out.extend_from_slice(&[(told as u8 & 1) << 7 | 0x7E, 0]);
        } else if field > 1 {
            out.push(0);
        }
        out.resize(begin + field, 0xFF);
        out.extend_from_slice(now);
        left = rest;
    }
}
