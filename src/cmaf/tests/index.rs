//! A file's own index against ffprobe, which reads the film.

use super::*;
use crate::cmaf::{Index, IndexedSample, IndexedTrack};
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

    fn index(&self) -> Option<Index> {
        Index::read(&mut Cursor::new(&self.bytes)).unwrap()
    }

    fn indexed(&self, stream: u32) -> Option<IndexedTrack> {
        self.index()?.track(stream)
    }

    /// What ffmpeg makes of one stream of it, on a timeline that begins at 10 s.
    fn copied(&self, stream: u32, kind: TrackKind) -> (SourceTrack, Vec<Sample>) {
        let fragments = if kind == TrackKind::Video { FRAGMENTS } else { SOUND_FRAGMENTS };
        let (init, fragments) = demuxed(
            &ffmpeg(self.dir.path(), &format!("-copyts -i film.mp4 -map 0:{stream} -c copy {fragments}")),
            4096,
        );
        let track = track(&init, kind).clone();
        let samples = runs(&fragments, track.id).concat();
        (track, samples)
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
    let indexed = film.indexed(stream).unwrap_or_else(|| panic!("{words} has no plain index")).samples;
    for pair in indexed.windows(2) {
        assert_eq!(pair[0].dts + i64::from(pair[0].duration), pair[1].dts, "{words}");
    }
    let row = |sample: &IndexedSample| (sample.pts, sample.dts, u64::from(sample.bytes), sample.sync);
    assert_eq!(indexed.iter().map(row).collect::<Vec<_>>(), film.read(stream), "{words}");
}

/// Every sample that the index lists is one that ffmpeg copies, and the other way round.
fn assert_copied_alike(film: &Film, stream: u32, kind: TrackKind) {
    let indexed = film.indexed(stream).expect("a plain index");
    let source = film.index().unwrap().source(stream).expect("plain samples");
    let (theirs, samples) = film.copied(stream, kind);
    assert_eq!(source.codecs(), theirs.codecs());
    assert_eq!((source.width, source.height), (theirs.width, theirs.height));
    assert_eq!((source.channels, source.sample_rate), (theirs.channels, theirs.sample_rate));
    // ffmpeg's muxer makes a coarse timescale finer.
    let finer = i64::from(theirs.timescale / source.timescale);
    assert_eq!(u64::from(source.timescale) * finer.unsigned_abs(), u64::from(theirs.timescale));
    let ours = indexed.samples.iter().map(|sample| {
        let at = usize::try_from(sample.at).unwrap();
        let data = &film.bytes[at..at + sample.bytes as usize];
        let offset = 10 * i64::from(source.timescale);
        ((sample.dts + offset) * finer, (sample.pts + offset) * finer, sample.sync, data)
    });
    let theirs: Vec<_> = samples.iter().map(|sample| (sample.dts, sample.pts, sample.sync, &sample.data[..])).collect();
    let ours: Vec<_> = ours.collect();
    assert_eq!(ours.len(), theirs.len());
    assert!(ours == theirs, "samples differ: {:?}", ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs));
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
fn samples_are_those_that_ffmpeg_copies() {
    let both = "-c:v libx264 -bf 3 -g 50 -pix_fmt yuv420p -c:a aac";
    let film = Film::made(&format!("{PICTURES} {SOUND} {both}"));
    assert_copied_alike(&film, 0, TrackKind::Video);
    assert_copied_alike(&film, 1, TrackKind::Audio);
    let wide = Film::made(&format!("{PICTURES} {SOUND} {both} -vf setsar=4/3 -ac 6 -ar 48000 -movflags +faststart"));
    assert_copied_alike(&wide, 0, TrackKind::Video);
    assert_copied_alike(&wide, 1, TrackKind::Audio);
    let late = Film::made(&format!("{PICTURES} -itsoffset 1.4567 {SOUND} {both} -bf 0 -video_track_timescale 1000"));
    assert_copied_alike(&late, 0, TrackKind::Video);
    assert_copied_alike(&late, 1, TrackKind::Audio);
    let hevc = Film::made(&format!("{PICTURES} {SOUND} -c:v libx265 -x265-params log-level=none -tag:v hvc1 -c:a aac"));
    assert_copied_alike(&hevc, 0, TrackKind::Video);
    let unedited = Film::made(&format!("{PICTURES} {SOUND} {both} -use_editlist 0"));
    assert_copied_alike(&unedited, 0, TrackKind::Video);
    assert_copied_alike(&unedited, 1, TrackKind::Audio);
}

#[test]
fn sound_whose_edit_leaves_some_out_is_left_to_ffmpeg() {
    let whole = Film::made(&format!("{SOUND} -c:a aac"));
    assert!(whole.indexed(0).is_some());
    let edit = whole.bytes.windows(4).position(|name| name == b"elst").unwrap() + 12;
    let edited = |at: usize, value: u32| {
        let mut bytes = whole.bytes.clone();
        bytes[edit + at..edit + at + 4].copy_from_slice(&value.to_be_bytes());
        Index::read(&mut Cursor::new(&bytes)).unwrap().unwrap().track(0)
    };
    assert!(edited(0, 5000).is_some(), "in milliseconds");
    assert!(edited(0, 4900).is_none(), "it ends before the last packets");
    assert!(edited(4, 44_100).is_some(), "in samples");
    assert!(edited(4, 44_101).is_none(), "it begins after more than a decoder needs");
    assert!(edited(8, 0x0002_0000).is_none(), "it is played twice as fast");
}

#[test]
fn samples_that_ffmpeg_has_to_change_are_not_plain() {
    let mp3 = Film::made(&format!("{SOUND} -c:a libmp3lame"));
    assert!(mp3.indexed(0).is_some() && mp3.index().unwrap().source(0).is_none());
    let film = Film::made(&format!("{PICTURES} -c:v libx264 -pix_fmt yuv420p"));
    let with = |name: &[u8; 4], value: &[u8; 4]| {
        let mut bytes = film.bytes.clone();
        // The first one is among the file's brands.
        let at = bytes.windows(4).rposition(|found| found == name).unwrap();
        bytes[at..at + 4].copy_from_slice(value);
        Index::read(&mut Cursor::new(&bytes)).unwrap().unwrap().source(0)
    };
    assert!(with(b"avc1", b"avc1").is_some());
    assert!(with(b"avc1", b"avc3").is_none(), "its parameter sets are among the pictures");
    let mut squeezed = film.bytes.clone();
    let header = squeezed.windows(4).position(|name| name == b"tkhd").unwrap();
    squeezed[header + 4 + 76..header + 4 + 78].copy_from_slice(&128_u16.to_be_bytes());
    assert!(Index::read(&mut Cursor::new(&squeezed)).unwrap().unwrap().source(0).is_none(), "it is shown wider");
}

#[test]
fn one_byte_cannot_belong_to_many_samples() {
    let film = Film::made(&format!("{PICTURES} {SOUND} -c:v libx264 -c:a aac"));
    let samples = u32::try_from(film.indexed(0).unwrap().samples.len()).unwrap();
    let whole = u32::try_from(film.bytes.len()).unwrap();
    let table = |name: &[u8; 4]| film.bytes.windows(4).position(|found| found == name).unwrap();
    // All chunks begin at the first byte, and every sample has so many.
    let heaped = |size: u32| {
        let mut bytes = film.bytes.clone();
        let (sizes, places) = (table(b"stsz") + 8, table(b"stco") + 8);
        bytes[sizes..sizes + 4].copy_from_slice(&size.to_be_bytes());
        let chunks = u32::from_be_bytes(bytes[places..places + 4].try_into().unwrap()) as usize;
        bytes[places + 4..places + 4 + chunks * 4].fill(0);
        Index::read(&mut Cursor::new(&bytes)).unwrap().unwrap().track(0)
    };
    assert!(heaped(whole / samples).is_some());
    assert!(heaped(whole / samples + 1).is_none(), "together they are more than the file");
}

#[test]
fn key_frames_and_places_that_are_told_otherwise_are_left_to_ffmpeg() {
    let film = Film::made(&format!("{PICTURES} -c:v libx264 -g 25"));
    let with = |name: &[u8; 4], behind: usize, value: [u8; 4]| {
        let mut bytes = film.bytes.clone();
        let at = bytes.windows(4).rposition(|found| found == name).unwrap() + behind;
        bytes[at..at + 4].copy_from_slice(&value);
        Index::read(&mut Cursor::new(&bytes)).unwrap().unwrap().track(0).is_some()
    };
    assert!(with(b"stss", 0, *b"stss"));
    assert!(!with(b"stss", 8, [0; 4]), "no row: readers look into the pictures");
    assert!(!with(b"ctts", 0, *b"stps"), "QuickTime lists partial key frames apart");
    assert!(!with(b"url ", 4, [0; 4]), "the samples lie in another file");
}

#[test]
fn files_that_are_not_plain_have_to_be_read() {
    let fragmented = Film::made(&format!("{PICTURES} -c:v libx264 -movflags +frag_keyframe+empty_moov"));
    assert!(fragmented.indexed(0).is_none());
    let titled = Film::made(&format!("{SOUND} -f lavfi -i color=s=16x16:d=1 -c:a aac -c:v libx264 -map 0 -map 1"));
    assert_eq!(titled.indexed(0).unwrap().kind, TrackKind::Audio);
    assert!(titled.indexed(2).is_none(), "there are two tracks");

    let mut whole = Film::made(&format!("{PICTURES} -c:v libx264 -movflags +faststart"));
    assert!(whole.indexed(0).is_some());
    whole.bytes.truncate(whole.bytes.len() - 100);
    assert!(whole.indexed(0).is_none(), "its last picture is missing");
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
            if let Some(index) = Index::read(&mut Cursor::new(&bytes)).unwrap() {
                let _ = (index.track(0), index.source(0));
            }
        }
    }
    for end in (0..index).step_by(7) {
        let index = Index::read(&mut Cursor::new(&film.bytes[..end])).unwrap();
        assert!(index.is_none_or(|index| index.track(0).is_none()));
    }
}
