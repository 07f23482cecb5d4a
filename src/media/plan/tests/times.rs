//! Odd times: fast and uneven pictures, gaps, and sounds that are not as long as the picture.

use super::*;
use crate::media::span::LEAST_GAP;

/// Packets of pictures shown at these ticks.
fn at(ticks: impl IntoIterator<Item = i64>) -> Vec<Packet> {
    let packet = |pts| Packet { pts: Some(pts), dts: Some(pts), duration: 1, bytes: 1000, key: pts % 50 == 0 };
    ticks.into_iter().map(packet).collect()
}

/// VP9 with this time base, whose container says these rates.
fn fast(base: u32, average: (u32, u32), stated: (u32, u32)) -> VideoStream {
    let rate = |(num, den)| Some(Ratio { num, den });
    let time_base = Ratio { num: 1, den: base };
    VideoStream { codec: "vp9".into(), time_base, average_rate: rate(average), frame_rate: rate(stated), ..video() }
}

#[test]
fn more_than_sixty_pictures_a_second_are_thinned_evenly() {
    for (rate, shown) in [
        ((24_000, 1001), 23_976),
        ((50, 1), 50_000),
        ((60_000, 1001), 59_940),
        ((60, 1), 60_000),
        ((100, 1), 50_000),
        ((120_000, 1001), 59_940),
        ((120, 1), 60_000),
        ((240, 1), 60_000),
    ] {
        let ticks = (0..rate.0 / rate.1 * 10).map(|number| i64::from(number) * i64::from(rate.1));
        let plan = planned(fast(rate.0, rate, rate), &at(ticks.clone()));
        assert!(plan.video.iter().all(|form| form.frame_rate_milli == shown), "{rate:?}: {:?}", plan.video[0]);
        let gap = plan.encoding.unwrap().least_gap_s;
        assert_eq!(gap.is_some(), shown * rate.1 < rate.0 * 999, "{rate:?}: {gap:?}");
        let kept = Frames::of(&at(ticks.clone()), 1.0 / f64::from(rate.0)).thinned(gap.unwrap_or(0.0));
        let found = kept.highest_rate().unwrap() * 1000.0;
        assert!((found - f64::from(shown)).abs() < 1.0, "{rate:?}: {found}");
    }
}

#[test]
fn more_than_sixty_pictures_a_second_are_not_copied() {
    let h264 = |rate: u32| {
        let stream = VideoStream { codec: "h264".into(), ..fast(rate, (rate, 1), (rate, 1)) };
        planned(stream, &at(0..i64::from(rate) * 10)).video.swap_remove(0)
    };
    for rate in [60, 120] {
        let form = h264(rate);
        assert_eq!((form.action == VideoAction::Copy, form.frame_rate_milli), (rate == 60, 60_000), "{form:?}");
    }
    assert!(h264(120).why.starts_with("it has more than 60 pictures a second"));
}

#[test]
fn uneven_pictures_are_all_kept_and_their_highest_rate_is_declared() {
    // Every fourth picture comes at once: 33 a second on average, 120 where they are nearest.
    let ticks = (0..132).map(|number| number / 4 * 15 + number % 4 * 4 - if number % 4 == 3 { 3 } else { 0 });
    let plan = planned(fast(120, (33, 1), (120, 1)), &at(ticks));
    assert_eq!((plan.video[0].frame_rate_milli, plan.encoding.unwrap().least_gap_s), (120_000, None));
}

#[test]
fn an_absurd_rate_is_not_believed() {
    for (average, stated) in [((1000, 1), (60, 1)), ((25, 1), (90_000, 1)), ((1000, 1), (120, 1)), ((120, 1), (120, 1))]
    {
        let plan = planned(fast(25, average, stated), &at(0..500));
        assert_eq!((plan.video[0].frame_rate_milli, plan.encoding.unwrap().least_gap_s), (25_000, None), "{average:?}");
    }
}

#[test]
fn a_still_in_the_middle_is_repeated_and_makes_no_long_segments() {
    let plan = planned(fast(25, (10, 1), (25, 1)), &at((0..100).chain(850..950)));
    let encoding = plan.encoding.unwrap();
    assert_eq!((plan.target_duration, encoding.hold_s.is_some()), (6, true));
    let even = planned(fast(25, (25, 1), (25, 1)), &at(0..500)).encoding.unwrap();
    assert_eq!((even.hold_s, even.spans.last().unwrap().next_tick), (None, Some(30 * 90_000)));
}

fn with_sound(stream: VideoStream, from_s: f64, until_s: f64) -> Plan {
    let sound = AudioStream { start_s: Some(from_s), end_s: Some(until_s), channels: 2, ..sound("aac") };
    plan(&probe(vec![stream], vec![sound]), &packets(50), &policy()).unwrap()
}

#[test]
fn sound_that_goes_on_is_shown_the_last_picture() {
    let vp9 = VideoStream { codec: "vp9".into(), ..video() };
    let held = with_sound(vp9, 0.0, 90.0);
    assert_eq!((held.video[0].end_s, held.audio[0].end_s), (Some(90.0), None));
    assert!((held.encoding.unwrap().hold_s.unwrap() - 30.04).abs() < 1e-9);
    let long = with_sound(video(), 0.0, 90.0);
    assert!(!is_copied(&long) && long.video[0].why.contains("sound goes on"), "{:?}", long.video[0]);
    let little = with_sound(video(), 0.0, 61.0);
    assert!(is_copied(&little));
    assert_eq!((little.audio[0].action, little.audio[0].end_s), (AudioAction::Copy, Some(60.0)), "it is cut off");
}

#[test]
fn sound_that_begins_late_or_ends_early_is_encoded_with_silence() {
    for (from_s, until_s, why) in [(1.5, 60.0, "begins later"), (0.0, 57.0, "ends earlier")] {
        let plan = with_sound(video(), from_s, until_s);
        let sound = &plan.audio[0];
        assert!(sound.why.contains(why), "{sound:?}");
        assert!(matches!(sound.action, AudioAction::Aac { .. }));
        assert_eq!((sound.from_s, sound.end_s), (Some(0.0), Some(60.0)));
    }
    let whole = with_sound(video(), 0.02, 60.05);
    assert_eq!((whole.audio[0].action, whole.audio[0].end_s), (AudioAction::Copy, None));
    let early = with_sound(VideoStream { codec: "vp9".into(), ..video() }, -1.0, 60.0);
    assert_eq!(early.audio[0].action, AudioAction::Copy, "what comes before the picture stays");
}

#[test]
fn a_picture_is_shown_from_where_the_sound_before_it_begins() {
    let vp9 = || VideoStream { codec: "vp9".into(), ..video() };
    let begun = |plan: Plan| {
        let encoding = plan.encoding.unwrap();
        (encoding.spans[0].first_tick, encoding.held_from_s)
    };
    let early = with_sound(vp9(), -0.128, 60.0);
    assert_eq!(early.audio[0].action, AudioAction::Copy);
    assert_eq!(begun(early), (900_000 - 128 * 90, None));
    assert_eq!(begun(with_sound(vp9(), -0.03, 60.0)), (900_000, None), "that is no time at all");
    assert_eq!(begun(with_sound(vp9(), 0.5, 60.0)), (900_000, None), "silence goes before the sound");
    let long = with_sound(vp9(), -5.5, 60.0);
    assert_eq!(long.encoding.as_ref().unwrap().spans[0].from_s, -5.505);
    assert_eq!(long.target_duration, 6, "it is repeated");
    assert_eq!(begun(long), (900_000 - 5_500 * 90, Some(-5.5)));
}

#[test]
fn a_copy_stands_still_for_the_sound_before_it_but_not_for_long() {
    let hevc = |from_s| with_sound(VideoStream { codec: "hevc".into(), ..video() }, from_s, 60.0);
    let early = hevc(-0.5);
    assert!(is_copied(&early));
    assert_eq!((early.video[0].from_s, early.audio[0].action), (Some(-0.5), AudioAction::Copy));
    assert_eq!(early.encoding.unwrap().spans[0].first_tick, 900_000 - 45_000, "all others begin with it");
    let at_once = hevc(-0.09);
    assert_eq!((at_once.video[0].from_s, at_once.encoding.unwrap().spans[0].first_tick), (None, 900_000));
    let long = hevc(-2.5);
    assert!(!is_copied(&long) && long.video[0].why.contains("begins long before"), "{:?}", long.video[0]);
}

#[test]
fn where_pictures_may_come_twice_at_a_time_only_one_is_kept() {
    let gap = |packets: &[Packet]| planned(fast(25, (25, 1), (25, 1)), packets).encoding.unwrap().least_gap_s;
    let even = at(0..250);
    assert_eq!(gap(&even), None);
    let mut some_untimed = even.clone();
    some_untimed[7].pts = None;
    let mut doubled = even.clone();
    doubled[8].pts = doubled[7].pts;
    let untimed: Vec<Packet> = even.iter().map(|packet| Packet { pts: None, ..*packet }).collect();
    assert_eq!((gap(&some_untimed), gap(&doubled), gap(&untimed)), (Some(LEAST_GAP), Some(LEAST_GAP), None));
}

#[test]
fn stills_that_are_repeated_are_as_fast_as_they_are_shown() {
    let rate = |seconds: i64, base: u32, stated: (u32, u32)| {
        let ticks = (0..20).map(|number| number * seconds);
        planned(fast(base, stated, stated), &at(ticks)).video[0].frame_rate_milli
    };
    // Every 5 s: again at 4.5 s, half a second before the next one. Every half a second: not repeated.
    assert_eq!((rate(5, 1, (1, 5)), rate(1, 2, (2, 1))), (2000, 2000));
    assert_eq!(rate(7, 1, (1, 7)), 1429);
}

#[test]
fn smaller_sizes_are_cut_where_the_copy_is() {
    let cuts = |stream: VideoStream, packets: &[Packet]| {
        let plan = planned(stream, packets);
        assert!(is_copied(&plan), "{}", plan.video[0].why);
        let cuts = plan.encoding.unwrap().cuts;
        cuts.into_iter().map(|cut| (cut - 10 * 90_000) / 900).collect::<Vec<_>>()
    };
    assert_eq!(cuts(video(), &packets(63))[..3], [504, 1008, 1512]);
    assert_eq!(cuts(video(), &packets(10))[..2], [600, 1200], "as many groups as fill six seconds to the tick");

    // Pictures that are shown before their key frame belong to its segment.
    let hevc = || VideoStream { codec: "hevc".into(), ..video() };
    let mut open = packets(63);
    for key in (63..open.len() - 2).step_by(63) {
        let shown = open[key].pts;
        (open[key].pts, open[key + 1].pts, open[key + 2].pts) = (open[key + 2].pts, shown, open[key + 1].pts);
    }
    assert_eq!(cuts(hevc(), &open)[..3], [504, 1008, 1512]);

    // Not where they are repeated, …
    let mut still = packets(50);
    still
        .iter_mut()
        .skip(200)
        .for_each(|packet| (packet.pts, packet.dts) = (packet.pts.map(|it| it + 50), packet.dts.map(|it| it + 50)));
    assert!(cuts(video(), &still).is_empty());
    // … where the first ones cannot be decoded, …
    let mut leading = packets(63);
    assert_eq!(cuts(hevc(), &leading)[0], 504);
    (leading[0].pts, leading[1].pts) = (leading[1].pts, leading[0].pts);
    assert!(cuts(hevc(), &leading).is_empty());
    // … and where the copy is cut at every other picture.
    let mut heavy = packets(1);
    heavy.iter_mut().for_each(|packet| packet.bytes = 12 << 20);
    assert!(cuts(video(), &heavy).is_empty());
}

#[test]
fn groups_last_as_long_as_their_decoding_also_where_the_first_decode_times_are_not_known() {
    // A packet is decoded two pictures before its turn; a few are shown before the key frame that they follow.
    let mut listed = packets(12);
    listed.iter_mut().for_each(|packet| packet.dts = packet.dts.map(|dts| dts - 1));
    for key in (12..listed.len() - 4).step_by(12) {
        (listed[key].pts, listed[key + 4].pts) = (listed[key + 4].pts, listed[key].pts);
    }
    let hevc = || VideoStream { codec: "hevc".into(), reordered: 2, ..video() };
    let whole = planned(hevc(), &listed);
    assert!(is_copied(&whole), "{}", whole.video[0].why);
    listed[..2].iter_mut().for_each(|packet| packet.dts = None);
    let matroska = planned(hevc(), &listed);
    assert!(is_copied(&matroska));
    assert_eq!(matroska.encoding.unwrap().cuts, whole.encoding.unwrap().cuts);
    assert_eq!(matroska.target_duration, whole.target_duration);
    assert_eq!(matroska.video[0].planned_bandwidth, whole.video[0].planned_bandwidth);
}
