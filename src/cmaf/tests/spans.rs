//! Video encoded span by span is the same film as encoded in one piece.

use super::*;
use crate::cmaf::CmafError;

const ENCODE: &str = "-vsync passthrough -enc_time_base 1:90000 -video_track_timescale 90000 -c:v libx264 \
    -preset veryfast -bf 3 -b_strategy 0 -sc_threshold 0";

/// Encodes a source whole and in spans that start at `starts` (seconds, source key frames).
fn spans_join(source: &str, starts: &[u32]) {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), &format!("{source} film.mkv"));
    let whole = format!("-copyts -i film.mkv {ENCODE} -force_key_frames expr:gte(t,n_forced*2) {FRAGMENTS}");
    let (init, fragments) = demuxed(&ffmpeg(dir.path(), &whole), 65536);
    let reference: Vec<Sample> = runs(&fragments, init.tracks[0].id).concat();
    let mut expected: Vec<i64> = reference.iter().map(|sample| sample.pts).collect();
    expected.sort_unstable();

    let mut packager = None;
    let mut segments = Vec::new();
    let mut configuration = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1);
        let trim = end.map_or(format!("trim=start={start}"), |end| format!("trim=start={start}:end={end}"));
        let span = format!(
            "-ss {start} -copyts -i film.mkv -vf {trim} {ENCODE} \
             -force_key_frames expr:gte(t,{start}+n_forced*2) {FRAGMENTS}"
        );
        let (init, fragments) = demuxed(&ffmpeg(dir.path(), &span), 65536);
        let track = &init.tracks[0];
        configuration.push(track.init_segment());
        let packager = packager.get_or_insert_with(|| Packager::new(settings(track, Timing::Spans)).unwrap());
        for run in runs(&fragments, track.id) {
            segments.extend(packager.push(run).unwrap());
        }
        let next = end.and_then(|&end| expected.iter().find(|&&pts| pts >= i64::from(10 + end) * 90_000));
        segments.extend(packager.end_span(next.copied()).unwrap());
    }
    assert!(configuration.iter().all(|init| *init == configuration[0]), "one init segment serves all spans");
    assert_eq!(checked(&segments), expected);
    assert!(segments.iter().all(|segment| segment.independent));

    let ours = written(&dir, "ours.mp4", &init.tracks[0], &segments);
    let mut found = packets(&ours, "0");
    assert!(found.iter().all(|packet| packet.1 <= packet.0), "nothing is shown before it is decoded");
    found.sort_unstable();
    assert_eq!(found.iter().map(|packet| packet.0).collect::<Vec<_>>(), expected);
    decoded(&ours);
}

#[test]
fn spans_of_constant_rate_join() {
    let source = "-f lavfi -i testsrc2=s=160x120:r=25:d=20 -c:v libx264 -preset ultrafast -g 50 -keyint_min 50";
    spans_join(source, &[0, 4, 12]);
}

#[test]
fn spans_of_ntsc_rate_with_b_frames_join() {
    let source = "-f lavfi -i testsrc2=s=160x120:r=30000/1001:d=16 -c:v libx264 -preset veryfast -bf 3 \
        -force_key_frames expr:gte(t,n_forced*2)";
    spans_join(source, &[0, 2, 6]);
}

#[test]
fn spans_of_an_open_gop_source_join() {
    let source = "-f lavfi -i testsrc2=s=160x120:r=25:d=20 -c:v libx264 -preset veryfast -g 50 -bf 3 \
        -x264-params open-gop=1:scenecut=0";
    spans_join(source, &[0, 6, 14]);
}

#[test]
fn spans_of_variable_rate_join() {
    let source = "-f lavfi -i testsrc2=s=160x120:r=30:d=16 -vf select='not(mod(n,60))+gt(random(0),0.5)' \
        -vsync vfr -c:v libx264 -preset veryfast -bf 3 -g 30";
    spans_join(source, &[0, 2, 6]);
}

#[test]
fn spans_of_uneven_times_join() {
    let source = "-f lavfi -i testsrc2=s=160x120:r=24:d=18 -vf setpts='PTS+0.015*mod(N,3)/TB' -vsync passthrough \
        -enc_time_base 1:90000 -c:v libx264 -preset veryfast -bf 2 -force_key_frames expr:gte(t,n_forced*2)";
    spans_join(source, &[0, 4, 10]);
}

/// A tick of the film's second.
fn tick(second: f64) -> i64 {
    ((10.0 + second) * 90_000.0) as i64
}

/// Pictures that are shown at these seconds, of which the first is a key frame.
fn pictures(seconds: &[f64]) -> Vec<Sample> {
    let picture = |(number, second): (usize, &f64)| {
        let (time, data) = (tick(*second), Bytes::from_static(b"x"));
        Sample { dts: time, pts: time, duration: 1, sync: number == 0, data }
    };
    seconds.iter().enumerate().map(picture).collect()
}

fn packager_of(timing: Timing) -> Packager {
    packager_cutting(timing, Vec::new())
}

fn packager_cutting(timing: Timing, cuts: Vec<i64>) -> Packager {
    let target_s = if cuts.is_empty() { 6 } else { 10 };
    let cut = CutRule { target: target_s * 90_000, tolerance: 45_000, max_bytes: 64 << 20 };
    let (kind, wrapping) = (TrackKind::Video, Wrapping::Fragments);
    let settings = PackagerSettings { timescale: 90_000, kind, cut, cuts, timing, wrapping, resume: None };
    Packager::new(settings).unwrap()
}

#[test]
fn where_cuts_are_settled_there_are_no_others_but_between_spans_and_in_what_is_too_long() {
    let begins = |cuts: &[f64]| -> Vec<i64> {
        let mut packager = packager_cutting(Timing::Spans, cuts.iter().copied().map(tick).collect());
        let mut segments = Vec::new();
        // Groups of a second; time stamps are rounded to milliseconds.
        for span in [0..9, 9..20] {
            for second in span.clone() {
                segments
                    .extend(packager.push(pictures(&[f64::from(second) - 0.0004, f64::from(second) + 0.5])).unwrap());
            }
            segments.extend(packager.end_span(Some(tick(f64::from(span.end)))).unwrap());
        }
        segments.iter().map(|segment| (segment.first_pts - tick(0.0) + 45_000) / 90_000).collect()
    };
    assert_eq!(begins(&[4.0, 8.0, 16.0]), [0, 4, 8, 9, 16]);
    assert_eq!(begins(&[40.0]), [0, 9, 19], "as long as they may be");
    assert_eq!(begins(&[]), [0, 6, 9, 15]);
}

fn packager() -> Packager {
    packager_of(Timing::Spans)
}

/// Seconds of a film of four pictures a second, of which six were decoded, that is to end at this second.
fn seconds_until(end_s: f64) -> f64 {
    let mut packager = packager();
    assert!(packager.push(pictures(&[0.0, 0.25, 0.5, 0.75, 1.0, 1.25])).unwrap().is_empty());
    let segments = packager.end_last_span(Some(tick(end_s))).unwrap();
    segments.iter().map(|segment| segment.duration as f64 / 90_000.0).sum()
}

#[test]
fn the_last_picture_lasts_to_the_end_but_not_over_what_could_not_be_decoded() {
    // The last one is shown at 1.25 s.
    for (end_s, seconds) in [(2.25, 2.25), (1.75, 1.75), (1.0, 1.5), (4.0, 1.5), (90.0, 1.5)] {
        let found = seconds_until(end_s);
        assert!((found - seconds).abs() < 1e-9, "{found} s, and not {seconds}, of a film that ends at {end_s}");
    }
}

#[test]
fn pictures_that_are_missing_from_spans_are_told() {
    let is_hole = |segments: Result<Vec<Segment>, CmafError>| matches!(segments, Err(CmafError::Hole(_)));
    assert!(is_hole(packager().end_span(Some(tick(6.0)))), "there are none");
    assert!(packager().end_last_span(Some(tick(6.0))).is_ok(), "nor is anything due");
    // Within a group of pictures, between two, at the end of a span, a whole span, and at the beginning of one.
    let mut one = packager();
    one.push(pictures(&[0.0, 1.0, 2.6])).unwrap();
    assert!(is_hole(one.push(pictures(&[2.7]))));
    let mut one = packager();
    one.push(pictures(&[0.0, 1.0])).unwrap();
    one.push(pictures(&[2.6, 2.7])).unwrap();
    assert!(is_hole(one.push(pictures(&[2.8]))));
    let span = || {
        let mut one = packager();
        one.push(pictures(&[0.0, 1.0])).unwrap();
        one
    };
    assert!(is_hole(span().end_span(Some(tick(2.6)))));
    assert!(span().end_span(Some(tick(2.4))).is_ok());
    let mut one = span();
    one.end_span(Some(tick(2.0))).unwrap();
    assert!(is_hole(one.end_span(Some(tick(9.0)))));
    let mut one = span();
    one.end_span(Some(tick(2.0))).unwrap();
    one.push(pictures(&[3.0])).unwrap();
    assert!(is_hole(one.end_span(None)));
    // A sound may be silent, and what is copied stands still for as long as it does.
    let mut one = packager_of(Timing::Source);
    one.push(pictures(&[0.0, 9.0])).unwrap();
    assert!(one.end_span(Some(tick(30.0))).is_ok());
}
