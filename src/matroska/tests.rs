//! What a film lists of its pictures, against ffprobe, which reads them.

use super::*;
use matroska_demuxer::{Frame, MatroskaFile};
use std::io::Write as _;
use std::process::Command;
use tempfile::{NamedTempFile, TempDir};

const PICTURES: &str = "-f lavfi -i testsrc2=s=64x64:r=25:d=5";
const SOUND: &str = "-f lavfi -i sine=d=5";
const H264: &str = "-c:v libx264 -bf 3 -g 50 -pix_fmt yuv420p -c:a aac";

fn run(program: &str, words: &str, dir: &TempDir) -> String {
    let output = Command::new(program).args(words.split_whitespace()).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn made(words: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    run("ffmpeg", &format!("-v error -nostdin {words} film.mkv"), &dir);
    dir
}

fn opened(dir: &TempDir) -> Option<Film> {
    Film::open(File::open(dir.path().join("film.mkv")).unwrap()).unwrap()
}

/// The packets of a stream as the film lists them, and the first bytes of each.
fn listed(film: Option<Film>, stream: u32) -> Option<(Vec<Packet>, Vec<Vec<u8>>)> {
    let mut film = film?;
    let track = film.track(stream)?.clone();
    let (mut packets, mut begins) = (Vec::new(), Vec::new());
    film.pictures(&track, |packet, begin| {
        packets.push(packet);
        begins.push(begin.to_vec());
    })
    .unwrap()?;
    Some((packets, begins))
}

fn listed_in(bytes: &[u8]) -> Option<Vec<Packet>> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    listed(Film::open(file.reopen().unwrap()).unwrap(), 0).map(|(packets, _)| packets)
}

/// All frames of a stream, as another reader of such films has them.
fn frames(dir: &TempDir, stream: u32) -> Vec<Vec<u8>> {
    let mut film = MatroskaFile::open(File::open(dir.path().join("film.mkv")).unwrap()).unwrap();
    let number = film.tracks()[stream as usize].track_number().get();
    let (mut frames, mut frame) = (Vec::new(), Frame::default());
    while film.next_frame(&mut frame).unwrap() {
        if frame.track == number {
            frames.push(std::mem::take(&mut frame.data));
        }
    }
    frames
}

fn assert_read_alike(words: &str, stream: u32) {
    let dir = made(words);
    let (mut packets, begins) = listed(opened(&dir), stream).unwrap_or_else(|| panic!("{words} is not plain"));
    let probe = |entries: &str| {
        run("ffprobe", &format!("-v error -select_streams {stream} -show_entries {entries} film.mkv"), &dir)
    };
    let depth = probe("stream=has_b_frames -of csv=p=0").trim().parse().unwrap();
    give_decode_times(&mut packets, depth);
    let row = |line: &str| {
        let [pts, dts, duration, bytes, flags] = line.split(',').collect::<Vec<_>>()[..5] else { panic!("{line}") };
        let duration = duration.parse().unwrap();
        let (pts, dts, bytes) = (pts.parse().ok(), dts.parse().ok(), bytes.parse().unwrap());
        Packet { pts, dts, duration, bytes, key: flags.starts_with('K') }
    };
    let read = probe("packet=pts,dts,duration,size,flags -of csv=p=0");
    assert_eq!(packets, read.lines().map(row).collect::<Vec<_>>(), "{words}");
    let lie_there = begins.iter().zip(frames(&dir, stream)).all(|(begin, frame)| frame.starts_with(begin));
    assert!(lie_there && begins.iter().all(|begin| begin.len() > 8), "{words}");
}

#[test]
fn a_film_lists_what_reading_it_finds() {
    assert_read_alike(&format!("{PICTURES} {SOUND} {H264}"), 0);
    assert_read_alike(&format!("{SOUND} {PICTURES} -map 0 -map 1 {H264} -bf 0"), 1);
    assert_read_alike(&format!("{PICTURES} {SOUND} {H264} -output_ts_offset 3 -cluster_time_limit 400"), 0);
    assert_read_alike(&format!("{PICTURES} {SOUND} {H264} -x264-params open-gop=1:b-pyramid=strict"), 0);
    assert_read_alike(&format!("{PICTURES} {SOUND} {H264} -cues_to_front 1 -reserve_index_space 4096"), 0);
    assert_read_alike(&format!("{PICTURES} {SOUND} -c:v libx265 -x265-params log-level=none:keyint=40"), 0);
    let uneven = "-vf select='not(eq(mod(n,7),3))' -fps_mode passthrough";
    assert_read_alike(&format!("{PICTURES} {SOUND} {H264} {uneven}"), 0);
}

/// An element with a length of eight bytes.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [&name, &(1 << 56 | body.len() as u64).to_be_bytes()[..], body].concat()
}

fn simple(flags: u8, data: &[u8]) -> Vec<u8> {
    element(id::SIMPLE_BLOCK, &[&[0x81, 0, 40, flags], data].concat())
}

fn track(more: &[u8]) -> Vec<u8> {
    let plain = [element(id::NUMBER, &[1]), element(id::TYPE, &[1]), element(id::CODEC, b"V_TEST")].concat();
    element(id::TRACKS, &element(id::TRACK, &[&plain, more].concat()))
}

fn cluster(blocks: &[u8]) -> Vec<u8> {
    element(id::CLUSTER, &[&element(id::TIMESTAMP, &[3, 0xE8]), blocks].concat())
}

fn film(parts: &[Vec<u8>]) -> Vec<u8> {
    [element(id::EBML, &[]), element(id::SEGMENT, &parts.concat())].concat()
}

#[test]
fn a_block_in_a_group_is_a_key_frame_when_it_needs_no_other() {
    let block = element(id::BLOCK, &[0x81, 0xFF, 0xF6, 0, 1, 2]);
    let duration = element(id::BLOCK_DURATION, &[33]);
    let group = |parts: &[&[u8]]| element(id::BLOCK_GROUP, &parts.concat());
    let needs = element(id::REFERENCE_BLOCK, &[0xD8]);
    let blocks = [group(&[&block, &duration]), group(&[&block, &needs]), simple(0x80, b"abc")].concat();
    let packet = |pts, duration, bytes, key| Packet { pts: Some(pts), dts: None, duration, bytes, key };
    let found = listed_in(&film(&[track(&[]), cluster(&blocks)]));
    assert_eq!(found, Some(vec![packet(990, 33, 2, true), packet(990, 0, 2, false), packet(1040, 0, 3, true)]));
    assert_eq!(listed_in(&film(&[track(&[]), cluster(&group(&[&duration]))])), None, "a group without a block");
    assert_eq!(listed_in(&film(&[track(&[]), cluster(&group(&[&block, &block]))])), None, "a group of two");
}

#[test]
fn a_film_without_lengths_is_plain_and_ends_with_the_file() {
    let open = |id: u32| [&id.to_be_bytes()[..], &[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
    let time = element(id::TIMESTAMP, &[0]);
    let cluster = [open(id::CLUSTER), time, simple(0x80, b"abc")].concat();
    let bytes = [element(id::EBML, &[]), open(id::SEGMENT), track(&[]), cluster.clone(), cluster].concat();
    assert_eq!(listed_in(&bytes).map(|packets| packets.len()), Some(2));
}

#[test]
fn what_is_not_plain_is_left_to_readers() {
    let plain = film(&[track(&[]), cluster(&simple(0x80, b"abc"))]);
    assert!(listed_in(&plain).is_some());
    let is_plain = |parts: &[Vec<u8>]| listed_in(&film(parts)).is_some();
    let one = |number: f32| element(id::TRACK_TIMESTAMP_SCALE, &number.to_be_bytes());
    assert!(is_plain(&[track(&one(1.0)), cluster(&simple(0x80, b"abc"))]));
    assert!(!is_plain(&[track(&one(2.0)), cluster(&simple(0x80, b"abc"))]), "its times are stretched");
    assert!(!is_plain(&[track(&element(id::ENCODINGS, &[])), cluster(&simple(0x80, b"abc"))]), "frames are packed");
    assert!(!is_plain(&[track(&[]), cluster(&simple(0x82, b"abc"))]), "several frames in a block");
    assert!(!is_plain(&[track(&[]), cluster(&simple(0x80, b""))]), "nothing in a block");
    assert!(!is_plain(&[track(&[]), cluster(&element(id::ENCRYPTED_BLOCK, b"abc"))]));
    assert!(!is_plain(&[track(&[]), element(id::CLUSTER, &simple(0x80, b"abc"))]), "nobody knows when");
    assert!(!is_plain(&[cluster(&simple(0x80, b"abc")), track(&[])]), "tracks come too late");
    assert!(listed_in(&[plain.clone(), plain.clone()].concat()).is_none(), "one film behind the other");
    for end in 0..plain.len() {
        assert!(listed_in(&plain[..end]).is_none(), "cut off at {end}");
    }
}
