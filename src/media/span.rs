//! Spans: the runs of film that are encoded one after another. A span begins at a key frame of the
//! source wherever one is near, grows from a few seconds to a minute, and is listed as a whole; so
//! a restart costs at most one span, and what was shown never changes.

use super::probe::Packet;
use super::time::TIMELINE_OFFSET_SECONDS;
use serde::{Deserialize, Serialize};

/// Ticks per second of encoded video.
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// Seconds of the first span. Each is twice as long as the one before, up to `LONGEST`.
const FIRST: f64 = 6.0;

/// Seconds of the longest span.
const LONGEST: f64 = 60.0;

/// How far beyond its planned end a span may go to end at a key frame, as a part of its length.
const STRETCH: f64 = 0.5;

/// A run of film. Times in seconds of the source unless they say ticks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Where decoding begins: a whole group of pictures before the first frame.
    pub seek_s: f64,
    /// Half a frame before the first frame, so that no rounding loses or doubles one.
    pub from_s: f64,
    /// Half a frame before the next span's first frame; `None` for the last span.
    pub to_s: Option<f64>,
    /// Presentation time of the first frame on the output's timeline, in `VIDEO_TIMESCALE` ticks.
    pub first_tick: i64,
    /// Presentation time of the next span's first frame in those ticks; `None` for the last span.
    pub next_tick: Option<i64>,
}

impl Span {
    /// Whole seconds of film in it, a minute for the last one.
    pub fn seconds(&self) -> u64 {
        let ticks = self.next_tick.map_or(0, |next| next - self.first_tick);
        u64::try_from(ticks)
            .ok()
            .filter(|ticks| *ticks > 0)
            .map_or(LONGEST as u64, |ticks| ticks.div_ceil(u64::from(VIDEO_TIMESCALE)))
    }
}

/// The frames of a video stream in order of presentation: seconds of the source, and whether
/// decoding can start there.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    times: Vec<(f64, bool)>,
    /// Seconds that the last one is shown, where its packet says so.
    last_s: Option<f64>,
}

impl Frames {
    /// From packets in file order. Those without any time are left out: the decoder guesses theirs.
    pub fn of(packets: &[Packet], time_base: f64) -> Self {
        let mut times: Vec<(f64, bool)> = packets
            .iter()
            .filter_map(|packet| Some((packet.pts.or(packet.dts)? as f64 * time_base, packet.key)))
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = packets.iter().max_by_key(|packet| packet.pts.or(packet.dts));
        let last_s = last.map(|last| last.duration as f64 * time_base).filter(|seconds| *seconds > 0.0);
        Self { times, last_s }
    }

    /// When the last picture ends, as far as time stamps tell; `None` without any.
    pub fn end_s(&self) -> Option<f64> {
        let last = self.times.last()?.0;
        let before = self.times.len().checked_sub(2).map_or(last, |index| self.times[index].0);
        Some(last + self.last_s.unwrap_or(last - before))
    }

    /// Seconds of the longest picture; 0 when there are fewer than two.
    pub fn longest_gap(&self) -> f64 {
        self.times.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(0.0, f64::max)
    }

    /// Cuts the film into spans. `start_s` is the earliest time of the whole file: it becomes the
    /// timeline's offset. Without any frame there is one span of everything.
    pub fn spans(&self, start_s: f64) -> Vec<Span> {
        let mut bounds = vec![0];
        let mut length = FIRST;
        while let Some(next) = bounds.last().and_then(|&first| self.next_bound(first, length)) {
            bounds.push(next);
            length = (length * 2.0).min(LONGEST);
        }
        let tick = |index: usize| {
            let seconds = self.times[index].0 - start_s + TIMELINE_OFFSET_SECONDS as f64;
            (seconds * f64::from(VIDEO_TIMESCALE)).round() as i64
        };
        if self.times.is_empty() {
            let first_tick = TIMELINE_OFFSET_SECONDS as i64 * i64::from(VIDEO_TIMESCALE);
            return vec![Span { seek_s: start_s, from_s: start_s - 1.0, to_s: None, first_tick, next_tick: None }];
        }
        let spans = bounds.iter().enumerate().map(|(number, &first)| {
            let next = bounds.get(number + 1).copied();
            Span {
                seek_s: self.group_before(first),
                from_s: self.before(first),
                to_s: next.map(|next| self.before(next)),
                first_tick: tick(first),
                next_tick: next.map(tick),
            }
        });
        spans.collect()
    }

    /// The frame that begins the next span: the key frame nearest to the planned end, or any
    /// frame where key frames are far apart. `None` when what is left belongs to this span.
    fn next_bound(&self, first: usize, length: f64) -> Option<usize> {
        let planned = self.times[first..].first()?.0 + length;
        let reach = length * STRETCH;
        let end = self.times.last()?.0;
        if planned + reach >= end {
            return None;
        }
        let from = first + 1 + self.times[first + 1..].partition_point(|frame| frame.0 < planned - reach);
        let to = self.times.partition_point(|frame| frame.0 <= planned + reach);
        let distance = |index: &usize| (self.times[*index].0 - planned).abs();
        let key = (from..to).filter(|&index| self.times[index].1).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        key.or_else(|| (from..self.times.len()).find(|&index| self.times[index].0 >= planned))
    }

    /// Time of the key frame before the last key frame at or before this frame.
    fn group_before(&self, index: usize) -> f64 {
        let mut keys = self.times[..=index].iter().rev().filter(|frame| frame.1);
        let last = keys.next().map_or(self.times[0].0, |frame| frame.0);
        keys.next().map_or(last.min(self.times[0].0), |frame| frame.0)
    }

    /// Half way to the frame before, or half a frame before the first.
    fn before(&self, index: usize) -> f64 {
        let this = self.times[index].0;
        match index.checked_sub(1).and_then(|earlier| self.times.get(earlier)) {
            Some(earlier) => f64::midpoint(earlier.0, this),
            None => this - self.times.get(1).map_or(0.02, |next| (next.0 - this) / 2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(seconds: u32, key_every: usize) -> Frames {
        let packets: Vec<Packet> = (0..i64::from(seconds) * 25)
            .map(|number| Packet {
                pts: Some(number),
                dts: Some(number),
                duration: 1,
                bytes: 100,
                key: (number as usize).is_multiple_of(key_every),
            })
            .collect();
        Frames::of(&packets, 1.0 / 25.0)
    }

    #[test]
    fn spans_double_up_to_a_minute_and_leave_no_frame_out() {
        let spans = film(600, 50).spans(0.0);
        let lengths: Vec<i64> =
            spans.iter().filter_map(|span| Some((span.next_tick? - span.first_tick) / 90_000)).collect();
        assert_eq!(lengths[..5], [6, 12, 24, 48, 60]);
        for pair in spans.windows(2) {
            assert_eq!(pair[0].next_tick, Some(pair[1].first_tick));
            assert_eq!(pair[0].to_s, Some(pair[1].from_s));
        }
        assert_eq!(spans[0].first_tick, 900_000);
        assert_eq!(spans.last().map(|span| (span.to_s, span.next_tick)), Some((None, None)));
    }

    #[test]
    fn a_span_begins_at_a_key_frame_and_decodes_from_the_one_before() {
        let spans = film(60, 70).spans(0.0);
        assert_eq!(spans[1].first_tick, 900_000 + 140 * 3600);
        assert!((spans[1].seek_s - 70.0 / 25.0).abs() < 1e-9);
        assert!((spans[1].from_s - 139.5 / 25.0).abs() < 1e-9);
    }

    #[test]
    fn far_apart_key_frames_do_not_make_spans_longer() {
        let spans = film(300, 100_000).spans(0.0);
        assert!(spans.len() >= 5, "{} spans", spans.len());
    }

    #[test]
    fn a_short_film_and_one_without_times_are_one_span() {
        assert_eq!(film(7, 50).spans(0.0).len(), 1);
        assert_eq!(Frames::default().spans(3.0).len(), 1);
    }
}
