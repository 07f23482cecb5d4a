//! The pictures that come out of the packets of their stream.

use super::Stop;
use super::packet::{Header, Packet};
use crate::media::probe;

/// A picture with more bytes is none.
const LARGEST: usize = 64 * 1024 * 1024;

/// The first pictures, each of which is searched for another one.
const DOUBTED: usize = 50;

/// A film of a day at 60 pictures a second has five million.
const MOST_PICTURES: usize = 6_000_000;

/// Ticks of the clock in a second, after which it begins anew, and within which a film has to be: a day.
const CLOCK: i64 = 90_000;
const ROUND: i64 = 1 << 33;
const LONGEST: i64 = 24 * 3600 * CLOCK;

/// Ticks for which pictures may be decoded before the first one is shown.
const EARLIEST: i64 = 10 * CLOCK;

/// What is to be known of a codec.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec {
    /// As readers call it.
    pub(super) name: &'static str,
    /// The kind of the unit that each picture begins with, …
    delimiter: u8,
    /// … and how far from the end and under which mask it stands in the first byte.
    kind: (u8, u8),
    /// Zeros before a start code of three bytes that readers count to the picture before.
    zeros: u64,
}

impl Codec {
    /// That of a kind of stream (table 2-34), if it is known here.
    pub(super) fn of(kind: u8) -> Option<Self> {
        match kind {
            0x1B => Some(Self { name: "h264", delimiter: 9, kind: (0, 0x1F), zeros: 0 }),
            0x24 => Some(Self { name: "hevc", delimiter: 35, kind: (1, 0x3F), zeros: 1 }),
            _ => None,
        }
    }

    /// How many bytes of a picture readers count to the one before it; `None` when none begins here.
    fn overhang(self, data: &[u8]) -> Option<u64> {
        match data {
            [0, 0, 0, 1, unit, ..] if self.delimits(*unit) => Some(self.zeros),
            [0, 0, 1, unit, ..] if self.delimits(*unit) => Some(0),
            _ => None,
        }
    }

    fn delimits(self, unit: u8) -> bool {
        let (shift, mask) = self.kind;
        unit >> shift & mask == self.delimiter
    }

    /// Whether only one picture begins in these bytes.
    fn is_one(self, bytes: &[u8]) -> bool {
        let begins = |bytes: &&[u8]| matches!(bytes, [0, 0, 1, unit] if self.delimits(*unit));
        bytes.windows(4).filter(begins).nth(1).is_none()
    }
}

/// The pictures that come out of the packets of their stream.
pub(super) struct Pictures<F> {
    codec: Codec,
    begin: i64,
    usual: i64,
    each: F,
    begun: Option<Begun>,
    /// Those of the picture that is under way.
    bytes: Vec<u8>,
    counter: Option<u8>,
    count: usize,
}

/// A picture of which more may come.
#[derive(Clone, Copy)]
struct Begun {
    shown: i64,
    decoded: i64,
    /// How many of its bytes are counted to the picture before.
    overhang: u64,
    /// How many it says there are.
    len: Option<u64>,
}

impl<F: FnMut(probe::Packet, &[u8]) -> Option<()>> Pictures<F> {
    /// Of a film that begins about `begin`, with `usual` ticks from picture to picture. `Odd` when no film does so.
    pub(super) fn new(codec: Codec, begin: i64, usual: u64, each: F) -> Result<Self, Stop> {
        let usual = i64::try_from(usual).ok().filter(|usual| (1..LONGEST).contains(usual)).ok_or(Stop::Odd)?;
        if !(-2 * ROUND..2 * ROUND).contains(&begin) {
            return Err(Stop::Odd);
        }
        Ok(Self { codec, begin, usual, each, begun: None, bytes: Vec::new(), counter: None, count: 0 })
    }

    /// Takes a packet of their stream.
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Result<(), Stop> {
        // Nothing was lost, and nothing came twice.
        let goes_on = u8::from(packet.payload.is_some());
        let is_next = self.counter.is_none_or(|counter| packet.counter == (counter + goes_on) % 16);
        if !is_next || !packet.is_clear {
            return Err(Stop::Odd);
        }
        self.counter = Some(packet.counter);
        let Some(payload) = packet.payload else { return Ok(()) };
        if packet.begins {
            return self.begin(payload);
        }
        // What comes before the first one is the end of one that began before the film.
        if self.begun.is_some() {
            self.bytes.extend_from_slice(payload);
        }
        if self.bytes.len() > LARGEST { Err(Stop::Odd) } else { Ok(()) }
    }

    fn begin(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let header = Header::of(payload).filter(|header| header.is_clear).ok_or(Stop::Odd)?;
        let (shown, decoded) = header.times.ok_or(Stop::Odd)?;
        let overhang = self.codec.overhang(header.data).ok_or(Stop::Odd)?;
        let before = self.begun;
        let decoded = near(decoded, before.map_or(self.begin, |before| before.decoded));
        let shown = near(shown, decoded);
        let is_in_time = self.begin - EARLIEST <= decoded && decoded <= shown && shown < self.begin + LONGEST;
        let is_next = before.is_none_or(|before| {
            let step = decoded - before.decoded;
            // Where one is missing, two may be behind one header; and if all are like that, it is usual.
            let is_sure = step * 2 < self.usual * 3 && self.count >= DOUBTED;
            step * 2 >= self.usual && (is_sure || self.codec.is_one(&self.bytes))
        });
        if !is_in_time || !is_next {
            return Err(Stop::Odd);
        }
        self.end(overhang)?;
        let overhang = before.map_or(0, |_| overhang);
        self.begun = Some(Begun { shown, decoded, overhang, len: header.len });
        self.bytes.clear();
        self.bytes.extend_from_slice(header.data);
        Ok(())
    }

    /// Ends the film.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        if self.codec.is_one(&self.bytes) { self.end(0) } else { Err(Stop::Odd) }
    }

    /// Ends the picture that is under way, to which so many bytes of the next one are counted.
    fn end(&mut self, overhang: u64) -> Result<(), Stop> {
        let Some(begun) = self.begun.take() else { return Ok(()) };
        self.count += 1;
        let bytes = self.bytes.len() as u64;
        if self.count > MOST_PICTURES || begun.len.is_some_and(|len| len != bytes) {
            return Err(Stop::Odd);
        }
        let packet = probe::Packet {
            pts: Some(begun.shown),
            dts: Some(begun.decoded),
            duration: self.usual.cast_unsigned(),
            bytes: bytes - begun.overhang + overhang,
            key: false,
        };
        (self.each)(packet, &self.bytes).ok_or(Stop::Odd)
    }
}

/// The time that is nearest to another one, of those that look alike on the clock.
fn near(time: u64, other: i64) -> i64 {
    let later = (time.cast_signed() - other).rem_euclid(ROUND);
    other + if later < ROUND / 2 { later } else { later - ROUND }
}
