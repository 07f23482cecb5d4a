use super::{Film, LEASE_END, Measured, NOW, Shelf, Shown, arrival, track};
use crate::catalog::{Arrival, JobKind, JobLease, NewRendition, NewSidecar, Settlement, Source};
use crate::media::extent::ChannelId;
use crate::media::id::UploadId;
use crate::media::rendition::RenditionKind;
use crate::media::time::Timestamp;
use std::collections::HashMap;

const RATES: Measured = Measured { peak: 2, average: 1, i_frames: None };

/// An uploaded film of one track that was published and is still to be refined; the claim of the job that does
/// so, and the upload.
async fn being_refined(shelf: &Shelf) -> (Film, UploadId) {
    let upload = UploadId::fresh();
    shelf.catalog.begin_upload(upload, None, NOW).await.unwrap();
    let video = shelf.accept(Arrival { source: Source::Upload(upload), ..arrival("Film") }, NOW).await;
    let lease = shelf.claim(NOW).await.unwrap().1;
    let shown = Shown { tracks: 1, duration_ms: None, size: None };
    shelf.catalog.begin_processing(lease, NOW).await.unwrap();
    shelf.catalog.record_plan(lease, "{}".into(), "{}".into(), shown, NOW).await.unwrap();
    let film = begun(shelf, Film { video, lease, rendition: crate::media::id::RenditionId(0) }, track("v0")).await;
    shelf.add_pack(film, 0..2).await;
    shelf.catalog.finish_rendition(lease, film.rendition, RATES).await.unwrap();
    for blob in shelf.catalog.sealed_blobs(lease).await.unwrap() {
        shelf.store(lease, blob, 0).await;
    }
    shelf.catalog.publish(lease, true, NOW).await.unwrap();
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();
    (Film { lease: refine(shelf).await.expect("publishing queued it"), ..film }, upload)
}

async fn begun(shelf: &Shelf, film: Film, new: NewRendition) -> Film {
    let rendition = shelf.catalog.begin_rendition(film.lease, new).await.unwrap().id;
    Film { rendition, ..film }
}

/// Claims the next job that refines a film.
async fn refine(shelf: &Shelf) -> Option<JobLease> {
    let claim = shelf.catalog.claim_job(JobKind::Refine, Vec::new(), NOW, LEASE_END).await.unwrap();
    claim.map(|(_, lease)| lease)
}

async fn names(shelf: &Shelf, film: Film) -> Vec<String> {
    let tracks = shelf.catalog.tracks(film.video).await.unwrap().expect("it can be played");
    assert!(tracks.finished, "nothing of it grows for a player");
    tracks.renditions.into_iter().map(|rendition| rendition.name).collect()
}

#[tokio::test]
async fn what_refines_a_film_is_shown_once_it_is_whole() {
    let shelf = Shelf::new();
    let (film, _) = being_refined(&shelf).await;
    let smaller = NewRendition { number: 1, refines: true, ..track("v1") };
    let smaller = begun(&shelf, film, smaller).await;
    shelf.add_pack(smaller, 0..2).await;

    assert_eq!(names(&shelf, film).await, ["v0"]);
    let told = async || shelf.catalog.details(film.video).await.unwrap().len();
    assert_eq!(told().await, 1, "a page that is opened now has to see that it comes");
    assert!(!shelf.catalog.track_playlist(film.video, "v1".into()).await.unwrap().unwrap().shown);
    assert!(shelf.video(film.video).await.playable);
    shelf.catalog.finish_rendition(film.lease, smaller.rendition, RATES).await.unwrap();

    assert_eq!((names(&shelf, film).await, told().await), (vec!["v0".to_owned(), "v1".to_owned()], 2));
    let list = shelf.catalog.track_playlist(film.video, "v1".into()).await.unwrap().unwrap();
    assert!(list.finished && list.shown && !list.beside_growing);
    assert!(shelf.video(film.video).await.playable);
}

#[tokio::test]
async fn an_upload_is_kept_until_its_film_is_refined() {
    let shelf = Shelf::new();
    let (film, upload) = being_refined(&shelf).await;
    let needed = async || shelf.catalog.sort_out_uploads().await.unwrap();
    assert_eq!(needed().await, HashMap::from([(upload, 0)]));
    shelf.catalog.settle_job(film.lease, Settlement::Done, NOW).await.unwrap();
    assert_eq!(needed().await, HashMap::new());
}

#[tokio::test]
async fn a_film_that_was_thrown_away_while_it_was_refined_is_refined_when_it_is_back() {
    let shelf = Shelf::new();
    let (film, upload) = being_refined(&shelf).await;
    assert_eq!(shelf.catalog.trash_video(film.video, LEASE_END, NOW).await.unwrap(), Some(vec![film.lease.job]));
    assert_eq!(refine(&shelf).await, None);
    assert_eq!(shelf.catalog.sort_out_uploads().await.unwrap(), HashMap::from([(upload, 0)]), "it may come back");
    assert!(shelf.catalog.restore_video(film.video, NOW).await.unwrap());
    let lease = refine(&shelf).await.expect("it goes on");
    shelf.catalog.settle_job(lease, Settlement::Done, NOW).await.unwrap();

    shelf.catalog.trash_video(film.video, LEASE_END, NOW).await.unwrap();
    shelf.catalog.restore_video(film.video, NOW).await.unwrap();
    assert_eq!(refine(&shelf).await, None, "nothing is left to be done");
}

#[tokio::test]
async fn a_rendition_that_was_begun_anew_is_forgotten_once_the_later_one_is_whole() {
    let shelf = Shelf::new();
    let (film, _) = being_refined(&shelf).await;
    let of = |generation, name: &str| NewRendition { number: 1, generation, refines: true, ..track(name) };
    let first = begun(&shelf, film, of(1, "v1")).await;
    let blob = shelf.add_pack(first, 0..1).await;
    let copy = shelf.store(film.lease, blob, 0).await;
    let unheard = shelf.catalog.intend_copy(film.lease, blob, 1, ChannelId("2".into()), NOW).await.unwrap().nonce;
    let second = begun(&shelf, film, of(2, "v1g2")).await;
    shelf.add_pack(second, 0..2).await;
    let discard = async || shelf.catalog.discard_superseded(film.lease, NOW).await.unwrap();
    assert_eq!(discard().await, crate::catalog::Superseded::default(), "players still have the first one");

    shelf.catalog.finish_rendition(film.lease, second.rendition, RATES).await.unwrap();
    let found = discard().await;

    assert_eq!((found.blobs, found.copies), (vec![blob], vec![copy]));
    assert_eq!(shelf.catalog.litter_count().await.unwrap(), 1, "until it is removed");
    let doubts: Vec<_> = shelf.catalog.doubts().await.unwrap().into_values().flatten().collect();
    assert_eq!(doubts.into_iter().map(|doubt| doubt.copy.imprint).collect::<Vec<_>>(), [unheard]);
    assert_eq!(names(&shelf, film).await, ["v0", "v1g2"]);
    assert_eq!(discard().await, crate::catalog::Superseded::default());
}

#[tokio::test]
async fn a_film_is_protected_without_what_could_not_be_made() {
    let shelf = Shelf::new();
    let (film, _) = being_refined(&shelf).await;
    let kind = RenditionKind::Audio;
    let sound = begun(&shelf, film, NewRendition { number: 1001, refines: true, kind, ..track("a1") }).await;
    let of_sound = shelf.add_pack(sound, 0..1).await;
    let size = begun(&shelf, film, NewRendition { number: 1, refines: true, ..track("v1") }).await;
    let of_size = shelf.add_pack(size, 0..1).await;

    assert_eq!(shelf.catalog.discard_unmade_sounds(film.lease, NOW).await.unwrap().blobs, [of_sound]);
    assert!(!shelf.video(film.video).await.protected, "the size goes on");
    assert_eq!(shelf.catalog.discard_unmade(film.lease, NOW).await.unwrap().blobs, [of_size]);
    assert!(shelf.video(film.video).await.protected);
    assert_eq!(names(&shelf, film).await, ["v0"]);
}

#[tokio::test]
async fn a_file_is_kept_once_its_hash_is_known_and_forgotten_when_not_all_of_it_was_stored() {
    for is_stored in [true, false] {
        let shelf = Shelf::new();
        let (film, _) = being_refined(&shelf).await;
        let kind = RenditionKind::Original;
        let file = begun(&shelf, film, NewRendition { number: 5000, refines: true, kind, ..track("o0") }).await;
        let blob = shelf.add_pack(file, 0..2).await;
        assert_eq!(shelf.catalog.kept_original(film.video).await.unwrap(), None, "it is not known to be whole");
        shelf.catalog.finish_original(film.lease, file.rendition, [7; 32]).await.unwrap();
        let kept = shelf.catalog.kept_original(film.video).await.unwrap().unwrap();
        assert_eq!((kept.track.as_str(), kept.sha256, kept.runs), ("o0", [7; 32], vec![1000, 1000]));
        if is_stored {
            shelf.store(film.lease, blob, 0).await;
        }

        let forgotten = shelf.catalog.discard_unkept(film.lease, NOW).await.unwrap();

        assert_eq!(forgotten.blobs, if is_stored { Vec::new() } else { vec![blob] });
        assert_eq!(shelf.catalog.kept_original(film.video).await.unwrap().is_some(), is_stored);
        assert!(shelf.video(film.video).await.playable);
    }
}

#[tokio::test]
async fn a_refinement_that_failed_is_tried_again_while_its_source_is_there() {
    let shelf = Shelf::new();
    let (film, upload) = being_refined(&shelf).await;
    let again = async || shelf.catalog.retry_ingest(film.video, NOW).await;
    assert!(again().await.is_err(), "it goes on by itself");
    shelf.catalog.settle_job(film.lease, Settlement::Failed("ffmpeg is not installed".into()), NOW).await.unwrap();
    assert_eq!(shelf.catalog.sort_out_uploads().await.unwrap(), HashMap::from([(upload, 0)]));

    let job = again().await.unwrap().unwrap();

    let lease = refine(&shelf).await.expect("it is in line");
    assert_eq!(lease.job, job);
    assert!(shelf.video(film.video).await.playable);
    shelf.catalog.settle_job(lease, Settlement::Refused("the file is damaged".into()), NOW).await.unwrap();
    assert!(again().await.is_err(), "another try cannot help");
}

#[tokio::test]
async fn a_rendition_remembers_the_stream_it_was_made_from() {
    let shelf = Shelf::new();
    let (film, _) = being_refined(&shelf).await;
    for (number, source_stream) in [(1, Some(3)), (2, None)] {
        let new = NewRendition { number, source_stream, ..track(&format!("a{number}")) };
        let made = shelf.catalog.begin_rendition(film.lease, new).await.unwrap();
        assert_eq!(made.source_stream, source_stream);
    }
}

#[tokio::test]
async fn a_film_is_worked_on_by_one_job_at_a_time() {
    let shelf = Shelf::new();
    let (film, _) = being_refined(&shelf).await;
    let text = b"00:00:01,000 --> 00:00:02,000\nHi".to_vec();
    let new = NewSidecar { why: "SRT".into(), language: "en".into(), label: None, forced: false, text };
    shelf.catalog.add_sidecar(film.video, new, NOW).await.unwrap().expect("the film is there");
    let claim = async |now| shelf.catalog.claim_job(JobKind::Attach, Vec::new(), now, LEASE_END).await.unwrap();
    let due = async || shelf.catalog.next_job_due(JobKind::Attach, Vec::new(), NOW).await.unwrap();

    let before = shelf.catalog.version();
    assert!(claim(NOW).await.is_none(), "it is being refined");
    assert_eq!((due().await, shelf.catalog.version()), (None, before), "nobody is kept awake by it");
    assert!(claim(Timestamp(LEASE_END.0 + 1)).await.is_some(), "who refined it is gone");
    assert_eq!(shelf.catalog.reclaim_jobs(NOW).await.unwrap(), 2);
    assert_eq!(due().await, Some(NOW));
    assert!(claim(NOW).await.is_some());
    assert_eq!(refine(&shelf).await, None, "something is being attached");
}
