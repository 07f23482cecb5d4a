//! The segments of an I-frame playlist: each a key frame with its `moof` (A 6.10; RFC 8216bis, 4.4.3.6).

use super::codec::Units;
use super::init::Track;
use super::opening::Opening;
use super::report::Fault;
use super::scan::Scanned;

const SECTION: &str = "RFC 8216bis 4.4.3.6";
/// Seconds by which `EXTINF` may differ from the time to the next I-frame: a frame of 10 a second.
const SLACK: f64 = 0.1;

/// When the I-frames seen so far are shown.
#[derive(Debug, Default)]
pub(super) struct Frames {
    last: Option<(f64, f64)>,
    /// Seconds at which the first and the last are shown.
    pub(super) span: Option<(f64, f64)>,
}

impl Frames {
    /// Takes the next I-frame; tells what is wrong with it. `extinf` lasts to the next one.
    pub(super) fn add(&mut self, found: &Scanned, track: &Track, opening: Opening, extinf: f64) -> Vec<Fault> {
        let own = found.fragments.iter().find(|fragment| fragment.track == track.id);
        let Some((fragment, sample)) = own.and_then(|own| Some((own, own.samples.first()?))) else {
            return vec![Fault::new("A 6.10", "an I-frame without its moof")];
        };
        let mut faults = Vec::new();
        let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
        if found.kinds.first().is_some_and(|kind| !matches!(kind, b"moof" | b"styp" | b"sidx" | b"emsg" | b"prft")) {
            wrong("A 6.10", "the range does not begin with a moof".to_owned());
        }
        let size = u64::from(sample.size.unwrap_or(track.defaults.size));
        if found.data < size {
            wrong(SECTION, format!("a picture of {size} bytes, of which {} are in the range", found.data));
        }
        if let Opening::Dependent(kind) = opening
            && !is_coded_alone(track, kind)
        {
            wrong(SECTION, format!("a picture of type {kind}, which is no I-frame by itself"));
        }
        let decoded = fragment.decode_time.unwrap_or(0) as i64;
        let shown =
            decoded.saturating_add(sample.offset).saturating_sub(track.edit) as f64 / f64::from(track.timescale);
        if let Some((before, lasts)) = self.last {
            if shown <= before {
                wrong(SECTION, format!("shown at {shown:.3} s, the one before at {before:.3} s"));
            } else if (shown - before - lasts).abs() > SLACK {
                wrong(SECTION, format!("{:.3} s after the one before, whose EXTINF is {lasts} s", shown - before));
            }
        }
        self.last = Some((shown, extinf));
        self.span = Some((self.span.map_or(shown, |span| span.0), shown));
        faults
    }
}

/// Whether pictures of this type refer to no other, though some that are shown before them do (ITU-T H.265 table 7-1).
fn is_coded_alone(track: &Track, kind: u8) -> bool {
    matches!(track.units, Some((Units::Hevc, _))) && (16..=21).contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::super::scan::tests::{scanned, segment};
    use super::*;

    fn track() -> Track {
        Track { id: 1, timescale: 1000, ..Track::default() }
    }

    fn frame(time: u64, size: u32) -> Scanned {
        // Two samples are told, and the data of the first is there, as in a range of a segment.
        let bytes = segment(time, &[(40, size, 0x0200_0000, 80), (40, 50, 0, 0)], &[7; 60]);
        scanned(&bytes[..bytes.len() - 50])
    }

    fn rules(faults: Vec<Fault>) -> Vec<&'static str> {
        faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn i_frames_follow_each_other() {
        let mut frames = Frames::default();
        assert_eq!(frames.add(&frame(10_000, 10), &track(), Opening::Clean, 2.0), []);
        assert_eq!(frames.add(&frame(12_000, 10), &track(), Opening::Clean, 1.0), []);
        assert_eq!(frames.span, Some((10.08, 12.08)));
        assert_eq!(rules(frames.add(&frame(15_000, 10), &track(), Opening::Clean, 1.0)), [SECTION]);
        assert_eq!(rules(frames.add(&frame(15_000, 10), &track(), Opening::Clean, 1.0)), [SECTION]);
    }

    #[test]
    fn an_i_frame_is_whole_and_needs_nothing_else() {
        let alone = |found: &Scanned, opening| rules(Frames::default().add(found, &track(), opening, 2.0));
        assert_eq!(alone(&frame(0, 11), Opening::Clean), [SECTION]);
        assert_eq!(alone(&frame(0, 10), Opening::Dependent(1)), [SECTION]);
        let hevc = Track { units: Some((Units::Hevc, 4)), ..track() };
        for (kind, broken) in [(1, vec![SECTION]), (21, vec![])] {
            let found = Frames::default().add(&frame(0, 10), &hevc, Opening::Dependent(kind), 2.0);
            assert_eq!(rules(found), broken, "type {kind}");
        }
        assert_eq!(alone(&scanned(b"\0\0\0\x09mdat7"), Opening::Unknown), ["A 6.10"]);
        let late = [&b"\0\0\0\x09mdat7"[..], &segment(0, &[(40, 1, 0, 0)], b"7")].concat();
        assert_eq!(alone(&scanned(&late), Opening::Clean), ["A 6.10"]);
    }
}
