mod again;
mod desk;
mod faulty;
mod mending;

use super::DepositError;
use crate::catalog::{CatalogError, CopyState, Wanted};
use crate::media::extent::{Hash, StoredBlob};
use crate::media::pack::{ramp, read_pack};
use crate::media::placement;
use crate::store::tests::ticket_of;
use crate::store::{BlobStore, Fault};
use bytes::Bytes;
use desk::{Desk, MAX_BLOB, NOW, bytes_of, fresh};
use std::collections::HashSet;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_first_packs_are_short_and_the_others_end_at_the_largest_blob() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900; 40]).await;
    let packs: Vec<Vec<u8>> = desk.sealed().into_iter().map(|blob| desk.pack(blob)).collect();

    let mut next = 0;
    let mut counts = Vec::new();
    for (number, bytes) in packs.iter().enumerate() {
        assert!(bytes.len() as u64 <= MAX_BLOB);
        let pack = read_pack(bytes).unwrap();
        assert_eq!((pack.header.video, pack.header.number, pack.timescale), (desk.video, number as u32, 1_000));
        counts.push(pack.entries.len());
        for (offset, entry) in pack.entries {
            assert_eq!((entry.segment, entry.part, entry.duration), (next, 0, 2_000));
            assert_eq!(bytes[offset as usize..][..entry.len as usize], bytes_of(next as usize, 900));
            next += 1;
        }
    }
    assert_eq!(next, 40);
    assert!(
        counts[0] <= 2 && counts[0] <= counts[1] && counts[1] < counts[2],
        "a cold start waits for little: {counts:?}"
    );
    assert_eq!(counts.iter().max(), Some(&10), "ten of these fill a blob: {counts:?}");
}

/// 50 minutes at 8 Mbit/s, of segments that differ by two fifths or not at all, on a scale on which the largest blob of
/// 20 MiB is `MAX_BLOB`.
#[tokio::test]
async fn a_film_needs_few_messages_more_than_its_bytes() {
    for (mean, spread) in [(5_900_000.0, 0.8), (7_500_000.0, 0.0), (8_000_000.0, 0.2), (11_000_000.0, 0.0)] {
        few_messages(mean, spread).await;
    }
}

async fn few_messages(mean: f64, spread: f64) {
    let mut desk = Desk::new(1).await;
    let scale = MAX_BLOB as f64 / (20.0 * 1024.0 * 1024.0);
    let uneven = |mean: f64, number: usize| {
        (mean * scale * (1.0 - spread / 2.0 + spread * ((number * 7919) % 97) as f64 / 96.0)) as usize
    };
    let segments = (2_950_000_000.0 / mean) as usize;
    let pictures: Vec<usize> = (0..segments).map(|number| uneven(mean, number)).collect();
    let sound: Vec<usize> = (0..500).map(|number| uneven(100_000.0, number)).collect();
    let mut bytes = 0;
    let mut full = 0;
    for (track, lens) in [("v0", pictures), ("a0", sound)] {
        bytes += lens.iter().sum::<usize>();
        desk.fill(track, &lens).await;
        let packs = desk.sealed().into_iter().map(|blob| read_pack(&desk.pack(blob)).unwrap());
        full += packs.filter(|pack| pack.entries.len() < ramp(pack.header.number) as usize).count();
    }
    let least = bytes as f64 / MAX_BLOB as f64;
    assert!(full as f64 <= 1.25 * least, "{mean}: {full} packs, {least:.1} would hold the bytes");
}

#[tokio::test]
async fn a_segment_larger_than_a_pack_lies_in_several_and_reads_back() {
    let mut desk = Desk::new(1).await;
    let lens = [500, 35_000, 500, 9_900, 9_901];
    desk.fill("v0", &lens).await;
    let blobs = desk.sealed();
    for blob in &blobs {
        let bytes = desk.pack(*blob);
        assert!(bytes.len() as u64 <= MAX_BLOB);
        read_pack(&bytes).unwrap();
    }
    let pieces = desk.catalog.segment_pieces(desk.video, "v0".into(), 1).await.unwrap().unwrap();
    assert_eq!(pieces.len(), 4);
    for (number, len) in lens.into_iter().enumerate() {
        assert_eq!(desk.read("v0", number as u32).await, (bytes_of(number, len), false));
    }
    desk.store_blobs(&blobs).await.unwrap();
    for (number, len) in lens.into_iter().enumerate() {
        assert_eq!(desk.read("v0", number as u32).await, (bytes_of(number, len), true));
    }
}

#[tokio::test]
async fn what_was_not_committed_is_made_again_and_the_packs_are_the_same_to_the_byte() {
    let lens: Vec<usize> = (0..30).map(|number| if number == 17 { 25_000 } else { 700 + number * 13 }).collect();
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &lens).await;
    let straight: Vec<Vec<u8>> = desk.sealed().into_iter().map(|blob| desk.pack(blob)).collect();

    let rendition = desk.rendition("v1").await;
    for crash_after in [0, 1, 2, 3, 9, 14, 20, 30] {
        let mut packer = desk.packer(rendition).await;
        let begin = desk.catalog.resume_of(rendition).await.unwrap().next_number as usize;
        for (at, len) in lens.iter().enumerate().take(crash_after).skip(begin) {
            packer.add(fresh(at, *len)).await.unwrap();
        }
        packer.commit().await.unwrap();
        for (at, len) in lens.iter().enumerate().skip(crash_after).take(12) {
            packer.add(fresh(at, *len)).await.unwrap();
        }
        assert!(packer.pending_bytes() > 0 || crash_after == 30);
        drop(packer);
        assert_eq!(desk.catalog.resume_of(rendition).await.unwrap().next_number as usize, crash_after);
    }
    desk.packer(rendition).await.finish().await.unwrap();

    let resumed: Vec<Vec<u8>> = desk.sealed().into_iter().map(|blob| desk.pack(blob)).collect();
    assert_eq!(resumed.len(), straight.len());
    assert!(resumed == straight, "the bytes differ");
    for (number, len) in lens.iter().enumerate() {
        assert_eq!(desk.read("v1", number as u32).await.0, bytes_of(number, *len));
    }
}

#[tokio::test]
async fn what_had_one_copy_when_its_job_was_stopped_gets_the_other_in_the_next_run_and_leaves_the_spool() {
    let mut desk = Desk::new(2).await;
    desk.fill("v0", &[900; 8]).await;
    let blobs = desk.sealed();
    let [done, half @ .., sealed] = &blobs[..] else { panic!("they are few: {blobs:?}") };
    desk.store_blobs(&[*done]).await.unwrap();
    let cancel = CancellationToken::new();
    let (to_store, waiting) = mpsc::unbounded_channel();
    half.iter().for_each(|blob| to_store.send(*blob).unwrap());
    drop(to_store);
    let (stored, nobody_protects) = mpsc::unbounded_channel();
    desk.deposit.store_all(desk.lease, waiting, stored, &cancel).await.unwrap();
    drop(nobody_protects);

    let (stored, to_protect) = desk.deposit.stored(desk.lease).await.unwrap();
    drop(stored);
    assert!(desk.deposit.protect_all(desk.lease, to_protect, &cancel).await.unwrap());
    for blob in half {
        assert_eq!(desk.copies(*blob).await.len(), 2);
    }
    let left: Vec<_> = desk.spool.packs().into_iter().map(|(blob, _)| blob).collect();
    assert_eq!(left, [*sealed]);
    assert!(!half.is_empty() && desk.copies(*sealed).await.is_empty(), "it has its own way");
}

#[tokio::test]
async fn nothing_is_listed_or_stored_before_its_commit() {
    let mut desk = Desk::new(1).await;
    let rendition = desk.rendition("v0").await;
    let mut packer = desk.packer(rendition).await;
    for number in 0..6 {
        packer.add(fresh(number, 900)).await.unwrap();
    }
    assert_eq!(packer.pending_bytes(), 5_400);
    assert!(desk.catalog.segment_sizes(rendition).await.unwrap().is_empty());
    assert_eq!(desk.sealed(), []);
    packer.commit().await.unwrap();
    assert_eq!(packer.pending_bytes(), 0);
    assert_eq!(desk.catalog.segment_sizes(rendition).await.unwrap(), [(900, 2_000); 6]);
    assert!(!desk.sealed().is_empty());
}

#[tokio::test]
async fn a_stored_blob_leaves_the_spool() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900; 12]).await;
    let poster = desk.deposit.add_poster(desk.lease, Bytes::from_static(b"poster")).await.unwrap();
    let mut blobs = desk.sealed();
    blobs.push(poster);
    assert!(desk.spool.usage().packs_bytes > 10_800);

    desk.store_blobs(&blobs).await.unwrap();

    assert_eq!(desk.spool.usage().packs_bytes, 0);
    assert!(blobs.iter().all(|blob| !desk.spool.pack_path(*blob).exists()));
    assert!(desk.catalog.sealed_blobs(desk.lease).await.unwrap().is_empty());
    assert_eq!(desk.copies_on_disk(), blobs.len());
    desk.store_blobs(&blobs).await.unwrap();
    assert_eq!(desk.copies_on_disk(), blobs.len(), "stored is stored");
}

#[tokio::test]
async fn two_copies_lie_on_two_channels_and_both_are_right() {
    let mut desk = Desk::new(2).await;
    desk.fill("v0", &[900; 12]).await;
    let blobs = desk.sealed();
    desk.store_blobs(&blobs).await.unwrap();
    for blob in blobs {
        let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
        assert!(record.copies.iter().all(|copy| copy.state == CopyState::Verified));
        assert_eq!(record.copies.len(), 2);
        assert_ne!(record.copies[0].channel, record.copies[1].channel);
        assert_eq!(Hash::of_chunks(&record.chunks), record.hash);
        let stored = StoredBlob { id: blob, len: record.len, chunks: record.chunks.into(), copies: Vec::new() };
        for copy in record.copies {
            let bytes = desk.whole(&stored, &copy.locator.unwrap()).await;
            assert_eq!(bytes.len() as u64, record.len);
        }
    }
}

#[tokio::test]
async fn when_a_channel_refuses_the_next_one_takes_the_copy() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let hash = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap().hash;
    let order = placement::preference(&hash, &desk.store.channels());
    desk.store.refusing.lock().unwrap().extend(order[..2].iter().cloned());

    desk.store_blobs(&[blob]).await.unwrap();

    assert_eq!(*desk.store.tried.lock().unwrap(), order[..3], "each was asked once, in order");
    let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
    let verified = record.copies.iter().filter(|copy| copy.state == CopyState::Verified);
    assert_eq!(verified.map(|copy| &copy.channel).collect::<Vec<_>>(), [&order[2]]);
    assert!(desk.read("v0", 0).await.1);
}

#[tokio::test]
async fn a_copy_goes_where_the_fewest_are_on_their_way() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let hash = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap().hash;
    let order = placement::preference(&hash, &desk.store.channels());
    let _other = desk.deposit.load.turn().await.to(&order[0]);

    desk.store_blobs(&[blob]).await.unwrap();

    let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
    assert_eq!(record.copies[0].channel, order[1]);
    let mut after = order.clone();
    desk.deposit.load.sort(&mut after, Instant::now());
    assert_eq!(after[0], order[1], "it is not on its way any more");
}

#[tokio::test]
async fn a_blob_that_no_channel_takes_stays_in_the_spool_and_is_stored_later() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blobs = desk.sealed();
    desk.store.refusing.lock().unwrap().extend(desk.store.channels());
    let failed = desk.store_blobs(&blobs).await.unwrap_err();
    assert!(matches!(&failed, DepositError::Store(error) if error.fault == Fault::Refused));
    assert!(!failed.is_worth_retrying());
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), false));

    desk.store.refusing.lock().unwrap().clear();
    desk.store_blobs(&blobs).await.unwrap();
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
    assert_eq!(desk.copies_on_disk(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_one_living_copy() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blobs = desk.sealed();
    *desk.store.lost_answers.lock().unwrap() = 1;

    desk.store_blobs(&blobs).await.unwrap();

    assert_eq!(desk.store.tried.lock().unwrap().len(), 2);
    assert_eq!(desk.copies_on_disk(), 1);
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
    let doubts = desk.catalog.doubts().await.unwrap();
    assert_eq!(
        doubts.values().map(Vec::len).collect::<Vec<_>>(),
        [1],
        "whether the first send left something has to be looked at"
    );
}

#[tokio::test]
async fn what_a_silent_channel_may_have_kept_is_in_doubt_and_can_be_found() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blobs = desk.sealed();
    *desk.store.lost_answers.lock().unwrap() = 3;

    desk.store_blobs(&blobs).await.unwrap();

    let tried = desk.store.tried.lock().unwrap().clone();
    assert_eq!((&tried[0], tried.len()), (&tried[1], 4), "the silent channel twice, then the next one");
    assert_eq!(desk.copies_on_disk(), 2, "the silent channel kept what it was sent");
    let record = desk.catalog.blob_to_store(desk.lease, blobs[0]).await.unwrap().unwrap();
    let [copy] = &record.copies[..] else { panic!("{:?}", record.copies) };
    assert_eq!((copy.channel.clone(), copy.state), (tried[3].clone(), CopyState::Verified));

    let doubts = desk.catalog.doubts().await.unwrap();
    let mut found = HashSet::new();
    for (channel, doubts) in &doubts {
        let unheard: Vec<_> = doubts.iter().map(|doubt| doubt.copy.clone()).collect();
        found.extend(desk.store.find(channel, &unheard, &[]).await.unwrap().strays);
    }
    found.remove(copy.locator.as_ref().unwrap());
    assert_eq!(found.len(), 1, "one copy is named by nobody: {doubts:?}");
}

#[tokio::test]
async fn a_copy_that_was_sent_is_read_back_and_not_sent_again() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let channel = desk.store.channels()[4].clone();
    let intent = desk.catalog.intend_copy(desk.lease, blob, 0, channel.clone(), NOW).await.unwrap();
    let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
    let nonce = intent.nonce;
    let ticket = ticket_of(blob, (record.len, record.hash), (&channel, 0, nonce));
    let locator = desk.store.put(&ticket, &desk.spool.pack_path(blob)).await.unwrap();
    desk.catalog.copy_sent(desk.lease, blob, nonce, locator, NOW).await.unwrap();
    desk.store.tried.lock().unwrap().clear();

    desk.store_blobs(&[blob]).await.unwrap();

    assert_eq!(desk.store.tried.lock().unwrap().len(), 0);
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
}

#[tokio::test]
async fn a_film_is_stored_with_one_copy_when_no_channel_takes_the_second_and_mended_later() {
    let mut desk = Desk::new(2).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
    let order = placement::preference(&record.hash, &desk.store.channels());
    desk.store.refusing.lock().unwrap().extend(order[1..].iter().cloned());
    desk.store_blobs(&[blob]).await.unwrap();
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
    assert_eq!((desk.copies_on_disk(), desk.spool.usage().packs_bytes), (1, 0));
    let home = Wanted::of(desk.store.channels(), 2);
    assert_eq!(desk.catalog.blobs_to_mend(desk.lease, &home).await.unwrap(), [blob]);

    desk.store.refusing.lock().unwrap().clear();
    desk.deposit.mend(desk.lease, blob, &CancellationToken::new()).await.unwrap();

    assert_eq!((desk.copies_on_disk(), desk.spool.usage().packs_bytes), (2, 0));
    assert!(desk.catalog.blobs_to_mend(desk.lease, &home).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_stores_nothing_more() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blobs = desk.sealed();
    desk.catalog.cancel_ingest(desk.video, NOW).await.unwrap();
    let lost = desk.store_blobs(&blobs).await.unwrap_err();
    assert!(matches!(lost, DepositError::Catalog(CatalogError::LeaseLost)));
    assert_eq!(desk.copies_on_disk(), 0);
}
