//! What one decoder for all sizes saves, and what a storyboard costs: processor time of the children that the
//! server would start, beside separate runs and a full decode, in turns.
//!
//! `BENCH_SECONDS` sets the length of the film (60), `BENCH_ROUNDS` the number of turns (3), `BENCH_DIR` the folder.
//! Rows 11 and 12 of `docs/benchmarks.md` are written.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends at once")]

#[expect(dead_code, reason = "each measurement uses what it needs of what they have in common")]
mod stage;

use stage::report::{self, Goal, Row, Spread};
use stage::{ffmpeg, number};
use std::path::{Path, PathBuf};
use telecine::ffmpeg::package::{VideoEncode, VideoTask};
use telecine::ffmpeg::{Encoder, Ffmpeg, PackageTask, Settings};
use telecine::media::ladder::{Ladder, Rung};
use telecine::media::probe::{Probe, Ratio};
use telecine::media::storyboard::Storyboard;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

/// Seconds of processor time of all children that have ended (`proc(5)`: cutime and cstime, in hundredths).
fn spent() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13..15].iter().map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

async fn encode(children: &Ffmpeg, film: &Path, probe: &Probe, rungs: Vec<Rung>) {
    let encode = VideoEncode {
        index: probe.video[0].index,
        encoder: Encoder::Software,
        rungs,
        frame_rate: Ratio { num: 25, den: 1 },
        least_gap_s: None,
        hold_s: None,
        held_from_s: None,
        device_decodes: false,
        deinterlace: false,
        rotated: false,
        tone_map: None,
        clip: None,
        key_frame_interval_s: 2,
        key_frames_s: Vec::new(),
    };
    let video = Some(VideoTask::Encode(Box::new(encode)));
    let task =
        PackageTask { input: film.into(), start_s: probe.start_s, video, audio: Vec::new(), in_background: false };
    let mut running = children.start(&task, CancellationToken::new()).await.unwrap();
    let mut buffer = vec![0; 1 << 20];
    while running.stdout.read(&mut buffer).await.unwrap() > 0 {}
    running.wait().await.unwrap();
}

#[tokio::main]
async fn main() {
    let (seconds, rounds) = (number("BENCH_SECONDS", 60), number("BENCH_ROUNDS", 3));
    let folder = stage::folder();
    let film = folder.path().join("film.mp4");
    ffmpeg(
        &format!(
            "-f lavfi -i testsrc2=size=1920x1080:rate=25:duration={seconds},noise=alls=8:allf=t \
             -c:v libx264 -preset veryfast -crf 20 -g 50 -pix_fmt yuv420p"
        ),
        &film,
    );
    let cage = PathBuf::from(env!("CARGO_BIN_EXE_telecine"));
    let children = Ffmpeg::new(Settings::new(cage, folder.path().into())).unwrap();
    let probe = children.probe(&film, &CancellationToken::new()).await.unwrap();
    let rungs: Vec<Rung> = Ladder::default().rungs(probe.video[0].display_size(), None).split_off(1);
    let board = Storyboard::of(seconds as f64, probe.video[0].display_size());
    println!("{seconds} s of 1920 × 1080, processor seconds; {} smaller sizes", rungs.len());
    println!("| round | one run | separate runs | ratio | storyboard | full decode | ratio |");
    println!("|---|---|---|---|---|---|---|");
    let (mut ladders, mut boards) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let begun = spent();
        encode(&children, &film, &probe, rungs.clone()).await;
        let together = spent();
        for rung in &rungs {
            encode(&children, &film, &probe, vec![*rung]).await;
        }
        let apart = spent();
        children.storyboard(&film, &probe, &board, &CancellationToken::new()).await.unwrap();
        let drawn = spent();
        ffmpeg(&format!("-i {} -f null", film.display()), Path::new("-"));
        let (one, many, still, decode) = (together - begun, apart - together, drawn - apart, spent() - drawn);
        println!(
            "| {round} | {one:.1} | {many:.1} | {:.2} | {still:.2} | {decode:.1} | {:.3} |",
            one / many,
            still / decode
        );
        ladders.push(one / many);
        boards.push(still / decode);
    }
    let rows = [
        Row {
            key: "11",
            what: format!("ladder of {} smaller sizes in one run, CPU, beside separate runs", rungs.len()),
            seen: format!("{seconds} s of 1920 × 1080"),
            figure: Spread::of(ladders),
            unit: "×",
            goal: Goal::AtMost(0.8),
        },
        Row {
            key: "12",
            what: "storyboard, CPU, beside a full decode".into(),
            seen: format!("{seconds} s of 1920 × 1080"),
            figure: Spread::of(boards),
            unit: "×",
            goal: Goal::AtMost(0.1),
        },
    ];
    report::note("encode", &rows);
}
