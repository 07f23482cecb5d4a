//! Which decode times samples get.
//!
//! A fragment's last sample lasts until the next fragment begins, so one fragment is always held
//! back. What leaves here is continuous: every chunk starts where the one before it ended.

use super::chunk::{Chunk, Placed};
use super::error::CmafError;
use super::fragment::Sample;
use super::packager::{LONGEST_STRETCH_S, Resume, Timing};

#[cfg(test)]
mod tests;

/// Gives samples their decode times and durations.
#[derive(Debug)]
pub(super) struct Timeline {
    timing: Timing,
    timescale: u32,
    /// How long before the first picture is shown it is decoded; of spans, every picture before its rank in
    /// presentation order. Settled by the first fragment, then the same for the whole generation.
    delay: Option<i64>,
    /// The last fragment, whose last duration is still unknown.
    held: Vec<Placed>,
    /// Where the next fragment must start: the end of what left, once nothing is held.
    anchor: Option<i64>,
    /// Presentation times of the last fragment, in order.
    shown: Vec<i64>,
}

/// The delay is never longer than one part in this many of a second. Deeper reordering only occurs
/// where pictures stand far apart, and there decode times give way instead.
const DELAY_PARTS: u32 = 2;

/// After a restart the times of the last pictures are not known, only when the next should come;
/// encoders round differently from the plan by less than a second divided by this.
const ROUNDING_PARTS: u32 = 100;

impl Timeline {
    pub(super) fn new(timing: Timing, timescale: u32, resume: Option<Resume>) -> Result<Self, CmafError> {
        let mut timeline = Self { timing, timescale, delay: None, held: Vec::new(), anchor: None, shown: Vec::new() };
        let Some(resume) = resume else { return Ok(timeline) };
        let anchor = i64::try_from(resume.next_dts);
        let anchor = anchor.map_err(|_| CmafError::times("a resume lies beyond 64 bits", i64::MAX))?;
        timeline.anchor = Some(anchor);
        let delay = i64::from(resume.delay);
        timeline.delay = Some(delay);
        if timing == Timing::Spans {
            let rounding = i64::from(timescale / ROUNDING_PARTS) + 1;
            timeline.shown.push(anchor.saturating_add(delay).saturating_sub(rounding));
        }
        Ok(timeline)
    }

    /// Ticks between when the first picture is decoded and when one is shown, once known; 0 at least.
    pub(super) fn delay(&self) -> Option<u32> {
        self.delay.map(|delay| u32::try_from(delay.max(0)).unwrap_or(u32::MAX))
    }

    /// When the last picture of what is held is shown.
    pub(super) fn last_shown(&self) -> Option<i64> {
        self.shown.last().copied().filter(|_| !self.held.is_empty())
    }

    /// Whether pictures of spans go on at this time.
    ///
    /// # Errors
    /// `Hole` when there were none, or the last one would be shown for too long until then.
    pub(super) fn goes_on_at(&self, next_pts: i64) -> Result<(), CmafError> {
        match (self.timing, self.shown.last()) {
            (Timing::Source, _) => Ok(()),
            (Timing::Spans, Some(&last)) => self.follow(last, next_pts),
            (Timing::Spans, None) => Err(CmafError::Hole(next_pts)),
        }
    }

    fn follow(&self, one: i64, next: i64) -> Result<(), CmafError> {
        let seconds = next.saturating_sub(one) as f64 / f64::from(self.timescale);
        if seconds > LONGEST_STRETCH_S { Err(CmafError::Hole(one)) } else { Ok(()) }
    }

    /// Takes a fragment and returns the one before it, complete.
    pub(super) fn push(&mut self, samples: Vec<Sample>) -> Result<Option<Chunk>, CmafError> {
        let placed = match self.timing {
            Timing::Source => self.place_source(samples)?,
            Timing::Spans => self.place_span(samples)?,
        };
        let Some(first) = placed.first() else { return Ok(None) };
        let chunk = self.close(first.dts)?;
        self.anchor = None;
        self.held = placed;
        Ok(chunk)
    }

    /// Ends the run and returns what was held: its last picture is shown until `next_pts`, or about
    /// as long as the one before it. Durations add up to how long the track is shown, however its ends are reordered.
    pub(super) fn end(&mut self, next_pts: Option<i64>) -> Result<Option<Chunk>, CmafError> {
        let (false, Some(&last_shown)) = (self.held.is_empty(), self.shown.last()) else { return Ok(None) };
        let shown_until = match next_pts {
            Some(next) if next <= last_shown => {
                return Err(CmafError::times("a span ends before its last picture is shown", next));
            }
            Some(next) => next,
            None => last_shown.saturating_add(self.last_duration()),
        };
        let end = shown_until.saturating_sub(self.delay.unwrap_or(0));
        if self.timing == Timing::Source {
            self.settle(shown_until, end);
        }
        let end = self.held.last().map_or(end, |last| end.max(last.dts.saturating_add(1)));
        let chunk = self.close(end)?;
        self.anchor = Some(end);
        Ok(chunk)
    }

    /// Gives the last pictures of a source decode times by which each lasts as long as it is shown, and none is decoded
    /// after that: players take a track to end where the longest of them does. The first one keeps its place, where the
    /// fragment before ended.
    fn settle(&mut self, shown_until: i64, end: i64) {
        let mut after = end;
        for sample in self.held.iter_mut().skip(1).rev() {
            let next = self.shown.partition_point(|shown| *shown <= sample.pts);
            let length = self.shown.get(next).unwrap_or(&shown_until).saturating_sub(sample.pts);
            sample.dts = after.saturating_sub(length).min(sample.pts);
            after = sample.dts;
        }
        let mut before = i64::MIN;
        for sample in &mut self.held {
            sample.dts = sample.dts.max(before.saturating_add(1));
            before = sample.dts;
        }
    }

    /// How long the last picture is shown when nothing follows. Sources know; an encoder guesses, so
    /// there the interval before it is better.
    fn last_duration(&self) -> i64 {
        let stated = self.held.last().map_or(0, |last| i64::from(last.duration));
        let before = match self.shown.as_slice() {
            [.., before, last] => last - before,
            _ => 0,
        };
        match self.timing {
            Timing::Source if stated > 0 => stated,
            Timing::Spans if before == 0 => stated.max(1),
            _ => before.max(1),
        }
    }

    /// Turns what is held into a chunk that ends at `end`.
    fn close(&mut self, end: i64) -> Result<Option<Chunk>, CmafError> {
        let mut samples = std::mem::take(&mut self.held);
        let mut next = end;
        for sample in samples.iter_mut().rev() {
            let duration = next.checked_sub(sample.dts).filter(|&duration| duration > 0);
            let duration = duration.ok_or(CmafError::times("decode times do not increase", sample.dts))?;
            sample.duration = u32::try_from(duration).map_err(|_| CmafError::times("a gap is too long", sample.dts))?;
            next = sample.dts;
        }
        if samples.is_empty() { Ok(None) } else { Chunk::new(samples).map(Some) }
    }

    /// Keeps the source's decode times. After a restart what was packaged is passed over.
    fn place_source(&mut self, mut samples: Vec<Sample>) -> Result<Vec<Placed>, CmafError> {
        if let Some(anchor) = self.anchor {
            if self.shown.is_empty() {
                samples.retain(|sample| sample.dts >= anchor);
                // The end of a group that was packaged whole, at decode times of its own.
                if samples.first().is_some_and(|first| first.dts != anchor && !first.sync) {
                    return Ok(Vec::new());
                }
            }
            if let Some(first) = samples.first().filter(|first| first.dts != anchor) {
                return Err(CmafError::times("the stream does not go on where it ended", first.dts));
            }
        }
        if let (None, Some(first)) = (self.delay, samples.first()) {
            let shown = samples.iter().map(|sample| sample.pts).min().unwrap_or(first.pts);
            self.delay = Some(shown.saturating_sub(first.dts));
        }
        let mut last = self.held.last().map_or(i64::MIN, |sample| sample.dts);
        for sample in &samples {
            if sample.dts <= last {
                return Err(CmafError::times("decode times do not increase", sample.dts));
            }
            last = sample.dts;
        }
        let mut shown: Vec<i64> = samples.iter().map(|sample| sample.pts).collect();
        shown.sort_unstable();
        // Leading pictures of an open GOP are shown among those of the GOP before.
        self.shown.extend_from_slice(&shown);
        self.shown.sort_unstable();
        distinct(&self.shown)?;
        if !shown.is_empty() {
            self.shown = shown;
        }
        Ok(samples.into_iter().map(|sample| Placed::at(sample.dts, sample)).collect())
    }

    /// Gives the pictures of a closed GOP canonical decode times: the n-th decoded gets the n-th
    /// smallest presentation time, minus the delay. They do not depend on how this run of the
    /// encoder reorders, so runs join without a seam.
    fn place_span(&mut self, samples: Vec<Sample>) -> Result<Vec<Placed>, CmafError> {
        let mut shown: Vec<i64> = samples.iter().map(|sample| sample.pts).collect();
        shown.sort_unstable();
        let Some(&first) = shown.first() else { return Ok(Vec::new()) };
        distinct(&shown)?;
        if self.shown.last().is_some_and(|&last| first <= last) {
            return Err(CmafError::times("pictures are shown across a key frame or a span", first));
        }
        if let Some(&last) = self.shown.last() {
            self.follow(last, first)?;
        }
        shown.windows(2).try_for_each(|pair| self.follow(pair[0], pair[1]))?;
        let delay = *self.delay.get_or_insert_with(|| delay(&samples, &shown, self.timescale));
        // From the back: no later than its rank says, nor than it is shown, nor than the one after it.
        let mut times = vec![0; samples.len()];
        let mut after = i64::MAX;
        for ((time, &rank), sample) in times.iter_mut().zip(&shown).zip(&samples).rev() {
            *time = rank.saturating_sub(delay).min(sample.pts).min(after.saturating_sub(1));
            after = *time;
        }
        // From the front: exactly where the last span ended, and strictly increasing.
        if let (Some(anchor), Some(time)) = (self.anchor, times.first_mut()) {
            *time = anchor;
        }
        let mut before = self.held.last().map(|sample| sample.dts);
        for time in &mut times {
            *time = before.map_or(*time, |before| (*time).max(before.saturating_add(1)));
            before = Some(*time);
        }
        self.shown = shown;
        Ok(samples.into_iter().zip(times).map(|(sample, dts)| Placed::at(dts, sample)).collect())
    }
}

impl Placed {
    fn at(dts: i64, sample: Sample) -> Self {
        Self { dts, pts: sample.pts, duration: sample.duration, sync: sample.sync, data: sample.data }
    }
}

/// The least delay with which every picture of `samples` is decoded before it is shown, or the one
/// the encoder itself used: it knows how deep it may reorder later.
fn delay(samples: &[Sample], shown: &[i64], timescale: u32) -> i64 {
    let needed = samples.iter().zip(shown).map(|(sample, rank)| rank.saturating_sub(sample.pts)).max().unwrap_or(0);
    let used = samples.first().map_or(0, |first| first.pts.saturating_sub(first.dts));
    needed.max(used).clamp(0, i64::from(timescale / DELAY_PARTS))
}

fn distinct(sorted: &[i64]) -> Result<(), CmafError> {
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(CmafError::times("two pictures are shown at the same time", pair[0])),
        None => Ok(()),
    }
}
