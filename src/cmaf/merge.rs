//! One file of several tracks, whose bytes are those of the tracks' own segments but for a few: a header made of
//! their init segments, an index of what follows, and the segments with the numbers and times of that file.
//!
//! Our segments begin ten seconds into their timeline. In the file every track begins at zero, or where it begins
//! later than the film; what its pictures are decoded before they are shown, and what primes its sound, is cut off by
//! an edit list, as in any other MP4.

use super::boxes::{children, container, leaf, put, required};
use super::error::CmafError;
use crate::media::language;
use crate::media::time::{TIMELINE_OFFSET_SECONDS, Timescale};
use mp4_atom::{Elst, ElstEntry, FourCC, Ftyp, Mdhd, Mehd, Mvhd, SegmentReference, Sidx, Tkhd, Trex};

/// Ticks per second of the whole file's times.
const MOVIE_TIMESCALE: u32 = 1000;

/// The tracks of sound are alternatives to each other.
const SOUNDS: u16 = 1;

/// Most entries of an index.
const MOST_REFERENCES: usize = u16::MAX as usize;

/// A track on its way into a file.
#[derive(Clone, Copy, Debug)]
pub struct Joining<'a> {
    /// Its init segment, as `SourceTrack::init_segment` wrote it.
    pub init: &'a [u8],
    /// Ticks per second of its segments.
    pub timescale: Timescale,
    /// Decode time at which its first segment begins, in ticks.
    pub start: u64,
    /// Ticks between when its first sample is decoded and when that is shown; 0 of sound.
    pub delay: u64,
    /// Ticks that all its segments last.
    pub duration: u64,
    /// Language tag, if it is known.
    pub language: Option<&'a str>,
    /// Whether a player takes it unasked.
    pub is_enabled: bool,
}

/// Where a track of its own goes in a file of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its id in the file, from 1.
    pub track: u32,
    /// Ticks that its decode times are moved to the front.
    pub shift: u64,
}

/// A run of the file that begins with a segment of one track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Its bytes, those of other tracks included.
    pub bytes: u64,
    /// Ticks of that track.
    pub duration: u64,
}

impl Joining<'_> {
    /// Where it goes as the file's track `number`, from 0.
    pub fn place(&self, number: usize) -> Place {
        Place { track: u32::try_from(number).unwrap_or(u32::MAX - 1) + 1, shift: self.start.min(self.zero()) }
    }

    /// The film's first instant on the track's own timeline.
    fn zero(&self) -> u64 {
        TIMELINE_OFFSET_SECONDS * u64::from(self.timescale)
    }

    /// The tick of the film at which it begins to be shown.
    fn begins(&self) -> u64 {
        self.start.saturating_add(self.delay).saturating_sub(self.zero())
    }

    /// The tick of the film at which it ends.
    fn ends(&self) -> u64 {
        self.start.saturating_add(self.delay).saturating_add(self.duration).saturating_sub(self.zero())
    }
}

/// The head of a file of these tracks, up to the index: `ftyp` and `moov`.
///
/// # Errors
/// `Malformed` for an init segment that is not ours.
pub fn merged_header(tracks: &[Joining<'_>]) -> Result<Vec<u8>, CmafError> {
    let mut out = Vec::with_capacity(256 + tracks.iter().map(|track| track.init.len()).sum::<usize>());
    let brand = FourCC::new(b"iso6");
    let compatible_brands = vec![brand, FourCC::new(b"mp41"), FourCC::new(b"mp42")];
    put(&mut out, &Ftyp { major_brand: brand, minor_version: 0, compatible_brands });
    let traks: Vec<Vec<u8>> =
        (0..).zip(tracks).map(|(number, track)| merged_track(track, number)).collect::<Result<_, _>>()?;
    let in_movie = |track: &Joining<'_>| {
        u128::from(track.ends()) * u128::from(MOVIE_TIMESCALE) / u128::from(track.timescale.max(1))
    };
    let longest = tracks.iter().map(in_movie).max().unwrap_or(0);
    container(&mut out, b"moov", |out| {
        put(out, &movie_header(tracks.len()));
        traks.iter().for_each(|trak| out.extend_from_slice(trak));
        container(out, b"mvex", |out| {
            put(out, &Mehd { fragment_duration: u64::try_from(longest).unwrap_or(0) });
            for (number, track) in tracks.iter().enumerate() {
                let track_id = track.place(number).track;
                put(out, &Trex { track_id, default_sample_description_index: 1, ..Trex::default() });
            }
        });
    });
    Ok(out)
}

fn movie_header(tracks: usize) -> Mvhd {
    Mvhd {
        creation_time: 0,
        modification_time: 0,
        timescale: MOVIE_TIMESCALE,
        duration: 0,
        rate: 1.into(),
        volume: 1.into(),
        matrix: mp4_atom::Matrix::default(),
        next_track_id: u32::try_from(tracks).unwrap_or(u32::MAX - 1) + 1,
    }
}

/// A `trak` as it stood in the init segment, under another id and with an edit list.
fn merged_track(joining: &Joining<'_>, number: usize) -> Result<Vec<u8>, CmafError> {
    let movie = required(joining.init, b"moov")?;
    let trak = required(movie.body, b"trak")?;
    let Place { track, shift } = joining.place(number);
    let header: Tkhd = leaf(required(trak.body, b"tkhd")?)?;
    let is_sound = header.width.integer() == 0;
    let header = Tkhd {
        track_id: track,
        enabled: joining.is_enabled,
        alternate_group: if is_sound { SOUNDS } else { 0 },
        ..header
    };
    let media = required(trak.body, b"mdia")?;
    let media_header: Mdhd = leaf(required(media.body, b"mdhd")?)?;
    let rest: Vec<_> =
        children(media.body).filter(|found| found.as_ref().is_ok_and(|it| it.kind != *b"mdhd")).collect();
    let mut out = Vec::with_capacity(trak.whole.len() + 64);
    container(&mut out, b"trak", |out| {
        put(out, &header);
        edits(out, joining.zero() - shift);
        container(out, b"mdia", |out| {
            let code = joining.language.and_then(language::three_letters).unwrap_or("und");
            put(out, &Mdhd { language: code.to_owned(), ..media_header });
            rest.iter().flatten().for_each(|found| out.extend_from_slice(found.whole));
        });
    });
    Ok(out)
}

/// Cuts off so many ticks; the edit lasts as long as there are fragments.
fn edits(out: &mut Vec<u8>, cut: u64) {
    if cut == 0 {
        return;
    }
    let whole = ElstEntry { segment_duration: 0, media_time: Some(cut), media_rate: 1.into() };
    container(out, b"edts", |out| put(out, &Elst { entries: vec![whole] }));
}

/// The index of the file's track `number`, from 0: where its stretches lie, the first of them `ahead` bytes behind the
/// index, and when each is shown. Empty where that could not be told in an index.
///
/// Every track needs one: in a file with that of the picture alone, Chromium was seen to stop at the first picture of
/// the stretch that it sought to.
pub fn segment_index(track: &Joining<'_>, number: usize, ahead: u64, stretches: &[Stretch]) -> Vec<u8> {
    let mut out = Vec::new();
    let together = stretches.len().div_ceil(MOST_REFERENCES).max(1);
    let reference = |run: &[Stretch]| {
        let bytes: u64 = run.iter().map(|stretch| stretch.bytes).sum();
        let duration: u64 = run.iter().map(|stretch| stretch.duration).sum();
        Some(SegmentReference {
            reference_type: false,
            referenced_size: u32::try_from(bytes).ok().filter(|bytes| *bytes < 1 << 31)?,
            subsegment_duration: u32::try_from(duration).ok()?,
            starts_with_sap: true,
            sap_type: 0,
            sap_delta_time: 0,
        })
    };
    let references: Option<Vec<_>> = stretches.chunks(together).map(reference).collect();
    let Some(references) = references.filter(|references| !references.is_empty()) else { return out };
    put(
        &mut out,
        &Sidx {
            reference_id: track.place(number).track,
            timescale: track.timescale,
            earliest_presentation_time: track.begins(),
            first_offset: ahead,
            references,
        },
    );
    out
}
