//! The packager against ffmpeg itself: what it wrote goes in, and ffprobe reads what came out.

mod broken;
mod codecs;
mod copy;
mod index;
mod merge;
mod resume;
mod spans;
mod transport;

use super::boxes::{child, children, leaf, required};
use super::{
    Demuxer, Event, Fragment, Limits, Packager, PackagerSettings, Sample, Segment, SourceInit, SourceTrack, Timing,
    TrackKind, Wrapping,
};
use crate::media::segment::CutRule;
use bytes::Bytes;
use mp4_atom::{Tfdt, Trun};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(super) const LIMITS: Limits = Limits { max_box_bytes: 64 << 20 };

const FRAGMENTS: &str = "-copyts -avoid_negative_ts disabled -output_ts_offset 10 -movflags \
    +frag_keyframe+delay_moov+default_base_moof+frag_discont+skip_sidx -f mp4 pipe:1";

const SOUND_FRAGMENTS: &str = "-copyts -avoid_negative_ts disabled -output_ts_offset 10 -movflags \
    +delay_moov+default_base_moof+frag_discont+skip_sidx -frag_duration 1000000 -f mp4 pipe:1";

/// A frame as ffprobe lists it: pts, dts, bytes.
type Packet = (i64, i64, u64);

/// Runs ffmpeg in `dir` with words parted by blanks, and returns its standard output.
fn ffmpeg(dir: &Path, words: &str) -> Vec<u8> {
    run("ffmpeg", dir, &format!("-v error -nostdin -y {words}")).0
}

/// Standard output, and what was complained of.
fn run(program: &str, dir: &Path, words: &str) -> (Vec<u8>, String) {
    let output = Command::new(program).args(words.split_whitespace()).current_dir(dir).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {words}: {complaint}");
    (output.stdout, complaint)
}

/// Decodes all of a file of ours; there must be nothing to complain of.
fn decoded(ours: &Path) {
    let name = ours.file_name().unwrap().to_str().unwrap();
    let words = format!("-v error -nostdin -xerror -i {name} -f null -");
    let (_, complaint) = run("ffmpeg", ours.parent().unwrap(), &words);
    assert_eq!(complaint, "");
}

/// Takes a whole stream apart, fed in pieces of `piece` bytes.
fn demuxed(stream: &[u8], piece: usize) -> (SourceInit, Vec<Fragment>) {
    let mut demuxer = Demuxer::new(LIMITS);
    let (mut init, mut fragments) = (None, Vec::new());
    for piece in stream.chunks(piece) {
        demuxer.feed(Bytes::copy_from_slice(piece));
        while let Some(event) = demuxer.next().unwrap() {
            match event {
                Event::Init(found) => init = Some(found),
                Event::Fragment(fragment) => fragments.push(fragment),
            }
        }
    }
    demuxer.finish().unwrap();
    (init.unwrap(), fragments)
}

/// The fragments of one track.
fn runs(fragments: &[Fragment], track: u32) -> Vec<Vec<Sample>> {
    let runs = fragments.iter().flat_map(|fragment| &fragment.runs);
    runs.filter(|run| run.track == track).map(|run| run.samples.clone()).collect()
}

fn track(init: &SourceInit, kind: TrackKind) -> &SourceTrack {
    init.tracks.iter().find(|track| track.kind == kind).unwrap()
}

fn settings(track: &SourceTrack, timing: Timing) -> PackagerSettings {
    let second = u64::from(track.timescale);
    let cut = CutRule { target: 6 * second, tolerance: second / 2, max_bytes: 64 << 20 };
    let (timescale, kind, wrapping) = (track.timescale, track.kind, Wrapping::Fragments);
    PackagerSettings { timescale, kind, cut, cuts: Vec::new(), timing, wrapping, resume: None }
}

fn packaged(settings: PackagerSettings, runs: &[Vec<Sample>]) -> Vec<Segment> {
    let mut packager = Packager::new(settings).unwrap();
    let mut segments: Vec<Segment> = Vec::new();
    for run in runs {
        segments.extend(packager.push(run.clone()).unwrap());
    }
    segments.extend(packager.finish().unwrap());
    segments
}

fn joined(segment: &Segment) -> Vec<u8> {
    let bytes = segment.data.concat();
    assert_eq!(bytes.len() as u64, segment.len);
    bytes
}

/// Writes init segment and segments as one file, which is a valid MP4.
fn written(dir: &TempDir, name: &str, track: &SourceTrack, segments: &[Segment]) -> PathBuf {
    let mut file = track.init_segment();
    for segment in segments {
        file.extend(joined(segment));
    }
    let path = dir.path().join(name);
    std::fs::write(&path, file).unwrap();
    path
}

/// Packets in decode order, in ticks of the stream.
fn packets(path: &Path, stream: &str) -> Vec<Packet> {
    let (dir, name) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    let words = format!("-v error -select_streams {stream} -show_entries packet=pts,dts,size -of csv=p=0 {name}");
    let listed = String::from_utf8(run("ffprobe", dir, &words).0).unwrap();
    let number = |word: Option<&str>| word.unwrap().parse::<i64>().unwrap();
    let packet = |line: &str| {
        let mut words = line.split(',');
        (number(words.next()), number(words.next()), number(words.next()).unsigned_abs())
    };
    // Priming is listed as side data, on a line of its own.
    listed.lines().filter(|line| !line.is_empty()).map(packet).collect()
}

/// A hash of all packets of a stream.
fn hash(path: &Path, stream: &str) -> String {
    let (dir, name) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    String::from_utf8(ffmpeg(dir, &format!("-i {name} -map 0:{stream} -c copy -f streamhash pipe:1"))).unwrap()
}

/// Checks what every rendition promises, and returns the presentation times in order.
fn checked(segments: &[Segment]) -> Vec<i64> {
    let mut expected_start = segments[0].start;
    let mut last_sequence = 0;
    let mut shown = Vec::new();
    for segment in segments {
        assert_eq!(segment.start, expected_start, "tfdt goes on where the last segment ended");
        let bytes = joined(segment);
        let mut first_pts = i64::MAX;
        let mut time = segment.start;
        for found in children(&bytes).map(Result::unwrap) {
            if found.kind != *b"moof" {
                assert_eq!(&found.kind, b"mdat");
                continue;
            }
            let sequence = u32::from_be_bytes(required(found.body, b"mfhd").unwrap().body[4..8].try_into().unwrap());
            assert!(sequence > last_sequence);
            last_sequence = sequence;
            let traf = child(found.body, b"traf").unwrap().unwrap();
            let tfhd: mp4_atom::Tfhd = leaf(required(traf.body, b"tfhd").unwrap()).unwrap();
            let tfdt: Tfdt = leaf(required(traf.body, b"tfdt").unwrap()).unwrap();
            assert_eq!(tfdt.base_media_decode_time, time, "chunks are continuous too");
            let trun: Trun = leaf(required(traf.body, b"trun").unwrap()).unwrap();
            for entry in trun.samples.iter() {
                let pts = i64::try_from(time).unwrap() + entry.cts.unwrap_or(0);
                shown.push(pts);
                first_pts = first_pts.min(pts);
                time += u64::from(entry.duration.or(tfhd.default_sample_duration).unwrap());
            }
        }
        assert_eq!(first_pts, segment.first_pts);
        assert_eq!(time - segment.start, segment.duration);
        expected_start = time;
    }
    shown.sort_unstable();
    assert!(shown.windows(2).all(|pair| pair[0] < pair[1]), "no presentation time comes twice");
    shown
}
