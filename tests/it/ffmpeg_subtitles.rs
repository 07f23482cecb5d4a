//! Text subtitles out of films: every codec, several tracks at once, times exact to the millisecond.

use crate::ffmpeg_child::Bench;
use std::path::{Path, PathBuf};
use telecine::ffmpeg::FfmpegError;
use telecine::media::subtitles::Subtitles;
use tokio_util::sync::CancellationToken;

const SRT: &str = "1\n00:00:01,001 --> 00:00:02,502\nHello <i>there</i>\n\n2\n00:00:06,999 --> 00:00:08,003\nTwo\nlines & <script>x</script>\n";
const ASS: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n[Events]\n\
    Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
    Dialogue: 0,0:00:01.50,0:00:03.00,Default,,0,0,0,,{\\i1}Hi{\\i0}, you\\Nthere\n\
    Dialogue: 1,0:00:01.50,0:00:02.00,Default,,0,0,0,,{\\an8}at the same time\n\
    Dialogue: 0,0:00:02.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}\n";
const VTT: &str = "WEBVTT\n\nname\n00:00:01.234 --> 00:00:02.345 line:0 align:start\n<v Mary>Hello</v>\n\n00:00:09.000 --> 00:00:09.999\nlast\n";

/// The input options of ffmpeg for a film of ten seconds with these files as subtitles.
fn film_with(bench: &Bench, files: &[(&str, &str)], picture: &str) -> String {
    let paths: Vec<PathBuf> = files.iter().map(|(name, text)| bench.write(name, text)).collect();
    let inputs: Vec<String> = paths.iter().map(|path| format!("-i {}", path.display())).collect();
    let maps: Vec<String> = (0..=files.len()).map(|number| format!("-map {number}")).collect();
    format!("-f lavfi -i testsrc2=s=64x36:r=25:d=10 {} {} {picture}", inputs.join(" "), maps.join(" "))
}

async fn taken(bench: &Bench, film: &Path) -> Vec<(u32, Subtitles)> {
    let probe = bench.probe(film).await;
    let tracks = bench.ffmpeg.subtitles(film, &probe, &CancellationToken::new()).await.unwrap();
    tracks.into_iter().map(|track| (track.index, track.subtitles.unwrap())).collect()
}

/// `start end settings text` of every cue.
fn told(subtitles: &Subtitles) -> Vec<String> {
    let cues = subtitles.cues().iter();
    cues.map(|cue| format!("{} {} {} {}", cue.start_ms, cue.end_ms, cue.settings, cue.text.as_str())).collect()
}

#[tokio::test]
async fn every_text_track_comes_out_in_one_run_with_the_times_it_has_in_the_film() {
    let bench = Bench::new();
    let files = [("a.srt", SRT), ("b.ass", ASS), ("c.vtt", VTT)];
    // The film begins at second 5.017: that is where its own time begins.
    for offset in ["0", "5.017"] {
        let words = film_with(&bench, &files, "-c:v libx264 -preset ultrafast -c:s copy -output_ts_offset");
        let film = bench.make("film.mkv", &format!("{words} {offset}"));

        let tracks = taken(&bench, &film).await;

        assert_eq!(tracks.iter().map(|track| track.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            told(&tracks[0].1),
            ["1001 2502  Hello <i>there</i>", "6999 8003  Two\nlines &amp; &lt;script&gt;x&lt;/script&gt;"]
        );
        assert_eq!(told(&tracks[1].1), ["1500 3000  <i>Hi</i>, you\nthere", "1500 2000 line:0 at the same time"]);
        assert_eq!(told(&tracks[2].1), ["1234 2345 line:0 align:start <v Mary>Hello</v>", "9000 9999  last"]);
    }
}

#[tokio::test]
async fn subtitles_of_mp4_end_where_they_should() {
    let bench = Bench::new();
    let files = [("a.srt", SRT), ("b.ass", ASS)];
    for offset in ["0", "3.2"] {
        let words = film_with(&bench, &files, "-c:v libx264 -preset ultrafast -bf 2 -c:s mov_text -output_ts_offset");
        let film = bench.make("film.mp4", &format!("{words} {offset}"));

        let tracks = taken(&bench, &film).await;

        let shown = ["1001 2502  Hello <i>there</i>", "6999 8003  Two\nlines &amp; x"];
        assert_eq!(told(&tracks[0].1), shown, "{offset}");
        assert_eq!(tracks[1].1.cues()[0].start_ms, 1500, "{offset}");
    }
}

#[tokio::test]
async fn a_track_with_one_late_text_holds_up_no_other() {
    let bench = Bench::new();
    let many: String = (0..3000)
        .map(|n| format!("{n}\n00:00:{:02},{:03} --> 00:00:10,000\nNumber {n}\n\n", n * 3 / 1000, n * 3 % 1000))
        .collect();
    let late = "1\n00:00:09,900 --> 00:00:09,990\nlate\n";
    let words = film_with(&bench, &[("many.srt", &many), ("late.srt", late)], "-c:v libx264 -preset ultrafast -c:s");
    for (name, codec) in [("film.mkv", "srt"), ("film.mp4", "mov_text")] {
        let film = bench.make(name, &format!("{words} {codec}"));
        let tracks = taken(&bench, &film).await;
        assert_eq!(told(&tracks[1].1), ["9900 9990  late"], "{name}");
        let starts: Vec<u64> = tracks[0].1.cues().iter().map(|cue| cue.start_ms).collect();
        assert_eq!(starts.len(), 3000, "{name}");
        assert!((0..3000).all(|n| starts[n as usize] == n * 3), "{name}");
    }
}

#[tokio::test]
async fn sound_with_words_gives_its_words_and_a_film_without_any_gives_none() {
    let bench = Bench::new();
    let words = bench.write("a.srt", SRT);
    let song = bench.make("song.mka", &format!("-f lavfi -i sine=440:d=10 -i {} -c:a flac -c:s copy", words.display()));
    let tracks = taken(&bench, &song).await;
    assert_eq!(told(&tracks[0].1)[0], "1001 2502  Hello <i>there</i>");

    let silent = bench.make("silent.mp4", "-f lavfi -i testsrc2=s=64x36:d=1 -c:v libx264 -preset ultrafast");
    assert!(taken(&bench, &silent).await.is_empty());
    let empty = bench.write("empty.srt", "1\n00:00:01,000 --> 00:00:01,500\n \n");
    let film = bench.make(
        "empty.mkv",
        &format!("-f lavfi -i testsrc2=s=64x36:d=1 -i {} -map 0 -map 1 -c:v libx264 -c:s copy", empty.display()),
    );
    assert!(taken(&bench, &film).await[0].1.cues().is_empty());
}

#[tokio::test]
async fn taking_subtitles_stops_when_asked() {
    let bench = Bench::new();
    let words = film_with(&bench, &[("a.srt", SRT)], "-c:v libx264 -preset ultrafast -c:s copy");
    let film = bench.make("film.mkv", &words);
    let probe = bench.probe(&film).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let stopped = bench.ffmpeg.subtitles(&film, &probe, &cancel).await;
    assert!(matches!(stopped, Err(FfmpegError::Cancelled)), "{stopped:?}");
}
