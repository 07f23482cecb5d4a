//! MP3 is kept as it is beside its AAC, where it may be.

use super::sound::made;
use super::*;

fn mp3() -> AudioStream {
    AudioStream { profile: None, channels: 2, sample_rate: 44_100, bit_rate: Some(128_000), ..sound("mp3") }
}

#[test]
fn mp3_is_copied_beside_its_aac_where_it_may_be_and_goes_on_as_long_as_the_film() {
    let (both, aac) = (vec!["aac 2", "mp3 2"], vec!["aac 2"]);
    let table = [
        ("stereo", mp3(), &both),
        ("half the rate of samples", AudioStream { sample_rate: 16_000, ..mp3() }, &both),
        ("a quarter, of which transport streams know nothing", AudioStream { sample_rate: 11_025, ..mp3() }, &aac),
        ("it begins late", AudioStream { start_s: Some(1.5), ..mp3() }, &aac),
        ("it ends early", AudioStream { end_s: Some(57.0), ..mp3() }, &aac),
        ("it ends a little later", AudioStream { end_s: Some(61.0), ..mp3() }, &both),
        ("not MP3", AudioStream { codec: "mp2".into(), ..mp3() }, &aac),
    ];
    for (what, track, wanted) in table {
        assert_eq!(&made(track, &policy()), wanted, "{what}");
    }
    assert_eq!(made(AudioStream { channels: 1, ..mp3() }, &policy()), ["aac 2", "mp3 1"]);
    for policy in [Policy { copy_mode: false, ..policy() }, Policy { copy_min_bytes: 100_000_000, ..policy() }] {
        assert_eq!(made(mp3(), &policy), aac);
    }
}

#[test]
fn mp3_as_it_is_comes_last_and_later_and_says_why() {
    let tracks = vec![mp3(), AudioStream { index: 2, default: false, ..sound("aac") }];
    let plan = plan(&probe(vec![video()], tracks), &packets(50), &policy()).unwrap();
    let made: Vec<(u32, Turn, bool)> =
        plan.audio.iter().map(|form| (form.index, form.turn, form.action.is_copied())).collect();
    use Turn::{First, Later};
    assert_eq!(made, [(1, First, false), (2, Later, true), (2, Later, false), (1, Later, true)]);
    assert!(plan.audio[0].why.starts_with("MP3 does not play in every browser"), "{:?}", plan.audio[0]);
    let kept = &plan.audio[3];
    assert_eq!(kept.why, "MP3 as it is, for players that take it; the others are given AAC");
    assert_eq!((kept.is_default, kept.planned_bandwidth, kept.from_s, kept.is_padded), (true, 153_600, None, false));
}

#[test]
fn mp3_alone_is_made_in_both_forms() {
    let plan = plan(&probe(Vec::new(), vec![mp3()]), &[], &policy()).unwrap();
    assert_eq!((plan.audio.len(), plan.first(), plan.refines()), (2, 1, true));
    assert_eq!(plan.audio[1].action, AudioAction::Mp3 { channels: 2 });
}
