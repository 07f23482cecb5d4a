use super::super::scan::Scanned;
use super::super::timeline::Timeline;
use super::*;
use std::process::{Command, Stdio};

/// Three seconds of sound in MPEG-TS as ffmpeg writes it, which is not as we do.
fn made(words: &str) -> Vec<u8> {
    let words = format!("-v error -nostdin -f lavfi -i sine=440:r=48000:d=3 {words} -f mpegts pipe:1");
    let output = Command::new("ffmpeg").args(words.split_whitespace()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tables = |packet: &&[u8]| packet[1] & 0x1F != 0 || packet[2] != 0x11;
    // Without the name of the service, which it puts in front.
    output.stdout.chunks(PACKET).filter(tables).flatten().copied().collect()
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
fn the_frames_of_mp3_are_read_with_their_times() {
    for (words, rate, samples, channels) in
        [(MP3, 48_000, 1152, 2), ("-c:a libmp3lame -ar 22050 -ac 1", 22_050, 576, 1)]
    {
        let read = read(&made(words));
        assert_eq!(read.faults, []);
        let (track, fragments) = read.sound(None).unwrap();
        assert_eq!((track.timescale, track.channels, track.codec.as_str()), (rate, Some(channels), "mp4a.40.34"));
        let frames: usize = fragments.iter().map(|fragment| fragment.samples.len()).sum();
        assert!((3 * rate / samples..3 * rate / samples + 4).contains(&(frames as u32)), "{frames}");
        let seconds = frames as f64 * f64::from(samples) / f64::from(rate);
        let scanned = Scanned { fragments, ..Scanned::default() };
        assert_eq!(Timeline::default().add(&scanned, &track, seconds, false), [], "one follows the other");
    }
}

#[test]
fn what_is_not_mp3_alone_is_left() {
    for words in ["-c:a aac", "-c:a mp2", "-f lavfi -i testsrc2=s=64x64:d=3 -c:a libmp3lame -c:v mpeg2video"] {
        let read = read(&made(words));
        assert_eq!(read.faults, [], "{words}");
        assert!(read.sound(None).is_none(), "{words}");
    }
}

#[test]
fn what_is_missing_or_cut_is_told() {
    let whole = made(MP3);
    assert_eq!(told(&whole[..whole.len() - 1]).len(), 2, "no whole packets, no whole frame");
    assert!(told(&[&whole[..3 * PACKET], &whole[4 * PACKET..]].concat())[0].contains("counter"));
    assert!(told(&whole[PACKET..])[0].contains("does not begin with a table"));
    assert!(told(&whole[2 * PACKET..4 * PACKET]).iter().any(|what| what.contains("without a table")));
    assert!(told(&[&whole[..2 * PACKET], &[0; PACKET]].concat())[0].contains("does not begin as one"));
}

#[test]
fn no_bytes_make_it_stumble() {
    let whole = made(MP3);
    let mut state = 1_u32;
    for _ in 0..300 {
        let mut broken = whole[..20 * PACKET].to_vec();
        for _ in 0..20 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % broken.len();
            broken[at] = state as u8;
        }
        read(&broken).sound(Some(f64::NAN));
    }
    read(&[SYNC; 5 * PACKET]);
}

#[test]
fn a_time_stamp_is_that_nearest_to_what_is_due() {
    let hours = |count: u64| count * 3600 * CLOCK;
    assert_eq!(near(5, None), 5);
    assert_eq!(near(5, Some(10.0)), 5);
    assert_eq!(near(5, Some(27.0 * 3600.0)), ROUND + 5);
    assert_eq!(near(hours(26), Some(26.0 * 3600.0)), hours(26));
}
