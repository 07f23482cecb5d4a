use super::*;
use crate::media::ladder::Ladder;
use crate::media::plan::Policy;
use crate::media::probe::{Ratio, VideoStream};
use std::process::Command;
use tempfile::TempDir;

/// A film of five seconds with a key frame each second, and its listing from a start at 0 s.
fn film(words: &str) -> (TempDir, File, Listing) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("film.mp4");
    let begin = "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=5 -f lavfi -i sine=d=5:r=48000 \
                 -c:v libx264 -bf 2 -g 25 -pix_fmt yuv420p -c:a aac";
    let words = begin.split_whitespace().chain(words.split_whitespace());
    assert!(Command::new("ffmpeg").args(words).arg(&path).status().unwrap().success());
    let mut file = File::open(path).unwrap();
    let index = Index::read(&mut file).unwrap().unwrap();
    let listed = |stream| Listed::of(&index, stream, index.track(stream).unwrap(), 0.0).unwrap();
    let listing = Listing { tracks: vec![listed(0), listed(1)] };
    (dir, file, listing)
}

fn stream() -> VideoStream {
    VideoStream {
        index: 0,
        codec: String::new(),
        profile: None,
        level: None,
        pixel_format: String::new(),
        width: 0,
        height: 0,
        sample_aspect: Ratio { num: 1, den: 1 },
        rotation: 0,
        frame_rate: None,
        average_rate: None,
        time_base: Ratio { num: 1, den: 1 },
        start_ticks: None,
        end_s: None,
        reordered: 0,
        changes: false,
        leans: false,
        interlaced: false,
        transfer: None,
        has_extradata: true,
        bit_rate: None,
        language: None,
    }
}

fn probe() -> Probe {
    Probe {
        container: "mov,mp4,m4a,3gp,3g2,mj2".into(),
        duration_s: Some(5.0),
        start_s: 0.0,
        bytes: 1,
        title: None,
        video: Vec::new(),
        audio: Vec::new(),
        subtitles: Vec::new(),
        data: Vec::new(),
        cover: None,
        chapters: Vec::new(),
    }
}

#[test]
fn fragments_come_in_the_order_of_the_film_and_hold_every_sample_once() {
    let (_dir, _, listing) = film("");
    let fragments = listing.fragments(&[i64::MIN, i64::MIN]);
    assert!(fragments.windows(2).all(|pair| pair[0].begins_s <= pair[1].begins_s));
    for (number, track) in listing.tracks.iter().enumerate() {
        let ranges: Vec<_> = fragments.iter().filter(|fragment| fragment.track == number).collect();
        let numbers: Vec<usize> = ranges.iter().flat_map(|fragment| fragment.samples.clone()).collect();
        assert_eq!(numbers, Vec::from_iter(0..track.samples.len()));
        assert!((5..=6).contains(&ranges.len()), "{}", ranges.len());
        let groups = ranges.iter().all(|fragment| track.samples[fragment.samples.start].sync);
        assert!(groups, "decoding can start with each");
    }
}

#[test]
fn what_was_packaged_is_not_read_again() {
    let (_dir, _, listing) = film("");
    let pictures = &listing.tracks[0].samples;
    // The second group is the first of which something is left.
    let left = listing.fragments(&[pictures[30].dts, i64::MAX]);
    assert_eq!(left[0].samples, 25..50);
    assert_eq!(left.len(), 4);
}

#[test]
fn samples_are_read_where_they_lie_however_they_are_mixed() {
    for words in ["", "-max_interleave_delta 0 -frag_duration 0", "-movflags +faststart -b:v 4M -qp 1"] {
        let (dir, file, listing) = film(words);
        let bytes = std::fs::read(dir.path().join("film.mp4")).unwrap();
        for track in &listing.tracks {
            let read = read_samples(&file, &Buffers::new(1), &track.samples).unwrap();
            assert_eq!(read.len(), track.samples.len());
            for (sample, listed) in read.iter().zip(track.samples.iter()) {
                let at = listed.at as usize;
                assert_eq!(sample.data, bytes[at..at + listed.bytes as usize]);
                assert_eq!((sample.dts, sample.pts, sample.sync), (listed.dts, listed.pts, listed.sync));
            }
        }
    }
}

#[test]
fn a_film_that_was_cut_off_meanwhile_is_an_error() {
    let (dir, _, listing) = film("-movflags +faststart");
    let path = dir.path().join("film.mp4");
    let whole = path.metadata().unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(whole - 1000).unwrap();
    let file = File::open(path).unwrap();
    let read_all = |track: &Listed| read_samples(&file, &Buffers::new(1), &track.samples).map(drop);
    let read = listing.tracks.iter().try_for_each(read_all);
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn sound_that_needs_repair_is_left_to_ffmpeg() {
    let (_dir, mut file, _) = film("");
    let track = Index::read(&mut file).unwrap().unwrap().track(1).unwrap();
    assert!(is_plain_sound(&track));
    let with = |change: fn(&mut IndexedTrack)| {
        let mut changed = track.clone();
        change(&mut changed);
        is_plain_sound(&changed)
    };
    assert!(!with(|track| track.timescale = 1_000));
    assert!(!with(|track| track.timescale = u32::MAX));
    assert!(!with(|track| track.samples[3].duration = 48_001));
    assert!(!with(|track| track.samples[3].bytes = LARGEST_SOUND + 1));
    assert!(!with(|track| track.kind = TrackKind::Video));
}

#[test]
fn a_fragment_of_sound_has_a_bound_and_times_run_forwards() {
    let (_dir, mut file, listing) = film("");
    let index = Index::read(&mut file).unwrap().unwrap();
    let mut dense = index.track(1).unwrap();
    let sample = dense.samples[0];
    dense.samples = (0..2_000).map(|tick| IndexedSample { dts: tick, pts: tick, duration: 1, ..sample }).collect();
    let listed = Listed::of(&index, 1, dense.clone(), 0.0).unwrap();
    let longest = listed.fragments(0, i64::MIN).map(|fragment| fragment.samples.len()).max();
    assert_eq!(longest, Some(MOST_SOUNDS));

    dense.samples[7].dts = 6;
    assert!(Listed::of(&index, 1, dense, 0.0).is_none(), "two are decoded at one time");
    let early = index.track(1).unwrap();
    assert!(Listed::of(&index, 1, early, 11.0).is_none(), "it begins before our timeline does");
    assert_eq!(listing.tracks.len(), 2);
}

#[test]
fn pictures_are_listed_only_as_they_were_planned() {
    let (_dir, mut file, _) = film("");
    let track = Index::read(&mut file).unwrap().unwrap().track(0).unwrap();
    let stream = VideoStream {
        codec: "h264".into(),
        pixel_format: "yuv420p".into(),
        width: 64,
        height: 64,
        time_base: Ratio { num: 1, den: track.timescale },
        start_ticks: Some(0),
        ..stream()
    };
    let probe = Probe { video: vec![stream], ..probe() };
    let (ladder, adaptive) = (Ladder::default(), true);
    let policy = Policy {
        copy_mode: true,
        copy_min_bytes: 0,
        segment_s: 6,
        max_blob_bytes: 1 << 20,
        ladder,
        adaptive,
        keep_original: false,
    };
    let packets: Vec<Packet> = track.samples.iter().map(IndexedSample::packet).collect();
    let planned = crate::media::plan::plan(&probe, &packets, &policy).unwrap();
    assert!(is_planned(&probe, &planned, &track));

    let mut keyless = track.clone();
    keyless.samples.iter_mut().for_each(|sample| sample.sync = false);
    assert!(!is_planned(&probe, &planned, &keyless));
    let mut longer = track;
    longer.samples.iter_mut().for_each(|sample| sample.sync = sample.dts <= 0);
    assert!(!is_planned(&probe, &planned, &longer), "its segments would be others");
}
