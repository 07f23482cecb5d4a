//! The header of an MP3 frame (ISO/IEC 11172-3, 2.4.2.3; 13818-3, 2.4.2.3).

/// Its bytes.
pub(super) const HEADER: usize = 4;

/// What all frames of a sound have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Samples per second.
    pub(super) rate: u32,
    pub(super) channels: u32,
    /// Samples of each channel in a frame.
    pub(super) samples: u32,
}

impl Frame {
    /// What the header says, and how many bytes the frame has with it; `None` if it is none of MP3, or of one that
    /// does not tell its size.
    pub(super) fn read(header: &[u8]) -> Option<(Self, usize)> {
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
        let channels = if mode >> 6 == 3 { 1 } else { 2 };
        Some((Self { rate, channels, samples }, bytes as usize))
    }
}
