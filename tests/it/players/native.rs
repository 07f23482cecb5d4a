//! ffmpeg and mpv, which read HLS by ffmpeg's own demuxer.
//!
//! What that demuxer cannot do, up to version 7: seek in any HLS made of MP4. It throws away what it has read and
//! keeps the MP4 demuxer's list of samples, which it then reads from wrong places. HLS that ffmpeg itself wrote
//! fails alike, and that is what a test here holds ours against. It does not offer subtitles of HLS either; the
//! file of subtitles is read by itself. So ffmpeg plays on to the places, and mpv, which keeps what it has read,
//! seeks in that and is started once for each size and sound.

use super::Offer;
use crate::harness::World;
use crate::harness::clip;
use crate::harness::film::{self, CUE, places, second_of};
use crate::harness::mpv::Mpv;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// How exactly a cue comes and goes, and a seek arrives, in seconds.
const EXACT: f64 = 0.1;

/// A grey picture of six pixels a side, of which `second_of` reads the upper edge.
const TO_READ: &str = "scale=6:6:flags=area,format=gray";

/// What ffmpeg writes to its output and complains of.
async fn ffmpeg(words: &[&str]) -> (Vec<u8>, String) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(words).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("ffmpeg can be started");
    (output.stdout, String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Plays every size with every sound to its end, goes to some places, and reads the subtitles.
pub(super) async fn faults_of_ffmpeg(offer: &Offer) -> Vec<String> {
    let mut faults = Vec::new();
    let url = offer.master.as_str();
    for rung in 0..offer.rungs {
        let picture = format!("0:v:{rung}");
        let words = ["-i", url, "-map", &picture, "-map", "0:a", "-vsync", "passthrough", "-f", "framehash", "-"];
        let (said, error) = ffmpeg(&words).await;
        let said = String::from_utf8_lossy(&said);
        let frames = |stream: usize| said.lines().filter(|line| line.starts_with(&format!("{stream},"))).count();
        if !error.is_empty() || frames(0) != offer.film.pictures {
            faults.push(format!("size {rung} has {} of {} pictures: {error}", frames(0), offer.film.pictures));
        }
        let silent = (1..=offer.sounds.len()).filter(|sound| frames(*sound) == 0);
        faults.extend(silent.map(|sound| format!("nothing is heard of sound {sound}")));
    }
    for place in offer.places.iter().take(3) {
        if played_to(url, *place).await != Some(place.floor() as u32) {
            faults.push(format!("playing on to {place} s shows another picture"));
        }
    }
    if offer.film.has_cue {
        let (said, _) = ffmpeg(&["-i", &subtitles_of(url), "-f", "srt", "-"]).await;
        let said = String::from_utf8_lossy(&said).into_owned();
        let times = said.lines().find_map(|line| line.split_once(" --> ")).unwrap_or_default();
        let seconds = |text: &str| text.rsplit(':').next()?.replace(',', ".").parse::<f64>().ok();
        let is_near = |text: &str, wanted: f64| seconds(text).is_some_and(|found| (found - wanted).abs() <= EXACT);
        if !(said.contains(CUE.0) && is_near(times.0, CUE.1) && is_near(times.1, CUE.2)) {
            faults.push(format!("the cue is not in time: {said}"));
        }
    }
    faults
}

/// Decodes so many sounds to their ends.
pub(super) async fn faults_of_sounds(url: &str, count: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for sound in 0..count {
        let map = format!("0:a:{sound}");
        let (said, error) = ffmpeg(&["-i", url, "-map", &map, "-f", "framehash", "-"]).await;
        if !error.is_empty() || !String::from_utf8_lossy(&said).lines().any(|line| line.starts_with("0,")) {
            faults.push(format!("sound {sound} is not heard: {error}"));
        }
    }
    faults
}

fn subtitles_of(master: &str) -> String {
    master.replace("master.m3u8", "s0/0.vtt")
}

/// Opens every size and sound, seeks, and reads the subtitles.
pub(super) async fn faults_of_mpv(offer: &Offer) -> Vec<String> {
    let mut faults = Vec::new();
    let sounds = (1..=offer.sounds.len()).map(|sound| (1, sound));
    for (rung, sound) in (1..=offer.rungs).map(|rung| (rung, 1)).chain(sounds.skip(1)) {
        let mut options = vec![format!("--vid={rung}"), format!("--aid={sound}")];
        if offer.film.has_cue {
            options.push(format!("--sub-file={}", subtitles_of(&offer.master)));
        }
        let mut mpv = Mpv::open(&offer.master, &options).await;
        for place in &offer.places {
            let arrived = mpv.seek(*place).await;
            if (arrived - place).abs() > EXACT {
                faults.push(format!("a seek to {place} s ended at {arrived} s"));
            }
        }
        let chosen = (mpv.get("vid").await, mpv.get("aid").await);
        if chosen != (rung.into(), sound.into()) {
            faults.push(format!("size {rung} and sound {sound} were asked for, {chosen:?} came"));
        }
        if offer.film.has_cue {
            for (place, wanted) in
                [(CUE.1 - EXACT, false), (CUE.1 + EXACT, true), (CUE.2 - EXACT, true), (CUE.2 + EXACT, false)]
            {
                mpv.seek(place).await;
                let shown = mpv.get("sub-text").await;
                if (shown == CUE.0) != wanted {
                    faults.push(format!("at {place} s the subtitle is {shown}"));
                }
            }
        }
        faults.append(&mut mpv.errors);
    }
    faults
}

/// Which second is shown after a seek; `None` when nothing is, or not without errors.
async fn sought(url: &str, place: f64) -> Option<u32> {
    let place = place.to_string();
    shown(&["-ss", &place, "-i", url, "-map", "0:v:0"]).await
}

/// Which second is shown when the film is played up to a place.
async fn played_to(url: &str, place: f64) -> Option<u32> {
    let place = place.to_string();
    shown(&["-i", url, "-ss", &place, "-map", "0:v:0"]).await
}

async fn shown(words: &[&str]) -> Option<u32> {
    let all = [words, &["-vf", TO_READ, "-frames:v", "1", "-f", "rawvideo", "-"]].concat();
    let (picture, error) = ffmpeg(&all).await;
    (error.is_empty() && picture.len() == 36).then(|| second_of(&picture))
}

/// The film as HLS of the same shape as ours, written by ffmpeg.
fn of_its_own(film: &Path, folder: &Path) -> String {
    std::fs::create_dir_all(folder).unwrap();
    let segments = folder.join("%v_%d.m4s");
    let mut words = vec!["-i", film.to_str().unwrap()];
    words.extend(
        "-map 0:v -map 0:a -c copy -f hls -hls_time 6 -hls_playlist_type vod -hls_segment_type fmp4 \
         -var_stream_map v:0,agroup:a|a:0,agroup:a,default:yes -master_pl_name master.m3u8 -hls_segment_filename"
            .split_whitespace(),
    );
    let words: Vec<String> = words.into_iter().map(|word| word.replace('|', " ")).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.push(segments.to_str().unwrap());
    clip::ffmpeg(&words, &folder.join("%v.m3u8"));
    folder.join("master.m3u8").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn ffmpeg_arrives_in_ours_wherever_it_arrives_in_hls_of_its_own() {
    let world = World::start().await;
    let film = film::copied();
    let own = of_its_own(&film.clip.path, &world.folder().join("own"));
    let offer = Offer::of(&world, film).await;
    for place in places(7, 20) {
        match sought(&own, place).await {
            // It may be late there: then it is as late in ours.
            Some(second) => assert_eq!(sought(&offer.master, place).await, Some(second), "{place} s"),
            None => assert_eq!(played_to(&offer.master, place).await, Some(place.floor() as u32), "{place} s"),
        }
    }
}
