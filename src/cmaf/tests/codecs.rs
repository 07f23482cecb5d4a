//! Names and properties of tracks, read from what ffmpeg writes for each codec.

use super::*;

fn only_track(words: &str) -> SourceTrack {
    let dir = TempDir::new().unwrap();
    let (init, fragments) = demuxed(&ffmpeg(dir.path(), &format!("{words} -strict -2 {FRAGMENTS}")), 65536);
    assert!(!fragments.is_empty());
    init.tracks[0].clone()
}

fn video(encoder: &str) -> SourceTrack {
    only_track(&format!("-f lavfi -i testsrc2=s=128x96:r=10:d=0.5 {encoder}"))
}

fn audio(encoder: &str) -> SourceTrack {
    only_track(&format!("-f lavfi -i sine=r=48000:d=0.5 {encoder}"))
}

#[test]
fn video_codecs_have_their_registered_names() {
    let h264 = "-c:v libx264 -profile:v high -level 4.0 -pix_fmt yuv420p";
    assert_eq!(video(h264).codecs(), "avc1.640028");
    let hevc = "-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -x265-params log-level=none";
    assert_eq!(video(hevc).codecs(), "hvc1.1.6.L30.90");
    let main10 = "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none";
    assert_eq!(video(main10).codecs(), "hvc1.2.4.L30.90");
    assert_eq!(video("-c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p").codecs(), "vp09.00.10.08");
    assert_eq!(video("-c:v libaom-av1 -usage realtime -cpu-used 8 -pix_fmt yuv420p").codecs(), "av01.0.00M.08");
}

#[test]
fn sound_codecs_have_their_registered_names() {
    let facts = |track: SourceTrack| (track.codecs(), track.channels, track.sample_rate);
    assert_eq!(facts(audio("-c:a aac -ac 6")), ("mp4a.40.2".into(), 6, 48000));
    assert_eq!(facts(audio("-c:a ac3 -ac 6")), ("ac-3".into(), 6, 48000));
    assert_eq!(facts(audio("-c:a eac3 -ac 2")), ("ec-3".into(), 2, 48000));
    assert_eq!(facts(audio("-c:a libopus -ac 2")), ("opus".into(), 2, 48000));
    assert_eq!(facts(audio("-c:a flac -ac 2")), ("fLaC".into(), 2, 48000));
    assert_eq!(facts(audio("-c:a libmp3lame -ac 2")).0, "mp4a.6b");
    assert_eq!(facts(audio("-c:a aac -ar 96000 -ac 1")), ("mp4a.40.2".into(), 1, 96000));
}

#[test]
fn the_displayed_size_counts_the_pixel_aspect() {
    let track = video("-vf setsar=4/3 -c:v libx264");
    assert_eq!((track.width, track.height), (171, 96));
}
