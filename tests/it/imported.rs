//! `telecine import` over a folder of odd files: each is listed with what is done and why, and what can be played
//! plays.

use crate::harness::World;
use crate::harness::clip::{self, Clip, made};
use crate::harness::measure;
use std::fs;
use std::path::Path;
use tokio::process::Command;

fn film(ending: &str, words: &str) -> Clip {
    made(ending, &words.split_whitespace().collect::<Vec<_>>())
}

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=6";

/// Odd films, each with its name and a word of what is told of it.
fn odd() -> Vec<(&'static str, Clip, &'static str)> {
    let turned = clip::h264_aac(4);
    let turned = turned.path.to_str().unwrap();
    vec![
        ("plain.mp4", clip::h264_aac(4), "video 640 × 360 copied: H.264"),
        ("old.avi", clip::mpeg4_mp3(4), "encoded: MP3"),
        ("web.webm", clip::vp9_opus(4), "encoded: VP9"),
        ("hevc.mp4", clip::hevc_aac(4), "then video 640 × 360 encoded: H.264"),
        ("tall.mkv", clip::two_languages(4), "then video 640 × 360 encoded: for slower lines"),
        ("new.mkv", film("mkv", &format!("{PICTURE} -c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p")), "encoded: AV1"),
        ("mute.mp4", film("mp4", &format!("{PICTURE} -c:v libx264 -pix_fmt yuv420p")), "copied: H.264"),
        ("sound.flac", film("flac", &format!("{SOUND} -c:a flac")), "encoded: FLAC"),
        ("deep.mkv", film("mkv", &format!("{PICTURE} -c:v libx264 -pix_fmt yuv420p10le")), "yuv420p10le"),
        ("fields.ts", film("ts", &format!("{PICTURE} -c:v mpeg2video -flags +ilme+ildct -top 1")), "MPEG-2"),
        ("turned.mp4", made("mp4", &["-i", turned, "-c", "copy", "-metadata:s:v:0", "rotate=90"]), "turned"),
        ("wide.mp4", film("mp4", &format!("{PICTURE},setsar=4/3 -c:v libx264 -pix_fmt yuv420p")), "copied: H.264"),
    ]
}

async fn imported(world: &World, folder: &Path) -> (bool, String) {
    let output = Command::from(world.command(&["import", folder.to_str().unwrap()])).output().await.unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The lines that tell of a file, its own first.
fn told<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = table.lines().skip_while(|line| !line.contains(&format!("/{name} ")));
    let first = lines.next().unwrap_or_else(|| panic!("{name} is not in\n{table}"));
    [first].into_iter().chain(lines.take_while(|line| line.starts_with("    "))).collect()
}

#[tokio::test]
async fn a_folder_of_odd_files_is_taken_in_and_each_is_told_of() {
    let world = World::start().await;
    let folder = world.folder().join("films");
    fs::create_dir(&folder).unwrap();
    let films = odd();
    for (name, film, _) in &films {
        fs::copy(&film.path, folder.join(name)).unwrap();
    }
    fs::write(folder.join("notes.txt"), "This is no film.\n".repeat(100)).unwrap();
    fs::write(folder.join("nothing.mp4"), "").unwrap();

    let (is_well, table) = imported(&world, &folder).await;
    assert!(is_well, "{table}");
    for (name, _, word) in &films {
        let lines = told(&table, name);
        assert!(lines[0].contains(" ready "), "{name}:\n{table}");
        assert!(lines[1..].iter().any(|line| line.contains(word)), "{word} is not told of {name}:\n{table}");
    }
    for name in ["notes.txt", "nothing.mp4"] {
        let lines = told(&table, name);
        assert!(lines[0].contains(" refused ") && lines.len() == 2, "{name}:\n{table}");
    }
    assert!(table.ends_with("14 files: 12 ready, 0 known, 2 refused, 0 failed\n"), "{table}");

    let videos = world.videos().await;
    let ready: Vec<_> = videos.iter().filter(|video| video["state"] == "ready").collect();
    assert_eq!(ready.len(), films.len());
    for video in ready {
        let url = world.url(video["master_url"].as_str().unwrap());
        let kind = if video["width"].is_null() { "a" } else { "v" };
        assert!(measure::played(&url, kind) > 25, "{video}");
    }
    // Upright, and as wide as it is shown.
    for (title, width, height) in [("turned", 360.0, 640.0), ("wide", 320.0 * 4.0 / 3.0, 180.0)] {
        let video = videos.iter().find(|video| video["title"] == title).unwrap();
        let master = world.player(video["id"].as_str().unwrap()).master().await;
        for form in master.variants.iter().filter(|form| !form.is_i_frame) {
            let size = form.resolution.unwrap();
            let shape = size.width as f64 / size.height as f64 / (width / height);
            assert!((shape - 1.0).abs() < 0.02, "{title}: {size:?}");
        }
        let drawn = measure::shape(&world.url(video["master_url"].as_str().unwrap()));
        assert!((drawn / (width / height) - 1.0).abs() < 0.02, "{title}: {drawn}");
    }
    let (_, again) = imported(&world, &folder).await;
    assert!(again.ends_with("14 files: 0 ready, 12 known, 2 refused, 0 failed\n"), "{again}");
}
