//! Whether a picture may be copied, and the groups of pictures it then falls into.

use super::{PLAN_TIMESCALE, name_of};
use crate::media::probe::{Packet, Ratio, VideoStream};
use crate::media::segment::{CutRule, Gop};
use crate::media::span::Frames;

/// Key frames further apart than this make seeking slow; such a stream is encoded.
const LONGEST_GOP_S: f64 = 12.0;

/// Profiles of H.264 that browsers play (Apple authoring rule 1.3), in ffprobe's words, and the highest level of it (5.2).
const H264_PROFILES: [&str; 4] = ["Baseline", "Constrained Baseline", "Main", "High"];
const H264_HIGHEST_LEVEL: u32 = 52;

/// A group of pictures with more bytes would have to be held in memory as a whole.
const LARGEST_GOP: u64 = 96 * 1024 * 1024;

/// The groups of pictures in plan ticks, or why the stream cannot be copied.
pub(super) fn copyable(stream: &VideoStream, packets: &[Packet]) -> Result<Vec<Gop>, String> {
    let name = name_of(&stream.codec);
    let plain = ["yuv420p", "yuvj420p"].contains(&stream.pixel_format.as_str());
    let fits = match stream.codec.as_str() {
        "h264" => plain,
        "hevc" => plain || stream.pixel_format == "yuv420p10le",
        _ => return Err(format!("{name} does not play in every browser")),
    };
    if !fits {
        return Err(format!("{name} with {} pixels does not play in every browser", stream.pixel_format));
    }
    if stream.codec == "h264" {
        check_h264(stream)?;
    }
    if stream.interlaced {
        return Err("the picture is interlaced".into());
    }
    if stream.rotation != 0 {
        return Err("the picture is turned".into());
    }
    if stream.changes {
        return Err("its picture changes in the middle".into());
    }
    if !stream.has_extradata {
        return Err("the file's header does not describe its picture".into());
    }
    let gops = gops(stream, packets)?;
    if stream.codec == "h264" && (stream.leans || is_open(packets)) {
        return Err("its groups of pictures lean on each other, and Chromium cannot seek in such H.264".into());
    }
    Ok(gops)
}

/// Whether browsers are made for H.264 of this kind; what is not said is not held against it.
fn check_h264(stream: &VideoStream) -> Result<(), String> {
    if let Some(profile) = stream.profile.as_deref().filter(|profile| !H264_PROFILES.contains(profile)) {
        return Err(format!("H.264 of the profile {profile} does not play in every browser"));
    }
    if let Some(level) = stream.level.filter(|level| *level > H264_HIGHEST_LEVEL) {
        let level = f64::from(level) / 10.0;
        return Err(format!("H.264 of level {level:.1} asks for more than every browser can decode"));
    }
    Ok(())
}

/// Whether a picture is shown before the key frame that it follows. In H.264 that key frame is then no IDR, and
/// Chromium starts decoding nowhere else.
fn is_open(packets: &[Packet]) -> bool {
    let mut key = None;
    packets.iter().any(|packet| {
        if packet.key {
            key = packet.pts;
        }
        packet.pts < key
    })
}

/// Joins packets into groups of pictures, or says why that cannot be done without decoding.
///
/// A group lasts from when its key frame is decoded until the next one is, as it does in what is packaged. The last one
/// ends as long before the last picture does as the first one begins before a picture is shown.
fn gops(stream: &VideoStream, packets: &[Packet]) -> Result<Vec<Gop>, String> {
    if !packets.first().is_some_and(|packet| packet.key) {
        return Err("the film does not begin with a key frame".into());
    }
    check_times(packets)?;
    let time_base = stream.time_base.value();
    let frames = Frames::of(packets, time_base);
    let rate = stream.average_rate.map(Ratio::value).filter(|rate| *rate > 0.0);
    let gap_s = rate.map(|rate| 1.0 / rate).or_else(|| frames.median_gap()).unwrap_or_default();
    let times = decode_times(packets, gap_s / time_base);
    let ticks = |time: f64| time * time_base * f64::from(PLAN_TIMESCALE);
    let mut gops: Vec<Gop> = Vec::new();
    let mut begun = 0.0;
    for (packet, time) in packets.iter().zip(times.iter().map(|time| ticks(*time))) {
        if packet.key {
            if let Some(gop) = gops.last_mut() {
                gop.duration = (time - begun).round() as u64;
            }
            gops.push(Gop::default());
            begun = time;
        }
        if let Some(gop) = gops.last_mut() {
            gop.bytes += packet.bytes;
        }
    }
    let shown_s = frames.first_s().zip(frames.end_s()).map_or(0.0, |(first, end)| end - first);
    if let (Some(gop), Some(first), Some(last)) = (gops.last_mut(), times.first(), times.last()) {
        let end = ticks(*first) + shown_s * f64::from(PLAN_TIMESCALE);
        gop.duration = (end.max(ticks(*last) + 1.0) - begun) as u64;
    }
    let too_long = |gop: &Gop| gop.duration as f64 > LONGEST_GOP_S * f64::from(PLAN_TIMESCALE);
    if gops.iter().any(too_long) {
        return Err(format!("its key frames are more than {LONGEST_GOP_S} s apart, which makes seeking slow"));
    }
    if gops.iter().any(|gop| gop.bytes > LARGEST_GOP) {
        return Err("there are too many bytes between two of its key frames".into());
    }
    Ok(gops)
}

/// When each picture is decoded, in ticks of the file, where pictures mostly follow each other after `gap` ticks.
///
/// Matroska knows no decode times, so that a reader has none for the first pictures: of so many ffmpeg has the first
/// one decoded so many pictures before it is shown. Where others have none, either, what counts is when they are shown.
fn decode_times(packets: &[Packet], gap: f64) -> Vec<f64> {
    let unknown = packets.iter().take_while(|packet| packet.dts.is_none()).count();
    let first = packets.first().and_then(|first| first.pts).unwrap_or_default() as f64;
    let guessed = (0..unknown).map(|at| first - (unknown - at) as f64 * gap);
    let known = packets[unknown..].iter().map_while(|packet| Some(packet.dts? as f64));
    let times: Vec<f64> = guessed.chain(known).collect();
    if times.len() == packets.len() && unknown < packets.len() {
        return times;
    }
    packets.iter().map(|packet| packet.pts.unwrap_or_default() as f64).collect()
}

/// Every picture must be shown at a time of its own, and decode times, where there are any, must run
/// forwards.
fn check_times(packets: &[Packet]) -> Result<(), String> {
    let shown: Option<Vec<i64>> = packets.iter().map(|packet| packet.pts).collect();
    let Some(mut shown) = shown else { return Err("the file does not say when each of its pictures is shown".into()) };
    shown.sort_unstable();
    if shown.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two of its pictures are shown at the same time".into());
    }
    let decoded: Vec<i64> = packets.iter().filter_map(|packet| packet.dts).collect();
    if decoded.windows(2).any(|pair| pair[1] <= pair[0]) {
        return Err("its time stamps run backwards".into());
    }
    Ok(())
}

/// Bits per second of the densest segment, boxes included.
pub(super) fn densest(gops: &[Gop], rule: CutRule) -> u64 {
    let mut most = 0;
    let mut segment = Gop::default();
    for &gop in gops {
        segment = if rule.closes_before(segment, gop) { gop } else { segment.joined(gop) };
        let seconds = segment.duration.max(u64::from(PLAN_TIMESCALE) / 2) as f64 / f64::from(PLAN_TIMESCALE);
        most = most.max((segment.bytes as f64 * 8.0 * 1.01 / seconds) as u64);
    }
    most
}
