//! The I-frame playlist of a finished rendition: where in its segments the pictures lie that decode
//! alone (RFC 8216bis, 4.4.3.6; A 6.1–6.10).
//!
//! While a rendition grows there is none: a playlist may only be added to, and the last I-frame's
//! duration is not known before the next one comes, nor is the longest of all.

use super::{Durations, VERSION, bandwidth, push_number, target_duration};
use crate::media::key_frame::{KeyFrame, thin};
use crate::media::rendition::Rates;
use crate::media::time::Timescale;
use std::ops::Range;

/// Name of a rendition's I-frame playlist, next to its segments.
pub const I_FRAMES_NAME: &str = "iframes.m3u8";

/// One rendition's list of I-frames; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IFramePlaylist {
    timescale: Timescale,
    frames: Vec<IFrame>,
}

/// One line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IFrame {
    segment: u32,
    offset: u64,
    len: u64,
    /// Ticks until the next one is shown, at least 1.
    duration: u64,
}

impl IFramePlaylist {
    /// The I-frames of a rendition, at most one a second. `frames` are its key frames in order, each
    /// with the number of its segment; `span` is that of its segments in ticks of decode time. The
    /// list lasts exactly as long as the rendition (A 8.7).
    ///
    /// `None` when the rendition's first picture is no key frame that is known: times would not begin
    /// with the film. So it is with sound, and with what was made before key frames were recorded.
    pub fn of(frames: &[(u32, KeyFrame)], span: Range<u64>, timescale: Timescale) -> Option<Self> {
        let first = match frames.first()? {
            (0, first) if first.offset == 0 => first.start,
            _ => return None,
        };
        let mut kept = frames.to_vec();
        thin(&mut kept, timescale, |(_, frame)| frame.start);
        let end = first.saturating_add_unsigned(span.end.saturating_sub(span.start));
        let ends = kept.iter().skip(1).map(|(_, next)| next.start).chain([end]);
        let entry = |(&(segment, frame), end): (&(u32, KeyFrame), i64)| IFrame {
            segment,
            offset: frame.offset,
            len: frame.len,
            duration: u64::try_from(end.saturating_sub(frame.start)).unwrap_or(0).max(1),
        };
        Some(Self { timescale, frames: kept.iter().zip(ends).map(entry).collect() })
    }

    /// Its rates as a player that reads nothing else would see them (RFC 8216bis, 4.1 and 4.4.6.3).
    pub fn rates(&self) -> Rates {
        let sizes: Vec<(u64, u64)> = self.frames.iter().map(|frame| (frame.duration, frame.len)).collect();
        bandwidth(&sizes, self.timescale, self.target_duration_s())
    }

    /// The playlist's text.
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(192 + self.frames.len() * 64);
        out.push_str("#EXTM3U\n");
        out.push_str(VERSION);
        out.push_str("#EXT-X-TARGETDURATION:");
        push_number(&mut out, u64::from(self.target_duration_s()), 1);
        out.push_str("\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n");
        out.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
        let mut durations = Durations::new(self.timescale);
        for frame in &self.frames {
            durations.push(&mut out, frame.duration);
            out.push_str("#EXT-X-BYTERANGE:");
            push_number(&mut out, frame.len, 1);
            out.push('@');
            push_number(&mut out, frame.offset, 1);
            out.push('\n');
            push_number(&mut out, u64::from(frame.segment), 1);
            out.push_str(".m4s\n");
        }
        out.push_str("#EXT-X-ENDLIST\n");
        out
    }

    /// Its own, not that of the segments.
    fn target_duration_s(&self) -> u32 {
        let longest = self.frames.iter().map(|frame| frame.duration).max().unwrap_or(0);
        target_duration(longest, self.timescale)
    }
}

#[cfg(test)]
mod tests;
