//! How many connections there are, and who makes way when there are too many.
//!
//! Whoever is between two requests can be closed at any time and comes back by itself (RFC 9112, 9.5). So at the bound the
//! one that waits longest makes way for the newcomer, and nobody hangs in the system's queue. After those come the ones
//! that never asked, once they had the time to. Only where all the others are at work is a newcomer crowded: it takes no
//! place, is turned away with an answer and closed. It looks for a place once more when it asks.

use futures::task::AtomicWaker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// Connections beyond the bound that are accepted to be told so, or in place of others that are just closed.
pub(super) const SPARE: usize = 256;

/// Crowded ones from which on the first of them that did not ask makes way for the next: the others are to be told.
const MOST_CROWDED: usize = SPARE / 2;

/// How long a connection has for its first request before it makes way.
const GRACE: Duration = Duration::from_secs(1);

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

    /// Tells the connection to make way.
    pub(super) fn give_away(&self) {
        self.is_given_away.store(true, Ordering::Release);
        self.waker.wake();
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
    /// Those with a place, up to the bound, and those that are just closed.
    open: usize,
    /// Those without.
    crowded: usize,
    next: u64,
    /// Between two requests.
    idle: BTreeMap<u64, Arc<Seat>>,
    /// Not asked yet, and since when.
    silent: BTreeMap<u64, (Instant, Arc<Seat>)>,
    /// The same of those without a place.
    outside: BTreeMap<u64, Arc<Seat>>,
}

impl Door {
    pub(super) fn new(most: usize) -> Self {
        Self { most, inside: Mutex::default() }
    }

    /// One more connection, which waits for its first request.
    pub(super) fn enter(&self, seat: &Arc<Seat>, now: Instant) -> (Turn, Welcome) {
        let mut inside = self.inside();
        let (turn, welcome) = (inside.turn(), inside.receive(self.most, now));
        if welcome == Welcome::Crowded {
            inside.crowded += 1;
            if inside.crowded > MOST_CROWDED
                && let Some((_, first)) = inside.outside.pop_first()
            {
                first.give_away();
            }
            inside.outside.insert(turn.0, Arc::clone(seat));
        } else {
            inside.silent.insert(turn.0, (now, Arc::clone(seat)));
        }
        (turn, welcome)
    }

    /// A crowded one has a request: how it is received by now.
    pub(super) fn enter_late(&self, now: Instant) -> Welcome {
        let mut inside = self.inside();
        let welcome = inside.receive(self.most, now);
        if welcome != Welcome::Crowded {
            inside.crowded -= 1;
        }
        welcome
    }

    /// It waits for a request again; `None` for one that makes way already.
    pub(super) fn wait(&self, seat: &Arc<Seat>) -> Option<Turn> {
        if seat.is_given_away.load(Ordering::Acquire) {
            return None;
        }
        let mut inside = self.inside();
        let turn = inside.turn();
        inside.idle.insert(turn.0, Arc::clone(seat));
        Some(turn)
    }

    /// It has a request.
    pub(super) fn work(&self, turn: Turn) {
        self.inside().forget(turn);
    }

    /// It is gone. `turn`: where it waited, if it did.
    pub(super) fn leave(&self, turn: Option<Turn>, is_crowded: bool) {
        let mut inside = self.inside();
        if is_crowded {
            inside.crowded -= 1;
        } else {
            inside.open -= 1;
        }
        if let Some(turn) = turn {
            inside.forget(turn);
        }
    }

    /// Whether another one would be crowded.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        let inside = self.inside();
        let is_patient = |(since, _): &(Instant, _)| now.duration_since(*since) >= GRACE;
        inside.open >= self.most && inside.idle.is_empty() && !inside.silent.values().next().is_some_and(is_patient)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("nothing panics while holding it")
    }
}

impl Inside {
    fn turn(&mut self) -> Turn {
        self.next += 1;
        Turn(self.next)
    }

    fn receive(&mut self, most: usize, now: Instant) -> Welcome {
        let welcome = if self.open < most {
            Welcome::Free
        } else {
            let Some(seat) = self.longest(now) else { return Welcome::Crowded };
            seat.give_away();
            Welcome::InPlaceOfAnother
        };
        self.open += 1;
        welcome
    }

    /// Who makes way next.
    fn longest(&mut self, now: Instant) -> Option<Arc<Seat>> {
        if let Some((_, seat)) = self.idle.pop_first() {
            return Some(seat);
        }
        let oldest = self.silent.first_entry()?;
        (now.duration_since(oldest.get().0) >= GRACE).then(|| oldest.remove().1)
    }

    fn forget(&mut self, turn: Turn) {
        self.idle.remove(&turn.0);
        self.silent.remove(&turn.0);
        self.outside.remove(&turn.0);
    }
}

#[cfg(test)]
mod tests;
