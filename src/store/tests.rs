//! What every `BlobStore` must do, one fact per function. A store's tests run each of them on a
//! fresh store and a scratch folder.

use super::{BlobStore, Fault, Presence, Purpose, PutTicket, StoreError, read_verified};
use crate::media::extent::{CHUNK_SIZE, ChannelId, Hash, Locator, StoredBlob, UnheardCopy};
use crate::media::id::BlobId;
use crate::media::range::ByteRange;
use futures::TryStreamExt;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Bytes in which every chunk is different.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A file in the scratch folder and a ticket to put it on this channel.
pub(crate) fn ticket_for(scratch: &Path, bytes: &[u8], channel: &ChannelId) -> (PutTicket, PathBuf) {
    let nonce = Uuid::new_v4();
    let file = scratch.join(nonce.to_string());
    std::fs::write(&file, bytes).unwrap();
    let ticket = PutTicket {
        blob: BlobId(1),
        channel: channel.clone(),
        copy: 0,
        nonce,
        caption: format!("telecine/1 {nonce}"),
        len: bytes.len() as u64,
        hash: Hash::of_chunks(&stored(BlobId(1), bytes, Vec::new()).chunks),
        purpose: Purpose::Deposit,
    };
    (ticket, file)
}

/// A ticket for a blob of this length and hash, as a deposit makes it.
pub(crate) fn ticket_of(
    blob: BlobId,
    (len, hash): (u64, Hash),
    (channel, copy, nonce): (&ChannelId, u32, Uuid),
) -> PutTicket {
    let (channel, caption, purpose) = (channel.clone(), String::new(), Purpose::Deposit);
    PutTicket { blob, channel, copy, nonce, caption, len, hash, purpose }
}

/// What a catalog would say of a blob with these bytes.
pub(crate) fn stored(id: BlobId, bytes: &[u8], copies: Vec<Locator>) -> StoredBlob {
    let chunks = bytes.chunks(CHUNK_SIZE as usize).map(|chunk| Hash(*blake3::hash(chunk).as_bytes()));
    StoredBlob { id, len: bytes.len() as u64, chunks: chunks.collect(), copies }
}

async fn read(store: &dyn BlobStore, copy: &Locator, start: u64, len: u64) -> Result<Vec<u8>, StoreError> {
    let range = ByteRange::at(start, len).unwrap();
    let reading = store.read(copy, range, Purpose::Playback).await?;
    let slices: Vec<_> = reading.bytes.try_collect().await?;
    let bytes = slices.concat();
    Ok(if reading.is_whole { bytes[range.start() as usize..range.end() as usize].to_vec() } else { bytes })
}

pub(crate) async fn every_channel_keeps_what_was_put(store: &dyn BlobStore, scratch: &Path) {
    let bytes = pattern(600_001);
    assert!(!store.channels().is_empty());
    for channel in store.channels() {
        let (ticket, file) = ticket_for(scratch, &bytes, &channel);
        let copy = store.put(&ticket, &file).await.unwrap();
        std::fs::remove_file(file).unwrap();
        assert_eq!(read(store, &copy, 0, 600_001).await.unwrap(), bytes);
        assert_eq!(store.probe(&copy).await.unwrap(), Presence::Present);
    }
}

pub(crate) async fn a_range_is_exact(store: &dyn BlobStore, scratch: &Path) {
    let bytes = pattern(600_001);
    let (ticket, file) = ticket_for(scratch, &bytes, &store.channels()[0]);
    let copy = store.put(&ticket, &file).await.unwrap();
    for (start, len) in [(0, 1), (600_000, 1), (262_143, 2), (262_144, 262_144), (17, 599_000)] {
        assert_eq!(read(store, &copy, start, len).await.unwrap(), bytes[start as usize..(start + len) as usize]);
    }
    assert_eq!(read(store, &copy, 600_000, 2).await.unwrap_err().fault, Fault::Corrupt);
}

pub(crate) async fn the_same_ticket_finds_the_earlier_copy(store: &dyn BlobStore, scratch: &Path) {
    let bytes = pattern(1000);
    let (ticket, file) = ticket_for(scratch, &bytes, &store.channels()[0]);
    let first = store.put(&ticket, &file).await.unwrap();
    assert_eq!(store.put(&ticket, &file).await.unwrap(), first);
    assert_eq!(read(store, &first, 0, 1000).await.unwrap(), bytes);
}

pub(crate) async fn a_removed_copy_is_absent_and_removing_it_again_succeeds(store: &dyn BlobStore, scratch: &Path) {
    let (ticket, file) = ticket_for(scratch, b"bytes", &store.channels()[0]);
    let copy = store.put(&ticket, &file).await.unwrap();
    let copies = [copy.clone()];
    store.remove(&copies).await.unwrap();
    assert_eq!(store.probe(&copy).await.unwrap(), Presence::Absent);
    assert_eq!(read(store, &copy, 0, 1).await.unwrap_err().fault, Fault::Missing);
    store.remove(&copies).await.unwrap();
}

pub(crate) async fn removing_one_copy_leaves_the_other(store: &dyn BlobStore, scratch: &Path) {
    let (first, file) = ticket_for(scratch, b"bytes", &store.channels()[0]);
    let second = PutTicket { channel: store.channels()[1].clone(), copy: 1, nonce: Uuid::new_v4(), ..first.clone() };
    let first = store.put(&first, &file).await.unwrap();
    let second = store.put(&second, &file).await.unwrap();
    store.remove(&[first]).await.unwrap();
    assert_eq!(read(store, &second, 0, 5).await.unwrap(), b"bytes");
}

pub(crate) async fn a_file_that_is_not_what_the_ticket_says_is_refused(store: &dyn BlobStore, scratch: &Path) {
    let (ticket, file) = ticket_for(scratch, b"bytes", &store.channels()[0]);
    let longer = PutTicket { len: 6, ..ticket.clone() };
    assert_eq!(store.put(&longer, &file).await.unwrap_err().fault, Fault::Refused);
    let elsewhere = PutTicket { channel: ChannelId("no such channel".into()), ..ticket };
    assert_eq!(store.put(&elsewhere, &file).await.unwrap_err().fault, Fault::Refused);
}

pub(crate) async fn a_foreign_locator_is_refused(store: &dyn BlobStore) {
    let foreign = Locator("elsewhere:1/0198c0de-0000-7000-8000-000000000000".into());
    assert_eq!(read(store, &foreign, 0, 1).await.unwrap_err().fault, Fault::Refused);
    assert_eq!(store.probe(&foreign).await.unwrap_err().fault, Fault::Refused);
    assert_eq!(store.remove(&[foreign]).await.unwrap_err().fault, Fault::Refused);
}

pub(crate) async fn unheard_copies_are_found_together_and_named_ones_are_not(store: &dyn BlobStore, scratch: &Path) {
    let channel = &store.channels()[0];
    let (mut unheard, mut copies) = (Vec::new(), Vec::new());
    for bytes in [b"first", b"named", b"third"] {
        let (ticket, file) = ticket_for(scratch, bytes, channel);
        unheard.push(UnheardCopy { imprint: ticket.nonce, after: None });
        copies.push(store.put(&ticket, &file).await.unwrap());
    }
    // One of these was never put.
    unheard.insert(1, UnheardCopy { imprint: Uuid::new_v4(), after: None });
    let (other, file) = ticket_for(scratch, b"other", channel);
    let other = store.put(&other, &file).await.unwrap();
    let named = [copies.remove(1)];

    let search = store.find(channel, &unheard, &named).await.unwrap();
    let found: HashSet<_> = search.strays.iter().collect();
    assert_eq!((found, search.strays.len()), (copies.iter().collect(), 2));
    assert!(search.undecided.is_empty() && search.broke_off.is_none());
    store.remove(&search.strays).await.unwrap();
    assert_eq!(store.find(channel, &unheard, &named).await.unwrap().strays, []);
    for kept in [&named[0], &other] {
        assert_eq!(store.probe(kept).await.unwrap(), Presence::Present);
    }
    let nowhere = ChannelId("no such channel".into());
    assert_eq!(store.find(&nowhere, &unheard, &[]).await.unwrap_err().fault, Fault::Refused);
}

pub(crate) async fn a_copy_is_read_back_chunk_by_chunk(store: &dyn BlobStore, scratch: &Path) {
    let bytes = pattern(600_001);
    let (ticket, file) = ticket_for(scratch, &bytes, &store.channels()[0]);
    let copy = store.put(&ticket, &file).await.unwrap();
    let blob = stored(BlobId(1), &bytes, vec![copy.clone()]);
    let mut chunks = read_verified(store, &copy, &blob, 1..3, Purpose::Deposit).await.unwrap();
    // A store that only gives whole copies begins with the first chunk.
    while chunks.position() < 1 {
        chunks.next().await.unwrap();
    }
    assert_eq!(chunks.next().await.unwrap().unwrap(), bytes[262_144..524_288]);
    assert_eq!(chunks.next().await.unwrap().unwrap(), bytes[524_288..]);
    assert_eq!(chunks.next().await.unwrap(), None);

    let mut other = bytes.clone();
    other[300_000] ^= 1;
    let mut chunks =
        read_verified(store, &copy, &stored(BlobId(1), &other, vec![]), 0..3, Purpose::Deposit).await.unwrap();
    assert_eq!(chunks.next().await.unwrap().unwrap(), bytes[..262_144]);
    assert_eq!(chunks.next().await.unwrap_err().fault, Fault::Corrupt);
}
