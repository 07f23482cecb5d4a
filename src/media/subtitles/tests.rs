//! Subtitles: every format with its faults, and what no input may do.

mod ass;
mod hostile;
mod segments;
mod srt;
mod webvtt;

use super::{Cue, CueText, Settings, Subtitles, markup::Dialect, parse};

/// `(start, end, settings, text)` of every cue.
fn read(file: impl AsRef<[u8]>) -> Vec<(u64, u64, String, String)> {
    told(&parse(file.as_ref()).unwrap())
}

fn told(subtitles: &Subtitles) -> Vec<(u64, u64, String, String)> {
    let tell = |cue: &Cue| (cue.start_ms, cue.end_ms, cue.settings.to_string(), cue.text.as_str().to_owned());
    subtitles.cues().iter().map(tell).collect()
}

/// The texts alone.
fn texts(file: impl AsRef<[u8]>) -> Vec<String> {
    read(file).into_iter().map(|cue| cue.3).collect()
}

fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
    let text = CueText::clean(text, Dialect::WebVtt);
    Cue { start_ms, end_ms, settings: Settings::default(), text }
}

fn plain(start: u64, end: u64, text: &str) -> (u64, u64, String, String) {
    (start, end, String::new(), text.to_owned())
}

#[test]
fn codecs_of_text_and_of_pictures_are_told_apart() {
    for codec in ["subrip", "ass", "webvtt", "mov_text"] {
        assert!(super::is_text(codec) && !super::is_picture(codec));
    }
    for codec in ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"] {
        assert!(super::is_picture(codec) && !super::is_text(codec));
    }
    assert!(!super::is_text("dvb_teletext") && !super::is_picture("h264"));
}

#[test]
fn cues_are_sorted_and_exact_doubles_dropped() {
    let cues = [(5, 6, "b"), (1, 2, "x"), (1, 9, "long"), (1, 2, "y"), (1, 2, "x")];
    let subtitles = Subtitles::new(cues.map(|(start, end, text)| cue(start, end, text)).to_vec());
    let texts: Vec<&str> = subtitles.cues().iter().map(|cue| cue.text.as_str()).collect();
    assert_eq!(texts, ["long", "x", "y", "b"]);
}
