//! Answers that were begun, while no copy can be read.

use super::reading::{PATIENCE, Reading};
use super::*;
use crate::cache::tests::watched::Watched;
use crate::store::{LocalSettings, LocalStore};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a resting copy says of how long it rests.
const REST: Duration = Duration::from_secs(7);

/// A segment whose only copy rests until it is let go.
struct Scene {
    store: Arc<Watched>,
    delivery: Delivery,
    stored: Arc<Stored>,
    shutdown: Shutdown,
    /// It lies there.
    _sample: Sample,
}

impl Scene {
    /// The clock moves from here on only while everybody waits.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::open(LocalSettings { root: folder.path().join("store") }).await.unwrap();
        let store = Arc::new(Watched::over(local));
        let sample = Sample::over(folder, store.clone(), 1).await;
        let delivery = Delivery::new(sample.catalog.clone(), sample.cache.clone(), sample.shutdown.clone());
        let stored = delivery.segment(sample.film("Film").await, track("v0"), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &stored.pieces[0].place else { panic!("it is not stored") };
        store.throttled.lock().unwrap().insert(blob.copies[0].clone());
        tokio::time::pause();
        Self { store, delivery, stored, shutdown: sample.shutdown.clone(), _sample: sample }
    }

    async fn go_on(&self) -> Result<Vec<u8>, DeliveryError> {
        let range = ByteRange::at(0, SEGMENT as u64).unwrap();
        let reading = Reading::begin(self.delivery.clone(), &self.stored, range).under_way();
        let slices: Vec<Slice> = reading.open().await?.try_collect().await?;
        Ok(slices.iter().map(|slice| slice.to_bytes().unwrap()).collect::<Vec<Bytes>>().concat())
    }
}

#[tokio::test]
async fn an_answer_under_way_waits_for_a_copy_that_rests() {
    let scene = Scene::new().await;
    let begun = Instant::now();
    let let_go = async {
        sleep(REST * 4).await;
        scene.store.throttled.lock().unwrap().clear();
    };
    let (read, ()) = tokio::join!(scene.go_on(), let_go);
    assert_eq!(read.unwrap(), segment("v0", 0));
    assert!((REST * 4..REST * 6).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_rests_for_longer_than_players_wait_ends_an_answer() {
    let scene = Scene::new().await;
    let begun = Instant::now();
    assert!(matches!(scene.go_on().await, Err(DeliveryError::Cache(_))));
    assert!((PATIENCE - REST..=PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_waits_ends_with_the_program() {
    let scene = Scene::new().await;
    let begun = Instant::now();
    let end = async {
        sleep(REST / 2).await;
        scene.shutdown.begin();
    };
    let (read, ()) = tokio::join!(scene.go_on(), end);
    assert!(matches!(read, Err(DeliveryError::Cache(_))));
    assert!(begun.elapsed() < REST, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_was_not_begun_does_not_wait() {
    let scene = Scene::new().await;
    let begun = Instant::now();
    let first = ByteRange::at(0, 1).unwrap();
    assert!(matches!(scene.delivery.open(&scene.stored, first).await, Err(DeliveryError::Cache(_))));
    assert!(begun.elapsed() < REST, "{:?}", begun.elapsed());
}
