//! What sounds in AAC say of themselves: each of their frames has a header (ISO/IEC 13818-7, 6.2).

use super::packet::Packet;

/// The kind of stream that is AAC with such headers (table 2-34).
const AAC: u8 = 0x0F;

/// Bytes of a PES header before the count of those that follow in it.
const FIXED: usize = 9;

/// The sounds in AAC of a film, and what the first frame of each says.
#[derive(Debug, Default)]
pub(super) struct Sounds {
    known: Vec<(u16, Option<[u8; 2]>)>,
    /// Whether one says something else later.
    pub(super) change: bool,
}

impl Sounds {
    /// Those among these streams.
    pub(super) fn among(streams: &[(u8, u16)]) -> Self {
        let known = streams.iter().filter(|(kind, _)| *kind == AAC).map(|(_, stream)| (*stream, None));
        Self { known: known.collect(), change: false }
    }

    /// Whether there are any, none of which was seen to change.
    pub(super) fn may_change(&self) -> bool {
        !self.known.is_empty() && !self.change
    }

    /// Whether packets of this stream hold one of them.
    pub(super) fn are_in(&self, stream: u16) -> bool {
        self.known.iter().any(|(own, _)| *own == stream)
    }

    /// Takes a packet of such a stream. Only frames that begin where PES does are seen.
    pub(super) fn take(&mut self, packet: &Packet<'_>) {
        let begun = packet.payload.filter(|_| packet.begins && packet.is_clear);
        let Some(said) = begun.and_then(set_up) else { return };
        let known = self.known.iter_mut().find(|(own, _)| *own == packet.stream);
        let Some((_, known)) = known else { return };
        self.change |= *known.get_or_insert(said) != said;
    }
}

/// The bits of a frame's header by which a decoder is set up: profile, rate and channels.
fn set_up(payload: &[u8]) -> Option<[u8; 2]> {
    let [0, 0, 1, ..] = payload else { return None };
    let frame = payload.get(FIXED + usize::from(*payload.get(FIXED - 1)?)..)?;
    match frame {
        [0xFF, flags, first, second, ..] if flags & 0xF6 == 0xF0 => Some([first & 0xFD, second & 0xC0]),
        _ => None,
    }
}
