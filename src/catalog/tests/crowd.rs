use super::{Film, LEASE_END, NOW, Shelf};
use crate::catalog::{JobKind, Outranked, Settlement};
use crate::media::id::{BlobId, JobId, VideoId};

/// Those of the films that are to make way for the next one, when nothing lies on the local disk.
async fn outranked(shelf: &Shelf, running: &[Film]) -> Vec<JobId> {
    let outranked = among(shelf, running, &[], 0).await;
    assert!(outranked.iter().all(|outranked| !outranked.is_sending));
    outranked.into_iter().map(|outranked| outranked.job).collect()
}

/// The same when these blobs lie there.
async fn among(shelf: &Shelf, running: &[Film], unstored: &[(BlobId, u64)], most: u64) -> Vec<Outranked> {
    let (jobs, busy): (Vec<JobId>, Vec<VideoId>) = running.iter().map(|film| (film.lease.job, film.video)).unzip();
    shelf.catalog.outranked(JobKind::Ingest, jobs, busy, (unstored.to_vec(), most), NOW).await.unwrap()
}

async fn next(shelf: &Shelf) -> VideoId {
    let (job, lease) = shelf.catalog.claim_job(JobKind::Ingest, Vec::new(), NOW, LEASE_END).await.unwrap().unwrap();
    shelf.catalog.settle_job(lease, Settlement::HandedBack, NOW).await.unwrap();
    job.video
}

#[tokio::test]
async fn films_of_which_nothing_is_known_go_before_those_that_cannot_be_played_and_these_before_the_others() {
    let shelf = Shelf::new();
    let (playable, begun) = (shelf.growing("Playable").await, shelf.growing("Begun").await);
    shelf.add_pack(playable, 0..1).await;
    assert_eq!(outranked(&shelf, &[playable, begun]).await, [], "nobody waits");
    let new = shelf.arrive("New").await;
    let both = [playable.lease.job, begun.lease.job];
    assert_eq!(outranked(&shelf, &[playable, begun]).await, both, "the last in rank first");
    assert_eq!(outranked(&shelf, &[begun]).await, [begun.lease.job]);

    for film in [playable, begun] {
        shelf.catalog.settle_job(film.lease, Settlement::HandedBack, NOW).await.unwrap();
    }
    assert_eq!(next(&shelf).await, new);
    shelf.catalog.cancel_ingest(new, NOW).await.unwrap();
    assert_eq!(next(&shelf).await, begun.video);
    shelf.catalog.prioritise_job(playable.lease.job, 10).await.unwrap();
    assert_eq!(next(&shelf).await, begun.video, "first seconds are soon made");
    shelf.catalog.cancel_ingest(begun.video, NOW).await.unwrap();
    assert_eq!(next(&shelf).await, playable.video);
}

#[tokio::test]
async fn of_films_that_are_equally_far_the_one_goes_first_that_a_person_put_first_and_then_the_earlier() {
    let shelf = Shelf::new();
    let earlier = shelf.growing("Earlier").await;
    shelf.catalog.settle_job(earlier.lease, Settlement::HandedBack, NOW).await.unwrap();
    shelf.catalog.pause_job(earlier.lease.job).await.unwrap();
    let later = shelf.growing("Later").await;
    assert_eq!(outranked(&shelf, &[later]).await, [], "a paused one does not wait");
    shelf.catalog.resume_job(earlier.lease.job, NOW).await.unwrap();
    assert_eq!(outranked(&shelf, &[later]).await, [later.lease.job]);
    shelf.catalog.prioritise_job(later.lease.job, 1).await.unwrap();
    assert_eq!(outranked(&shelf, &[later]).await, []);
    shelf.catalog.prioritise_job(earlier.lease.job, 2).await.unwrap();
    assert_eq!(outranked(&shelf, &[later]).await, [later.lease.job]);
}

#[tokio::test]
async fn nobody_makes_way_who_would_leave_too_much_on_the_disk_together_with_films_in_line() {
    let shelf = Shelf::new();
    let left = shelf.growing("Left").await;
    let in_line = (shelf.catalog.open_pack(left.lease, left.rendition, 0).await.unwrap(), 3_000);
    let (large, small) = (shelf.growing("Large").await, shelf.growing("Small").await);
    let own = (shelf.add_pack(large, 0..2).await, 2_000);
    shelf.arrive("New").await;
    let [small_goes, large_goes] =
        [(small, false), (large, true)].map(|(film, is_sending)| Outranked { job: film.lease.job, is_sending });
    let there = [in_line, own];
    let running = [small, large];
    assert_eq!(among(&shelf, &running, &there, 1_999).await, [small_goes], "the first one is at work");
    assert_eq!(among(&shelf, &running, &there, 2_000).await, [large_goes, small_goes]);
    shelf.catalog.settle_job(left.lease, Settlement::HandedBack, NOW).await.unwrap();
    assert_eq!(among(&shelf, &running, &there, 2_999).await, []);
    assert_eq!(among(&shelf, &running, &there, 4_999).await, [small_goes]);
    assert_eq!(among(&shelf, &running, &there, 5_000).await, [large_goes, small_goes]);

    shelf.store(large.lease, own.0, 0).await;
    assert_eq!(among(&shelf, &running, &there, 4_999).await, [small_goes], "another copy is to be made of it");
    let large_goes = Outranked { is_sending: false, ..large_goes };
    assert_eq!(among(&shelf, &running, &[in_line], 4_999).await, [large_goes, small_goes], "all are there");
}

#[tokio::test]
async fn a_film_of_which_nothing_is_left_to_be_encoded_goes_before_the_earlier_that_encode() {
    let shelf = Shelf::new();
    let (encoded, copied) = (shelf.growing("Encoded").await, shelf.growing("Copied").await);
    let sql = "UPDATE renditions SET method = 'encoded' WHERE id = ?1";
    shelf.rows().execute(sql, [encoded.rendition.0]).unwrap();
    for film in [encoded, copied] {
        shelf.add_pack(film, 0..1).await;
    }
    shelf.catalog.settle_job(encoded.lease, Settlement::HandedBack, NOW).await.unwrap();
    assert_eq!(outranked(&shelf, &[copied]).await, []);
    let job = shelf.catalog.open_jobs(NOW, 1).await.unwrap()[0].id;
    let (_, lease) = shelf.catalog.claim_job(JobKind::Ingest, Vec::new(), NOW, LEASE_END).await.unwrap().unwrap();
    assert_eq!(lease.job, job);
    shelf.catalog.settle_job(copied.lease, Settlement::HandedBack, NOW).await.unwrap();
    let encoded = Film { lease, ..encoded };
    assert_eq!(outranked(&shelf, &[encoded]).await, [job], "it came first, and has hours to go");
}
