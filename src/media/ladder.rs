//! The ladder: the sizes and rates in which a picture is offered, so that every line can carry one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Lines of the largest rung: H.264 has no level for much more (5.2 ends at 36,864 macroblocks).
const TALLEST: u32 = 2160;

/// Bits per second that a rung may have.
const RATES: std::ops::RangeInclusive<u64> = 50_000..=200_000_000;

/// Most rungs of a ladder.
const MOST_RUNGS: usize = 12;

/// The size of a form for slower lines that no step stands for, as a share of the one above it. It has half the bits.
const BELOW: f64 = 2.0 / 3.0;

/// The most bits per second that a form may have are no fewer than this: sound takes more.
const FEWEST: u64 = 100_000;

/// Pixels of a form that no step stands for, across and down, are no fewer than these: encoders in hardware have a least
/// size, the largest of which is NVENC's of 145 across.
const SMALLEST: (u32, u32) = (146, 90);

/// A picture this much smaller, with bits so much fewer, than the next larger form is worth making; one that is
/// nearer is not.
const WORTH_IT: f64 = 0.9;

/// The sizes and rates to offer, largest first, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder(Vec<Step>);

/// A step of the configured ladder: the size is that of a 16:9 picture of so many lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Lines of the picture; of an upright one, pixels across.
    pub lines: u32,
    /// Bits per second at most.
    pub max_bit_rate: u64,
}

/// A form of one film's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Width and height, both even; never above the source.
    pub size: (u32, u32),
    /// Bits per second at most.
    pub max_bit_rate: u64,
}

/// The text is no ladder; says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotALadder(String);

impl Default for Ladder {
    /// What Apple's authoring rules (9.9) and the field at large come to.
    fn default() -> Self {
        let step = |(lines, max_bit_rate)| Step { lines, max_bit_rate };
        let steps = [
            (2160, 16_000_000),
            (1440, 9_000_000),
            (1080, 6_000_000),
            (720, 3_000_000),
            (480, 1_200_000),
            (360, 600_000),
        ];
        Self(steps.map(step).to_vec())
    }
}

impl Ladder {
    /// The forms of a picture of this size, largest first, at least one. `source_rate` are the source's own bits
    /// per second: no form has more than 1.3 times as many, as there is nothing to spend them on.
    pub fn rungs(&self, size: (u32, u32), source_rate: Option<u64>) -> Vec<Rung> {
        let mut rungs: Vec<(f64, Rung)> = Vec::new();
        for (at, step) in self.0.iter().enumerate() {
            let scale = step.scale(size);
            // Of the steps that do not make the picture smaller, the last one is the nearest to it.
            let is_exceeded = scale >= 1.0 && self.0.get(at + 1).is_some_and(|next| next.scale(size) >= 1.0);
            let is_near = rungs.last().is_some_and(|(larger, _)| scale > larger * WORTH_IT);
            if is_exceeded || is_near {
                continue;
            }
            let rung = step.rung(size, scale, source_rate);
            // Capped by the source, one may have as many bits as the next larger one, and a line carries both or none.
            let is_lighter = rungs.last().is_none_or(|(_, above)| rung.is_lighter_than(above.max_bit_rate));
            if is_lighter {
                rungs.push((scale.min(1.0), rung));
            }
        }
        rungs.into_iter().map(|(_, rung)| rung).collect()
    }

    /// Whether it leaves a choice. One step alone is what its owner wants, and nothing is added to it.
    pub fn is_choice(&self) -> bool {
        self.0.len() > 1
    }
}

impl Rung {
    /// The form for slower lines of a picture that the ladder has this one for and no other, as several are wanted
    /// (A 9.9); `None` where there would be too little of it.
    pub fn below(self) -> Option<Self> {
        let shrink = |length: u32| (f64::from(length) * BELOW / 2.0).round() as u32 * 2;
        let (width, height) = self.size;
        let rung = Self { size: (shrink(width), shrink(height)), max_bit_rate: self.max_bit_rate / 2 };
        let is_worth_it = rung.max_bit_rate >= FEWEST && rung.size.0 >= SMALLEST.0 && rung.size.1 >= SMALLEST.1;
        is_worth_it.then_some(rung)
    }

    /// Whether it needs clearly fewer bits per second than this.
    pub fn is_lighter_than(&self, bit_rate: u64) -> bool {
        self.max_bit_rate as f64 <= bit_rate as f64 * WORTH_IT
    }
}

impl Step {
    /// By how much the picture is to be multiplied to fit.
    fn scale(self, (width, height): (u32, u32)) -> f64 {
        let (across, down) = (f64::from(self.lines) * 16.0 / 9.0, f64::from(self.lines));
        let (long, short) = (f64::from(width.max(height)), f64::from(width.min(height)));
        (across / long).min(down / short)
    }

    fn rung(self, (width, height): (u32, u32), scale: f64, source_rate: Option<u64>) -> Rung {
        let shrink = |length: u32| ((f64::from(length) * scale.min(1.0) / 2.0).round() * 2.0).max(16.0) as u32;
        // A picture that is smaller than the step needs fewer bits, though not in proportion.
        let spare = (1.0 / scale.max(1.0)).powf(1.5);
        let most = source_rate.map_or(f64::INFINITY, |rate| rate as f64 * 1.3);
        let max_bit_rate = (self.max_bit_rate as f64 * spare).min(most).max(FEWEST as f64) as u64;
        Rung { size: (shrink(width), shrink(height)), max_bit_rate }
    }
}

impl FromStr for Ladder {
    type Err = NotALadder;
    /// Reads `1080p:6M,720p:3M`: lines and bits per second (`k`, `M`) of each step, in any order.
    fn from_str(text: &str) -> Result<Self, NotALadder> {
        let mut steps = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let step = step(word).ok_or_else(|| NotALadder(format!("{word:?} is not a step like 720p:3M")))?;
            if steps.iter().any(|known: &Step| known.lines == step.lines) {
                return Err(NotALadder(format!("{}p is there twice", step.lines)));
            }
            steps.push(step);
        }
        if steps.is_empty() || steps.len() > MOST_RUNGS {
            return Err(NotALadder(format!("it has {} steps and not 1 to {MOST_RUNGS}", steps.len())));
        }
        steps.sort_by_key(|step| std::cmp::Reverse(step.lines));
        if let Some(pair) = steps.windows(2).find(|pair| pair[0].max_bit_rate <= pair[1].max_bit_rate) {
            return Err(NotALadder(format!("{}p has no more bits than {}p", pair[0].lines, pair[1].lines)));
        }
        Ok(Self(steps))
    }
}

fn step(word: &str) -> Option<Step> {
    let (lines, rate) = word.split_once(':')?;
    let lines: u32 = lines.trim().strip_suffix('p')?.parse().ok()?;
    let rate = rate.trim();
    let (number, unit) = match rate.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => (rate.strip_suffix('M').unwrap_or(rate), if rate.ends_with('M') { 1e6 } else { 1.0 }),
    };
    let rate: f64 = number.parse().ok()?;
    let max_bit_rate = (rate * unit).round() as u64;
    let fits = (16..=TALLEST).contains(&lines) && RATES.contains(&max_bit_rate);
    fits.then_some(Step { lines, max_bit_rate })
}

impl fmt::Display for Ladder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Step { lines, max_bit_rate }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match max_bit_rate {
                rate if rate % 1_000_000 == 0 => write!(out, "{comma}{lines}p:{}M", rate / 1_000_000)?,
                rate if rate % 1000 == 0 => write!(out, "{comma}{lines}p:{}k", rate / 1000)?,
                rate => write!(out, "{comma}{lines}p:{rate}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(size: (u32, u32)) -> Vec<(u32, u32)> {
        Ladder::default().rungs(size, None).into_iter().map(|rung| rung.size).collect()
    }

    #[test]
    fn a_picture_is_never_made_larger() {
        assert_eq!(sizes((1920, 1080)), [(1920, 1080), (1280, 720), (854, 480), (640, 360)]);
        assert_eq!(sizes((640, 360)), [(640, 360)]);
        assert_eq!(sizes((320, 180)), [(320, 180)]);
        assert_eq!(sizes((7680, 4320))[0], (3840, 2160));
    }

    #[test]
    fn a_wide_film_an_upright_one_and_an_odd_size_keep_their_shape() {
        assert_eq!(sizes((1920, 800)), [(1920, 800), (1280, 534), (854, 356), (640, 266)]);
        assert_eq!(sizes((1080, 1920)), [(1080, 1920), (720, 1280), (480, 854), (360, 640)]);
        assert_eq!(sizes((1440, 1080)), [(1440, 1080), (960, 720), (640, 480), (480, 360)]);
        assert_eq!(sizes((1000, 562)), [(1000, 562), (854, 480), (640, 360)]);
    }

    #[test]
    fn a_form_that_differs_by_little_is_left_out() {
        assert_eq!(sizes((900, 506)), [(900, 506), (640, 360)]);
    }

    #[test]
    fn bits_follow_the_step_the_size_and_the_source() {
        let rates = |size, source| -> Vec<u64> {
            Ladder::default().rungs(size, source).into_iter().map(|rung| rung.max_bit_rate).collect()
        };
        assert_eq!(rates((1920, 1080), None), [6_000_000, 3_000_000, 1_200_000, 600_000]);
        assert_eq!(rates((1920, 1080), Some(2_000_000)), [2_600_000, 1_200_000, 600_000], "720p would have as many");
        let small = rates((320, 180), None)[0];
        assert!((200_000..220_000).contains(&small), "{small}");
        assert_eq!(rates((16, 16), Some(1)), [100_000]);
    }

    #[test]
    fn a_form_that_is_alone_has_one_below_it() {
        let below = |size, max_bit_rate| Rung { size, max_bit_rate }.below().map(|rung| (rung.size, rung.max_bit_rate));
        let table = [
            ("the smallest step", (640, 360), 600_000, Some(((426, 240), 300_000))),
            ("an upright one", (360, 640), 600_000, Some(((240, 426), 300_000))),
            ("a large picture with few bits", (1920, 1080), 300_000, Some(((1280, 720), 150_000))),
            ("an odd size", (641, 271), 600_000, Some(((428, 180), 300_000))),
            ("the fewest bits that are halved", (320, 180), 200_000, Some(((214, 120), 100_000))),
            ("fewer bits", (320, 180), 199_999, None),
            ("the fewest lines that are left", (4000, 134), 600_000, Some(((2666, 90), 300_000))),
            ("fewer lines", (4000, 132), 600_000, None),
            ("the narrowest that is left", (219, 400), 600_000, Some(((146, 266), 300_000))),
            ("a narrower one", (216, 384), 600_000, None),
            ("an icon", (64, 36), 1_000_000, None),
            ("nothing", (0, 0), 0, None),
        ];
        for (what, size, max_bit_rate, wanted) in table {
            assert_eq!(below(size, max_bit_rate), wanted, "{what}");
        }
        let is_choice = |text: &str| text.parse::<Ladder>().unwrap().is_choice();
        assert!(Ladder::default().is_choice() && is_choice("720p:3M,360p:600k") && !is_choice("1080p:6M"));
    }

    #[test]
    fn a_ladder_reads_back_from_its_text() {
        let text = "2160p:16M,1440p:9M,1080p:6M,720p:3M,480p:1200k,360p:600k";
        assert_eq!(Ladder::default().to_string(), text);
        assert_eq!("360p:600k, 2160p:16M,1440p:9M,1080p:6M,720p:3M,480p:1.2M".parse(), Ok(Ladder::default()));
        assert_eq!("100p:123456".parse::<Ladder>().map(|ladder| ladder.to_string()), Ok("100p:123456".into()));
    }

    #[test]
    fn what_is_no_ladder_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "0 steps"),
            ("720:3M", "not a step"),
            ("720p", "not a step"),
            ("720p:3G", "not a step"),
            ("720p:NaN", "not a step"),
            ("720p:-1", "not a step"),
            ("8p:1M", "not a step"),
            ("720p:3M,720p:2M", "twice"),
            ("720p:3M,480p:3M", "no more bits"),
        ] {
            let error = text.parse::<Ladder>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
