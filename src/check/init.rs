//! The init segment of fragmented MP4: what it says of its tracks, and the rules it can break
//! (RFC 8216bis, 3.1.2; ISO/IEC 14496-12).

use super::boxes::{Malformed, Reader, child, children, required};
use super::codec::{Described, Units, describe};
use super::report::Fault;

const SECTION: &str = "RFC 8216bis 3.1.2";
/// Not of any standard: Chromium ignores empty edits, which shifts picture against sound.
const EDITS: &str = "T edit list";
/// More tracks than any segment has.
const TRACKS_MAX: usize = 64;

/// What a track is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TrackKind {
    Pictures,
    Sound,
    #[default]
    Other,
}

/// What samples are like unless they say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// A track of an init segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) kind: TrackKind,
    /// Ticks per second, at least 1.
    pub(super) timescale: u32,
    pub(super) codec: String,
    pub(super) units: Option<(Units, usize)>,
    /// Width and height as shown: sample aspect and rotation considered.
    pub(super) shown: Option<(u32, u32)>,
    /// `SDR`, `HLG` or `PQ`, where it is told.
    pub(super) range: Option<&'static str>,
    pub(super) channels: Option<u32>,
    /// Ticks taken off presentation times by the edit list.
    pub(super) edit: i64,
    pub(super) encrypted: bool,
    pub(super) defaults: Defaults,
}

/// An init segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Init {
    pub(super) tracks: Vec<Track>,
    pub(super) faults: Vec<Fault>,
}

impl Init {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut init = Self::default();
        let top = children(bytes)?;
        let has = |kind: &[u8; 4]| top.iter().any(|(found, _)| found == kind);
        for (kind, name) in [(b"ftyp", "ftyp"), (b"moov", "moov")] {
            if !has(kind) {
                init.wrong(SECTION, format!("the init segment has no {name}"));
            }
        }
        if has(b"sidx") {
            init.wrong("T sidx", "the init segment has a sidx".to_owned());
        }
        if has(b"moof") || has(b"mdat") {
            init.wrong(SECTION, "the init segment has samples".to_owned());
        }
        let Some(moov) = child(bytes, b"moov")? else { return Ok(init) };
        for (kind, body) in children(moov)?.into_iter().take(TRACKS_MAX) {
            if kind == *b"trak" {
                let track = init.track(body)?;
                init.tracks.push(track);
            }
        }
        match child(moov, b"mvex")? {
            Some(extends) => init.defaults(extends)?,
            None => init.wrong(SECTION, "the init segment has no mvex".to_owned()),
        }
        if init.tracks.is_empty() {
            init.wrong(SECTION, "the init segment has no track".to_owned());
        }
        Ok(init)
    }

    fn wrong(&mut self, rule: &'static str, found: String) {
        self.faults.push(Fault { rule, found });
    }

    fn track(&mut self, trak: &[u8]) -> Result<Track, Malformed> {
        let (id, is_turned) = header(required(trak, b"tkhd")?)?;
        let mdia = required(trak, b"mdia")?;
        let mut reader = Reader(required(mdia, b"mdhd")?);
        let (version, _) = reader.version()?;
        reader.take(if version == 0 { 8 } else { 16 })?;
        let timescale = reader.u32()?;
        if timescale == 0 {
            return Err(Malformed("a track has a timescale of zero"));
        }
        let mut reader = Reader(required(mdia, b"hdlr")?);
        reader.take(8)?;
        let kind = match &reader.four()? {
            b"vide" => TrackKind::Pictures,
            b"soun" => TrackKind::Sound,
            _ => TrackKind::Other,
        };
        let table = required(required(mdia, b"minf")?, b"stbl")?;
        for kind in [b"stts", b"stsc", b"stco"] {
            let count = match child(table, kind)? {
                Some(body) => Reader(body.get(4..).unwrap_or_default()).u32()?,
                None => 0,
            };
            if count > 0 {
                let name = String::from_utf8_lossy(kind).into_owned();
                self.wrong(SECTION, format!("the init segment lists samples in {name}"));
            }
        }
        let mut track = entry(required(table, b"stsd")?, kind)?;
        if is_turned {
            track.shown = track.shown.map(|(width, height)| (height, width));
        }
        let edit = match child(trak, b"edts")? {
            Some(edits) => self.edit(edits)?,
            None => 0,
        };
        Ok(Track { id, kind, timescale, edit, ..track })
    }

    /// The offset of an edit list that only makes up for reordering; anything else is a surprise.
    fn edit(&mut self, edits: &[u8]) -> Result<i64, Malformed> {
        let Some(list) = child(edits, b"elst")? else { return Ok(0) };
        let mut reader = Reader(list);
        let (version, _) = reader.version()?;
        let count = reader.u32()?;
        let mut offset = 0;
        for at in 0..count.min(2) {
            reader.by_version(version)?;
            let time = if version == 0 { i64::from(reader.u32()? as i32) } else { reader.u64()? as i64 };
            let rate = reader.u32()?;
            if time < 0 {
                self.wrong(EDITS, "the edit list begins with an empty edit".to_owned());
            } else if at > 0 || rate != 0x0001_0000 {
                self.wrong(EDITS, "the edit list does more than one shift".to_owned());
            } else {
                offset = time;
            }
        }
        Ok(offset)
    }

    fn defaults(&mut self, extends: &[u8]) -> Result<(), Malformed> {
        for (kind, body) in children(extends)? {
            if kind != *b"trex" {
                continue;
            }
            let mut reader = Reader(body);
            reader.version()?;
            let id = reader.u32()?;
            reader.u32()?;
            let defaults = Defaults { duration: reader.u32()?, size: reader.u32()?, flags: reader.u32()? };
            self.tracks.iter_mut().filter(|track| track.id == id).for_each(|track| track.defaults = defaults);
        }
        Ok(())
    }
}

/// A track's id, and whether its pictures are turned by a quarter.
fn header(body: &[u8]) -> Result<(u32, bool), Malformed> {
    let mut reader = Reader(body);
    let (version, _) = reader.version()?;
    reader.take(if version == 0 { 8 } else { 16 })?;
    let id = reader.u32()?;
    reader.take(4)?;
    reader.by_version(version)?;
    reader.take(16)?;
    let (a, b) = (reader.u32()?, reader.u32()?);
    Ok((id, a == 0 && b != 0))
}

/// The first sample entry of a `stsd`.
fn entry(stsd: &[u8], kind: TrackKind) -> Result<Track, Malformed> {
    const VISUAL: usize = 78;
    const AUDIO: usize = 28;
    const EMPTY: Malformed = Malformed("a track has no sample description");
    let (name, body) = children(stsd.get(8..).unwrap_or_default())?.into_iter().next().ok_or(EMPTY)?;
    let fixed = match kind {
        TrackKind::Pictures => VISUAL,
        TrackKind::Sound => AUDIO + quicktime(body)?,
        TrackKind::Other => {
            return Ok(Track { codec: String::from_utf8_lossy(&name).into_owned(), ..Track::default() });
        }
    };
    let boxes = body.get(fixed..).ok_or(Malformed("a sample description is cut short"))?;
    let encrypted = name == *b"encv" || name == *b"enca";
    let name = if encrypted { original(boxes)? } else { name };
    let described = describe(name, boxes)?;
    let mut track = Track { encrypted, units: described.units, ..Track::default() };
    match kind {
        TrackKind::Pictures => {
            let mut reader = Reader(body.get(24..).unwrap_or_default());
            let coded = (u32::from(reader.u16()?), u32::from(reader.u16()?));
            track.shown = Some(shown(coded, boxes, &described)?);
            track.range = range(boxes, &described)?;
        }
        _ => {
            let stated = Reader(body.get(16..).unwrap_or_default()).u16()?;
            track.channels = described.channels.or(Some(u32::from(stated)));
        }
    }
    Ok(Track { codec: described.codec, ..track })
}

/// Bytes that `QuickTime` adds to an entry of sound.
fn quicktime(body: &[u8]) -> Result<usize, Malformed> {
    Ok(match Reader(body.get(8..).unwrap_or_default()).u16()? {
        1 => 16,
        2 => 36,
        _ => 0,
    })
}

/// What an encrypted entry was before.
fn original(boxes: &[u8]) -> Result<[u8; 4], Malformed> {
    Reader(required(required(boxes, b"sinf")?, b"frma")?).four()
}

/// The size after the sample aspect, which stretches the width.
pub(super) fn shown(coded: (u32, u32), boxes: &[u8], described: &Described) -> Result<(u32, u32), Malformed> {
    let (width, height) = described.sps.map_or(coded, |sps| (sps.width, sps.height));
    let aspect = match child(boxes, b"pasp")? {
        Some(body) => {
            let mut reader = Reader(body);
            Some((reader.u32()?, reader.u32()?))
        }
        None => described.sps.and_then(|sps| sps.aspect),
    };
    let (wide, high) = aspect.filter(|(wide, high)| *wide > 0 && *high > 0).unwrap_or((1, 1));
    let stretched = (u64::from(width) * u64::from(wide) + u64::from(high) / 2) / u64::from(high);
    Ok((u32::try_from(stretched).unwrap_or(u32::MAX), height))
}

/// `SDR`, `HLG` or `PQ`, where it is told.
pub(super) fn range(boxes: &[u8], described: &Described) -> Result<Option<&'static str>, Malformed> {
    const UNTOLD: u32 = 2;
    let mut transfer = described.sps.map(|sps| sps.transfer);
    if let Some(body) = child(boxes, b"colr")? {
        let mut reader = Reader(body);
        let form = reader.four()?;
        if form == *b"nclx" || form == *b"nclc" {
            reader.u16()?;
            transfer = Some(u32::from(reader.u16()?)).filter(|told| *told != UNTOLD).or(transfer);
        }
    }
    Ok(transfer.map(|transfer| match transfer {
        16 => "PQ",
        18 => "HLG",
        _ => "SDR",
    }))
}

#[cfg(test)]
pub(super) mod tests;
