//! Children of the real programs: the cage holds, hostile files are refused, stills and encoders work.

use crate::harness::measure;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use telecine::ffmpeg::encoder::choose;
use telecine::ffmpeg::package::{AudioTask, CopiedCodec, VideoTask};
use telecine::ffmpeg::{Encoder, Ffmpeg, FfmpegError, PackageTask, Preference, Settings, probe_encoders};
use telecine::media::probe::Probe;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

const TELECINE: &str = env!("CARGO_BIN_EXE_telecine");

/// ffmpeg over a folder of its own.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) ffmpeg: Ffmpeg,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let mut settings = Settings::new(PathBuf::from(TELECINE), work);
        change(&mut settings);
        Self { folder, ffmpeg: Ffmpeg::new(settings).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Generates media with the system's ffmpeg.
    pub(crate) fn make(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.path(name);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-nostdin"])
            .args(arguments.split_whitespace())
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        path
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) async fn probe(&self, path: &Path) -> Probe {
        self.ffmpeg.probe(path, &CancellationToken::new()).await.unwrap()
    }

    async fn refusal(&self, path: &Path) -> String {
        match self.ffmpeg.probe(path, &CancellationToken::new()).await {
            Err(FfmpegError::Refused { reason }) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// The output of a run that ends well.
    pub(crate) async fn package(&self, task: &PackageTask) -> Vec<u8> {
        let mut running = self.ffmpeg.start(task, CancellationToken::new()).await.unwrap();
        let mut bytes = Vec::new();
        running.stdout.read_to_end(&mut bytes).await.unwrap();
        running.wait().await.unwrap();
        bytes
    }
}

fn copy(input: PathBuf) -> PackageTask {
    let video = Some(VideoTask::Copy { index: 0, codec: CopiedCodec::H264 });
    PackageTask { input, start_s: 0.0, video, audio: Vec::new(), in_background: false }
}

/// The film with a display matrix that turns it by 90 degrees, as phones write it (ISO 14496-12, `tkhd`).
pub(crate) fn turned_right(mut film: Vec<u8>) -> Vec<u8> {
    let matrix = film.windows(4).position(|name| name == b"tkhd").unwrap() + 44;
    for (place, value) in [(0, 0_i32), (4, 0x10000), (12, -0x10000), (16, 0)] {
        film[matrix + place..matrix + place + 4].copy_from_slice(&value.to_be_bytes());
    }
    film
}

/// `width,height` of a picture.
pub(crate) fn size_of(picture: &Path) -> String {
    let arguments = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"];
    let said = Command::new("ffprobe").args(arguments).arg(picture).output().unwrap().stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn caged(limits: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(TELECINE);
    command.args(["cage", "--parent", &std::process::id().to_string()]).args(limits).arg("--").args(program);
    command
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::yield_now();
    }
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_child_dies_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    // `$$` stays the shell that forks the cage, also inside `&`. The note needs a few bytes.
    let script = r#""$0" cage --parent $$ --file-size 100 -- sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec tail -f /dev/null' "$1" & wait"#;
    let mut parent = Command::new("sh").args(["-c", script, TELECINE]).arg(&note).spawn().unwrap();
    wait_until("the child starts", || note.exists());
    let child = std::fs::read_to_string(&note).unwrap().trim().to_owned();
    assert!(is_alive(&child));

    parent.kill().unwrap();
    parent.wait().unwrap();

    wait_until("the child dies with its parent", || !is_alive(&child));
}

#[test]
fn a_cage_of_another_parent_does_not_start() {
    let output = Command::new(TELECINE).args(["cage", "--parent", "1", "--", "echo", "out"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(126), &b""[..]));
}

#[test]
fn a_caged_program_cannot_write_a_file_nor_dump_core_nor_burn_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("x");
    let wrote = caged(&[], &["sh", "-c", "echo x > \"$0\""]).arg(&written).stderr(Stdio::null()).status().unwrap();
    let limits = caged(&["--address-space", "1000000000"], &["cat", "/proc/self/limits"]).output().unwrap();
    let limits = String::from_utf8(limits.stdout).unwrap();
    let burnt = caged(&["--cpu-seconds", "1"], &["sh", "-c", "while :; do :; done"]).status().unwrap();

    assert!(!wrote.success() && std::fs::read(&written).unwrap().is_empty());
    assert!(burnt.signal().is_some());
    for (name, value) in [("Max core file size", "0"), ("Max address space", "1000000000"), ("Max open files", "256")] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line[26..].split_whitespace().take(2).collect::<Vec<_>>(), [value, value], "{line}");
    }
}

#[tokio::test]
async fn a_missing_program_is_said_to_be_missing() {
    let bench = Bench::with(|settings| settings.ffmpeg = "no-such-ffmpeg".into());
    let error = bench.ffmpeg.version().await.unwrap_err();
    assert!(matches!(error, FfmpegError::NotInstalled { ref program } if program == "no-such-ffmpeg"), "{error:?}");
    assert!(Bench::new().ffmpeg.version().await.unwrap().starts_with("ffmpeg version"));
}

#[tokio::test]
async fn a_playlist_named_as_a_film_reads_no_foreign_byte() {
    let bench = Bench::new();
    let secret = bench.make("secret.ts", "-f lavfi -i testsrc2=d=2 -c:v mpeg2video");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let local = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display());
    let remote = local
        .replace(&format!("file://{}", secret.display()), &format!("http://{}/x.ts", server.local_addr().unwrap()));
    let concat = format!("ffconcat version 1.0\nfile '{}'\n", secret.display());
    let session =
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
    for (name, text) in [("1.mp4", &local), ("2.mp4", &remote), ("3.mp4", &concat), ("4.mp4", &session.to_owned())] {
        let path = bench.write(name, text);
        bench.refusal(&path).await;
        let task = copy(path);
        let mut running = bench.ffmpeg.start(&task, CancellationToken::new()).await.unwrap();
        let mut bytes = Vec::new();
        running.stdout.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.is_empty() && running.wait().await.is_err(), "{name}");
    }
    assert!(server.accept().is_err(), "somebody was called");
}

#[tokio::test]
async fn what_is_no_film_is_refused_with_a_reason() {
    let bench = Bench::new();
    let film = bench.make("film.mp4", "-f lavfi -i testsrc2=d=2 -c:v libx264 -preset ultrafast");
    let whole = std::fs::read(&film).unwrap();
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cut = bench.write("cut.mp4", &whole[..whole.len() / 2]);
    let big = bench.make("big.png", "-f lavfi -i color=s=16000x16000:d=1 -frames:v 1");
    let big = bench.write("big.mp4", std::fs::read(big).unwrap());

    assert!(bench.refusal(&cut).await.starts_with("The file ends early"));
    assert!(bench.refusal(&bench.write("empty.mp4", [])).await.contains("file"));
    bench.refusal(&bench.write("noise.mp4", noise)).await;
    let began = Instant::now();
    bench.refusal(&big).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_header_that_claims_a_huge_picture_is_refused() {
    let bench = Bench::new();
    let film = bench.make("film.mkv", "-f lavfi -i testsrc2=s=64x48:d=1 -c:v libx264 -preset ultrafast");
    let mut bytes = std::fs::read(film).unwrap();
    // PixelWidth (B0) and PixelHeight (BA), one byte each: 64 × 48 become elements of two bytes.
    let at = bytes.windows(3).position(|part| part == [0xB0, 0x81, 64]).unwrap();
    bytes[at + 2] = 255;
    let small = bench.write("wide.mkv", &bytes);
    assert!(bench.ffmpeg.probe(&small, &CancellationToken::new()).await.is_ok(), "a harmless lie is no reason");
    let png = bench.make("huge.mov", "-f lavfi -i color=s=16000x4400:d=0.04 -c:v png");
    assert!(bench.refusal(&png).await.contains("64 million"));
}

#[tokio::test]
async fn packets_are_listed_as_the_file_has_them() {
    let bench = Bench::new();
    let film = bench.make("film.mp4", "-f lavfi -i testsrc2=r=25:d=4 -c:v libx264 -preset ultrafast -bf 2 -g 25");
    let (mut all, mut part) = (Vec::new(), Vec::new());
    let cancel = CancellationToken::new();

    bench.ffmpeg.scan(&film, 0, None, &cancel, &mut |packet, _| all.push(packet)).await.unwrap();
    bench.ffmpeg.scan(&film, 0, Some(1.5..2.0), &cancel, &mut |packet, _| part.push(packet)).await.unwrap();

    assert_eq!((all.len(), all.iter().filter(|packet| packet.key).count()), (100, 4));
    assert!(all.is_sorted_by_key(|packet| packet.dts));
    assert!(part[0].key && part.len() < 40 && part.iter().all(|packet| all.contains(packet)));
}

#[tokio::test]
async fn a_cancelled_or_dropped_run_leaves_no_child() {
    let bench = Bench::new();
    let film = bench.make("film.mp4", "-f lavfi -i testsrc2=s=640x360:d=60 -c:v libx264 -preset ultrafast -b:v 4M");
    let name = film.to_str().unwrap().to_owned();
    let children = move || {
        let processes = std::fs::read_dir("/proc").unwrap();
        let lines = processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&name)).count()
    };
    let cancel = CancellationToken::new();
    // Nobody reads, so the child is stopped at a full pipe.
    let running = bench.ffmpeg.start(&copy(film.clone()), cancel.clone()).await.unwrap();
    let dropped = bench.ffmpeg.start(&copy(film), CancellationToken::new()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while children() < 2 {
        // Between fork and exec a child still bears our own name.
        assert!(Instant::now() < deadline, "two children were started");
        tokio::task::yield_now().await;
    }

    cancel.cancel();
    drop(dropped);

    assert!(matches!(running.wait().await, Err(FfmpegError::Cancelled)));
    let deadline = Instant::now() + Duration::from_secs(20);
    while children() > 0 {
        assert!(Instant::now() < deadline, "a child lives on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_silent_child_is_stopped_and_a_slow_reader_is_not_its_fault() {
    // Long enough for a busy machine to start a child.
    let stall = Duration::from_secs(3);
    let silent = Bench::with(|settings| settings.stall = stall);
    // Opening a fifo that nobody writes to takes for ever.
    let fifo = silent.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut running = silent.ffmpeg.start(&copy(fifo), CancellationToken::new()).await.unwrap();
    let mut bytes = Vec::new();
    running.stdout.read_to_end(&mut bytes).await.unwrap();
    assert!(matches!(running.wait().await, Err(FfmpegError::Stalled { .. })));

    let film = silent.make("film.mp4", "-f lavfi -i testsrc2=s=640x360:d=20 -c:v libx264 -preset ultrafast -b:v 4M");
    let mut running = silent.ffmpeg.start(&copy(film), CancellationToken::new()).await.unwrap();
    let began = Instant::now();
    tokio::time::sleep_until((began + stall * 3 / 2).into()).await;
    running.stdout.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.len() > 1_000_000);
    running.wait().await.unwrap();
}

#[tokio::test]
async fn a_poster_is_upright_square_even_and_not_black() {
    let bench = Bench::new();
    let film = bench.make(
        "film.mkv",
        "-f lavfi -i color=black:s=721x405:r=25:d=6 -f lavfi -i testsrc2=s=721x405:r=25:d=4 \
         -filter_complex [0][1]concat,setsar=4/3 -c:v libx264 -pix_fmt yuv444p -preset ultrafast -g 25",
    );
    let flat = bench.make("flat.mp4", "-f lavfi -i testsrc2=s=1920x1080:d=1 -c:v libx264 -preset ultrafast");
    let turned = bench.write("turned.mp4", turned_right(std::fs::read(flat).unwrap()));
    for (path, size) in [(film, (960, 404)), (turned, (720, 1280))] {
        let (probe, out) = (bench.probe(&path).await, bench.path("poster.jpg"));
        let jpeg = bench.ffmpeg.poster(&path, &probe, &CancellationToken::new()).await.unwrap();

        assert_eq!(&jpeg[..2], [0xFF, 0xD8]);
        std::fs::write(&out, jpeg).unwrap();
        assert_eq!(size_of(&out), format!("{},{}", size.0, size.1));
        let grey = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&out)
            .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
            .output();
        let grey = grey.unwrap().stdout;
        assert!(grey.iter().map(|pixel| u64::from(*pixel)).sum::<u64>() / grey.len() as u64 > 50);
    }
}

#[tokio::test]
async fn a_poster_from_between_key_frames_is_decoded_from_one() {
    let bench = Bench::new();
    let film = "-f lavfi -i testsrc2=s=320x180:r=25:d=10,drawbox=w=iw:h=ih:color=black:t=fill:enable='lt(t,0.4)' \
         -c:v libx265 -x265-params log-level=error:keyint=1000 -f mpegts";
    let film = bench.make("film.ts", film);
    let (probe, out) = (bench.probe(&film).await, bench.path("poster.jpg"));
    let jpeg = bench.ffmpeg.poster(&film, &probe, &CancellationToken::new()).await.unwrap();
    std::fs::write(&out, jpeg).unwrap();
    let shown = bench.make("shown.png", "-f lavfi -i testsrc2=s=320x180:r=25:d=10 -ss 2 -frames:v 1");
    let likeness = measure::worst_likeness(&out, &shown);
    assert!(likeness > 20.0, "{likeness} dB");
}

#[tokio::test]
async fn software_works_and_hardware_that_is_not_there_says_so() {
    let bench = Bench::new();
    let reports = probe_encoders(&bench.ffmpeg, Preference { hardware_enabled: true, preferred: None }).await;
    let software = reports.last().unwrap();
    assert!(software.encoder == Encoder::Software && software.works, "{reports:?}");
    assert!(reports.iter().all(|report| report.works == report.why_not.is_none()));
    assert!(reports.iter().any(|report| report.encoder == choose(&reports).encoder && report.works));
}

#[tokio::test]
async fn odd_sound_becomes_stereo_aac_of_the_same_length_and_place() {
    let bench = Bench::new();
    for (name, source) in [
        ("8k.wav", "-f lavfi -i sine=440:r=8000:d=3 -ac 1"),
        ("12k.mka", "-f lavfi -i sine=440:r=12000:d=3 -ac 1 -c:a mp3 -ar 12000"),
        ("51.mka", "-f lavfi -i anoisesrc=d=3:a=0.1 -af aformat=channel_layouts=5.1 -c:a ac3"),
        ("late.mkv", "-f lavfi -i testsrc2=d=4 -itsoffset 1 -f lavfi -i sine=440:d=3 -c:v mpeg4 -c:a mp2"),
    ] {
        let path = bench.make(name, source);
        let probe = bench.probe(&path).await;
        let audio = AudioTask::Aac {
            index: probe.audio[0].index,
            channels: 2,
            sample_rate: 48_000,
            bit_rate: 160_000,
            from_s: None,
            until_s: None,
            is_padded: false,
        };
        let task =
            PackageTask { input: path, start_s: probe.start_s, video: None, audio: vec![audio], in_background: false };
        let out = bench.write("out.mp4", bench.package(&task).await);
        let made = bench.probe(&out).await;
        let start = if name == "late.mkv" { 11.0 } else { 10.0 };
        assert_eq!(
            (made.audio[0].codec.as_str(), made.audio[0].channels, made.audio[0].sample_rate),
            ("aac", 2, 48_000)
        );
        assert!((made.start_s - start).abs() < 0.04, "{name} starts at {}", made.start_s);
        let (mut first, mut end) = (i64::MAX, 0);
        let mut each = |packet: telecine::media::probe::Packet, _| {
            first = first.min(packet.pts.unwrap());
            end = end.max(packet.pts.unwrap() + packet.duration as i64);
        };
        bench.ffmpeg.scan(&out, 0, None, &CancellationToken::new(), &mut each).await.unwrap();
        assert!(((end - first) as f64 / 48_000.0 - 3.0).abs() < 0.12, "{name} lasts {}", end - first);
    }
}

#[tokio::test]
async fn aac_of_a_transport_stream_is_copied_bit_for_bit() {
    let bench = Bench::new();
    let film = bench.make("film.ts", "-f lavfi -i sine=440:d=3 -c:a aac");
    let probe = bench.probe(&film).await;
    let audio = vec![AudioTask::Copy { index: probe.audio[0].index }];
    let task = PackageTask { input: film.clone(), start_s: probe.start_s, video: None, audio, in_background: false };
    let out = bench.write("out.mp4", bench.package(&task).await);
    let hash = |path: &Path| {
        let words = ["-c", "copy", "-bsf:a", "aac_adtstoasc", "-f", "streamhash", "-"];
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(words).output().unwrap().stdout
    };
    assert!(!hash(&out).is_empty());
    assert_eq!(hash(&out), hash(&film));
}
