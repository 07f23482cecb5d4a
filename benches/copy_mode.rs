//! How long a large file takes from accepted to ready in copy mode, beside bare `ffmpeg -c copy`
//! into fMP4 HLS of the same file, in turns. Prints both, their ratio, when the film could first be
//! watched and the server's peak memory, and writes rows 9 and 13 of `docs/benchmarks.md`.
//!
//! `BENCH_MIB` sets the size of the file (2048), `BENCH_ENDING` what it is (mp4, or mkv or ts),
//! `BENCH_ROUNDS` the number of turns (5), `BENCH_DIR` the folder. The file lies on the same disk as the results, and
//! was read once before; nothing is left to be written to the disk when a turn begins.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends at once")]

#[expect(dead_code, reason = "each measurement uses what it needs of what they have in common")]
mod stage;

use stage::report::{self, Goal, Row, Spread};
use stage::{LOOK, Server, ffmpeg, film, median, memory, number, settle};
use std::path::Path;
use std::time::{Duration, Instant};

fn bare(folder: &Path, film: &Path) -> Duration {
    let out = folder.join("bare");
    std::fs::create_dir(&out).unwrap();
    settle();
    let began = Instant::now();
    // The frames of AAC in a transport stream have heads that MP4 has no place for.
    let filter = if film.extension().is_some_and(|ending| ending == "ts") { "-bsf:a aac_adtstoasc" } else { "" };
    let arguments =
        format!("-i {} -c copy {filter} -f hls -hls_segment_type fmp4 -hls_time 6 -hls_list_size 0", film.display());
    ffmpeg(&arguments, &out.join("playlist.m3u8"));
    let took = began.elapsed();
    std::fs::remove_dir_all(out).unwrap();
    took
}

/// Seconds until the film was accepted, and from then on until it could be watched and until it was ready.
async fn import(server: &Server, film: &Path) -> (f64, f64, f64) {
    let began = Instant::now();
    let video = server.import(film).await;
    let accepted = Instant::now();
    let master = format!("{}/hls/{video}/master.m3u8", server.base);
    while !server.client.get(&master).send().await.unwrap().status().is_success() {
        tokio::time::sleep(LOOK).await;
    }
    let playable = accepted.elapsed();
    server.until(&video, |status| status["state"] == "ready").await;
    ((accepted - began).as_secs_f64(), playable.as_secs_f64(), accepted.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() {
    let (mib, rounds) = (number("BENCH_MIB", 2048), number("BENCH_ROUNDS", 5));
    let folder = stage::folder();
    let ending = std::env::var("BENCH_ENDING").unwrap_or_else(|_| "mp4".into());
    let film = film(folder.path(), mib, &ending);
    let (mut ratios, mut bares, mut firsts, mut ours) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    println!("copy mode, {} MB of {ending}, accepted to ready", film.metadata().unwrap().len() / 1_000_000);
    println!("| round | bare ffmpeg s | to watch s | Telecine s | ratio | hashing before s | peak memory MiB |");
    println!("|---|---|---|---|---|---|---|");
    for round in 1..=rounds {
        let bare = bare(folder.path(), &film).as_secs_f64();
        let data = tempfile::tempdir_in(folder.path()).unwrap();
        let server = Server::start(data.path(), [("ENABLE_ABR", "false")]);
        settle();
        let (hashed, playable, ready) = import(&server, &film).await;
        let ratio = ready / bare;
        println!(
            "| {round} | {bare:.2} | {playable:.2} | {ready:.2} | {ratio:.2} | {hashed:.2} | {} |",
            memory(server.pid()).1 / 1024 / 1024
        );
        ratios.push(ratio);
        bares.push(bare);
        firsts.push(playable);
        ours.push(ready);
    }
    let size = format!("{} MB of {ending}", film.metadata().unwrap().len() / 1_000_000);
    let rows = [
        Row {
            key: "9",
            what: format!("copy mode, {size}, accepted to ready, beside bare `ffmpeg -c copy -f hls`"),
            seen: format!("{:.2} beside {:.2} s", median(ours), median(bares)),
            figure: Spread::of(ratios),
            unit: "×",
            goal: Goal::AtMost(1.15),
        },
        Row {
            key: "13",
            what: format!("copy mode, {size}, from accepted to the first playlist"),
            seen: String::new(),
            figure: Spread::of(firsts),
            unit: "s",
            goal: Goal::AtMost(if mib <= 2048 { 1.0 } else { 3.0 }),
        },
    ];
    report::note("copy_mode", &rows);
}
