//! The sample entry: which codec a track is in, and how its decoder is set up.
//!
//! The boxes that a decoder needs go to our init segment as they are, and no others: `btrt` holds bit
//! rates of one encoder run, so runs that are otherwise equal would seem to need an init segment each.
//! `hev1` becomes `hvc1` when all parameter sets are in the box, because Apple players take no other
//! (Apple authoring rule 1.10).

use super::boxes::{Boxed, child, children, container, leaf};
use super::codec;
use super::descriptions::is_protected;
use super::error::CmafError;
use super::source::TrackKind;
use mp4_atom::Pasp;

/// A sample entry, read.
#[derive(Clone, Debug)]
pub(super) struct SampleEntry {
    /// The `stsd` box to write.
    pub(super) stsd: Vec<u8>,
    /// Its RFC 6381 name.
    pub(super) codecs: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_rate: u32,
    pub(super) channels: u32,
}

/// Decoder configurations, and what is needed to show their pictures right.
const KEPT: [&[u8; 4]; 13] = [
    b"avcC", b"hvcC", b"vpcC", b"av1C", b"esds", b"dac3", b"dec3", b"dOps", b"dfLa", b"pasp", b"colr", b"mdcv", b"clli",
];

/// Bytes of a `VisualSampleEntry` in front of its boxes.
const VISUAL: usize = 78;
/// Bytes of an `AudioSampleEntry` in front of its boxes.
const AUDIO: usize = 28;

impl SampleEntry {
    pub(super) fn read(stsd: Boxed<'_>, kind: TrackKind) -> Result<Self, CmafError> {
        const SHORT: CmafError = CmafError::Malformed("a sample description is cut short");
        let (_, entries) = stsd.body.split_first_chunk::<8>().ok_or(SHORT)?;
        let mut entries = children(entries);
        let entry = entries.next().ok_or(SHORT)??;
        if entries.next().is_some() {
            return Err(CmafError::Unsupported("a track with several sample descriptions"));
        }
        if is_protected(entry) {
            return Err(CmafError::Unsupported("a track that is protected against copying"));
        }
        let fixed = match kind {
            TrackKind::Video => VISUAL,
            TrackKind::Audio => AUDIO,
        };
        let (fixed, boxes) = entry.body.split_at_checked(fixed).ok_or(SHORT)?;
        let (name, boxes) = rewritten(entry.kind, boxes)?;
        let described = codec::describe(name, &boxes)?;
        let (mut width, mut height, mut sample_rate, mut channels) = (0, 0, 0, 0);
        match kind {
            TrackKind::Video => (width, height) = displayed(be16(fixed, 24), be16(fixed, 26), &boxes)?,
            TrackKind::Audio => {
                channels = described.channels.unwrap_or(be16(fixed, 16));
                sample_rate = be16(fixed, 24);
            }
        }
        let mut out = Vec::with_capacity(stsd.whole.len());
        container(&mut out, b"stsd", |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
            container(out, &name, |out| {
                out.extend_from_slice(fixed);
                out.extend_from_slice(&boxes);
            });
        });
        Ok(Self { stsd: out, codecs: described.name, width, height, sample_rate, channels })
    }
}

impl SampleEntry {
    /// Whether browsers decode its samples from fragments as they lie in any MP4: H.264 and HEVC with
    /// all parameter sets in the entry, and AAC in an entry of the ISO kind (`QuickTime` has others).
    pub(super) fn is_plain(&self) -> bool {
        // Behind the headers of `stsd` and entry and the reserved bytes: the number of the data reference,
        // of which we write one, and the version, where there is one.
        const REFERENCE: usize = 16 + 8 + 6;
        let begin = self.stsd.get(REFERENCE..REFERENCE + 4);
        let kinds = ["avc1.", "hvc1.", "mp4a.40."];
        kinds.iter().any(|kind| self.codecs.starts_with(kind)) && begin == Some(&[0, 1, 0, 0])
    }
}

/// A field of the fixed part of an entry, which is long enough.
fn be16(fixed: &[u8], at: usize) -> u32 {
    u32::from(fixed[at]) << 8 | u32::from(fixed[at + 1])
}

/// The size after the pixel aspect: pictures are stretched in width only.
fn displayed(width: u32, height: u32, boxes: &[u8]) -> Result<(u32, u32), CmafError> {
    let Some(aspect) = child(boxes, b"pasp")? else { return Ok((width, height)) };
    let aspect: Pasp = leaf(aspect)?;
    if aspect.h_spacing == 0 || aspect.v_spacing == 0 {
        return Ok((width, height));
    }
    let (num, den) = (u64::from(aspect.h_spacing), u64::from(aspect.v_spacing));
    let stretched = (u64::from(width) * num + den / 2) / den;
    Ok((u32::try_from(stretched).unwrap_or(u32::MAX), height))
}

/// The boxes of an entry as they are written, and the entry's type.
fn rewritten(name: [u8; 4], boxes: &[u8]) -> Result<([u8; 4], Vec<u8>), CmafError> {
    let mut out = Vec::with_capacity(boxes.len());
    let mut name = name;
    for found in children(boxes) {
        let found = found?;
        match &found.kind {
            b"hvcC" if name == *b"hev1" => {
                let mut whole = found.whole.to_vec();
                let header = whole.len() - found.body.len();
                if complete_parameter_sets(&mut whole[header..]).is_some() {
                    name = *b"hvc1";
                    out.extend_from_slice(&whole);
                } else {
                    out.extend_from_slice(found.whole);
                }
            }
            kind if KEPT.contains(&kind) => out.extend_from_slice(found.whole),
            _ => {}
        }
    }
    Ok((name, out))
}

/// Marks the parameter sets of an `hvcC` as complete, which is what tells `hvc1` from `hev1`
/// (ISO/IEC 14496-15 section 8.3.3). `None` if video, sequence and picture sets are not all there.
fn complete_parameter_sets(record: &mut [u8]) -> Option<()> {
    const ARRAYS: usize = 22;
    const PARAMETER_SETS: [u8; 3] = [32, 33, 34];
    let mut seen = [false; 3];
    let mut at = ARRAYS + 1;
    for _ in 0..*record.get(ARRAYS)? {
        let kind = *record.get(at)? & 0x3f;
        let units = u16::from_be_bytes([*record.get(at + 1)?, *record.get(at + 2)?]);
        if let Some(set) = PARAMETER_SETS.iter().position(|&set| set == kind) {
            seen[set] |= units > 0;
            record[at] |= 0x80;
        }
        at += 3;
        for _ in 0..units {
            at += 2 + usize::from(u16::from_be_bytes([*record.get(at)?, *record.get(at + 1)?]));
        }
    }
    seen.iter().all(|&set| set).then_some(())
}
