use super::*;
use crate::media::extent::{CHUNK_SIZE, Hash};
use futures::{FutureExt, TryStreamExt};
use std::time::Duration;
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;

async fn spool_of(max_bytes: u64) -> (TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Settings { root: folder.path().join("spool"), max_bytes }).await.unwrap();
    (folder, spool)
}

fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at % 249) as u8).collect::<Vec<_>>().into()
}

fn hash(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

fn blob_hash(bytes: &[u8]) -> Hash {
    Hash::of_chunks(&bytes.chunks(CHUNK_SIZE as usize).map(hash).collect::<Vec<_>>())
}

fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn eventually(fact: impl Fn() -> bool) {
    let wait = async {
        while !fact() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it never became true");
}

#[tokio::test]
async fn an_upload_arrives_whole_hashed_and_under_its_name() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let (id, bytes) = (UploadId::fresh(), pattern(5_000_001));
    let mut writer = spool.begin_upload(id, None).await.unwrap();
    for at in (0..bytes.len()).step_by(65_536) {
        writer.write(bytes.slice(at..bytes.len().min(at + 65_536))).await.unwrap();
    }
    assert_eq!(writer.received(), 5_000_001);

    let received = writer.finish().await.unwrap();

    assert_eq!(received, Received { bytes: 5_000_001, hash: hash(&bytes), path: spool.upload_path(id) });
    assert_eq!(fs::read(&received.path).unwrap(), bytes);
    assert_eq!(spool.hash_file(&received.path).await.unwrap(), received);
    assert_eq!(spool.usage().uploads_bytes, 5_000_001);
    spool.remove_upload(id).await.unwrap();
    spool.remove_upload(id).await.unwrap();
    assert_eq!(spool.usage().uploads_bytes, 0);
}

#[tokio::test]
async fn what_arrives_is_not_yet_under_the_uploads_name() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let id = UploadId::fresh();
    let mut writer = spool.begin_upload(id, None).await.unwrap();
    writer.write(pattern(3_000_000)).await.unwrap();
    assert!(!spool.upload_path(id).exists());
    writer.finish().await.unwrap();
    assert!(spool.upload_path(id).exists());
}

#[tokio::test]
async fn a_broken_upload_leaves_nothing_behind() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let mut writer = spool.begin_upload(UploadId::fresh(), Some(10 * MIB)).await.unwrap();
    writer.write(pattern(3_000_000)).await.unwrap();
    assert_eq!(spool.usage().uploads_bytes, 10 * MIB);

    drop(writer);

    assert_eq!(spool.usage().uploads_bytes, 0);
    eventually(|| names_in(&spool.uploads_folder()).is_empty()).await;
}

#[tokio::test]
async fn an_upload_whose_end_nobody_awaits_leaves_nothing_behind() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let id = UploadId::fresh();
    let mut writer = spool.begin_upload(id, None).await.unwrap();
    writer.write(pattern(3_000_000)).await.unwrap();
    let mut finish = Box::pin(writer.finish());
    assert!(finish.as_mut().now_or_never().is_none());

    drop(finish);

    eventually(|| spool.usage().uploads_bytes == 0 && names_in(&spool.uploads_folder()).is_empty()).await;
}

#[tokio::test]
async fn the_same_upload_is_not_received_twice() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let id = UploadId::fresh();
    let first = spool.begin_upload(id, None).await.unwrap();
    assert!(matches!(spool.begin_upload(id, None).await, Err(SpoolError::Taken(taken)) if taken == id));
    drop(first);
    assert!(spool.begin_upload(id, None).await.is_ok());
}

#[tokio::test]
async fn an_upload_that_was_removed_while_it_arrives_stops() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let id = UploadId::fresh();
    let mut writer = spool.begin_upload(id, None).await.unwrap();
    spool.remove_upload(id).await.unwrap();
    assert!(matches!(writer.write(pattern(10)).await, Err(SpoolError::Cancelled)));
}

#[tokio::test]
async fn uploads_leave_a_quarter_to_packs_and_say_what_is_free() {
    let (_folder, spool) = spool_of(8 * MIB).await;
    let _first = spool.begin_upload(UploadId::fresh(), Some(5 * MIB)).await.unwrap();
    let refused = spool.begin_upload(UploadId::fresh(), Some(2 * MIB)).await.unwrap_err();
    assert!(matches!(refused, SpoolError::Full { wanted, free, max_bytes }
            if (wanted, free, max_bytes) == (2 * MIB, MIB, 8 * MIB)));
    let mut growing = spool.begin_upload(UploadId::fresh(), None).await.unwrap();
    growing.write(pattern(MIB as usize)).await.unwrap();
    assert!(matches!(growing.write(pattern(1)).await, Err(SpoolError::Full { free: 0, .. })));
    let cancel = CancellationToken::new();
    spool.room_for_packs(2 * MIB, &cancel).await.unwrap();
}

#[tokio::test]
async fn packs_wait_for_room_until_a_pack_is_freed_or_the_wait_is_given_up() {
    let (_folder, spool) = spool_of(2 * MIB).await;
    let cancel = CancellationToken::new();
    spool.finish_file(BlobId(1), pattern(MIB as usize + 1)).await.unwrap();
    let mut wait = Box::pin(spool.room_for_packs(MIB, &cancel));
    assert!(wait.as_mut().now_or_never().is_none());

    spool.remove_pack(BlobId(1)).await.unwrap();
    wait.await.unwrap();

    spool.finish_file(BlobId(2), pattern(MIB as usize + 1)).await.unwrap();
    cancel.cancel();
    assert!(matches!(spool.room_for_packs(MIB, &cancel).await, Err(SpoolError::Cancelled)));
}

#[tokio::test]
async fn a_pack_larger_than_the_budget_does_not_wait_for_ever() {
    let (_folder, spool) = spool_of(MIB).await;
    let cancel = CancellationToken::new();
    assert!(spool.room_for_packs(20 * MIB, &cancel).now_or_never().is_some_and(|room| room.is_ok()));
}

#[tokio::test]
async fn a_sealed_pack_knows_its_length_and_hashes() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let (first, second) = (pattern(CHUNK_SIZE as usize), pattern(300_000));
    let mut writer = spool.open_pack(BlobId(7), b"header").await.unwrap();
    assert_eq!(writer.append(vec![first.clone(), Bytes::from_static(b"x")]).await.unwrap(), 6);
    assert_eq!(writer.append(vec![second.clone()]).await.unwrap(), 7 + CHUNK_SIZE);
    Unsynced::sync(vec![writer.unsynced().unwrap()]).await.unwrap();
    assert_eq!(writer.len(), 7 + CHUNK_SIZE + 300_000);
    let sealed = writer.seal(b"trailer").await.unwrap().0;

    let expected = [b"header", &first[..], b"x", &second[..], b"trailer"].concat();
    assert_eq!(fs::read(spool.pack_path(BlobId(7))).unwrap(), expected);
    assert_eq!(sealed.len, expected.len() as u64);
    assert_eq!(sealed.hash, blob_hash(&expected));
    assert_eq!(sealed.chunks, expected.chunks(CHUNK_SIZE as usize).map(hash).collect::<Vec<_>>());
    assert_eq!(spool.usage().packs_bytes, sealed.len);
}

#[tokio::test]
async fn a_reopened_pack_is_cut_to_its_committed_length_and_ends_in_the_same_bytes() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let mut writer = spool.open_pack(BlobId(1), b"header").await.unwrap();
    writer.append(vec![pattern(400_000)]).await.unwrap();
    let committed = writer.len();
    writer.append(vec![Bytes::from_static(b"never committed")]).await.unwrap();
    drop(writer);

    let mut writer = spool.reopen_pack(BlobId(1), committed).await.unwrap();
    assert_eq!(writer.append(vec![Bytes::from_static(b"again")]).await.unwrap(), committed);
    let sealed = writer.seal(b"end").await.unwrap().0;

    let expected = [b"header", &pattern(400_000)[..], b"againend"].concat();
    assert_eq!(fs::read(spool.pack_path(BlobId(1))).unwrap(), expected);
    assert_eq!(sealed.hash, blob_hash(&expected));
}

#[tokio::test]
async fn a_pack_that_lost_committed_bytes_is_not_reopened() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    spool.finish_file(BlobId(1), pattern(100)).await.unwrap();
    let refused = spool.reopen_pack(BlobId(1), 101).await.unwrap_err();
    assert!(matches!(refused, SpoolError::Short { len: 100, wanted: 101, .. }));
    assert!(matches!(spool.reopen_pack(BlobId(2), 1).await, Err(SpoolError::NotFound { .. })));
}

#[tokio::test]
async fn reopening_never_touches_bytes_that_a_store_shares() {
    let (folder, spool) = spool_of(64 * MIB).await;
    spool.finish_file(BlobId(1), pattern(100)).await.unwrap();
    let stored = folder.path().join("stored");
    fs::hard_link(spool.pack_path(BlobId(1)), &stored).unwrap();

    let mut writer = spool.reopen_pack(BlobId(1), 10).await.unwrap();
    writer.append(vec![Bytes::from_static(b"other")]).await.unwrap();

    assert_eq!(fs::read(stored).unwrap(), pattern(100));
    assert_eq!(fs::read(spool.pack_path(BlobId(1))).unwrap(), [&pattern(10)[..], b"other"].concat());
}

#[tokio::test]
async fn a_torn_step_is_noticed_and_never_written_over() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let mut writer = spool.open_pack(BlobId(1), b"header").await.unwrap();
    // The disk may be quicker than this thread, so it is tried until one append is dropped half-way.
    while writer.append(vec![pattern(100)]).now_or_never().is_some() {}
    assert!(matches!(writer.append(vec![pattern(1)]).await, Err(SpoolError::Torn)));
}

#[tokio::test]
async fn a_pack_is_read_while_it_grows_and_after_it_was_freed() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let mut writer = spool.open_pack(BlobId(1), b"").await.unwrap();
    writer.append(vec![pattern(600_000)]).await.unwrap();

    let stream = spool.read_pack(BlobId(1), ByteRange::at(3, 599_997).unwrap()).await.unwrap();
    spool.remove_pack(BlobId(1)).await.unwrap();
    let slices: Vec<Bytes> = stream.try_collect().await.unwrap();

    assert_eq!(slices.concat(), pattern(600_000)[3..]);
    assert!(slices.iter().all(|slice| slice.len() as u64 <= CHUNK_SIZE));
    let range = ByteRange::at(0, 1).unwrap();
    assert!(matches!(spool.read_pack(BlobId(1), range).await.err(), Some(SpoolError::NotFound { .. })));
}

#[tokio::test]
async fn a_range_past_the_end_of_a_pack_is_refused_at_once() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    spool.finish_file(BlobId(1), pattern(10)).await.unwrap();
    let refused = spool.read_pack(BlobId(1), ByteRange::at(5, 6).unwrap()).await.err();
    assert!(matches!(refused, Some(SpoolError::Short { len: 10, wanted: 11, .. })));
}

#[tokio::test]
async fn a_restart_removes_strays_and_counts_the_rest() {
    let (folder, spool) = spool_of(64 * MIB).await;
    let (known, stray) = (UploadId::fresh(), UploadId::fresh());
    for id in [known, stray] {
        let mut writer = spool.begin_upload(id, None).await.unwrap();
        writer.write(pattern(100)).await.unwrap();
        writer.finish().await.unwrap();
    }
    spool.finish_file(BlobId(1), pattern(10)).await.unwrap();
    spool.finish_file(BlobId(2), pattern(20)).await.unwrap();
    fs::write(spool.upload_path(known).with_extension("77.part"), b"torn").unwrap();
    fs::write(spool.root.join(PACKS).join("01.pack"), b"not our spelling").unwrap();
    fs::create_dir(spool.work_folder().join("encoder")).unwrap();

    let again = Spool::open(Settings { root: folder.path().join("spool"), max_bytes: 64 * MIB }).await.unwrap();
    let strays = again.reconcile(&HashMap::from([(known, 0)]), &HashSet::from([BlobId(1)])).await.unwrap();

    assert_eq!(strays, 5);
    assert_eq!(names_in(&again.uploads_folder()), [known.to_string()]);
    assert_eq!(names_in(&again.root.join(PACKS)), ["1.pack"]);
    assert!(names_in(&again.work_folder()).is_empty());
    assert_eq!(again.usage(), Usage { uploads_bytes: 100, packs_bytes: 10, max_bytes: 64 * MIB });
    assert!(matches!(again.begin_upload(known, None).await, Err(SpoolError::Taken(_))));
}

#[tokio::test]
async fn only_this_user_can_look_into_the_spool() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    spool.finish_file(BlobId(1), pattern(10)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&spool.uploads_folder()), 0o700);
    assert_eq!(mode(&spool.pack_path(BlobId(1))), 0o600);
}

/// Writes and makes durable, as between two pieces of an upload that is continued.
async fn keep(writer: &mut UploadWriter, bytes: Bytes) -> u64 {
    writer.write(bytes).await.unwrap();
    writer.checkpoint().await.unwrap().sync().await.unwrap()
}

#[tokio::test]
async fn an_upload_is_continued_behind_what_counts_and_hashed_as_one() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let (id, bytes) = (UploadId::fresh(), pattern(3_000_000));
    spool.reserve_upload(id, 3_000_000).unwrap();
    let mut writer = spool.continue_upload(id, 0, &CancellationToken::new()).await.unwrap();
    assert_eq!(keep(&mut writer, bytes.slice(..1_234_567)).await, 1_234_567);
    keep(&mut writer, pattern(999)).await;
    drop(writer);
    assert_eq!(spool.usage().uploads_bytes, 3_000_000, "its room stays its own");

    // As after a kill: 999 bytes are there that nobody was told of.
    let mut writer = spool.continue_upload(id, 1_234_567, &CancellationToken::new()).await.unwrap();
    assert_eq!(keep(&mut writer, bytes.slice(1_234_567..)).await, 3_000_000);
    let received = writer.finish().await.unwrap();

    assert_eq!(received, Received { bytes: 3_000_000, hash: hash(&bytes), path: spool.upload_path(id) });
    assert_eq!(fs::read(&received.path).unwrap(), bytes);
    let range = ByteRange::at(5, 2_000_000).unwrap();
    let slices: Vec<Bytes> = spool.read_upload(id, range).await.unwrap().try_collect().await.unwrap();
    assert_eq!(slices.concat(), bytes[5..2_000_005]);
}

#[tokio::test]
async fn an_upload_whose_bytes_are_gone_is_not_continued() {
    let (_folder, spool) = spool_of(64 * MIB).await;
    let id = UploadId::fresh();
    spool.reserve_upload(id, 0).unwrap();
    assert!(matches!(spool.continue_upload(id, 1, &CancellationToken::new()).await, Err(SpoolError::NotFound { .. })));
    keep(&mut spool.continue_upload(id, 0, &CancellationToken::new()).await.unwrap(), pattern(10)).await;
    assert!(
        matches!(spool.continue_upload(id, 11, &CancellationToken::new()).await, Err(SpoolError::NotFound { .. })),
        "some of them are gone"
    );
    spool.remove_upload(id).await.unwrap();
    let mut writer = spool.continue_upload(id, 0, &CancellationToken::new()).await.unwrap();
    assert!(matches!(writer.write(pattern(1)).await, Err(SpoolError::Cancelled)), "it has no room any more");
}

#[tokio::test]
async fn a_restart_keeps_the_room_of_what_is_continued() {
    let (folder, spool) = spool_of(64 * MIB).await;
    let [begun, silent] = [UploadId::fresh(), UploadId::fresh()];
    spool.reserve_upload(begun, 0).unwrap();
    keep(&mut spool.continue_upload(begun, 0, &CancellationToken::new()).await.unwrap(), pattern(100)).await;

    let again = Spool::open(Settings { root: folder.path().join("spool"), max_bytes: 64 * MIB }).await.unwrap();
    let known = HashMap::from([(begun, 1_000), (silent, 20_000)]);
    assert_eq!(again.reconcile(&known, &HashSet::new()).await.unwrap(), 0);

    assert_eq!(again.usage().uploads_bytes, 21_000);
    again.extend_upload(silent, 30_000).unwrap();
    assert_eq!(again.usage().uploads_bytes, 31_000);
    assert!(matches!(again.reserve_upload(silent, 1), Err(SpoolError::Taken(_))));
}
