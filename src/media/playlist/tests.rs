mod mono;
mod mp3;

use super::*;
use crate::media::probe::Ratio;
use crate::media::rendition::{
    AudioRendition, Rates, RenditionKind, Resolution, TextRendition, TrackName, VideoRange, VideoRendition,
};
use m3u8_rs::{AlternativeMediaType, MediaPlaylistType, SessionDataField};

fn entry(number: u32, duration: u64) -> SegmentEntry {
    SegmentEntry { number, duration, discontinuity: false }
}

fn playlist(segments: &[SegmentEntry], state: State) -> MediaPlaylist<'_> {
    MediaPlaylist {
        target_duration_s: 6,
        timescale: 90_000,
        independent_segments: true,
        content: Content::Fragments,
        state,
        segments,
    }
}

/// Every `EXTINF` in microseconds, read as text: parsers keep less precision.
fn durations(text: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(','));
    lines.map(|number| number.replace('.', "").parse().unwrap()).collect()
}

fn video(number: u32, peak: u64) -> VideoRendition {
    VideoRendition {
        name: TrackName::new(RenditionKind::Video, number),
        codecs: "avc1.640028".into(),
        resolution: Resolution { width: 1920, height: 1080 },
        frame_rate: Some(Ratio { num: 24_000, den: 1001 }),
        range: VideoRange::Sdr,
        rates: Rates { peak, average: peak / 2 },
        i_frames: None,
    }
}

fn audio(number: u32, codecs: &str, language: Option<&str>, label: Option<&str>) -> AudioRendition {
    AudioRendition {
        name: TrackName::new(RenditionKind::Audio, number),
        codecs: codecs.into(),
        language: language.map(Into::into),
        label: label.map(Into::into),
        channels: 2,
        default: false,
        source: None,
        rates: Rates { peak: 130_000, average: 128_000 },
    }
}

fn parsed(master: &Master) -> m3u8_rs::MasterPlaylist {
    m3u8_rs::parse_master_playlist_res(master.write().as_bytes()).unwrap()
}

#[test]
fn a_finished_playlist_reads_as_written() {
    let mut segments = [entry(0, 540_000), entry(1, 540_000), entry(2, 45_045)];
    segments[2].discontinuity = true;
    let expected = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n\
        #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.000000,\n0.m4s\n\
        #EXTINF:6.000000,\n1.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:0.500500,\n2.m4s\n#EXT-X-ENDLIST\n";
    assert_eq!(playlist(&segments, State::Finished).write(), expected);
}

#[test]
fn a_growing_playlist_is_an_event_that_starts_at_zero_and_has_no_end() {
    let text = playlist(&[entry(4, 540_000)], State::Growing).write();
    let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    assert_eq!(read.playlist_type, Some(MediaPlaylistType::Event));
    assert_eq!(read.start.map(|start| start.time_offset), Some(0.0));
    assert_eq!((read.media_sequence, read.end_list), (4, false));
}

#[test]
fn a_parser_finds_every_segment_again() {
    let segments: Vec<SegmentEntry> =
        (0..1000).map(|number| SegmentEntry { discontinuity: number % 100 == 99, ..entry(number, 540_540) }).collect();
    let text = playlist(&segments, State::Finished).write();
    let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    assert_eq!((read.version, read.target_duration, read.end_list), (Some(6), 6, true));
    assert!(read.independent_segments && read.start.is_none());
    assert_eq!(read.segments[0].map.as_ref().map(|map| map.uri.as_str()), Some("init.mp4"));
    assert_eq!(read.segments.len(), segments.len());
    for (read, written) in read.segments.iter().zip(&segments) {
        assert_eq!(read.uri.parse(), Ok(TrackFile::Segment(written.number, Content::Fragments)));
        assert_eq!(read.discontinuity, written.discontinuity);
    }
}

#[test]
fn the_sum_over_any_run_is_within_two_microseconds_of_the_truth() {
    for timescale in [1, 600, 11_025, 24_000, 44_100, 90_000, 10_000_000] {
        let segments: Vec<SegmentEntry> = (0..500_u32)
            .map(|number| entry(number, u64::from(timescale) * 4 + u64::from(number.wrapping_mul(2_654_435_761) % 997)))
            .collect();
        let text = MediaPlaylist { timescale, ..playlist(&segments, State::Finished) }.write();
        let written = durations(&text);
        for (start, end) in [(0, 500), (0, 1), (17, 18), (250, 499), (3, 470)] {
            let truth: u64 = segments[start..end].iter().map(|segment| segment.duration).sum();
            let truth = truth as f64 * 1e6 / f64::from(timescale);
            let sum: u64 = written[start..end].iter().sum();
            assert!((sum as f64 - truth).abs() < 2.0, "{timescale} {start}..{end}: {sum} for {truth}");
        }
    }
}

#[test]
fn no_written_duration_rounds_above_the_target_made_for_it() {
    for longest in [1, 89_999, 540_000, 584_999, 585_000, 629_999] {
        let segments = [entry(0, longest), entry(1, longest), entry(2, longest)];
        let target = target_duration(longest, 90_000);
        for micros in durations(&playlist(&segments, State::Finished).write()) {
            assert!((micros + 500_000) / 1_000_000 <= u64::from(target), "{micros} over {target}");
        }
        assert!(longest <= 90_000 * u64::from(target) + 45_000);
    }
    assert_eq!((target_duration(0, 90_000), target_duration(540_000, 90_000)), (1, 6));
    assert_eq!(target_duration(u64::MAX, 1), u32::MAX);
}

#[test]
fn absurd_times_and_an_empty_list_are_still_written() {
    let text = playlist(&[entry(0, u64::MAX), entry(u32::MAX, u64::MAX)], State::Finished).write();
    assert!(m3u8_rs::parse_media_playlist_res(text.as_bytes()).is_ok());
    assert!(playlist(&[], State::Growing).write().ends_with("#EXT-X-MAP:URI=\"init.mp4\"\n"));
}

#[test]
fn subtitles_are_listed_without_an_init_segment() {
    let segments = [entry(0, 60_000), entry(1, 30_500)];
    let text = MediaPlaylist {
        timescale: 1000,
        target_duration_s: 60,
        content: Content::Text,
        ..playlist(&segments, State::Finished)
    };
    let wanted = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:60\n#EXT-X-MEDIA-SEQUENCE:0\n\
        #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:60.000000,\n0.vtt\n#EXTINF:30.500000,\n1.vtt\n#EXT-X-ENDLIST\n";
    assert_eq!(text.write(), wanted);
}

#[test]
fn a_file_of_a_track_has_one_spelling() {
    let segments = Content::ALL.map(|content| TrackFile::Segment(u32::MAX, content));
    for file in [TrackFile::Init, TrackFile::Segment(0, Content::Fragments)].into_iter().chain(segments) {
        assert_eq!(file.to_string().parse(), Ok(file));
    }
    for wrong in ["", ".m4s", "01.m4s", "+1.m4s", "1.mp3", "../1.m4s", "4294967296.m4s", "init.mp4/", "１.m4s"] {
        assert_eq!(wrong.parse::<TrackFile>(), Err(NotATrackFile), "{wrong}");
    }
}

#[test]
fn a_variant_tells_what_a_player_must_know() {
    let sound = audio(0, "mp4a.40.2", Some("eng"), None);
    let master = Master {
        video: vec![video(0, 6_000_000)],
        audio: vec![sound],
        independent_segments: true,
        ..Master::default()
    };
    let expected = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio0\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,\
        CHANNELS=\"2\",URI=\"a0/playlist.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=6130000,AVERAGE-BANDWIDTH=3128000,CODECS=\"avc1.640028,mp4a.40.2\",\
        RESOLUTION=1920x1080,FRAME-RATE=23.976,AUDIO=\"audio0\"\nv0/playlist.m3u8\n";
    assert_eq!(master.write(), expected);
}

#[test]
fn a_master_of_what_grows_leads_to_lists_of_their_own() {
    let texts = vec![TextRendition {
        name: TrackName::new(RenditionKind::Subtitles, 0),
        language: None,
        label: None,
        forced: false,
    }];
    let (video, audio) = (vec![video(1, 3_000_000)], vec![audio(0, "mp4a.40.2", None, None)]);
    let text = Master { video, audio, subtitles: texts, lists: Lists::Growing, ..Master::default() }.write();
    for list in ["\nv1/growing.m3u8\n", "URI=\"a0/growing.m3u8\"", "URI=\"s0/growing.m3u8\""] {
        assert!(text.contains(list), "{list}: {text}");
    }
    assert!(!text.contains("playlist.m3u8"), "{text}");
}

#[test]
fn the_i_frames_of_every_picture_that_has_some_follow_the_variants() {
    let (mut high, low, mut hdr) = (video(0, 6_000_000), video(1, 3_000_000), video(2, 9_000_000));
    high.i_frames = Some(Rates { peak: 700_000, average: 400_000 });
    hdr.i_frames = Some(Rates { peak: 0, average: 0 });
    hdr.range = VideoRange::Hlg;
    let sound = audio(0, "mp4a.40.2", None, None);
    let text = Master { video: vec![high, low, hdr], audio: vec![sound], ..Master::default() }.write();
    let expected = "v2/playlist.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=700000,AVERAGE-BANDWIDTH=400000,CODECS=\"avc1.640028\",\
        RESOLUTION=1920x1080,VIDEO-RANGE=SDR,URI=\"v0/iframes.m3u8\"\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.640028\",\
        RESOLUTION=1920x1080,VIDEO-RANGE=HLG,URI=\"v2/iframes.m3u8\"\n";
    assert!(text.ends_with(expected), "{text}");
    let read = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    let i_frames: Vec<_> = read.variants.iter().filter(|it| it.is_i_frame).map(|it| it.uri.as_str()).collect();
    assert_eq!(i_frames, ["v0/iframes.m3u8", "v2/iframes.m3u8"]);
    assert_eq!(text.matches(",VIDEO-RANGE=SDR,AUDIO=").count(), 2, "beside HDR everything says its range: {text}");
}

#[test]
fn high_dynamic_range_is_said_and_an_unknown_frame_rate_is_not() {
    let mut hdr = video(0, 1);
    (hdr.range, hdr.frame_rate) = (VideoRange::Pq, None);
    let text = Master { video: vec![hdr], ..Master::default() }.write();
    assert!(text.contains(",VIDEO-RANGE=PQ\n"), "{text}");
    assert!(!text.contains("FRAME-RATE") && !text.contains("AUDIO"), "{text}");
}

#[test]
fn the_forms_of_a_sound_belong_together_by_their_source() {
    let of = |number, source, channels| AudioRendition {
        source: Some(source),
        channels,
        ..audio(number, "mp4a.40.2", Some("eng"), None)
    };
    let groups = |sounds: Vec<AudioRendition>| -> Vec<(String, String)> {
        let read = parsed(&Master { video: vec![video(0, 6_000_000)], audio: sounds, ..Master::default() });
        read.alternatives.into_iter().map(|it| (it.group_id, it.uri.unwrap_or_default())).collect()
    };
    let pair = |group: &str, track: &str| (group.to_owned(), format!("{track}/playlist.m3u8"));
    let wanted = [pair("audio0", "a0"), pair("audio0", "a1"), pair("audio1", "a0"), pair("audio1", "a2")];
    assert_eq!(
        groups(vec![of(0, 1, 2), of(1, 2, 2), of(2, 2, 6)]),
        wanted,
        "a commentary in front of the film's sound"
    );
    let unknown = |sound: AudioRendition| AudioRendition { source: None, ..sound };
    let older = vec![of(0, 1, 2), of(1, 2, 2), of(2, 2, 6)].into_iter().map(unknown).collect();
    let wanted = [pair("audio0", "a0"), pair("audio0", "a1"), pair("audio1", "a2"), pair("audio1", "a1")];
    assert_eq!(groups(older), wanted, "nobody wrote it down");
}

#[test]
fn sound_for_a_room_is_a_group_of_its_own_with_the_same_tracks() {
    let mut french = audio(1, "mp4a.40.2", Some("fre"), Some("Français"));
    (french.default, french.rates.peak) = (true, 400_000);
    let room = AudioRendition { channels: 6, ..audio(2, "ac-3", Some("eng"), Some("English")) };
    let sound = vec![audio(0, "mp4a.40.2", Some("eng"), Some("English")), french, room];
    let read =
        parsed(&Master { video: vec![video(0, 6_000_000), video(1, 3_000_000)], audio: sound, ..Master::default() });

    let offered: Vec<_> = read.variants.iter().map(|it| (it.uri.as_str(), it.audio.as_deref().unwrap())).collect();
    let (high, low) = ("v0/playlist.m3u8", "v1/playlist.m3u8");
    assert_eq!(offered, [(high, "audio0"), (high, "audio1"), (low, "audio0"), (low, "audio1")]);
    assert_eq!(read.variants[0].bandwidth, 6_400_000);
    assert_eq!(read.variants[0].codecs.as_deref(), Some("avc1.640028,mp4a.40.2"));
    assert_eq!(read.variants[1].codecs.as_deref(), Some("avc1.640028,ac-3,mp4a.40.2"));
    let members: Vec<_> = read
        .alternatives
        .iter()
        .map(|it| (it.group_id.as_str(), it.name.as_str(), it.default, it.uri.as_deref().unwrap()))
        .collect();
    let (first, second, third) = ("a0/playlist.m3u8", "a1/playlist.m3u8", "a2/playlist.m3u8");
    let wanted = [
        ("audio0", "English", false, first),
        ("audio0", "Français", true, second),
        ("audio1", "English", false, third),
        ("audio1", "Français", true, second),
    ];
    assert_eq!(members, wanted);
    assert!(read.alternatives.iter().all(|it| it.media_type == AlternativeMediaType::Audio && it.autoselect));
}

#[test]
fn subtitles_are_a_group_of_every_picture_and_never_shown_unasked() {
    let text = |number, language: &str, forced| TextRendition {
        name: TrackName::new(RenditionKind::Subtitles, number),
        language: Some(language.into()),
        label: None,
        forced,
    };
    let subtitles = vec![text(0, "ger", false), text(1, "ger", true), text(2, "und", false)];
    let master = Master { video: vec![video(0, 1)], subtitles, ..Master::default() };
    let written = master.write();
    assert!(written.contains(
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"Deutsch (2)\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,\
         FORCED=YES,URI=\"s1/playlist.m3u8\"\n"
    ));
    assert!(written.contains(",SUBTITLES=\"subtitles\"\nv0/"), "{written}");
    let read = parsed(&master);
    assert_eq!(read.alternatives[2].name, "Subtitles 3");
    assert!(!Master { video: Vec::new(), ..master }.write().contains("SUBTITLES"));
}

#[test]
fn of_subtitles_in_one_language_the_first_is_chosen_automatically() {
    let alike = [("en", false), ("en", true), ("eng", false), ("de", false), ("en", true)];
    let texts = alike.into_iter().zip(0..).map(|((language, forced), number)| TextRendition {
        name: TrackName::new(RenditionKind::Subtitles, number),
        language: Some(language.into()),
        label: None,
        forced,
    });
    let read = parsed(&Master { video: vec![video(0, 1)], subtitles: texts.collect(), ..Master::default() });
    let automatic: Vec<bool> = read.alternatives.iter().map(|it| it.autoselect).collect();
    assert_eq!(automatic, [true, true, false, true, false]);
}

#[test]
fn chapters_are_named_in_the_master() {
    let master = Master { video: vec![video(0, 1)], chapters: true, ..Master::default() };
    let data = parsed(&master).session_data;
    assert_eq!(data[0].data_id, "com.apple.hls.chapters");
    assert_eq!(data[0].field, SessionDataField::Uri("chapters.json".into()));
    assert!(!Master { chapters: false, ..master }.write().contains("SESSION-DATA"));
}

#[test]
fn the_forms_of_a_sound_have_one_name_in_every_group() {
    let form = |number, channels| {
        let name = TrackName::new(RenditionKind::Audio, number);
        AudioRendition { name, channels, source: Some(1), ..audio(0, "mp4a.40.2", None, None) }
    };
    let read = parsed(&Master { video: vec![video(0, 1)], audio: vec![form(0, 6), form(1, 2)], ..Master::default() });
    let names: Vec<_> = read.alternatives.iter().map(|it| (it.group_id.as_str(), it.name.as_str())).collect();
    assert_eq!(names, [("audio0", "Sound 1"), ("audio1", "Sound 1")]);
}

#[test]
fn names_in_a_group_differ_and_one_track_a_language_is_chosen_automatically() {
    let sound = ["eng", "eng", "und"].map(|language| audio(0, "mp4a.40.2", Some(language), None));
    let mut sound = sound.to_vec();
    sound[1].default = true;
    let read = parsed(&Master { video: vec![video(0, 1)], audio: sound, ..Master::default() });
    let names: Vec<_> = read.alternatives.iter().map(|it| (it.name.as_str(), it.autoselect)).collect();
    assert_eq!(names, [("English", false), ("English (2)", true), ("Sound 3", true)]);
    assert_eq!(read.alternatives[2].language.as_deref(), Some("und"));
}

#[test]
fn sound_alone_is_a_variant_whose_main_track_is_the_variant_itself() {
    let sound = vec![audio(0, "mp4a.40.2", Some("eng"), None), audio(1, "mp4a.40.2", Some("ger"), None)];
    let read = parsed(&Master { audio: sound, ..Master::default() });
    assert_eq!(read.variants.len(), 1);
    assert_eq!(read.variants[0].uri, "a0/playlist.m3u8");
    assert_eq!((read.variants[0].bandwidth, read.variants[0].resolution), (130_000, None));
    let uris: Vec<_> = read.alternatives.iter().map(|it| it.uri.as_deref()).collect();
    assert_eq!(uris, [None, Some("a1/playlist.m3u8")]);
}

#[test]
fn no_words_of_a_user_leave_their_quotes() {
    let evil = "x\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nhttp://evil/\u{0}\u{85}\u{2028}\",URI=\"http://evil";
    let sound = audio(0, "mp4a.40.2", Some("en\",URI=\"x"), Some(evil));
    let master = Master { video: vec![video(0, 9)], audio: vec![sound], ..Master::default() };
    let read = parsed(&master);
    assert_eq!((read.variants.len(), read.alternatives.len()), (1, 1));
    assert_eq!(read.alternatives[0].uri.as_deref(), Some("a0/playlist.m3u8"));
    assert_eq!(read.alternatives[0].language.as_deref(), Some("und"));
    assert_eq!(master.write().lines().count(), 5);
    assert_eq!(master.write().matches('"').count(), 14);
}
