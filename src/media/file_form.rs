//! What kind of file a film is, for whoever gets it back: the ending of its name and its media type.

use super::probe::Probe;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileForm {
    /// Ending of its name, without a dot.
    pub ending: &'static str,
    /// Media type.
    pub media_type: &'static str,
}

/// What MP4 files are, with pictures.
pub const MP4: FileForm = FileForm { ending: "mp4", media_type: "video/mp4" };

/// MP4 files of sound alone.
pub const M4A: FileForm = FileForm { ending: "m4a", media_type: "audio/mp4" };

/// A file whose container has no usual ending.
const UNKNOWN: FileForm = FileForm { ending: "bin", media_type: "application/octet-stream" };

/// ffmpeg's names of containers, with what their files are with pictures and without.
const FORMS: [(&str, FileForm, FileForm); 19] = [
    ("mp4", MP4, M4A),
    ("webm", form("webm", "video/webm"), form("webm", "audio/webm")),
    ("matroska", form("mkv", "video/x-matroska"), form("mka", "audio/x-matroska")),
    ("avi", form("avi", "video/x-msvideo"), form("avi", "video/x-msvideo")),
    ("mpegts", form("ts", "video/mp2t"), form("ts", "video/mp2t")),
    ("mpeg", form("mpg", "video/mpeg"), form("mpg", "video/mpeg")),
    ("mpegvideo", form("mpg", "video/mpeg"), form("mpg", "video/mpeg")),
    ("flv", form("flv", "video/x-flv"), form("flv", "video/x-flv")),
    ("live_flv", form("flv", "video/x-flv"), form("flv", "video/x-flv")),
    ("ogg", form("ogv", "video/ogg"), form("oga", "audio/ogg")),
    ("asf", form("wmv", "video/x-ms-wmv"), form("wma", "audio/x-ms-wma")),
    ("mxf", form("mxf", "application/mxf"), form("mxf", "application/mxf")),
    ("h264", form("h264", "video/h264"), UNKNOWN),
    ("hevc", form("h265", "video/h265"), UNKNOWN),
    ("aac", UNKNOWN, form("aac", "audio/aac")),
    ("mp3", UNKNOWN, form("mp3", "audio/mpeg")),
    ("flac", UNKNOWN, form("flac", "audio/flac")),
    ("wav", UNKNOWN, form("wav", "audio/wav")),
    ("ac3", UNKNOWN, form("ac3", "audio/ac3")),
];

/// Codecs that `WebM` holds; Matroska files of these alone are called so.
const OF_WEBM: [&str; 5] = ["vp8", "vp9", "av1", "opus", "vorbis"];

const fn form(ending: &'static str, media_type: &'static str) -> FileForm {
    FileForm { ending, media_type }
}

impl FileForm {
    /// The usual form of such a file, from what is in it and never from what it was called.
    pub fn of(probe: &Probe) -> Self {
        let is_webm = {
            let pictures = probe.video.iter().map(|stream| stream.codec.as_str());
            let sounds = probe.audio.iter().map(|stream| stream.codec.as_str());
            pictures.chain(sounds).all(|codec| OF_WEBM.contains(&codec)) && probe.subtitles.is_empty()
        };
        let names = || probe.container.split(',');
        let known = FORMS.iter().find(|(name, ..)| names().any(|one| one == *name) && (*name != "webm" || is_webm));
        let without_pictures = probe.video.is_empty();
        known.map_or(UNKNOWN, |(_, with, without)| if without_pictures { *without } else { *with })
    }

    /// The form whose name ends so; files of unknown kind when there is none.
    pub fn of_ending(ending: &str) -> Self {
        let all = FORMS.iter().flat_map(|(_, with, without)| [*with, *without]);
        all.into_iter().find(|form| form.ending == ending).unwrap_or(UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::probe::AudioStream;

    fn probe(container: &str, codecs: &[&str]) -> Probe {
        let sound = |codec: &&str| AudioStream {
            index: 0,
            codec: (*codec).to_owned(),
            profile: None,
            sample_rate: 48_000,
            channels: 2,
            layout: None,
            has_extradata: true,
            bit_rate: None,
            language: None,
            title: None,
            default: true,
            start_s: None,
            end_s: None,
            time_base: None,
            is_empty: false,
            changes: false,
        };
        Probe {
            container: container.to_owned(),
            duration_s: None,
            start_s: 0.0,
            bytes: 1,
            title: None,
            video: Vec::new(),
            audio: codecs.iter().map(sound).collect(),
            subtitles: Vec::new(),
            data: Vec::new(),
            cover: None,
            chapters: Vec::new(),
        }
    }

    #[test]
    fn the_form_follows_from_container_and_streams() {
        for (container, codecs, ending) in [
            ("mov,mp4,m4a,3gp,3g2,mj2", &["aac"][..], "m4a"),
            ("matroska,webm", &["aac"], "mka"),
            ("matroska,webm", &["opus"], "webm"),
            ("matroska,webm", &["opus", "aac"], "mka"),
            ("mp3", &["mp3"], "mp3"),
            ("something", &["mp3"], "bin"),
        ] {
            assert_eq!(FileForm::of(&probe(container, codecs)).ending, ending, "{container} {codecs:?}");
        }
    }

    #[test]
    fn an_ending_names_its_form() {
        assert_eq!(FileForm::of_ending("mkv").media_type, "video/x-matroska");
        assert_eq!(FileForm::of_ending("mka").media_type, "audio/x-matroska");
        assert_eq!(FileForm::of_ending("html"), UNKNOWN);
    }
}
