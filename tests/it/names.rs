//! File names that mean harm (security.md, bad inputs 13 and 14): they stay words.

use crate::harness::World;
use crate::harness::clip;
use crate::harness::raw;
use crate::harness::upload::Sending;
use serde_json::Value;
use std::fs;
use std::time::Duration;

#[tokio::test]
async fn a_name_never_becomes_an_argument() {
    let world = World::with(&[("ENABLE_COPY_MODE", "false")]).await;
    let names = ["-i.mp4", "a%03d.ts", "x:y.ts", "$(id).mp4", "concat:a|b.mp4"];
    let bytes = clip::busy(360, 20).bytes();
    let mut seen = 0;
    for name in names {
        let sending = Sending::bytes(bytes.clone(), name).again();
        let video = world.accepted(&sending).await.video;
        loop {
            for process in world.ffmpegs() {
                seen += 1;
                let stem = name.rsplit_once('.').unwrap().0;
                // `-i` is also how every input is announced.
                assert!(stem == "-i" || !process.arguments.contains(stem), "{}", process.arguments);
                assert!(!process.arguments.contains(name), "{}", process.arguments);
                // The trial of the encoders draws its own picture.
                let ours = |input: &str| input.starts_with("file:") || input.starts_with("testsrc2");
                assert!(process.arguments.split(" -i ").skip(1).all(ours), "{}", process.arguments);
            }
            let status = world.status(&video).await;
            assert_ne!(status["state"], "failed", "{name}: {status}");
            if status["state"] == "ready" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(seen > 0, "nobody was seen at work");
}

#[tokio::test]
async fn a_name_never_becomes_a_path_or_a_header() {
    let world = World::start().await;
    let bytes = clip::mpeg4_mp3(8).bytes();
    let outside = |world: &World| -> Vec<_> {
        let listed = fs::read_dir(world.folder()).unwrap().flatten();
        let mut names: Vec<_> = listed.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = outside(&world);
    let long = "n".repeat(4096);
    let names: [&[u8]; 8] = [
        b"../../../escaped.avi",
        b"..\\..\\escaped.avi",
        b"/etc/escaped.avi",
        b"nul\0byte.avi",
        b"right\xE2\x80\xAEleft.avi",
        b"bad\xFF\xFEutf8.avi",
        b"line%0D%0Afeed.avi",
        long.as_bytes(),
    ];
    for name in names {
        let shown = String::from_utf8_lossy(name).into_owned();
        let sending = Sending::bytes(bytes.clone(), "").named(name).again();
        let mut request = sending.head(&world, sending.body().len() as u64);
        request.extend(sending.body());
        let answer = raw::exchange(world.address(), request).await;
        assert!([202, 400].contains(&answer.status), "{shown}: {}", answer.head);
        if answer.status == 202 {
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let video = said["video_id"].as_str().unwrap_or_else(|| panic!("{shown}: {}", answer.head)).to_owned();
            assert_is_clean(&world.video(&video).await, &shown);
        }
    }
    assert_eq!(outside(&world), before, "a file appeared beside the data folder");
    assert!(!world.data().parent().unwrap().parent().unwrap().join("escaped.avi").exists());
}

#[tokio::test]
async fn a_name_with_line_breaks_makes_no_header() {
    let world = World::start().await;
    let sending = Sending::of(&clip::mpeg4_mp3(8)).named("a\r\nX-Evil: yes\r\n.avi");
    let mut request = sending.head(&world, sending.body().len() as u64);
    request.extend(sending.body());
    let answer = raw::exchange(world.address(), request).await;
    assert!([202, 400].contains(&answer.status), "{}", answer.head);
    assert!(!answer.head.contains("x-evil"), "{}", answer.head);
}

fn assert_is_clean(video: &Value, name: &str) {
    let title = video["title"].as_str().unwrap();
    assert!(!title.is_empty() && title.chars().count() <= 300, "{name:?} became {title:?}");
    let bad = |letter: char| letter.is_control() || "/\\\u{202E}\u{FFFD}".contains(letter);
    assert!(!title.contains(bad) && !title.contains(".."), "{name:?} became {title:?}");
}
