use super::{NOW, Shelf, arrival, hash};
use crate::catalog::{Accepted, Arrival, Beginning, Labels, ResumableKind, Source};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use std::collections::HashMap;

fn labels(kind: ResumableKind) -> Labels {
    Labels {
        kind,
        file_name: "Film.mkv".into(),
        title: None,
        again: false,
        said: "filename RmlsbS5ta3Y=".into(),
        parts: String::new(),
    }
}

async fn begun(shelf: &Shelf, kind: ResumableKind, bytes_total: Option<u64>) -> UploadId {
    let id = UploadId::fresh();
    let beginning = shelf.catalog.begin_resumable(id, labels(kind), bytes_total, 100, NOW).await.unwrap();
    assert_eq!(beginning, Beginning::Begun);
    id
}

fn arrived(upload: UploadId, bytes: &str) -> Arrival {
    Arrival { hash: Some(hash(bytes)), source: Source::Upload(upload), ..arrival("Film") }
}

#[tokio::test]
async fn what_is_safe_of_an_upload_only_grows() {
    let shelf = Shelf::new();
    let id = begun(&shelf, ResumableKind::Whole, None).await;
    for (bytes, at) in [(100, 1), (300, 2), (200, 3)] {
        shelf.catalog.record_safe_bytes(id, bytes, Timestamp(at)).await.unwrap();
    }
    shelf.catalog.record_upload_length(id, 900).await.unwrap();
    shelf.catalog.record_upload_length(id, 901).await.unwrap();

    let found = shelf.catalog.resumable(id).await.unwrap().unwrap();

    assert_eq!((found.bytes_safe, found.bytes_total, found.touched_at), (300, Some(900), Timestamp(3)));
    assert_eq!((found.labels, found.video), (labels(ResumableKind::Whole), None));
    assert_eq!(shelf.catalog.upload(id).await.unwrap().unwrap().bytes_safe, Some(300));
}

#[tokio::test]
async fn only_so_many_uploads_are_unfinished() {
    let shelf = Shelf::new();
    let first = begun(&shelf, ResumableKind::Whole, Some(5)).await;
    let begin = async || {
        let labels = labels(ResumableKind::Part);
        shelf.catalog.begin_resumable(UploadId::fresh(), labels, None, 1, NOW).await.unwrap()
    };
    assert_eq!(begin().await, Beginning::TooMany);
    let joined = labels(ResumableKind::Joined);
    let joined = shelf.catalog.begin_resumable(UploadId::fresh(), joined, None, 1, NOW).await.unwrap();
    assert_eq!(joined, Beginning::Begun, "nothing else makes parts fewer");
    shelf.catalog.sort_out_uploads().await.unwrap();
    shelf.accept(arrived(first, "bytes"), NOW).await;
    assert_eq!(begin().await, Beginning::Begun, "a finished one does not count");
}

#[tokio::test]
async fn an_upload_in_pieces_becomes_the_film_in_one_step() {
    let shelf = Shelf::new();
    let id = begun(&shelf, ResumableKind::Whole, Some(5_000)).await;
    shelf.catalog.record_safe_bytes(id, 4_000, NOW).await.unwrap();
    let video = shelf.accept(arrived(id, "bytes"), NOW).await;
    let found = shelf.catalog.resumable(id).await.unwrap().unwrap();
    assert_eq!((found.video, found.bytes_safe, found.bytes_total), (Some(video), 5_000, Some(5_000)));
    assert!(!shelf.catalog.upload(id).await.unwrap().unwrap().known);
    shelf.catalog.drop_upload(id).await.unwrap();
    assert!(shelf.catalog.resumable(id).await.unwrap().is_some(), "what arrived did not break off");
}

#[tokio::test]
async fn bytes_that_were_known_are_answered_for_even_when_the_answer_was_lost() {
    let shelf = Shelf::new();
    let first = begun(&shelf, ResumableKind::Whole, None).await;
    let video = shelf.accept(arrived(first, "bytes"), NOW).await;
    let second = begun(&shelf, ResumableKind::Whole, None).await;
    assert_eq!(shelf.catalog.accept(arrived(second, "bytes"), NOW).await.unwrap(), Accepted::Known(video));
    let found = shelf.catalog.upload(second).await.unwrap().unwrap();
    assert_eq!((found.video, found.known), (Some(video), true));
    let needed = shelf.catalog.sort_out_uploads().await.unwrap();
    assert_eq!(needed, HashMap::from([(first, 0)]), "the second one's bytes are not needed");
}

#[tokio::test]
async fn a_restart_keeps_what_is_continued_with_its_room() {
    let shelf = Shelf::new();
    let whole = begun(&shelf, ResumableKind::Whole, Some(7_000)).await;
    let part = begun(&shelf, ResumableKind::Part, None).await;
    let joined = begun(&shelf, ResumableKind::Joined, Some(9_000)).await;
    shelf.catalog.record_safe_bytes(part, 300, NOW).await.unwrap();
    let needed = shelf.catalog.sort_out_uploads().await.unwrap();
    assert_eq!(needed, HashMap::from([(whole, 7_000), (part, 300)]));
    assert!(shelf.catalog.resumable(joined).await.unwrap().is_none(), "it is joined anew");
}

#[tokio::test]
async fn an_abandoned_upload_is_one_that_nothing_came_of() {
    let shelf = Shelf::new();
    let [silent, alive, done] = [
        begun(&shelf, ResumableKind::Whole, None).await,
        begun(&shelf, ResumableKind::Part, None).await,
        begun(&shelf, ResumableKind::Whole, None).await,
    ];
    shelf.catalog.record_safe_bytes(alive, 1, NOW.after(std::time::Duration::from_millis(1))).await.unwrap();
    shelf.accept(arrived(done, "bytes"), NOW).await;
    begun(&shelf, ResumableKind::Joined, Some(5)).await;
    assert_eq!(shelf.catalog.abandoned_uploads(NOW).await.unwrap(), [silent]);
    assert_eq!(shelf.catalog.abandoned_uploads(Timestamp(NOW.0 - 1)).await.unwrap(), []);
    shelf.catalog.drop_upload(silent).await.unwrap();
    assert!(shelf.catalog.resumable(silent).await.unwrap().is_none());
}
