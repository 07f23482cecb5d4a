use super::*;

fn seat() -> Arc<Seat> {
    Arc::default()
}

fn is_given_away(seat: &Seat) -> bool {
    seat.is_given_away(Waker::noop())
}

/// One that has a request.
fn working(door: &Door, now: Instant) -> Arc<Seat> {
    let seat = seat();
    let (turn, welcome) = door.enter(&seat, now);
    assert_eq!(welcome, Welcome::Free);
    door.work(turn);
    seat
}

#[test]
fn who_is_idle_longest_makes_way_and_who_works_never_does() {
    let (door, now) = (Door::new(3), Instant::now());
    let worker = working(&door, now);
    let (longest, idle) = (working(&door, now), working(&door, now));
    door.wait(&longest).unwrap();
    assert!(!door.is_full(now), "one could make way");
    door.wait(&idle).unwrap();
    assert_eq!(door.enter(&seat(), now).1, Welcome::InPlaceOfAnother);
    assert!(is_given_away(&longest) && !is_given_away(&idle) && !is_given_away(&worker));
    assert_eq!(door.wait(&longest), None, "it makes way but once");
}

#[test]
fn who_never_asked_makes_way_after_those_that_did_and_once_it_had_the_time() {
    let (door, now) = (Door::new(2), Instant::now());
    let (silent, idle) = (seat(), seat());
    door.enter(&silent, now);
    door.work(door.enter(&idle, now).0);
    door.wait(&idle).unwrap();
    assert_eq!(door.enter(&seat(), now + GRACE).1, Welcome::InPlaceOfAnother);
    assert!(is_given_away(&idle) && !is_given_away(&silent));
    let early = now + GRACE - Duration::from_millis(1);
    assert!(door.is_full(early));
    assert_eq!(door.enter(&seat(), early).1, Welcome::Crowded);
    assert!(!is_given_away(&silent) && !door.is_full(now + GRACE));
    assert_eq!(door.enter(&seat(), now + GRACE).1, Welcome::InPlaceOfAnother);
    assert!(is_given_away(&silent));
}

#[test]
fn where_all_work_every_newcomer_of_a_burst_is_crowded_until_one_is_done() {
    let (door, now) = (Door::new(1), Instant::now());
    let worker = working(&door, now);
    let crowd: Vec<_> = (0..4).map(|_| seat()).collect();
    let turns: Vec<_> = crowd.iter().map(|seat| door.enter(seat, now)).collect();
    // However long they wait: no place becomes free by that.
    let late = now + 100 * GRACE;
    for (turn, welcome) in turns {
        assert_eq!(welcome, Welcome::Crowded);
        door.work(turn);
        assert_eq!(door.enter_late(late), Welcome::Crowded);
        door.leave(None, true);
    }
    assert!(crowd.iter().all(|seat| !is_given_away(seat)));
    let (turn, _) = door.enter(&seat(), now);
    door.wait(&worker).unwrap();
    door.work(turn);
    assert_eq!(door.enter_late(late), Welcome::InPlaceOfAnother, "one was done before it asked");
    assert!(is_given_away(&worker));
    door.leave(None, false);
    assert!(door.is_full(late));
    door.leave(None, false);
    assert!(!door.is_full(late));
}

#[test]
fn of_too_many_crowded_ones_the_first_that_did_not_ask_makes_way() {
    let (door, now) = (Door::new(1), Instant::now());
    working(&door, now);
    let crowd: Vec<_> = (0..=MOST_CROWDED).map(|_| seat()).collect();
    let turns: Vec<_> = crowd.iter().map(|seat| door.enter(seat, now).0).collect();
    let gone: Vec<_> = crowd.iter().map(|seat| is_given_away(seat)).collect();
    assert_eq!(gone.iter().position(|gone| *gone), Some(0));
    assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
    door.work(turns[1]);
    door.enter(&seat(), now);
    assert!(is_given_away(&crowd[2]) && !is_given_away(&crowd[1]), "one that asked is told");
}
