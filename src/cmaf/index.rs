//! The index of a whole MP4 file (ISO/IEC 14496-12, 8.6 and 8.7): the packets of one track, known
//! without reading the film itself.
//!
//! Only plain files are understood: one whole edit at most, no fragments, every byte in the file.
//! Anything else is `None`, and somebody who reads the film has to say what is in it.

use super::boxes::{Boxed, Header, child, children};
use crate::media::probe::Packet;
use std::io::{self, Read, Seek, SeekFrom};

/// Boxes before the index, at most: a plain file has half a dozen.
const MOST_BOXES: usize = 64;

/// A film of ten hours at 60 pictures a second has an index of 40 MB.
const LARGEST_INDEX: u64 = 64 * 1024 * 1024;

/// Pictures and what lies between them are counted in 32 bits; a day at 60 a second is five million.
const MOST_SAMPLES: u32 = 6_000_000;

/// The packets of track number `stream` (from 0), in file order, with the earliest shown at
/// `start` ticks of `timescale`. `None` when the file is not plain, or has no such track of
/// pictures on that timescale.
///
/// # Errors
/// When the file cannot be read.
pub fn packets_of(
    file: &mut (impl Read + Seek),
    stream: u32,
    timescale: u32,
    start: i64,
) -> io::Result<Option<Vec<Packet>>> {
    let len = file.seek(SeekFrom::End(0))?;
    let Some(moov) = index_box(file, len)? else { return Ok(None) };
    let movie = Media { timescale, start, file_len: len };
    Ok(movie.packets(&moov, stream))
}

/// The body of the `moov` box.
fn index_box(file: &mut (impl Read + Seek), len: u64) -> io::Result<Option<Vec<u8>>> {
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        if at >= len {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut begin = Vec::with_capacity(Header::LONGEST);
        file.by_ref().take(Header::LONGEST as u64).read_to_end(&mut begin)?;
        let Ok(Some(header)) = Header::read(&begin) else { break };
        if header.kind == *b"moov" {
            let body = header.total - header.header as u64;
            if body > LARGEST_INDEX || header.total > len - at {
                break;
            }
            file.seek(SeekFrom::Start(at + header.header as u64))?;
            let mut moov = Vec::new();
            file.by_ref().take(body).read_to_end(&mut moov)?;
            return Ok(Some(moov));
        }
        at = at.saturating_add(header.total);
    }
    Ok(None)
}

/// What is known of the track beside the index.
struct Media {
    timescale: u32,
    start: i64,
    file_len: u64,
}

/// The tables of a track. Each is the body of a full box: version and flags, a count, rows.
struct Tables<'a> {
    durations: Rows<'a, 8>,
    offsets: Option<Rows<'a, 8>>,
    sizes: Sizes<'a>,
    keys: Option<Rows<'a, 4>>,
    chunks: Chunks<'a>,
}

struct Rows<'a, const WIDTH: usize>(&'a [[u8; WIDTH]]);

enum Sizes<'a> {
    Same(u32, u32),
    Each(Rows<'a, 4>),
}

struct Chunks<'a> {
    runs: Rows<'a, 12>,
    starts: Starts<'a>,
}

enum Starts<'a> {
    Short(Rows<'a, 4>),
    Long(Rows<'a, 8>),
}

impl Media {
    fn packets(&self, moov: &[u8], stream: u32) -> Option<Vec<Packet>> {
        if child(moov, b"mvex").ok()?.is_some() {
            return None;
        }
        let mut tracks = children(moov).filter_map(Result::ok).filter(|found| found.kind == *b"trak");
        let track = tracks.nth(usize::try_from(stream).ok()?)?.body;
        let media = inside(track, b"mdia")?;
        let is_picture = inside(media, b"hdlr")?.get(8..12)? == b"vide";
        if !is_picture || timescale_of(inside(media, b"mdhd")?)? != self.timescale {
            return None;
        }
        let tables = Tables::read(inside(inside(media, b"minf")?, b"stbl")?)?;
        let mut packets = tables.times()?;
        tables.sizes_into(&mut packets)?;
        tables.keys_into(&mut packets)?;
        if tables.chunks.end(&packets)? > self.file_len {
            return None;
        }
        let shown = packets.iter().filter_map(|packet| packet.pts);
        let (first, last) = (shown.clone().min()?, shown.max()?);
        if let Some(edits) = child(track, b"edts").ok()? {
            let movie_timescale = timescale_of(inside(moov, b"mvhd")?)?;
            let end_s = one_edit(child(edits.body, b"elst").ok()??, first, movie_timescale)?;
            if end_s * f64::from(self.timescale) < (last - first) as f64 {
                return None;
            }
        }
        let shift = self.start.checked_sub(first)?;
        for packet in &mut packets {
            packet.pts = packet.pts.and_then(|pts| pts.checked_add(shift));
            packet.dts = packet.dts.and_then(|dts| dts.checked_add(shift));
        }
        Some(packets)
    }
}

impl<'a> Tables<'a> {
    fn read(samples: &'a [u8]) -> Option<Self> {
        // Further key frames may be listed in sample groups.
        let groups = children(samples).filter_map(Result::ok).filter(|found| found.kind == *b"sbgp");
        if groups.map(|group| group.body.get(4..8)).any(|kind| matches!(kind, Some(b"rap " | b"sync") | None)) {
            return None;
        }
        let starts = match child(samples, b"stco").ok()? {
            Some(short) => Starts::Short(Rows::read(short.body, 4)?),
            None => Starts::Long(Rows::read(inside(samples, b"co64")?, 4)?),
        };
        Some(Self {
            durations: Rows::read(inside(samples, b"stts")?, 4)?,
            offsets: optional(samples, b"ctts")?,
            sizes: Sizes::read(inside(samples, b"stsz")?)?,
            keys: optional(samples, b"stss")?,
            chunks: Chunks { runs: Rows::read(inside(samples, b"stsc")?, 4)?, starts },
        })
    }

    /// Packets with their times; their number is that of the sizes.
    fn times(&self) -> Option<Vec<Packet>> {
        let count = usize::try_from(self.sizes.count()).ok()?;
        let mut packets = Vec::with_capacity(count);
        let mut dts = 0_i64;
        for (run, duration) in self.durations.pairs() {
            for _ in 0..run {
                if packets.len() == count {
                    return None;
                }
                packets.push(Packet {
                    pts: Some(dts),
                    dts: Some(dts),
                    duration: u64::from(duration),
                    bytes: 0,
                    key: false,
                });
                dts = dts.checked_add(i64::from(duration))?;
            }
        }
        // Version 0 counts without a sign, but files are written as if it had one.
        let offsets = self.offsets.iter().flat_map(Rows::pairs);
        let offsets = offsets.map(|(run, offset)| (run, i64::from(offset.cast_signed())));
        // Where pictures are shown before their decode times, all of those lie so much earlier.
        let early = offsets.clone().map(|(_, offset)| -offset).max().unwrap_or(0).max(0);
        let mut left = packets.iter_mut();
        for (run, offset) in offsets {
            for packet in left.by_ref().take(usize::try_from(run).ok()?) {
                packet.pts = packet.pts.map(|pts| pts + offset);
            }
        }
        packets.iter_mut().for_each(|packet| packet.dts = packet.dts.map(|dts| dts - early));
        (packets.len() == count).then_some(packets)
    }

    fn sizes_into(&self, packets: &mut [Packet]) -> Option<()> {
        match &self.sizes {
            Sizes::Same(size, _) => packets.iter_mut().for_each(|packet| packet.bytes = u64::from(*size)),
            Sizes::Each(rows) => {
                for (packet, size) in packets.iter_mut().zip(rows.0) {
                    packet.bytes = u64::from(u32::from_be_bytes(*size));
                }
            }
        }
        packets.iter().all(|packet| packet.bytes > 0).then_some(())
    }

    fn keys_into(&self, packets: &mut [Packet]) -> Option<()> {
        let Some(keys) = &self.keys else {
            packets.iter_mut().for_each(|packet| packet.key = true);
            return Some(());
        };
        for key in keys.0 {
            let number = usize::try_from(u32::from_be_bytes(*key)).ok()?;
            packets.get_mut(number.checked_sub(1)?)?.key = true;
        }
        Some(())
    }
}

impl<'a, const WIDTH: usize> Rows<'a, WIDTH> {
    /// The rows after a count at `at`, which must all be there.
    fn read(body: &'a [u8], at: usize) -> Option<Self> {
        let (_, rest) = body.split_at_checked(at)?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (rows, _) = rest.as_chunks::<WIDTH>();
        let count = u32::from_be_bytes(*count);
        rows.get(..usize::try_from(count).ok()?).filter(|_| count <= MOST_SAMPLES).map(Self)
    }
}

impl Rows<'_, 8> {
    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        self.0.iter().map(|[a, b, c, d, e, f, g, h]| {
            (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]))
        })
    }
}

impl<'a> Sizes<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let same = u32::from_be_bytes(*body.get(4..)?.first_chunk()?);
        let count = u32::from_be_bytes(*body.get(8..)?.first_chunk()?);
        match same {
            _ if count > MOST_SAMPLES => None,
            0 => Rows::read(body, 8).map(Self::Each),
            same => Some(Self::Same(same, count)),
        }
    }

    fn count(&self) -> u32 {
        match self {
            Self::Same(_, count) => *count,
            Self::Each(rows) => u32::try_from(rows.0.len()).unwrap_or(MOST_SAMPLES),
        }
    }
}

impl Chunks<'_> {
    /// Where in the file the last sample ends; `None` when the tables do not fit each other.
    fn end(&self, packets: &[Packet]) -> Option<u64> {
        let mut end = 0;
        let mut left = packets.iter();
        let mut runs = self.runs.0.iter().map(|[a, b, c, d, e, f, g, h, ..]| {
            (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]))
        });
        let mut now = runs.next()?;
        let mut next = runs.next();
        for (number, start) in (1..).zip(self.starts.each()) {
            if let Some(begun) = next.filter(|(first, _)| *first == number) {
                now = begun;
                next = runs.next();
            }
            let bytes: u64 = left.by_ref().take(usize::try_from(now.1).ok()?).map(|packet| packet.bytes).sum();
            end = end.max(start.checked_add(bytes)?);
        }
        left.next().is_none().then_some(end)
    }
}

impl Starts<'_> {
    fn each(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match self {
            Self::Short(rows) => Box::new(rows.0.iter().map(|row| u64::from(u32::from_be_bytes(*row)))),
            Self::Long(rows) => Box::new(rows.0.iter().map(|row| u64::from_be_bytes(*row))),
        }
    }
}

/// How many seconds of a track are shown, if its edit list is a pause at most, and then one edit at
/// the track's own speed that leaves out no picture before `first`.
fn one_edit(list: Boxed<'_>, first: i64, movie_timescale: u32) -> Option<f64> {
    // Only times of 32 bits: longer ones are rare.
    let is_short = list.body.first()? == &0;
    let edits = Rows::<12>::read(list.body, 4).filter(|_| is_short)?;
    let mut shown = edits.0.iter().filter_map(|[a, b, c, d, e, f, g, h, rate @ ..]| {
        let (len, begin) = (u32::from_be_bytes([*a, *b, *c, *d]), i32::from_be_bytes([*e, *f, *g, *h]));
        (begin != -1).then_some((len, i64::from(begin), rate))
    });
    let (len, begin, rate) = shown.next()?;
    let is_plain = shown.next().is_none() && *rate == [0, 1, 0, 0] && (0..=first).contains(&begin);
    is_plain.then(|| f64::from(len) / f64::from(movie_timescale.max(1)))
}

fn timescale_of(mdhd: &[u8]) -> Option<u32> {
    let at = if mdhd.first()? == &1 { 20 } else { 12 };
    Some(u32::from_be_bytes(*mdhd.get(at..)?.first_chunk()?))
}

fn optional<'a, const WIDTH: usize>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<Option<Rows<'a, WIDTH>>> {
    match child(bytes, kind).ok()? {
        Some(found) => Rows::read(found.body, 4).map(Some),
        None => Some(None),
    }
}

fn inside<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    child(bytes, kind).ok()?.map(|found| found.body)
}
