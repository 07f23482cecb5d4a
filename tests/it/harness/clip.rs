//! Films made by ffmpeg. Each is made once and kept for later runs, under a name that changes with
//! the way it is made.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use uuid::Uuid;

/// A film on disk.
#[derive(Clone, Debug)]
pub struct Clip {
    pub path: PathBuf,
}

impl Clip {
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).expect("a clip that was made can be read")
    }
}

/// The film that ffmpeg makes from these words; `ending` is the file's.
pub fn made(ending: &str, words: &[&str]) -> Clip {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).expect("the folder of clips can be made");
    let path = folder.join(format!("{:016x}.{ending}", hasher.finish()));
    if !path.exists() {
        // Tests run side by side: each makes its own, and the first is the clip for all, since encoders do not always
        // make the same twice. A name that is given at the end never shows half a film.
        let part = folder.join(format!("{}.{ending}", Uuid::new_v4()));
        ffmpeg(words, &part);
        match fs::hard_link(&part, &path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            linked => linked.expect("a clip can be named"),
        }
        fs::remove_file(&part).expect("a name of a clip can be removed");
    }
    Clip { path }
}

/// Runs ffmpeg with these words and an output file.
pub fn ffmpeg(words: &[&str], output: &Path) {
    let done = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(words)
        .arg(output)
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg can be started");
    assert!(done.status.success(), "ffmpeg {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn from_words(ending: &str, words: &str) -> Clip {
    made(ending, &words.split_whitespace().collect::<Vec<_>>())
}

/// H.264 with B-frames and AAC in MP4: what can be copied. Key frames every two seconds.
pub fn h264_aac(seconds: u32) -> Clip {
    from_words(
        "mp4",
        &format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25:duration={seconds} \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
             -c:v libx264 -preset veryfast -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -b:a 96k -movflags +faststart"
        ),
    )
}

/// H.264 with B-frames in Matroska, whose first packets have no decode times, and AAC.
pub fn matroska(seconds: u32) -> Clip {
    from_words(
        "mkv",
        &format!(
            "-f lavfi -i testsrc2=size=640x360:rate=24000/1001:duration={seconds} \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
             -c:v libx264 -preset veryfast -bf 3 -b_strategy 0 -g 48 -pix_fmt yuv420p -c:a aac"
        ),
    )
}

/// H.264 at 1280 × 720 with an English and a German sound: there is a ladder below it, and a choice.
pub fn two_languages(seconds: u32) -> Clip {
    from_words(
        "mkv",
        &format!(
            "-f lavfi -i testsrc2=size=1280x720:rate=25:duration={seconds} \
             -f lavfi -i sine=frequency=330:sample_rate=48000:duration={seconds} \
             -f lavfi -i sine=frequency=550:sample_rate=48000:duration={seconds} -map 0 -map 1 -map 2 \
             -c:v libx264 -preset ultrafast -b:v 4M -bf 2 -g 50 -pix_fmt yuv420p -c:a aac -ac 2 \
             -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu"
        ),
    )
}

/// HEVC and AAC in MP4.
pub fn hevc_aac(seconds: u32) -> Clip {
    from_words(
        "mp4",
        &format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25:duration={seconds} \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
             -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 -tag:v hvc1 -pix_fmt yuv420p -c:a aac"
        ),
    )
}

/// MPEG-4 and MP3 in AVI: has to be encoded.
pub fn mpeg4_mp3(seconds: u32) -> Clip {
    from_words(
        "avi",
        &format!(
            "-f lavfi -i testsrc2=size=320x240:rate=25:duration={seconds} \
             -f lavfi -i sine=frequency=330:sample_rate=44100:duration={seconds} \
             -c:v mpeg4 -q:v 4 -g 25 -c:a libmp3lame -b:a 96k"
        ),
    )
}

/// VP9 and Opus in `WebM`, with time stamps in whole milliseconds.
pub fn vp9_opus(seconds: u32) -> Clip {
    from_words(
        "webm",
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=30000/1001:duration={seconds} \
             -f lavfi -i sine=frequency=550:sample_rate=48000:duration={seconds} \
             -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 400k -g 60 -c:a libopus -b:a 64k"
        ),
    )
}

/// A film with noise in it, which keeps an encoder busy and is small itself. `height` is that of a 16:9 picture.
pub fn busy(height: u32, seconds: u32) -> Clip {
    let width = height * 16 / 9;
    from_words(
        "avi",
        &format!(
            "-f lavfi -i testsrc2=size={width}x{height}:rate=25:duration={seconds},noise=alls=12:allf=t \
             -f lavfi -i sine=frequency=330:sample_rate=44100:duration={seconds} \
             -c:v mpeg4 -q:v 20 -g 25 -threads 2 -c:a libmp3lame -b:a 96k"
        ),
    )
}

/// A film of half a gigabyte that can be copied: ten seconds of noise, again and again.
pub fn heavy() -> Clip {
    let piece = from_words(
        "mp4",
        "-f lavfi -i testsrc2=size=960x540:rate=25:duration=10,noise=alls=60:allf=t \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration=10 \
         -c:v libx264 -preset ultrafast -qp 22 -bf 2 -g 50 -pix_fmt yuv420p -c:a aac",
    );
    let turns = (500 * 1024 * 1024 / piece.bytes().len()).to_string();
    let path = piece.path.to_str().expect("names of ours are text");
    made("mp4", &["-stream_loop", &turns, "-i", path, "-c", "copy"])
}

/// H.264 of about four megabits a second and AAC in MP4: segments of some megabytes.
pub fn dense(seconds: u32) -> Clip {
    from_words(
        "mp4",
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration={seconds},noise=alls=40:allf=t \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
             -c:v libx264 -preset ultrafast -b:v 4M -maxrate 4M -bufsize 2M -g 50 -pix_fmt yuv420p -c:a aac -b:a 96k"
        ),
    )
}

/// A second of white with a beep, in a film that is black and silent else.
pub struct Flashes {
    pub size: &'static str,
    /// Length of the film.
    pub seconds: u32,
    /// When each flash and its beep begin together.
    pub at: &'static [u32],
}

pub fn flash_and_beep(ending: &str, codecs: &str, flashes: &Flashes) -> Clip {
    let Flashes { size, seconds, at } = flashes;
    let now: Vec<String> = at.iter().map(|second| format!("between(t,{second},{})", second + 1)).collect();
    let now = now.join("+");
    let white = format!("drawbox=w=iw:h=ih:color=white:t=fill:enable='{now}'");
    let video = format!("color=black:size={size}:rate=25:duration={seconds},{white}");
    let audio = format!("sine=frequency=1000:sample_rate=48000:duration={seconds},volume=0:enable='not({now})'");
    let mut words = vec!["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    words.extend(codecs.split_whitespace());
    made(ending, &words)
}

/// One plain colour a second, in this order: what a browser sees tells where it is.
pub const COLOURS: [(&str, [u8; 3]); 6] = [
    ("red", [255, 0, 0]),
    ("lime", [0, 255, 0]),
    ("blue", [0, 0, 255]),
    ("yellow", [255, 255, 0]),
    ("magenta", [255, 0, 255]),
    ("cyan", [0, 255, 255]),
];

/// Four seconds of each of `COLOURS` with a quiet tone, as H.264 and AAC.
pub fn colours() -> Clip {
    let mut words: Vec<String> = Vec::new();
    for (name, _) in COLOURS {
        words.extend(["-f", "lavfi", "-i"].map(str::to_owned));
        words.push(format!("color={name}:size=320x180:rate=25:duration=4"));
    }
    let whole = COLOURS.len() * 4;
    words.extend(["-f", "lavfi", "-i"].map(str::to_owned));
    words.push(format!("sine=frequency=220:sample_rate=48000:duration={whole}"));
    let joined = format!("concat=n={}:v=1:a=0[v]", COLOURS.len());
    let rest = "-map [v] -map 6:a -c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p -c:a aac";
    words.extend(["-filter_complex".to_owned(), joined]);
    words.extend(rest.split_whitespace().map(str::to_owned));
    made("mp4", &words.iter().map(String::as_str).collect::<Vec<_>>())
}
