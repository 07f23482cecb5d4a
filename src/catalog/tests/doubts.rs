use super::{Film, NOW, Shelf, refusal};
use crate::media::extent::{ChannelId, Locator};
use crate::media::id::BlobId;
use uuid::Uuid;

fn channel(name: &str) -> ChannelId {
    ChannelId(name.into())
}

/// A blob whose first copy is verified on channel 1, and where.
async fn stored(shelf: &Shelf) -> (Film, BlobId, Locator) {
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..2).await;
    let copy = shelf.store(film.lease, blob, 0).await;
    (film, blob, copy)
}

impl Shelf {
    async fn forward(&self, film: Film, blob: BlobId, copy: u32, to: &str, from: &Locator) -> Uuid {
        let intent = self.catalog.intend_forward(film.lease, blob, copy, channel(to), from.clone(), NOW).await;
        intent.unwrap().nonce
    }

    async fn imprints(&self, on: &str) -> Vec<Uuid> {
        let doubts = self.catalog.doubts().await.unwrap().remove(&channel(on)).unwrap_or_default();
        doubts.into_iter().map(|doubt| doubt.copy.imprint).collect()
    }

    async fn nonce_of(&self, film: Film, blob: BlobId, copy: u32) -> Uuid {
        let record = self.catalog.blob_to_store(film.lease, blob).await.unwrap().unwrap();
        record.copies.iter().find(|known| known.copy == copy).unwrap().nonce
    }
}

#[tokio::test]
async fn a_lost_forward_is_looked_for_by_what_the_first_copy_was_named() {
    let shelf = Shelf::new();
    let (film, blob, first) = stored(&shelf).await;
    let imprint = shelf.nonce_of(film, blob, 0).await;
    let nonce = shelf.forward(film, blob, 1, "2", &first).await;
    assert_ne!(nonce, imprint);
    let forwarded = Locator("local:2/forwarded".into());
    shelf.catalog.copy_sent(film.lease, blob, nonce, forwarded.clone(), NOW).await.unwrap();
    shelf.catalog.copy_verified(film.lease, blob, nonce, NOW).await.unwrap();

    shelf.forward(film, blob, 2, "3", &forwarded).await;
    shelf.forward(film, blob, 2, "3", &forwarded).await;
    let nonce = shelf.forward(film, blob, 2, "4", &forwarded).await;
    assert!(shelf.imprints("3").await.is_empty(), "it may be under way");
    shelf.catalog.copy_sent(film.lease, blob, nonce, Locator("local:4/third".into()), NOW).await.unwrap();
    shelf.catalog.copy_verified(film.lease, blob, nonce, NOW).await.unwrap();

    assert_eq!(shelf.imprints("3").await, [imprint; 2], "a forward of a forward, sent twice");
}

#[tokio::test]
async fn a_copy_that_is_sent_first_and_then_forwarded_is_looked_for_by_both_imprints() {
    let shelf = Shelf::new();
    let (film, blob, first) = stored(&shelf).await;
    let imprint = shelf.nonce_of(film, blob, 0).await;
    let send = async || shelf.catalog.intend_copy(film.lease, blob, 1, channel("2"), NOW).await.unwrap().nonce;
    let nonce = send().await;
    assert_eq!(shelf.forward(film, blob, 1, "2", &first).await, nonce);
    assert_eq!(send().await, nonce);
    assert_eq!(send().await, nonce);
    assert_eq!(shelf.imprints("2").await, [imprint], "the copy may be on its way under its own name");
    shelf.catalog.copy_sent(film.lease, blob, nonce, Locator("local:2/second".into()), NOW).await.unwrap();
    assert_eq!(shelf.imprints("2").await, [nonce, imprint, nonce]);
}

#[tokio::test]
async fn what_is_not_there_any_more_is_not_forwarded() {
    let shelf = Shelf::new();
    let (film, blob, _) = stored(&shelf).await;
    let gone = Locator("local:9/gone".into());
    let refused = refusal(shelf.catalog.intend_forward(film.lease, blob, 1, channel("2"), gone, NOW).await);
    assert!(refused.contains("not there any more"), "{refused}");
}
