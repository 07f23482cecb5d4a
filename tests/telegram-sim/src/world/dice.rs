//! Trouble by chance: of all requests a share fails, each in one of the ways its kind can fail.
//!
//! The numbers come from a seed, so that two runs roll the same; which request gets which number
//! depends on the order in which they arrive.

use super::fault::{Damage, Ending, Operation};
use std::ops::Range;

/// How often requests fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dice {
    /// Of a hundred requests so many meet trouble; 100 at most.
    pub percent: u8,
    /// Where the numbers begin.
    pub seed: u64,
}

/// What was rolled for a request.
#[derive(Debug)]
pub(crate) enum Roll {
    /// It ends like this.
    Ends(Ending),
    /// Its body is cut off at this part of its length, in 2^64ths.
    Cut(u64),
    /// A byte at this part of its body is wrong.
    Flip(u64),
}

impl Dice {
    /// What happens to the next request; `None` when nothing does.
    pub(crate) fn roll(&mut self, operation: Operation) -> Option<Roll> {
        if self.next() % 100 >= u64::from(self.percent) {
            return None;
        }
        let (way, place) = (self.next() % 4, self.next());
        Some(match (operation, way) {
            (_, 0) => Roll::Ends(Ending::Status(500)),
            (_, 1) => Roll::Ends(Ending::Reset),
            (Operation::Download, 2) => Roll::Cut(place),
            (Operation::Download, _) => Roll::Flip(place),
            (_, 2) => Roll::Ends(Ending::LoseAnswer),
            _ => Roll::Ends(Ending::Status(502)),
        })
    }

    /// Sebastiano Vigna's `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Roll {
    /// What it does to these bytes of a document.
    pub(crate) fn damage(&self, body: &Range<u64>) -> Damage {
        let part = |of: u64| ((u128::from(of) * u128::from(body.end - body.start)) >> 64) as u64;
        match self {
            Self::Ends(_) => Damage::default(),
            Self::Cut(at) => Damage { drop_after: Some(part(*at)), flip_at: None },
            Self::Flip(at) => Damage { flip_at: Some(body.start + part(*at)), drop_after: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_ten_fail_and_in_every_way() {
        let mut dice = Dice { percent: 30, seed: 7 };
        let mut ways = [0; 6];
        for number in 0..10_000 {
            let operation = if number % 2 == 0 { Operation::Download } else { Operation::Send };
            let way = match dice.roll(operation) {
                None => continue,
                Some(Roll::Ends(Ending::Status(500))) => 0,
                Some(Roll::Ends(Ending::Reset)) => 1,
                Some(Roll::Ends(Ending::LoseAnswer)) => 2,
                Some(Roll::Ends(_)) => 3,
                Some(Roll::Cut(_)) => 4,
                Some(Roll::Flip(_)) => 5,
            };
            ways[way] += 1;
        }
        assert!((2_800..3_200).contains(&ways.iter().sum::<u32>()), "{ways:?}");
        assert!(ways.iter().all(|times| *times > 300), "{ways:?}");
    }

    #[test]
    fn damage_lies_within_the_body() {
        for place in [0, 1, u64::MAX / 2, u64::MAX] {
            let flip = Roll::Flip(place).damage(&(100..200)).flip_at.unwrap();
            let cut = Roll::Cut(place).damage(&(100..200)).drop_after.unwrap();
            assert!((100..200).contains(&flip) && cut < 100, "{place}: {flip}, {cut}");
        }
    }
}
