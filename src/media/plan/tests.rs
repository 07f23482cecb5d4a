use super::*;

const POLICY: Policy = Policy { copy_mode: true, copy_min_bytes: 0, segment_s: 6, max_blob_bytes: 20 << 20 };

fn video() -> VideoStream {
    VideoStream {
        index: 0,
        codec: "h264".into(),
        profile: Some("High".into()),
        pixel_format: "yuv420p".into(),
        width: 1920,
        height: 1080,
        sample_aspect: Ratio { num: 1, den: 1 },
        rotation: 0,
        frame_rate: Some(Ratio { num: 25, den: 1 }),
        average_rate: Some(Ratio { num: 25, den: 1 }),
        start_ticks: Some(0),
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
        has_extradata: true,
        bit_rate: Some(384_000),
        language: Some("fra".into()),
        title: None,
        default: true,
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
        cover: None,
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
    plan(&probe(vec![stream], vec![sound("aac")]), packets, &POLICY).unwrap()
}

fn is_copied(plan: &Plan) -> bool {
    plan.video.as_ref().unwrap().action == VideoAction::Copy
}

#[test]
fn h264_with_aac_is_copied_and_says_so() {
    let plan = planned(video(), &packets(50));
    assert!(is_copied(&plan));
    assert_eq!(plan.video.as_ref().unwrap().why, "H.264 plays as it is");
    assert_eq!(plan.audio.as_ref().unwrap().action, AudioAction::Copy);
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
    ];
    for stream in odd {
        let plan = planned(stream.clone(), &packets(50));
        assert!(!is_copied(&plan), "{stream:?}");
        assert!(!plan.video.unwrap().why.is_empty());
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
fn decode_times_may_be_missing_but_not_presentation_times() {
    let mut matroska = packets(250);
    matroska[..2].iter_mut().for_each(|packet| packet.dts = None);
    let plan = planned(video(), &matroska);
    assert!(is_copied(&plan), "{}", plan.video.unwrap().why);
    assert_eq!(plan.target_duration, 10);
    let mut unknown = packets(50);
    unknown[7].pts = None;
    assert!(!is_copied(&planned(video(), &unknown)));
    let mut twice = packets(50);
    twice[7].pts = twice[6].pts;
    assert!(!is_copied(&planned(video(), &twice)), "the packager has no place for two pictures at one time");
}

#[test]
fn small_files_and_a_switched_off_copy_mode_are_encoded() {
    let probe = probe(vec![video()], vec![sound("aac")]);
    for policy in [Policy { copy_min_bytes: 100_000_000, ..POLICY }, Policy { copy_mode: false, ..POLICY }] {
        let plan = plan(&probe, &packets(50), &policy).unwrap();
        assert!(!is_copied(&plan));
        assert_eq!(
            plan.audio.unwrap().action,
            AudioAction::Aac { channels: 2, sample_rate: 48_000, bit_rate: 160_000 }
        );
    }
}

#[test]
fn video_is_copied_while_its_sound_is_encoded() {
    for codec in ["ac3", "mp3", "dts"] {
        let plan = plan(&probe(vec![video()], vec![sound(codec)]), &packets(50), &POLICY).unwrap();
        assert!(is_copied(&plan));
        assert!(matches!(plan.audio.unwrap().action, AudioAction::Aac { .. }), "{codec}");
    }
}

#[test]
fn a_picture_is_never_larger_or_denser_than_its_source() {
    let small = VideoStream { codec: "vp9".into(), width: 320, height: 240, bit_rate: Some(200_000), ..video() };
    let plan = planned(small, &packets(50)).video.unwrap();
    assert_eq!(plan.size, (320, 240));
    assert!(matches!(plan.action, VideoAction::Encode { max_bit_rate: 150_000..=260_000, .. }));
    let huge = planned(VideoStream { codec: "vp9".into(), width: 7680, height: 4320, ..video() }, &packets(50));
    let (width, height) = huge.video.unwrap().size;
    assert!(f64::from(width) * f64::from(height) <= MOST_PIXELS && width % 2 == 0 && height % 2 == 0);
}

#[test]
fn a_high_frame_rate_is_halved() {
    let rate = Some(Ratio { num: 120, den: 1 });
    let fast = VideoStream { codec: "vp9".into(), frame_rate: rate, average_rate: rate, ..video() };
    let plan = planned(fast, &packets(50)).video.unwrap();
    assert_eq!(plan.frame_rate_milli, 60_000);
    assert!(matches!(plan.action, VideoAction::Encode { fixed_rate: Some(Ratio { num: 120, den: 2 }), .. }));
}

#[test]
fn sound_alone_is_taken_and_nothing_at_all_is_refused() {
    let plan_of = |audio| plan(&probe(Vec::new(), audio), &[], &POLICY);
    assert!(plan_of(vec![sound("flac")]).unwrap().video.is_none());
    assert!(plan_of(Vec::new()).unwrap_err().0.contains("neither"));
}

#[test]
fn a_plan_reads_back_from_json() {
    for plan in [planned(video(), &packets(50)), planned(VideoStream { rotation: 90, ..video() }, &packets(50))] {
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
