//! The init segment: one track, no samples, no edit list.

use super::boxes::{container, put};
use super::source::{SourceTrack, TrackKind};
use mp4_atom::{FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mvhd, Smhd, Tkhd, Trex, Vmhd};

/// The id that every track of ours has.
pub(super) const TRACK_ID: u32 = 1;

impl SourceTrack {
    /// The CMAF header (`ftyp` and `moov`) for segments of this track. Presentation times are `tfdt`
    /// plus composition offset, so there is no edit list. Equal for equal `configuration` and timescale.
    pub fn init_segment(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.entry.stsd.len());
        let brand = FourCC::new(b"iso6");
        let compatible_brands = vec![brand, FourCC::new(b"cmfc"), FourCC::new(b"mp41")];
        put(&mut out, &Ftyp { major_brand: brand, minor_version: 0, compatible_brands });
        container(&mut out, b"moov", |out| {
            put(out, &self.movie_header());
            container(out, b"trak", |out| self.track(out));
            container(out, b"mvex", |out| {
                let track = Trex { track_id: TRACK_ID, default_sample_description_index: 1, ..Trex::default() };
                put(out, &track);
            });
        });
        out
    }

    fn movie_header(&self) -> Mvhd {
        Mvhd {
            creation_time: 0,
            modification_time: 0,
            timescale: self.timescale,
            duration: 0,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Matrix::default(),
            next_track_id: TRACK_ID + 1,
        }
    }

    fn track(&self, out: &mut Vec<u8>) {
        let pixels = |size: u32| u16::try_from(size).unwrap_or(u16::MAX).into();
        put(
            out,
            &Tkhd {
                track_id: TRACK_ID,
                enabled: true,
                in_movie: true,
                volume: u8::from(self.kind == TrackKind::Audio).into(),
                width: pixels(self.width),
                height: pixels(self.height),
                ..Tkhd::default()
            },
        );
        container(out, b"mdia", |out| {
            put(out, &Mdhd { timescale: self.timescale, language: "und".into(), ..Mdhd::default() });
            let (handler, name) = match self.kind {
                TrackKind::Video => (FourCC::new(b"vide"), "VideoHandler"),
                TrackKind::Audio => (FourCC::new(b"soun"), "SoundHandler"),
            };
            put(out, &Hdlr { handler, name: name.into() });
            container(out, b"minf", |out| {
                match self.kind {
                    TrackKind::Video => put(out, &Vmhd::default()),
                    TrackKind::Audio => put(out, &Smhd::default()),
                }
                data_is_here(out);
                container(out, b"stbl", |out| {
                    out.extend_from_slice(&self.entry.stsd);
                    // Sample tables without samples: those are in the fragments.
                    for (kind, bytes) in [(b"stts", 8), (b"stsc", 8), (b"stsz", 12), (b"stco", 8)] {
                        container(out, kind, |out| out.resize(out.len() + bytes, 0));
                    }
                });
            });
        });
    }
}

/// A data reference to the file itself.
fn data_is_here(out: &mut Vec<u8>) {
    container(out, b"dinf", |out| {
        container(out, b"dref", |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
            container(out, b"url ", |out| out.extend_from_slice(&[0, 0, 0, 1]));
        });
    });
}
