//! Channels that spoil what they are given, or are dead, and where copies go then.

use super::desk::{Desk, bytes_of};
use crate::deposit::DepositError;
use crate::media::extent::ChannelId;
use crate::media::id::BlobId;
use crate::media::placement;
use crate::store::{BlobStore, Fault};
use std::time::Instant;

/// The channels in the order in which a blob prefers them.
async fn order_of(desk: &Desk, blob: BlobId) -> Vec<ChannelId> {
    let record = desk.catalog.blob_to_store(desk.lease, blob).await.unwrap().unwrap();
    placement::preference(&record.hash, &desk.store.channels())
}

#[tokio::test]
async fn a_copy_that_comes_back_damaged_is_made_anew_on_its_channel() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let order = order_of(&desk, blob).await;
    desk.store.refusing.lock().unwrap().extend(order[1..].iter().cloned());
    *desk.store.spoilt_readings.lock().unwrap() = 2;

    desk.store_blobs(&[blob]).await.unwrap();

    assert_eq!(*desk.store.tried.lock().unwrap(), vec![order[0].clone(); 3]);
    assert_eq!(desk.copies_on_disk(), 1, "what was damaged is removed");
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
}

#[tokio::test]
async fn a_store_that_damages_everything_is_asked_again_later() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blobs = desk.sealed();
    *desk.store.spoilt_readings.lock().unwrap() = u32::MAX;

    let failed = desk.store_blobs(&blobs).await.unwrap_err();

    assert!(matches!(&failed, DepositError::Store(error) if error.fault == Fault::Corrupt), "{failed:?}");
    assert!(failed.is_worth_retrying() && failed.for_people().contains("damaged"), "{}", failed.for_people());
    assert_eq!(desk.copies_on_disk(), 0);
    *desk.store.spoilt_readings.lock().unwrap() = 0;
    desk.store_blobs(&blobs).await.unwrap();
    assert_eq!(desk.read("v0", 0).await, (bytes_of(0, 900), true));
}

#[tokio::test]
async fn a_dead_channel_is_asked_once_and_then_comes_last() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900; 3]).await;
    let blobs = desk.sealed();
    let dead = order_of(&desk, blobs[0]).await[0].clone();
    desk.store.dead.lock().unwrap().insert(dead.clone());

    desk.store_blobs(&blobs).await.unwrap();

    let tried = desk.store.tried.lock().unwrap().clone();
    assert_eq!(tried.iter().filter(|channel| **channel == dead).count(), 1, "{tried:?}");
    let mut after = desk.store.channels();
    desk.deposit.load.sort(&mut after, Instant::now());
    assert_eq!(after.last(), Some(&dead));
}

#[tokio::test]
async fn a_pack_that_went_bad_on_this_machine_is_sent_once_and_then_told() {
    let mut desk = Desk::new(1).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    let mut bytes = desk.pack(blob);
    bytes[500] ^= 1;
    std::fs::write(desk.spool.pack_path(blob), bytes).unwrap();

    let failed = desk.store_blobs(&[blob]).await.unwrap_err();

    assert!(matches!(failed, DepositError::Spoilt) && !failed.is_worth_retrying(), "{failed:?}");
    assert_eq!((desk.store.tried.lock().unwrap().len(), desk.copies_on_disk()), (1, 0));
    assert!(failed.for_people().contains("add it again"));
}
