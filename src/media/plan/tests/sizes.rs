//! A picture that the ladder has one form for gets another one below it.

use super::*;

/// Lines, turn and most bits per second of each form that is made of such a picture; no bits of one that is copied.
fn made(stream: VideoStream, policy: &Policy) -> Vec<(u32, Turn, u64)> {
    let bits = |form: &VideoPlan| match form.action {
        VideoAction::Copy => 0,
        VideoAction::Encode { max_bit_rate } => max_bit_rate,
    };
    plan_of(stream, policy).video.iter().map(|form| (form.size.1, form.turn, bits(form))).collect()
}

fn picture(codec: &str, (width, height): (u32, u32), bit_rate: u64) -> VideoStream {
    VideoStream { codec: codec.into(), width, height, bit_rate: Some(bit_rate), ..video() }
}

#[test]
fn where_one_form_would_be_all_there_is_another_one_for_slower_lines() {
    use Turn::{First, Later, Next};
    let table = [
        ("h264", (640, 360), 400_000, vec![(360, First, 0), (240, Later, 260_000)]),
        ("h264", (320, 180), 400_000, vec![(180, First, 0), (120, Later, 106_066)]),
        ("h264", (1920, 1080), 300_000, vec![(1080, First, 0), (720, Later, 195_000)]),
        ("vp9", (1920, 1080), 300_000, vec![(1080, Later, 390_000), (720, First, 195_000)]),
        ("vp9", (640, 360), 8_000_000, vec![(360, First, 600_000), (240, Later, 300_000)]),
        ("hevc", (640, 360), 300_000, vec![(360, First, 0), (360, Next, 390_000), (240, Later, 195_000)]),
        // What would be too little.
        ("h264", (640, 360), 150_000, vec![(360, First, 0)]),
        ("vp9", (640, 360), 20_000, vec![(360, First, 100_000)]),
        ("vp9", (64, 36), 1_000_000, vec![(36, First, 100_000)]),
        // Enough without it.
        ("h264", (854, 480), 1_000_000, vec![(480, First, 0), (360, Later, 600_000)]),
        ("h264", (64, 36), 1_000_000, vec![(36, First, 0), (36, Later, 100_000)]),
    ];
    for (codec, size, bit_rate, wanted) in table {
        assert_eq!(made(picture(codec, size, bit_rate), &policy()), wanted, "{codec} {size:?} {bit_rate}");
    }
}

#[test]
fn a_ladder_of_one_step_and_one_that_is_switched_off_are_taken_at_their_word() {
    let one_step = Policy { ladder: "1080p:6M".parse().unwrap(), ..policy() };
    let off = Policy { adaptive: false, ..policy() };
    for policy in [one_step, off] {
        assert_eq!(made(picture("h264", (640, 360), 400_000), &policy).len(), 1);
        assert_eq!(made(picture("vp9", (640, 360), 400_000), &policy).len(), 1);
        assert_eq!(made(picture("hevc", (640, 360), 400_000), &policy).len(), 2);
    }
    let two_steps = Policy { ladder: "1080p:6M,720p:3M".parse().unwrap(), ..policy() };
    assert_eq!(made(picture("h264", (640, 360), 400_000), &two_steps).len(), 2);
}
