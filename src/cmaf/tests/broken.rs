//! Broken input ends in an error, never in a panic.

use super::*;
use crate::cmaf::CmafError;

fn small_film() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let words = "-f lavfi -i testsrc2=s=64x64:r=25:d=3 -f lavfi -i sine=d=3 -c:v libx264 -bf 2 -g 25 -c:a aac";
    ffmpeg(dir.path(), &format!("{words} {FRAGMENTS}"))
}

/// Reads and packages as far as it goes.
fn survive(stream: &[u8]) -> Result<(), CmafError> {
    let mut demuxer = Demuxer::new(LIMITS);
    demuxer.feed(Bytes::copy_from_slice(stream));
    let mut packagers: Vec<(u32, Packager, Packager)> = Vec::new();
    while let Some(event) = demuxer.next()? {
        match event {
            Event::Init(init) => {
                for track in &init.tracks {
                    track.init_segment();
                    let of = |timing| Packager::new(settings(track, timing));
                    packagers.push((track.id, of(Timing::Source)?, of(Timing::Spans)?));
                }
            }
            Event::Fragment(fragment) => {
                for run in fragment.runs {
                    for (_, source, spans) in packagers.iter_mut().filter(|(id, ..)| *id == run.track) {
                        source.push(run.samples.clone())?;
                        spans.push(run.samples.clone())?;
                    }
                }
            }
        }
    }
    for (_, mut source, mut spans) in packagers {
        source.finish()?;
        spans.finish()?;
    }
    demuxer.finish()
}

#[test]
fn a_stream_cut_anywhere_but_between_boxes_is_truncated() {
    let film = small_film();
    assert_eq!(survive(&film), Ok(()));
    let mut whole = 0;
    for end in (0..film.len()).step_by(97).chain(film.len() - 40..film.len()) {
        match survive(&film[..end]) {
            Err(CmafError::Truncated(_)) => {}
            Ok(()) => whole += 1,
            other => panic!("{end}: {other:?}"),
        }
    }
    assert!(whole <= 3, "{whole} cuts went unnoticed");
}

#[test]
fn a_protected_track_is_refused() {
    let dir = TempDir::new().unwrap();
    let words = "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v libx264 -encryption_scheme cenc-aes-ctr \
                 -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddeeff";
    let film = ffmpeg(dir.path(), &format!("{words} {FRAGMENTS}"));
    let refusal = survive(&film).unwrap_err().to_string();
    assert!(refusal.contains("protected against copying"), "{refusal}");
}

#[test]
fn flipped_bytes_never_panic() {
    let film = small_film();
    let header = film.windows(4).position(|word| word == b"mdat").unwrap();
    let mut refused = 0;
    // A fixed xorshift, so that a failure can be repeated.
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for _ in 0..4000 {
        let mut film = film.clone();
        for _ in 0..=next(3) {
            // Headers are where it hurts.
            film[next(header)] = [0, 1, 0x7f, 0x80, 0xff, 16][next(6)];
        }
        refused += usize::from(survive(&film).is_err());
    }
    assert!(refused > 100, "only {refused} were noticed");
}

#[test]
fn a_box_over_the_limit_is_refused_before_it_is_there() {
    let mut demuxer = Demuxer::new(Limits { max_box_bytes: 1000 });
    demuxer.feed(Bytes::from_static(b"\x00\x00\x03\xe9mdat"));
    assert_eq!(demuxer.next().unwrap_err(), CmafError::TooLarge { bytes: 1001, limit: 1000 });
    let mut demuxer = Demuxer::new(LIMITS);
    demuxer.feed(Bytes::from_static(b"\x00\x00\x00\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert!(matches!(demuxer.next(), Err(CmafError::TooLarge { .. })));
}
