//! Storyboards and candidates for a poster: as many as planned, of the right size, at the right time.

use crate::ffmpeg_child::{Bench, size_of, turned_right};
use crate::harness::clip;
use bytes::Bytes;
use std::path::Path;
use std::process::Command;
use telecine::ffmpeg::FfmpegError;
use telecine::media::storyboard::Storyboard;
use tokio_util::sync::CancellationToken;

/// A film's storyboard with all its sheets.
struct Drawn {
    board: Storyboard,
    sheets: Vec<Bytes>,
    bench: Bench,
}

impl Drawn {
    async fn of(bench: Bench, film: &Path, seconds: f64) -> Self {
        let probe = bench.probe(film).await;
        let board = Storyboard::of(seconds, probe.video[0].display_size());
        let sheets = bench.ffmpeg.storyboard(film, &probe, &board, &CancellationToken::new()).await.unwrap();
        Self { board, sheets, bench }
    }

    fn sizes(&self) -> Vec<String> {
        let sheets = self.sheets.iter().enumerate();
        sheets.map(|(number, jpeg)| size_of(&self.bench.write(&format!("{number}.jpg"), jpeg))).collect()
    }

    /// The colour in the middle of every tile.
    fn colours(&self) -> Vec<[u8; 3]> {
        let mut colours = Vec::new();
        for (number, jpeg) in self.sheets.iter().enumerate() {
            let (rows, columns) = self.board.grid(number as u32);
            let path = self.bench.write("sheet.jpg", jpeg);
            let words = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
            let pixels =
                Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(words).output().unwrap().stdout;
            for tile in 0..rows * columns {
                let x = tile % columns * self.board.tile_width + self.board.tile_width / 2;
                let y = tile / columns * self.board.tile_height + self.board.tile_height / 2;
                let at = ((y * columns * self.board.tile_width + x) * 3) as usize;
                colours.push(pixels[at..at + 3].try_into().unwrap());
            }
        }
        colours.truncate(self.board.tiles as usize);
        colours
    }
}

#[track_caller]
fn assert_colour(seen: [u8; 3], name: &str) {
    let wanted = clip::COLOURS.iter().find(|(known, _)| *known == name).unwrap().1;
    let near = seen.iter().zip(wanted).all(|(seen, wanted)| seen.abs_diff(wanted) < 30);
    assert!(near, "{seen:?} is not {name}");
}

/// Four seconds of each colour, with a key frame every second.
fn assert_four_seconds_each(colours: &[[u8; 3]]) {
    assert_eq!(colours.len(), 24);
    for (second, seen) in colours.iter().enumerate() {
        assert_colour(*seen, clip::COLOURS[second / 4].0);
    }
}

#[tokio::test]
async fn every_tile_shows_the_film_at_its_time_wherever_the_film_begins() {
    let source = clip::colours().path;
    for (name, words) in
        [("film.mp4", "-c copy"), ("film.ts", "-c copy -f mpegts"), ("late.mkv", "-c copy -output_ts_offset 7.04")]
    {
        let bench = Bench::new();
        let film = bench.make(name, &format!("-i {} -map 0:v {words}", source.display()));
        let drawn = Drawn::of(bench, &film, 24.0).await;
        assert_eq!(drawn.board.interval_ms, 1000);
        assert_eq!(drawn.sizes(), ["1600,270"], "{name}");
        assert_four_seconds_each(&drawn.colours());
    }
}

#[tokio::test]
async fn a_long_film_has_several_sheets_and_the_last_is_shorter() {
    let bench = Bench::new();
    let film = "-f lavfi -i color=red:s=64x36:r=4:d=210 -f lavfi -i color=blue:s=64x36:r=4:d=40 \
        -filter_complex [0][1]concat -c:v libx264 -preset ultrafast -g 8 -pix_fmt yuv420p";
    let film = bench.make("film.mp4", film);
    let drawn = Drawn::of(bench, &film, 250.0).await;
    assert_eq!((drawn.board.interval_ms, drawn.board.tiles), (2000, 125));
    assert_eq!(drawn.sizes(), ["1600,900", "1600,270"]);
    for (tile, seen) in drawn.colours().into_iter().enumerate() {
        assert_colour(seen, if tile < 105 { "red" } else { "blue" });
    }
}

#[tokio::test]
async fn tiles_repeat_where_key_frames_are_far_apart() {
    let bench = Bench::new();
    let source = clip::colours().path;
    // Key frames at 0, 10 and 20 seconds: red, blue and cyan.
    let words = "-map 0:v -c:v libx264 -preset ultrafast -g 1000 -sc_threshold 0 -force_key_frames 0,10,20";
    let film = bench.make("film.mp4", &format!("-i {} {words}", source.display()));
    let drawn = Drawn::of(bench, &film, 24.0).await;
    for (second, seen) in drawn.colours().into_iter().enumerate() {
        assert_colour(seen, ["red", "blue", "cyan"][second / 10]);
    }
}

#[tokio::test]
async fn tiles_before_the_first_picture_show_the_first_picture() {
    let bench = Bench::new();
    let film = bench.make(
        "film.mkv",
        "-f lavfi -i sine=440:d=6 -itsoffset 3 -f lavfi -i color=lime:s=64x36:d=3 -c:v libx264 -preset ultrafast",
    );
    let drawn = Drawn::of(bench, &film, 6.0).await;
    assert_eq!(drawn.sizes(), ["960,90"]);
    drawn.colours().into_iter().for_each(|seen| assert_colour(seen, "lime"));
}

#[tokio::test]
async fn odd_pictures_become_upright_tiles_of_the_shape_they_have() {
    let source = "-f lavfi -i color=yellow:s=640x360:r=25:d=2 -preset ultrafast -pix_fmt yuv420p -c:v libx264";
    for (name, words, size) in [
        ("turned.mp4", "", "180,160"),
        ("wide.mp4", "-vf scale=320:360,setsar=2", "320,90"),
        ("interlaced.ts", "-flags +ildct+ilme -x264-params interlaced=1 -f mpegts", "320,90"),
        (
            "hlg.mkv",
            "-color_trc arib-std-b67 -color_primaries bt2020 -colorspace bt2020nc -pix_fmt yuv420p10",
            "320,90",
        ),
        ("one.mp4", "-frames:v 1", "160,90"),
    ] {
        let bench = Bench::new();
        let mut film = bench.make(name, &format!("{source} {words}"));
        if name.starts_with("turned") {
            film = bench.write("turned.mp4", turned_right(std::fs::read(film).unwrap()));
        }
        let probe = bench.probe(&film).await;
        assert_eq!(probe.video[0].interlaced, name.starts_with("interlaced"));
        assert_eq!(probe.video[0].transfer.as_deref() == Some("arib-std-b67"), name.starts_with("hlg"));
        let drawn = Drawn::of(bench, &film, probe.duration_s.unwrap()).await;
        assert_eq!(drawn.sizes(), [size], "{name}");
        for [red, green, blue] in drawn.colours() {
            assert!(red > 150 && green > 150 && blue < 90, "{name}: {red} {green} {blue}");
        }
    }
}

#[tokio::test]
async fn a_film_without_a_picture_has_no_storyboard_and_says_why() {
    let bench = Bench::new();
    let song = bench.make("song.m4a", "-f lavfi -i sine=440:d=2 -c:a aac");
    let words = "-f lavfi -i testsrc2=s=320x180:d=4 -c:v libx264 -preset ultrafast -movflags +faststart";
    let mut broken = std::fs::read(bench.make("film.mp4", words)).unwrap();
    let data = broken.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    for (number, byte) in (0_u32..).zip(&mut broken[data..]) {
        *byte = (number.wrapping_mul(2_654_435_761) >> 13) as u8;
    }
    let broken = bench.write("broken.mp4", broken);
    for film in [song, broken] {
        let probe = bench.probe(&film).await;
        let board = Storyboard::of(probe.duration_s.unwrap(), (320, 180));
        let cancel = CancellationToken::new();
        let refused = bench.ffmpeg.storyboard(&film, &probe, &board, &cancel).await;
        assert!(
            matches!(&refused, Err(FfmpegError::Refused { reason }) if reason.contains("storyboard")),
            "{refused:?}"
        );
        assert!(bench.ffmpeg.poster_candidates(&film, &probe, &cancel).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn drawing_stops_when_asked() {
    let bench = Bench::new();
    let film = clip::colours().path;
    let probe = bench.probe(&film).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let stopped = bench.ffmpeg.storyboard(&film, &probe, &Storyboard::of(24.0, (320, 180)), &cancel).await;
    assert!(matches!(stopped, Err(FfmpegError::Cancelled)));
    assert!(matches!(bench.ffmpeg.poster_candidates(&film, &probe, &cancel).await, Err(FfmpegError::Cancelled)));
}

#[tokio::test]
async fn candidates_are_spread_over_the_film_and_no_two_are_alike() {
    let bench = Bench::new();
    let words = "-f lavfi -i testsrc2=s=640x360:r=25:d=24 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g";
    let (many, few) = (bench.make("many.mp4", &format!("{words} 25")), bench.make("few.mp4", &format!("{words} 300")));
    for (film, seconds) in [(many, 8), (few, 2)] {
        let probe = bench.probe(&film).await;
        let found = bench.ffmpeg.poster_candidates(&film, &probe, &CancellationToken::new()).await.unwrap();
        assert_eq!(found.len(), seconds);
        assert!(found.is_sorted_by(|one, next| one.second < next.second && one.jpeg != next.jpeg));
        for candidate in found {
            assert!(candidate.score > 8.0 && (0.0..24.0).contains(&candidate.second));
            assert_eq!(size_of(&bench.write("still.jpg", candidate.jpeg)), "640,360");
        }
    }
}
