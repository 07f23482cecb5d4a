//! A segment of MPEG-TS, read as it arrives: the rules of all transport streams (RFC 8216bis, 3.1.1; ISO/IEC
//! 13818-1), its first moving picture in H.264 or HEVC, and its first sound in MP3 or AAC. Of any other stream only
//! that it is there.
//!
//! Only headers are kept, and what the first picture begins with, so that a segment of any size takes little memory.

mod frame;
mod picture;
mod sound;
mod table;
#[cfg(test)]
mod tests;

pub(super) use picture::Pictures;
pub(super) use sound::Sound;

use super::codec::Units;
use super::report::Fault;

const RULE: &str = "RFC 8216bis 3.1.1";
const PACKET: usize = 188;
const SYNC: u8 = 0x47;
const PROGRAMMES: u16 = 0;
/// Places of other tables (ISO/IEC 13818-1, table 2-3; EN 300 468, table 1), and that of packets without contents.
const SERVICE_FIRST: u16 = 1;
const SERVICE_LAST: u16 = 0x1F;
const EMPTY: u16 = 0x1FFF;
/// Time stamps count in 33 bits.
const ROUND: u64 = 1 << 33;
/// Ticks of a time stamp in a second.
pub(super) const CLOCK: u64 = 90_000;
/// More time stamps than any segment has.
const STAMPS_MAX: usize = 100_000;

/// What is known of a segment.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// Rules that it breaks, each told once.
    pub(super) faults: Vec<Fault>,
    /// `None` when there are none that can be read.
    pub(super) pictures: Option<Pictures>,
    /// Its frames, a run for each time stamp; `None` when there are none that can be read.
    pub(super) sound: Option<Sound>,
    /// Whether the sound is all there is.
    pub(super) is_sound_alone: bool,
    /// Whether there is more in it than the above.
    pub(super) has_others: bool,
}

/// A stream that is read.
struct Stream {
    place: u16,
    /// That of its last packet.
    counter: Option<u8>,
    reader: Reader,
}

enum Reader {
    Pictures(picture::Reader),
    Sound(sound::Reader),
}

/// Reads a segment.
#[derive(Default)]
pub(super) struct Scanner {
    /// The beginning of a packet that is not complete.
    packet: Vec<u8>,
    packets: u64,
    /// Those of them that may be of the programme.
    of_programme: u64,
    /// Where the tables say that the programme is, and those of its streams that are read.
    programme: Option<u16>,
    streams: Option<Vec<Stream>>,
    /// Whether this is no transport stream.
    is_foreign: bool,
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
        if self.programme.is_none() || self.streams.is_none() {
            self.wrong("MPEG-TS without a table of programmes and one of streams");
        }
        for stream in self.streams.take().unwrap_or_default() {
            match stream.reader {
                Reader::Pictures(pictures) => {
                    self.found.has_others |= pictures.is_lost();
                    self.found.pictures = pictures.finish();
                }
                Reader::Sound(sound) => {
                    if sound.is_cut() && self.found.is_sound_alone {
                        self.wrong("its last frame of sound is cut off");
                    }
                    self.found.has_others |= sound.is_lost();
                    self.found.sound = sound.finish();
                }
            }
        }
        let is_late = self.found.pictures.as_ref().is_some_and(Pictures::is_late);
        if is_late {
            self.wrong("pictures are to be shown before they are decoded");
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
            self.lose();
            return self.wrong("a packet does not begin as one");
        }
        let place = u16::from_be_bytes([high & 0x1F, *low]);
        let begins = high & 0x40 != 0;
        self.judge_beginning(place);
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
            place => self.carry(place, (control & 0x0F, is_broken), carried, begins),
        }
    }

    /// The two tables stand in front. ffmpeg puts the name of the service before them.
    fn judge_beginning(&mut self, place: u16) {
        let is_table_of_streams = Some(place) == self.programme;
        if matches!(place, SERVICE_FIRST..=SERVICE_LAST | EMPTY) && !is_table_of_streams {
            return;
        }
        self.of_programme += 1;
        if self.of_programme == 1 && place != PROGRAMMES || self.of_programme == 2 && !is_table_of_streams {
            self.wrong("it does not begin with a table of programmes and one of streams");
        }
    }

    /// Takes what a packet carries of a stream.
    fn carry(&mut self, place: u16, (counter, is_broken): (u8, bool), carried: &[u8], begins: bool) {
        let Some(stream) = self.streams.iter_mut().flatten().find(|stream| stream.place == place) else { return };
        let due = stream.counter.replace(counter).map(|last| (last + 1) % 16);
        let wrong = match &mut stream.reader {
            Reader::Pictures(pictures) => pictures.take(carried, begins).err(),
            Reader::Sound(sound) => sound.take(carried, begins).err(),
        };
        if due.is_some_and(|due| due != counter) && !is_broken {
            self.wrong("packets of a stream are missing: its counter does not go on");
        }
        if let Some(what) = wrong {
            self.wrong(what);
        }
    }

    /// Nothing can be said of the streams any more.
    fn lose(&mut self) {
        let streams = self.streams.iter_mut().flatten();
        streams.for_each(|stream| match &mut stream.reader {
            Reader::Pictures(pictures) => pictures.lose(),
            Reader::Sound(sound) => sound.lose(),
        });
    }

    fn programmes(&mut self, carried: &[u8]) {
        let Some(programmes) = table::programmes(carried) else {
            return self.wrong("a table of programmes that cannot be read");
        };
        match programmes.as_slice() {
            [one] => self.programme = Some(*one),
            _ => self.wrong("MPEG-TS of another number of programmes than one"),
        }
    }

    /// Takes the first table of streams; it comes again and again.
    fn streams(&mut self, carried: &[u8]) {
        let Some(listed) = table::streams(carried) else { return self.wrong("a table of streams that cannot be read") };
        if self.streams.is_some() {
            return;
        }
        let is_alone = listed.len() == 1;
        let mut streams: Vec<Stream> = Vec::new();
        for (kind, place) in listed {
            let reader = match kind {
                0x1B => Reader::Pictures(picture::Reader::new(Units::Avc)),
                0x24 => Reader::Pictures(picture::Reader::new(Units::Hevc)),
                3 | 4 => Reader::Sound(sound::Reader::new(sound::Kind::Mpeg)),
                0x0F => Reader::Sound(sound::Reader::new(sound::Kind::Aac)),
                // Metadata with times belongs to no codec.
                0x15 => continue,
                _ => {
                    self.found.has_others = true;
                    continue;
                }
            };
            let alike = |stream: &Stream| std::mem::discriminant(&stream.reader) == std::mem::discriminant(&reader);
            if streams.iter().any(alike) {
                self.found.has_others = true;
                continue;
            }
            self.found.is_sound_alone = is_alone && matches!(reader, Reader::Sound(_));
            streams.push(Stream { place, counter: None, reader });
        }
        self.streams = Some(streams);
    }
}

/// Of the ticks that share a time stamp those nearest to others.
fn near(stamp: u64, due: u64) -> u64 {
    let rounds = ((due as f64 - stamp as f64) / ROUND as f64).round().max(0.0);
    stamp.saturating_add((rounds as u64).saturating_mul(ROUND))
}

/// Ticks from one time stamp to another, the shorter way round.
fn ahead(from: u64, to: u64) -> i64 {
    let ticks = (to % ROUND + ROUND - from % ROUND) % ROUND;
    if ticks > ROUND / 2 { ticks as i64 - ROUND as i64 } else { ticks as i64 }
}

/// A PES packet (2.4.3.6).
struct Pes<'a> {
    /// When what begins in it is shown and when it is decoded, if that is told.
    times: Option<(u64, u64)>,
    body: &'a [u8],
}

impl<'a> Pes<'a> {
    fn of(carried: &'a [u8]) -> Option<Self> {
        let (header, rest) = carried.split_first_chunk::<9>()?;
        let [0, 0, 1, _, _, _, _, flags, len] = header else { return None };
        let (fields, body) = rest.split_at_checked(usize::from(*len))?;
        if flags & 0x80 == 0 {
            return Some(Self { times: None, body });
        }
        let shown = time(fields)?;
        let decoded = if flags & 0x40 == 0 { shown } else { time(fields.get(5..)?)? };
        Some(Self { times: Some((shown, decoded)), body })
    }
}

fn time(fields: &[u8]) -> Option<u64> {
    let bits = |at: usize, shift: u32| Some(u64::from(fields.get(at)? >> shift));
    Some((bits(0, 1)? & 7) << 30 | bits(1, 0)? << 22 | bits(2, 1)? << 15 | bits(3, 0)? << 7 | bits(4, 1)?)
}
