mod forwards;
mod late;
mod mending;
mod probing;
mod rescue;
mod unsteady;

use super::*;
use crate::cache::Standing;
use crate::catalog::{CatalogError, JobKind, JobLease, Settlement, Unreadable, Wanted};
use crate::media::extent::{ChannelId, Locator, Place};
use crate::media::id::BlobId;
use crate::media::range::ByteRange;
use crate::media::time::Timestamp;
use crate::store::Presence;
use crate::store::tests::ticket_of;
use crate::tests::Sample;
use futures::StreamExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn parts(sample: &Sample) -> Parts {
    Parts {
        catalog: sample.catalog.clone(),
        store: sample.store.clone(),
        spool: sample.spool.clone(),
        cache: sample.cache.clone(),
        clock: sample.clock.clone(),
    }
}

fn keeper(sample: &Sample, replicas: u32) -> Keeper {
    Keeper {
        catalog: sample.catalog.clone(),
        store: sample.store.clone(),
        jobs: sample.jobs.clone(),
        events: sample.events.clone(),
        clock: sample.clock.clone(),
        replicas,
        alarm: std::sync::Arc::default(),
    }
}

/// Puts the first copy of a blob on a channel; nobody hears of it.
async fn put(sample: &Sample, lease: JobLease, blob: BlobId, channel: &ChannelId) -> (Uuid, Locator) {
    let record = sample.catalog.blob_to_store(lease, blob).await.unwrap().unwrap();
    let intent = sample.catalog.intend_copy(lease, blob, 0, channel.clone(), sample.clock.now()).await.unwrap();
    let nonce = intent.nonce;
    let ticket = ticket_of(blob, (record.len, record.hash), (channel, 0, nonce));
    (nonce, sample.store.put(&ticket, &sample.spool.pack_path(blob)).await.unwrap())
}

/// Puts it, hears of it and reads it back.
async fn put_and_heard(sample: &Sample, lease: JobLease, blob: BlobId, channel: &ChannelId) -> Locator {
    let (nonce, locator) = put(sample, lease, blob, channel).await;
    sample.catalog.copy_sent(lease, blob, nonce, locator.clone(), sample.clock.now()).await.unwrap();
    sample.catalog.copy_verified(lease, blob, nonce, sample.clock.now()).await.unwrap();
    locator
}

/// Makes a copy on the first channel one of which nobody can say whether it is there.
fn break_copy(sample: &Sample, nonce: Uuid) -> PathBuf {
    let name = nonce.hyphenated().to_string();
    let file = sample.folder.path().join("store/channels/1").join(&name[34..]).join(&name);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&file, &file).unwrap();
    file
}

#[tokio::test]
async fn a_lost_copy_is_made_again() {
    let sample = Sample::with_copies(2).await;
    let video = sample.film("Film").await;
    let files = sample.files();
    keeper(&sample, 2).round().await.unwrap();
    let (now, later) = (sample.clock.now(), sample.clock.now().after(Duration::from_secs(60)));
    assert!(sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().is_none(), "all is well");

    let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
    let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
    sample.store.remove(&blob.copies[..1]).await.unwrap();
    sample.catalog.copy_lost(blob.id, blob.copies[0].clone(), now).await.unwrap();
    keeper(&sample, 2).round().await.unwrap();
    keeper(&sample, 2).round().await.unwrap();

    let (job, lease) = sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().unwrap();
    assert_eq!(job.video, video);
    let lacking = sample.catalog.blobs_to_mend(lease, &Wanted::of(sample.store.channels(), 2)).await.unwrap();
    assert_eq!(lacking, [blob.id]);
    sample.deposit.mend(lease, blob.id, &CancellationToken::new()).await.unwrap();
    sample.catalog.settle_job(lease, Settlement::Done, now).await.unwrap();
    assert!(sample.catalog.claim_job(JobKind::Mend, Vec::new(), now, later).await.unwrap().is_none(), "one job only");
    assert_eq!(sample.files(), files);
    assert!(sample.catalog.video(video, 2).await.unwrap().unwrap().protected);
}

#[tokio::test]
async fn a_last_copy_that_was_away_for_a_while_counts_as_lost_until_it_is_back() {
    let sample = Sample::new().await;
    let video = sample.film("Film").await;
    let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
    let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
    let lost = async || {
        let (total, videos) = sample.catalog.affected(Unreadable::default(), 10).await.unwrap();
        assert_eq!(total, videos.len() as u64);
        videos.iter().map(|affected| (affected.id, affected.lost)).collect::<Vec<_>>()
    };
    assert_eq!(lost().await, []);
    sample.catalog.copy_lost(blob.id, blob.copies[0].clone(), sample.clock.now()).await.unwrap();
    assert_eq!(lost().await, [(video, 1)]);
    keeper(&sample, 1).round().await.unwrap();
    assert_eq!(lost().await, [], "it was read once more, and at once");

    sample.store.remove(&blob.copies).await.unwrap();
    let long_ago = Timestamp(sample.clock.now().0 - 3_600_000);
    sample.catalog.copy_lost(blob.id, blob.copies[0].clone(), long_ago).await.unwrap();
    keeper(&sample, 1).round().await.unwrap();
    assert_eq!(lost().await, [(video, 1)]);
    let looked_at = sample.catalog.missed_blobs(long_ago, 10).await.unwrap();
    assert!(looked_at.is_empty(), "it is not looked for again so soon");
}

#[tokio::test]
async fn what_a_lost_answer_left_is_removed() {
    let sample = Sample::new().await;
    let mut growing = sample.growing("Film").await;
    let (blob, lease, now) = (growing.sealed.recv().await.unwrap(), growing.lease, sample.clock.now());
    let channels = sample.store.channels();
    let (_, stray) = put(&sample, lease, blob, &channels[0]).await;
    let (nonce, named) = put(&sample, lease, blob, &channels[1]).await;
    keeper(&sample, 1).round().await.unwrap();
    assert_eq!(sample.store.probe(&stray).await.unwrap(), Presence::Present, "the send may still be under way");

    sample.catalog.copy_sent(lease, blob, nonce, named.clone(), now).await.unwrap();
    sample.catalog.copy_verified(lease, blob, nonce, now).await.unwrap();
    keeper(&sample, 1).round().await.unwrap();

    assert_eq!(sample.store.probe(&stray).await.unwrap(), Presence::Absent);
    assert_eq!(sample.store.probe(&named).await.unwrap(), Presence::Present);
    assert!(sample.catalog.doubts().await.unwrap().is_empty());
    assert_eq!(sample.catalog.litter_count().await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_be_looked_for_keeps_nothing_else_from_being_cleared_up() {
    let sample = Sample::new().await;
    let mut growing = sample.growing("Film").await;
    let lease = growing.lease;
    let blobs = [growing.sealed.recv().await.unwrap(), growing.sealed.recv().await.unwrap()];
    let channels = sample.store.channels();
    let (_, first) = put(&sample, lease, blobs[0], &channels[0]).await;
    let (nonce, unreadable) = put(&sample, lease, blobs[1], &channels[0]).await;
    let (_, elsewhere) = put(&sample, lease, blobs[1], &channels[1]).await;
    for blob in blobs {
        put_and_heard(&sample, lease, blob, &channels[2]).await;
    }
    let file = break_copy(&sample, nonce);
    assert!(sample.store.probe(&unreadable).await.is_err());

    keeper(&sample, 1).round().await.unwrap_err();

    for stray in [&first, &elsewhere] {
        assert_eq!(sample.store.probe(stray).await.unwrap(), Presence::Absent);
    }
    let left: Vec<Uuid> = sample.catalog.doubts().await.unwrap()[&channels[0]].iter().map(|d| d.copy.imprint).collect();
    assert_eq!(left, [nonce], "only what was not decided is looked for again");

    std::fs::remove_file(&file).unwrap();
    keeper(&sample, 1).round().await.unwrap();
    assert!(sample.catalog.doubts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_copy_that_was_sent_and_never_verified_is_removed_when_the_film_is_ready() {
    let sample = Sample::new().await;
    let mut growing = sample.growing("Film").await;
    let (blob, lease, now) = (growing.sealed.recv().await.unwrap(), growing.lease, sample.clock.now());
    let record = sample.catalog.blob_to_store(lease, blob).await.unwrap().unwrap();
    let channels = sample.store.channels();
    let mut copies = Vec::new();
    for (copy, channel) in [(0, &channels[1]), (1, &channels[2])] {
        let nonce = sample.catalog.intend_copy(lease, blob, copy, channel.clone(), now).await.unwrap().nonce;
        let ticket = ticket_of(blob, (record.len, record.hash), (channel, copy, nonce));
        let locator = sample.store.put(&ticket, &sample.spool.pack_path(blob)).await.unwrap();
        sample.catalog.copy_sent(lease, blob, nonce, locator.clone(), now).await.unwrap();
        copies.push((nonce, locator));
    }
    sample.catalog.copy_verified(lease, blob, copies[0].0, now).await.unwrap();
    keeper(&sample, 1).round().await.unwrap();
    assert_eq!(sample.store.probe(&copies[1].1).await.unwrap(), Presence::Present, "a job may still read it back");

    sample.catalog.settle_job(lease, Settlement::Done, now).await.unwrap();
    keeper(&sample, 1).round().await.unwrap();

    assert_eq!(sample.store.probe(&copies[1].1).await.unwrap(), Presence::Absent);
    assert_eq!(sample.store.probe(&copies[0].1).await.unwrap(), Presence::Present);
    assert_eq!(sample.catalog.litter_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_forgotten_film_leaves_no_byte_and_no_record() {
    let sample = Sample::new().await;
    let video = sample.film("Film").await;
    let kept = sample.film("Another").await;
    let files = sample.files();
    for film in [video, kept] {
        let pieces = sample.catalog.segment_pieces(film, "v0".into(), 0).await.unwrap().unwrap();
        let all = ByteRange::at(0, pieces.iter().map(|placed| placed.piece.range.len()).sum()).unwrap();
        let mut slices = sample.cache.get(pieces, all, Standing::Passing);
        while let Some(slice) = slices.next().await {
            slice.unwrap();
        }
    }
    let cached = sample.cache.stats().entries;
    sample.catalog.trash_video(video, sample.clock.now(), sample.clock.now()).await.unwrap();
    let (_, lease) = sample.claimed().await;

    forget(&parts(&sample), lease, &CancellationToken::new()).await.unwrap();

    assert!(sample.catalog.video(video, 1).await.unwrap().is_none());
    assert_eq!(sample.files() * 2, files, "all that is left belongs to the other film");
    assert_eq!(sample.cache.stats().entries * 2, cached, "in memory, too");
    assert!(sample.catalog.tracks(kept).await.unwrap().is_some());
    assert_eq!(sample.catalog.counts().await.unwrap().videos, 1);
}

#[tokio::test]
async fn a_film_that_was_never_stored_leaves_nothing_in_the_spool() {
    let sample = Sample::new().await;
    let growing = sample.growing("Film").await;
    sample.catalog.trash_video(growing.video, sample.clock.now(), sample.clock.now()).await.unwrap();
    let (_, lease) = sample.claimed().await;
    forget(&parts(&sample), lease, &CancellationToken::new()).await.unwrap();
    assert_eq!(sample.files(), 0);
}

#[tokio::test]
async fn a_film_is_forgotten_while_a_channel_cannot_be_searched_and_what_lies_there_is_looked_for_later() {
    let sample = Sample::new().await;
    let mut growing = sample.growing("Film").await;
    let blob = growing.sealed.recv().await.unwrap();
    let channels = sample.store.channels();
    let (nonce, _) = put(&sample, growing.lease, blob, &channels[0]).await;
    let (_, stray) = put(&sample, growing.lease, blob, &channels[1]).await;
    sample.catalog.trash_video(growing.video, sample.clock.now(), sample.clock.now()).await.unwrap();
    let (_, lease) = sample.claimed().await;
    let file = break_copy(&sample, nonce);

    forget(&parts(&sample), lease, &CancellationToken::new()).await.unwrap();

    assert_eq!(sample.store.probe(&stray).await.unwrap(), Presence::Absent, "what was found is removed");
    assert!(sample.catalog.video(growing.video, 1).await.unwrap().is_none());
    let doubts = sample.catalog.doubts().await.unwrap();
    assert!(doubts[&channels[0]].iter().any(|doubt| doubt.copy.imprint == nonce), "{doubts:?}");
    std::fs::write(std::fs::remove_file(&file).map(|()| file).unwrap(), b"sent, and not heard of").unwrap();
    keeper(&sample, 1).round().await.unwrap();
    assert_eq!(sample.files(), 0);
}

#[tokio::test]
async fn forgetting_goes_on_where_it_was_stopped() {
    let sample = Sample::new().await;
    let video = sample.film("Film").await;
    sample.catalog.trash_video(video, sample.clock.now(), sample.clock.now()).await.unwrap();
    let (_, lease) = sample.claimed().await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert!(matches!(forget(&parts(&sample), lease, &stopped).await, Err(ForgetError::Cancelled)));
    let restored = sample.catalog.restore_video(video, sample.clock.now()).await;
    assert!(matches!(restored, Err(CatalogError::NotAllowed(_))), "there is no way back");

    let doomed = sample.catalog.doom(lease).await.unwrap();
    sample.store.remove(&doomed[0].locators).await.unwrap();
    let copies = doomed[2].locators.clone();
    sample.store.remove(&copies).await.unwrap();
    sample.catalog.forget_copies(lease, copies, Vec::new(), sample.clock.now()).await.unwrap();
    sample.catalog.forget_blobs(lease, vec![doomed[1].blob]).await.unwrap();
    sample.store.remove(&doomed[1].locators).await.unwrap();

    forget(&parts(&sample), lease, &CancellationToken::new()).await.unwrap();
    assert_eq!(sample.files(), 0);
}

#[tokio::test]
async fn what_is_not_in_the_trash_is_not_forgotten() {
    let sample = Sample::new().await;
    let growing = sample.growing("Film").await;
    let refused = forget(&parts(&sample), growing.lease, &CancellationToken::new()).await;
    assert!(matches!(refused, Err(ForgetError::Catalog(CatalogError::NotAllowed(_)))));
    let (files, video) = (sample.files(), sample.finish(growing).await);
    assert!(files > 0 && sample.catalog.tracks(video).await.unwrap().is_some());
}

#[tokio::test]
async fn a_film_in_the_trash_moves_while_it_can_be_restored_and_is_not_mended() {
    let sample = Sample::new().await;
    let video = sample.film("Film").await;
    let now = sample.clock.now();
    sample.catalog.trash_video(video, now.after(Duration::from_secs(60)), now).await.unwrap();
    let elsewhere = vec![ChannelId("-100".into())];
    assert_eq!(sample.catalog.queue_mends(&Wanted::of(sample.store.channels(), 2), now).await.unwrap(), 0);
    assert!(sample.catalog.moving(&elsewhere).await.unwrap().blobs > 0);
    assert_eq!(sample.catalog.queue_moves(&elsewhere, 1, now).await.unwrap(), 1);
    assert_eq!(sample.catalog.queue_moves(&elsewhere, 1, now).await.unwrap(), 0, "it is queued already");
}

#[tokio::test]
async fn a_copy_that_a_reader_misses_is_not_read_again() {
    let mut sample = Sample::with_copies(2).await;
    let video = sample.film("Film").await;
    let pieces = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
    let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
    sample.store.remove(&blob.copies[..1]).await.unwrap();
    let (reports, end) = (sample.damage.take().unwrap(), CancellationToken::new());
    let (missing, mut passed_on) = tokio::sync::mpsc::channel(1);
    let recording = record_damage(
        sample.catalog.clone(),
        sample.clock.clone(),
        reports,
        std::sync::Arc::default(),
        missing,
        end.clone(),
    );
    let reading = async {
        assert!(
            sample.cache.open(pieces.clone(), ByteRange::at(0, 1).unwrap(), Standing::Passing).await.is_ok(),
            "the other one is read"
        );
        loop {
            let found = sample.catalog.segment_pieces(video, "v0".into(), 0).await.unwrap().unwrap();
            if matches!(&found[0].place, Place::Store(left) if left.copies == blob.copies[1..]) {
                return end.cancel();
            }
        }
    };
    let both = async { tokio::join!(recording, reading) };
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("it is never recorded");
    assert_eq!(passed_on.recv().await, Some((blob.id, blob.copies[0].clone())), "others may be missing, too");
}
