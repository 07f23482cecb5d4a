//! Who may use a bot now: a few slots, some of them kept for playback, and a line for each purpose.
//!
//! Playback goes ahead of deposits, deposits ahead of upkeep; within a purpose whoever came first.

use super::fleet::Purpose;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Who goes first.
const ORDER: [Purpose; 3] = [Purpose::Playback, Purpose::Deposit, Purpose::Upkeep];

/// How many requests a bot has under way at once.
#[derive(Clone, Copy, Debug)]
pub struct GateSettings {
    /// All of them, at least 1.
    pub slots: u32,
    /// Of these, kept for playback. One slot is left to the others whatever this says.
    pub playback: u32,
    /// Of the others, kept for playback and deposits. One slot is left to upkeep whatever this says.
    pub deposit: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { slots: 8, playback: 3, deposit: 2 }
    }
}

/// The slots of one bot. Clones are the same slots.
#[derive(Clone)]
pub(super) struct Gate {
    inner: Arc<Mutex<Slots>>,
}

struct Slots {
    slots: u32,
    /// Of those that playback does not use, how many each purpose may bring the number to.
    limits: [u32; 3],
    in_use: [u32; 3],
    waiting: [VecDeque<oneshot::Sender<Pass>>; 3],
}

/// A slot in use. Dropping it lets the next one in.
pub(super) struct Pass {
    /// `None` once it was given back without dropping.
    gate: Option<Gate>,
    purpose: Purpose,
}

impl Pass {
    /// What it was given for.
    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }
}

impl Gate {
    pub(super) fn new(settings: GateSettings) -> Self {
        let slots = settings.slots.max(1);
        let deposits = slots.saturating_sub(settings.playback).max(1);
        let upkeep = deposits.saturating_sub(settings.deposit).max(1);
        let limits = [slots, deposits, upkeep];
        let slots = Slots { slots, limits, in_use: [0; 3], waiting: Default::default() };
        Self { inner: Arc::new(Mutex::new(slots)) }
    }

    /// Waits for a slot. Dropping the future leaves the line.
    pub(super) async fn enter(&self, purpose: Purpose) -> Pass {
        let turn = {
            let mut slots = self.slots();
            let (sender, turn) = oneshot::channel();
            slots.waiting[purpose as usize].push_back(sender);
            self.admit(slots);
            turn
        };
        turn.await.expect("a gate outlives those who wait at it, and drops nobody from its lines")
    }

    /// Whether nobody is in, nor in line.
    pub(super) fn is_idle(&self) -> bool {
        let slots = self.slots();
        slots.in_use == [0; 3] && slots.waiting.iter().all(VecDeque::is_empty)
    }

    /// Lets in as many as there is room for, in order.
    fn admit(&self, mut slots: std::sync::MutexGuard<'_, Slots>) {
        while let Some((purpose, next)) = slots.next() {
            slots.in_use[purpose as usize] += 1;
            if let Err(mut unwanted) = next.send(Pass { gate: Some(self.clone()), purpose }) {
                // Whoever waited has gone. Not by dropping the pass: that would lock the gate again.
                unwanted.gate = None;
                slots.in_use[purpose as usize] -= 1;
            }
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.inner.lock().expect("no panic while slots are counted")
    }
}

impl Slots {
    /// The next one in line for whom there is room.
    fn next(&mut self) -> Option<(Purpose, oneshot::Sender<Pass>)> {
        let [playback, others @ ..] = self.in_use;
        let others: u32 = others.iter().sum();
        if playback + others >= self.slots {
            return None;
        }
        ORDER.into_iter().find_map(|purpose| {
            let has_room = purpose == Purpose::Playback || others < self.limits[purpose as usize];
            let line = &mut self.waiting[purpose as usize];
            if has_room { Some((purpose, line.pop_front()?)) } else { None }
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            let mut slots = gate.slots();
            slots.in_use[self.purpose as usize] -= 1;
            gate.admit(slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    fn gate(slots: u32, playback: u32, deposit: u32) -> Gate {
        Gate::new(GateSettings { slots, playback, deposit })
    }

    fn line(gate: &Gate, purpose: Purpose) -> BoxFuture<'static, Pass> {
        let gate = gate.clone();
        async move { gate.enter(purpose).await }.boxed()
    }

    /// How many of a purpose are let in at once.
    fn room(gate: &Gate, purpose: Purpose) -> usize {
        let mut inside = Vec::new();
        while let Some(pass) = gate.enter(purpose).now_or_never() {
            inside.push(pass);
        }
        inside.len()
    }

    #[test]
    fn each_purpose_has_its_share_and_none_is_shut_out() {
        for (slots, playback, deposit, rooms) in [(8, 3, 2, [8, 5, 3]), (1, 5, 5, [1, 1, 1]), (0, 0, 0, [1, 1, 1])] {
            let gate = gate(slots, playback, deposit);
            let purposes = [Purpose::Playback, Purpose::Deposit, Purpose::Upkeep];
            assert_eq!(purposes.map(|purpose| room(&gate, purpose)), rooms);
        }
    }

    #[test]
    fn playback_finds_a_slot_however_many_deposits_there_are() {
        let gate = gate(3, 1, 0);
        let _deposits: Vec<Pass> = (0..2).filter_map(|_| gate.enter(Purpose::Deposit).now_or_never()).collect();
        let mut third = line(&gate, Purpose::Deposit);
        assert!((&mut third).now_or_never().is_none());
        assert!(gate.enter(Purpose::Playback).now_or_never().is_some());
    }

    #[test]
    fn playback_takes_nothing_of_what_deposits_may_use_while_there_is_room() {
        let gate = gate(8, 3, 2);
        let _films: Vec<Pass> = (0..5).filter_map(|_| gate.enter(Purpose::Playback).now_or_never()).collect();
        assert_eq!(room(&gate, Purpose::Deposit), 3);
        assert_eq!(room(&gate, Purpose::Upkeep), 3);
    }

    #[test]
    fn a_free_slot_goes_to_playback_then_deposits_then_upkeep() {
        let gate = gate(1, 0, 0);
        let mut inside = gate.enter(Purpose::Upkeep).now_or_never();
        let mut waiting = [Purpose::Upkeep, Purpose::Deposit, Purpose::Playback, Purpose::Deposit]
            .map(|purpose| (purpose, Some(line(&gate, purpose))));
        for (_, turn) in &mut waiting {
            assert!(turn.as_mut().unwrap().now_or_never().is_none());
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            drop(inside.take());
            for (at, (purpose, turn)) in waiting.iter_mut().enumerate() {
                let pass = turn.as_mut().and_then(FutureExt::now_or_never);
                if pass.is_some() {
                    (inside, *turn) = (pass, None);
                    order.push((at, *purpose));
                }
            }
        }
        let expected = [(2, Purpose::Playback), (1, Purpose::Deposit), (3, Purpose::Deposit), (0, Purpose::Upkeep)];
        assert_eq!(order, expected);
    }

    #[test]
    fn whoever_leaves_the_line_takes_no_slot_along() {
        let gate = gate(1, 0, 0);
        let inside = gate.enter(Purpose::Playback).now_or_never();
        let mut leaving = line(&gate, Purpose::Playback);
        let mut handed = line(&gate, Purpose::Playback);
        assert!((&mut leaving).now_or_never().is_none() && (&mut handed).now_or_never().is_none());
        drop(leaving);
        drop(inside);
        // The slot is in its hands, unread; now it leaves, too.
        drop(handed);
        assert_eq!(room(&gate, Purpose::Playback), 1);
    }
}
