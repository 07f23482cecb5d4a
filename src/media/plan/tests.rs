mod mp3;
mod sizes;
mod sound;
mod times;

use super::*;
use crate::media::probe::{AudioStream, DataStream, Ratio, SubtitleStream, VideoStream};

fn policy() -> Policy {
    let (ladder, adaptive) = (Ladder::default(), true);
    Policy {
        copy_mode: true,
        copy_min_bytes: 0,
        segment_s: 6,
        max_blob_bytes: 20 << 20,
        ladder,
        adaptive,
        keep_original: false,
    }
}

fn video() -> VideoStream {
    VideoStream {
        index: 0,
        codec: "h264".into(),
        profile: Some("High".into()),
        level: Some(40),
        pixel_format: "yuv420p".into(),
        width: 1920,
        height: 1080,
        sample_aspect: Ratio { num: 1, den: 1 },
        rotation: 0,
        frame_rate: Some(Ratio { num: 25, den: 1 }),
        average_rate: Some(Ratio { num: 25, den: 1 }),
        start_ticks: Some(0),
        end_s: None,
        reordered: 0,
        changes: false,
        leans: false,
        time_base: Ratio { num: 1, den: 25 },
        interlaced: false,
        transfer: None,
        has_extradata: true,
        bit_rate: Some(8_000_000),
        language: None,
    }
}

fn sound(codec: &str) -> AudioStream {
    AudioStream {
        index: 1,
        codec: codec.into(),
        profile: Some("LC".into()),
        sample_rate: 48_000,
        channels: 6,
        layout: Some("5.1".into()),
        has_extradata: true,
        bit_rate: Some(384_000),
        language: Some("fra".into()),
        title: None,
        default: true,
        start_s: Some(0.0),
        end_s: None,
        time_base: None,
        is_empty: false,
        changes: false,
    }
}

fn probe(video: Vec<VideoStream>, audio: Vec<AudioStream>) -> Probe {
    Probe {
        container: "mov".into(),
        duration_s: Some(60.0),
        start_s: 0.0,
        bytes: 60_000_000,
        title: None,
        video,
        audio,
        subtitles: Vec::new(),
        data: Vec::new(),
        cover: None,
        chapters: Vec::new(),
    }
}

/// A minute of film with a key frame every so many pictures.
fn packets(key_every: i64) -> Vec<Packet> {
    (0..1500)
        .map(|number| Packet {
            pts: Some(number),
            dts: Some(number - 1),
            duration: 1,
            bytes: 1000,
            key: number % key_every == 0,
        })
        .collect()
}

fn planned(stream: VideoStream, packets: &[Packet]) -> Plan {
    plan(&probe(vec![stream], vec![sound("aac")]), packets, &policy()).unwrap()
}

fn is_copied(plan: &Plan) -> bool {
    plan.video[0].action == VideoAction::Copy
}

#[test]
fn h264_with_aac_is_copied_and_says_so() {
    let plan = planned(video(), &packets(50));
    assert!(is_copied(&plan));
    assert_eq!(plan.video[0].why, "H.264 plays as it is");
    assert_eq!(plan.audio[0].action, AudioAction::Copy);
    assert_eq!(plan.target_duration, 6);
}

#[test]
fn a_long_group_of_pictures_raises_the_target_duration() {
    assert_eq!(planned(video(), &packets(250)).target_duration, 10);
}

#[test]
fn what_players_cannot_take_is_encoded() {
    let odd = [
        VideoStream { codec: "vp9".into(), ..video() },
        VideoStream { pixel_format: "yuv422p".into(), ..video() },
        VideoStream { interlaced: true, ..video() },
        VideoStream { rotation: 90, ..video() },
        VideoStream { has_extradata: false, ..video() },
        VideoStream { changes: true, ..video() },
        VideoStream { leans: true, ..video() },
    ];
    for stream in odd {
        let plan = planned(stream.clone(), &packets(50));
        assert!(!is_copied(&plan), "{stream:?}");
        assert!(!plan.video[0].why.is_empty());
    }
    assert!(!is_copied(&planned(video(), &packets(400))), "key frames 16 s apart");
    assert!(!is_copied(&planned(video(), &packets(50)[3..])), "no key frame at the start");
    let mut backwards = packets(50);
    backwards[7].dts = Some(2);
    assert!(!is_copied(&planned(video(), &backwards)));
    assert!(is_copied(&planned(
        VideoStream { codec: "hevc".into(), pixel_format: "yuv420p10le".into(), ..video() },
        &packets(50)
    )));
}

#[test]
fn h264_is_copied_only_in_profiles_and_levels_that_browsers_play() {
    let of = |profile: Option<&str>, level| VideoStream { profile: profile.map(Into::into), level, ..video() };
    let usual = [("Baseline", 30), ("Constrained Baseline", 9), ("Main", 31), ("High", 52)];
    for stream in usual.map(|(name, level)| of(Some(name), Some(level))).into_iter().chain([of(None, None)]) {
        assert!(is_copied(&planned(stream.clone(), &packets(50))), "{stream:?}");
    }
    let odd = ["Extended", "High 10", "High 4:4:4 Predictive", "High 4:2:2 Intra", "CAVLC 4:4:4"];
    let odd = odd.map(|name| (of(Some(name), Some(40)), name));
    for (stream, wanted) in
        odd.into_iter().chain([(of(Some("High"), Some(62)), "level 6.2"), (of(None, Some(60)), "level 6.0")])
    {
        let plan = planned(stream, &packets(50));
        assert!(!is_copied(&plan) && plan.video[0].why.contains(wanted), "{wanted}: {}", plan.video[0].why);
    }
    // Its profiles and levels are others.
    let hevc = VideoStream { codec: "hevc".into(), ..of(Some("Main"), Some(153)) };
    assert!(is_copied(&planned(hevc, &packets(50))));
}

#[test]
fn h264_whose_groups_lean_on_each_other_is_encoded() {
    let mut open = packets(50);
    (open[50].pts, open[51].pts) = (open[51].pts, open[50].pts);
    let plan = planned(video(), &open);
    assert!(!is_copied(&plan));
    assert!(plan.video[0].why.contains("lean on each other"), "{}", plan.video[0].why);
    assert!(is_copied(&planned(VideoStream { codec: "hevc".into(), ..video() }, &open)));
}

#[test]
fn decode_times_may_be_missing_but_not_presentation_times() {
    let mut matroska = packets(250);
    matroska[..2].iter_mut().for_each(|packet| packet.dts = None);
    let plan = planned(video(), &matroska);
    assert!(is_copied(&plan), "{}", plan.video[0].why);
    assert_eq!(plan.target_duration, 10);
    let mut unknown = packets(50);
    unknown[7].pts = None;
    let plan = planned(video(), &unknown);
    assert!(!is_copied(&plan) && plan.video[0].why.starts_with("the file does not say"), "{}", plan.video[0].why);
    let mut twice = packets(50);
    twice[7].pts = twice[6].pts;
    assert!(!is_copied(&planned(video(), &twice)), "the packager has no place for two pictures at one time");
}

#[test]
fn small_files_and_a_switched_off_copy_mode_are_encoded() {
    let probe = probe(vec![video()], vec![sound("aac")]);
    for policy in [Policy { copy_min_bytes: 100_000_000, ..policy() }, Policy { copy_mode: false, ..policy() }] {
        let plan = plan(&probe, &packets(50), &policy).unwrap();
        assert!(!is_copied(&plan));
        assert_eq!(plan.audio[0].action, AudioAction::Aac { channels: 2, sample_rate: 48_000, bit_rate: 160_000 });
    }
}

#[test]
fn video_is_copied_while_its_sound_is_encoded() {
    for codec in ["ac3", "mp3", "dts"] {
        let plan = plan(&probe(vec![video()], vec![sound(codec)]), &packets(50), &policy()).unwrap();
        assert!(is_copied(&plan));
        assert!(matches!(plan.audio[0].action, AudioAction::Aac { .. }), "{codec}");
    }
}

#[test]
fn a_picture_is_never_larger_or_denser_than_its_source() {
    let small = VideoStream { codec: "vp9".into(), width: 320, height: 240, bit_rate: Some(150_000), ..video() };
    let plan = planned(small, &packets(50));
    assert_eq!((plan.video.len(), plan.video[0].size), (1, (320, 240)));
    assert_eq!(plan.video[0].action, VideoAction::Encode { max_bit_rate: 195_000 });
    let huge = planned(VideoStream { codec: "vp9".into(), width: 7680, height: 4320, ..video() }, &packets(50));
    assert_eq!(huge.video[0].size, (3840, 2160));
}

/// Lines and turn of each form of the picture.
fn forms(plan: &Plan) -> Vec<(u32, Turn)> {
    plan.video.iter().map(|form| (form.size.1, form.turn)).collect()
}

#[test]
fn what_is_copied_comes_first_and_smaller_forms_later() {
    use Turn::{First, Later};
    assert_eq!(forms(&planned(video(), &packets(50))), [(1080, First), (720, Later), (480, Later), (360, Later)]);
    let plan = planned(video(), &packets(50));
    assert_eq!((plan.video[1].why.as_str(), plan.first(), plan.refines()), ("for slower lines", 2, true));
}

#[test]
fn of_what_is_encoded_a_middle_form_comes_first() {
    use Turn::{First, Later};
    let vp9 = |width, height| VideoStream { codec: "vp9".into(), width, height, ..video() };
    let plan = planned(vp9(1920, 1080), &packets(50));
    assert_eq!(forms(&plan), [(1080, Later), (720, First), (480, Later), (360, Later)]);
    assert_eq!(forms(&planned(vp9(1080, 1920), &packets(50)))[1], (1280, First));
    assert_eq!(forms(&planned(vp9(640, 360), &packets(50))), [(360, First), (240, Later)]);
    assert!(plan.video[..2].iter().all(|form| form.why.contains("VP9")), "{:?}", plan.video);
    assert_eq!(plan.video[2].why, "for slower lines");
}

#[test]
fn hevc_gets_h264_of_its_own_size_and_a_heavy_picture_a_lighter_one() {
    let hevc = VideoStream { codec: "hevc".into(), ..video() };
    let plan = planned(hevc.clone(), &packets(50));
    let sizes: Vec<u32> = plan.video.iter().map(|form| form.size.1).collect();
    assert_eq!(sizes, [1080, 1080, 720, 480, 360]);
    for form in &plan.video[1..3] {
        assert!(form.why.starts_with("H.264 plays where"), "{}", form.why);
    }
    let heavy: Vec<Packet> = packets(50).into_iter().map(|packet| Packet { bytes: 200_000, ..packet }).collect();
    assert_eq!(planned(VideoStream { bit_rate: Some(40_000_000), ..video() }, &heavy).video[1].size, (1920, 1080));
    let one = Policy { adaptive: false, ..policy() };
    let forms_of = |stream| plan_of(stream, &one).video.len();
    assert_eq!((forms_of(video()), forms_of(hevc)), (1, 2));
    assert_eq!(forms_of(VideoStream { codec: "vp9".into(), ..video() }), 1);
}

#[test]
fn of_hevc_a_middle_form_in_h264_is_made_next_and_the_film_does_not_wait_for_it() {
    use Turn::{First, Later, Next};
    let hevc = |width, height| VideoStream { codec: "hevc".into(), width, height, ..video() };
    let plan = planned(hevc(1920, 1080), &packets(50));
    assert_eq!(forms(&plan), [(1080, First), (1080, Later), (720, Next), (480, Later), (360, Later)]);
    assert_eq!((plan.first(), plan.refines()), (2, true));
    assert_eq!(forms(&planned(hevc(640, 360), &packets(50))), [(360, First), (360, Next), (240, Later)]);
    let one = Policy { adaptive: false, ..policy() };
    assert_eq!(forms(&plan_of(hevc(1920, 1080), &one)), [(1080, First), (1080, Next)]);
}

fn plan_of(stream: VideoStream, policy: &Policy) -> Plan {
    plan(&probe(vec![stream], vec![sound("aac")]), &packets(50), policy).unwrap()
}

#[test]
fn every_sound_is_made_for_two_ears_and_for_a_room_where_it_has_the_channels() {
    let track = |index, codec: &str, channels, default| AudioStream { index, channels, default, ..sound(codec) };
    let tracks = vec![track(1, "aac", 2, false), track(2, "ac3", 6, true), track(3, "aac", 6, false)];
    let plan = plan(&probe(vec![video()], tracks), &packets(50), &policy()).unwrap();
    let made: Vec<(u32, Turn, bool, u32)> = plan
        .audio
        .iter()
        .map(|form| {
            let channels = match form.action {
                AudioAction::Copy => 0,
                AudioAction::Aac { channels, .. } | AudioAction::Mp3 { channels } => channels,
            };
            (form.index, form.turn, form.is_default, channels)
        })
        .collect();
    use Turn::{First, Later};
    let wanted =
        [(2, First, true, 2), (1, Later, false, 0), (3, Later, false, 0), (2, Later, true, 6), (3, Later, false, 2)];
    assert_eq!(made, wanted);
}

#[test]
fn sound_is_offered_in_two_channels_and_copied_only_in_usual_profiles() {
    let of = |profile: Option<&str>, channels| {
        let track = AudioStream { profile: profile.map(Into::into), channels, ..sound("aac") };
        plan(&probe(vec![video()], vec![track]), &packets(50), &policy()).unwrap().audio.remove(0)
    };
    assert!([Some("LC"), Some("HE-AAC"), Some("HE-AACv2")].map(|it| of(it, 2).action) == [AudioAction::Copy; 3]);
    let changed = AudioStream { profile: Some("LC".into()), channels: 2, changes: true, ..sound("aac") };
    let form = plan(&probe(vec![video()], vec![changed]), &packets(50), &policy()).unwrap().audio.remove(0);
    assert!(!form.action.is_copied() && form.why.contains("change in the middle"), "{form:?}");
    for profile in [Some("Main"), Some("LTP"), Some("SSR"), Some("xHE-AAC"), None] {
        let form = of(profile, 1);
        assert!(matches!(form.action, AudioAction::Aac { channels: 2, .. }), "{form:?}");
        assert!(form.why.starts_with("AAC of the kind"), "{form:?}");
    }
}

#[test]
fn what_is_not_taken_over_is_named() {
    let named = |index, codec: &str, title: &str| AudioStream { index, title: Some(title.into()), ..sound(codec) };
    let sounds = vec![AudioStream { is_empty: true, ..named(1, "aac", "Dub") }, sound("aac"), named(3, "", "Odd")];
    let mut probe = probe(vec![video(), VideoStream { index: 4, ..video() }], sounds);
    probe.data.push(DataStream { index: 5, kind: "gpmd".into() });
    let plan = plan(&probe, &packets(50), &policy()).unwrap();
    assert_eq!(plan.audio.len(), 2, "one sound in two forms: {:?}", plan.audio);
    let wanted = [
        "picture in stream 4",
        "stream 1 (Dub) is listed in the file, but holds nothing",
        "(Odd) is of a kind",
        "gpmd",
    ];
    assert_eq!(plan.left_out.len(), wanted.len());
    for (found, wanted) in plan.left_out.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found}");
    }
}

#[test]
fn subtitles_that_are_pictures_are_named_and_left_out() {
    let track = |index, codec: &str, title: Option<&str>| SubtitleStream {
        index,
        codec: codec.into(),
        language: Some("ger".into()),
        title: title.map(Into::into),
        default: false,
        forced: true,
    };
    let mut probe = probe(vec![video()], vec![sound("aac")]);
    probe.subtitles =
        vec![track(2, "subrip", Some("Deutsch")), track(3, "hdmv_pgs_subtitle", None), track(4, "eia_608", None)];
    let plan = plan(&probe, &packets(50), &policy()).unwrap();
    assert_eq!(plan.subtitles.len(), 1);
    assert_eq!((plan.subtitles[0].index, plan.subtitles[0].forced), (2, true));
    assert_eq!(plan.left_out.len(), 2);
    assert!(plan.left_out[0].contains("(ger) are Blu-ray pictures"), "{}", plan.left_out[0]);
    assert!(plan.left_out[1].contains("eia_608"), "{}", plan.left_out[1]);
}

#[test]
fn a_copy_is_held_against_its_plan() {
    let (stream, planned_from) = (video(), packets(50));
    let plan = planned(stream.clone(), &planned_from);
    let probe = probe(vec![stream], vec![sound("aac")]);
    assert!(plan.copies(&probe, &planned_from));
    assert!(!plan.copies(&probe, &packets(300)), "other key frames");
    assert!(!plan.copies(&probe, &planned_from[..1400]), "it ends earlier");
}

#[test]
fn sound_alone_is_taken_and_nothing_at_all_is_refused() {
    let plan_of = |audio| plan(&probe(Vec::new(), audio), &[], &policy());
    assert!(plan_of(vec![sound("flac")]).unwrap().video.is_empty());
    assert!(plan_of(Vec::new()).unwrap_err().0.contains("neither"));
}

#[test]
fn a_plan_reads_back_from_json() {
    for plan in [planned(video(), &packets(50)), planned(VideoStream { rotation: 90, ..video() }, &packets(50))] {
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
