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

/// Seconds that a picture is shown at most before it is repeated, in films that are encoded.
pub const LONGEST_SHOWN: f64 = 1.0;

/// Seconds after which it is repeated, and again.
const REPEATED: f64 = 0.9;

/// Two pictures nearer to each other are none of the film's pace: nobody films faster.
pub const LEAST_GAP: f64 = 1.0 / 240.0;

/// Seconds that are safe from the rounding of time stamps.
const MARGIN: f64 = 0.005;

/// A run of film. Times in seconds of the source unless they say ticks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Where decoding begins: a whole group of pictures before the first frame.
    pub seek_s: f64,
    /// Half a frame before the first frame, so that no rounding loses or doubles one.
    pub from_s: f64,
    /// Half a frame before the next span's first frame; `None` for the last span, unless its end is to be filled.
    pub to_s: Option<f64>,
    /// Presentation time of the first frame on the output's timeline, in `VIDEO_TIMESCALE` ticks. In the first span it
    /// may be before the frame's own.
    pub first_tick: i64,
    /// Presentation time of the next span's first frame in those ticks, or of the film's end where it is known.
    pub next_tick: Option<i64>,
}

impl Span {
    /// Second of the source at which its first frame is due, where the film begins at `start_s`.
    pub fn first_s(&self, start_s: f64) -> f64 {
        second_of(self.first_tick, start_s)
    }

    /// The same, begun where one before it begins of which there is nothing.
    #[must_use]
    pub fn from_where(self, before: Self) -> Self {
        Self { from_s: before.from_s, first_tick: before.first_tick, ..self }
    }

    /// Whole seconds of film in it, a minute where its end is unknown; two at most, as what is longer is a still.
    pub fn seconds(&self) -> u64 {
        let ticks = self.next_tick.map_or(0, |next| next - self.first_tick);
        u64::try_from(ticks)
            .ok()
            .filter(|ticks| *ticks > 0)
            .map_or(LONGEST as u64, |ticks| ticks.div_ceil(u64::from(VIDEO_TIMESCALE)).min(2 * LONGEST as u64))
    }
}

/// The tick of the output's timeline at a second of the source, where the film begins at `start_s`.
fn tick_of(file_s: f64, start_s: f64) -> i64 {
    let seconds = file_s - start_s + TIMELINE_OFFSET_SECONDS as f64;
    (seconds * f64::from(VIDEO_TIMESCALE)).round() as i64
}

/// The second of the source at such a tick.
pub fn second_of(tick: i64, start_s: f64) -> f64 {
    tick as f64 / f64::from(VIDEO_TIMESCALE) - TIMELINE_OFFSET_SECONDS as f64 + start_s
}

/// The frames of a video stream in order of presentation: seconds of the source, and whether
/// decoding can start there.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    times: Vec<(f64, bool)>,
    /// Seconds that the last one is shown, where packets say so.
    last_s: Option<f64>,
    /// Whether the container says of some only when they are shown.
    is_mixed: bool,
    /// Times of those before which segments are cut, if that is settled.
    cuts_s: Vec<f64>,
}

/// How spans join and end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Joints {
    /// No two pictures are nearer to each other than these seconds: the others are dropped.
    pub least_gap_s: Option<f64>,
    /// Seconds of the file from which on the first picture is shown, if not from its own time on.
    pub from_s: Option<f64>,
    /// Seconds of the file at which the last picture ends; `None` when unknown.
    pub until_s: Option<f64>,
    /// Whether pictures are repeated up to there, and from `from_s` on.
    pub is_filled: bool,
}

impl Frames {
    /// From packets in file order. Those without any time are left out: the decoder guesses theirs.
    pub fn of(packets: &[Packet], time_base: f64) -> Self {
        let mut times: Vec<(f64, bool)> = packets
            .iter()
            .filter_map(|packet| Some((packet.pts.or(packet.dts)? as f64 * time_base, packet.key)))
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        // As it is packaged: what is stated of the one that is decoded last is the length of the one shown last.
        let last_s = packets.last().map(|last| last.duration as f64 * time_base).filter(|seconds| *seconds > 0.0);
        let timed = packets.iter().filter(|packet| packet.pts.is_some()).count();
        Self { times, last_s, is_mixed: timed > 0 && timed < packets.len(), cuts_s: Vec::new() }
    }

    /// With the times of frames before which segments are cut, in their order: spans join there where they can.
    #[must_use]
    pub fn cut_at(self, cuts_s: Vec<f64>) -> Self {
        Self { cuts_s, ..self }
    }

    /// Those times on the output's timeline, in `VIDEO_TIMESCALE` ticks.
    pub fn cut_ticks(&self, start_s: f64) -> Vec<i64> {
        self.cuts_s.iter().map(|cut| tick_of(*cut, start_s)).collect()
    }

    /// When the last picture ends, as far as time stamps tell; `None` without any.
    pub fn end_s(&self) -> Option<f64> {
        let last = self.times.last()?.0;
        let before = self.times.len().checked_sub(2).map_or(last, |index| self.times[index].0);
        Some(last + self.last_s.unwrap_or(last - before))
    }

    /// When the first picture is shown.
    pub fn first_s(&self) -> Option<f64> {
        self.times.first().map(|first| first.0)
    }

    /// When the last picture begins to be shown.
    pub fn last_s(&self) -> Option<f64> {
        self.times.last().map(|last| last.0)
    }

    /// Pictures per second where they follow each other fastest; what is nearer than any film's pictures is left out.
    pub fn highest_rate(&self) -> Option<f64> {
        let gaps = self.gaps().filter(|gap| *gap >= LEAST_GAP);
        gaps.reduce(f64::min).map(|gap| 1.0 / gap)
    }

    /// The same where one that is shown for longer than `LONGEST_SHOWN` is repeated every
    /// `REPEATED`, and the next one may come soon after the last of them.
    pub fn highest_filled_rate(&self) -> Option<f64> {
        let filled = |gap: f64| match gap % REPEATED {
            _ if gap <= LONGEST_SHOWN => gap,
            // The last of them would fall on the next picture, and is dropped.
            rest if rest < MARGIN => REPEATED,
            rest => rest.max(REPEATED / 9.0),
        };
        self.gaps().filter(|gap| *gap >= LEAST_GAP).map(filled).reduce(f64::min).map(|gap| 1.0 / gap)
    }

    /// Seconds from one picture to the next, as half of them are at most.
    pub fn median_gap(&self) -> Option<f64> {
        let mut gaps: Vec<f64> = self.gaps().filter(|gap| *gap > 0.0).collect();
        gaps.sort_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).copied()
    }

    /// Those that are left when none may be nearer to the one before it than `least_gap_s`.
    pub fn thinned(&self, least_gap_s: f64) -> Self {
        let mut kept = Self { times: Vec::new(), ..self.clone() };
        for &(time, key) in &self.times {
            if kept.last_s().is_none_or(|last| time - last >= least_gap_s) {
                kept.times.push((time, key));
            }
        }
        kept
    }

    /// Whether decoders may show two pictures at the same time: the container says so, or tells it of some only, and
    /// theirs are guessed.
    pub fn may_be_doubled(&self) -> bool {
        self.is_mixed || self.gaps().any(|gap| gap <= 0.0)
    }

    fn gaps(&self) -> impl Iterator<Item = f64> {
        self.times.windows(2).map(|pair| pair[1].0 - pair[0].0)
    }

    /// Seconds of the longest picture; 0 when there are fewer than two.
    pub fn longest_gap(&self) -> f64 {
        self.gaps().fold(0.0, f64::max)
    }

    /// Cuts the film into spans. `start_s` is the earliest time of the whole file: it becomes the
    /// timeline's offset. Without any frame there is one span of everything.
    pub fn spans(&self, start_s: f64, joints: Joints) -> Vec<Span> {
        let mut bounds = vec![0];
        let mut length = FIRST;
        while let Some(next) = bounds.last().and_then(|&first| self.next_bound(first, length)) {
            bounds.push(next);
            length = (length * 2.0).min(LONGEST);
        }
        let tick_at = |file_s: f64| tick_of(file_s, start_s);
        let tick = |index: usize| {
            let begun_s = joints.from_s.filter(|_| index == 0);
            tick_at(begun_s.unwrap_or(self.times[index].0))
        };
        if self.times.is_empty() {
            let first_tick = TIMELINE_OFFSET_SECONDS as i64 * i64::from(VIDEO_TIMESCALE);
            return vec![Span { seek_s: start_s, from_s: start_s - 1.0, to_s: None, first_tick, next_tick: None }];
        }
        let end_s = joints.until_s.filter(|end| joints.is_filled || *end > self.times[0].0);
        let spans = bounds.iter().enumerate().map(|(number, &first)| {
            let next = bounds.get(number + 1).copied();
            let filled_to_s = end_s.filter(|_| joints.is_filled).map(|end| end - MARGIN);
            Span {
                seek_s: self.group_before(first),
                from_s: self.begin_of(first, joints),
                to_s: next.map_or(filled_to_s, |next| Some(self.end_before(next, joints))),
                first_tick: tick(first),
                next_tick: next.map(tick).or(end_s.map(tick_at)),
            }
        });
        spans.collect()
    }

    /// The frame that begins the next span: of those before which segments are cut, or else of key frames, the one
    /// nearest to the planned end, or any frame where key frames are far apart. `None` when what is left belongs to this
    /// span.
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
        let nearest = |is_one: &dyn Fn(usize) -> bool| {
            (from..to).filter(|index| is_one(*index)).min_by(|a, b| distance(a).total_cmp(&distance(b)))
        };
        let is_cut = |index: usize| self.cuts_s.binary_search_by(|cut| cut.total_cmp(&self.times[index].0)).is_ok();
        let key = nearest(&is_cut).or_else(|| nearest(&|index| self.times[index].1));
        key.or_else(|| (from..self.times.len()).find(|&index| self.times[index].0 >= planned))
    }

    /// Time of the key frame before the last key frame at or before this frame.
    fn group_before(&self, index: usize) -> f64 {
        let mut keys = self.times[..=index].iter().rev().filter(|frame| frame.1);
        let last = keys.next().map_or(self.times[0].0, |frame| frame.0);
        keys.next().map_or(last.min(self.times[0].0), |frame| frame.0)
    }

    /// Where the span with this first frame begins: the film's, where its first frame is repeated.
    fn begin_of(&self, index: usize, joints: Joints) -> f64 {
        let own = self.before(index);
        let held = joints.from_s.filter(|_| index == 0 && joints.is_filled);
        held.map_or(own, |from| own.min(from - MARGIN))
    }

    /// Where the span before this frame ends: early enough to keep what is dropped between them far from both.
    fn end_before(&self, index: usize, joints: Joints) -> f64 {
        let before = self.before(index);
        // A tenth less, as in between lie pictures that are dropped.
        joints.least_gap_s.map_or(before, |gap| before.min(self.times[index].0 - gap * 0.9))
    }

    /// Half way to the frame before, or half a frame before the first. After a gap, where the frame before may be
    /// repeated, right before this one.
    fn before(&self, index: usize) -> f64 {
        let this = self.times[index].0;
        match index.checked_sub(1).and_then(|earlier| self.times.get(earlier)) {
            Some(earlier) if this - earlier.0 > LONGEST_SHOWN => this - MARGIN,
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
        let spans = film(600, 50).spans(0.0, Joints::default());
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
        let spans = film(60, 70).spans(0.0, Joints::default());
        assert_eq!(spans[1].first_tick, 900_000 + 140 * 3600);
        assert!((spans[1].seek_s - 70.0 / 25.0).abs() < 1e-9);
        assert!((spans[1].from_s - 139.5 / 25.0).abs() < 1e-9);
    }

    #[test]
    fn spans_join_where_segments_are_cut() {
        let cuts_s: Vec<f64> = (1..12).map(|cut| f64::from(cut) * 5.0).collect();
        let film = film(60, 25).cut_at(cuts_s);
        let firsts = film.spans(2.0, Joints::default()).iter().map(|span| span.first_tick).collect::<Vec<_>>();
        assert_eq!(firsts, [8, 13, 23, 48].map(|second| second * 90_000));
        assert_eq!(film.cut_ticks(2.0)[..2], [13 * 90_000, 18 * 90_000]);
        assert!((second_of(13 * 90_000, 2.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn far_apart_key_frames_do_not_make_spans_longer() {
        let spans = film(300, 100_000).spans(0.0, Joints::default());
        assert!(spans.len() >= 5, "{} spans", spans.len());
    }

    #[test]
    fn the_last_span_ends_where_the_film_does() {
        let until = |until_s, is_filled| {
            let joints = Joints { until_s: Some(until_s), is_filled, ..Joints::default() };
            film(7, 50).spans(0.0, joints)[0]
        };
        assert_eq!((until(7.0, false).to_s, until(7.0, false).next_tick), (None, Some(17 * 90_000)));
        assert_eq!((until(9.0, true).to_s, until(9.0, true).next_tick), (Some(8.995), Some(19 * 90_000)));
    }

    #[test]
    fn after_a_gap_a_span_begins_right_before_its_first_picture() {
        let packet = |pts: i64| Packet { pts: Some(pts), dts: Some(pts), duration: 1, bytes: 1, key: true };
        let still: Vec<Packet> = [0, 1, 2, 20, 21].map(packet).into();
        let spans = Frames::of(&still, 1.0).spans(0.0, Joints::default());
        let after = spans.iter().find(|span| span.first_tick == 30 * 90_000).expect("a span begins there");
        assert!((after.from_s - 19.995).abs() < 1e-9, "{after:?}");
    }

    #[test]
    fn a_repeat_that_falls_on_the_next_picture_makes_a_film_no_faster() {
        let packet = |pts: i64| Packet { pts: Some(pts), dts: Some(pts), duration: 1, bytes: 1, key: true };
        let rate = |gap: i64| Frames::of(&[packet(0), packet(gap)], 0.001).highest_filled_rate().unwrap();
        for (gap, seconds) in
            [(500, 0.5), (1800, 0.9), (1804, 0.9), (1830, 0.1), (2000, 0.2), (2690, 0.89), (2700, 0.9)]
        {
            assert!((rate(gap) * seconds - 1.0).abs() < 0.01, "{gap} ms: {} a second", rate(gap));
        }
    }

    #[test]
    fn thinned_pictures_keep_their_distance_over_a_joint() {
        let gap = 1.75 / 25.0;
        let spans = film(60, 51).spans(0.0, Joints { least_gap_s: Some(gap), ..Joints::default() });
        for pair in spans.windows(2) {
            let apart = (pair[1].first_tick - 900_000) as f64 / 90_000.0 - pair[0].to_s.unwrap();
            assert!(apart > 1.2 / 25.0 && apart < 1.9 / 25.0, "{apart}");
        }
    }

    #[test]
    fn a_short_film_and_one_without_times_are_one_span() {
        assert_eq!(film(7, 50).spans(0.0, Joints::default()).len(), 1);
        assert_eq!(Frames::default().spans(3.0, Joints::default()).len(), 1);
    }
}
