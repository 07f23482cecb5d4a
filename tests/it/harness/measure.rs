//! What is really in a file: packets, frames and what can be seen and heard, as ffmpeg and ffprobe
//! tell it.

use std::path::Path;
use std::process::{Command, Stdio};

/// Ticks a second of the times here: fine enough to tell any two frames apart.
const MICROSECONDS: f64 = 1_000_000.0;

fn said_by(program: &str, file: &Path, before: &[&str], after: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(before).arg(file).args(after).stdin(Stdio::null());
    let done = command.output().expect("ffmpeg's programs can be started");
    let problem = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {problem}");
    String::from_utf8(done.stdout).expect("ffmpeg's programs write text here")
}

fn probed(file: &Path, words: &[&str]) -> String {
    let mut all = vec!["-v", "error"];
    all.extend(words);
    all.extend(["-of", "csv=p=0", "-i"]);
    said_by("ffprobe", file, &all, &[])
}

/// The hash of all packets of a kind of stream (`v` or `a`), as `-f streamhash` computes it.
pub fn packet_hash(file: &Path, kind: &str) -> String {
    let map = format!("0:{kind}:0");
    let before = ["-v", "error", "-copyts", "-i"];
    let said = said_by("ffmpeg", file, &before, &["-map", &map, "-c", "copy", "-f", "streamhash", "-"]);
    let hash = said.trim().rsplit_once('=').unwrap_or_else(|| panic!("no hash in {said:?}"));
    hash.1.to_owned()
}

/// Presentation times of the decoded frames of the first stream of this kind, in microseconds, in order.
pub fn frame_times(file: &Path, kind: &str) -> Vec<i64> {
    let stream = format!("{kind}:0");
    let said = probed(file, &["-select_streams", &stream, "-show_entries", "frame=best_effort_timestamp_time"]);
    times(&said)
}

/// Decoding times of the packets in file order, in microseconds.
pub fn decode_times(file: &Path, kind: &str) -> Vec<i64> {
    let stream = format!("{kind}:0");
    times(&probed(file, &["-select_streams", &stream, "-show_entries", "packet=dts_time"]))
}

/// Presentation times of the packets that are key frames, in microseconds, in file order.
pub fn key_times(file: &Path) -> Vec<i64> {
    let said = probed(file, &["-select_streams", "v:0", "-show_entries", "packet=pts_time,flags"]);
    let packets = said.lines().filter_map(|line| line.split_once(','));
    packets.filter(|(_, flags)| flags.starts_with('K')).map(|(time, _)| times(time)[0]).collect()
}

fn times(said: &str) -> Vec<i64> {
    let fields = said.lines().map(|line| line.trim().trim_end_matches(','));
    let seconds = fields
        .filter(|field| !field.is_empty())
        .map(|field| field.parse::<f64>().unwrap_or_else(|_| panic!("a frame without a time: {field:?}")));
    seconds.map(|seconds| (seconds * MICROSECONDS).round() as i64).collect()
}

/// Presentation time of the first packet, in microseconds, and whether it is a key frame.
pub fn first_packet(file: &Path, kind: &str) -> (i64, bool) {
    let stream = format!("{kind}:0");
    let said = probed(
        file,
        &["-select_streams", &stream, "-read_intervals", "%+#1", "-show_entries", "packet=pts_time,flags"],
    );
    let (time, flags) = said.trim().split_once(',').expect("a file has packets");
    (times(time)[0], flags.starts_with('K'))
}

/// Pictures (`v`) or pieces of sound (`a`) that ffmpeg's own player of HLS decodes at an address.
pub fn played(url: &str, kind: &str) -> usize {
    let map = format!("0:{kind}:0");
    let before = ["-v", "error", "-xerror", "-i"];
    let said = said_by("ffmpeg", Path::new(url), &before, &["-map", &map, "-f", "framehash", "-"]);
    said.lines().filter(|line| !line.starts_with('#')).count()
}

/// When the file's earliest stream starts, in seconds.
pub fn start_time(file: &Path) -> f64 {
    probed(file, &["-show_entries", "format=start_time"]).trim().parse().expect("a file has a start")
}

/// The worst likeness, in dB, of any frame of `file` to the frame of the same number in `source`. A
/// frame lost, doubled or shifted is like its neighbour and not like itself.
pub fn worst_likeness(file: &Path, source: &Path) -> f64 {
    let graph = "[0:v:0]settb=1/25,setpts=N[a];[1:v:0]settb=1/25,setpts=N[b];[a][b]psnr=stats_file=-";
    let source = source.to_str().expect("a test's path is plain");
    let before = ["-v", "error", "-i"];
    let said = said_by(
        "ffmpeg",
        file,
        &before,
        &["-i", source, "-lavfi", graph, "-vsync", "passthrough", "-f", "null", "/dev/null"],
    );
    let likeness = said.split_whitespace().filter_map(|word| word.strip_prefix("psnr_avg:"));
    let worst = likeness.map(|text| if text == "inf" { 100.0 } else { text.parse::<f64>().unwrap_or(0.0) });
    worst.fold(f64::INFINITY, f64::min)
}

/// How much wider than high the picture is shown, by its pixels and their shape.
pub fn shape(url: &str) -> f64 {
    let words = ["-select_streams", "v:0", "-show_entries", "stream=width,height,sample_aspect_ratio"];
    let said = probed(Path::new(url), &words);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_else(|| panic!("no picture in {url}"));
    let numbers: Vec<f64> = line.split([',', ':']).filter_map(|number| number.parse().ok()).collect();
    let [width, height, across, down] = numbers[..] else { panic!("{said}") };
    width * across / height / down
}

/// Of how many pictures the fields were taken at different times, and of how many at one.
pub fn combed(file: &Path) -> (usize, usize) {
    let graph = ["-vf", "idet,metadata=print:file=-", "-an", "-f", "null", "/dev/null"];
    let said = said_by("ffmpeg", file, &["-v", "error", "-i"], &graph);
    let count = |kind: &str| said.matches(&format!("lavfi.idet.multiple.current_frame={kind}")).count();
    (count("tff") + count("bff"), count("progressive"))
}

/// When the picture stops being black, in seconds of the file's own time stamps.
pub fn flashes(file: &Path) -> Vec<f64> {
    moments(file, &["-vf", "blackdetect=d=0.5:pix_th=0.3,metadata=print:file=-", "-an"], "lavfi.black_end=")
}

/// When the sound stops being silent.
pub fn beeps(file: &Path) -> Vec<f64> {
    moments(file, &["-af", "silencedetect=n=-30dB:d=0.5,ametadata=print:file=-", "-vn"], "lavfi.silence_end=")
}

fn moments(file: &Path, filter: &[&str], word: &str) -> Vec<f64> {
    let mut after = filter.to_vec();
    after.extend(["-f", "null", "/dev/null"]);
    let said = said_by("ffmpeg", file, &["-v", "error", "-copyts", "-i"], &after);
    let found = said.lines().filter_map(|line| line.trim().strip_prefix(word));
    let found: Vec<f64> = found.map(|text| text.parse().expect("a time in seconds")).collect();
    assert!(!found.is_empty(), "{word} is nowhere in {said}");
    found
}

/// The mean brightness of a picture, 0 (black) to 255.
pub fn brightness(picture: &Path) -> f64 {
    let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let said = said_by("ffmpeg", picture, &["-v", "error", "-i"], &["-vf", filter, "-f", "null", "/dev/null"]);
    let found = said.lines().find_map(|line| line.trim().strip_prefix("lavfi.signalstats.YAVG="));
    found.expect("a picture has a brightness").parse().expect("a number")
}

/// The hash of the packets of every stream, in order.
pub fn packet_hashes(file: &Path) -> Vec<String> {
    let said = said_by("ffmpeg", file, &["-v", "error", "-i"], &["-map", "0", "-c", "copy", "-f", "streamhash", "-"]);
    said.lines().filter_map(|line| line.rsplit_once('=')).map(|(_, hash)| hash.to_owned()).collect()
}

/// Presentation times of all packets of a stream such as `a:1`, in microseconds, in order.
pub fn packet_times(file: &Path, stream: &str) -> Vec<i64> {
    let mut found = times(&probed(file, &["-select_streams", stream, "-show_entries", "packet=pts_time"]));
    found.sort_unstable();
    found
}
