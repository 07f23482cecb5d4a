//! Which subtitles become `WebVTT`, and which cannot.

use super::SubtitlePlan;
use crate::media::probe::{Probe, SubtitleStream};
use crate::media::subtitles::{is_picture, is_text};

/// What people call codecs of subtitles.
const NAMES: [(&str, &str); 11] = [
    ("subrip", "SRT"),
    ("srt", "SRT"),
    ("ass", "ASS"),
    ("ssa", "SSA"),
    ("webvtt", "WebVTT"),
    ("mov_text", "MP4 text"),
    ("text", "plain text"),
    ("hdmv_pgs_subtitle", "Blu-ray pictures"),
    ("dvd_subtitle", "DVD pictures"),
    ("dvb_subtitle", "broadcast pictures"),
    ("xsub", "DivX pictures"),
];

/// What is made of a file's subtitles, and what is not.
pub(super) fn forms(probe: &Probe) -> (Vec<SubtitlePlan>, Vec<String>) {
    let (mut made, mut left_out) = (Vec::new(), Vec::new());
    for stream in &probe.subtitles {
        if is_text(&stream.codec) {
            made.push(SubtitlePlan {
                index: stream.index,
                why: match name_of(&stream.codec) {
                    "WebVTT" => "WebVTT, which every browser shows, without what is not text".to_owned(),
                    name => format!("{name} becomes WebVTT, which every browser shows"),
                },
                language: stream.language.clone(),
                label: stream.title.clone(),
                forced: stream.forced,
                is_default: stream.default,
            });
        } else {
            left_out.push(why_not(stream));
        }
    }
    (made, left_out)
}

fn why_not(stream: &SubtitleStream) -> String {
    let name = stream.title.as_ref().or(stream.language.as_ref()).map(|name| format!(" ({name})")).unwrap_or_default();
    match name_of(&stream.codec) {
        kind if is_picture(&stream.codec) => {
            format!("Subtitles{name} are {kind}, not text, and are not supported.")
        }
        kind => format!("Subtitles{name} of the kind {kind} are not supported."),
    }
}

fn name_of(codec: &str) -> &str {
    NAMES.iter().find(|(known, _)| *known == codec).map_or(codec, |(_, name)| name)
}
