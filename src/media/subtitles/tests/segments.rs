use super::cue;
use crate::media::subtitles::{Subtitles, parse};

const HEADER: &str = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n";

#[test]
fn a_cue_is_in_every_segment_it_is_shown_in_with_its_full_times() {
    let cues = [(1000, 2000, "first"), (5500, 13_000, "across"), (6000, 7000, "border"), (18_500, 99_000, "last")];
    let track = Subtitles::new(cues.map(|(start, end, text)| cue(start, end, text)).to_vec());
    let segments: Vec<String> = track.segments(6000, 20_000).collect();
    let across = "00:00:05.500 --> 00:00:13.000\nacross\n\n";
    assert_eq!(
        segments,
        [
            format!("{HEADER}00:00:01.000 --> 00:00:02.000\nfirst\n\n{across}"),
            format!("{HEADER}{across}00:00:06.000 --> 00:00:07.000\nborder\n\n"),
            format!("{HEADER}{across}"),
            format!("{HEADER}00:00:18.500 --> 00:00:20.000\nlast\n\n"),
        ]
    );
}

#[test]
fn segments_are_as_many_as_the_film_needs_and_empty_ones_are_files_too() {
    let none = Subtitles::default();
    for (every, length, count) in
        [(6000, 0, 0), (6000, 1, 1), (6000, 6000, 1), (6000, 6001, 2), (0, 3, 3), (u64::MAX, 9, 1)]
    {
        let segments: Vec<String> = none.segments(every, length).collect();
        assert_eq!(segments, vec![HEADER; count], "{length} every {every}");
    }
}

#[test]
fn a_cue_that_begins_after_the_film_is_in_no_segment() {
    let track = Subtitles::new(vec![cue(6000, 7000, "late")]);
    assert_eq!(track.segments(6000, 6000).collect::<Vec<_>>(), [HEADER]);
}

#[test]
fn cues_that_all_last_for_ever_do_not_fill_the_disk() {
    let many: String = (0..5000).map(|number| format!("0:00 --> 99:00:00\n{number} {}\n\n", "x".repeat(90))).collect();
    let track = parse(many.as_bytes()).unwrap();
    let segments: Vec<String> = track.segments(6000, 3_600_000).collect();
    assert_eq!(segments.len(), 600);
    assert!(!track.fits(6000, 3_600_000));
    assert!(segments.iter().all(|segment| (50_000..100_000).contains(&segment.len())));
}

#[test]
fn much_text_at_once_is_shown_where_it_is_not_shown_for_long() {
    let sign = |number: u64| cue(1000, 13_000 + number, &"x".repeat(90));
    let signs = Subtitles::new((0..2000).map(sign).collect());
    assert!(signs.fits(60_000, 3_600_000));
    assert!(signs.segments(60_000, 3_600_000).next().is_some_and(|segment| segment.len() > 200_000));
    let mark = Subtitles::new(vec![cue(0, 36_000_000, "a mark that stays")]);
    assert!(mark.fits(60_000, 36_000_000) && mark.segments(60_000, 36_000_000).all(|it| it.contains("stays")));
}
