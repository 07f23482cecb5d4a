//! Tracks joined to one file, read back by ffprobe.

use super::super::merge::{Joining, Stretch, merged_header, segment_index};
use super::super::restamp::Restamp;
use super::*;
use mp4_atom::Sidx;

const FILM: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=14 -f lavfi -i sine=d=14:sample_rate=48000 -c:a aac -c:v libx264 \
    -preset veryfast -g 50 -bf 3 -b_strategy 0 film.mp4";

/// A film's picture and sound as they are packaged.
fn tracks(dir: &TempDir) -> [(SourceTrack, Vec<Segment>); 2] {
    ffmpeg(dir.path(), FILM);
    [(TrackKind::Video, "v:0", FRAGMENTS), (TrackKind::Audio, "a:0", SOUND_FRAGMENTS)].map(|(kind, stream, flags)| {
        let stream = ffmpeg(dir.path(), &format!("-i film.mp4 -map 0:{stream} -c copy {flags}"));
        let (init, fragments) = demuxed(&stream, 4096);
        let track = track(&init, kind).clone();
        let segments = packaged(settings(&track, Timing::Source), &runs(&fragments, track.id));
        (track, segments)
    })
}

fn joining<'a>(track: &SourceTrack, init: &'a [u8], segments: &[Segment], language: Option<&'a str>) -> Joining<'a> {
    Joining {
        init,
        timescale: track.timescale,
        start: segments[0].start,
        delay: u64::try_from(segments[0].first_pts).unwrap() - segments[0].start,
        duration: segments.iter().map(|segment| segment.duration).sum(),
        language,
        is_enabled: true,
    }
}

/// A segment restamped, fed in slices of `slice` bytes.
fn restamped(segment: &Segment, mut restamp: Restamp, slice: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for slice in joined(segment).chunks(slice) {
        restamp.push(Bytes::copy_from_slice(slice), &mut out).unwrap();
    }
    out.concat()
}

#[test]
fn joined_tracks_begin_at_zero_and_keep_their_packets_and_times() {
    let dir = TempDir::new().unwrap();
    let made = tracks(&dir);
    let inits = made.each_ref().map(|(track, _)| track.init_segment());
    let languages = [None, Some("de")];
    let joinings: Vec<Joining<'_>> =
        (0..2).map(|at| joining(&made[at].0, &inits[at], &made[at].1, languages[at])).collect();
    let mut file = merged_header(&joinings).unwrap();
    let [(_, pictures), (_, sounds)] = &made;
    let stretches: Vec<Stretch> = (pictures.iter().zip(sounds))
        .map(|(picture, sound)| Stretch { bytes: picture.len + sound.len, duration: picture.duration })
        .collect();
    file.extend(segment_index(&joinings[0], 0, 0, &stretches));
    for (number, (picture, sound)) in pictures.iter().zip(sounds).enumerate() {
        for (at, segment) in [picture, sound].into_iter().enumerate() {
            let restamp = Restamp::new(joinings[at].place(at), number * 2 + at);
            file.extend(restamped(segment, restamp, usize::MAX));
        }
    }
    let path = dir.path().join("joined.mp4");
    std::fs::write(&path, &file).unwrap();

    let source = dir.path().join("film.mp4");
    for (kind, stream) in ["v:0", "a:0"].into_iter().enumerate() {
        let (ours, theirs) = (packets(&path, stream), packets(&source, stream));
        assert_eq!(ours, theirs, "packets of {stream}");
        assert_eq!(hash(&path, stream), hash(&source, stream), "track {kind}");
    }
    decoded(&path);
    let words = "-v error -show_entries stream=id,duration:stream_tags=language -of csv=p=0 joined.mp4";
    let said = String::from_utf8(run("ffprobe", dir.path(), words).0).unwrap();
    assert!(said.contains("0x1") && said.contains("0x2") && said.contains("deu"), "{said}");
}

#[test]
fn slices_of_any_size_are_restamped_alike() {
    let dir = TempDir::new().unwrap();
    let [(track, segments), _] = tracks(&dir);
    let init = track.init_segment();
    let place = joining(&track, &init, &segments, None).place(6);
    assert_eq!(place.track, 7);
    let whole = restamped(&segments[1], Restamp::new(place, 3), usize::MAX);
    assert_eq!(whole.len() as u64, segments[1].len);
    for slice in [1, 7, 8, 99, 100, 4096] {
        assert!(restamped(&segments[1], Restamp::new(place, 3), slice) == whole, "in slices of {slice}");
    }
    let moof = required(&whole, b"moof").unwrap();
    let traf = child(moof.body, b"traf").unwrap().unwrap();
    let tfhd: mp4_atom::Tfhd = leaf(required(traf.body, b"tfhd").unwrap()).unwrap();
    let tfdt: Tfdt = leaf(required(traf.body, b"tfdt").unwrap()).unwrap();
    assert_eq!((tfhd.track_id, tfdt.base_media_decode_time), (7, segments[1].start - place.shift));
}

#[test]
fn what_is_no_segment_of_ours_is_refused() {
    let place = super::super::merge::Place { track: 1, shift: 0 };
    let mut foreign = 120_u32.to_be_bytes().to_vec();
    foreign.extend(b"moof");
    foreign.resize(120, 0);
    for bytes in [foreign, vec![0; 64]] {
        let mut restamp = Restamp::new(place, 0);
        assert!(restamp.push(Bytes::from(bytes), &mut Vec::new()).is_err());
    }
}

#[test]
fn an_index_tells_sizes_and_durations_and_never_has_too_many_entries() {
    let track = Joining {
        init: &[],
        timescale: 90_000,
        start: 899_000,
        delay: 1_012,
        duration: 0,
        language: None,
        is_enabled: true,
    };
    let stretches = [Stretch { bytes: 1000, duration: 540_000 }, Stretch { bytes: 7, duration: 90_000 }];
    let index = |stretches: &[Stretch]| -> Sidx {
        let bytes = segment_index(&track, 0, 5, stretches);
        leaf(required(&bytes, b"sidx").unwrap()).unwrap()
    };
    let found = index(&stretches);
    assert_eq!((found.reference_id, found.timescale, found.earliest_presentation_time), (1, 90_000, 12));
    assert_eq!(found.first_offset, 5);
    let told: Vec<_> = found.references.iter().map(|it| (it.referenced_size, it.subsegment_duration)).collect();
    assert_eq!(told, [(1000, 540_000), (7, 90_000)]);

    let many = index(&vec![Stretch { bytes: 10, duration: 5 }; 70_001]);
    assert_eq!(many.references.len(), 35_001);
    assert_eq!((many.references[0].referenced_size, many.references[35_000].referenced_size), (20, 10));
    assert!(segment_index(&track, 0, 0, &[Stretch { bytes: 1 << 31, duration: 1 }]).is_empty(), "too large to be told");
}
