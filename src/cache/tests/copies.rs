//! Copies that are damaged, gone, at rest or slow, and which one is read.

use super::*;

#[tokio::test]
async fn a_flipped_byte_switches_to_the_other_copy_in_mid_stream() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK + 9);
    let bad = bench.copy_of(&bytes, &[2 * CHUNK + 1]).await;
    let good = bench.copy_of(&bytes, &[]).await;
    let piece = whole(1, &bytes, vec![bad.clone(), good]);

    assert_eq!(bench.read(vec![piece], 0, bytes.len()).await.unwrap(), bytes);

    assert_eq!(bench.reads(), 2);
    assert_eq!(bench.damage.try_recv(), Ok(Damage { blob: BlobId(1), copy: bad, fault: Fault::Corrupt }));
    assert!(bench.damage.try_recv().is_err());
}

#[tokio::test]
async fn two_copies_damaged_in_different_chunks_still_make_one_whole() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK);
    let copies = vec![bench.copy_of(&bytes, &[CHUNK]).await, bench.copy_of(&bytes, &[3 * CHUNK]).await];
    assert_eq!(bench.read(vec![whole(1, &bytes, copies)], 0, bytes.len()).await.unwrap(), bytes);
    assert_eq!((bench.reads(), bench.cache.stats().flights), (3, 1));
}

#[tokio::test]
async fn when_all_copies_are_bad_no_wrong_byte_comes_out() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(3 * CHUNK);
    let copies = vec![bench.copy_of(&bytes, &[CHUNK + 1]).await, bench.copy_of(&bytes, &[CHUNK + 2]).await];
    let piece = whole(1, &bytes, copies);

    let items: Vec<Result<Slice, CacheError>> =
        bench.cache.get(vec![piece.clone()], range(0, bytes.len()), Standing::Passing).collect().await;

    let corrupt = CacheError::unreadable(BlobId(1), Fault::Corrupt);
    let items: Vec<_> = items.into_iter().map(|item| item.map(|slice| slice.to_bytes().unwrap())).collect();
    assert_eq!(items, [Ok(Bytes::copy_from_slice(&bytes[..CHUNK])), Err(corrupt.clone())]);
    assert_eq!(bench.cache.open(vec![piece.clone()], range(CHUNK, 1), Standing::Passing).await.err(), Some(corrupt));
    assert_eq!(bench.read(vec![piece], 2 * CHUNK, CHUNK).await.unwrap(), bytes[2 * CHUNK..]);
    assert!(bench.damage.try_recv().is_ok() && bench.damage.try_recv().is_ok());
}

#[tokio::test]
async fn whoever_waits_for_a_good_chunk_behind_a_bad_one_gets_it() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK);
    let piece = whole(1, &bytes, vec![bench.copy_of(&bytes, &[0]).await]);
    let closed = bench.store.gate.acquire_many(1000).await.unwrap();
    let mut leader = bench.cache.get(vec![piece.clone()], range(0, bytes.len()), Standing::Passing);
    assert!(leader.next().now_or_never().is_none());
    let mut follower = bench.cache.get(vec![piece], range(CHUNK, CHUNK), Standing::Passing);
    assert!(follower.next().now_or_never().is_none());
    drop(closed);

    assert!(leader.next().await.unwrap().is_err());
    assert_eq!(follower.next().await.unwrap().unwrap().to_bytes().unwrap(), bytes[CHUNK..]);
}

#[tokio::test]
async fn a_missing_copy_is_reported_and_the_next_one_read() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(100);
    let lost = bench.copy_of(&bytes, &[]).await;
    bench.store.remove(std::slice::from_ref(&lost)).await.unwrap();
    let good = bench.copy_of(&bytes, &[]).await;
    assert_eq!(bench.read(vec![whole(1, &bytes, vec![lost.clone(), good])], 0, 100).await.unwrap(), bytes);
    assert_eq!(bench.damage.try_recv(), Ok(Damage { blob: BlobId(1), copy: lost, fault: Fault::Missing }));
}

#[tokio::test]
async fn a_throttled_blob_says_when_to_come_back_and_is_not_called_damaged() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(100);
    let copy = bench.copy_of(&bytes, &[]).await;
    bench.store.throttled.lock().unwrap().insert(copy.clone());
    let refused = bench.cache.open(vec![whole(1, &bytes, vec![copy])], range(0, 1), Standing::Passing).await.err();
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(refused, Some(CacheError::Unreadable { blob: BlobId(1), fault: Fault::Throttled, retry_after }));
    assert!(bench.damage.try_recv().is_err());
}

#[tokio::test]
async fn a_copy_that_never_answers_loses_its_turn() {
    let bench = Bench::patient(EVERYTHING, Duration::from_millis(50)).await;
    let bytes = pattern(100);
    let silent = bench.copy_of(&bytes, &[]).await;
    bench.store.silent.lock().unwrap().insert(silent.clone());
    let good = bench.copy_of(&bytes, &[]).await;
    assert_eq!(bench.read(vec![whole(1, &bytes, vec![silent.clone(), good])], 0, 100).await.unwrap(), bytes);
    let unreachable = CacheError::unreadable(BlobId(2), Fault::Unreachable);
    assert_eq!(bench.read(vec![whole(2, &bytes, vec![silent])], 0, 100).await, Err(unreachable));
}

#[tokio::test]
async fn a_slow_copy_is_left_soon_when_there_is_another_and_waited_for_when_there_is_none() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(1000);
    let copies = [bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    let piece = whole(1, &bytes, copies.to_vec());
    bench.store.silent.lock().unwrap().insert(copies[0].clone());
    let began = std::time::Instant::now();
    assert_eq!(bench.read(vec![piece.clone()], 0, 1000).await.unwrap(), bytes);
    assert!(began.elapsed() < PATIENCE / 2, "another copy was there");

    // Both are silent in haste; one of them answers once it is asked again.
    bench.cache.clear().await.unwrap();
    bench.store.silent.lock().unwrap().insert(copies[1].clone());
    let speak = async {
        eventually(|| bench.reads() == 4).await;
        bench.store.silent.lock().unwrap().clear();
    };
    let (read, ()) = tokio::join!(bench.read(vec![piece], 0, 1000), speak);
    assert_eq!(read.unwrap(), bytes);
}

#[tokio::test]
async fn a_slow_copy_that_lost_its_turn_is_heard_out_and_is_no_fault_of_its_store() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(1000);
    let copies = [bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    bench.store.slow.lock().unwrap().insert(copies[0].clone(), HASTE + Duration::from_secs(1));
    assert_eq!(bench.read(vec![whole(1, &bytes, copies.to_vec())], 0, 1000).await.unwrap(), bytes);
    eventually(|| bench.store.answered.load(Ordering::SeqCst) == 2).await;
    assert_eq!(bench.reads(), 2);
}

#[tokio::test]
async fn a_short_rest_that_haste_brought_about_is_sat_out() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(1000);
    let copies = vec![bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    bench.store.silent.lock().unwrap().extend(copies.clone());
    let rest = async {
        eventually(|| bench.reads() == 2).await;
        bench.store.silent.lock().unwrap().clear();
        // Longer than the second copy's turn, so that patience finds both at rest.
        *bench.store.rests_until.lock().unwrap() = Some(Instant::now() + HASTE + Duration::from_secs(1));
    };
    let (read, ()) = tokio::join!(bench.read(vec![whole(1, &bytes, copies)], 0, 1000), rest);
    assert_eq!(read.unwrap(), bytes);
}

#[tokio::test]
async fn a_blob_without_copies_is_missing() {
    let bench = Bench::of(EVERYTHING).await;
    let missing = CacheError::unreadable(BlobId(1), Fault::Missing);
    assert_eq!(bench.read(vec![whole(1, b"bytes", vec![])], 0, 5).await, Err(missing));
}

#[tokio::test]
async fn a_hiccup_of_the_only_copy_is_not_noticed_and_no_damage() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    bench.store.broken.store(1, Ordering::SeqCst);
    bench.store.flipped.store(1, Ordering::SeqCst);

    assert_eq!(bench.read(vec![piece], 0, bytes.len()).await.unwrap(), bytes);
    assert_eq!(bench.reads(), 3);
    assert!(bench.damage.try_recv().is_err());
}

#[tokio::test]
async fn what_may_be_had_any_time_is_worth_asking_for_before_a_flood_is_over() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(CHUNK);
    let copies = [bench.copy_of(&bytes, &[]).await, bench.copy_of(&bytes, &[]).await];
    bench.store.throttled.lock().unwrap().insert(copies[0].clone());
    bench.store.broken.store(100, Ordering::SeqCst);
    let piece = whole(1, &bytes, copies.to_vec());

    let refused = bench.cache.open(vec![piece], range(0, 1), Standing::Passing).await.err();
    let Some(CacheError::Unreadable { fault: Fault::Throttled, retry_after, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(retry_after <= Some(Duration::from_secs(5)), "{retry_after:?}");
}

#[tokio::test]
async fn what_goes_on_in_a_blob_that_cannot_be_read_is_refused_before_its_first_byte() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(2 * CHUNK);
    let copy = bench.copy_of(&bytes, &[]).await;
    bench.store.throttled.lock().unwrap().insert(copy.clone());
    let pieces = vec![bench.blob(1, &bytes).await, whole(2, &bytes, vec![copy.clone()])];

    let refused = bench.cache.open(pieces.clone(), range(0, 3 * CHUNK), Standing::Passing).await.err();
    assert!(matches!(refused, Some(CacheError::Unreadable { blob: BlobId(2), .. })), "{refused:?}");
    assert!(
        bench.cache.open(pieces.clone(), range(0, CHUNK), Standing::Passing).await.is_ok(),
        "all of it lies in one"
    );

    bench.store.throttled.lock().unwrap().clear();
    let before = bench.reads();
    assert_eq!(
        bench.read(pieces, CHUNK, 2 * CHUNK).await.unwrap(),
        bytes[CHUNK..].iter().chain(&bytes[..CHUNK]).copied().collect::<Vec<_>>()
    );
    assert_eq!(bench.reads() - before, 1, "the first one is there already");
}

#[tokio::test]
async fn whoever_asks_for_what_comes_along_with_a_whole_copy_waits_for_it() {
    let bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(6 * CHUNK);
    let piece = bench.blob(1, &bytes).await;
    let permits = Arc::new(Semaphore::new(3));
    *bench.store.whole.lock().unwrap() = Some(bytes.len() as u64);
    *bench.store.permits.lock().unwrap() = Some(Arc::clone(&permits));
    assert!(bench.read(vec![piece.clone()], 2 * CHUNK, 10).await.unwrap() == bytes[2 * CHUNK..][..10]);
    let asked = async |chunk: usize| bench.read(vec![piece.clone()], chunk * CHUNK, 10).await.unwrap();

    let rest = async {
        tokio::task::yield_now().await;
        permits.add_permits(3);
    };
    let (fifth, first, sixth, ()) = tokio::join!(asked(4), asked(0), asked(5), rest);

    assert!([fifth, first, sixth] == [4, 0, 5].map(|chunk| bytes[chunk * CHUNK..][..10].to_vec()));
    assert_eq!((bench.reads(), bench.cache.stats().flights), (1, 1));
}

#[tokio::test]
async fn what_should_have_come_along_and_did_not_is_fetched() {
    let mut bench = Bench::of(EVERYTHING).await;
    let bytes = pattern(4 * CHUNK);
    let copies = [bench.copy_of(&bytes, &[3 * CHUNK]).await, bench.copy_of(&bytes, &[]).await];
    let piece = whole(1, &bytes, copies.into());
    let permits = Arc::new(Semaphore::new(1));
    *bench.store.whole.lock().unwrap() = Some(bytes.len() as u64);
    *bench.store.permits.lock().unwrap() = Some(Arc::clone(&permits));
    bench.read(vec![piece.clone()], 0, 10).await.unwrap();

    let last = bench.read(vec![piece], 3 * CHUNK, 10);
    let rest = async {
        tokio::task::yield_now().await;
        permits.add_permits(20);
    };
    let (last, ()) = tokio::join!(last, rest);
    assert!(last.unwrap() == bytes[3 * CHUNK..][..10]);
    assert_eq!(bench.damage.recv().await.unwrap().fault, Fault::Corrupt);
}
