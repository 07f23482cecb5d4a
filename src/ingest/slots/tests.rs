use super::{Lane, Need, Rank, Slot, Slots};
use crate::media::plan::Turn;
use futures::FutureExt;
use std::pin::Pin;

type Waits = Pin<Box<dyn Future<Output = Slot>>>;

fn rest(turn: Turn, priority: i8) -> Rank {
    Rank::new(Need::Rest, turn, priority)
}

fn asks(slots: &Slots, rank: Rank) -> Waits {
    let slots = slots.clone();
    let mut waits: Waits = Box::pin(async move { slots.take(Lane::Sounds, rank).await });
    assert!((&mut waits).now_or_never().is_none(), "nobody has left");
    waits
}

fn has(slots: &Slots, rank: Rank) -> Slot {
    slots.take(Lane::Sounds, rank).now_or_never().expect("there is room")
}

const OPENING: Rank = Rank { need: Need::Opening, turn: Turn::First, priority: std::cmp::Reverse(0) };

#[test]
fn as_many_run_as_there_are_slots_and_one_more_that_opens() {
    let slots = Slots::new(2);
    let (first, _second) = (has(&slots, rest(Turn::First, 0)), has(&slots, OPENING));
    let mut third = asks(&slots, rest(Turn::First, 0));
    let opens = has(&slots, OPENING);
    let mut waits_too = asks(&slots, OPENING);
    drop(opens);
    assert!((&mut third).now_or_never().is_none(), "that one is kept");
    assert!((&mut waits_too).now_or_never().is_some());
    drop(first);
    assert!(third.now_or_never().is_some());
}

#[test]
fn lanes_do_not_wait_for_each_other() {
    let slots = Slots::new(1);
    let held = [Lane::Pictures, Lane::Sounds].map(|lane| slots.take(lane, rest(Turn::First, 0)).now_or_never());
    assert!(held.iter().all(Option::is_some));
    let copies: Vec<_> =
        (0..super::COPIES).map(|_| slots.take(Lane::Copies, rest(Turn::First, 0)).now_or_never()).collect();
    assert!(copies.iter().all(Option::is_some));
    assert!(slots.take(Lane::Copies, rest(Turn::First, 0)).now_or_never().is_none());
}

#[test]
fn first_seconds_go_first_then_films_that_cannot_be_played_then_the_urgent_ones_then_the_earlier() {
    let slots = Slots::new(1);
    let mut held = Some(has(&slots, rest(Turn::First, 0)));
    let _spare = has(&slots, OPENING);
    let asked = [
        rest(Turn::Later, 10),
        rest(Turn::First, 0),
        rest(Turn::First, 0),
        rest(Turn::First, 5),
        rest(Turn::Next, 9),
        Rank::new(Need::LongOpening, Turn::First, 0),
        Rank::new(Need::Opening, Turn::Next, 0),
        OPENING,
    ];
    let mut waiting: Vec<_> = asked.iter().map(|rank| Some(asks(&slots, *rank))).collect();
    for turn in [7, 6, 5, 3, 1, 2, 4, 0] {
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

#[test]
fn who_stops_waiting_holds_nobody_up() {
    let slots = Slots::new(1);
    let held = has(&slots, rest(Turn::First, 0));
    let gone = asks(&slots, rest(Turn::First, 0));
    let mut stays = asks(&slots, rest(Turn::First, 0));
    drop(gone);
    drop(held);
    let slot = (&mut stays).now_or_never();
    assert!(slot.is_some());
    let handed_over = asks(&slots, rest(Turn::First, 0));
    drop(slot);
    // Left after the slot was handed over, and before it was looked at.
    drop(handed_over);
    drop(has(&slots, rest(Turn::First, 0)));
}

#[test]
fn who_opened_in_the_spare_slot_gives_way_to_other_openings_only() {
    let slots = Slots::new(1);
    let mut ordinary = has(&slots, OPENING);
    let mut spare = has(&slots, OPENING);
    let _others = asks(&slots, rest(Turn::First, 9));
    assert!(spare.wanted().now_or_never().is_none());
    let left = asks(&slots, OPENING);
    assert!(spare.wanted().now_or_never().is_some());
    drop(left);
    assert!(spare.wanted().now_or_never().is_none(), "nobody wants it any more");
    let mut opens = asks(&slots, OPENING);
    assert!(spare.wanted().now_or_never().is_some());
    assert!(ordinary.wanted().now_or_never().is_none(), "an ordinary one is kept to the end");
    drop(spare);
    assert!((&mut opens).now_or_never().is_some());
}

#[test]
fn who_opened_in_the_spare_slot_moves_to_one_that_becomes_free() {
    let slots = Slots::new(1);
    let ordinary = has(&slots, rest(Turn::First, 0));
    let mut spare = has(&slots, OPENING);
    let mut wanted = Box::pin(async move {
        spare.wanted().await;
    });
    assert!((&mut wanted).now_or_never().is_none());
    drop(ordinary);
    assert!((&mut wanted).now_or_never().is_none());
    let _opens = has(&slots, OPENING);
    let _waits = asks(&slots, OPENING);
    assert!((&mut wanted).now_or_never().is_none(), "its slot is an ordinary one now");
}
