//! The forms of a picture: copied where players take it as it is, and the rungs of the ladder.

use super::copied::{copyable, densest};
use super::reach::{Reach, SLACK_S, TAIL_S};
use super::{Cut, Encoding, PLAN_TIMESCALE, Policy, Turn, VideoAction, VideoPlan, name_of};
use crate::media::ladder::Rung;
use crate::media::probe::{Packet, Probe, Ratio, VideoStream};
use crate::media::rendition::VideoRange;
use crate::media::segment::segments;
use crate::media::span::{Frames, Joints, LEAST_GAP, LONGEST_SHOWN};

/// Pictures per second beyond which some are dropped (Apple authoring rule 1.13), …
const HIGHEST_RATE: f64 = 61.0;

/// … to no more than this.
const SMOOTH: f64 = 60.1;

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
    /// Seconds of the file from which on the first picture is shown, if not from its own time on.
    pub(super) from_s: Option<f64>,
    /// Seconds of the file at which the last picture ends; `None` when unknown.
    pub(super) until_s: Option<f64>,
}

/// Plans every form of the picture.
pub(super) fn forms(
    probe: &Probe,
    stream: &VideoStream,
    (packets, frames): (&[Packet], &Frames),
    policy: &Policy,
) -> Pictures {
    let copied = policy.copies(probe).and_then(|()| copied(probe, stream, packets, policy.cut()));
    let bits = source_rate(probe, stream);
    let rungs = policy.ladder.rungs(stream.display_size(), bits);
    let (copied, why) = match copied {
        Ok(copied) => (Some(copied), String::new()),
        Err(why) => (None, why),
    };
    let is_copied = copied.is_some();
    let above = copied.as_ref().map(|it| (&it.form, bits.unwrap_or(0).max(it.form.planned_bandwidth)));
    let wanted = wanted(stream, rungs, above, policy);
    let (mut forms, mut longest_s, cuts_s) =
        copied.map_or_else(Default::default, |copied| (vec![copied.form], copied.longest_s, copied.cuts_s));
    let reach = Reach::of(probe, frames);
    // All forms end together; a copy ends where it ends.
    let until_s = if reach.tail_s() > SLACK_S && !is_copied { reach.sound_s } else { reach.picture_s };
    // And all begin together.
    let from_s = reach.early_s(is_copied);
    let encoder =
        Encoder { pace: Pace::of(stream, frames), index: stream.index, end_s: until_s.map(|end| end - probe.start_s) };
    let first = first_of(&wanted);
    for (at, rung) in wanted.iter().enumerate() {
        let why = match is_copied {
            false if at == 0 || at == first => why.clone(),
            true if stream.codec != "h264" && (at == 0 || at == first) => {
                "H.264 plays where the source does not".to_owned()
            }
            _ => "for slower lines".to_owned(),
        };
        let turn = match is_copied {
            false if at == first => Turn::First,
            true if at == first && stream.codec != "h264" => Turn::Next,
            _ => Turn::Later,
        };
        forms.push(encoder.form(*rung, turn, why));
    }
    let frames = &frames.clone().cut_at(cuts_s);
    let encoding = (!wanted.is_empty()).then(|| encoding(probe, frames, encoder.pace, (from_s, until_s)));
    if let Some(encoding) = &encoding {
        if let (Some(_), Some(rate)) = (encoding.hold_s, frames.highest_filled_rate()) {
            let is_encoded = |form: &&mut VideoPlan| form.action != VideoAction::Copy;
            forms.iter_mut().filter(is_encoded).for_each(|form| form.is_as_fast_as(rate));
        }
        let gap = frames.longest_gap();
        let lead = from_s.map_or(0.0, |_| reach.lead_s().min(LONGEST_SHOWN));
        let gap = if encoding.hold_s.is_some() { gap.min(LONGEST_SHOWN) } else { gap };
        // A key frame comes every 2 s, at the first picture from then on.
        longest_s = longest_s.max(2.0 + lead + gap).max(f64::from(policy.segment_s) + gap.min(0.49));
    }
    Pictures { forms, encoding, longest_s, from_s, until_s }
}

/// How all encoded forms are made.
fn encoding(probe: &Probe, frames: &Frames, pace: Pace, (from_s, until_s): (Option<f64>, Option<f64>)) -> Encoding {
    let last_s = until_s.zip(frames.last_s()).map_or(0.0, |(until, last)| until - last);
    let lead_s = from_s.zip(frames.first_s()).map_or(0.0, |(from, first)| first - from);
    let held_from_s = from_s.filter(|_| lead_s > LONGEST_SHOWN);
    let is_filled = frames.longest_gap().max(last_s).max(lead_s) > LONGEST_SHOWN;
    let least_gap_s = pace.least_gap_s;
    let spans = frames.spans(probe.start_s, Joints { least_gap_s, from_s, until_s, is_filled });
    // Where pictures are repeated, the encoder's first one is not the film's, from which it counts.
    let cuts = if is_filled { Vec::new() } else { frames.cut_ticks(probe.start_s) };
    let (hold_s, first_s) = (is_filled.then_some(last_s), frames.first_s());
    Encoding { least_gap_s, hold_s, held_from_s, cuts, first_s, spans }
}

/// The forms that are made, largest first, below what is `copied`, if it is, with so many bits per second. Where every
/// browser would have one form only, there is another one for slower lines.
fn wanted(stream: &VideoStream, rungs: Vec<Rung>, copied: Option<(&VideoPlan, u64)>, policy: &Policy) -> Vec<Rung> {
    let largest = rungs.first().copied();
    let mut wanted = stepped(stream, rungs, copied, policy.adaptive);
    let is_played = copied.is_some() && stream.codec == "h264";
    if policy.adaptive && policy.ladder.is_choice() && usize::from(is_played) + wanted.len() == 1 {
        wanted.extend(largest.and_then(Rung::below));
    }
    wanted
}

/// Those of them that the ladder has steps for.
fn stepped(stream: &VideoStream, rungs: Vec<Rung>, copied: Option<(&VideoPlan, u64)>, adaptive: bool) -> Vec<Rung> {
    let Some((copied, bits)) = copied else {
        return rungs.into_iter().take(if adaptive { usize::MAX } else { 1 }).collect();
    };
    let is_wanted = |rung: &Rung| {
        let is_smaller = rung.size.0 < copied.size.0 || rung.size.1 < copied.size.1;
        let is_heavy = copied.planned_bandwidth > rung.max_bit_rate * HEAVY;
        adaptive && (is_smaller || is_heavy)
    };
    let mut rungs = rungs.into_iter();
    let largest = rungs.next().filter(|rung| is_wanted(rung) || stream.codec != "h264");
    // Of what is copied and plays everywhere, smaller forms are worth it only where they are lighter, too.
    let is_lighter = |rung: &Rung| stream.codec != "h264" || rung.is_lighter_than(bits);
    largest.into_iter().chain(rungs.filter(|rung| adaptive && is_lighter(rung))).collect()
}

/// The rung that is made first, so that there is soon something to watch.
fn first_of(rungs: &[Rung]) -> usize {
    let is_quick = |rung: &Rung| rung.size.0.min(rung.size.1) <= FIRST_LINES;
    rungs.iter().position(is_quick).unwrap_or(rungs.len().saturating_sub(1))
}

/// A picture that is copied.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) form: VideoPlan,
    /// Seconds of its longest segment.
    pub(super) longest_s: f64,
    /// Seconds of the file at which its segments begin, but the first.
    cuts_s: Vec<f64>,
}

impl Copied {
    /// Where its segments begin, but the first, as `Encoding` has it.
    pub(super) fn cuts(&self, probe: &Probe, stream: &VideoStream, packets: &[Packet]) -> Vec<i64> {
        Frames::of(packets, stream.time_base.value()).cut_at(self.cuts_s.clone()).cut_ticks(probe.start_s)
    }
}

/// The picture bit for bit; or why that cannot be.
pub(super) fn copied(probe: &Probe, stream: &VideoStream, packets: &[Packet], cut: Cut) -> Result<Copied, String> {
    let mut gops = copyable(stream, packets)?;
    let rule = cut.rule(PLAN_TIMESCALE);
    let frames = Frames::of(packets, stream.time_base.value());
    let reach = Reach::of(probe, &frames);
    if reach.tail_s() > TAIL_S {
        return Err("its sound goes on after the last picture".into());
    }
    if reach.lead_s() > TAIL_S {
        return Err("its sound begins long before the first picture".into());
    }
    let pace = Pace::of(stream, &frames);
    if pace.usual > HIGHEST_RATE {
        return Err("it has more than 60 pictures a second, which players are not asked to show".into());
    }
    let from_s = reach.early_s(true);
    if let (Some(first), Some(_)) = (gops.first_mut(), from_s) {
        first.duration += (reach.lead_s() * f64::from(PLAN_TIMESCALE)) as u64;
    }
    let segments = segments(&gops, rule);
    let form = VideoPlan {
        index: stream.index,
        turn: Turn::First,
        action: VideoAction::Copy,
        why: format!("{} plays as it is", name_of(&stream.codec)),
        size: stream.shown_size(),
        frame_rate_milli: (pace.highest * 1000.0).round() as u32,
        planned_bandwidth: densest(&gops, rule).max(1),
        range: match stream.transfer.as_deref() {
            Some("smpte2084") => Some(VideoRange::Pq),
            Some("arib-std-b67") => Some(VideoRange::Hlg),
            _ => None,
        },
        from_s: from_s.map(|from| from - probe.start_s),
        end_s: frames.end_s().map(|end| end - probe.start_s),
    };
    let longest = segments.iter().map(|(_, segment)| segment.duration).max().unwrap_or(0);
    let begins = begins(packets, stream.time_base.value());
    let mut cuts_s: Vec<f64> = segments.iter().skip(1).filter_map(|(first, _)| begins.get(*first).copied()).collect();
    // Others are not cut as a copy that is cut more than once a second, nor as one that begins with pictures which lean on
    // what is not there: decoders drop them, and an encoder counts from the first that it is given.
    let leans = packets.first().and_then(|first| first.pts) > shown_first(packets);
    if leans || cuts_s.len() as f64 > frames.end_s().unwrap_or(0.0) - probe.start_s {
        cuts_s.clear();
    }
    Ok(Copied { form, longest_s: longest as f64 / f64::from(PLAN_TIMESCALE), cuts_s })
}

/// The second at which each group's first picture is shown: in open groups that is not the key frame.
fn begins(packets: &[Packet], time_base: f64) -> Vec<f64> {
    let groups = packets.chunk_by(|_, next| !next.key);
    groups.filter_map(|group| Some(shown_first(group)? as f64 * time_base)).collect()
}

fn shown_first(packets: &[Packet]) -> Option<i64> {
    packets.iter().filter_map(|packet| packet.pts).min()
}

/// What all encoded forms of a picture have in common.
struct Encoder {
    index: u32,
    pace: Pace,
    end_s: Option<f64>,
}

/// How fast pictures follow each other.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Pictures per second where the source has most of them.
    highest: f64,
    /// The same where pictures come as they mostly do.
    usual: f64,
    /// The most of them in what is encoded.
    encoded: f64,
    /// Pictures nearer to the one before them are dropped, so that no more than 60 a second are left, and none is shown
    /// at the time of another.
    least_gap_s: Option<f64>,
}

impl Pace {
    /// What the container says, where all pictures are even; else what the packets' times say.
    fn of(stream: &VideoStream, frames: &Frames) -> Self {
        let even = even_rate(stream, frames);
        let highest = even.or_else(|| frames.highest_rate()).unwrap_or(25.0);
        let usual = even.or_else(|| frames.median_gap().map(|gap| 1.0 / gap)).unwrap_or(highest);
        if usual <= HIGHEST_RATE {
            let least_gap_s = frames.may_be_doubled().then_some(LEAST_GAP);
            return Self { highest, usual, encoded: highest, least_gap_s };
        }
        let of_how_many = (usual / SMOOTH).ceil();
        // A quarter less, as time stamps are rounded.
        let least_gap_s = (of_how_many - 0.25) / usual;
        let thinned = || frames.thinned(least_gap_s).highest_rate().unwrap_or(usual / of_how_many);
        let encoded = even.map_or_else(thinned, |rate| rate / of_how_many);
        Self { highest, usual, encoded, least_gap_s: Some(least_gap_s) }
    }
}

/// The rate of pictures that come at even times: the average and the base rate agree, and the packets with them.
/// Containers with a fine clock report absurd ones.
fn even_rate(stream: &VideoStream, frames: &Frames) -> Option<f64> {
    let believable = |rate: Option<Ratio>| rate.map(Ratio::value).filter(|rate| *rate > 0.0 && *rate <= FASTEST);
    let (average, base) = (believable(stream.average_rate)?, believable(stream.frame_rate)?);
    let is_near = (average / base - 1.0).abs() < 0.01;
    // There may be more packets than pictures, as fields have some of their own.
    let is_seen = frames.median_gap().is_none_or(|gap| 1.0 / gap > base * 0.9);
    (is_near && is_seen).then_some(base)
}

impl Encoder {
    fn form(&self, rung: Rung, turn: Turn, why: String) -> VideoPlan {
        VideoPlan {
            index: self.index,
            turn,
            action: VideoAction::Encode { max_bit_rate: rung.max_bit_rate },
            why,
            size: rung.size,
            frame_rate_milli: (self.pace.encoded * 1000.0).round() as u32,
            planned_bandwidth: rung.max_bit_rate * 4 / 3,
            range: None,
            from_s: None,
            end_s: self.end_s,
        }
    }
}

impl VideoPlan {
    /// Pictures come at this rate, too.
    fn is_as_fast_as(&mut self, rate: f64) {
        self.frame_rate_milli = self.frame_rate_milli.max((rate * 1000.0).round() as u32);
    }
}

/// The picture's bits per second: its own, or what the file has beside its sound.
fn source_rate(probe: &Probe, stream: &VideoStream) -> Option<u64> {
    stream.bit_rate.or_else(|| {
        let seconds = probe.duration_s.filter(|seconds| *seconds > 0.0)?;
        let sound: u64 = probe.audio.iter().filter_map(|track| track.bit_rate).sum();
        Some(((probe.bytes as f64 * 8.0 / seconds) as u64).saturating_sub(sound).max(1))
    })
}
