//! What may run of films at the same time: encodes of pictures, encodes of sounds, and copies, each in a lane of its own.
//!
//! ffmpeg uses all cores by itself, so few encode at a time; of pictures one film after the other gets a turn of one
//! span, so that none waits for the whole of another. The first seconds of films that cannot be played yet go before
//! everything else, and each lane keeps one slot for them alone. Sounds and copies are made in one piece: who began in
//! that slot goes on in it until other first seconds come, and then gives way.

use crate::media::plan::Turn;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

#[cfg(test)]
mod tests;

/// Films that are copied at the same time, whether by ffmpeg or by their own lists: a disk is no faster with more.
const COPIES: usize = 3;

/// What may run at the same time. Clones share it.
#[derive(Clone)]
pub struct Slots {
    pictures: Arc<Line>,
    sounds: Arc<Line>,
    copies: Arc<Line>,
}

/// What is done in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Pictures,
    Sounds,
    Copies,
}

/// How much of a film is wanted of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The first seconds of one that cannot be played without them.
    Opening,
    /// The same of one whose first span is so long that it would hold up those of others.
    LongOpening,
    /// Everything else.
    Rest,
}

/// The order of those who wait, the least first: films that cannot be played yet, then what browsers wait for, then what
/// a person put first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    need: Need,
    turn: Turn,
    priority: Reverse<i8>,
}

/// The right to run, until it is dropped.
pub(super) struct Slot {
    line: Arc<Line>,
    /// Whether it is the one that is kept for openings.
    is_spare: bool,
}

/// By rank, and then who came first.
type Place = (Rank, u64);

/// The slots of a lane, and who waits for them.
struct Line {
    /// How many there are, without the spare one.
    slots: usize,
    state: Mutex<State>,
    /// A slot became free, or somebody waits.
    changed: Notify,
}

struct State {
    /// Slots that nobody holds, without the spare one; above zero only while nobody waits.
    free: usize,
    /// Whether nobody holds the spare one; only while no opening waits.
    has_spare: bool,
    next_ticket: u64,
    waiting: BTreeMap<Place, oneshot::Sender<Slot>>,
}

impl Slots {
    /// So many encodes of pictures at a time and as many of sounds, at least 1.
    pub fn new(encodes: usize) -> Self {
        let [pictures, sounds, copies] = [encodes.max(1), encodes.max(1), COPIES].map(Line::new);
        Self { pictures, sounds, copies }
    }

    /// In how many something runs at most.
    pub fn count(&self) -> usize {
        [&self.pictures, &self.sounds, &self.copies].iter().map(|line| line.slots + 1).sum()
    }

    /// Waits for a slot. Whoever stops waiting loses the place and nothing else.
    pub(super) async fn take(&self, lane: Lane, rank: Rank) -> Slot {
        let line = match lane {
            Lane::Pictures => &self.pictures,
            Lane::Sounds => &self.sounds,
            Lane::Copies => &self.copies,
        };
        let mine = {
            let mut state = line.state();
            if let Some(is_spare) = state.free_slot(rank.need) {
                return Slot { line: line.clone(), is_spare };
            }
            let (sender, receiver) = oneshot::channel();
            let place = (rank, state.next_ticket);
            state.next_ticket += 1;
            state.waiting.insert(place, sender);
            receiver
        };
        line.changed.notify_waiters();
        mine.await.expect("who waits is dropped from the line only when a slot is handed over")
    }
}

impl Rank {
    pub(super) fn new(need: Need, turn: Turn, priority: i8) -> Self {
        Self { need, turn, priority: Reverse(priority) }
    }
}

impl Line {
    fn new(slots: usize) -> Arc<Self> {
        let state = State { free: slots, has_spare: true, next_ticket: 0, waiting: BTreeMap::new() };
        Arc::new(Self { slots, state: Mutex::new(state), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding it")
    }
}

impl State {
    /// Takes a slot that nobody holds, and answers whether it is the spare one.
    fn free_slot(&mut self, need: Need) -> Option<bool> {
        if self.free > 0 {
            self.free -= 1;
            return Some(false);
        }
        let is_mine = need == Need::Opening && self.has_spare;
        self.has_spare &= !is_mine;
        is_mine.then_some(true)
    }

    /// Whether somebody waits whom the spare slot is for.
    fn has_opening(&mut self) -> bool {
        while let Some(first) = self.waiting.first_entry() {
            if !first.get().is_closed() {
                return first.key().0.need == Need::Opening;
            }
            first.remove();
        }
        false
    }
}

impl Slot {
    /// Returns when the slot is wanted for the first seconds of another film: never, unless it is the spare one, and
    /// never again once there was another for its holder.
    pub(super) async fn wanted(&mut self) {
        let line = Arc::clone(&self.line);
        loop {
            let mut changed = std::pin::pin!(line.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if self.is_wanted() {
                return;
            }
            changed.await;
        }
    }

    fn is_wanted(&mut self) -> bool {
        let mut state = self.line.state();
        if self.is_spare && state.free > 0 {
            // Nobody waits while one is free.
            state.free -= 1;
            state.has_spare = true;
            self.is_spare = false;
        }
        self.is_spare && state.has_opening()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let next = {
            let mut state = self.line.state();
            let is_for = |place: &Place| !self.is_spare || place.0.need == Need::Opening;
            let next = state.waiting.first_entry().filter(|first| is_for(first.key())).map(|first| first.remove());
            match (&next, self.is_spare) {
                (Some(_), _) => {}
                (None, true) => state.has_spare = true,
                (None, false) => state.free += 1,
            }
            next
        };
        match next {
            // One who has left does not take it: it comes back here at once, for the next in line.
            Some(waiting) => drop(waiting.send(Self { line: self.line.clone(), is_spare: self.is_spare })),
            None => self.line.changed.notify_waiters(),
        }
    }
}
