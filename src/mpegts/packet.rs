//! Packets, and the headers of what begins in them.

/// Bytes of a packet, and what each begins with.
pub(super) const LEN: usize = 188;
const SYNC: u8 = 0x47;

/// Streams of pictures (table 2-22).
const PICTURES: std::ops::RangeInclusive<u8> = 0xE0..=0xEF;

/// Bytes of a PES header before the count of those that follow in it, and of them that its length leaves out.
const FIXED: u64 = 9;
const BEFORE_LENGTH: u64 = 6;

/// A packet, taken apart (2.4.3.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Whose it is.
    pub(super) stream: u16,
    /// Whether something begins in it.
    pub(super) begins: bool,
    /// Goes on by one from packet to packet of a stream, modulo 16, where they carry something.
    pub(super) counter: u8,
    /// Whether its bytes can be read by everybody.
    pub(super) is_clear: bool,
    /// What it carries; `None` if nothing.
    pub(super) payload: Option<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// `None` when it is damaged.
    pub(super) fn of(packet: &'a [u8; LEN]) -> Option<Self> {
        let [SYNC, high, _, control, ..] = *packet else { return None };
        let begin = match control >> 4 & 3 {
            1 => Some(4),
            2 => None,
            3 => Some(5 + usize::from(packet[4])),
            _ => return None,
        };
        let payload = match begin {
            Some(begin) => Some(packet.get(begin..)?),
            None => None,
        };
        let is_damaged = high & 0x80 != 0;
        (!is_damaged).then_some(Self {
            stream: stream(packet),
            begins: high & 0x40 != 0,
            counter: control & 0x0F,
            is_clear: control & 0xC0 == 0,
            payload,
        })
    }
}

/// Whose a packet is, without a look at the rest of it.
pub(super) fn stream(packet: &[u8; LEN]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

/// Whether these bytes begin like a packet.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SYNC)
}

/// What the header of a picture says of it (2.4.3.6), as far as that is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// When it is shown and when it is decoded, on a clock of 33 bits.
    pub(super) times: Option<(u64, u64)>,
    /// How many bytes follow the header.
    pub(super) len: Option<u64>,
    /// Whether they can be read by everybody.
    pub(super) is_clear: bool,
    /// The first of them.
    pub(super) data: &'a [u8],
}

impl<'a> Header<'a> {
    /// `None` when what begins here is no picture.
    pub(super) fn of(payload: &'a [u8]) -> Option<Self> {
        let [0, 0, 1, stream, high, low, control, flags, count, rest @ ..] = payload else { return None };
        let (fields, data) = rest.split_at_checked(usize::from(*count))?;
        if !PICTURES.contains(stream) {
            return None;
        }
        let shown = fields.first_chunk().and_then(time);
        let decoded = fields.get(5..).and_then(|fields| fields.first_chunk()).and_then(time);
        let times = match flags >> 6 {
            2 => shown.map(|shown| (shown, shown)),
            3 => shown.zip(decoded),
            _ => None,
        };
        let len = match u64::from(u16::from_be_bytes([*high, *low])) {
            0 => None,
            len => Some(len.saturating_sub(FIXED - BEFORE_LENGTH + u64::from(*count))),
        };
        Some(Self { times, len, is_clear: control & 0xF0 == 0x80, data })
    }
}

/// A time of the clock; `None` where the bits between its parts say that it is none.
fn time(bytes: &[u8; 5]) -> Option<u64> {
    let [first, second, third, fourth, last] = bytes.map(u64::from);
    let is_time = first & third & last & 1 == 1;
    is_time.then_some((first >> 1 & 7) << 30 | second << 22 | (third >> 1) << 15 | fourth << 7 | last >> 1)
}
