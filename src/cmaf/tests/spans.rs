//! Video encoded span by span is the same film as encoded in one piece.

use super::*;

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

/// Seconds of a film of four pictures a second, of which six were decoded, that is to end at this second.
fn seconds_until(end_s: f64) -> f64 {
    let second = 90_000;
    let picture = |number: i64| Sample {
        dts: 10 * second + number * second / 4,
        pts: 10 * second + number * second / 4,
        duration: 1,
        sync: number == 0,
        data: Bytes::from_static(b"x"),
    };
    let cut = CutRule { target: 6 * 90_000, tolerance: 45_000, max_bytes: 64 << 20 };
    let (kind, timing, wrapping) = (TrackKind::Video, Timing::Spans, Wrapping::Fragments);
    let settings = PackagerSettings { timescale: 90_000, kind, cut, timing, wrapping, resume: None };
    let mut packager = Packager::new(settings).unwrap();
    assert!(packager.push((0..6).map(picture).collect()).unwrap().is_empty());
    let segments = packager.end_last_span(Some(((10.0 + end_s) * 90_000.0) as i64)).unwrap();
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
