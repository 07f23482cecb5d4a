//! Films that nobody has made.

use super::*;
use std::io::{Seek as _, Write as _};
use std::process::Command;

const MADE: &str = "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=1 -f lavfi -i sine=d=1 -c:v libx264 -g 10 \
                    -preset veryfast -pix_fmt yuv420p -c:a aac -f flv pipe:1";

/// How many pictures there are, and their bytes.
fn counted(file: &mut File, bytes: &[u8]) -> Option<(usize, u64)> {
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    file.write_all(bytes).unwrap();
    let mut film = Film::open(file.try_clone().unwrap()).unwrap()?;
    let (mut pictures, mut sum) = (0, 0);
    let each = |packet: Packet, begin: &[u8]| {
        assert!(!begin.is_empty() && packet.dts <= packet.pts);
        (pictures, sum) = (pictures + 1, sum + packet.bytes);
        Some(())
    };
    film.pictures(40, each).unwrap()?;
    Some((pictures, sum))
}

#[test]
fn damage_is_odd_or_harmless() {
    let made = Command::new("ffmpeg").args(MADE.split_whitespace()).output().unwrap();
    assert!(made.status.success());
    let mut file = tempfile::tempfile().unwrap();
    let mut seed = 1_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    assert_eq!(counted(&mut file, &made.stdout).unwrap().0, 25);
    let mut odd = 0;
    for turn in 0..2000 {
        let mut bytes = made.stdout.clone();
        for _ in 0..=random(20) {
            let (at, other) = (random(bytes.len()), random(256) as u8);
            bytes[at] = [0, 1, 0xFF, other][random(4)];
        }
        let lost = (turn % 2) * random(bytes.len());
        bytes.truncate(bytes.len() - lost);
        match counted(&mut file, &bytes) {
            Some((pictures, sum)) => assert!(pictures <= 25 && sum <= bytes.len() as u64),
            None => odd += 1,
        }
    }
    assert!((500..1990).contains(&odd), "{odd} of 2000 were odd");
}

#[test]
fn no_film_is_none() {
    let mut file = tempfile::tempfile().unwrap();
    for bytes in [&[][..], b"FLV\x01", b"FLV\x01\x05\0\0\0\x09\0\0\0\0", b"FLV\x01\x05\xFF\xFF\xFF\xFF", &[0; 4096]] {
        assert_eq!(counted(&mut file, bytes), None);
    }
}
