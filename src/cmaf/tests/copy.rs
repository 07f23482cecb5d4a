//! Copied streams keep every byte and every time.

use super::*;

/// 20 seconds of moving picture and sound: B-frames, open GOPs of two seconds.
const FILM: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=20 -f lavfi -i sine=d=20 -c:a aac -c:v libx264 \
    -preset veryfast -g 50 -bf 3 -b_strategy 0 -x264-params open-gop=1:scenecut=0 film.mp4";

/// Packages one track of a file, checks it, and returns its segments.
fn copied(dir: &TempDir, source: &str, kind: TrackKind) -> (SourceTrack, Vec<Segment>) {
    let (stream, flags) = match kind {
        TrackKind::Video => ("v:0", FRAGMENTS),
        TrackKind::Audio => ("a:0", SOUND_FRAGMENTS),
    };
    let stream_bytes = ffmpeg(dir.path(), &format!("-i {source} -map 0:{stream} -c copy {flags}"));
    let (init, fragments) = demuxed(&stream_bytes, 4096);
    let track = track(&init, kind).clone();
    let segments = packaged(settings(&track, Timing::Source), &runs(&fragments, track.id));
    let shown = checked(&segments);

    let (source, ours) = (dir.path().join(source), written(dir, "ours.mp4", &track, &segments));
    let offset = i64::from(track.timescale) * 10;
    let expected = packets(&source, stream);
    let found = packets(&ours, "0");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.0, expected.0 + offset);
        assert_eq!(found.2, expected.2);
    }
    assert_eq!(shown.len(), expected.len());
    assert_eq!(hash(&ours, "0"), hash(&source, stream).replacen("1,", "0,", 1));
    decoded(&ours);
    (track, segments)
}

#[test]
fn copied_h264_with_open_gops_keeps_every_picture_and_time() {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), FILM);
    let (track, segments) = copied(&dir, "film.mp4", TrackKind::Video);
    assert_eq!((track.width, track.height, track.timescale), (160, 120, 12800));
    assert!(track.codecs().starts_with("avc1.6400"), "{}", track.codecs());
    let seconds: Vec<u64> = segments.iter().map(|segment| (segment.duration + 6400) / 12800).collect();
    assert_eq!(seconds, [6, 6, 6, 2]);
    assert!(segments[0].independent);
    assert!(!segments[1].independent, "leading pictures need the segment before");
    assert_eq!(segments[0].first_pts, 128_000);
}

#[test]
fn copied_sound_keeps_every_packet_and_its_own_grid() {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), FILM);
    let (track, segments) = copied(&dir, "film.mp4", TrackKind::Audio);
    assert_eq!((track.sample_rate, track.channels, track.codecs().as_str()), (44100, 1, "mp4a.40.2"));
    let starts: Vec<u64> = segments.iter().map(|segment| segment.start).collect();
    assert_eq!(starts[0], 441_000 - 1024, "priming comes before the film's first instant");
    for (start, grid) in starts[1..].iter().zip([16, 22, 28]) {
        assert!((grid * 44100..grid * 44100 + 1024).contains(start), "{start}");
    }
    assert!(segments.iter().all(|segment| segment.independent && segment.key_frames.is_empty()));
}

#[test]
fn copied_hevc_becomes_hvc1_and_stays_whole() {
    let dir = TempDir::new().unwrap();
    let words = "-f lavfi -i testsrc2=s=160x120:r=24:d=8 -c:v libx265 -preset ultrafast \
        -x265-params log-level=none:keyint=48:bframes=3 film.mp4";
    ffmpeg(dir.path(), words);
    let (track, segments) = copied(&dir, "film.mp4", TrackKind::Video);
    assert!(track.codecs().starts_with("hvc1.1.6.L"), "{}", track.codecs());
    assert_eq!(&track.configuration()[20..24], b"hvc1");
    assert!(!segments.is_empty());
}

#[test]
fn two_tracks_of_one_pipe_come_apart() {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), FILM);
    let stream = ffmpeg(dir.path(), &format!("-i film.mp4 -c copy {FRAGMENTS}"));
    for piece in [7, 65536, usize::MAX] {
        let (init, fragments) = demuxed(&stream, piece);
        for (kind, count) in [(TrackKind::Video, 500), (TrackKind::Audio, 863)] {
            let track = track(&init, kind);
            let runs = runs(&fragments, track.id);
            assert_eq!(checked(&packaged(settings(track, Timing::Source), &runs)).len(), count);
        }
    }
}

#[test]
fn a_key_frame_range_decodes_to_one_picture() {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), FILM);
    let (track, segments) = copied(&dir, "film.mp4", TrackKind::Video);
    let starts: Vec<i64> =
        segments.iter().flat_map(|segment| &segment.key_frames).map(|key| key.start / 12800).collect();
    assert_eq!(starts[..3], [10, 12, 14]);
    assert_eq!(starts.len(), 10);
    for segment in &segments {
        let bytes = joined(segment);
        for key in &segment.key_frames {
            let range = usize::try_from(key.offset).unwrap()..usize::try_from(key.offset + key.len).unwrap();
            let file = [track.init_segment(), bytes[range].to_vec()].concat();
            std::fs::write(dir.path().join("key.mp4"), file).unwrap();
            let picture = ffmpeg(dir.path(), "-v quiet -i key.mp4 -vframes 1 -f rawvideo -pix_fmt gray pipe:1");
            assert_eq!(picture.len(), 160 * 120);
        }
    }
}

#[test]
fn a_segment_takes_no_gop_that_makes_it_too_big() {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), FILM);
    let stream = ffmpeg(dir.path(), &format!("-i film.mp4 -an -c copy {FRAGMENTS}"));
    let (init, fragments) = demuxed(&stream, 65536);
    let mut settings = settings(&init.tracks[0], Timing::Source);
    settings.cut.max_bytes = 1;
    let segments = packaged(settings, &runs(&fragments, init.tracks[0].id));
    checked(&segments);
    assert_eq!(segments.len(), 10, "one GOP each");
}
