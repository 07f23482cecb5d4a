use super::{Film, LEASE_END, Measured, NOW, Shelf, Shown, track};
use crate::catalog::{JobKind, JobLease, NewRendition, Rival, Settlement};
use crate::media::id::{RenditionId, VideoId};
use std::time::Duration;

const RATES: Measured = Measured { peak: 2, average: 1, i_frames: None };

/// A film whose only track, of these codecs, is stored and finished, and that is not published.
async fn copied(shelf: &Shelf, title: &str, codecs: &str) -> Film {
    let video = shelf.arrive(title).await;
    let lease = shelf.claim(NOW).await.unwrap().1;
    shelf.catalog.begin_processing(lease, NOW).await.unwrap();
    let shown = Shown { tracks: 1, ..Shown::default() };
    shelf.catalog.record_plan(lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
    let film = Film { video, lease, rendition: RenditionId(0) };
    let film = begun(shelf, film, NewRendition { codecs: codecs.into(), ..track("v0") }).await;
    shelf.add_pack(film, 0..2).await;
    shelf.catalog.finish_rendition(lease, film.rendition, RATES).await.unwrap();
    for blob in shelf.catalog.sealed_blobs(lease).await.unwrap() {
        shelf.store(lease, blob, 0).await;
    }
    film
}

async fn published(shelf: &Shelf, film: Film) {
    shelf.catalog.publish(film.lease, true, NOW).await.unwrap();
    shelf.catalog.settle_job(film.lease, Settlement::Done, NOW).await.unwrap();
}

async fn begun(shelf: &Shelf, film: Film, new: NewRendition) -> Film {
    let rendition = shelf.catalog.begin_rendition(film.lease, new).await.unwrap().id;
    Film { rendition, ..film }
}

fn smaller() -> NewRendition {
    NewRendition { number: 1, refines: true, ..track("v1") }
}

async fn refine(shelf: &Shelf) -> Option<(VideoId, JobLease)> {
    let claim = shelf.catalog.claim_job(JobKind::Refine, Vec::new(), NOW, LEASE_END).await.unwrap();
    claim.map(|(job, lease)| (job.video, lease))
}

#[tokio::test]
async fn pictures_for_browsers_grow_beside_a_film_that_is_ready() {
    let shelf = Shelf::new();
    let film = copied(&shelf, "Film", "hvc1.1.6.L93.90").await;
    let growing = async || -> Vec<String> {
        let pictures = shelf.catalog.growing_pictures(film.video).await.unwrap();
        pictures.into_iter().map(|rendition| rendition.name).collect()
    };
    let list = async |name: &str| {
        let list = shelf.catalog.track_playlist(film.video, name.into()).await.unwrap().unwrap();
        (list.shown, list.finished, list.beside_growing)
    };
    let next = begun(&shelf, film, smaller()).await;
    assert_eq!((growing().await, list("v0").await), (Vec::new(), (true, true, false)), "nothing of it is listed");
    shelf.add_pack(next, 0..1).await;
    published(&shelf, film).await;

    assert_eq!(growing().await, ["v1"]);
    assert_eq!((list("v0").await, list("v1").await), ((true, true, true), (false, true, true)));
    let names: Vec<String> =
        shelf.catalog.tracks(film.video).await.unwrap().unwrap().renditions.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["v0"]);

    let (_, lease) = refine(&shelf).await.unwrap();
    shelf.catalog.finish_rendition(lease, next.rendition, RATES).await.unwrap();
    assert_eq!((growing().await, list("v1").await), (Vec::new(), (true, true, false)));
}

#[tokio::test]
async fn what_refines_a_film_that_browsers_can_play_does_not_grow_for_them() {
    let shelf = Shelf::new();
    let film = copied(&shelf, "Film", "avc1.640028").await;
    let next = begun(&shelf, film, smaller()).await;
    shelf.add_pack(next, 0..1).await;
    assert!(shelf.catalog.growing_pictures(film.video).await.unwrap().is_empty());
}

const COPIES: [(&str, &str); 3] = [("Running", "avc1.640028"), ("Older", "avc1.640028"), ("Unseen", "hvc1.1.6.L93.90")];

async fn rival(shelf: &Shelf, lease: JobLease, busy: &[VideoId]) -> Option<Rival> {
    shelf.catalog.rival_of(lease, busy.to_vec(), NOW).await.unwrap()
}

#[tokio::test]
async fn a_refinement_that_browsers_wait_for_goes_before_others_but_not_before_urgent_ones() {
    let shelf = Shelf::new();
    let mut films = Vec::new();
    for (title, codecs) in COPIES {
        let film = copied(&shelf, title, codecs).await;
        published(&shelf, film).await;
        films.push(film);
        if title == "Running" {
            (_, films[0].lease) = refine(&shelf).await.unwrap();
        }
        let wanted = (title == "Unseen").then_some(Rival::Urgent);
        assert_eq!(rival(&shelf, films[0].lease, &[]).await, wanted, "{title}");
    }
    let (video, unseen) = refine(&shelf).await.unwrap();
    assert_eq!(video, films[2].video);
    assert_eq!(rival(&shelf, unseen, &[]).await, None);
    let next = begun(&shelf, Film { lease: unseen, ..films[2] }, smaller()).await;
    shelf.catalog.finish_rendition(unseen, next.rendition, RATES).await.unwrap();
    assert_eq!(rival(&shelf, unseen, &[]).await, None, "who came first is no reason to stop");

    let jobs = shelf.catalog.open_jobs(NOW, 10).await.unwrap();
    let older = jobs.iter().find(|job| job.video == films[1].video).unwrap();
    shelf.catalog.prioritise_job(older.id, 1).await.unwrap();
    assert_eq!(rival(&shelf, unseen, &[]).await, Some(Rival::Urgent));
}

#[tokio::test]
async fn nobody_stops_for_a_refinement_that_could_not_be_claimed_yet() {
    let shelf = Shelf::new();
    let running = copied(&shelf, "Running", "avc1.640028").await;
    published(&shelf, running).await;
    let (_, lease) = refine(&shelf).await.unwrap();
    let unseen = copied(&shelf, "Unseen", "hvc1.1.6.L93.90").await;
    published(&shelf, unseen).await;
    assert_eq!(rival(&shelf, lease, &[running.video, unseen.video]).await, None);
    assert_eq!(rival(&shelf, lease, &[running.video]).await, Some(Rival::Urgent));
}

#[tokio::test]
async fn films_that_browsers_wait_for_take_turns() {
    let shelf = Shelf::new();
    let mut films = Vec::new();
    for title in ["One", "Two", "Three"] {
        let film = copied(&shelf, title, "hvc1.1.6.L93.90").await;
        published(&shelf, film).await;
        films.push(film.video);
    }
    let mut claimed = Vec::new();
    for turn in 1..=6 {
        let now = NOW.after(Duration::from_millis(turn));
        let (job, lease) = shelf.catalog.claim_job(JobKind::Refine, Vec::new(), now, LEASE_END).await.unwrap().unwrap();
        claimed.push(job.video);
        assert_eq!(shelf.catalog.rival_of(lease, Vec::new(), now).await.unwrap(), Some(Rival::Equal));
        shelf.catalog.settle_job(lease, Settlement::HandedBack, now).await.unwrap();
    }
    assert_eq!(claimed, [films.clone(), films].concat());
}
