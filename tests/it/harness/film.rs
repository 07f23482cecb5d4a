//! The films that every player must play. Six boxes along the upper edge of each picture are the second
//! it belongs to, in binary: whoever sees a picture knows where in the film it is.

use super::clip::{Clip, made};
use std::fs;
use std::path::Path;

/// Seconds of each film.
pub const SECONDS: u32 = 25;

/// Boxes that tell the second, the first of which counts one.
const BITS: u32 = 6;

/// What is said in the film with subtitles, and from when to when, in seconds.
pub const CUE: (&str, f64, f64) = ("Hello there", 8.5, 11.25);

/// A film and what it has to offer.
#[derive(Clone, Debug)]
pub struct Film {
    pub clip: Clip,
    /// Pictures in it.
    pub pictures: usize,
    /// Whether `CUE` is in it.
    pub has_cue: bool,
}

const ONE: &[&str] = &["eng"];

/// H.264 that is copied as it is.
pub fn copied() -> Film {
    film("640x360", "", "-c:v libx264 -preset veryfast -bf 2 -g 50", ONE)
}

/// H.264 at 1280 × 720, from which smaller sizes are made.
pub fn ladder() -> Film {
    film("1280x720", "", "-c:v libx264 -preset ultrafast -b:v 4M -g 50", ONE)
}

pub fn two_languages() -> Film {
    film("320x180", "", "-c:v libx264 -preset veryfast -bf 2 -g 50", &["eng", "deu"])
}

/// Frames last 20 to 100 ms.
pub fn variable_rate() -> Film {
    let fifty = ",fps=50,select='not(mod(n\\,2))+not(mod(n\\,5))'";
    Film { pictures: 30 * SECONDS as usize, ..film("320x180", fifty, "-c:v libx264 -vsync vfr -bf 2 -g 60", ONE) }
}

pub fn portrait() -> Film {
    film("360x640", "", "-c:v libx264 -preset veryfast -bf 2 -g 50", ONE)
}

/// Groups of pictures that lean on the one before.
pub fn open_gop() -> Film {
    let open = "-c:v libx264 -preset veryfast -bf 3 -x264-params open-gop=1:keyint=50:min-keyint=50:scenecut=0";
    film("320x180", "", open, ONE)
}

/// Twelve seconds a group at 40 Mb/s, part of which is padding: decoders are not what is tried here.
pub fn long_gop() -> Film {
    let heavy = "-c:v libx264 -preset ultrafast -g 300 -keyint_min 300 -b:v 40M -maxrate 40M -bufsize 20M \
                 -x264-params nal-hrd=cbr:scenecut=0";
    film("640x360", ",noise=alls=30:allf=t", heavy, ONE)
}

/// With MP3, which is offered as it is, too.
pub fn mp3() -> Film {
    let plain = copied();
    let words = ["-i", plain.path(), "-c:v", "copy", "-c:a", "libmp3lame", "-b:a", "128k"];
    Film { clip: made("mkv", &words), ..plain }
}

/// With `CUE` as SRT.
pub fn subtitles(folder: &Path) -> Film {
    let time = |seconds: f64| format!("00:00:{seconds:06.3}").replace('.', ",");
    let text = format!("1\n{} --> {}\n{}\n", time(CUE.1), time(CUE.2), CUE.0);
    let path = folder.join("subtitles.srt");
    fs::write(&path, text).expect("a file in the test's folder can be written");
    let plain = copied();
    let words = ["-i", plain.path(), "-i", path.to_str().expect("a test's path is plain")];
    let rest = "-map 0 -map 1 -c copy -c:s srt -metadata:s:s:0 language=eng".split(' ');
    Film { clip: made("mkv", &words.into_iter().chain(rest).collect::<Vec<_>>()), has_cue: true, ..plain }
}

impl Film {
    fn path(&self) -> &str {
        self.clip.path.to_str().expect("a test's path is plain")
    }
}

/// A film of moving pictures after a filter, each sound a tone of its own.
fn film(size: &str, filter: &str, codec: &str, sounds: &'static [&'static str]) -> Film {
    let picture = format!("testsrc2=size={size}:rate=25:duration={SECONDS}{filter}{}", clock());
    let mut words: Vec<String> = ["-f", "lavfi", "-i"].map(str::to_owned).to_vec();
    words.push(picture);
    for number in 1..=sounds.len() {
        words.extend(["-f", "lavfi", "-i"].map(str::to_owned));
        words.push(format!("sine=frequency={}:sample_rate=48000:duration={SECONDS}", number * 220));
    }
    for number in 0..=sounds.len() {
        words.extend(["-map".to_owned(), number.to_string()]);
    }
    words.extend(codec.split_whitespace().map(str::to_owned));
    words.extend("-pix_fmt yuv420p -c:a aac -ac 2 -b:a 96k".split(' ').map(str::to_owned));
    for (number, language) in sounds.iter().enumerate() {
        words.extend([format!("-metadata:s:a:{number}"), format!("language={language}")]);
    }
    let clip = made("mp4", &words.iter().map(String::as_str).collect::<Vec<_>>());
    Film { clip, pictures: 25 * SECONDS as usize, has_cue: false }
}

/// The boxes, white for a one, as filters.
fn clock() -> String {
    let mut filters = ",drawbox=x=0:y=0:w=iw:h=ih/6:color=black:t=fill".to_owned();
    for bit in 0..BITS {
        let divisor = 1 << bit;
        filters += &format!(
            ",drawbox=x=iw*{bit}/{BITS}:y=0:w=iw/{BITS}:h=ih/6:color=white:t=fill:enable='mod(floor(t/{divisor})\\,2)'"
        );
    }
    filters
}

/// Which second a picture belongs to. `picture` is a grey one of `BITS` × 6 pixels, a byte each.
pub fn second_of(picture: &[u8]) -> u32 {
    (0..BITS).filter(|bit| picture[*bit as usize] > 127).map(|bit| 1 << bit).sum()
}

/// Places in a film to seek to, in seconds: the same for the same seed, and never so near to the edge of a second
/// that a tenth of one more or less would be another.
pub fn places(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = |below: u64| {
        // The multiplier and the increment of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    // The last second may lack its end.
    (0..count).map(|_| next(u64::from(SECONDS) - 1) as f64 + 0.2 + next(60) as f64 / 100.0).collect()
}
