//! The films that are served: noise, so that nothing can be made smaller, in segments of a known size.

use crate::load::Request;
use crate::nginx::Nginx;
use crate::stage::{Server, ffmpeg};
use std::path::{Path, PathBuf};

/// Seconds of a segment, as the server cuts by default.
const SEGMENT_S: u64 = 6;
/// Of which the film is repeated.
const SEED_S: u64 = 12;

/// A film whose segments have about this size, and so many of them.
pub fn of_segments(folder: &Path, mib: u64, count: u64) -> PathBuf {
    let rate = mib * 1024 * 1024 * 8 / SEGMENT_S;
    let size = if mib < 4 { "480x270" } else { "1280x720" };
    let (seed, film) = (folder.join("seed.mp4"), folder.join(format!("{mib}.mp4")));
    ffmpeg(
        &format!(
            "-f lavfi -i testsrc2=size={size}:rate=25:duration={SEED_S},noise=alls=60:allf=t -c:v libx264 \
             -preset ultrafast -b:v {rate} -minrate {rate} -maxrate {rate} -bufsize {rate} -x264-params nal-hrd=cbr \
             -g 50 -pix_fmt yuv420p"
        ),
        &seed,
    );
    repeated(&seed, &film, count * SEGMENT_S / SEED_S);
    film
}

/// A film with so many segments of two seconds, and hardly anything in them.
pub fn of_many(folder: &Path, count: u64) -> PathBuf {
    let (seed, film) = (folder.join("seed.mp4"), folder.join("many.mp4"));
    let source =
        format!("-f lavfi -i testsrc2=size=64x64:rate=5:duration={SEED_S} -c:v libx264 -preset ultrafast -g 10");
    ffmpeg(&format!("{source} -pix_fmt yuv420p"), &seed);
    repeated(&seed, &film, count * 2 / SEED_S);
    film
}

fn repeated(seed: &Path, film: &Path, times: u64) {
    ffmpeg(&format!("-stream_loop {} -i {} -c copy -movflags +faststart", times - 1, seed.display()), film);
    std::fs::remove_file(seed).unwrap();
}

/// The addresses of a film's segments, as its playlist names them.
pub async fn segments(server: &Server, video: &str) -> Vec<String> {
    let playlist = server.bytes(&format!("/hls/{video}/v0/playlist.m3u8")).await;
    let playlist = String::from_utf8(playlist.to_vec()).unwrap();
    let names = playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|name| format!("/hls/{video}/v0/{name}")).collect()
}

/// The same bytes from the server and from nginx: what to ask each of them for.
#[derive(Clone, Default)]
pub struct Same {
    pub ours: Vec<Request>,
    pub theirs: Vec<Request>,
}

impl Same {
    /// Fetches what lies at these addresses, and lets nginx have it.
    pub async fn segments(server: &Server, nginx: &Nginx, paths: &[String]) -> Self {
        let mut same = Self::default();
        for path in paths {
            let bytes = server.bytes(path).await;
            let copy = format!("/segments/{}", path.replace('/', "-"));
            nginx.keep(&copy, &bytes);
            same.ours.push(Request::get(path, "", 200, bytes.len() as u64));
            same.theirs.push(Request::get(&copy, "", 200, bytes.len() as u64));
        }
        same
    }

    /// Mean size in bytes.
    pub fn size(&self) -> f64 {
        self.ours.iter().map(Request::len).sum::<u64>() as f64 / self.ours.len() as f64
    }
}
