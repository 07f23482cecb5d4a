//! Where every worker has a job, one that only waits makes way.

use super::{Bench, MOST_LEFT, SOON, Unstored, ends};
use crate::catalog::{JobRecord, JobState, SealedBlob};
use crate::jobs::{Outcome, Work};
use crate::media::extent::Hash;
use futures::FutureExt;
use futures::future::BoxFuture;

fn waits(work: &Work) -> BoxFuture<'_, Outcome> {
    async move {
        let _in_line = work.in_line();
        work.cancel.cancelled().await;
        Outcome::Stopped
    }
    .boxed()
}

/// As `waits`, but something of it is at work.
fn works(work: &Work) -> BoxFuture<'_, Outcome> {
    async move {
        let _at_work = work.at_work();
        waits(work).await
    }
    .boxed()
}

fn stores(work: &Work) -> BoxFuture<'_, Outcome> {
    async move {
        work.stores_from_now_on();
        work.cancel.cancelled().await;
        Outcome::Stopped
    }
    .boxed()
}

#[tokio::test]
async fn the_job_with_the_higher_priority_is_done_first() {
    let mut bench = Bench::new(1, SOON);
    let mut videos = Vec::new();
    for title in ["first", "second", "third"] {
        videos.push(bench.arrive(title).await);
    }
    let jobs = bench.catalog.open_jobs(super::Timestamp(super::START), 3).await.unwrap();
    assert!(bench.jobs.prioritise(jobs[2].id, 10).await.unwrap());
    assert!(bench.jobs.prioritise(jobs[0].id, -1).await.unwrap());
    bench.start(|_, _| ends(Outcome::Done));
    for video in [videos[2], videos[1], videos[0]] {
        bench.until(video, JobState::Done).await;
    }
}

#[tokio::test]
async fn a_job_that_only_waits_makes_way_for_one_that_a_person_put_first() {
    let mut bench = Bench::new(3, SOON);
    bench.start(|job, work| match job.title.as_str() {
        "At work" => works(work),
        "Sent" => stores(work),
        "In line" => waits(work),
        _ => ends(Outcome::Done),
    });
    let mut running = Vec::new();
    for title in ["At work", "In line", "Sent"] {
        let video = bench.arrive(title).await;
        bench.until(video, JobState::Running).await;
        running.push(video);
    }
    let urgent = bench.arrive("Urgent").await;
    let job = bench.catalog.open_jobs(super::Timestamp(super::START), 9).await.unwrap().pop().unwrap();
    assert_eq!((job.video, job.state), (urgent, JobState::Queued), "who came first stays");
    assert!(bench.jobs.prioritise(job.id, 1).await.unwrap());
    bench.until(running[1], JobState::Queued).await;
    bench.until(urgent, JobState::Done).await;
    bench.until(running[1], JobState::Running).await;

    // Who is sent may have made way, too, for who is in line and came earlier, while the urgent one ran.
    let jobs = bench.catalog.open_jobs(super::Timestamp(super::START), 9).await.unwrap();
    let is_none_more = |job: &JobRecord| job.attempts == u32::from(job.state == JobState::Running);
    assert!(jobs.len() == 3 && jobs.iter().all(is_none_more), "it was no attempt: {jobs:?}");
}

#[tokio::test]
async fn a_job_that_only_stores_makes_way_when_no_other_can() {
    let mut bench = Bench::new(2, SOON);
    bench.start(|job, work| match job.title.as_str() {
        "At work" => works(work),
        "Sent" => stores(work),
        _ => ends(Outcome::Done),
    });
    let (at_work, sent) = (bench.arrive("At work").await, bench.arrive("Sent").await);
    bench.until(at_work, JobState::Running).await;
    let known = bench.catalog.open_jobs(super::Timestamp(super::START), 9).await.unwrap();
    if known.iter().any(|job| job.video == sent && job.state != JobState::Running) {
        bench.until(sent, JobState::Running).await;
    }
    let urgent = bench.arrive("Urgent").await;
    let job = bench.catalog.open_jobs(super::Timestamp(super::START), 9).await.unwrap().pop().unwrap();
    assert!(bench.jobs.prioritise(job.id, 1).await.unwrap());
    bench.until(sent, JobState::Queued).await;
    bench.until(urgent, JobState::Done).await;
}

/// As `waits`, with so many bytes on the local disk, which are complete or not.
fn keeps(work: &Work, unstored: Unstored, bytes: u64, is_complete: bool) -> BoxFuture<'_, Outcome> {
    async move {
        let catalog = &work.shared.catalog;
        let blob = catalog.open_poster(work.lease).await.unwrap();
        if is_complete {
            let sealed = SealedBlob { blob, len: bytes, hash: Hash([0; 32]), chunks: Vec::new() };
            catalog.seal_poster(work.lease, sealed).await.unwrap();
        }
        unstored.lock().unwrap().push((blob, bytes));
        waits(work).await
    }
    .boxed()
}

/// Two films run, and a third one goes before both: the earlier one makes way.
async fn the_earlier_makes_way(bench: &mut Bench) {
    let earlier = bench.arrive("Earlier").await;
    bench.until(earlier, JobState::Running).await;
    let later = bench.arrive("Later").await;
    bench.until(later, JobState::Running).await;
    let urgent = bench.arrive("Urgent").await;
    let job = bench.catalog.open_jobs(super::Timestamp(super::START), 9).await.unwrap().pop().unwrap();
    assert!(bench.jobs.prioritise(job.id, 1).await.unwrap());
    bench.until(earlier, JobState::Queued).await;
    bench.until(urgent, JobState::Done).await;
}

#[tokio::test]
async fn a_job_that_keeps_too_much_on_the_disk_goes_on() {
    let mut bench = Bench::new(2, SOON);
    let unstored = bench.unstored.clone();
    bench.start(move |job, work| match job.title.as_str() {
        "Earlier" => keeps(work, unstored.clone(), MOST_LEFT, false),
        "Later" => keeps(work, unstored.clone(), MOST_LEFT + 1, false),
        _ => ends(Outcome::Done),
    });
    the_earlier_makes_way(&mut bench).await;
}

#[tokio::test]
async fn a_job_of_which_something_is_being_sent_goes_last() {
    let mut bench = Bench::new(2, SOON);
    let unstored = bench.unstored.clone();
    bench.start(move |job, work| match job.title.as_str() {
        "Earlier" => keeps(work, unstored.clone(), 1, false),
        "Later" => keeps(work, unstored.clone(), 1, true),
        _ => ends(Outcome::Done),
    });
    the_earlier_makes_way(&mut bench).await;
}

#[tokio::test]
async fn a_job_that_runs_hears_of_its_new_priority() {
    let mut bench = Bench::new(1, SOON);
    bench.start(|_, work| {
        async move {
            let mut changes = work.priority_changes();
            work.stage("listens");
            changes.changed().await.unwrap();
            Outcome::Done
        }
        .boxed()
    });
    let video = bench.arrive("Film").await;
    while bench.only_job().await.progress.stage != "listens" {
        bench.until(video, JobState::Running).await;
    }
    assert!(bench.jobs.prioritise(bench.only_job().await.id, 3).await.unwrap());
    bench.until(video, JobState::Done).await;
}
