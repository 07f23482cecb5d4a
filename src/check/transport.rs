//! A segment of MPEG-TS, read as it arrives: the rules of all transport streams (RFC 8216bis, 3.1.1; ISO/IEC
//! 13818-1), and the frames of one that holds a single sound of MP3. Of any other its tables are read.
//!
//! Only headers are kept, so that a segment of any size takes little memory.

mod frame;
#[cfg(test)]
mod tests;

use super::fragment::{Fragment, Sample};
use super::init::{Track, TrackKind};
use super::report::Fault;
use frame::{Frame, HEADER};

const RULE: &str = "RFC 8216bis 3.1.1";
const PACKET: usize = 188;
const SYNC: u8 = 0x47;
const PROGRAMMES: u16 = 0;
/// Time stamps count in 33 bits.
const ROUND: u64 = 1 << 33;
const CLOCK: u64 = 90_000;
/// More time stamps than any segment has.
const STAMPS_MAX: usize = 100_000;

/// What is known of a segment.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// Rules that it breaks, each told once.
    pub(super) faults: Vec<Fault>,
    /// Its frames, a run for each time stamp; `None` when it is not a single sound of MP3.
    sound: Option<Sound>,
}

/// MP3 with its time stamps.
#[derive(Debug)]
struct Sound {
    frame: Frame,
    /// Ticks of 90 kHz, and how many frames begin from there on.
    runs: Vec<(u64, u32)>,
}

/// Reads a segment.
#[derive(Default)]
pub(super) struct Scanner {
    /// The beginning of a packet that is not complete.
    packet: Vec<u8>,
    packets: u64,
    /// Where the tables say that the programme and its only stream are.
    programme: Option<u16>,
    stream: Option<u16>,
    /// Counter of the stream's last packet.
    counter: Option<u8>,
    /// Bytes of the frame that the stream is in, and the header of the next as far as it came.
    left: usize,
    header: Vec<u8>,
    /// A time stamp that waits for a frame.
    stamp: Option<u64>,
    /// Whether this is no transport stream, and whether it is one that cannot be read as MP3.
    is_foreign: bool,
    is_other: bool,
    found: Transport,
}

impl Scanner {
    /// Takes the next bytes. What does not begin like a transport stream is not looked at.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        let is_first = self.packets == 0 && self.packet.is_empty();
        self.is_foreign |= is_first && bytes.first().is_some_and(|first| *first != SYNC);
        if self.is_foreign {
            return;
        }
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PACKET - self.packet.len()));
            self.packet.extend_from_slice(now);
            bytes = rest;
            if self.packet.len() == PACKET {
                let packet = std::mem::take(&mut self.packet);
                self.take(&packet);
                self.packet = packet;
                self.packet.clear();
            }
        }
    }

    /// What came altogether.
    pub(super) fn finish(mut self) -> Transport {
        if !self.packet.is_empty() {
            self.wrong("MPEG-TS that is not made of whole packets");
        }
        if self.programme.is_none() || self.stream.is_none() && !self.is_other {
            self.wrong("MPEG-TS without a table of programmes and one of streams");
        }
        if self.found.sound.is_some() && self.left + self.header.len() > 0 && !self.is_other {
            self.wrong("its last frame of sound is cut off");
        }
        if self.is_other {
            self.found.sound = None;
        }
        self.found
    }

    fn wrong(&mut self, what: &str) {
        if self.found.faults.iter().all(|fault| fault.found != what) {
            self.found.faults.push(Fault::new(RULE, what));
        }
    }

    /// Takes a whole packet (ISO/IEC 13818-1, 2.4.3.2).
    fn take(&mut self, packet: &[u8]) {
        self.packets += 1;
        let [sync, high, low, control, body @ ..] = packet else { return };
        if *sync != SYNC {
            self.is_other = true;
            return self.wrong("a packet does not begin as one");
        }
        let place = u16::from_be_bytes([high & 0x1F, *low]);
        let begins = high & 0x40 != 0;
        if self.packets == 1 && place != PROGRAMMES || self.packets == 2 && Some(place) != self.programme {
            self.wrong("it does not begin with a table of programmes and one of streams");
        }
        let field = match (control & 0x20 != 0, body.first()) {
            (true, Some(len)) => usize::from(*len) + 1,
            _ => 0,
        };
        let is_broken = field > 1 && body.get(1).is_some_and(|flags| flags & 0x80 != 0);
        let carried = if control & 0x10 != 0 { body.get(field..).unwrap_or_default() } else { &[] };
        if carried.is_empty() {
            return;
        }
        match place {
            PROGRAMMES if begins => self.programmes(carried),
            place if begins && Some(place) == self.programme => self.streams(carried),
            place if Some(place) == self.stream => {
                let due = self.counter.map(|last| (last + 1) % 16);
                if due.is_some_and(|due| due != control & 0x0F) && !is_broken {
                    self.wrong("packets of a stream are missing: its counter does not go on");
                }
                self.counter = Some(control & 0x0F);
                self.sound(carried, begins);
            }
            _ => {}
        }
    }

    fn programmes(&mut self, carried: &[u8]) {
        let Some(body) = section(carried, 0) else { return self.wrong("a table of programmes that cannot be read") };
        let entries = body.chunks_exact(4).map(|entry| {
            let number = u16::from_be_bytes([entry[0], entry[1]]);
            (number, u16::from_be_bytes([entry[2] & 0x1F, entry[3]]))
        });
        let programmes: Vec<u16> = entries.filter(|(number, _)| *number > 0).map(|(_, place)| place).collect();
        match programmes.as_slice() {
            [one] => self.programme = Some(*one),
            _ => self.wrong("MPEG-TS of another number of programmes than one"),
        }
    }

    fn streams(&mut self, carried: &[u8]) {
        const MPEG_SOUND: [u8; 2] = [3, 4];
        let read = section(carried, 2).and_then(|body| {
            let described = usize::from(u16::from_be_bytes([*body.get(2)? & 0x0F, *body.get(3)?]));
            let mut left = body.get(4 + described..)?;
            let mut streams = Vec::new();
            while let [kind, high, low, more, len, rest @ ..] = left {
                streams.push((*kind, u16::from_be_bytes([high & 0x1F, *low])));
                left = rest.get(usize::from(u16::from_be_bytes([more & 0x0F, *len]))..)?;
            }
            Some(streams)
        });
        match read.as_deref() {
            None => self.wrong("a table of streams that cannot be read"),
            Some([(kind, place)]) if MPEG_SOUND.contains(kind) => self.stream = Some(*place),
            Some(_) => self.is_other = true,
        }
    }

    /// Takes what a packet of the stream carries.
    fn sound(&mut self, carried: &[u8], begins: bool) {
        let mut left = carried;
        if begins {
            let Some((stamp, body)) = pes(carried) else { return self.wrong("a PES packet that cannot be read") };
            self.stamp = stamp.or(self.stamp);
            left = body;
        }
        while !left.is_empty() && !self.is_other {
            if self.left > 0 {
                let used = self.left.min(left.len());
                self.left -= used;
                left = &left[used..];
                continue;
            }
            let (now, rest) = left.split_at(left.len().min(HEADER - self.header.len()));
            self.header.extend_from_slice(now);
            left = rest;
            if self.header.len() == HEADER {
                self.frame();
            }
        }
    }

    /// Understands the header of a frame.
    fn frame(&mut self) {
        let header = std::mem::take(&mut self.header);
        let Some((frame, bytes)) = Frame::read(&header) else {
            self.is_other = true;
            return;
        };
        self.left = bytes - HEADER;
        let stamp = self.stamp.take();
        match (&mut self.found.sound, stamp) {
            (None, Some(stamp)) => self.found.sound = Some(Sound { frame, runs: vec![(stamp, 1)] }),
            (None, None) => self.wrong("sound before the first time stamp"),
            (Some(sound), _) if sound.frame != frame => self.is_other = true,
            (Some(sound), Some(stamp)) if sound.runs.len() < STAMPS_MAX => sound.runs.push((stamp, 1)),
            (Some(sound), _) => sound.runs.iter_mut().next_back().into_iter().for_each(|(_, count)| *count += 1),
        }
    }
}

impl Transport {
    /// The sound in it, and its frames as fragments on a timeline that counts its samples. Time stamps are those
    /// nearest to second `due`, as they begin anew after a day.
    pub(super) fn sound(&self, due: Option<f64>) -> Option<(Track, Vec<Fragment>)> {
        let Sound { frame, runs } = self.sound.as_ref()?;
        let (codec, channels) = ("mp4a.40.34".to_owned(), Some(frame.channels));
        let track = Track { id: 1, kind: TrackKind::Sound, timescale: frame.rate, codec, channels, ..Track::default() };
        let sample = Sample { duration: Some(frame.samples), ..Sample::default() };
        let fragment = |(stamp, count): &(u64, u32)| {
            let ticks = u128::from(near(*stamp, due)) * u128::from(frame.rate);
            // A tick of the clock is longer than a sample: this is the one that was meant.
            let begin = (ticks + u128::from(CLOCK) / 2) / u128::from(CLOCK);
            let samples = vec![sample; *count as usize];
            Fragment { track: 1, decode_time: u64::try_from(begin).ok(), samples, data_offset: None }
        };
        Some((track, runs.iter().map(fragment).collect()))
    }
}

/// Of the ticks that share a time stamp those nearest to a second.
fn near(stamp: u64, due: Option<f64>) -> u64 {
    let Some(due) = due else { return stamp };
    let rounds = ((due * CLOCK as f64 - stamp as f64) / ROUND as f64).round().max(0.0);
    stamp.saturating_add((rounds as u64).saturating_mul(ROUND))
}

/// What a section of this table holds behind its fixed part and before its check sum (2.4.4).
fn section(carried: &[u8], table: u8) -> Option<&[u8]> {
    const FIXED: usize = 8;
    let begin = carried.get(1 + usize::from(*carried.first()?)..)?;
    let [kind, high, low, ..] = begin else { return None };
    let len = usize::from(u16::from_be_bytes([high & 0x0F, *low]));
    (*kind == table).then(|| begin.get(FIXED..(3 + len).checked_sub(4)?))?
}

/// The time stamp of a PES packet, if it has one, and what it carries (2.4.3.6).
fn pes(carried: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let (header, rest) = carried.split_first_chunk::<9>()?;
    let [0, 0, 1, _, _, _, _, flags, len] = header else { return None };
    let (fields, body) = rest.split_at_checked(usize::from(*len))?;
    let bits = |at: usize, shift: u32| Some(u64::from(fields.get(at)? >> shift));
    let stamp =
        || Some((bits(0, 1)? & 7) << 30 | bits(1, 0)? << 22 | bits(2, 1)? << 15 | bits(3, 0)? << 7 | bits(4, 1)?);
    if flags & 0x80 == 0 {
        return Some((None, body));
    }
    Some((Some(stamp()?), body))
}
