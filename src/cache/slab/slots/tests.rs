use super::*;
use crate::media::id::BlobId;

fn key(chunk: u64) -> ChunkKey {
    ChunkKey { blob: BlobId(1), chunk }
}

fn slot(number: u32) -> Slot {
    Slot { number, len: 10, is_proven: true }
}

fn written(slots: &mut Slots, chunk: u64) -> u32 {
    let number = slots.take(&key(chunk)).unwrap();
    slots.settle(key(chunk), slot(number), Standing::Passing);
    number
}

#[test]
fn a_full_file_is_written_where_the_oldest_lies() {
    let mut slots = Slots::new(3, Ledger::default());
    assert_eq!((0..3).map(|chunk| written(&mut slots, chunk)).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(slots.take(&key(2)), None, "it is there");
    assert_eq!((written(&mut slots, 3), slots.evictions), (0, 1));
    assert!(!slots.holds(&key(0)) && slots.holds(&key(3)));
}

#[test]
fn a_slot_is_not_written_while_somebody_reads_it() {
    let mut slots = Slots::new(1, Ledger::default());
    written(&mut slots, 0);
    assert_eq!(slots.begin_reading(&key(0)), Some(slot(0)));
    slots.begin_reading(&key(0));
    assert_eq!(slots.take(&key(1)), None);
    assert!(slots.end_reading(&key(0), 0) || !slots.holds(&key(0)));
    assert_eq!(slots.take(&key(1)), None);
    slots.end_reading(&key(0), 0);
    assert_eq!(slots.take(&key(1)), Some(0));
}

#[test]
fn what_an_earlier_run_left_is_found_and_its_holes_are_filled() {
    let left = vec![
        (key(7), slot(2), Worth::Passing),
        (key(8), slot(0), Worth::Passing),
        (key(9), slot(2), Worth::Passing),
        (key(10), slot(9), Worth::Passing),
    ];
    let mut slots = Slots::restored(4, 3, left, Ledger::default());
    assert_eq!([7, 8, 9, 10].map(|chunk| slots.holds(&key(chunk))), [true, true, false, false]);
    assert_eq!([11, 12].map(|chunk| written(&mut slots, chunk)), [1, 3]);
    assert_eq!(written(&mut slots, 13), 2, "in place of the first of those that were left");
}

#[test]
fn what_goes_first_gives_its_room_back_and_openings_stay() {
    let mut slots = Slots::new(16, Ledger::default());
    assert!((0..7).map(|chunk| written(&mut slots, chunk)).eq(0..7));
    let number = slots.take(&key(9)).unwrap();
    slots.settle(key(9), slot(number), Standing::Opening);
    for chunk in 0..7 {
        slots.begin_reading(&key(chunk));
    }
    for chunk in 1..7 {
        slots.end_reading(&key(chunk), u32::try_from(chunk).unwrap());
    }
    assert_eq!(slots.give_up(2), [1, 2], "the first one is read");
    assert_eq!((0..10).filter(|chunk| slots.holds(&key(*chunk))).collect::<Vec<_>>(), [3, 4, 5, 6, 9]);
    assert_eq!(slots.used(), 6);
    assert!(!slots.end_reading(&key(0), 0));
    assert_eq!([10, 11].map(|chunk| written(&mut slots, chunk)), [0, 3], "it takes no more room than it does");
    slots.may_grow();
    assert_eq!([12, 13, 14].map(|chunk| written(&mut slots, chunk)), [2, 1, 8]);
}

#[test]
fn of_a_file_that_was_emptied_no_slot_is_written_while_somebody_reads_it() {
    let mut slots = Slots::new(4, Ledger::default());
    assert!((0..2).map(|chunk| written(&mut slots, chunk)).eq(0..2));
    slots.begin_reading(&key(0));
    slots.clear();
    assert_eq!((slots.entries(), slots.used()), (0, 0));
    assert_eq!(written(&mut slots, 5), 1);
    assert!(!slots.end_reading(&key(0), 0), "its bytes may be a hole");
    assert_eq!(written(&mut slots, 6), 0);
}

#[test]
fn what_is_asked_for_again_later_is_worth_more_than_what_one_viewer_asks_for() {
    let mut slots = Slots::new(4, Ledger::default());
    assert!((0..4).map(|chunk| written(&mut slots, chunk)).eq(0..4));
    let read = |slots: &mut Slots, chunk| {
        let slot = slots.begin_reading(&key(chunk)).unwrap();
        slots.end_reading(&key(chunk), slot.number);
    };
    [1, 2].into_iter().for_each(|chunk| read(&mut slots, chunk));
    let kept = slots.ranking.peek_mut(&key(2)).unwrap();
    kept.read = kept.read.map(|read| read.checked_sub(ONE_VIEWING).unwrap());
    [1, 2].into_iter().for_each(|chunk| read(&mut slots, chunk));
    assert!((10..14).map(|chunk| written(&mut slots, chunk)).eq([0, 3, 1, 0]));
    assert_eq!((0..4).filter(|chunk| slots.holds(&key(*chunk))).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_is_wrong_is_forgotten_and_its_slot_used_again() {
    let mut slots = Slots::new(2, Ledger::default());
    written(&mut slots, 0);
    slots.forget(&key(0), 1);
    assert!(slots.holds(&key(0)), "another slot is meant");
    slots.forget(&key(0), 0);
    assert!(!slots.holds(&key(0)));
    assert_eq!((written(&mut slots, 1), slots.entries()), (0, 1));
}

#[test]
fn of_forgotten_blobs_nothing_is_found_and_their_slots_are_free_once_nobody_reads_them() {
    let mut slots = Slots::new(4, Ledger::default());
    let other = |chunk| ChunkKey { blob: BlobId(2), chunk };
    assert_eq!([written(&mut slots, 0), written(&mut slots, 1)], [0, 1]);
    let number = slots.take(&other(0)).unwrap();
    slots.settle(other(0), slot(number), Standing::Passing);
    slots.begin_reading(&key(1));
    let late = slots.take(&key(2)).unwrap();
    assert_eq!(slots.forget_blobs(&HashSet::from([BlobId(1)])).into_iter().collect::<HashSet<_>>(), [0, 1].into());
    slots.settle(key(2), slot(late), Standing::Passing);
    assert_eq!(slots.take(&key(7)), None, "nothing more comes of it");
    assert_eq!((slots.entries(), slots.holds(&other(0))), (1, true));
    assert_eq!([1, 2].map(|chunk| slots.take(&other(chunk))), [Some(3), Some(0)]);
    assert!(!slots.end_reading(&key(1), 1));
    assert_eq!(slots.take(&other(3)), Some(1));
}

#[test]
fn what_left_the_memory_unread_is_of_use_when_it_is_read_here_and_wasted_when_it_goes() {
    let ledger = Ledger::default();
    let mut slots = Slots::new(3, ledger.clone());
    assert!((0..3).map(|chunk| written(&mut slots, chunk)).eq(0..3));
    assert!((0..3).all(|chunk| slots.takes_over(&key(chunk))) && !slots.takes_over(&key(3)));
    for _ in 0..2 {
        let slot = slots.begin_reading(&key(0)).unwrap();
        slots.end_reading(&key(0), slot.number);
    }
    let counted = || (ledger.stats().useful, ledger.stats().wasted);
    assert_eq!(counted(), (1, 0));
    written(&mut slots, 3);
    assert_eq!((slots.holds(&key(1)), counted()), (false, (1, 1)));
    slots.clear();
    assert_eq!(counted(), (1, 2));
}
