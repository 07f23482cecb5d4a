use super::{Film, LEASE_END, Measured, NOW, Shelf, sealed, track};
use crate::catalog::{JobKind, JobLease, NewRendition, NewSidecar, Settlement};
use crate::media::id::VideoId;
use crate::media::rendition::{RenditionKind, TrackName, number_of};

fn subtitles() -> NewSidecar {
    let (why, language) = ("SRT becomes WebVTT".into(), "en".into());
    NewSidecar { why, language, label: None, forced: false, text: b"00:00:01,000 --> 00:00:02,000\nHi".to_vec() }
}

/// Claims the next job that attaches something.
async fn attach(shelf: &Shelf) -> Option<JobLease> {
    let claim = shelf.catalog.claim_job(JobKind::Attach, Vec::new(), NOW, LEASE_END).await.unwrap();
    claim.map(|(_, lease)| lease)
}

async fn add(shelf: &Shelf, video: VideoId) -> TrackName {
    shelf.catalog.add_sidecar(video, subtitles(), NOW).await.unwrap().expect("the film is there")
}

async fn names(shelf: &Shelf, video: VideoId) -> Vec<String> {
    let tracks = shelf.catalog.tracks(video).await.unwrap().expect("it can be played");
    tracks.renditions.into_iter().map(|rendition| rendition.name).collect()
}

/// A track of an added file, with all its segments listed.
async fn made(shelf: &Shelf, video: VideoId, lease: JobLease, name: TrackName) -> Film {
    let (kind, number) = (RenditionKind::Subtitles, number_of(name.kind, name.number));
    let new = NewRendition { kind, number, refines: true, ..track(&name.to_string()) };
    let rendition = shelf.catalog.begin_rendition(lease, new).await.unwrap().id;
    let film = Film { video, lease, rendition };
    shelf.add_pack(film, 0..1).await;
    let measured = Measured { peak: 1, average: 1, i_frames: None };
    shelf.catalog.finish_rendition(lease, rendition, measured).await.unwrap();
    film
}

#[tokio::test]
async fn a_film_that_is_not_ready_gets_what_was_added_when_it_is() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let name = add(&shelf, film.video).await;
    assert_eq!(shelf.catalog.waiting_sidecars(film.video).await.unwrap()[0].track, name);
    assert_eq!(attach(&shelf).await, None);
    shelf.add_pack(film, 0..2).await;
    shelf.finish(film).await;
    let lease = attach(&shelf).await.expect("it is in line");
    assert!(shelf.catalog.sidecar_text(lease, name).await.unwrap().is_some());
}

#[tokio::test]
async fn one_job_in_line_attaches_all_that_waits() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    let names = [add(&shelf, video).await, add(&shelf, video).await].map(|name| name.to_string());
    assert_eq!(names, ["s512", "s513"]);
    let lease = attach(&shelf).await.expect("it is in line");
    assert_eq!(attach(&shelf).await, None);
    assert_eq!(shelf.catalog.sidecars_to_make(lease).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_taken_away_while_its_track_is_made_is_never_shown_and_leaves_nothing() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    let name = add(&shelf, video).await;
    let lease = attach(&shelf).await.expect("it is in line");
    assert!(shelf.catalog.remove_sidecar(video, name, NOW).await.unwrap());
    made(&shelf, video, lease, name).await;
    shelf.catalog.sidecar_made(lease, name).await.unwrap();
    assert_eq!(names(&shelf, video).await, ["v0"]);
    assert!(shelf.catalog.segment_pieces(video, name.to_string(), 0).await.unwrap().is_none());
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();

    let next = attach(&shelf).await.expect("what is left of it is removed");
    assert_eq!(shelf.catalog.discard_removed(next, NOW).await.unwrap().blobs.len(), 1);
    assert_eq!(shelf.catalog.details(video).await.unwrap().len(), 1);
    assert!(!shelf.catalog.remove_sidecar(video, name, NOW).await.unwrap());
    assert_eq!(add(&shelf, video).await.to_string(), "s513");
}

#[tokio::test]
async fn what_no_track_can_be_made_of_waits_no_more_and_another_one_does() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    let (broken, fine) = (add(&shelf, video).await, add(&shelf, video).await);
    let lease = attach(&shelf).await.expect("it is in line");
    shelf.catalog.sidecar_unusable(lease, broken).await.unwrap();
    shelf.catalog.sidecar_made(lease, broken).await.unwrap();
    let waiting = shelf.catalog.sidecars_to_make(lease).await.unwrap();
    assert_eq!(waiting.into_iter().map(|sidecar| sidecar.track).collect::<Vec<_>>(), [fine]);
    assert!(!shelf.catalog.remove_sidecar(video, broken, NOW).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn an_added_track_is_shown_until_it_is_taken_away() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    let name = add(&shelf, video).await;
    let lease = attach(&shelf).await.expect("it is in line");
    made(&shelf, video, lease, name).await;
    shelf.catalog.sidecar_made(lease, name).await.unwrap();
    assert_eq!(names(&shelf, video).await, ["v0", "s512"]);
    assert_eq!(shelf.catalog.sidecar_text(lease, name).await.unwrap(), None);
    assert!(shelf.catalog.remove_sidecar(video, name, NOW).await.unwrap());
    assert_eq!(names(&shelf, video).await, ["v0"]);
}

#[tokio::test]
async fn a_restored_film_is_attached_what_its_deletion_stopped() {
    let shelf = Shelf::new();
    let video = shelf.ready("Film").await;
    let name = add(&shelf, video).await;
    shelf.catalog.trash_video(video, LEASE_END, NOW).await.unwrap();
    assert_eq!(attach(&shelf).await, None);
    assert_eq!(shelf.catalog.add_sidecar(video, subtitles(), NOW).await.unwrap(), None);
    shelf.catalog.restore_video(video, NOW).await.unwrap();
    let lease = attach(&shelf).await.expect("it is in line again");
    assert_eq!(shelf.catalog.sidecars_to_make(lease).await.unwrap()[0].track, name);
}

#[tokio::test]
async fn the_poster_of_a_person_stays_and_the_one_before_it_goes() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let sent = shelf.catalog.open_sent_poster(film.video).await.unwrap().expect("the film is there");
    assert!(shelf.catalog.show_sent_poster(film.video, sealed(sent, 1), NOW).await.unwrap());
    let word = shelf.video(film.video).await.poster;
    let found = shelf.catalog.open_poster(film.lease).await.unwrap();
    shelf.catalog.seal_poster(film.lease, sealed(found, 1)).await.unwrap();
    assert_eq!(shelf.video(film.video).await.poster, word);
    shelf.add_pack(film, 0..2).await;
    shelf.finish(film).await;
    let lease = attach(&shelf).await.expect("it is in line");
    assert_eq!(shelf.catalog.discard_removed(lease, NOW).await.unwrap().blobs, [found]);
    assert_eq!(shelf.video(film.video).await.poster, word);
}
