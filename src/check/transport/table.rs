//! The tables that name the streams (ISO/IEC 13818-1, 2.4.4).

/// Where the tables of the programmes are; `None` when that cannot be read.
pub(super) fn programmes(carried: &[u8]) -> Option<Vec<u16>> {
    let entries = section(carried, 0)?.chunks_exact(4).map(|entry| {
        let number = u16::from_be_bytes([entry[0], entry[1]]);
        (number, u16::from_be_bytes([entry[2] & 0x1F, entry[3]]))
    });
    Some(entries.filter(|(number, _)| *number > 0).map(|(_, place)| place).collect())
}

/// The kind of each stream (table 2-34), and where it is; `None` when that cannot be read.
pub(super) fn streams(carried: &[u8]) -> Option<Vec<(u8, u16)>> {
    let body = section(carried, 2)?;
    let described = usize::from(u16::from_be_bytes([*body.get(2)? & 0x0F, *body.get(3)?]));
    let mut left = body.get(4 + described..)?;
    let mut streams = Vec::new();
    while let [kind, high, low, more, len, rest @ ..] = left {
        streams.push((*kind, u16::from_be_bytes([high & 0x1F, *low])));
        left = rest.get(usize::from(u16::from_be_bytes([more & 0x0F, *len]))..)?;
    }
    Some(streams)
}

/// What a section of this table holds behind its fixed part and before its check sum.
fn section(carried: &[u8], table: u8) -> Option<&[u8]> {
    const FIXED: usize = 8;
    let begin = carried.get(1 + usize::from(*carried.first()?)..)?;
    let [kind, high, low, ..] = begin else { return None };
    let len = usize::from(u16::from_be_bytes([high & 0x0F, *low]));
    (*kind == table).then(|| begin.get(FIXED..(3 + len).checked_sub(4)?))?
}
