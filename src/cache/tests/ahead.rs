//! What is brought before anybody asks, and who is asked for it.

use super::*;
use crate::cache::Ahead;

impl Bench {
    async fn bring(&self, piece: &PlacedPiece) -> Ahead {
        self.cache.bring(std::slice::from_ref(piece), Standing::Passing).await.unwrap()
    }

    fn is_busy(&self, copies: &[Locator]) {
        *self.store.busy.lock().unwrap() = copies.iter().cloned().collect();
    }
}

#[tokio::test]
async fn who_has_something_else_to_do_is_not_asked_for_what_nobody_wants_yet() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(3 * CHUNK);
    let copies = [bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    let piece = whole(1, &bytes, copies.to_vec());
    bench.is_busy(&copies);
    assert_eq!((bench.bring(&piece).await, bench.reads()), (Ahead::Busy, 0));

    // A player does not wait for that.
    assert_eq!(bench.read(vec![piece.clone()], 0, CHUNK).await.unwrap(), bytes[..CHUNK]);
    let before = bench.reads();
    bench.is_busy(&copies[1..]);
    assert_eq!((bench.bring(&piece).await, bench.reads()), (Ahead::Brought, before + 1));
    bench.is_busy(&copies);
    assert_eq!((bench.bring(&piece).await, bench.reads()), (Ahead::Near, before + 1));
    assert_eq!(bench.read(vec![piece], 0, bytes.len()).await.unwrap(), bytes);
    assert_eq!(bench.reads(), before + 1);
}

#[tokio::test]
async fn the_copy_of_who_is_idle_is_read_first() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(CHUNK);
    let copies = [bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    let piece = whole(1, &bytes, copies.to_vec());
    bench.is_busy(&copies[..1]);
    bench.store.silent.lock().unwrap().insert(copies[0].clone());
    assert_eq!((bench.bring(&piece).await, bench.reads()), (Ahead::Brought, 1));
}

#[tokio::test]
async fn what_nobody_asked_for_fills_a_part_of_the_memory_at_most() {
    let bench = Bench::of(8 * CHUNK_SIZE).await;
    let films = [pattern(2 * CHUNK), pattern(CHUNK)];
    let pieces = [bench.blob(1, &films[0]).await, bench.blob(2, &films[1]).await];
    assert_eq!(bench.bring(&pieces[0]).await, Ahead::Brought);
    assert_eq!((bench.bring(&pieces[1]).await, bench.reads()), (Ahead::Full, 1));
    bench.read(vec![pieces[0].clone()], 0, CHUNK).await.unwrap();
    assert_eq!((bench.bring(&pieces[1]).await, bench.reads()), (Ahead::Brought, 2));
}

#[tokio::test]
async fn what_made_room_in_memory_is_of_use_when_it_is_found_on_the_disk() {
    let bench = Bench::with_disk(4 * CHUNK_SIZE, 6).await;
    let films = [pattern(CHUNK), pattern(CHUNK + 1), pattern(5 * CHUNK)];
    let mut pieces = Vec::new();
    for (id, film) in (1..).zip(&films) {
        pieces.push(bench.blob(id, film).await);
    }
    let on_disk = || bench.cache.stats().disk.unwrap().entries;
    let counted = || {
        let AheadStats { brought, useful, wasted } = bench.cache.stats().ahead;
        (brought, useful, wasted)
    };
    assert_eq!(bench.bring(&pieces[0]).await, Ahead::Brought);
    eventually(|| on_disk() == 1).await;
    bench.read(vec![pieces[2].clone()], 0, 4 * CHUNK).await.unwrap();
    eventually(|| on_disk() == 5).await;
    assert_eq!(counted(), (1, 0, 0), "it made room in memory, and lies on the disk");
    let before = bench.reads();
    assert_eq!(bench.bring(&pieces[0]).await, Ahead::Near);
    assert_eq!(bench.read(vec![pieces[0].clone()], 0, CHUNK).await.unwrap(), films[0]);
    assert_eq!((bench.reads(), counted()), (before, (1, 1, 0)));

    assert_eq!(bench.bring(&pieces[1]).await, Ahead::Brought);
    bench.cache.clear().await.unwrap();
    assert_eq!(counted(), (3, 1, 2));
}
