//! Init segments written by hand.

use super::*;

/// A box.
pub(in crate::check) fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// What a story changes about an init segment.
#[derive(Clone, Default)]
pub(in crate::check) struct Recipe {
    pub(in crate::check) stts_count: u32,
    pub(in crate::check) edits: Vec<u8>,
    pub(in crate::check) pasp: Option<(u32, u32)>,
    pub(in crate::check) transfer: Option<u16>,
    pub(in crate::check) turned: bool,
    pub(in crate::check) without_mvex: bool,
    pub(in crate::check) extra: Vec<u8>,
}

/// H.264 of 640 × 360 in track 1, 1000 ticks a second.
pub(in crate::check) fn pictures(recipe: &Recipe) -> Vec<u8> {
    let mut entry = vec![0; 78];
    entry[24..28].copy_from_slice(&[2, 128, 1, 104]);
    entry.extend(boxed(b"avcC", &[1, 0x64, 0, 0x1E, 0xFF, 0xE0]));
    if let Some((wide, high)) = recipe.pasp {
        entry.extend(boxed(b"pasp", &[wide.to_be_bytes(), high.to_be_bytes()].concat()));
    }
    if let Some(transfer) = recipe.transfer {
        let [high, low] = transfer.to_be_bytes();
        entry.extend(boxed(b"colr", &[b"nclx", &[0, 9, high, low, 0, 9, 0][..]].concat()));
    }
    movie(recipe, b"vide", &boxed(b"avc1", &entry))
}

fn movie(recipe: &Recipe, handler: &[u8; 4], entry: &[u8]) -> Vec<u8> {
    let mut tkhd = vec![0; 84];
    tkhd[15] = 1;
    let at = if recipe.turned { 44 } else { 40 };
    tkhd[at + 1] = 1;
    let mut mdhd = vec![0; 24];
    mdhd[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    let hdlr = [&[0; 8][..], handler, &[0; 13]].concat();
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], entry].concat());
    let stts = boxed(b"stts", &[&[0; 4][..], &recipe.stts_count.to_be_bytes()].concat());
    let stbl = boxed(b"stbl", &[stsd, stts].concat());
    let mdia = [boxed(b"mdhd", &mdhd), boxed(b"hdlr", &hdlr), boxed(b"minf", &stbl)].concat();
    let trak = [boxed(b"tkhd", &tkhd), recipe.edits.clone(), boxed(b"mdia", &mdia)].concat();
    let trex = [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 40], [0; 4], [1, 1, 0, 0]].concat();
    let mvex = if recipe.without_mvex { Vec::new() } else { boxed(b"mvex", &boxed(b"trex", &trex)) };
    let moov = [boxed(b"trak", &trak), mvex].concat();
    [boxed(b"ftyp", b"iso6\0\0\0\0"), boxed(b"moov", &moov), recipe.extra.clone()].concat()
}

fn rules(recipe: &Recipe) -> Vec<&'static str> {
    Init::read(&pictures(recipe)).unwrap().faults.into_iter().map(|fault| fault.rule).collect()
}

fn edits(entries: &[(i32, u32)]) -> Vec<u8> {
    let mut body = [[0; 4], (entries.len() as u32).to_be_bytes()].concat();
    for (time, rate) in entries {
        body.extend([[0; 4], time.to_be_bytes(), rate.to_be_bytes()].concat());
    }
    boxed(b"edts", &boxed(b"elst", &body))
}

#[test]
fn a_good_init_segment_tells_everything() {
    let init = Init::read(&pictures(&Recipe::default())).unwrap();
    assert_eq!(init.faults, []);
    let track = &init.tracks[0];
    assert_eq!((track.id, track.timescale, track.codec.as_str()), (1, 1000, "avc1.64001e"));
    assert_eq!((track.shown, track.range, track.kind), (Some((640, 360)), None, TrackKind::Pictures));
    assert_eq!((track.units, track.defaults.duration), (Some((Units::Avc, 4)), 40));
}

#[test]
fn the_size_is_the_one_that_is_shown() {
    let shown = |recipe: Recipe| Init::read(&pictures(&recipe)).unwrap().tracks[0].shown;
    assert_eq!(shown(Recipe { pasp: Some((4, 3)), ..Recipe::default() }), Some((853, 360)));
    assert_eq!(shown(Recipe { turned: true, ..Recipe::default() }), Some((360, 640)));
}

#[test]
fn the_range_follows_the_transfer_function() {
    let range = |transfer| {
        let recipe = Recipe { transfer: Some(transfer), ..Recipe::default() };
        Init::read(&pictures(&recipe)).unwrap().tracks[0].range
    };
    assert_eq!([range(1), range(16), range(18)], [Some("SDR"), Some("PQ"), Some("HLG")]);
}

#[test]
fn an_init_segment_has_no_samples_and_no_index() {
    assert_eq!(rules(&Recipe { stts_count: 3, ..Recipe::default() }), [SECTION]);
    assert_eq!(rules(&Recipe { extra: boxed(b"mdat", &[]), ..Recipe::default() }), [SECTION]);
    assert_eq!(rules(&Recipe { extra: boxed(b"sidx", &[]), ..Recipe::default() }), ["T sidx"]);
    assert_eq!(rules(&Recipe { without_mvex: true, ..Recipe::default() }), [SECTION]);
    assert!(Init::read(b"\0\0\0\x08free").unwrap().faults.len() >= 2);
}

#[test]
fn an_edit_list_makes_up_for_reordering_and_nothing_else() {
    const ONE: u32 = 0x0001_0000;
    let with = |entries: &[(i32, u32)]| Recipe { edits: edits(entries), ..Recipe::default() };
    assert_eq!(rules(&with(&[(80, ONE)])), [""; 0]);
    assert_eq!(Init::read(&pictures(&with(&[(80, ONE)]))).unwrap().tracks[0].edit, 80);
    assert_eq!(rules(&with(&[(-1, ONE), (0, ONE)])), [EDITS, EDITS]);
    assert_eq!(rules(&with(&[(0, 2 * ONE)])), [EDITS]);
}

#[test]
fn no_cut_makes_it_panic() {
    let whole = pictures(&Recipe { pasp: Some((4, 3)), transfer: Some(1), ..Recipe::default() });
    for len in 0..whole.len() {
        _ = Init::read(&whole[..len]);
    }
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] = 0xFF;
        _ = Init::read(&bent);
    }
}
