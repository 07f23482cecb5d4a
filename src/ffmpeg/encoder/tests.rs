use super::*;
use crate::ffmpeg::VAAPI_DEVICE;
use crate::ffmpeg::package::{AudioTask, Clip, PackageTask, ToneMap, VideoTask};
use crate::media::ladder::Rung;
use crate::media::probe::Ratio;

fn arguments(encoder: Encoder, change: impl FnOnce(&mut VideoEncode)) -> String {
    let mut encode = VideoEncode {
        index: 0,
        encoder,
        rungs: vec![Rung { size: (1280, 720), max_bit_rate: 3_000_000 }],
        frame_rate: Ratio { num: 30, den: 1 },
        least_gap_s: None,
        hold_s: None,
        held_from_s: None,
        deinterlace: false,
        rotated: false,
        device_decodes: true,
        tone_map: None,
        clip: None,
        key_frame_interval_s: 2,
        key_frames_s: Vec::new(),
    };
    change(&mut encode);
    let video = Some(VideoTask::Encode(Box::new(encode)));
    let task = PackageTask { input: "/spool/1".into(), start_s: 1.4, video, audio: Vec::new(), in_background: false };
    let list: Vec<String> =
        task.arguments(Path::new(VAAPI_DEVICE)).into_iter().map(|word| word.into_string().unwrap()).collect();
    list.join(" ")
}

fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?} (in this order) in {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn vaapi_keeps_frames_on_the_device() {
    assert_in_order(
        &arguments(Encoder::Vaapi, |_| {}),
        &[
            "-init_hw_device vaapi=va:/dev/dri/renderD128 -filter_hw_device va -hwaccel vaapi -hwaccel_output_format vaapi -noautorotate",
            "-format_whitelist",
            "-i file:/spool/1",
            "-filter_complex [0:0]scale_vaapi=w=1280:h=720:format=nv12:extra_hw_frames=24,setsar=1[v0] -map [v0]",
            "-c:v h264_vaapi -profile:v high -rc_mode VBR",
            "-b:v:0 3000000 -maxrate:v:0 3000000 -bufsize:v:0 6000000",
        ],
    );
}

#[test]
fn nvenc_keeps_frames_on_the_device() {
    assert_in_order(
        &arguments(Encoder::Nvenc, |_| {}),
        &[
            "-init_hw_device cuda=cu:0 -filter_hw_device cu -hwaccel cuda -hwaccel_output_format cuda -noautorotate -threads 1",
            "-i file:/spool/1",
            "[0:0]scale_cuda=w=1280:h=720:format=yuv420p,setsar=1",
            "-c:v h264_nvenc -preset p4",
            "-b:v:0 3000000 -maxrate:v:0 3000000 -bufsize:v:0 6000000",
        ],
    );
}

#[test]
fn qsv_decodes_with_vaapi_and_maps() {
    assert_in_order(
        &arguments(Encoder::Qsv, |_| {}),
        &[
            "-init_hw_device vaapi=va:/dev/dri/renderD128,driver=iHD -init_hw_device qsv=qs@va -filter_hw_device qs -hwaccel vaapi",
            "[0:0]scale_vaapi=w=1280:h=720:format=nv12:extra_hw_frames=24,hwmap=derive_device=qsv,format=qsv,setsar=1",
            "-c:v h264_qsv",
            "-mbbrc 1",
            "-b:v:0 3000000 -maxrate:v:0 3000001 -bufsize:v:0 6000000",
        ],
    );
}

#[test]
fn all_rungs_come_from_one_decoder_and_are_tone_mapped_once() {
    let text = arguments(Encoder::Software, |encode| {
        encode.rungs.push(Rung { size: (640, 360), max_bit_rate: 600_000 });
        encode.tone_map = Some(ToneMap::Pq);
    });
    assert_in_order(
        &text,
        &[
            "-filter_complex [0:0]scale=1280:720:flags=bicubic,zscale=",
            ",split=2[s0][s1];[s0]format=yuv420p,setsar=1[v0];[s1]scale=640:360:flags=bicubic,format=yuv420p,setsar=1[v1]",
            "-map [v0] -map [v1]",
            "-level:v:0 3.1 -maxrate:v:0 3000000 -bufsize:v:0 6000000 -level:v:1 3.0 -maxrate:v:1 600000 -bufsize:v:1 1200000",
        ],
    );
    assert_eq!((text.matches("zscale=tin").count(), text.matches("-i file:").count()), (1, 1));
    let device = arguments(Encoder::Vaapi, |encode| {
        encode.rungs.push(Rung { size: (640, 360), max_bit_rate: 600_000 });
    });
    assert_in_order(&device, &["[0:0]split=2[s0][s1];[s0]scale_vaapi=w=1280", "[s1]scale_vaapi=w=640", "setsar=1[v1]"]);
}

#[test]
fn a_picture_that_must_be_turned_is_decoded_in_memory_and_sent_up() {
    for (encoder, upload) in
        [(Encoder::Vaapi, "hwupload"), (Encoder::Qsv, "hwupload"), (Encoder::Nvenc, "format=yuv420p")]
    {
        let text = arguments(encoder, |encode| encode.rotated = true);
        assert!(!text.contains("noautorotate") && !text.contains("-hwaccel "), "{text}");
        assert_in_order(&text, &["[0:0]scale=1280:720", upload, "setsar=1"]);
    }
}

#[test]
fn only_what_any_device_decodes_is_left_to_it() {
    let decoded = |encoder, decodes, codec, pixels| Choice { encoder, decodes }.decodes(codec, pixels);
    for (codec, pixels, vaapi, nvenc) in [
        ("h264", "yuv420p", true, true),
        ("h264", "yuv420p10le", false, false),
        ("h264", "yuv422p", false, false),
        ("hevc", "yuv420p10le", true, true),
        ("mpeg4", "yuv420p", false, false),
        ("vp9", "yuv420p", false, true),
        ("av1", "yuv420p", false, false),
    ] {
        let found = [Encoder::Vaapi, Encoder::Qsv, Encoder::Nvenc].map(|encoder| decoded(encoder, true, codec, pixels));
        assert_eq!(found, [vaapi, vaapi, nvenc], "{codec} {pixels}");
    }
    assert!(!decoded(Encoder::Vaapi, false, "h264", "yuv420p"), "it was not seen to decode");
    assert!(!decoded(Encoder::Software, true, "h264", "yuv420p"));
    let text = arguments(Encoder::Vaapi, |encode| encode.device_decodes = false);
    assert!(!text.contains("noautorotate") && !text.contains("-hwaccel "), "{text}");
    assert_in_order(
        &text,
        &["-init_hw_device vaapi", "[0:0]scale=1280:720:flags=bicubic,format=nv12,hwupload", "h264_vaapi"],
    );
}

#[test]
fn a_clip_is_sought_before_the_input_and_cut_before_scaling() {
    let clip = Clip { seek_s: 4.0, from_s: 5.98, to_s: Some(11.98) };
    assert_in_order(
        &arguments(Encoder::Software, |encode| {
            encode.clip = Some(clip);
            encode.deinterlace = true;
            encode.key_frames_s = vec![2.5, 4.5];
        }),
        &[
            "-copyts -max_error_rate 1 -noaccurate_seek -seek_timestamp 1 -ss 4.000000",
            "-i file:/spool/1",
            "[0:0]bwdif=mode=send_frame:deint=interlaced,trim=start=5.980000:end=11.980000,scale=1280:720",
            "-fps_mode passthrough -enc_time_base:v 1:90000",
            "expr:isnan(prev_forced_t)+gte(t,prev_forced_t+1.999)+gte(t,1.249000)*lt(prev_forced_t,1.249000)\
             +gte(t,2.499000)*lt(prev_forced_t,2.499000)+gte(t,4.499000)*lt(prev_forced_t,4.499000) ",
            "-c:v libx264 -preset veryfast -profile:v high",
            "-g 60 -level:v:0 3.1 -maxrate:v:0 3000000",
            "-output_ts_offset 8.600000",
        ],
    );
}

#[test]
fn pictures_are_repeated_before_the_cut_and_dropped_behind_it() {
    let text = arguments(Encoder::Software, |encode| {
        encode.clip = Some(Clip { seek_s: 4.0, from_s: 5.98, to_s: Some(11.98) });
        (encode.least_gap_s, encode.hold_s) = (Some(0.014_583), Some(2.5));
    });
    assert_in_order(
        &text,
        &[
            "[0:0]split[film][copy];[copy]fps=10:round=up,tpad=stop_mode=clone:stop_duration=2.500,setfield=tff[grid];",
            "[own][grid]interleave,select='eq(interlace_type,0)+isnan(prev_selected_t)+gte(t-prev_selected_t,0.895)',",
            "trim=start=5.980000:end=11.980000,select='isnan(prev_selected_t)+gte(t-prev_selected_t,0.014583)',scale=",
        ],
    );
    let text = arguments(Encoder::Software, |encode| (encode.hold_s, encode.held_from_s) = (Some(0.0), Some(-5.5)));
    assert_in_order(&text, &["[copy]fps=10:round=up:start_time=-5.500000,tpad="]);
}

#[test]
fn sound_is_brought_to_the_films_length() {
    let task = |from_s, until_s, is_padded| {
        let (index, channels, sample_rate, bit_rate) = (1, 2, 48_000, 160_000);
        let audio = vec![AudioTask::Aac { index, channels, sample_rate, bit_rate, from_s, until_s, is_padded }];
        let task = PackageTask { input: "/spool/1".into(), start_s: 1.0, video: None, audio, in_background: false };
        let list = task.arguments(Path::new(VAAPI_DEVICE));
        list.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_in_order(
        &task(Some(1.0), Some(11.5), true),
        &[
            "-filter:a:0 aresample=48000,aresample=48000:async=1:first_pts=48000,apad=whole_len=504000,atrim=end=11.500000 -ac:a:0 2",
        ],
    );
    assert_in_order(&task(Some(1.0), Some(11.5), false), &["first_pts=48000,atrim=end=11.500000 -ac:a:0 2"]);
    let plain = ["-filter:a:0 aresample=48000,aresample=48000:async=1 -ac:a:0 2", "-bsf:a:0 noise=drop='if(ld(1)*lt("];
    assert_in_order(&task(None, None, false), &plain);
}

#[test]
fn a_clip_at_the_start_of_the_file_is_not_sought() {
    let clip = Clip { seek_s: 1.4, from_s: 1.39, to_s: None };
    let text = arguments(Encoder::Software, |encode| encode.clip = Some(clip));
    assert!(!text.contains("-ss ") && text.contains("trim=start=1.390000,"), "{text}");
}

#[test]
fn the_preferred_encoder_is_tried_first_and_software_always() {
    let all = Preference { hardware_enabled: true, preferred: Some(Encoder::Qsv) }.order();
    let none = Preference { hardware_enabled: false, preferred: Some(Encoder::Qsv) }.order();
    assert_eq!(all, [Encoder::Qsv, Encoder::Vaapi, Encoder::Nvenc, Encoder::Software]);
    assert_eq!(none, [Encoder::Software]);
}

#[test]
fn the_first_that_works_is_chosen() {
    let report = |encoder, works| EncoderReport { encoder, works, decodes: works, why_not: None };
    assert_eq!(choose(&[report(Encoder::Vaapi, false), report(Encoder::Qsv, true)]).encoder, Encoder::Qsv);
    assert_eq!(choose(&[report(Encoder::Vaapi, false)]), Choice::SOFTWARE);
}

#[test]
fn the_level_is_the_lowest_that_holds_the_pictures() {
    assert_eq!(level((640, 360), 30.0, 600_000), "3.0");
    assert_eq!(level((1280, 720), 30.0, 3_000_000), "3.1");
    assert_eq!(level((1920, 1080), 30.0, 6_000_000), "4.0");
    assert_eq!(level((1920, 1080), 60.0, 6_000_000), "4.2");
    assert_eq!(level((3840, 2160), 60.0, 16_000_000), "5.2");
    assert_eq!(level((3840, 2160), 120.0, 16_000_000), "5.2", "no higher one is allowed");
}

#[test]
fn an_encoder_reads_back_from_its_name() {
    for encoder in Encoder::ALL {
        assert_eq!(encoder.name().parse(), Ok(encoder));
    }
    assert_eq!("cuda".parse::<Encoder>(), Err(NotAnEncoder));
}
