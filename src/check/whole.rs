//! Rules that bind the renditions of a film to each other.

use super::init::Track;
use super::list::Listed;
use super::master::Master;
use super::measured::{Format, Measured};
use super::report::Fault;

/// Seconds by which the ends of two renditions may differ. They end with a whole frame each: 42 ms of
/// picture at 24 frames a second and 46 ms of AAC at 22 kHz are the longest that are usual.
const END: f64 = 0.1;

/// What is wrong with a rendition beside `first`, the rendition all others are compared with. A rule
/// speaks of finished ones only, where growing ones may be apart.
pub(super) fn faults(first: &Measured, other: &Measured) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
    let is_text = other.format == Format::Text;
    if other.is_playable() && other.target != first.target {
        let seconds = |target: Option<u64>| target.map_or("none".to_owned(), |target| format!("{target} s"));
        let what = format!(
            "target duration {}, that of {} is {}",
            seconds(other.target),
            first.address,
            seconds(first.target)
        );
        wrong("A 8.2", what);
    }
    if !(first.ended && other.ended) {
        return faults;
    }
    let off = other.duration - first.duration;
    if off.abs() > END {
        let rule = match () {
            () if is_text && off < 0.0 => "A 5.5",
            () if is_text || other.i_frames_only => "A 8.7",
            () => "A 8.3",
        };
        wrong(rule, format!("{:.3} s long, {} is {:.3} s", other.duration, first.address, first.duration));
    }
    if let (Some(span), Some(film)) = (other.span, first.span) {
        let told = format!("{:.3} to {:.3} s, {} from {:.3} to {:.3} s", span.0, span.1, first.address, film.0, film.1);
        if other.i_frames_only && (span.0 < film.0 - END || span.1 > film.1 + END) {
            wrong("RFC 8216bis 4.4.3.6", format!("its I-frames are shown from {told}"));
        }
        if other.is_playable() && ((span.0 - film.0).abs() > END || (span.1 - film.1).abs() > END) {
            wrong("A 8.7", format!("its media go from {told}"));
        }
    }
    if !is_text && !same_places(&first.discontinuities, &other.discontinuities) {
        let (here, there) = (places(&other.discontinuities), places(&first.discontinuities));
        wrong("A 8.15", format!("{here}, {} has {there}", first.address));
    }
    faults
}

/// Discontinuities in words; the first few of them.
fn places(all: &[f64]) -> String {
    const TOLD: usize = 5;
    let times: Vec<String> = all.iter().take(TOLD).map(|time| format!("{time:.3} s")).collect();
    let more = if all.len() > TOLD { ", …" } else { "" };
    format!("{} discontinuities ({}{more})", all.len(), times.join(", "))
}

fn same_places(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| (one - other).abs() <= END)
}

/// Segments of pictures that all begin with an IDR are claimed as independent, in the master or in
/// the lists (A 9.12).
pub(super) fn claim_faults(master: Option<&Master>, list: &Measured) -> Option<Fault> {
    let claimed = list.independent || master.is_some_and(|master| master.independent);
    let silent = list.opens == Some(true) && !claimed && list.is_playable();
    silent.then(|| Fault::new("A 9.12", "every segment begins with an IDR, but there is no EXT-X-INDEPENDENT-SEGMENTS"))
}

/// Another encoding begins at a discontinuity (A 8.13).
pub(super) fn change_fault(before: &[Track], now: &[Track], listed: &Listed) -> Option<Fault> {
    let is_silent = before != now && !listed.discontinuity;
    is_silent
        .then(|| Fault::new("A 8.13", format!("line {}: another encoding without EXT-X-DISCONTINUITY", listed.line)))
}

#[cfg(test)]
mod tests {
    use super::super::list::MediaList;
    use super::super::text;
    use super::*;

    #[test]
    fn another_encoding_is_marked() {
        let (lines, _) = text::lines(b"#EXTM3U\n#EXTINF:5,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:5,\nb\n");
        let list = MediaList::read(&lines);
        let (one, other) = ([Track { id: 1, ..Track::default() }], [Track { id: 2, ..Track::default() }]);
        assert!(change_fault(&one, &other, &list.segments[0]).is_some());
        assert!(change_fault(&one, &other, &list.segments[1]).is_none());
        assert!(change_fault(&one, &one, &list.segments[0]).is_none());
    }

    fn rendition() -> Measured {
        Measured {
            target: Some(6),
            ended: true,
            duration: 20.0,
            discontinuities: vec![12.0],
            span: Some((10.0, 30.0)),
            format: Format::Fragments,
            opens: Some(true),
            independent: true,
            ..Measured::default()
        }
    }

    fn rules(other: &Measured) -> Vec<&'static str> {
        faults(&rendition(), other).into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn renditions_of_one_film_agree() {
        assert_eq!(rules(&rendition()), [""; 0]);
        let nearly =
            Measured { duration: 20.09, span: Some((9.95, 30.05)), discontinuities: vec![12.02], ..rendition() };
        assert_eq!(rules(&nearly), [""; 0]);
    }

    #[test]
    fn targets_and_durations_are_the_same() {
        assert_eq!(rules(&Measured { target: Some(7), ..rendition() }), ["A 8.2"]);
        assert_eq!(rules(&Measured { duration: 19.8, ..rendition() }), ["A 8.3"]);
        assert_eq!(rules(&Measured { span: Some((11.5, 30.0)), ..rendition() }), ["A 8.7"]);
        assert_eq!(rules(&Measured { discontinuities: vec![], ..rendition() }), ["A 8.15"]);
        assert_eq!(rules(&Measured { discontinuities: vec![14.0], ..rendition() }), ["A 8.15"]);
    }

    #[test]
    fn text_and_i_frames_have_targets_of_their_own_but_the_film_s_length() {
        let text = Measured { target: Some(30), format: Format::Text, discontinuities: vec![], ..rendition() };
        assert_eq!(rules(&text), [""; 0]);
        assert_eq!(rules(&Measured { duration: 15.0, ..text.clone() }), ["A 5.5"]);
        assert_eq!(rules(&Measured { duration: 25.0, ..text }), ["A 8.7"]);
        let frames = Measured { target: Some(2), i_frames_only: true, ..rendition() };
        assert_eq!(rules(&frames), [""; 0]);
        assert_eq!(rules(&Measured { duration: 25.0, ..frames.clone() }), ["A 8.7"]);
        assert_eq!(rules(&Measured { span: Some((10.0, 28.0)), ..frames.clone() }), [""; 0]);
        assert_eq!(rules(&Measured { span: Some((10.0, 31.0)), ..frames }), ["RFC 8216bis 4.4.3.6"]);
    }

    #[test]
    fn growing_renditions_may_be_apart() {
        let growing = Measured { ended: false, duration: 5.0, span: Some((10.0, 15.0)), ..rendition() };
        assert_eq!(rules(&growing), [""; 0]);
        assert_eq!(rules(&Measured { target: Some(7), ..growing }), ["A 8.2"]);
    }

    #[test]
    fn independence_is_claimed_where_it_is() {
        assert!(claim_faults(None, &rendition()).is_none());
        let silent = Measured { independent: false, ..rendition() };
        assert!(claim_faults(None, &silent).is_some());
        let mut master = Master::default();
        master.independent = true;
        assert!(claim_faults(Some(&master), &silent).is_none());
        assert!(claim_faults(None, &Measured { opens: Some(false), ..silent }).is_none());
    }
}
