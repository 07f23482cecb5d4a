//! The tables that say which streams there are (2.4.4). They come again and again, and are the same each time as long
//! as the film is.

use super::Stop;
use super::packet::Packet;

/// Where the table of programmes is.
const PROGRAMMES: u16 = 0;

/// The kinds of tables.
const OF_PROGRAMMES: u8 = 0;
const OF_STREAMS: u8 = 2;

/// Bytes before a section's entries, those of them that its length leaves out, and of the check sum behind.
const BEFORE: usize = 8;
const BEFORE_LENGTH: usize = 3;
const SUM: usize = 4;

/// The tables of a film with one programme.
#[derive(Debug, Default)]
pub(super) struct Tables {
    programmes: Table,
    /// Where the programme's own is, as soon as that is known.
    programme: Option<(u16, Table)>,
}

impl Tables {
    /// Whether packets of this stream hold one of them.
    pub(super) fn are_in(&self, stream: u16) -> bool {
        stream == PROGRAMMES || self.programme.as_ref().is_some_and(|(own, _)| *own == stream)
    }

    /// Takes a packet of such a stream. `Odd` when a table is another one than before.
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Result<(), Stop> {
        match &mut self.programme {
            Some((stream, table)) if *stream == packet.stream => table.take(packet),
            programme => {
                self.programmes.take(packet)?;
                if let (None, Some(stream)) = (&programme, self.programmes.programme()?) {
                    *programme = Some((stream, Table::default()));
                }
                Ok(())
            }
        }
    }

    /// The kind (table 2-34) and the number of each stream of the programme; `None` as long as they are not known.
    pub(super) fn streams(&self) -> Result<Option<Vec<(u8, u16)>>, Stop> {
        self.programme.as_ref().map_or(Ok(None), |(_, table)| table.streams())
    }
}

/// A table that comes in packets of one stream.
#[derive(Debug, Default)]
struct Table {
    known: Vec<u8>,
    /// What came of its next copy.
    begun: Vec<u8>,
    counter: u8,
}

impl Table {
    /// Takes a packet of its stream.
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), Stop> {
        let Some(payload) = packet.payload else { return Ok(()) };
        if packet.begins {
            let section = payload.split_first().filter(|(skipped, _)| **skipped == 0).ok_or(Stop::Odd)?.1;
            self.begun = section.to_vec();
        } else if self.begun.is_empty() {
            // The end of one that began before the file.
            return Ok(());
        } else if packet.counter == (self.counter + 1) % 16 {
            self.begun.extend_from_slice(payload);
        } else {
            return Err(Stop::Odd);
        }
        self.counter = packet.counter;
        let [_, high, low, ..] = self.begun[..] else { return Err(Stop::Odd) };
        let len = BEFORE_LENGTH + usize::from(u16::from_be_bytes([high & 0x0F, low]));
        let Some((section, rest)) = self.begun.split_at_checked(len) else { return Ok(()) };
        let is_alone = rest.iter().all(|byte| *byte == 0xFF);
        if !is_alone || !(self.known.is_empty() || self.known == section) {
            return Err(Stop::Odd);
        }
        self.known = section.to_vec();
        self.begun.clear();
        Ok(())
    }

    /// The stream of the only programme's own table; `None` as long as it is not known.
    fn programme(&self) -> Result<Option<u16>, Stop> {
        let Some(entries) = self.entries(OF_PROGRAMMES)? else { return Ok(None) };
        // Number 0 is the network.
        let mut programmes = entries.as_chunks::<4>().0.iter().filter(|entry| entry[..2] != [0, 0]);
        match (programmes.next(), programmes.next()) {
            (Some(&[_, _, high, low]), None) => Ok(Some(u16::from_be_bytes([high & 0x1F, low]))),
            _ => Err(Stop::Odd),
        }
    }

    /// The kind and the number of each stream; `None` as long as they are not known.
    fn streams(&self) -> Result<Option<Vec<(u8, u16)>>, Stop> {
        let Some(entries) = self.entries(OF_STREAMS)? else { return Ok(None) };
        let mut rest = described(entries)?;
        let mut streams = Vec::new();
        while let [kind, entry @ ..] = rest {
            let [high, low, ..] = *entry else { return Err(Stop::Odd) };
            streams.push((*kind, u16::from_be_bytes([high & 0x1F, low])));
            rest = described(entry)?;
        }
        Ok(Some(streams))
    }

    /// What stands between the head of a section and its sum, if it is one of this kind and the only one.
    fn entries(&self, kind: u8) -> Result<Option<&[u8]>, Stop> {
        if self.known.is_empty() {
            return Ok(None);
        }
        let [first, _, _, _, _, flags, number, last, ..] = self.known[..] else { return Err(Stop::Odd) };
        let is_valid = first == kind && flags & 1 == 1 && (number, last) == (0, 0);
        let end = self.known.len().checked_sub(SUM).filter(|_| is_valid).ok_or(Stop::Odd)?;
        self.known.get(BEFORE..end).map(Some).ok_or(Stop::Odd)
    }
}

/// What follows a number of two bytes and as many bytes of descriptions as are counted behind it.
fn described(bytes: &[u8]) -> Result<&[u8], Stop> {
    let [_, _, high, low, rest @ ..] = bytes else { return Err(Stop::Odd) };
    rest.get(usize::from(u16::from_be_bytes([high & 0x0F, *low]))..).ok_or(Stop::Odd)
}
