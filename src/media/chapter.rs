//! Chapters of a film as players take them: `WebVTT` for a `<track>`, and the JSON that Apple's players read
//! beside a master playlist.

use super::probe::{Chapter, Probe};
use super::subtitles::clock;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The chapters of a probed file in seconds of the film, in its order. Those without a length are left out.
pub fn of(probe: &Probe) -> Vec<Chapter> {
    let film = |second: f64| (second - probe.start_s).max(0.0);
    let mut chapters: Vec<Chapter> = probe
        .chapters
        .iter()
        .map(|chapter| Chapter { start_s: film(chapter.start_s), end_s: film(chapter.end_s), ..chapter.clone() })
        .filter(|chapter| milliseconds(chapter.start_s) < milliseconds(chapter.end_s))
        .collect();
    chapters.sort_by(|one, other| one.start_s.total_cmp(&other.start_s));
    chapters
}

/// A `WebVTT` file with a cue for each; its text is the name, with nothing active in it.
pub fn vtt(chapters: &[Chapter]) -> String {
    let mut file = String::from("WEBVTT\n\n");
    for (number, chapter) in (1..).zip(chapters) {
        let (start, end) = (clock::write(milliseconds(chapter.start_s)), clock::write(milliseconds(chapter.end_s)));
        let name = escaped(&name(number, chapter));
        // Writing into a `String` cannot fail.
        _ = write!(file, "{start} --> {end}\n{name}\n\n");
    }
    file
}

/// Apple's list of chapters (`com.apple.hls.chapters`).
pub fn json(chapters: &[Chapter]) -> String {
    let entry = |(number, chapter): (usize, &Chapter)| {
        json!({
            "chapter": number,
            "start-time": milliseconds(chapter.start_s) as f64 / 1000.0,
            "duration": milliseconds(chapter.end_s).saturating_sub(milliseconds(chapter.start_s)) as f64 / 1000.0,
            // What nobody said is undetermined (RFC 5646).
            "titles": [{ "language": "und", "title": name(number, chapter) }],
        })
    };
    Value::Array((1..).zip(chapters).map(entry).collect()).to_string()
}

fn name(number: usize, chapter: &Chapter) -> String {
    let words: Vec<&str> = chapter.title.as_deref().unwrap_or_default().split_whitespace().collect();
    if words.is_empty() { format!("Chapter {number}") } else { words.join(" ") }
}

fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chapter(start_s: f64, end_s: f64, title: Option<&str>) -> Chapter {
        Chapter { start_s, end_s, title: title.map(Into::into) }
    }

    #[test]
    fn a_name_is_one_line_of_text_and_nothing_else() {
        let hostile = "a\n\n00:00:01.000 --> 00:00:02.000\n<script>alert(1)</script> & b";
        let file = vtt(&[chapter(0.0, 61.5, Some(hostile)), chapter(61.5, 3700.0, None)]);
        assert_eq!(
            file,
            "WEBVTT\n\n00:00:00.000 --> 00:01:01.500\n\
             a 00:00:01.000 --&gt; 00:00:02.000 &lt;script&gt;alert(1)&lt;/script&gt; &amp; b\n\n\
             00:01:01.500 --> 01:01:40.000\nChapter 2\n\n"
        );
    }

    #[test]
    fn the_list_for_apple_says_where_each_begins_and_how_long_it_is() {
        let list: Value = serde_json::from_str(&json(&[chapter(8.0, 20.25, Some("\"Two\""))])).unwrap();
        assert_eq!(
            list,
            json!([{ "chapter": 1, "start-time": 8.0, "duration": 12.25,
                     "titles": [{ "language": "und", "title": "\"Two\"" }] }])
        );
    }
}
