//! What is kept while channels are closed, and what is given up.

use super::desk::{Desk, NOW, bytes_of};
use crate::catalog::{CatalogError, CopyRecord, CopyState};
use crate::deposit::DepositError;
use crate::media::extent::ChannelId;
use crate::media::id::BlobId;
use crate::store::{BlobStore, Fault};
use std::collections::HashSet;
use tokio_util::sync::CancellationToken;

/// A blob with two verified copies, and where they lie.
async fn stored() -> (Desk, BlobId, Vec<CopyRecord>) {
    let mut desk = Desk::new(2).await;
    desk.fill("v0", &[900]).await;
    let blob = desk.sealed()[0];
    desk.store_blobs(&[blob]).await.unwrap();
    let copies = desk.copies(blob).await;
    (desk, blob, copies)
}

/// A blob in two channels, all there are: one is closed, and the copy in the other one counts as lost.
async fn one_closed_one_lost() -> (Desk, BlobId, [CopyRecord; 2]) {
    let (desk, blob, copies) = stored().await;
    let [closed, lost] = <[CopyRecord; 2]>::try_from(copies).expect("there are two copies");
    lose(&desk, blob, &lost).await;
    // Asked before the lock, which the question takes as well.
    let others = all_but(&desk, &[&closed.channel, &lost.channel]);
    desk.store.away.lock().unwrap().extend(others);
    desk.store.closed.lock().unwrap().insert(closed.channel.clone());
    (desk, blob, [closed, lost])
}

async fn mend(desk: &Desk, blob: BlobId) -> Result<(), DepositError> {
    desk.deposit.mend(desk.lease, blob, &CancellationToken::new()).await
}

async fn lose(desk: &Desk, blob: BlobId, copy: &CopyRecord) {
    desk.catalog.copy_lost(blob, copy.locator.clone().unwrap(), NOW).await.unwrap();
}

fn all_but(desk: &Desk, channels: &[&ChannelId]) -> HashSet<ChannelId> {
    desk.store.channels().into_iter().filter(|channel| !channels.contains(&channel)).collect()
}

#[tokio::test]
async fn what_moves_keeps_its_copies_until_as_many_lie_on_open_channels_at_home() {
    for open in [0, 1] {
        let (desk, blob, copies) = stored().await;
        desk.store.away.lock().unwrap().extend(copies.into_iter().map(|copy| copy.channel));
        let home = desk.store.channels();
        desk.store.closed.lock().unwrap().extend(home[open..].iter().cloned());
        let cancel = CancellationToken::new();

        let failed = desk.deposit.bring_home(desk.lease, blob, &cancel).await.unwrap_err();

        assert!(matches!(&failed, DepositError::Store(error) if error.fault == Fault::Unreachable), "{failed:?}");
        assert_eq!(desk.copies_on_disk(), 2 + open, "{open} open");
        desk.store.closed.lock().unwrap().clear();
        desk.deposit.bring_home(desk.lease, blob, &cancel).await.unwrap();
        assert!(desk.copies(blob).await.iter().all(|copy| home.contains(&copy.channel)));
        assert_eq!((desk.copies_on_disk(), desk.read("v0", 0).await), (2, (bytes_of(0, 900), true)));
    }
}

#[tokio::test]
async fn the_last_good_copy_of_a_stored_blob_is_never_given_up() {
    let (desk, blob, copies) = stored().await;
    let all: Vec<_> = copies.iter().filter_map(|copy| copy.locator.clone()).collect();
    let discard = async |copies| desk.catalog.discard_copies(desk.lease, blob, copies, NOW).await;

    let refused = discard(all.clone()).await;

    assert!(matches!(refused, Err(CatalogError::NotAllowed(_))), "{refused:?}");
    assert_eq!((desk.copies(blob).await.len(), desk.catalog.litter_count().await.unwrap()), (2, 0));
    discard(all[..1].to_vec()).await.unwrap();
    assert_eq!(desk.copies(blob).await.len(), 1);
}

#[tokio::test]
async fn a_lost_copy_that_nobody_could_read_again_does_not_make_room_for_a_forward() {
    let (desk, blob, [closed, lost]) = one_closed_one_lost().await;
    desk.store.throttled.lock().unwrap().insert(lost.channel.clone());

    let failed = mend(&desk, blob).await.unwrap_err();

    assert!(matches!(&failed, DepositError::Store(error) if error.fault == Fault::Throttled), "{failed:?}");
    let kept: Vec<_> = desk.copies(blob).await.into_iter().map(|copy| (copy.nonce, copy.state)).collect();
    assert_eq!(kept, [(closed.nonce, CopyState::Verified), (lost.nonce, CopyState::Lost)]);
    assert_eq!((desk.copies_on_disk(), desk.catalog.litter_count().await.unwrap()), (2, 0));
    let (to, from) = (lost.channel.clone(), closed.locator.clone().unwrap());
    let refused = desk.catalog.intend_forward(desk.lease, blob, lost.copy, to, from, NOW).await;
    assert!(matches!(refused, Err(CatalogError::NotAllowed(_))), "{refused:?}");
}

#[tokio::test]
async fn a_lost_copy_makes_room_for_a_forward_when_it_is_missing_and_not_when_it_is_damaged() {
    let (desk, blob, [_, lost]) = one_closed_one_lost().await;

    *desk.store.spoilt_readings.lock().unwrap() = 1;
    mend(&desk, blob).await.unwrap_err();
    assert_eq!((desk.copies(blob).await.len(), desk.copies_on_disk()), (2, 2), "it may have been spoilt on the way");

    desk.store.remove(&[lost.locator.clone().unwrap()]).await.unwrap();
    let _ = mend(&desk, blob).await;
    assert!(desk.copies(blob).await.iter().all(|copy| copy.nonce != lost.nonce));
}

#[tokio::test]
async fn a_lost_copy_that_could_not_be_read_again_is_kept_while_fewer_copies_can_be_had() {
    let (desk, blob, copies) = stored().await;
    let [good, lost] = &copies[..] else { panic!("{copies:?}") };
    lose(&desk, blob, lost).await;
    desk.store.closed.lock().unwrap().extend(all_but(&desk, &[&good.channel]));

    mend(&desk, blob).await.unwrap();
    assert_eq!(desk.copies(blob).await.len(), 2, "it may be whole");

    desk.store.remove(&[lost.locator.clone().unwrap()]).await.unwrap();
    desk.store.closed.lock().unwrap().remove(&lost.channel);
    mend(&desk, blob).await.unwrap();
    let left = desk.copies(blob).await;
    assert!(left.iter().all(|copy| copy.state == CopyState::Verified && copy.nonce != lost.nonce), "{left:?}");
    assert_eq!(left.len(), 2);
}
