use super::*;
use crate::store::tests as contract;
use tempfile::TempDir;

async fn local() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(Settings { root: folder.path().join("store") }).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn every_channel_keeps_what_was_put() {
    let (folder, store) = local().await;
    assert_eq!(store.channels().len(), 8);
    contract::every_channel_keeps_what_was_put(&store, folder.path()).await;
}

#[tokio::test]
async fn a_range_is_exact() {
    let (folder, store) = local().await;
    contract::a_range_is_exact(&store, folder.path()).await;
}

#[tokio::test]
async fn the_same_ticket_finds_the_earlier_copy() {
    let (folder, store) = local().await;
    contract::the_same_ticket_finds_the_earlier_copy(&store, folder.path()).await;
}

#[tokio::test]
async fn a_removed_copy_is_absent_and_removing_it_again_succeeds() {
    let (folder, store) = local().await;
    contract::a_removed_copy_is_absent_and_removing_it_again_succeeds(&store, folder.path()).await;
}

#[tokio::test]
async fn removing_one_copy_leaves_the_other() {
    let (folder, store) = local().await;
    contract::removing_one_copy_leaves_the_other(&store, folder.path()).await;
}

#[tokio::test]
async fn a_file_that_is_not_what_the_ticket_says_is_refused() {
    let (folder, store) = local().await;
    contract::a_file_that_is_not_what_the_ticket_says_is_refused(&store, folder.path()).await;
}

#[tokio::test]
async fn a_foreign_locator_is_refused() {
    let (_folder, store) = local().await;
    contract::a_foreign_locator_is_refused(&store).await;
}

#[tokio::test]
async fn unheard_copies_are_found_together_and_named_ones_are_not() {
    let (folder, store) = local().await;
    contract::unheard_copies_are_found_together_and_named_ones_are_not(&store, folder.path()).await;
}

#[tokio::test]
async fn a_copy_is_read_back_chunk_by_chunk() {
    let (folder, store) = local().await;
    contract::a_copy_is_read_back_chunk_by_chunk(&store, folder.path()).await;
}

#[test]
fn a_locator_leads_nowhere_else() {
    let good = "local:3/0198c0de-0000-7000-8000-00000000002a";
    assert!(Spot::parse(&Locator(good.into()), "testing").is_ok());
    for bad in [
        "local:9/0198c0de-0000-7000-8000-00000000002a",
        "local:03/0198c0de-0000-7000-8000-00000000002a",
        "local:3/0198C0DE-0000-7000-8000-00000000002A",
        "local:3/0198c0de000070008000-00000000002a",
        "local:3/../3/0198c0de-0000-7000-8000-00000000002a",
        "local:../../etc/passwd",
        "local:3/",
        "tg:3/17",
        "",
    ] {
        assert_eq!(Spot::parse(&Locator(bad.into()), "testing").unwrap_err().fault, Fault::Refused, "{bad}");
    }
}

#[tokio::test]
async fn the_first_copy_costs_no_disk_and_the_second_shares_none() {
    let (folder, store) = local().await;
    let (first, file) = contract::ticket_for(folder.path(), b"bytes", &ChannelId("1".into()));
    let second = PutTicket { channel: ChannelId("2".into()), copy: 1, nonce: Uuid::new_v4(), ..first.clone() };
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();

    store.put(&first, &file).await.unwrap();
    store.put(&second, &file).await.unwrap();

    assert_eq!(inode(&Spot { channel: 1, nonce: first.nonce }.path(&store.root)), inode(&file));
    assert_ne!(inode(&Spot { channel: 2, nonce: second.nonce }.path(&store.root)), inode(&file));
    assert_eq!(fs::read_dir(store.root.join("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_crash_left_in_incoming_is_gone_after_the_next_start() {
    let (_folder, store) = local().await;
    fs::write(store.root.join("incoming/torn"), b"half").unwrap();
    LocalStore::open(Settings { root: store.root.to_path_buf() }).await.unwrap();
    assert_eq!(fs::read_dir(store.root.join("incoming")).unwrap().count(), 0);
}

#[test]
fn a_full_disk_asks_to_wait_and_a_bad_sector_is_a_lost_copy() {
    let class = |errno: Errno| failed("testing")(errno.into());
    let full = class(Errno::NOSPC);
    assert_eq!((full.fault, full.retry_after), (Fault::Throttled, Some(DISK_FULL_WAIT)));
    assert_eq!(class(Errno::IO).fault, Fault::Corrupt);
    assert_eq!(class(Errno::MFILE).fault, Fault::Unreachable);
    assert_eq!(class(Errno::ACCESS).fault, Fault::Refused);
}
