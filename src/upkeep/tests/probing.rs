//! What is looked for when one copy was found missing.

use super::unsteady::Unsteady;
use crate::catalog::Unreadable;
use crate::media::extent::Place;
use crate::store::BlobStore;
use crate::tests::Sample;
use crate::upkeep::Prober;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn prober(sample: &Sample, store: Arc<dyn BlobStore>) -> Prober {
    let prober = Prober::new(sample.catalog.clone(), store, sample.clock.clone(), Arc::default());
    prober.confirming_after(Duration::ZERO)
}

#[tokio::test]
async fn a_copy_that_is_missing_once_is_not_lost() {
    let sample = Sample::new().await;
    let film = sample.film("Film").await;
    let place = async || {
        let pieces = sample.catalog.segment_pieces(film, "v0".into(), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
        Arc::clone(blob)
    };
    let blob = place().await;
    let store = Arc::new(Unsteady::forgetful(sample.store.clone()));

    prober(&sample, store.clone()).look_around(blob.id, &blob.copies[0]).await.unwrap();

    assert!(store.has_missed());
    let (affected, _) = sample.catalog.affected(Unreadable::default(), 10).await.unwrap();
    assert_eq!((affected, place().await.copies.len()), (0, 1));
}

#[tokio::test]
async fn when_a_channel_was_emptied_and_one_copy_is_missed_every_film_that_lies_there_is_named() {
    let sample = Sample::new().await;
    let mut films = Vec::new();
    for title in ["One", "Two", "Three", "Four"] {
        films.push(sample.film(title).await);
    }
    let pieces = sample.catalog.segment_pieces(films[0], "v0".into(), 0).await.unwrap().unwrap();
    let Place::Store(missed) = &pieces[0].place else { panic!("it is not stored") };
    let emptied = sample.store.channel_of(&missed.copies[0]).unwrap();
    let gone = sample.catalog.copies_on(emptied.clone()).await.unwrap();
    let mut wanted = BTreeSet::new();
    for film in &films {
        for track in ["v0", "a0"] {
            for number in 0..2 {
                let pieces = sample.catalog.segment_pieces(*film, track.into(), number).await.unwrap().unwrap();
                let Place::Store(blob) = &pieces[0].place else { panic!("it is not stored") };
                if gone.contains(&blob.copies[0]) {
                    wanted.insert(film.0);
                }
            }
        }
    }
    sample.store.remove(&gone).await.unwrap();
    sample.catalog.copy_lost(missed.id, missed.copies[0].clone(), sample.clock.now()).await.unwrap();

    let mut prober = prober(&sample, sample.store.clone());
    prober.look_around(missed.id, &missed.copies[0]).await.unwrap();

    let (_, named) = sample.catalog.affected(Unreadable::default(), 10).await.unwrap();
    assert_eq!(named.iter().map(|film| film.id.0).collect::<BTreeSet<_>>(), wanted);
}
