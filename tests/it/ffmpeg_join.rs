//! Spans encoded apart join without a lost, doubled or shifted frame.

use crate::ffmpeg_child::Bench;
use std::path::Path;
use telecine::ffmpeg::package::{Clip, VideoEncode, VideoTask};
use telecine::ffmpeg::{Encoder, PackageTask};
use telecine::media::ladder::Rung;
use telecine::media::probe::{Packet, Probe, Ratio};
use tokio_util::sync::CancellationToken;

fn encode(input: &Path, probe: &Probe, clip: Option<Clip>) -> PackageTask {
    let stream = &probe.video[0];
    let encode = VideoEncode {
        index: stream.index,
        encoder: Encoder::Software,
        rungs: vec![Rung { size: stream.display_size(), max_bit_rate: 600_000 }],
        frame_rate: Ratio { num: 30, den: 1 },
        least_gap_s: None,
        hold_s: None,
        held_from_s: None,
        device_decodes: false,
        deinterlace: stream.interlaced,
        rotated: false,
        tone_map: None,
        clip,
        key_frame_interval_s: 2,
        key_frames_s: Vec::new(),
    };
    let video = Some(VideoTask::Encode(Box::new(encode)));
    PackageTask { input: input.to_owned(), start_s: probe.start_s, video, audio: Vec::new(), in_background: false }
}

/// The body of the first box of this kind, wherever it lies.
fn boxed<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = bytes.windows(4).position(|name| name == kind).unwrap();
    let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    &bytes[at + 4..at - 4 + size]
}

/// Presentation times in ticks of 1/90000 s, the edit list (the encoder's reorder delay) applied.
async fn times(bench: &Bench, bytes: &[u8]) -> Vec<i64> {
    let path = bench.path("out.mp4");
    std::fs::write(&path, bytes).unwrap();
    let mut packets: Vec<Packet> = Vec::new();
    bench.ffmpeg.scan(&path, 0, None, &CancellationToken::new(), &mut |packet, _| packets.push(packet)).await.unwrap();
    assert!(packets[0].key);
    let mut times: Vec<i64> = packets.iter().map(|packet| packet.pts.unwrap()).collect();
    times.sort_unstable();
    times
}

/// Encodes in one piece and in three, and compares.
async fn assert_joins(name: &str, source: &str) {
    let bench = Bench::new();
    let path = bench.make(name, source);
    let probe = bench.probe(&path).await;
    let mut packets: Vec<Packet> = Vec::new();
    bench.ffmpeg.scan(&path, 0, None, &CancellationToken::new(), &mut |packet, _| packets.push(packet)).await.unwrap();
    let tick = probe.video[0].time_base.value();
    let keys: Vec<f64> = packets
        .iter()
        .filter(|packet| packet.key)
        .map(|packet| packet.pts.or(packet.dts).unwrap() as f64 * tick)
        .collect();
    let (first, second) = (keys.len() / 3, 2 * keys.len() / 3);
    assert!(first > 0 && second > first + 1, "{keys:?}");
    let margin = 0.01;
    let bounds = [
        (0, f64::MIN, Some(keys[first])),
        (first - 1, keys[first], Some(keys[second])),
        (second - 1, keys[second], None),
    ];

    let whole = bench.package(&encode(&path, &probe, None)).await;
    let mut joined = Vec::new();
    for (seek, from, to) in bounds {
        let from_s = from.max(probe.start_s - 1.0) - margin;
        let clip = Clip { seek_s: keys[seek], from_s, to_s: to.map(|to| to - margin) };
        let span = bench.package(&encode(&path, &probe, Some(clip))).await;
        assert_eq!(boxed(&span, b"stsd"), boxed(&whole, b"stsd"), "parameter sets of {name}");
        joined.extend(times(&bench, &span).await);
    }

    let whole = times(&bench, &whole).await;
    assert_eq!(joined.len(), packets.len(), "frames of {name}");
    let shifts: Vec<_> = joined.iter().zip(&whole).filter(|(a, b)| a != b).collect();
    assert!(joined.len() == whole.len() && shifts.is_empty(), "{name}: {} {} {shifts:?}", joined.len(), whole.len());
    assert!((whole[0] - 900_000).abs() < 4_000, "{name} starts at {}", whole[0]);
}

#[tokio::test]
async fn constant_rate() {
    assert_joins("a.mp4", "-f lavfi -i testsrc2=r=25:d=12 -c:v libx264 -preset ultrafast -g 50 -bf 0").await;
}

#[tokio::test]
async fn b_frames_of_ntsc_rate() {
    assert_joins("a.mp4", "-f lavfi -i testsrc2=r=30000/1001:d=12 -c:v libx264 -preset veryfast -g 40 -bf 3").await;
}

#[tokio::test]
async fn variable_rate() {
    let source = "-f lavfi -i testsrc2=r=30:d=12,select='not(between(mod(n\\,17)\\,3\\,6))' -fps_mode vfr -c:v libx264 -bf 3 -g 50";
    assert_joins("a.mkv", source).await;
    assert_joins("a.webm", &source.replace("-c:v libx264 -bf 3", "-c:v libvpx -b:v 300k -deadline realtime")).await;
}

#[tokio::test]
async fn open_gops() {
    assert_joins("a.mp4", "-f lavfi -i testsrc2=r=25:d=12 -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=40")
        .await;
}

#[tokio::test]
async fn transport_stream() {
    let source = "-f lavfi -i testsrc2=r=30000/1001:d=12 -c:v libx264 -x264-params open-gop=1:bframes=3:keyint=40 -output_ts_offset 7";
    assert_joins("a.ts", source).await;
    assert_joins("b.ts", "-f lavfi -i testsrc2=r=25:d=12 -c:v mpeg2video -bf 2 -g 25 -b:v 1M").await;
}

#[tokio::test]
async fn interlaced() {
    assert_joins("a.ts", "-f lavfi -i testsrc2=r=25:d=12 -c:v mpeg2video -flags +ilme+ildct -top 1 -g 25 -b:v 1M")
        .await;
}

#[tokio::test]
async fn avi() {
    assert_joins("a.avi", "-f lavfi -i testsrc2=r=25:d=12 -c:v mpeg4 -g 50").await;
    assert_joins("b.avi", "-f lavfi -i testsrc2=r=25:d=12 -c:v mpeg4 -g 50 -bf 2").await;
}
