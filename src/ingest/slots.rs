//! Who may encode next. ffmpeg uses all cores by itself, so few encode at a time; one film after the other gets a
//! turn of one span, so that none waits for the whole of another.

use crate::media::plan::Turn;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// The encodes that may run at the same time. Clones share them.
#[derive(Clone)]
pub struct EncodeSlots {
    line: Arc<Mutex<Line>>,
}

/// The right to encode, until it is dropped.
pub(super) struct EncodeSlot {
    line: Arc<Mutex<Line>>,
}

/// What goes before what: films that cannot be played yet, then what browsers wait for, then what a person put first,
/// then who came first.
type Place = (Rank, u64);

/// The order of those who wait, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    turn: Turn,
    priority: Reverse<i8>,
}

struct Line {
    /// Slots that nobody holds; above zero only while nobody waits.
    free: usize,
    next_ticket: u64,
    waiting: BTreeMap<Place, oneshot::Sender<EncodeSlot>>,
}

impl EncodeSlots {
    /// So many at a time, at least 1.
    pub fn new(limit: usize) -> Self {
        let line = Line { free: limit.max(1), next_ticket: 0, waiting: BTreeMap::new() };
        Self { line: Arc::new(Mutex::new(line)) }
    }

    /// Waits for a slot. Whoever stops waiting loses the place and nothing else.
    pub(super) async fn take(&self, turn: Turn, priority: i8) -> EncodeSlot {
        let mine = {
            let mut line = self.line.lock().expect("nothing panics while holding it");
            if line.free > 0 {
                line.free -= 1;
                return EncodeSlot { line: self.line.clone() };
            }
            let (sender, receiver) = oneshot::channel();
            let rank = Rank { turn, priority: Reverse(priority) };
            let place = (rank, line.next_ticket);
            line.next_ticket += 1;
            line.waiting.insert(place, sender);
            receiver
        };
        mine.await.expect("who waits is dropped from the line only when a slot is handed over")
    }
}

impl Drop for EncodeSlot {
    fn drop(&mut self) {
        let next = {
            let mut line = self.line.lock().expect("nothing panics while holding it");
            let next = line.waiting.pop_first();
            if next.is_none() {
                line.free += 1;
            }
            next
        };
        if let Some((_, waiting)) = next {
            // One who has left does not take it: it comes back here at once, for the next in line.
            drop(waiting.send(Self { line: self.line.clone() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn as_many_encode_as_there_are_slots() {
        let slots = EncodeSlots::new(2);
        let (first, _second) = (slots.take(Turn::First, 0).await, slots.take(Turn::First, 0).await);
        let mut third = Box::pin(slots.take(Turn::First, 0));
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().is_some());
    }

    #[tokio::test]
    async fn films_that_cannot_be_played_go_first_then_the_urgent_ones_then_the_earlier() {
        let slots = EncodeSlots::new(1);
        let mut held = Some(slots.take(Turn::First, 0).await);
        let asked = [(Turn::Later, 10), (Turn::First, 0), (Turn::First, 0), (Turn::First, 5), (Turn::Next, 9)];
        let mut waiting: Vec<_> =
            asked.iter().map(|(turn, priority)| Box::pin(slots.take(*turn, *priority))).map(Some).collect();
        for waits in waiting.iter_mut().flatten() {
            assert!(waits.now_or_never().is_none());
        }
        for turn in [3, 1, 2, 4, 0] {
            drop(held.take());
            for (at, place) in waiting.iter_mut().enumerate() {
                if let Some(slot) = place.as_mut().and_then(|waits| waits.now_or_never()) {
                    assert_eq!(at, turn);
                    held = Some(slot);
                    *place = None;
                }
            }
        }
        assert!(held.is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_holds_nobody_up() {
        let slots = EncodeSlots::new(1);
        let held = slots.take(Turn::First, 0).await;
        let mut gone = Box::pin(slots.take(Turn::First, 0));
        let mut stays = Box::pin(slots.take(Turn::First, 0));
        assert!((&mut gone).now_or_never().is_none() && (&mut stays).now_or_never().is_none());
        drop(gone);
        drop(held);
        let slot = (&mut stays).now_or_never();
        assert!(slot.is_some());
        let mut handed_over = Box::pin(slots.take(Turn::First, 0));
        assert!((&mut handed_over).now_or_never().is_none());
        drop(slot);
        // Left after the slot was handed over, and before it was looked at.
        drop(handed_over);
        assert!(slots.take(Turn::First, 0).now_or_never().is_some());
    }
}
