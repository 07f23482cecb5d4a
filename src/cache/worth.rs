//! Whether it is worth while to bring what nobody asked for yet.
//!
//! Where memory is small beside what is played, chunks that were brought ahead make room before anybody asks for them,
//! and each was a fetch in vain. So what became of the last ones decides whether more are brought; now and then one is
//! tried all the same, as players change.

/// Chunks in vain that are borne before fewer are brought.
const MOST_CREDIT: u32 = 256;

/// What a chunk earns that was asked for: fetched ahead, it saved somebody a wait, so that three in vain are borne for it.
const EARNED: u32 = 3;

/// One try in so many is made without credit.
const TRIES: u32 = 16;

/// What became of chunks that were brought ahead, of late.
#[derive(Debug)]
pub(super) struct Worth {
    credit: u32,
    /// Tries that were not made since the last one.
    left_out: u32,
}

impl Worth {
    /// Nothing is known; it is believed in.
    pub(super) fn new() -> Self {
        Self { credit: MOST_CREDIT, left_out: 0 }
    }

    /// A chunk was asked for.
    pub(super) fn proved(&mut self) {
        self.credit = (self.credit + EARNED).min(MOST_CREDIT);
    }

    /// So many chunks made room before anybody asked for them.
    pub(super) fn failed(&mut self, chunks: u64) {
        self.credit = self.credit.saturating_sub(u32::try_from(chunks).unwrap_or(u32::MAX));
    }

    /// Whether to try it now.
    pub(super) fn try_again(&mut self) -> bool {
        if self.credit > 0 {
            return true;
        }
        self.left_out = (self.left_out + 1) % TRIES;
        self.left_out == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_while_one_in_four_is_asked_for() {
        let mut worth = Worth::new();
        for _ in 0..1000 {
            worth.proved();
            worth.failed(3);
            assert!(worth.try_again());
        }
    }

    #[test]
    fn what_is_in_vain_is_tried_seldom_until_it_proves_itself() {
        let mut worth = Worth::new();
        worth.failed(u64::from(MOST_CREDIT) - 1);
        assert!(worth.try_again());
        worth.failed(u64::MAX);
        let tries = (0..10 * TRIES).filter(|_| worth.try_again()).count();
        assert_eq!(tries, 10);
        worth.proved();
        assert!((0..TRIES).all(|_| worth.try_again()));
    }
}
