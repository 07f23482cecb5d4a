//! Files that mean harm (security.md, bad inputs 1, 2, 4 and 10 to 12): refused with a reason, and
//! nothing else happens.

use crate::harness::World;
use crate::harness::clip::{self, ffmpeg};
use crate::harness::upload::Sending;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// Sends what must be refused, and checks that the server says so in words and lives on.
async fn refused(world: &World, bytes: impl Into<Vec<u8>>, name: &str) {
    let refusal = world.refused(&Sending::bytes(bytes.into(), name)).await;
    refusal.assert_is_a_sentence();
    assert_eq!(world.get("/readyz").await.status(), 200);
    assert!(world.files("channels").is_empty(), "something of it was stored: {:?}", world.files("channels"));
}

#[tokio::test]
async fn a_playlist_in_disguise_reads_no_other_file() {
    let world = World::start().await;
    let canary = world.folder().join("canary.ts");
    let clip = clip::h264_aac(16);
    ffmpeg(&["-i", clip.path.to_str().unwrap(), "-c", "copy", "-f", "mpegts"], &canary);
    let place = canary.display();
    let playlist = format!("#EXTM3U\n#EXT-X-TARGETDURATION:16\n#EXTINF:16.0,\nfile://{place}\n#EXT-X-ENDLIST\n");
    refused(&world, playlist, "film.mp4").await;
    let plain = format!("#EXTM3U\n#EXT-X-TARGETDURATION:16\n#EXTINF:16.0,\n{place}\n#EXT-X-ENDLIST\n");
    refused(&world, plain, "film.ts").await;
}

#[tokio::test]
async fn a_playlist_in_disguise_connects_to_nobody() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9.0,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n");
    refused(&world, hls, "film.mp4").await;
    refused(&world, format!("ffconcat version 1.0\nfile 'http://{address}/a.mp4'\n"), "film.mp4").await;
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    // The listener works, so the zero means something.
    drop(tokio::net::TcpStream::connect(address).await.unwrap());
    while connections.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_list_of_files_in_disguise_is_refused() {
    let world = World::start().await;
    let canary = world.folder().join("canary.mp4");
    fs::copy(clip::h264_aac(16).path, &canary).unwrap();
    refused(&world, format!("ffconcat version 1.0\nfile '{}'\n", canary.display()), "film.mp4").await;
}

#[tokio::test]
async fn pictures_of_an_absurd_size_are_refused() {
    let world = World::start().await;
    // A moving JPEG of 64 × 64 whose headers, the container's and its own, say 32768 × 32768.
    let words = "-f lavfi -i testsrc2=size=64x64:rate=5:duration=2 -c:v mjpeg -pix_fmt yuvj420p";
    let mut bytes = clip::made("avi", &words.split(' ').collect::<Vec<_>>()).bytes();
    let size = 64_u32.to_le_bytes();
    let huge = 32_768_u32.to_le_bytes();
    let pair = [size, size].concat();
    let places: Vec<usize> = (0..512).filter(|at| bytes[*at..].starts_with(&pair)).collect();
    assert!(!places.is_empty(), "the container says 64 × 64 somewhere");
    for at in places {
        bytes[at..at + 8].copy_from_slice(&[huge, huge].concat());
    }
    // Start of frame: marker, length 17, 8 bits, height, width.
    let frame = [0xFF, 0xC0, 0, 17, 8, 0, 64, 0, 64];
    let frames: Vec<usize> = (0..bytes.len() - 9).filter(|at| bytes[*at..].starts_with(&frame)).collect();
    assert!(!frames.is_empty(), "the pictures say 64 × 64");
    for at in frames {
        bytes[at + 5..at + 9].copy_from_slice(&[0x80, 0, 0x80, 0]);
    }
    refused(&world, bytes, "huge.avi").await;
}

#[tokio::test]
async fn absurd_time_stamps_make_no_endless_playlist() {
    let world = World::start().await;
    let clip = clip::h264_aac(16);
    let source = clip.path.to_str().unwrap();
    let leap = world.folder().join("leap.mkv");
    // A thousand hours between two pictures.
    let leaps = "setts=pts='if(gte(N,100),PTS+3600000000,PTS)':dts='if(gte(N,100),DTS+3600000000,DTS)'";
    ffmpeg(&["-i", source, "-map", "0:v", "-c", "copy", "-bsf:v", leaps], &leap);
    let back = world.folder().join("back.ts");
    ffmpeg(&["-i", source, "-c", "copy", "-f", "mpegts"], &back);
    let twice = [fs::read(&back).unwrap(), fs::read(&back).unwrap()].concat();
    for (bytes, name) in [(fs::read(&leap).unwrap(), "leap.mkv"), (twice, "twice.ts")] {
        let video = world.accepted(&Sending::bytes(bytes, name)).await.video;
        let settled = world.settled(&video).await;
        if settled["state"] == "ready" {
            let pictures = world.player(&video).pictures().await;
            assert!(pictures.segments.len() < 200, "{name}: {} segments", pictures.segments.len());
            pictures.assert_well_formed();
        } else {
            assert!(settled["error"].as_str().unwrap().split(' ').count() > 3, "{name}: {settled}");
        }
    }
}

#[tokio::test]
async fn a_sound_that_claims_days_makes_no_silence_of_another() {
    let world = World::start().await;
    let words = "-f lavfi -i sine=duration=8:sample_rate=48000 -map 0 -map 0 -c:a aac";
    let mut bytes = clip::made("mka", &words.split(' ').collect::<Vec<_>>()).bytes();
    let claim = b"00:00:08.";
    let at = bytes.windows(claim.len()).rposition(|found| found == claim).unwrap();
    bytes[at..at + claim.len()].copy_from_slice(b"99:00:00.");
    let video = world.accepted(&Sending::bytes(bytes, "days.mka")).await.video;
    world.ready(&video).await;
    let player = world.player(&video);
    let track = player.tracks().await.audio.expect("it has a sound");
    let (sound, _) = player.playlist(&track).await;
    let seconds: f32 = sound.segments.iter().map(|segment| segment.duration).sum();
    assert!((7.5..9.0).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn what_is_no_film_is_never_ready() {
    let world = World::start().await;
    refused(&world, Vec::new(), "empty.mp4").await;
    let noise: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    refused(&world, noise, "noise.mp4").await;
    // The index of this film stands at its end, which never came.
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let whole = clip::made("mp4", &words.split(' ').collect::<Vec<_>>()).bytes();
    refused(&world, &whole[..whole.len() / 2], "cut.mp4").await;
    refused(&world, "Dear diary, today I made a film.", "diary.mp4").await;
}
