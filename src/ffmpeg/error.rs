//! What can go wrong with a child, in terms a caller may act on and sentences people understand.

use std::io;

/// Why a child did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// The file is not one we take. Trying again cannot help; the reason is a sentence for people.
    #[error("{reason}")]
    Refused {
        /// What is wrong with the file and, where possible, what to do.
        reason: String,
    },
    /// The child gave up; another encoder or another try may help.
    #[error("ffmpeg failed: {last_words}")]
    Failed {
        /// The end of what it wrote to stderr, without paths.
        last_words: String,
    },
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// It showed no sign of life for too long and was killed.
    #[error("ffmpeg made no progress for {seconds} s and was stopped")]
    Stalled {
        /// How long it was silent.
        seconds: u64,
    },
    /// The program is not there.
    #[error("{program} was not found: install ffmpeg 5.1 or newer, or say where it is")]
    NotInstalled {
        /// Which program.
        program: String,
    },
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl FfmpegError {
    pub(super) fn io(doing: &'static str, source: io::Error) -> Self {
        Self::Io { doing, source }
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// Words of ffmpeg that mean the file is at fault, and what to tell people. The first match counts.
const FAULTS_OF_THE_FILE: [(&str, &str); 12] = [
    (
        "moov atom not found",
        "The file ends early: its index (the moov box) is missing. The recording or the copy was probably interrupted; \
         try the original file again.",
    ),
    (
        "End of file",
        "The file ends before any picture or sound. It is empty or was cut off; try the original file again.",
    ),
    (
        "Format not on whitelist",
        "This is not a video or sound file of a kind we take (playlists, pictures and scripts are not).",
    ),
    (
        "not on whitelist",
        "The file uses a codec or a source we do not open. Convert it to H.264 or HEVC with AAC sound and upload it again.",
    ),
    ("Protocol not found", "The file refers to something outside itself, and only whole files are taken."),
    ("max_streams", "The file claims to hold far more tracks than a film has, so it was not opened."),
    ("Too many streams", "The file claims to hold far more tracks than a film has, so it was not opened."),
    ("Picture size", "The file claims a picture larger than we decode (about 64 million pixels)."),
    ("Video frame size", "The file claims a picture larger than we decode (about 64 million pixels)."),
    ("Invalid data found", "The file is damaged or not a video: nothing in it could be read."),
    ("Cannot allocate memory", "The file asks for more memory than a film needs, so opening it was stopped."),
    (
        "Could not find codec parameters",
        "The file lists tracks but holds nothing that describes them; it is damaged or cut off.",
    ),
];

/// What is wrong with the file according to ffmpeg's words, in a sentence for people.
pub(super) fn fault_of_the_file(words: &str) -> Option<&'static str> {
    FAULTS_OF_THE_FILE.iter().find(|(sign, _)| words.contains(sign)).map(|(_, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cut_off_is_told_from_a_file_of_another_kind() {
        let cut =
            fault_of_the_file("[mov @ 0x1] moov atom not found\nfile:x: Invalid data found when processing input");
        let playlist = fault_of_the_file("[hls @ 0x1] Format not on whitelist 'mov,mp4'\nInvalid data found");
        assert!(cut.unwrap().starts_with("The file ends early"));
        assert!(playlist.unwrap().contains("playlists"));
        assert_eq!(fault_of_the_file("Device creation failed: -12."), None);
    }
}
