//! What became of chunks that were brought before anybody asked, and whether it is worth while to bring more.
//!
//! Where memory is small beside what is played, chunks that were brought ahead make room before anybody asks for them,
//! and each was a fetch in vain. So what became of the last ones decides whether more are brought; now and then one is
//! tried all the same, as players change.

use std::sync::{Arc, Mutex, MutexGuard};

/// Chunks in vain that are borne before fewer are brought.
const MOST_CREDIT: u32 = 256;

/// What a chunk earns that was asked for: fetched ahead, it saved somebody a wait, so that three in vain are borne for it.
const EARNED: u32 = 3;

/// One try in so many is made without credit.
const TRIES: u32 = 16;

/// Chunks that were brought before anybody asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AheadStats {
    /// All of them.
    pub brought: u64,
    /// Those that somebody asked for afterwards.
    pub useful: u64,
    /// Those that left the memory, and the disk where they were kept there, before anybody did.
    pub wasted: u64,
}

/// The account of them, kept by the memory and the disk together; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Account>>);

#[derive(Debug, Default)]
struct Account {
    stats: AheadStats,
    worth: Worth,
}

impl Ledger {
    pub(super) fn brought(&self) {
        self.account().stats.brought += 1;
    }

    /// Somebody asked for one.
    pub(super) fn useful(&self) {
        let mut account = self.account();
        account.stats.useful += 1;
        account.worth.proved();
    }

    /// So many made room before anybody asked for them.
    pub(super) fn wasted(&self, chunks: u64) {
        if chunks > 0 {
            let mut account = self.account();
            account.stats.wasted += chunks;
            account.worth.failed(chunks);
        }
    }

    /// So many were thrown away before anybody asked for them, which says nothing of others.
    pub(super) fn thrown_away(&self, chunks: u64) {
        if chunks > 0 {
            self.account().stats.wasted += chunks;
        }
    }

    /// Whether to bring more now.
    pub(super) fn try_again(&self) -> bool {
        self.account().worth.try_again()
    }

    pub(super) fn stats(&self) -> AheadStats {
        self.account().stats
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().expect("to count does not panic")
    }
}

/// What became of them of late.
#[derive(Debug)]
struct Worth {
    credit: u32,
    /// Tries that were not made since the last one.
    left_out: u32,
}

impl Default for Worth {
    /// Nothing is known; it is believed in.
    fn default() -> Self {
        Self { credit: MOST_CREDIT, left_out: 0 }
    }
}

impl Worth {
    /// A chunk was asked for.
    fn proved(&mut self) {
        self.credit = (self.credit + EARNED).min(MOST_CREDIT);
    }

    /// So many chunks made room before anybody asked for them.
    fn failed(&mut self, chunks: u64) {
        self.credit = self.credit.saturating_sub(u32::try_from(chunks).unwrap_or(u32::MAX));
    }

    /// Whether to try it now.
    fn try_again(&mut self) -> bool {
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
        let mut worth = Worth::default();
        for _ in 0..1000 {
            worth.proved();
            worth.failed(3);
            assert!(worth.try_again());
        }
    }

    #[test]
    fn what_is_in_vain_is_tried_seldom_until_it_proves_itself() {
        let mut worth = Worth::default();
        worth.failed(u64::from(MOST_CREDIT) - 1);
        assert!(worth.try_again());
        worth.failed(u64::MAX);
        let tries = (0..10 * TRIES).filter(|_| worth.try_again()).count();
        assert_eq!(tries, 10);
        worth.proved();
        assert!((0..TRIES).all(|_| worth.try_again()));
    }

    #[test]
    fn what_is_thrown_away_says_nothing_of_what_comes() {
        let ledger = Ledger::default();
        ledger.thrown_away(u64::from(MOST_CREDIT) + 1);
        assert_eq!(ledger.stats().wasted, u64::from(MOST_CREDIT) + 1);
        assert!((0..TRIES).all(|_| ledger.try_again()));
    }
}
