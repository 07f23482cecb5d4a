//! What no input may do: panic, grow without bound, or come out as something else than it went in.

use super::cue;
use crate::media::subtitles::markup::Dialect;
use crate::media::subtitles::{CueText, Settings, Subtitles, SubtitlesError, parse};

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    /// Text put together from what parsers stumble over.
    fn text(&mut self, pieces: usize) -> String {
        const PIECES: [&str; 44] = [
            "<",
            ">",
            "&",
            ";",
            "/",
            "<i>",
            "</i>",
            "<b>",
            "</b>",
            "<u>",
            "<v ",
            "<v.a-b Mary & \"Ann\">",
            "</v>",
            "<c.x->",
            "</c>",
            "<ruby>",
            "<rt>",
            "</rt>",
            "</ruby>",
            "<lang ",
            "-->",
            "--",
            "\n",
            "\n\n",
            " ",
            "\t",
            "\0",
            "\u{85}",
            "\u{feff}",
            "&amp;",
            "&#10;",
            "&lt",
            "&nbsp;",
            "{\\an8}",
            "{",
            "}",
            "\\N",
            "{\\i1}",
            "{\\p1}",
            "1",
            "ü漢🎬",
            "00:01.000 --> 00:02.000\n",
            "NOTE\n",
            "word",
        ];
        (0..self.roll(pieces)).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }
}

/// What every cue's text keeps to.
fn assert_harmless(text: &str) {
    assert!(!text.contains("-->"), "{text:?}");
    assert!(text.split('\n').all(|line| !line.is_empty()), "{text:?}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    let mut open = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("a tag has no end: {text:?}"));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{text:?}");
        } else {
            let name = tag.split([' ', '.']).next().unwrap();
            assert!(["b", "c", "i", "lang", "rt", "ruby", "u", "v"].contains(&name), "{text:?}");
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{text:?}");
    for reference in text.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;"].iter().any(|known| reference.starts_with(known)), "{text:?}");
    }
}

#[test]
fn what_is_written_reads_back_the_same_whatever_was_said() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..2000 {
        let mut cues = Vec::new();
        for _ in 0..dice.roll(6) {
            let start = dice.roll(100_000) as u64;
            let mut cue = cue(start, start + 1 + dice.roll(9000) as u64, &dice.text(40));
            cue.settings = Settings::parse(["", "line:0", "align:start size:50%", "position:x"][dice.roll(4)]);
            if !cue.text.as_str().is_empty() {
                assert_harmless(cue.text.as_str());
                cues.push(cue);
            }
        }
        let track = Subtitles::new(cues);
        assert_eq!(parse(track.write().as_bytes()).unwrap(), track);
        let joined: String = track.segments(6000, 200_000).collect();
        assert_eq!(parse(joined.as_bytes()).unwrap(), track);
    }
}

#[test]
fn no_bytes_make_a_parser_panic_or_let_anything_through() {
    let mut dice = Dice(42);
    let heads = ["WEBVTT\n\n", "[Events]\n", "1\n", ""];
    for round in 0..3000 {
        let mut file = heads[round % heads.len()].as_bytes().to_vec();
        for _ in 0..dice.roll(12) {
            file.extend(dice.text(12).as_bytes());
            file.extend(
                ["00:00:01,000 --> 00:00:02,000\n", "Dialogue: 0,0:00:01.00,0:00:02.00,,,,,,,"][dice.roll(2)]
                    .as_bytes(),
            );
        }
        for _ in 0..dice.roll(4) {
            let at = dice.roll(file.len() + 1);
            file.insert(at, dice.roll(256) as u8);
        }
        if let Ok(track) = parse(&file) {
            track.cues().iter().for_each(|cue| assert_harmless(cue.text.as_str()));
            assert!(track.cues().iter().all(|cue| cue.start_ms < cue.end_ms));
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut dice = Dice(7);
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..dice.roll(400)).map(|_| dice.roll(256) as u8).collect();
        if let Ok(track) = parse(&bytes) {
            track.cues().iter().for_each(|cue| assert_harmless(cue.text.as_str()));
        }
    }
}

#[test]
fn files_that_are_too_large_or_no_subtitles_are_refused_with_a_reason() {
    assert_eq!(parse(&vec![b' '; super::super::MAX_BYTES + 1]), Err(SubtitlesError::TooLarge));
    for file in ["", "Dear diary", "{\\rtf1}", "<html><body>1</body>", "#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/x\n"] {
        assert_eq!(parse(file.as_bytes()), Err(SubtitlesError::UnknownFormat), "{file}");
    }
    assert_eq!(parse(b"WEBVTT").map(|track| track.cues().len()), Ok(0));
    let many: String = (0..200_001).map(|number| format!("0:01 --> 0:02\nn{number}\n")).collect();
    assert_eq!(parse(many.as_bytes()), Err(SubtitlesError::TooManyCues));
}

#[test]
fn a_long_text_is_cut_and_stays_well_formed() {
    let text = CueText::clean(&"<i>&amp;<b>漢".repeat(10_000), Dialect::WebVtt);
    assert_harmless(text.as_str());
    assert!((4000..4300).contains(&text.as_str().len()), "{}", text.as_str().len());
}

/// Texts that would cost their length squared to a parser that looks for the end of each bracket.
/// A megabyte squared, so often, would not end within the time any test has.
#[test]
fn large_hostile_files_take_time_in_line_with_their_length() {
    let length = 1 << 20;
    for piece in
        ["<", "{", "{\\", "&", "<i", "\n", "1\n", "-->", "{\\p1}{", "<i>", "00:00:01,000 --> 00:00:02,000\n", "\\N{"]
    {
        let filling = piece.repeat(length / piece.len());
        for head in [
            "1\n00:00:01,000 --> 00:00:02,000\n",
            "WEBVTT\n\n00:01.000 --> 00:02.000\n",
            "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,,,,,,,",
        ] {
            if let Ok(track) = parse([head, &filling].concat().as_bytes()) {
                assert!(track.cues().len() <= 2);
            }
        }
    }
}
