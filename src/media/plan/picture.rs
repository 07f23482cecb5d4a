//! The forms of a picture: copied where players take it as it is, and the rungs of the ladder.

use super::copied::{copyable, densest};
use super::{Cut, Encoding, PLAN_TIMESCALE, Policy, Turn, VideoAction, VideoPlan, name_of};
use crate::media::ladder::Rung;
use crate::media::probe::{Packet, Probe, Ratio, VideoStream};
use crate::media::rendition::VideoRange;
use crate::media::segment::longest;
use crate::media::span::Frames;

/// Pictures per second beyond which every second one is dropped (Apple authoring rule 1.13).
const HIGHEST_RATE: f64 = 61.0;

/// Pictures per second that no film has more of.
const FASTEST: f64 = 240.0;

/// Lines of the form that is encoded before the others: it looks well and is soon there.
const FIRST_LINES: u32 = 720;

/// A copied picture with this many times the bits of the ladder's step is offered in its own size once more.
const HEAVY: u64 = 2;

/// Everything planned for the picture.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub(super) forms: Vec<VideoPlan>,
    pub(super) encoding: Option<Encoding>,
    /// Seconds of the longest segment of any form.
    pub(super) longest_s: f64,
}

/// Plans every form of the picture.
pub(super) fn forms(probe: &Probe, stream: &VideoStream, packets: &[Packet], policy: &Policy) -> Pictures {
    let copied = policy.copies(probe).and_then(|()| copied(probe, stream, packets, policy.cut()));
    let frames = Frames::of(packets, stream.time_base.value());
    let rungs = policy.ladder.rungs(stream.display_size(), source_rate(probe, stream));
    let (copied, why) = match copied {
        Ok(copied) => (Some(copied), String::new()),
        Err(why) => (None, why),
    };
    let is_copied = copied.is_some();
    let wanted = wanted(stream, rungs, copied.as_ref().map(|(copied, _)| copied), policy.adaptive);
    let (mut forms, mut longest_s) = copied.map_or((Vec::new(), 0.0), |(form, longest)| (vec![form], longest));
    let encoder = Encoder::of(probe, stream, &frames);
    let first = first_of(&wanted);
    for (at, rung) in wanted.iter().enumerate() {
        let why = match (is_copied, at) {
            (false, at) if at == 0 || at == first => why.clone(),
            (true, 0) if stream.codec != "h264" => "H.264 plays where the source does not".to_owned(),
            _ => "for slower lines".to_owned(),
        };
        let turn = if !is_copied && at == first { Turn::First } else { Turn::Later };
        forms.push(encoder.form(*rung, turn, why));
    }
    let encoding =
        (!wanted.is_empty()).then(|| Encoding { fixed_rate: encoder.fixed_rate, spans: frames.spans(probe.start_s) });
    if encoding.is_some() {
        // A key frame comes every 2 s, at the first picture from then on.
        let gop = 2.0 + frames.longest_gap();
        longest_s = longest_s.max(gop).max(f64::from(policy.segment_s) + frames.longest_gap().min(0.49));
    }
    Pictures { forms, encoding, longest_s }
}

/// The rungs that are made, largest first.
fn wanted(stream: &VideoStream, rungs: Vec<Rung>, copied: Option<&VideoPlan>, adaptive: bool) -> Vec<Rung> {
    let Some(copied) = copied else {
        return rungs.into_iter().take(if adaptive { usize::MAX } else { 1 }).collect();
    };
    let is_wanted = |rung: &Rung| {
        let is_smaller = rung.size.0 < copied.size.0 || rung.size.1 < copied.size.1;
        let is_heavy = copied.planned_bandwidth > rung.max_bit_rate * HEAVY;
        adaptive && (is_smaller || is_heavy)
    };
    let mut rungs = rungs.into_iter();
    let largest = rungs.next().filter(|rung| is_wanted(rung) || stream.codec != "h264");
    largest.into_iter().chain(rungs.filter(|_| adaptive)).collect()
}

/// The rung that is made first, so that there is soon something to watch.
fn first_of(rungs: &[Rung]) -> usize {
    let is_quick = |rung: &Rung| rung.size.0.min(rung.size.1) <= FIRST_LINES;
    rungs.iter().position(is_quick).unwrap_or(rungs.len().saturating_sub(1))
}

/// The picture bit for bit, and the seconds of its longest segment; or why that cannot be.
pub(super) fn copied(
    probe: &Probe,
    stream: &VideoStream,
    packets: &[Packet],
    cut: Cut,
) -> Result<(VideoPlan, f64), String> {
    let gops = copyable(stream, packets)?;
    let rule = cut.rule(PLAN_TIMESCALE);
    let frames = Frames::of(packets, stream.time_base.value());
    let form = VideoPlan {
        index: stream.index,
        turn: Turn::First,
        action: VideoAction::Copy,
        why: format!("{} plays as it is", name_of(&stream.codec)),
        size: stream.display_size(),
        frame_rate_milli: (highest_rate(stream) * 1000.0).round() as u32,
        planned_bandwidth: densest(&gops, rule).max(1),
        range: match stream.transfer.as_deref() {
            Some("smpte2084") => Some(VideoRange::Pq),
            Some("arib-std-b67") => Some(VideoRange::Hlg),
            _ => None,
        },
        end_s: frames.end_s().map(|end| end - probe.start_s),
    };
    Ok((form, longest(gops.into_iter(), rule) as f64 / f64::from(PLAN_TIMESCALE)))
}

/// What all encoded forms of a picture have in common.
struct Encoder {
    index: u32,
    shown_rate: f64,
    fixed_rate: Option<Ratio>,
    end_s: Option<f64>,
}

impl Encoder {
    fn of(probe: &Probe, stream: &VideoStream, frames: &Frames) -> Self {
        let rate = highest_rate(stream);
        let halved = rate > HIGHEST_RATE;
        let half = |rate: Ratio| Ratio { den: rate.den.saturating_mul(2), ..rate };
        Self {
            index: stream.index,
            shown_rate: if halved { rate / 2.0 } else { rate },
            fixed_rate: believable(stream).next().filter(|_| halved).map(half),
            end_s: frames.end_s().map(|end| end - probe.start_s),
        }
    }

    fn form(&self, rung: Rung, turn: Turn, why: String) -> VideoPlan {
        VideoPlan {
            index: self.index,
            turn,
            action: VideoAction::Encode { max_bit_rate: rung.max_bit_rate },
            why,
            size: rung.size,
            frame_rate_milli: (self.shown_rate * 1000.0).round() as u32,
            planned_bandwidth: rung.max_bit_rate * 4 / 3,
            range: None,
            end_s: self.end_s,
        }
    }
}

/// The highest rate a stream can show.
fn highest_rate(stream: &VideoStream) -> f64 {
    believable(stream).map(Ratio::value).reduce(f64::max).unwrap_or(25.0)
}

/// The average rate and the base rate, as far as they make sense: containers with a fine clock report absurd ones.
fn believable(stream: &VideoStream) -> impl Iterator<Item = Ratio> {
    let rates = [stream.average_rate, stream.frame_rate].into_iter().flatten();
    rates.filter(|rate| rate.value() > 0.0 && rate.value() <= FASTEST)
}

/// The picture's bits per second: its own, or what the file has beside its sound.
fn source_rate(probe: &Probe, stream: &VideoStream) -> Option<u64> {
    stream.bit_rate.or_else(|| {
        let seconds = probe.duration_s.filter(|seconds| *seconds > 0.0)?;
        let sound: u64 = probe.audio.iter().filter_map(|track| track.bit_rate).sum();
        Some(((probe.bytes as f64 * 8.0 / seconds) as u64).saturating_sub(sound).max(1))
    })
}
