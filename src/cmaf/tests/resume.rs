//! After a restart the bytes are the same.

use super::*;
use crate::cmaf::{Resume, Wrapping};

fn resumed_alike(words: &str, flags: &str, kind: TrackKind, wrapping: Wrapping) {
    let dir = TempDir::new().unwrap();
    let stream = ffmpeg(dir.path(), &format!("{words} {flags}"));
    let (init, fragments) = demuxed(&stream, 65536);
    let track = track(&init, kind);
    let runs = runs(&fragments, track.id);
    let settings = PackagerSettings { wrapping, ..settings(track, Timing::Source) };
    let whole = packaged(settings.clone(), &runs);
    assert!(whole.len() > 2);
    let mut begun = Packager::new(settings.clone()).unwrap();
    begun.push(runs[0].clone()).unwrap();
    let delay = begun.delay().unwrap();
    for kept in 1..whole.len() {
        let next_dts = whole[kept].start;
        let resume = Some(Resume { next_dts, delay });
        let again = packaged(PackagerSettings { resume, ..settings.clone() }, &runs);
        assert_eq!(again.len(), whole.len() - kept);
        assert!(again.iter().zip(&whole[kept..]).all(|(again, whole)| joined(again) == joined(whole)));
    }
}

#[test]
fn copied_video_goes_on_at_a_segment() {
    let words = "-f lavfi -i testsrc2=s=64x64:r=25:d=20 -c:v libx264 -preset veryfast -g 50 -bf 2";
    resumed_alike(words, FRAGMENTS, TrackKind::Video, Wrapping::Fragments);
}

#[test]
fn sound_goes_on_at_a_segment() {
    let of = |codec: &str, wrapping| {
        resumed_alike(&format!("-f lavfi -i sine=d=20 -c:a {codec}"), SOUND_FRAGMENTS, TrackKind::Audio, wrapping);
    };
    of("aac", Wrapping::Fragments);
    of("libmp3lame", Wrapping::Transport);
}
