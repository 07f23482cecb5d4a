//! The name of a codec (RFC 6381 and the codecs' own registrations), and what else its configuration
//! tells, from the boxes of a sample entry.

use super::boxes::{Bits, Malformed, Reader, child, required};
use super::sps::Sps;

/// How coded pictures are split into units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Avc,
    Hevc,
}

impl Units {
    /// The type of a unit, by the first byte of its header.
    pub(super) fn kind(self, header: u8) -> u8 {
        match self {
            Self::Avc => header & 0x1F,
            Self::Hevc => header >> 1 & 0x3F,
        }
    }

    /// The type of the unit before each picture.
    pub(super) fn delimiter(self) -> u8 {
        match self {
            Self::Avc => 9,
            Self::Hevc => 35,
        }
    }

    /// Whether a unit is a sequence parameter set.
    pub(super) fn is_sequence(self, unit: &[u8]) -> bool {
        let sequence = match self {
            Self::Avc => 7,
            Self::Hevc => 33,
        };
        unit.first().is_some_and(|header| self.kind(*header) == sequence)
    }
}

/// What a sample entry says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Described {
    pub(super) codec: String,
    /// The kind of units of the samples, and the bytes of the length before each.
    pub(super) units: Option<(Units, usize)>,
    pub(super) sps: Option<Sps>,
    pub(super) channels: Option<u32>,
}

/// Describes an entry of this type that holds these boxes.
pub(super) fn describe(kind: [u8; 4], boxes: &[u8]) -> Result<Described, Malformed> {
    let four = String::from_utf8_lossy(&kind).into_owned();
    let named = |codec: String| Described { codec, ..Described::default() };
    Ok(match &kind {
        b"avc1" | b"avc3" => avc(&four, required(boxes, b"avcC")?)?,
        b"hvc1" | b"hev1" => hevc(&four, required(boxes, b"hvcC")?)?,
        b"vp09" | b"vp08" => {
            let mut reader = Reader(required(boxes, b"vpcC")?);
            reader.version()?;
            let (profile, level, depth) = (reader.u8()?, reader.u8()?, reader.u8()? >> 4);
            named(format!("{four}.{profile:02}.{level:02}.{depth:02}"))
        }
        b"av01" => named(av1(required(boxes, b"av1C")?)?),
        b"mp4a" => mpeg4_audio(required(boxes, b"esds")?)?,
        b"Opus" => {
            let channels = required(boxes, b"dOps")?.get(1).copied().map(u32::from);
            Described { channels, ..named("opus".to_owned()) }
        }
        b"ac-3" => Described { channels: dolby(boxes, b"dac3", 10)?, ..named(four) },
        b"ec-3" => Described { channels: dolby(boxes, b"dec3", 28)?, ..named(four) },
        _ => named(four),
    })
}

fn avc(four: &str, record: &[u8]) -> Result<Described, Malformed> {
    let mut reader = Reader(record);
    reader.u8()?;
    let (profile, constraints, level) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let length = usize::from(reader.u8()? & 3) + 1;
    let sets = reader.u8()? & 0x1F;
    let sps = if sets > 0 {
        let len = usize::from(reader.u16()?);
        Some(Sps::read(reader.take(len)?)?)
    } else {
        None
    };
    let codec = format!("{four}.{profile:02x}{constraints:02x}{level:02x}");
    Ok(Described { codec, units: Some((Units::Avc, length)), sps, channels: None })
}

/// Bytes of a profile, tier and level.
const PROFILE: usize = 12;

/// ISO/IEC 14496-15, annex E.
fn hevc(four: &str, record: &[u8]) -> Result<Described, Malformed> {
    let mut reader = Reader(record);
    reader.u8()?;
    let codec = hevc_name(four, reader.take(PROFILE)?)?;
    reader.take(8)?;
    let length = usize::from(reader.u8()? & 3) + 1;
    Ok(Described { codec, units: Some((Units::Hevc, length)), ..Described::default() })
}

/// The name that a profile, tier and level have together (ITU-T H.265, 7.3.3).
pub(super) fn hevc_name(four: &str, profile: &[u8]) -> Result<String, Malformed> {
    let mut reader = Reader(profile);
    let general = reader.u8()?;
    let compatible = reader.u32()?.reverse_bits();
    let constraints = reader.take(6)?;
    let level = reader.u8()?;
    let space = ["", "A", "B", "C"][usize::from(general >> 6)];
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let mut codec = format!("{four}.{space}{}.{compatible:x}.{tier}{level}", general & 0x1F);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    codec.extend(constraints[..used].iter().map(|byte| format!(".{byte:x}")));
    Ok(codec)
}

fn av1(record: &[u8]) -> Result<String, Malformed> {
    let mut reader = Reader(record);
    reader.u8()?;
    let (sequence, flags) = (reader.u8()?, reader.u8()?);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    Ok(format!("av01.{}.{:02}{tier}.{depth:02}", sequence >> 5, sequence & 0x1F))
}

/// The contents of a descriptor of this tag, if it comes next (ISO/IEC 14496-1, 8.3.3).
fn descriptor<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>, Malformed> {
    if reader.u8()? != tag {
        return Err(Malformed("a descriptor of sound is not where it belongs"));
    }
    let mut len = 0;
    for _ in 0..4 {
        let byte = reader.u8()?;
        len = len << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(Reader(reader.take(len)?))
}

fn mpeg4_audio(body: &[u8]) -> Result<Described, Malformed> {
    const AAC: u8 = 0x40;
    // HE-AAC v2, which makes two channels of one.
    const PARAMETRIC_STEREO: u32 = 29;
    let mut reader = Reader(body);
    reader.version()?;
    let mut stream = descriptor(&mut reader, 3)?;
    stream.u16()?;
    let flags = stream.u8()?;
    if flags & 0x80 != 0 {
        stream.u16()?;
    }
    if flags & 0x40 != 0 {
        let len = usize::from(stream.u8()?);
        stream.take(len)?;
    }
    if flags & 0x20 != 0 {
        stream.u16()?;
    }
    let mut config = descriptor(&mut stream, 4)?;
    let object = config.u8()?;
    config.take(12)?;
    if object != AAC {
        return Ok(Described { codec: format!("mp4a.{object:02x}"), ..Described::default() });
    }
    let specific = descriptor(&mut config, 5)?;
    let mut bits = Bits::new(specific.0);
    let mut kind = bits.take(5)?;
    if kind == 31 {
        kind = 32 + bits.take(6)?;
    }
    if bits.take(4)? == 15 {
        bits.take(24)?;
    }
    let channels = match bits.take(4)? {
        0 => None,
        1 if kind == PARAMETRIC_STEREO => Some(2),
        7 => Some(8),
        count => Some(count),
    };
    Ok(Described { codec: format!("mp4a.40.{kind}"), channels, ..Described::default() })
}

/// Channels of AC-3 and E-AC-3, from the mode that stands at this bit (ETSI TS 102 366, annex F).
fn dolby(boxes: &[u8], kind: &[u8; 4], at: u32) -> Result<Option<u32>, Malformed> {
    const FULL: [u32; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
    let Some(body) = child(boxes, kind)? else { return Ok(None) };
    let mut bits = Bits::new(body);
    bits.take(at)?;
    let mode = FULL[bits.take(3)? as usize];
    Ok(Some(mode + bits.take(1)?))
}

/// Whether two names mean the same codec: letters of any case, and constraint bytes and optional
/// fields only as far as both have them.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(codec: &str) -> String {
    let lower = codec.to_ascii_lowercase();
    let mut parts: Vec<&str> = lower.split('.').collect();
    match parts[0] {
        "hvc1" | "hev1" => {
            while parts.len() > 4 && parts.last().is_some_and(|last| last.bytes().all(|byte| byte == b'0')) {
                parts.pop();
            }
        }
        "av01" | "vp09" | "vp08" => parts.truncate(4),
        _ => {}
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn codec(kind: &[u8; 4], configuration: &[u8; 4], body: &[u8]) -> String {
        describe(*kind, &boxed(configuration, body)).unwrap().codec
    }

    #[test]
    fn names_are_those_of_the_registrations() {
        assert_eq!(codec(b"avc1", b"avcC", &[1, 0x64, 0, 0x1F, 0xFF, 0xE0]), "avc1.64001f");
        let hevc = [&[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93][..], &[0; 8], &[3, 0]].concat();
        assert_eq!(codec(b"hvc1", b"hvcC", &hevc), "hvc1.1.6.L93.90");
        assert_eq!(codec(b"vp09", b"vpcC", &[1, 0, 0, 0, 0, 31, 0x80, 2, 2, 2, 0, 0]), "vp09.00.31.08");
        assert_eq!(codec(b"av01", b"av1C", &[0x81, 0x04, 0x0C, 0]), "av01.0.04M.08");
        assert_eq!(describe(*b"fLaC", &[]).unwrap().codec, "fLaC");
    }

    #[test]
    fn sound_tells_its_kind_and_channels() {
        let esds = |specific: [u8; 2]| {
            let config = [&[0x04, 0x11, 0x40, 0x15][..], &[0; 11], &[0x05, 0x02], &specific].concat();
            [&[0, 0, 0, 0, 0x03, config.len() as u8 + 3, 0, 1, 0][..], &config].concat()
        };
        // Bits: kind 5, rate 4, channels 4.
        for (specific, codec, channels) in
            [([0x11, 0x90], "mp4a.40.2", 2), ([0x11, 0x88], "mp4a.40.2", 1), ([0xEB, 0x08], "mp4a.40.29", 2)]
        {
            let found = describe(*b"mp4a", &boxed(b"esds", &esds(specific))).unwrap();
            assert_eq!((found.codec.as_str(), found.channels), (codec, Some(channels)));
        }
        assert!(describe(*b"mp4a", &boxed(b"esds", &esds([0x11, 0x90])[..20])).is_err());
        // Bits: rate 2, stream 5, mode 3, channels 3 (7 is 3/2), bass 1.
        let surround = describe(*b"ac-3", &boxed(b"dac3", &[0x10, 0x3D, 0xC0])).unwrap();
        assert_eq!(surround.channels, Some(6));
    }

    #[test]
    fn names_are_compared_by_their_meaning() {
        assert!(is_same("avc1.64001F", "avc1.64001f"));
        assert!(is_same("hvc1.1.6.L93.B0.0", "hvc1.1.6.L93.b0"));
        assert!(is_same("av01.0.04M.08.0.110.01.01.01.0", "av01.0.04M.08"));
        assert!(!is_same("avc1.640020", "avc1.64001f"));
        assert!(!is_same("hvc1.1.6.L93", "hev1.1.6.L93"));
        assert!(!is_same("mp4a.40.5", "mp4a.40.2"));
    }

    #[test]
    fn a_broken_configuration_is_refused() {
        for kind in [b"avc1", b"hvc1", b"vp09", b"av01", b"mp4a"] {
            assert!(describe(*kind, &[]).is_err());
        }
        assert!(describe(*b"avc1", &boxed(b"avcC", &[1, 0x64])).is_err());
    }
}
