use super::*;
use bytes::Bytes;

const TICKS: u32 = 90_000;
const DELAY: i64 = 3600;

fn samples(dts: i64, pts: &[i64]) -> Vec<Sample> {
    let data = Bytes::from_static(b"x");
    let sample = |(at, &pts): (usize, &i64)| Sample {
        dts: dts + at as i64,
        pts,
        duration: 3600,
        sync: at == 0,
        data: data.clone(),
    };
    pts.iter().enumerate().map(sample).collect()
}

/// A GOP `I P B B` whose pictures are 3600 ticks apart, decoded one picture early.
fn gop(start: i64) -> Vec<Sample> {
    samples(start - DELAY, &[start, start + 10800, start + 3600, start + 7200])
}

fn spans() -> Timeline {
    Timeline::new(Timing::Spans, TICKS, None).unwrap()
}

fn dts(chunk: &Chunk) -> Vec<i64> {
    chunk.samples.iter().map(|sample| sample.dts).collect()
}

#[test]
fn the_nth_decoded_gets_the_nth_presentation_time_less_the_delay() {
    let mut timeline = spans();
    assert!(timeline.push(gop(900_000)).unwrap().is_none(), "its last duration is not known yet");
    let chunk = timeline.push(gop(914_400)).unwrap().unwrap();
    assert_eq!(timeline.delay(), Some(3600));
    assert_eq!(dts(&chunk), [896_400, 900_000, 903_600, 907_200]);
    assert!(chunk.samples.iter().all(|sample| sample.duration == 3600));
}

#[test]
fn a_span_that_starts_a_tick_off_goes_on_where_the_last_ended() {
    for off in [-2, 0, 2, 5000] {
        let mut timeline = spans();
        timeline.push(gop(900_000)).unwrap();
        let first = timeline.end(Some(914_400)).unwrap().unwrap();
        timeline.push(gop(914_400 + off)).unwrap();
        let second = timeline.end(None).unwrap().unwrap();
        assert_eq!(second.start, first.start + first.duration);
        assert_eq!(second.samples[0].pts, 914_400 + off, "what is shown is exact");
        assert_eq!(second.samples[1].dts, 914_400 + off, "only the first decode time gives way");
        assert_eq!(second.start + second.duration, u64::try_from(914_400 + 14_400 + off - DELAY).unwrap());
    }
}

#[test]
fn the_last_picture_of_a_span_lasts_until_the_next_span() {
    let mut timeline = spans();
    timeline.push(gop(900_000)).unwrap();
    let chunk = timeline.end(Some(990_000)).unwrap().unwrap();
    assert_eq!(chunk.start + chunk.duration, 990_000 - DELAY.unsigned_abs());
}

#[test]
fn a_picture_far_from_the_others_is_not_decoded_after_it_is_shown() {
    let mut timeline = spans();
    timeline.push(gop(900_000)).unwrap();
    // Ten times slower, and reordered by more than the delay.
    timeline.push(samples(0, &[914_400, 1_022_400, 950_400, 986_400])).unwrap();
    let chunk = timeline.end(None).unwrap().unwrap();
    assert!(chunk.samples.iter().all(|sample| sample.dts <= sample.pts));
    assert_eq!(chunk.start, 914_400 - DELAY.unsigned_abs());
}

#[test]
fn pictures_across_a_key_frame_are_refused() {
    let mut timeline = spans();
    timeline.push(gop(900_000)).unwrap();
    assert!(matches!(timeline.push(gop(907_200)), Err(CmafError::Times { .. })));
    let mut timeline = spans();
    timeline.push(gop(900_000)).unwrap();
    assert!(matches!(timeline.end(Some(910_800)), Err(CmafError::Times { .. })));
}

#[test]
fn a_resumed_generation_keeps_its_delay_and_its_place() {
    let mut whole = spans();
    whole.push(gop(900_000)).unwrap();
    let first = whole.end(Some(914_400)).unwrap().unwrap();
    whole.push(gop(914_400)).unwrap();
    let resume = Resume { next_dts: first.start + first.duration, delay: 3600 };
    let mut resumed = Timeline::new(Timing::Spans, TICKS, Some(resume)).unwrap();
    resumed.push(gop(914_400)).unwrap();
    assert_eq!(dts(&resumed.end(None).unwrap().unwrap()), dts(&whole.end(None).unwrap().unwrap()));
    let mut early = Timeline::new(Timing::Spans, TICKS, Some(resume)).unwrap();
    assert!(matches!(early.push(gop(900_000)), Err(CmafError::Times { .. })), "that was shown before");
}

#[test]
fn decode_times_of_a_source_must_increase_and_not_be_negative() {
    let mut source = Timeline::new(Timing::Source, TICKS, None).unwrap();
    source.push(samples(900_000, &[900_000, 900_001])).unwrap();
    assert!(matches!(source.push(samples(900_001, &[900_002])), Err(CmafError::Times { .. })));
    let mut source = Timeline::new(Timing::Source, TICKS, None).unwrap();
    source.push(samples(-5, &[1, 2])).unwrap();
    assert!(matches!(source.end(None), Err(CmafError::Times { .. })));
}

#[test]
fn a_time_that_comes_twice_is_refused() {
    let mut source = Timeline::new(Timing::Source, TICKS, None).unwrap();
    source.push(samples(900_000, &[900_000, 907_200, 903_600])).unwrap();
    let leading = samples(910_000, &[914_400, 907_200]);
    assert!(matches!(source.push(leading), Err(CmafError::Times { at: 907_200, .. })));
}

#[test]
fn a_source_that_does_not_go_on_where_it_ended_is_refused() {
    let resume = Some(Resume { next_dts: 900_002, delay: 0 });
    let mut source = Timeline::new(Timing::Source, TICKS, resume).unwrap();
    assert!(source.push(samples(900_000, &[900_000, 900_001])).unwrap().is_none(), "passed over");
    assert!(matches!(source.push(samples(900_003, &[900_003])), Err(CmafError::Times { .. })));
}

#[test]
fn a_source_lasts_as_long_as_it_is_shown_however_it_reorders_at_its_ends() {
    for (first_dts, last) in [(896_400, [907_200, 950_400, 928_800]), (899_999, [907_200, 914_400, 910_800])] {
        let mut source = Timeline::new(Timing::Source, TICKS, None).unwrap();
        source.push(samples(first_dts, &[900_000, 903_600])).unwrap();
        let first = source.push(samples(900_100, &last)).unwrap().unwrap();
        let delay = 900_000 - first_dts;
        assert_eq!(source.delay().map(i64::from), Some(delay));
        let rest = source.end(None).unwrap().unwrap();
        let shown_until = *last.iter().max().unwrap() + 3600;
        assert_eq!((first.duration + rest.duration).cast_signed(), shown_until - 900_000, "{last:?}");
        for sample in &rest.samples {
            assert!(sample.dts <= sample.pts, "{sample:?}");
            assert!(sample.pts + i64::from(sample.duration) <= shown_until, "{sample:?}");
        }

        let resume = Some(Resume { next_dts: rest.start, delay: u32::try_from(delay).unwrap() });
        let mut resumed = Timeline::new(Timing::Source, TICKS, resume).unwrap();
        resumed.push(samples(900_100, &last)).unwrap();
        assert_eq!(dts(&resumed.end(None).unwrap().unwrap()), dts(&rest));
    }
}

#[test]
fn nothing_goes_on_after_the_settled_end_of_a_source() {
    let mut last = samples(960_000, &[963_600, 970_800, 967_200]);
    (0..).zip(&mut last).for_each(|(at, sample)| sample.dts += at * 3600);
    let mut source = Timeline::new(Timing::Source, TICKS, None).unwrap();
    source.push(samples(810_000, &[900_000, 903_600])).unwrap();
    source.push(last.clone()).unwrap();
    let rest = source.end(None).unwrap().unwrap();
    let end = rest.start + rest.duration;
    assert!(last[1].dts > end.cast_signed(), "decoded later than the track ends");

    let resume = Some(Resume { next_dts: end, delay: 90_000 });
    let mut resumed = Timeline::new(Timing::Source, TICKS, resume).unwrap();
    assert!(resumed.push(last).unwrap().is_none());
    assert!(resumed.end(None).unwrap().is_none());
}
