//! The names of codecs in a playlist's `CODECS` (RFC 6381 and the codecs' own registrations), read
//! from the boxes that set up a decoder.

use super::boxes::child;
use super::error::CmafError;
use mp4_atom::{Atom, Esds};
use std::fmt::Write;

/// What a decoder's set-up says.
pub(super) struct Described {
    /// The RFC 6381 name.
    pub(super) name: String,
    /// Channels of sound, where the codec knows better than the sample entry (ffmpeg writes 2 there).
    pub(super) channels: Option<u32>,
}

/// The type of AAC that makes two channels of one (HE-AAC v2).
const PARAMETRIC_STEREO: u32 = 29;

const SHORT: CmafError = CmafError::Malformed("a decoder configuration is missing or cut short");

/// The longest `esds` looked at; real ones are below 100 bytes, and its descriptors can nest.
const MAX_ESDS: usize = 1024;

/// Describes an entry of type `kind` that contains `boxes`.
pub(super) fn describe(kind: [u8; 4], boxes: &[u8]) -> Result<Described, CmafError> {
    let body = |name: &[u8; 4]| Ok::<_, CmafError>(child(boxes, name)?.ok_or(SHORT)?.body);
    let name = match &kind {
        b"avc1" | b"avc3" => avc(&kind, body(b"avcC")?)?,
        b"hvc1" | b"hev1" => hevc(&kind, body(b"hvcC")?)?,
        b"vp08" | b"vp09" => vp9(&kind, body(b"vpcC")?)?,
        b"av01" => av1(body(b"av1C")?)?,
        b"mp4a" => return mpeg4_audio(body(b"esds")?),
        b"ac-3" => return ac3(body(b"dac3")?),
        b"ec-3" => return eac3(body(b"dec3")?),
        b"Opus" => {
            let channels = body(b"dOps")?.get(1).ok_or(SHORT)?;
            return Ok(Described { name: "opus".into(), channels: Some(u32::from(*channels)) });
        }
        _ => four_letters(&kind),
    };
    Ok(Described { name, channels: None })
}

fn four_letters(kind: &[u8; 4]) -> String {
    String::from_utf8_lossy(kind).into_owned()
}

/// Profile, constraints and level, as in the sequence parameter set.
fn avc(kind: &[u8; 4], record: &[u8]) -> Result<String, CmafError> {
    let [_, profile, constraints, level, ..] = *record else { return Err(SHORT) };
    Ok(format!("{}.{profile:02x}{constraints:02x}{level:02x}", four_letters(kind)))
}

/// ISO/IEC 14496-15 annex E: profile, compatibility with its bits reversed, tier and level, and the
/// constraint bytes up to the last that is not zero.
fn hevc(kind: &[u8; 4], record: &[u8]) -> Result<String, CmafError> {
    let [_, general, c0, c1, c2, c3, constraints @ ..] = record else { return Err(SHORT) };
    let [constraints @ .., level] = constraints.first_chunk::<7>().ok_or(SHORT)?;
    let space = ["", "A", "B", "C"][usize::from(general >> 6)];
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = u32::from_be_bytes([*c0, *c1, *c2, *c3]).reverse_bits();
    let mut name = format!("{}.{space}{}.{compatible:x}.{tier}{level}", four_letters(kind), general & 0x1f);
    let used = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        write!(name, ".{byte:X}").expect("a string takes everything");
    }
    Ok(name)
}

/// The VP codec mapping: profile, level, bit depth.
fn vp9(kind: &[u8; 4], record: &[u8]) -> Result<String, CmafError> {
    let [_, _, _, _, profile, level, depth, ..] = *record else { return Err(SHORT) };
    Ok(format!("{}.{profile:02}.{level:02}.{:02}", four_letters(kind), depth >> 4))
}

/// The AV1 mapping: profile, level and tier, bit depth.
fn av1(record: &[u8]) -> Result<String, CmafError> {
    let [_, profile_level, flags, ..] = *record else { return Err(SHORT) };
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    Ok(format!("av01.{}.{:02}{tier}.{depth:02}", profile_level >> 5, profile_level & 0x1f))
}

fn mpeg4_audio(body: &[u8]) -> Result<Described, CmafError> {
    const AUDIO: u8 = 0x40;
    if body.len() > MAX_ESDS {
        return Err(CmafError::Unsupported("an elementary stream descriptor of that size"));
    }
    let mut rest = body;
    let config = Esds::decode_body(&mut rest).map_err(|_| SHORT)?.es_desc.dec_config;
    if config.object_type_indication != AUDIO {
        return Ok(Described { name: format!("mp4a.{:x}", config.object_type_indication), channels: None });
    }
    let specific = config.dec_specific.ok_or(SHORT)?.raw;
    // An escape value (31) is followed by the type; an index of 15 by the sample rate itself.
    let mut bits = Bits { bytes: &specific, at: 0 };
    let mut object = bits.take(5)?;
    if object == 31 {
        object = 32 + bits.take(6)?;
    }
    if bits.take(4)? == 15 {
        bits.take(24)?;
    }
    let channels = match bits.take(4)? {
        0 => None,
        1 if object == PARAMETRIC_STEREO => Some(2),
        7 => Some(8),
        stated => Some(stated),
    };
    Ok(Described { name: format!("mp4a.40.{object}"), channels })
}

/// Full-range channels of an AC-3 `acmod`.
const AC3_CHANNELS: [u32; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// ETSI TS 102 366 annex F.4.
fn ac3(body: &[u8]) -> Result<Described, CmafError> {
    let mut bits = Bits { bytes: body, at: 2 + 5 + 3 };
    let channels = AC3_CHANNELS[bits.take(3)? as usize] + bits.take(1)?;
    Ok(Described { name: "ac-3".into(), channels: Some(channels) })
}

/// ETSI TS 102 366 annex F.6; the first independent substream.
fn eac3(body: &[u8]) -> Result<Described, CmafError> {
    let mut bits = Bits { bytes: body, at: 13 + 3 + 2 + 5 + 1 + 1 + 3 };
    let channels = AC3_CHANNELS[bits.take(3)? as usize] + bits.take(1)?;
    Ok(Described { name: "ec-3".into(), channels: Some(channels) })
}

/// A reader of bits, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<u32, CmafError> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(SHORT)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parametric_stereo_has_two_channels_though_one_is_coded() {
        // Bits of the last two bytes: kind 5, rate 4, channels 4.
        for (specific, name, channels) in [([0x11, 0x88], "mp4a.40.2", 1), ([0xEB, 0x08], "mp4a.40.29", 2)] {
            let config = [&[0x04, 0x11, 0x40, 0x15][..], &[0; 11], &[0x05, 0x02], &specific].concat();
            let body = [&[0, 0, 0, 0, 0x03, config.len() as u8 + 6, 0, 1, 0][..], &config, &[0x06, 1, 2]].concat();
            let found = mpeg4_audio(&body).unwrap();
            assert_eq!((found.name.as_str(), found.channels), (name, Some(channels)));
        }
    }
}
