//! Limits of how pictures are encoded, as far as they show from outside (A 1.3 to 1.39).

use super::master::{CodecKind, Variant, codec_kind};
use super::measured::{Format, Measured};
use super::report::Fault;
use super::timeline::Pace;

/// Baseline, Main, Extended and High.
const PROFILES: [u8; 4] = [66, 77, 88, 100];
/// Level 5.2 of H.264.
const LEVEL_MAX: u8 = 52;
/// Frames a second; a thousandth is left for rounded times.
const PACE_MAX: f64 = 60.06;

/// What is wrong with the pictures of a variant.
pub(super) fn faults(variant: &Variant, own: &Measured) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
    let found = own.tracks.iter().map(|track| track.codec.as_str());
    let mut codecs: Vec<&str> =
        variant.codec_list().chain(found).filter(|codec| codec_kind(codec) == CodecKind::Pictures).collect();
    codecs.sort_unstable();
    codecs.dedup();
    for codec in codecs {
        if let Some((profile, level)) = profile_and_level(codec)
            && (!PROFILES.contains(&profile) || level > LEVEL_MAX)
        {
            wrong("A 1.3b", format!("{codec} is more than High profile, level 5.2"));
        }
        let in_fragments_only = match codec.get(..4) {
            Some("hvc1" | "hev1") => Some("A 1.5"),
            Some("av01") => Some("A 1.39"),
            _ => None,
        };
        if let Some(rule) = in_fragments_only.filter(|_| own.format == Format::TransportStream) {
            wrong(rule, format!("{codec} in MPEG-TS"));
        }
    }
    if let Some(Pace(low, _)) = own.pace.filter(|pace| pace.0 > PACE_MAX) {
        wrong("A 1.19", format!("{low:.3} frames a second"));
    }
    faults
}

/// Of `avc1.64001f`.
fn profile_and_level(codec: &str) -> Option<(u8, u8)> {
    let hexadecimal = codec.strip_prefix("avc1.").or_else(|| codec.strip_prefix("avc3."))?;
    let byte = |at: usize| u8::from_str_radix(hexadecimal.get(at..at + 2)?, 16).ok();
    Some((byte(0)?, byte(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(codec: &str, format: Format, pace: f64) -> Vec<&'static str> {
        let variant = Variant { codecs: Some(format!("{codec},mp4a.40.2")), ..Variant::default() };
        let own = Measured { format, pace: Some(Pace(pace, pace)), ..Measured::default() };
        faults(&variant, &own).into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn h264_goes_up_to_high_5_2() {
        assert_eq!(rules("avc1.640034", Format::Fragments, 25.0), [""; 0]);
        assert_eq!(rules("avc1.64003c", Format::Fragments, 25.0), ["A 1.3b"]);
        assert_eq!(rules("avc1.6e0028", Format::Fragments, 25.0), ["A 1.3b"]);
    }

    #[test]
    fn newer_codecs_are_in_fragments_only() {
        assert_eq!(rules("hvc1.1.6.L93", Format::Fragments, 25.0), [""; 0]);
        assert_eq!(rules("hvc1.1.6.L93", Format::TransportStream, 25.0), ["A 1.5"]);
        assert_eq!(rules("av01.0.04M.08", Format::TransportStream, 25.0), ["A 1.39"]);
        assert_eq!(rules("avc1.640028", Format::TransportStream, 25.0), [""; 0]);
    }

    #[test]
    fn sixty_frames_a_second_are_the_most() {
        assert_eq!(rules("avc1.640028", Format::Fragments, 60.0), [""; 0]);
        assert_eq!(rules("avc1.640028", Format::Fragments, 120.0), ["A 1.19"]);
    }
}
