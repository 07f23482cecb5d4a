//! How many connections there are, and who makes way when there are too many.
//!
//! Whoever waits for a request (nothing sent yet, or between two of them) can be closed at any time and comes back
//! by itself (RFC 9112, 9.5). So at the bound the one that waits longest makes way for the newcomer, and nobody hangs in
//! the system's queue. Only when every connection has a request under way is a newcomer turned away, with an answer.

use futures::task::AtomicWaker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

/// Where a connection is told that it makes way.
#[derive(Debug, Default)]
pub(super) struct Seat {
    is_given_away: AtomicBool,
    waker: AtomicWaker,
}

impl Seat {
    /// Whether the connection has to make way; else `waker` hears of it.
    pub(super) fn is_given_away(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.is_given_away.load(Ordering::Acquire)
    }
}

/// A place in the order of those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn(u64);

/// How a newcomer is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    /// There is room.
    Free,
    /// The one that waited longest makes way.
    InPlaceOfAnother,
    /// There is no room: it gets an answer that says so.
    Crowded,
}

/// All connections of the server.
#[derive(Debug)]
pub(super) struct Door {
    most: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    open: usize,
    next: u64,
    waiting: BTreeMap<u64, Arc<Seat>>,
}

impl Door {
    pub(super) fn new(most: usize) -> Self {
        Self { most, inside: Mutex::default() }
    }

    /// One more connection, which waits for its first request.
    pub(super) fn enter(&self, seat: &Arc<Seat>) -> (Turn, Welcome) {
        let mut inside = self.inside();
        inside.open += 1;
        let welcome = match (inside.open > self.most).then(|| inside.waiting.pop_first()) {
            None => Welcome::Free,
            Some(None) => Welcome::Crowded,
            Some(Some((_, seat))) => {
                seat.is_given_away.store(true, Ordering::Release);
                seat.waker.wake();
                Welcome::InPlaceOfAnother
            }
        };
        (inside.wait(seat), welcome)
    }

    /// It waits for a request again.
    pub(super) fn wait(&self, seat: &Arc<Seat>) -> Turn {
        self.inside().wait(seat)
    }

    /// It has a request.
    pub(super) fn work(&self, turn: Turn) {
        self.inside().waiting.remove(&turn.0);
    }

    /// It is gone. `turn`: where it waited, if it did.
    pub(super) fn leave(&self, turn: Option<Turn>) {
        let mut inside = self.inside();
        inside.open -= 1;
        if let Some(turn) = turn {
            inside.waiting.remove(&turn.0);
        }
    }

    /// Whether another one would be one too many.
    pub(super) fn is_full(&self) -> bool {
        self.inside().open >= self.most
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("nothing panics while holding it")
    }
}

impl Inside {
    fn wait(&mut self, seat: &Arc<Seat>) -> Turn {
        let turn = self.next;
        self.next += 1;
        self.waiting.insert(turn, Arc::clone(seat));
        Turn(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> Arc<Seat> {
        Arc::default()
    }

    fn is_given_away(seat: &Seat) -> bool {
        seat.is_given_away(Waker::noop())
    }

    #[test]
    fn who_waits_longest_makes_way_and_who_works_never_does() {
        let door = Door::new(2);
        let (worker, idle) = (seat(), seat());
        let (turn, welcome) = door.enter(&worker);
        assert_eq!(welcome, Welcome::Free);
        door.work(turn);
        assert_eq!(door.enter(&idle).1, Welcome::Free);
        assert!(door.is_full());
        assert_eq!(door.enter(&seat()).1, Welcome::InPlaceOfAnother);
        assert!(is_given_away(&idle) && !is_given_away(&worker));
    }

    #[test]
    fn where_all_work_a_newcomer_is_turned_away_until_one_is_done() {
        let door = Door::new(1);
        let worker = seat();
        let (turn, _) = door.enter(&worker);
        door.work(turn);
        let (late, welcome) = door.enter(&seat());
        assert_eq!(welcome, Welcome::Crowded);
        door.leave(Some(late));
        door.wait(&worker);
        assert_eq!(door.enter(&seat()).1, Welcome::InPlaceOfAnother);
        door.leave(None);
        assert!(is_given_away(&worker));
    }
}
