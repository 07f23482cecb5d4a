use super::*;
use crate::catalog::{JobKind, VideoState};
use crate::tests::Sample;

const SETTINGS: Settings = Settings { trash_keep: Duration::from_secs(7), replicas: 1 };

fn over(sample: &Sample) -> Library {
    let Sample { catalog, jobs, events, clock, .. } = sample;
    Library::new(catalog.clone(), jobs.clone(), events.clone(), clock.clone(), SETTINGS)
}

fn newest(trash: bool) -> Listing {
    Listing { words: String::new(), sort: Sort::Newest, trash, limit: 10, cursor: None }
}

#[tokio::test]
async fn a_deleted_film_waits_in_the_trash_and_comes_back() {
    let sample = Sample::new().await;
    let library = over(&sample);
    let id = sample.film("Film").await;
    let mut heard = sample.events.subscribe();

    library.delete(id, Deletion::Later).await.unwrap();

    assert!(matches!(library.video(id).await, Err(LibraryError::NoSuchVideo)));
    assert!(matches!(library.details(id).await, Err(LibraryError::NoSuchVideo)));
    assert!(library.list(newest(false)).await.unwrap().videos.is_empty());
    assert_eq!(library.list(newest(true)).await.unwrap().videos[0].id, id);
    assert_eq!(
        sample.catalog.next_job_due(JobKind::Forget, Vec::new(), sample.clock.now()).await.unwrap(),
        Some(sample.clock.now().after(SETTINGS.trash_keep))
    );
    assert_eq!(library.restore(id).await.unwrap().state, VideoState::Ready);
    assert_eq!(library.details(id).await.unwrap().renditions.len(), 2);
    let (deleted, restored) = (VideoChange::Deleted, VideoChange::Restored);
    assert_eq!(heard.next().await, Some(Event::Video { video_id: id, change: deleted }));
    assert_eq!(heard.next().await, Some(Event::Video { video_id: id, change: restored }));
}

#[tokio::test]
async fn deleting_for_good_does_not_wait() {
    let sample = Sample::new().await;
    let library = over(&sample);
    let id = sample.film("Film").await;
    library.delete(id, Deletion::Later).await.unwrap();
    library.delete(id, Deletion::Now).await.unwrap();
    assert_eq!(
        sample.catalog.next_job_due(JobKind::Forget, Vec::new(), sample.clock.now()).await.unwrap(),
        Some(sample.clock.now())
    );
    assert!(matches!(library.delete(VideoId::fresh(), Deletion::Now).await, Err(LibraryError::NoSuchVideo)));
}

#[tokio::test]
async fn a_stopped_film_can_be_tried_again_and_one_in_the_trash_is_not_stopped() {
    let sample = Sample::new().await;
    let library = over(&sample);
    let id = sample.arrived("Film").await;

    let stopped = library.cancel(id).await.unwrap();
    assert_eq!((stopped.state, stopped.job_state), (VideoState::Failed, Some(JobState::Cancelled)));
    assert!(matches!(library.cancel(id).await, Err(LibraryError::NothingToStop)));
    assert_eq!(library.retry(id).await.unwrap().state, VideoState::Received);
    assert!(matches!(library.retry(id).await, Err(LibraryError::Catalog(CatalogError::NotAllowed(_)))));

    library.delete(id, Deletion::Later).await.unwrap();
    assert!(matches!(library.cancel(id).await, Err(LibraryError::NoSuchVideo)));
    assert!(
        sample.catalog.next_job_due(JobKind::Forget, Vec::new(), sample.clock.now()).await.unwrap().is_some(),
        "it is still going to be forgotten"
    );
}

#[tokio::test]
async fn what_people_write_is_cleaned_and_never_empty() {
    let sample = Sample::new().await;
    let library = over(&sample);
    let id = sample.arrived("Film").await;
    let video = library.describe(id, Some(" A\u{202e}\n title "), Some("one\r\n\u{0}two\n")).await.unwrap();
    assert_eq!((video.title.as_str(), video.description.as_str()), ("A title", "one\ntwo"));
    assert!(matches!(library.describe(id, Some(" \u{200b}"), None).await, Err(LibraryError::NoTitle)));
    let long = "x".repeat(MAX_DESCRIPTION + 1);
    assert!(matches!(library.describe(id, None, Some(&long)).await, Err(LibraryError::LongDescription)));
    assert!(matches!(library.describe(VideoId::fresh(), None, None).await, Err(LibraryError::NoSuchVideo)));
    assert_eq!(library.describe(id, None, None).await.unwrap().title, "A title");
}
