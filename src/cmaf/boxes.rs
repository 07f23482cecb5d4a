//! Boxes as slices: finding them, walking their children, writing containers. Leaves are decoded by
//! `mp4-atom`; its containers are not used, because they keep going as deep as the input nests.

use super::error::CmafError;
use mp4_atom::{Atom, Encode};

/// A four-letter box type.
pub(super) type Kind = [u8; 4];

/// What the first bytes of a box say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Type.
    pub(super) kind: Kind,
    /// Bytes of the header itself, 8 or 16.
    pub(super) header: usize,
    /// Bytes of the whole box, header included.
    pub(super) total: u64,
}

/// A box inside a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boxed<'a> {
    /// Type.
    pub(super) kind: Kind,
    /// Header and body.
    pub(super) whole: &'a [u8],
    /// Body.
    pub(super) body: &'a [u8],
}

impl Header {
    /// Most bytes a header takes.
    pub(super) const LONGEST: usize = 16;

    /// Reads the header at the start of `bytes`; `None` if more are needed.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, CmafError> {
        let Some((short, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
        let [a, b, c, d, kind @ ..] = *short;
        let (header, total) = match u32::from_be_bytes([a, b, c, d]) {
            0 => return Err(CmafError::Unsupported("a box without a length")),
            1 => match rest.first_chunk::<8>() {
                Some(long) => (16, u64::from_be_bytes(*long)),
                None => return Ok(None),
            },
            short => (8, u64::from(short)),
        };
        if total < header as u64 {
            return Err(CmafError::Malformed("a box is shorter than its header"));
        }
        Ok(Some(Self { kind, header, total }))
    }
}

/// The boxes that lie back to back in `bytes`; the last item is an error if they do not end evenly.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = Result<Boxed<'_>, CmafError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let child = split(bytes);
        bytes = child.as_ref().map_or(&[], |(_, rest)| rest);
        Some(child.map(|(child, _)| child))
    })
}

fn split(bytes: &[u8]) -> Result<(Boxed<'_>, &[u8]), CmafError> {
    const SHORT: CmafError = CmafError::Malformed("a box runs past the one around it");
    let header = Header::read(bytes)?.ok_or(SHORT)?;
    let total = usize::try_from(header.total).map_err(|_| SHORT)?;
    let (whole, rest) = bytes.split_at_checked(total).ok_or(SHORT)?;
    let body = &whole[header.header..];
    Ok((Boxed { kind: header.kind, whole, body }, rest))
}

/// The first child of a type.
pub(super) fn child<'a>(bytes: &'a [u8], kind: &Kind) -> Result<Option<Boxed<'a>>, CmafError> {
    for found in children(bytes) {
        let found = found?;
        if found.kind == *kind {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first child of a type, which must be there.
pub(super) fn required<'a>(bytes: &'a [u8], kind: &Kind) -> Result<Boxed<'a>, CmafError> {
    child(bytes, kind)?.ok_or(CmafError::Malformed("a box that every track has is missing"))
}

/// Decodes a leaf box.
pub(super) fn leaf<T: Atom>(found: Boxed<'_>) -> Result<T, CmafError> {
    let mut body = found.body;
    let atom = T::decode_body(&mut body).map_err(|_| CmafError::Malformed("a header box cannot be decoded"))?;
    if body.is_empty() { Ok(atom) } else { Err(CmafError::Malformed("a header box is longer than its contents")) }
}

/// Appends a box whose body is written by `body`.
pub(super) fn container(out: &mut Vec<u8>, kind: &Kind, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    body(out);
    let length = u32::try_from(out.len() - start).expect("header boxes are far below 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a leaf box.
pub(super) fn put(out: &mut Vec<u8>, atom: &impl Encode) {
    atom.encode(out).expect("a header box of ours is well formed");
}
