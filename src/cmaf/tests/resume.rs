//! After a restart the bytes are the same.

use super::*;
use crate::cmaf::Resume;

fn resumed_alike(words: &str, flags: &str, kind: TrackKind) {
    let dir = TempDir::new().unwrap();
    let stream = ffmpeg(dir.path(), &format!("{words} {flags}"));
    let (init, fragments) = demuxed(&stream, 65536);
    let track = track(&init, kind);
    let runs = runs(&fragments, track.id);
    let whole = packaged(settings(track, Timing::Source), &runs);
    assert!(whole.len() > 2);
    for kept in 1..whole.len() {
        let next_dts = whole[kept].start;
        let resume = Some(Resume { next_dts, delay: 0 });
        let again = packaged(PackagerSettings { resume, ..settings(track, Timing::Source) }, &runs);
        assert_eq!(again.len(), whole.len() - kept);
        assert!(again.iter().zip(&whole[kept..]).all(|(again, whole)| joined(again) == joined(whole)));
    }
}

#[test]
fn copied_video_goes_on_at_a_segment() {
    let words = "-f lavfi -i testsrc2=s=64x64:r=25:d=20 -c:v libx264 -preset veryfast -g 50 -bf 2";
    resumed_alike(words, FRAGMENTS, TrackKind::Video);
}

#[test]
fn sound_goes_on_at_a_segment() {
    resumed_alike("-f lavfi -i sine=d=20 -c:a aac", SOUND_FRAGMENTS, TrackKind::Audio);
}
