//! The headers of frames of sound: MP3 (ISO/IEC 11172-3, 2.4.2.3; 13818-3, 2.4.2.3), and AAC as ADTS (13818-7, 6.2).

/// What all frames of a sound have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its kind of MPEG-4 audio (ISO/IEC 14496-3, table 1.17).
    pub(super) object: u32,
    /// Samples per second.
    pub(super) rate: u32,
    /// Unless they are told elsewhere.
    pub(super) channels: Option<u32>,
    /// Samples of each channel in a frame.
    pub(super) samples: u32,
}

impl Frame {
    /// Bytes of a header of MP3.
    pub(super) const MP3: usize = 4;
    /// Bytes of a header of ADTS, without its check sum.
    pub(super) const ADTS: usize = 7;

    /// What the header says, and how many bytes the frame has with it; `None` if it is none of MP3, or of one that
    /// does not tell its size.
    pub(super) fn mp3(header: &[u8]) -> Option<(Self, usize)> {
        const MPEG1: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const MPEG2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        const RATES: [u32; 3] = [44_100, 48_000, 32_000];
        let [0xFF, version, numbers, mode] = header else { return None };
        // Synchronised, and of the third layer.
        if version & 0xE6 != 0xE2 {
            return None;
        }
        let (samples, divided, bits) = match version >> 3 & 3 {
            3 => (1152, 1, &MPEG1),
            2 => (576, 2, &MPEG2),
            _ => return None,
        };
        let bits = bits.get(usize::from(numbers >> 4).checked_sub(1)?)? * 1000;
        let rate = RATES.get(usize::from(numbers >> 2 & 3))? / divided;
        let bytes = samples / 8 * bits / rate + u32::from(numbers >> 1 & 1);
        let channels = Some(if mode >> 6 == 3 { 1 } else { 2 });
        Some((Self { object: 34, rate, channels, samples }, bytes as usize))
    }

    /// The same of ADTS.
    pub(super) fn adts(header: &[u8]) -> Option<(Self, usize)> {
        const RATES: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let [0xFF, flags, kind, more, len, rest, blocks] = header else { return None };
        // Synchronised, and of layer 0.
        if flags & 0xF6 != 0xF0 {
            return None;
        }
        let rate = *RATES.get(usize::from(kind >> 2 & 15))?;
        let channels = match u32::from(kind & 1) << 2 | u32::from(more >> 6) {
            0 => None,
            7 => Some(8),
            count => Some(count),
        };
        let bytes = usize::from(more & 3) << 11 | usize::from(*len) << 3 | usize::from(rest >> 5);
        let samples = 1024 * (u32::from(blocks & 3) + 1);
        (bytes >= Self::ADTS).then_some((Self { object: u32::from(kind >> 6) + 1, rate, channels, samples }, bytes))
    }
}
