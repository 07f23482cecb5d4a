//! A file's own index against ffprobe, which reads the film.

use super::*;
use crate::cmaf::packets_of;
use crate::media::probe;
use std::io::Cursor;

const PICTURES: &str = "-f lavfi -i testsrc2=s=64x64:r=25:d=5";
const SOUND: &str = "-f lavfi -i sine=d=5";

struct Film {
    dir: TempDir,
    bytes: Vec<u8>,
}

impl Film {
    fn made(words: &str) -> Self {
        let dir = TempDir::new().unwrap();
        ffmpeg(dir.path(), &format!("{words} film.mp4"));
        let bytes = std::fs::read(dir.path().join("film.mp4")).unwrap();
        Self { dir, bytes }
    }

    fn indexed(&self, stream: u32) -> Option<Vec<probe::Packet>> {
        let described = self.probed("-show_entries stream=index,start_pts,time_base -of csv=p=0");
        let line = described.lines().nth(stream as usize).unwrap();
        let [_, time_base, start] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let timescale = time_base.strip_prefix("1/").unwrap().parse().unwrap();
        packets_of(&mut Cursor::new(&self.bytes), stream, timescale, start.parse().unwrap()).unwrap()
    }

    /// What ffprobe finds: pts, dts, bytes, and whether it is a key frame. Durations it guesses from
    /// the frame rate; the index knows them.
    fn read(&self, stream: u32) -> Vec<(i64, i64, u64, bool)> {
        let words = format!("-select_streams {stream} -show_entries packet=pts,dts,size,flags -of csv=p=0");
        let row = |line: &str| {
            let [pts, dts, size, flags] = line.split(',').collect::<Vec<_>>()[..4] else { panic!("{line}") };
            (pts.parse().unwrap(), dts.parse().unwrap(), size.parse().unwrap(), flags.starts_with('K'))
        };
        self.probed(&words).lines().map(row).collect()
    }

    fn probed(&self, words: &str) -> String {
        let (listed, _) = run("ffprobe", self.dir.path(), &format!("-v error {words} film.mp4"));
        String::from_utf8(listed).unwrap()
    }
}

fn assert_read_alike(words: &str, stream: u32) {
    let film = Film::made(words);
    let indexed = film.indexed(stream).unwrap_or_else(|| panic!("{words} has no plain index"));
    for pair in indexed.windows(2) {
        assert_eq!(pair[0].dts.unwrap() + pair[0].duration.cast_signed(), pair[1].dts.unwrap(), "{words}");
    }
    let row = |packet: &probe::Packet| (packet.pts.unwrap(), packet.dts.unwrap(), packet.bytes, packet.key);
    assert_eq!(indexed.iter().map(row).collect::<Vec<_>>(), film.read(stream), "{words}");
}

#[test]
fn the_index_lists_what_reading_the_film_finds() {
    let b_frames = "-c:v libx264 -bf 3 -g 50 -pix_fmt yuv420p";
    assert_read_alike(&format!("{PICTURES} {b_frames}"), 0);
    assert_read_alike(&format!("{PICTURES} {SOUND} {b_frames} -c:a aac -movflags +faststart"), 0);
    assert_read_alike(&format!("{SOUND} {PICTURES} -map 0 -map 1 {b_frames} -c:a aac"), 1);
    assert_read_alike(&format!("{PICTURES} {b_frames} -movflags +negative_cts_offsets"), 0);
    assert_read_alike(&format!("{PICTURES} -c:v mjpeg -pix_fmt yuvj420p"), 0);
    let uneven = "-vf select='not(eq(mod(n,7),3))' -fps_mode passthrough";
    assert_read_alike(&format!("{PICTURES} {uneven} {b_frames} -output_ts_offset 3"), 0);
}

#[test]
fn files_that_are_not_plain_have_to_be_read() {
    let fragmented = Film::made(&format!("{PICTURES} -c:v libx264 -movflags +frag_keyframe+empty_moov"));
    assert!(fragmented.indexed(0).is_none());
    let sound = Film::made(&format!("{SOUND} -c:a aac"));
    assert!(sound.indexed(0).is_none(), "the track is not one of pictures");

    let mut whole = Film::made(&format!("{PICTURES} -c:v libx264 -movflags +faststart"));
    assert!(whole.indexed(0).is_some());
    whole.bytes.truncate(whole.bytes.len() - 100);
    assert!(packets_of(&mut Cursor::new(&whole.bytes), 0, 12_800, 0).unwrap().is_none(), "its last picture is missing");
}

#[test]
fn an_edit_that_leaves_pictures_out_has_to_be_read() {
    let whole = Film::made(&format!("{PICTURES} -c:v libx264 -g 50"));
    let dir = whole.dir.path();
    ffmpeg(dir, "-ss 3 -i film.mp4 -c copy cut.mp4");
    std::fs::rename(dir.join("cut.mp4"), dir.join("film.mp4")).unwrap();
    let cut = Film { bytes: std::fs::read(dir.join("film.mp4")).unwrap(), dir: whole.dir };
    assert!(cut.indexed(0).is_none());
}

#[test]
fn a_broken_index_never_panics() {
    let film = Film::made(&format!("{PICTURES} -c:v libx264 -bf 2 -movflags +faststart"));
    let index = film.bytes.windows(4).position(|name| name == b"mdat").unwrap();
    for at in 0..index {
        for with in [0, 0x7F, 0xFF] {
            let mut bytes = film.bytes.clone();
            bytes[at] = with;
            let _ = packets_of(&mut Cursor::new(&bytes), 0, 12_800, i64::MAX);
        }
    }
    for end in (0..index).step_by(7) {
        assert!(packets_of(&mut Cursor::new(&film.bytes[..end]), 0, 12_800, 0).unwrap().is_none());
    }
}
