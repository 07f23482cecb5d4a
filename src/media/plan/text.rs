//! Which subtitles become `WebVTT`, and which cannot.

use super::SubtitlePlan;
use crate::media::probe::{Probe, SubtitleStream};

/// Subtitles that are pictures: they would have to be read by a machine.
const PICTURES: [(&str, &str); 4] = [
    ("hdmv_pgs_subtitle", "Blu-ray pictures"),
    ("dvd_subtitle", "DVD pictures"),
    ("dvb_subtitle", "broadcast pictures"),
    ("xsub", "DivX pictures"),
];

/// Subtitles that are text.
const TEXTS: [(&str, &str); 8] = [
    ("subrip", "SRT"),
    ("srt", "SRT"),
    ("ass", "ASS"),
    ("ssa", "SSA"),
    ("webvtt", "WebVTT"),
    ("mov_text", "MP4 text"),
    ("text", "plain text"),
    ("subviewer", "SubViewer"),
];

/// What is made of a file's subtitles, and what is not.
pub(super) fn forms(probe: &Probe) -> (Vec<SubtitlePlan>, Vec<String>) {
    let (mut made, mut left_out) = (Vec::new(), Vec::new());
    for stream in &probe.subtitles {
        match TEXTS.iter().find(|(codec, _)| *codec == stream.codec) {
            Some((_, name)) => made.push(SubtitlePlan {
                index: stream.index,
                why: format!("{name} becomes WebVTT, which every browser shows"),
                language: stream.language.clone(),
                label: stream.title.clone(),
                forced: stream.forced,
                is_default: stream.default,
            }),
            None => left_out.push(why_not(stream)),
        }
    }
    (made, left_out)
}

fn why_not(stream: &SubtitleStream) -> String {
    let name = stream.title.as_ref().or(stream.language.as_ref()).map(|name| format!(" ({name})")).unwrap_or_default();
    match PICTURES.iter().find(|(codec, _)| *codec == stream.codec) {
        Some((_, kind)) => format!("Subtitles{name} are {kind}, not text, and are not supported."),
        None => format!("Subtitles{name} of the kind {} are not supported.", stream.codec),
    }
}
