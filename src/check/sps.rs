//! The sequence parameter set of H.264: the size of the pictures, the shape of their samples, and
//! their transfer function (ITU-T H.264, 7.3.2.1.1 and E.1.1).

use super::boxes::{Bits, Malformed};

/// What a sequence parameter set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    /// Cropped, in samples.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Width to height of a sample, if it is told.
    pub(super) aspect: Option<(u32, u32)>,
    /// Its number in ITU-T H.273; 2 is "not told".
    pub(super) transfer: u32,
}

/// Profiles with fields for chroma and depth.
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Aspects by `aspect_ratio_idc`.
const ASPECTS: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED: usize = 255;
const BAD: Malformed = Malformed("a sequence parameter set has impossible sizes");

impl Sps {
    /// Reads a whole unit, its header included.
    pub(super) fn read(unit: &[u8]) -> Result<Self, Malformed> {
        let payload = without_emulation(unit.get(1..).unwrap_or_default());
        let mut bits = Bits::new(&payload);
        let profile = bits.take(8)?;
        bits.take(16)?;
        bits.golomb()?;
        let (mut chroma, mut separate) = (1, 0);
        if HIGH.contains(&profile) {
            (chroma, separate) = high(&mut bits)?;
        }
        bits.golomb()?;
        order(&mut bits)?;
        bits.golomb()?;
        bits.take(1)?;
        let (width, height) = (bits.golomb()?, bits.golomb()?);
        let frames_only = bits.take(1)?;
        if frames_only == 0 {
            bits.take(1)?;
        }
        bits.take(1)?;
        let fields = 2 - frames_only;
        let mut crop = [0; 4];
        if bits.take(1)? == 1 {
            for side in &mut crop {
                *side = bits.golomb()?;
            }
        }
        let is_subsampled = separate == 0 && (chroma == 1 || chroma == 2);
        let across = if is_subsampled { 2 } else { 1 };
        let down = if separate == 0 && chroma == 1 { 2 * fields } else { fields };
        let (aspect, transfer) = if bits.take(1)? == 1 { usability(&mut bits)? } else { (None, 2) };
        Ok(Self {
            width: size(width, 16, across, crop[0], crop[1])?,
            height: size(height, 16 * fields, down, crop[2], crop[3])?,
            aspect,
            transfer,
        })
    }
}

fn size(units: u32, unit: u32, crop: u32, first: u32, last: u32) -> Result<u32, Malformed> {
    let whole = units.checked_add(1).and_then(|units| units.checked_mul(unit)).ok_or(BAD)?;
    let cut = first.checked_add(last).and_then(|cut| cut.checked_mul(crop)).ok_or(BAD)?;
    whole.checked_sub(cut).filter(|size| *size > 0).ok_or(BAD)
}

/// Chroma format, and whether its planes are coded apart.
fn high(bits: &mut Bits<'_>) -> Result<(u32, u32), Malformed> {
    let chroma = bits.golomb()?;
    let separate = if chroma == 3 { bits.take(1)? } else { 0 };
    bits.golomb()?;
    bits.golomb()?;
    bits.take(1)?;
    if bits.take(1)? == 1 {
        let lists = if chroma == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.take(1)? == 1 {
                scaling(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok((chroma, separate))
}

fn scaling(bits: &mut Bits<'_>, count: u32) -> Result<(), Malformed> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..count {
        if next != 0 {
            next = (last + bits.signed_golomb()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

/// Skips how pictures are ordered.
fn order(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            let cycle = bits.golomb()?;
            if cycle > 255 {
                return Err(BAD);
            }
            for _ in 0..cycle {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Aspect and transfer function.
fn usability(bits: &mut Bits<'_>) -> Result<(Option<(u32, u32)>, u32), Malformed> {
    let mut aspect = None;
    if bits.take(1)? == 1 {
        let index = bits.take(8)? as usize;
        let told =
            if index == EXTENDED { (bits.take(16)?, bits.take(16)?) } else { *ASPECTS.get(index).unwrap_or(&(0, 0)) };
        aspect = Some(told).filter(|(wide, high)| *wide > 0 && *high > 0);
    }
    if bits.take(1)? == 1 {
        bits.take(1)?;
    }
    let mut transfer = 2;
    if bits.take(1)? == 1 {
        bits.take(4)?;
        if bits.take(1)? == 1 {
            bits.take(8)?;
            transfer = bits.take(8)?;
        }
    }
    Ok((aspect, transfer))
}

/// The payload without the bytes that keep start codes out of it.
pub(super) fn without_emulation(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes bits as they stand: `u` fixed and `ue` Exp-Golomb fields.
    #[derive(Default)]
    struct Writer(String);

    impl Writer {
        fn u(mut self, count: usize, value: u32) -> Self {
            self.0 += &format!("{value:0count$b}");
            self
        }
        fn ue(mut self, value: u32) -> Self {
            let code = format!("{:b}", value + 1);
            self.0 += &("0".repeat(code.len() - 1) + &code);
            self
        }
        fn unit(self) -> Vec<u8> {
            let bits = self.0 + "1";
            let bytes = bits.as_bytes().chunks(8).map(|chunk| {
                let text = format!("{:0<8}", std::str::from_utf8(chunk).unwrap());
                u8::from_str_radix(&text, 2).unwrap()
            });
            let mut unit = vec![0x67];
            for byte in bytes {
                if byte <= 3 && unit.ends_with(&[0, 0]) {
                    unit.push(3);
                }
                unit.push(byte);
            }
            unit
        }
    }

    /// 1920 × 1080 in High profile, up to the flag of the usability information.
    fn full_hd() -> Writer {
        let begin = Writer::default().u(8, 100).u(8, 0).u(8, 40).ue(0).ue(1).ue(0).ue(0).u(1, 0).u(1, 0);
        let order = begin.ue(0).ue(2).ue(4).u(1, 0).ue(119).ue(67).u(1, 1).u(1, 1);
        order.u(1, 1).ue(0).ue(0).ue(0).ue(4)
    }

    #[test]
    fn the_size_is_cropped() {
        let sps = Sps::read(&full_hd().u(1, 0).unit()).unwrap();
        assert_eq!(sps, Sps { width: 1920, height: 1080, aspect: None, transfer: 2 });
    }

    #[test]
    fn shape_and_transfer_are_told() {
        let sps = full_hd().u(1, 1).u(1, 1).u(8, 255).u(16, 4).u(16, 3).u(1, 0);
        let sps = Sps::read(&sps.u(1, 1).u(3, 5).u(1, 0).u(1, 1).u(8, 9).u(8, 16).u(8, 9).unit()).unwrap();
        assert_eq!((sps.aspect, sps.transfer), (Some((4, 3)), 16));
        let square = full_hd().u(1, 1).u(1, 1).u(8, 1).u(1, 0).u(1, 0).unit();
        assert_eq!(Sps::read(&square).unwrap().aspect, Some((1, 1)));
    }

    #[test]
    fn what_is_cut_short_or_impossible_is_refused() {
        let unit = full_hd().u(1, 0).unit();
        for len in 0..unit.len() - 1 {
            assert!(Sps::read(&unit[..len]).is_err(), "{len}");
        }
        let begin = Writer::default().u(8, 66).u(8, 0).u(8, 40).ue(0).ue(0).ue(2).ue(4).u(1, 0);
        let cropped = begin.ue(0).ue(0).u(1, 1).u(1, 1).u(1, 1).ue(8).ue(0).ue(0).ue(0).u(1, 0);
        assert_eq!(Sps::read(&cropped.unit()), Err(BAD));
    }
}
