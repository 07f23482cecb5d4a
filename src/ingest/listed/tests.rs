//! What files list of their pictures, against ffprobe, which reads them.

use super::*;
use crate::media::probe::Ratio;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SOUND: &str = "-f lavfi -i sine=d=3";
const H264: &str = "-c:v libx264 -preset veryfast -bf 3 -g 30 -pix_fmt yuv420p -c:a aac";
const HEVC: &str = "-c:v libx265 -preset veryfast -x265-params log-level=none:keyint=30 -pix_fmt yuv420p -c:a aac";

#[test]
fn samples_that_are_listed_as_key_frames_lean_on_others_unless_they_are_idrs() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 2, 0x41, 1, 0, 0, 0, 2, 9, 0xF0]).unwrap();
    let leans = |places: &[u64]| openings_of_samples(&file, "h264", places).unwrap().map(|keys| keys.leans);
    assert_eq!((leans(&[0]), leans(&[0, 6])), (Some(false), Some(true)));
    assert_eq!(leans(&[0, 12]), None, "no picture is there");
}

fn run(program: &str, words: &str, dir: &Path) -> String {
    let output = Command::new(program).args(words.split_whitespace()).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Three seconds of film, 25 pictures a second.
fn made(words: &str) -> TempDir {
    made_at("25", words)
}

fn made_at(rate: &str, words: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let picture = format!("-f lavfi -i testsrc2=s=128x72:r={rate}:d=3");
    run("ffmpeg", &format!("-v error -nostdin {picture} {SOUND} {words} film.ts"), dir.path());
    dir
}

/// The picture as the probe sees it.
fn stream(dir: &TempDir) -> VideoStream {
    let entries = "stream=index,codec_name,has_b_frames,r_frame_rate,start_pts";
    let said = run(
        "ffprobe",
        &format!("-v error -select_streams v:0 -show_entries {entries} -of default=nw=1 film.ts"),
        dir.path(),
    );
    let said: HashMap<&str, &str> = said.lines().filter_map(|line| line.split_once('=')).collect();
    let (num, den) = said["r_frame_rate"].split_once('/').unwrap();
    VideoStream {
        index: said["index"].parse().unwrap(),
        codec: said["codec_name"].into(),
        profile: None,
        level: None,
        pixel_format: "yuv420p".into(),
        width: 128,
        height: 72,
        sample_aspect: Ratio { num: 1, den: 1 },
        rotation: 0,
        frame_rate: Some(Ratio { num: num.parse().unwrap(), den: den.parse().unwrap() }),
        average_rate: None,
        time_base: TRANSPORT_CLOCK,
        start_ticks: said["start_pts"].parse().ok(),
        end_s: None,
        reordered: said["has_b_frames"].parse().unwrap(),
        changes: false,
        leans: false,
        interlaced: false,
        transfer: None,
        has_extradata: true,
        bit_rate: None,
        language: None,
    }
}

/// All packets of the picture, as ffprobe has them.
fn read(dir: &TempDir) -> Vec<Packet> {
    let entries = "packet=pts,dts,duration,size,flags";
    let said = run(
        "ffprobe",
        &format!("-v error -select_streams v:0 -show_entries {entries} -of csv=p=0 film.ts"),
        dir.path(),
    );
    let row = |line: &str| {
        let [pts, dts, duration, bytes, flags] = line.split(',').collect::<Vec<_>>()[..5] else { panic!("{line}") };
        let (duration, bytes) = (duration.parse().unwrap(), bytes.parse().unwrap());
        Packet { pts: pts.parse().ok(), dts: dts.parse().ok(), duration, bytes, key: flags.starts_with('K') }
    };
    // Blank lines stand for data beside packets.
    said.lines().filter(|line| !line.is_empty()).map(row).collect()
}

fn listed(dir: &TempDir) -> Option<Seen> {
    let film = mpegts::Film::open(File::open(dir.path().join("film.ts")).unwrap()).unwrap()?;
    transported(film, &stream(dir), || true).unwrap()
}

fn assert_read_alike(dir: &TempDir, what: &str) -> Opening {
    let seen = listed(dir).unwrap_or_else(|| panic!("{what} is not plain"));
    assert!(seen.packets.len() > 10 && !seen.do_sounds_change, "{what}");
    assert_eq!(seen.packets, read(dir), "{what}");
    seen.opening
}

#[test]
fn a_transport_stream_holds_what_reading_it_finds() {
    for words in [
        H264,
        &format!("{H264} -bf 0"),
        &format!("-map 1 -map 0 {H264} -c:a libmp3lame"),
        &format!("-map 0 -map 1 -map 1 {H264} -c:a ac3"),
        &format!("{H264} -x264-params slices=4"),
        &format!("{H264} -x264-params nal-hrd=cbr:vbv-maxrate=900:vbv-bufsize=900 -b:v 900k -muxrate 2M"),
        &format!("{H264} -bsf:v h264_metadata=tick_rate=0/1"),
        &format!("{H264} -omit_video_pes_length 0"),
        &format!("{H264} -mpegts_flags +initial_discontinuity+pat_pmt_at_frames"),
        &format!("{H264} -mpegts_m2ts_mode 1"),
        &format!("{H264} -vf select='not(eq(mod(n,7),3))' -fps_mode passthrough"),
        HEVC,
        &format!("{HEVC} -bf 0 -mpegts_m2ts_mode 1"),
    ] {
        assert!(!assert_read_alike(&made(words), words).leans, "{words}");
    }
    for rate in ["24000/1001", "60000/1001", "50"] {
        assert_read_alike(&made_at(rate, H264), rate);
    }
}

#[test]
fn a_picture_of_more_bytes_than_readers_take_at_once_is_one() {
    let large = "-vf scale=1280:720,noise=alls=90:allf=t -c:v libx264 -preset ultrafast -b:v 60M -pix_fmt yuv420p -an";
    let dir = made(large);
    assert_read_alike(&dir, large);
    assert!(read(&dir).iter().any(|packet| packet.bytes > 400_000));
}

#[test]
fn key_frames_of_a_transport_stream_that_are_no_idrs_are_seen() {
    for words in ["open-gop=1:b-pyramid=strict:scenecut=0", "intra-refresh=1"] {
        let words = format!("{H264} -x264-params {words}");
        assert!(assert_read_alike(&made(&words), &words).leans, "{words}");
    }
}

#[test]
fn a_film_whose_clock_begins_anew_goes_on() {
    // After 2^33 ticks, which are 95443.7 s; and after half of them, where a sign would change.
    for begin in ["95440.9", "95442", "95400", "47720.5"] {
        let words = format!("{H264} -output_ts_offset {begin}");
        assert_read_alike(&made(&words), &words);
    }
}

/// The same of FLV, which the file is then.
fn listed_in_tags(dir: &TempDir) -> Option<Seen> {
    let film = flv::Film::open(File::open(dir.path().join("film.ts")).unwrap()).unwrap()?;
    tagged(film, &VideoStream { time_base: TAG_CLOCK, ..stream(dir) }, || true).unwrap()
}

fn assert_tags_are_read_alike(dir: &TempDir, what: &str) -> Opening {
    let seen = listed_in_tags(dir).unwrap_or_else(|| panic!("{what} is not plain"));
    assert!(seen.packets.len() > 10 && !seen.do_sounds_change, "{what}");
    assert_eq!(seen.packets, read(dir), "{what}");
    seen.opening
}

const FLV: &str = "-c:v libx264 -preset veryfast -bf 3 -g 30 -pix_fmt yuv420p -c:a aac -f flv";

#[test]
fn flv_holds_what_reading_it_finds() {
    for words in [
        FLV,
        &format!("{FLV} -bf 0"),
        &format!("{FLV} -an"),
        &format!("-map 1 -map 0 {FLV} -c:a libmp3lame -ar 44100"),
        &format!("{FLV} -x264-params slices=4"),
        &format!("{FLV} -flvflags no_sequence_end+add_keyframe_index"),
        &format!("{FLV} -flvflags no_metadata"),
        &format!("{FLV} -output_ts_offset 16776"),
        &format!("{FLV} -bsf:v h264_metadata=tick_rate=0/1"),
        &format!("{FLV} -vf select='not(eq(mod(n,7),3))' -fps_mode passthrough"),
        &format!("{FLV} -vf scale=1280:720,noise=alls=90:allf=t -b:v 40M"),
    ] {
        assert!(!assert_tags_are_read_alike(&made(words), words).leans, "{words}");
    }
    for rate in ["24000/1001", "60000/1001", "50", "7"] {
        assert_tags_are_read_alike(&made_at(rate, FLV), rate);
    }
    for words in ["open-gop=1:b-pyramid=strict:scenecut=0", "intra-refresh=1"] {
        let words = format!("{FLV} -x264-params {words}");
        assert!(assert_tags_are_read_alike(&made(&words), &words).leans, "{words}");
    }
}

/// Where a tag of the picture begins; the first one is the set-up of its decoder.
fn tag_of_picture(bytes: &[u8], number: usize) -> usize {
    let mut at = 13;
    let mut left = number;
    loop {
        let len = bytes[at + 1..at + 4].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        match (bytes[at], left) {
            (9, 0) => return at,
            (9, _) => left -= 1,
            _ => {}
        }
        at += 11 + len + 4;
    }
}

#[test]
fn unusual_flv_is_left_to_readers() {
    let dir = made(FLV);
    let film = std::fs::read(dir.path().join("film.ts")).unwrap();
    let (set_up, some, next) = (tag_of_picture(&film, 0), tag_of_picture(&film, 20), tag_of_picture(&film, 21));
    let is_listed = |change: &dyn Fn(&mut Vec<u8>)| {
        changed(&dir, |bytes| {
            film.clone_into(bytes);
            change(bytes);
        });
        listed_in_tags(&dir).is_some()
    };
    let record = &film[set_up..tag_of_picture(&film, 1)];
    assert!(is_listed(&|_| ()));
    assert!(is_listed(&|bytes| drop(bytes.splice(some..some, record.iter().copied()))), "it is set up alike");
    assert!(!is_listed(&|bytes| {
        bytes.splice(some..some, record.iter().copied());
        bytes[some + 11 + 5 + 3] ^= 1;
    }));
    assert!(!is_listed(&|bytes| bytes.truncate(next + 30)), "it was cut off");
    assert!(!is_listed(&|bytes| bytes.insert(next, 0)), "something is between two tags");
    assert!(!is_listed(&|bytes| bytes[some] = 10), "it is of another kind");
    assert!(!is_listed(&|bytes| bytes[some + 7] = 0x80), "its time is below zero");
    assert!(!is_listed(&|bytes| bytes[some + 13] = 0xFF), "it is shown before it is decoded");
    assert!(!is_listed(&|bytes| bytes[some + 11] = 0x97), "it is marked in a newer way");
    assert!(!is_listed(&|bytes| bytes[some + 11] = 0x17), "it is marked as a key frame and is none");
    assert!(!is_listed(&|bytes| bytes[some + 11] = 0x22), "it is of another codec");
    assert!(listed_in_tags(&made("-c:v flv -c:a libmp3lame -ar 44100 -f flv")).is_none());
    assert!(listed_in_tags(&made(H264)).is_none());
}

/// Packets that belong to the picture, by their numbers in the file.
fn of_picture(bytes: &[u8]) -> Vec<usize> {
    let packets = bytes.as_chunks::<188>().0.iter().enumerate();
    packets.filter(|(_, packet)| (packet[1] & 0x1F, packet[2]) == (1, 0)).map(|(number, _)| number).collect()
}

/// The film with its bytes changed.
fn changed(dir: &TempDir, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.path().join("film.ts");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_recording_begins_and_ends_anywhere() {
    let in_the_middle = |words: &str| {
        let dir = made(words);
        changed(&dir, |bytes| {
            let inner = of_picture(bytes)[40];
            bytes.drain(..inner * 188);
            bytes.truncate(bytes.len() - 100);
        });
        listed(&dir).map(|seen| (seen.packets, read(&dir)))
    };
    let (packets, read) = in_the_middle(&format!("{H264} -bf 0")).unwrap();
    assert_eq!(packets, read);
    assert!(!packets[0].key, "nothing can be decoded there");
    let is_alike = |(packets, read)| packets == read;
    assert!(in_the_middle(H264).is_none_or(is_alike), "or something is shown before what begins");
}

#[test]
fn what_is_unusual_is_left_to_readers() {
    let film = std::fs::read(made(H264).path().join("film.ts")).unwrap();
    let picture = of_picture(&film);
    let (dir, some) = (made(H264), 188 * picture[picture.len() / 2]);
    let begun = 188 * picture.iter().filter(|number| film[**number * 188 + 1] & 0x40 != 0).nth(20).unwrap();
    let is_listed = |change: &dyn Fn(&mut Vec<u8>)| {
        changed(&dir, |bytes| {
            film.clone_into(bytes);
            change(bytes);
        });
        listed(&dir).is_some()
    };
    assert!(is_listed(&|_| ()));
    assert!(!is_listed(&|bytes| drop(bytes.drain(some..some + 188))), "a packet was lost");
    assert!(!is_listed(&|bytes| bytes.extend_from_within(some..some + 188)), "one comes twice");
    assert!(!is_listed(&|bytes| bytes[some + 1] |= 0x80), "it is damaged");
    assert!(!is_listed(&|bytes| bytes[some + 3] |= 0x80), "it is scrambled");
    assert!(!is_listed(&|bytes| bytes[some] = 0), "it is none");
    assert!(!is_listed(&|bytes| bytes.insert(some, 0)), "it is not where it was");
    assert!(!is_listed(&|bytes| bytes.extend_from_within(..)), "the clock goes back");
    assert!(!is_listed(&|bytes| bytes[begun + 1] &= !0x40), "two pictures are behind one header");
    let tables = film.as_chunks::<188>().0.iter().rposition(|packet| packet[1] == 0x50).unwrap();
    assert!(!is_listed(&|bytes| bytes[tables * 188 + 10] ^= 2), "the programme changes");
}

#[test]
fn sound_that_gets_other_channels_is_seen() {
    let dir = made(H264);
    changed(&dir, |bytes| {
        let half = bytes.len() / 376 * 188;
        for packet in bytes[half..].chunks_exact_mut(188).filter(|packet| packet[1..3] == [0x41, 1]) {
            let frame = packet.windows(2).position(|two| two == [0xFF, 0xF1]).unwrap();
            packet[frame + 3] ^= 0x80;
        }
    });
    assert!(listed(&dir).unwrap().do_sounds_change);
    let file = || File::open(dir.path().join("film.ts")).unwrap();
    assert!(mpegts::do_sounds_change(file(), || true).unwrap());
    changed(&dir, |bytes| drop(bytes.drain(188 * 100..188 * 101)));
    assert!(mpegts::do_sounds_change(file(), || true).unwrap(), "also where the film is not plain");
    assert!(!mpegts::do_sounds_change(File::open(made(H264).path().join("film.ts")).unwrap(), || true).unwrap());

    let dir = made(FLV);
    changed(&dir, |bytes| {
        let set_up = (0..).find(|at| bytes[*at..*at + 4] == [8, 0, 0, 7] && bytes[at + 12] == 0).unwrap();
        let tag = bytes[set_up..set_up + 11 + 7 + 4].to_vec();
        let later = tag_of_picture(bytes, 40);
        bytes.splice(later..later, tag);
        bytes[later + 11 + 3] ^= 8;
    });
    assert!(listed_in_tags(&dir).unwrap().do_sounds_change);
    let does_change = |dir: &TempDir| flv::does_sound_change(File::open(dir.path().join("film.ts")).unwrap(), || true);
    assert!(does_change(&dir).unwrap());
    // Another kind of picture.
    changed(&dir, |bytes| {
        let at = tag_of_picture(bytes, 3) + 11;
        bytes[at] = 0x14;
    });
    assert!(listed_in_tags(&dir).is_none() && does_change(&dir).unwrap());
    assert!(!does_change(&made(FLV)).unwrap());
}

#[test]
fn matroska_with_large_pictures_lists_them_where_the_probe_saw_too_few_to_know_the_first() {
    let large = "-vf scale=1280:720,noise=alls=100:allf=t -c:v libx264 -preset ultrafast -qp 2 -frames:v 12";
    let dir = made(&format!("{large} -c:a aac -f matroska"));
    let stream = VideoStream { time_base: Ratio { num: 1, den: 1000 }, ..stream(&dir) };
    let film = |stream: &VideoStream| blocks(File::open(dir.path().join("film.ts")).unwrap(), stream).unwrap();
    let shown = |packets: &[Packet]| packets.iter().map(|it| (it.pts, it.bytes, it.key)).collect::<Vec<_>>();

    let seen = film(&stream).unwrap();
    assert_eq!(shown(&seen.packets), shown(&read(&dir)));
    assert_ne!(seen.packets[0].pts, stream.start_ticks, "the probe knows it: the film is not large enough");
    assert!(film(&VideoStream { reordered: 1, ..stream }).is_none(), "some wait, and it is not known for which");
}

#[test]
fn what_readers_would_not_believe_is_left_to_them() {
    let dir = made("-c:v mpeg2video -c:a aac");
    assert!(listed(&dir).is_none());
    let other = |change: fn(&mut VideoStream)| {
        let dir = made(&format!("{H264} -bf 0"));
        let mut stream = stream(&dir);
        change(&mut stream);
        let film = mpegts::Film::open(File::open(dir.path().join("film.ts")).unwrap()).unwrap();
        transported(film.unwrap(), &stream, || true).unwrap().is_some()
    };
    assert!(other(|_| ()));
    assert!(!other(|stream| stream.codec = "hevc".into()));
    assert!(!other(|stream| stream.start_ticks = Some(0)));
    assert!(!other(|stream| stream.start_ticks = Some(i64::MAX)));
    assert!(!other(|stream| stream.frame_rate = Some(Ratio { num: 12, den: 1 })));
    assert!(!other(|stream| stream.frame_rate = Some(Ratio { num: 0, den: u32::MAX })));
    assert!(!other(|stream| stream.reordered = 1), "pictures that are shown at once are said to wait");
}
