use super::*;
use crate::media::probe::Ratio;

fn refusal(json: &str) -> String {
    match accept(json.as_bytes()) {
        Err(FfmpegError::Refused { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn film(stream: &str, format: &str) -> String {
    format!(r#"{{"streams":[{stream}],"format":{{"format_name":"matroska,webm","probe_score":100{format}}}}}"#)
}

const PICTURE: &str = r#"{"index":0,"codec_type":"video","codec_name":"h264","width":640,"height":360"#;

#[test]
fn a_phone_film_is_read_with_its_rotation_and_rates() {
    let json = film(
        &format!(
            r#"{PICTURE},"r_frame_rate":"30000/1001","avg_frame_rate":"0/0","sample_aspect_ratio":"4:3","extradata_size":40,
            "field_order":"tt","disposition":{{"default":1}},"tags":{{"LANGUAGE":"de"}},"side_data_list":[{{"rotation":-90}}]}},
            {{"index":1,"codec_type":"audio","codec_name":"aac","sample_rate":"48000","channels":2,"disposition":{{"default":1}}}},
            {{"index":2,"codec_type":"video","codec_name":"mjpeg","width":1,"height":1,"disposition":{{"attached_pic":1}}}}"#
        ),
        r#","duration":"12.5","start_time":"1.4","size":"77","tags":{"TITLE":" A film "}"#,
    );
    let probe = accept(json.as_bytes()).unwrap();
    let video = &probe.video[0];

    assert_eq!((probe.duration_s, probe.start_s, probe.bytes, probe.cover), (Some(12.5), 1.4, 77, Some(2)));
    assert_eq!(probe.title.as_deref(), Some("A film"));
    assert_eq!((video.rotation, video.interlaced, video.has_extradata), (90, true, true));
    assert_eq!((video.frame_rate, video.average_rate), (Some(Ratio { num: 30_000, den: 1001 }), None));
    assert_eq!(video.language.as_deref(), Some("de"));
    assert_eq!((probe.audio[0].sample_rate, probe.audio[0].channels, probe.audio[0].default), (48_000, 2, true));
}

#[test]
fn a_film_that_does_not_tell_its_length_is_taken() {
    let probe = accept(film(&format!("{PICTURE}}}"), "").as_bytes()).unwrap();
    assert_eq!(probe.duration_s, None);
}

#[test]
fn a_file_without_picture_or_sound_is_refused() {
    assert!(refusal(&film(r#"{"index":0,"codec_type":"subtitle","codec_name":"srt"}"#, "")).contains("neither"));
    assert!(refusal(r#"{"format":{"probe_score":100}}"#).contains("neither"));
}

#[test]
fn a_description_that_is_no_description_is_refused() {
    assert!(refusal("").contains("makes no sense"));
    assert!(refusal("[1,2").contains("makes no sense"));
    assert!(refusal("{}").contains("not a video or sound file"));
}

#[test]
fn a_picture_too_large_or_without_size_is_refused() {
    let sized = |width: u32, height: u32| {
        film(
            &format!(r#"{{"index":0,"codec_type":"video","codec_name":"h264","width":{width},"height":{height}}}"#),
            "",
        )
    };
    assert!(refusal(&sized(16_000, 16_000)).contains("16000 × 16000"));
    assert!(refusal(&sized(u32::MAX, u32::MAX)).contains("more than we decode"));
    assert!(refusal(&sized(0, 0)).contains("no readable size"));
    assert!(accept(sized(7680, 4320).as_bytes()).is_ok());
}

#[test]
fn absurd_times_are_refused() {
    for length in ["1e300", "-1", "nan", "inf", "604801"] {
        let json = film(&format!("{PICTURE}}}"), &format!(r#","duration":"{length}""#));
        assert!(refusal(&json).contains("a week"), "{length}");
    }
    let json = film(&format!("{PICTURE}}}"), r#","start_time":"9e18""#);
    assert!(refusal(&json).contains("begin"));
}

#[test]
fn sixty_five_tracks_are_refused() {
    let sound = r#"{"index":0,"codec_type":"audio","codec_name":"aac"}"#;
    assert!(refusal(&film(&vec![sound; 65].join(","), "")).contains("65 tracks"));
    assert!(accept(film(&vec![sound; 64].join(","), "").as_bytes()).is_ok());
}
