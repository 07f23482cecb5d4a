//! Films that nobody has made.

use super::*;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::process::Command;

const MADE: &str = "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=1 -f lavfi -i sine=d=1 -c:v libx264 -g 10 \
                    -preset veryfast -pix_fmt yuv420p -c:a aac -f mpegts pipe:1";

/// How many pictures there are, and their bytes.
fn counted(file: &mut File, bytes: &[u8], begin: i64) -> Option<(usize, u64)> {
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    file.write_all(bytes).unwrap();
    count(&mut Film::open(file.try_clone().unwrap()).unwrap()?, begin)
}

fn count(film: &mut Film, begin: i64) -> Option<(usize, u64)> {
    let (mut pictures, mut sum) = (0, 0);
    let each = |packet: crate::media::probe::Packet, begin: &[u8]| {
        assert!(!begin.is_empty() && packet.dts <= packet.pts);
        (pictures, sum) = (pictures + 1, sum + packet.bytes);
        Some(())
    };
    film.pictures(begin, 3600, each).unwrap()?;
    Some((pictures, sum))
}

#[test]
fn a_film_that_grows_is_walked_to_its_end() {
    let made = Command::new("ffmpeg").args(MADE.split_whitespace()).output().unwrap().stdout;
    let mut whole = tempfile::tempfile().unwrap();
    let expected = counted(&mut whole, &made, 126_000).unwrap();
    for piece in [1, 187, 1000, 100_000] {
        let (file, mut written) = (tempfile::tempfile().unwrap(), 0);
        let (mut writer, all) = (file.try_clone().unwrap(), made.clone());
        let until = move |wanted: u64| {
            while (written as u64) < wanted && written < all.len() {
                let end = all.len().min(written + piece);
                writer.write_all(&all[written..end])?;
                written = end;
            }
            Ok(written as u64)
        };
        let mut film = Film::open_growing(file, until).unwrap().unwrap();
        assert_eq!(count(&mut film, 126_000), Some(expected), "in pieces of {piece}");
    }
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
    assert_eq!(counted(&mut file, &made.stdout, 130_000).unwrap().0, 25);
    let mut odd = 0;
    for _ in 0..3000 {
        let mut bytes = made.stdout.clone();
        for _ in 0..=random(3) {
            // Headers are where something can go wrong.
            let packet = random(bytes.len() / 188) * 188;
            let reach = [24, 188][random(2)];
            let at = packet + random(reach);
            let other = random(256) as u8;
            bytes[at] = [0, 1, 0xFF, other][random(4)];
        }
        let lost = random(2) * random(bytes.len());
        bytes.truncate(bytes.len() - lost);
        let begin = [130_000, i64::MIN, i64::MAX][random(20).saturating_sub(17)];
        match counted(&mut file, &bytes, begin) {
            Some((pictures, sum)) => assert!(pictures <= 25 && sum <= bytes.len() as u64),
            None => odd += 1,
        }
    }
    assert!((500..2900).contains(&odd), "{odd} of 3000 were odd");
}

#[test]
fn no_film_is_none() {
    let mut file = tempfile::tempfile().unwrap();
    for bytes in [&[][..], &[0x47; 100], &[0x47; 188 * 4], &[0xFF; 192 * 3], &[0; 4096]] {
        assert_eq!(counted(&mut file, bytes, 0), None);
    }
}
