use super::*;

const SCALE: Timescale = 1_000;

/// A key frame in a segment, shown at `start` ticks.
fn frame(segment: u32, offset: u64, len: u64, start: i64) -> (u32, KeyFrame) {
    (segment, KeyFrame { offset, len, start })
}

/// A film of 7.5 s that is shown 80 ms after it is decoded, in two segments of three GOPs each.
fn film() -> Vec<(u32, KeyFrame)> {
    vec![
        frame(0, 0, 5_000, 10_080),
        frame(0, 40_000, 6_000, 11_080),
        frame(0, 90_000, 5_500, 13_080),
        frame(1, 0, 7_000, 14_080),
        frame(1, 70_000, 6_500, 14_580),
        frame(1, 80_000, 4_000, 17_080),
    ]
}

fn playlist(frames: &[(u32, KeyFrame)]) -> IFramePlaylist {
    IFramePlaylist::of(frames, 10_000..17_500, SCALE).unwrap()
}

/// Every `EXTINF` in microseconds.
fn durations(text: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(','));
    lines.map(|number| number.replace('.', "").parse().unwrap()).collect()
}

#[test]
fn a_list_of_i_frames_reads_as_written() {
    let expected = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n\
        #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"init.mp4\"\n\
        #EXTINF:1.000000,\n#EXT-X-BYTERANGE:5000@0\n0.m4s\n\
        #EXTINF:2.000000,\n#EXT-X-BYTERANGE:6000@40000\n0.m4s\n\
        #EXTINF:1.000000,\n#EXT-X-BYTERANGE:5500@90000\n0.m4s\n\
        #EXTINF:0.500000,\n#EXT-X-BYTERANGE:7000@0\n1.m4s\n\
        #EXTINF:2.500000,\n#EXT-X-BYTERANGE:6500@70000\n1.m4s\n\
        #EXTINF:0.500000,\n#EXT-X-BYTERANGE:4000@80000\n1.m4s\n\
        #EXT-X-ENDLIST\n";
    assert_eq!(playlist(&film()).write(), expected);
}

#[test]
fn a_parser_finds_every_range_again() {
    let read = m3u8_rs::parse_media_playlist_res(playlist(&film()).write().as_bytes()).unwrap();
    assert!(read.i_frames_only && read.end_list);
    assert_eq!((read.version, read.target_duration), (Some(6), 3));
    let found: Vec<_> = read.segments.iter().map(|it| (it.uri.as_str(), it.byte_range.clone().unwrap())).collect();
    assert_eq!((found[1].0, found[1].1.length, found[1].1.offset), ("0.m4s", 6_000, Some(40_000)));
    assert_eq!((found[3].0, found[3].1.length, found[3].1.offset), ("1.m4s", 7_000, Some(0)));
    assert_eq!(read.segments[0].map.as_ref().map(|map| map.uri.as_str()), Some("init.mp4"));
}

#[test]
fn it_lasts_as_long_as_the_film_however_many_were_thinned_out() {
    let every_picture: Vec<_> =
        (0..187).map(|number| frame(0, number * 100, 90, 10_080 + number as i64 * 40)).collect();
    for frames in [film(), every_picture, vec![frame(0, 0, 5_000, 10_080)]] {
        assert_eq!(durations(&playlist(&frames).write()).iter().sum::<u64>(), 7_500_000);
    }
}

#[test]
fn of_every_picture_one_a_second_is_listed() {
    let every_picture: Vec<_> =
        (0..187).map(|number| frame(0, number * 100, 90, 10_080 + number as i64 * 40)).collect();
    let listed = durations(&playlist(&every_picture).write());
    assert_eq!(listed, [440_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 60_000]);
}

#[test]
fn a_film_whose_beginning_is_not_known_has_none() {
    let late = film().split_off(3);
    let inside = film().split_off(1);
    for frames in [late, inside, Vec::new()] {
        assert_eq!(IFramePlaylist::of(&frames, 10_000..17_500, SCALE), None);
    }
}

#[test]
fn the_longest_duration_rounds_to_the_target() {
    for (end, target) in [(11_499, 1), (11_500, 2), (12_499, 2), (15_400, 5)] {
        let text = IFramePlaylist::of(&film()[..1], 10_000..end, SCALE).unwrap().write();
        assert!(text.contains(&format!("#EXT-X-TARGETDURATION:{target}\n")), "{end}: {text}");
    }
}

#[test]
fn rates_are_those_of_the_ranges_and_nothing_else() {
    // Over 0.5 to 1.5 targets of 3 s; the worst run is 0.5 s with 7000 bytes before 1 s with 5500.
    let rates = playlist(&film()).rates();
    assert_eq!(rates, Rates { peak: (12_500 * 8 * 10_u64).div_ceil(15), average: (34_000 * 8 * 10_u64).div_ceil(75) });
    let alone = playlist(&[frame(0, 0, 5_000, 10_080)]).rates();
    assert_eq!(alone, Rates { peak: 5_334, average: 5_334 });
}

#[test]
fn absurd_times_are_still_written() {
    let frames = [frame(0, 0, 1, i64::MAX - 1), frame(1, 0, 1, i64::MAX), frame(2, 5, 1, 0)];
    for (start, end) in [(0, u64::MAX), (u64::MAX, 0)] {
        let text = IFramePlaylist::of(&frames, start..end, 0).unwrap().write();
        assert!(m3u8_rs::parse_media_playlist_res(text.as_bytes()).is_ok(), "{text}");
    }
}
