use super::super::opening::{Opening, opening};
use super::super::timeline::Timeline;
use super::*;
use std::process::{Command, Stdio};

/// Three seconds of sound in MPEG-TS as ffmpeg writes it, which is not as we do.
fn made(words: &str) -> Vec<u8> {
    let words = format!("-v error -nostdin -f lavfi -i sine=440:r=48000:d=3 {words} -f mpegts pipe:1");
    let output = Command::new("ffmpeg").args(words.split_whitespace()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn read(bytes: &[u8]) -> Transport {
    let mut scanner = Scanner::default();
    bytes.chunks(1000).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

fn told(bytes: &[u8]) -> Vec<String> {
    read(bytes).faults.into_iter().map(|fault| fault.found).collect()
}

const MP3: &str = "-c:a libmp3lame -b:a 96k -ac 2 -output_ts_offset 10 -muxdelay 0";

#[test]
fn frames_of_sound_are_read_with_their_times() {
    let aac = "-c:a aac -ar 44100 -ac 6";
    for (words, rate, samples, channels, codec) in [
        (MP3, 48_000, 1152, 2, "mp4a.40.34"),
        ("-c:a libmp3lame -ar 22050 -ac 1", 22_050, 576, 1, "mp4a.40.34"),
        (aac, 44_100, 1024, 6, "mp4a.40.2"),
    ] {
        let read = read(&made(words));
        assert_eq!((read.faults, read.is_sound_alone, read.has_others), (vec![], true, false));
        let sound = read.sound.unwrap();
        let (track, fragments) = (sound.track(), sound.fragments(None));
        assert_eq!((track.timescale, track.channels, track.codec.as_str()), (rate, Some(channels), codec));
        let frames: usize = fragments.iter().map(|fragment| fragment.samples.len()).sum();
        assert!((3 * rate / samples..3 * rate / samples + 4).contains(&(frames as u32)), "{frames}");
        let seconds = frames as f64 * f64::from(samples) / f64::from(rate);
        let faults = Timeline::default().take(&fragments, &track, Some(seconds), false);
        assert_eq!(faults, [], "one follows the other");
    }
}

#[test]
fn aac_of_a_low_rate_is_not_named() {
    let track = read(&made("-c:a aac -ar 24000")).sound.unwrap().track();
    assert_eq!((track.codec.as_str(), track.channels), ("", None));
}

const PICTURES: &str = "-f lavfi -i testsrc2=s=64x48:d=3:r=25 -pix_fmt yuv420p -bf 2 -g 25 -c:a aac";

#[test]
fn pictures_are_read_with_their_times() {
    for (encoder, codec) in [("libx264", "avc1.64000a"), ("libx265 -x265-params log-level=error", "hvc1.1.6.L30")] {
        let read = read(&made(&format!("{PICTURES} -c:v {encoder}")));
        assert_eq!((read.faults, read.is_sound_alone, read.has_others), (vec![], false, false));
        let pictures = read.pictures.unwrap();
        let track = pictures.track().unwrap();
        assert!(track.codec.starts_with(codec), "{}", track.codec);
        let times = pictures.times(None);
        let begin = times.iter().map(|(shown, _)| *shown).min().unwrap();
        let scanned = pictures.scanned(&times, begin, 3600);
        assert_eq!(opening(&scanned, &track), Opening::Clean);
        let mut timeline = Timeline::default();
        assert_eq!(timeline.add(&scanned, &track, 3.0, false), []);
        assert_eq!((times.len(), timeline.pace().unwrap().0), (75, 25.0));
    }
}

#[test]
fn what_h264_says_of_its_pictures_is_read() {
    let track = read(&made(&format!("{PICTURES} -c:v libx264 -aspect 16:9"))).pictures.unwrap().track().unwrap();
    assert_eq!((track.shown, track.range), (Some((85, 48)), Some("SDR")));
}

#[test]
fn several_pictures_behind_one_time_are_left() {
    let mut bytes = made(&format!("{PICTURES} -c:v libx264"));
    let begins = |packet: &&mut [u8]| packet[1] == 0x41 && packet[2] == 0;
    let second = bytes.chunks_mut(PACKET).filter(begins).nth(1).unwrap();
    second[1] = 1;
    let read = read(&bytes);
    assert!(read.pictures.is_none() && read.has_others);
}

#[test]
fn other_streams_are_left() {
    for words in ["-c:a ac3", "-c:a mp2", "-f lavfi -i testsrc2=s=64x64:d=3 -c:a mp2 -c:v mpeg2video"] {
        let read = read(&made(words));
        assert_eq!(read.faults, [], "{words}");
        assert!(read.has_others && read.sound.is_none() && read.pictures.is_none(), "{words}");
    }
}

#[test]
fn what_is_missing_or_cut_is_told() {
    let whole = made(MP3);
    assert_eq!(told(&whole[..whole.len() - 1]).len(), 2, "no whole packets, no whole frame");
    // The name of the service, the two tables, and the sound.
    assert!(told(&[&whole[..4 * PACKET], &whole[5 * PACKET..]].concat())[0].contains("counter"));
    assert!(told(&whole[3 * PACKET..5 * PACKET]).iter().any(|what| what.contains("without a table")));
    assert!(told(&[&whole[..3 * PACKET], &[0; PACKET]].concat())[0].contains("does not begin as one"));
}

#[test]
fn nothing_of_a_stream_stands_before_the_tables() {
    let whole = made(MP3);
    let packet = |at: usize| &whole[at * PACKET..][..PACKET];
    let [name, programmes, streams, sound] = [0, 1, 2, 3].map(packet);
    let rest = &whole[3 * PACKET..];
    let empty = [&[SYNC, 0x1F, 0xFF, 0x10][..], &[0xFF; PACKET - 4]].concat();
    assert_eq!(name[1..3], [0x40, 0x11]);
    for good in [[name, &empty, programmes, streams], [programmes, name, &empty, streams]] {
        assert_eq!(told(&[&good.concat(), rest].concat()), [""; 0]);
    }
    for bad in [[name, streams, programmes, streams], [name, sound, programmes, streams]] {
        assert!(told(&[&bad.concat(), rest].concat())[0].contains("does not begin with a table"));
    }
    assert!(told(&[programmes, rest].concat())[0].contains("does not begin with a table"));
}

#[test]
fn no_more_frames_are_kept_than_any_segment_has() {
    let mut reader = sound::Reader::new(sound::Kind::Aac);
    reader.take(&[0, 0, 1, 0xC0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1], true).unwrap();
    // Nothing but headers, as short as ADTS allows.
    let frames = [0xFF, 0xF1, 0x4C, 0x80, 0x00, 0xFF, 0xFC].repeat(1000);
    (0..1000).for_each(|_| reader.take(&frames, false).unwrap());
    assert!(!reader.is_lost());
    reader.take(&frames, false).unwrap();
    assert!(reader.is_lost() && reader.finish().is_none());
}

#[test]
fn pictures_may_be_decoded_before_the_clock_begins() {
    let early = "-c:v libx264 -copyts -avoid_negative_ts disabled -muxdelay 0 -muxpreload 0";
    let read = read(&made(&format!("{PICTURES} {early}")));
    assert_eq!(read.faults, []);
    let times = read.pictures.unwrap().times(None);
    assert!(times.windows(2).all(|two| two[0].1 < two[1].1), "{:?}", &times[..4]);
    assert_eq!(times[0].0, 0);
    let sound = read.sound.unwrap();
    let faults = Timeline::default().take(&sound.fragments(None), &sound.track(), None, false);
    assert_eq!(faults, [], "the first frame is what the encoder put before the sound");
}

#[test]
fn no_bytes_make_it_stumble() {
    let wholes = [made(MP3), made(&format!("{PICTURES} -c:v libx264"))];
    let mut state = 1_u32;
    for turn in 0..600 {
        let mut broken = wholes[turn % 2][..20 * PACKET].to_vec();
        for _ in 0..20 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % broken.len();
            broken[at] = state as u8;
        }
        let read = read(&broken);
        if let Some(sound) = read.sound {
            sound.track();
            sound.fragments(Some(f64::NAN));
        }
        if let Some(pictures) = read.pictures {
            pictures.track();
            pictures.scanned(&pictures.times(Some(u64::MAX)), 0, u64::MAX);
        }
    }
    read(&[SYNC; 5 * PACKET]);
}

#[test]
fn a_time_stamp_is_that_nearest_to_what_is_due() {
    let hours = |count: u64| count * 3600 * CLOCK;
    assert_eq!(near(5, 10), 5);
    assert_eq!(near(5, hours(27)), ROUND + 5);
    assert_eq!(near(hours(26), hours(26)), hours(26));
}

#[test]
fn a_picture_is_decoded_as_long_before_it_is_shown_as_its_stamps_say() {
    const LATE: u64 = ROUND - 3600;
    const BEFORE: u64 = ROUND - 7200;
    let round = ROUND as i64;
    let unrolled = picture::unrolled;
    assert_eq!(unrolled(&[(0, BEFORE), (7200, LATE), (3600, 0)], None), [(0, -7200), (7200, -3600), (3600, 0)]);
    assert_eq!(unrolled(&[(LATE, BEFORE), (0, LATE)], None), [(LATE, round - 7200), (ROUND, round - 3600)]);
    assert_eq!(unrolled(&[(0, BEFORE), (LATE, LATE)], None), [(ROUND, round - 7200), (LATE, round - 3600)]);
    assert_eq!(
        unrolled(&[(5, 5), (LATE, LATE)], Some(2 * ROUND)),
        [(2 * ROUND + 5, 2 * round + 5), (2 * ROUND - 3600, 2 * round - 3600),]
    );
    assert_eq!(unrolled(&[(5, 10)], None), [(5, 10)], "it is late");
}
