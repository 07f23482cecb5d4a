//! Segments made again, against the packs that hold them.

use super::desk::{Desk, bytes_of, fresh};
use crate::deposit::Again;
use crate::media::id::RenditionId;
use bytes::Bytes;

/// Packs of one, two and four segments, and an eighth one in a pack that is still open.
const LENS: [usize; 8] = [900; 8];

async fn half_packed(desk: &Desk) -> RenditionId {
    let rendition = desk.rendition("v0").await;
    let mut packer = desk.packer(rendition).await;
    for (number, len) in LENS.iter().enumerate() {
        packer.add(fresh(number, *len)).await.unwrap();
    }
    packer.commit().await.unwrap();
    rendition
}

fn take(again: &mut Again, number: usize, len: usize) -> bool {
    again.take(&[Bytes::from(bytes_of(number, len))])
}

#[tokio::test]
async fn segments_made_again_are_known_by_the_packs_that_they_fill() {
    let desk = Desk::new(1).await;
    let rendition = half_packed(&desk).await;
    let mut again = desk.packer(rendition).await.again().await.unwrap();
    for (number, len) in LENS.iter().enumerate() {
        assert!(take(&mut again, number, *len), "{number}");
    }
    assert!(!take(&mut again, 8, 900), "it was never packed");
}

#[tokio::test]
async fn another_segment_is_found_out_at_the_end_of_its_pack() {
    let desk = Desk::new(1).await;
    let rendition = half_packed(&desk).await;
    for (wrong, told_at) in [(0, 0), (1, 2), (2, 2), (4, 6), (7, 7)] {
        let mut again = desk.packer(rendition).await.again().await.unwrap();
        let taken = (0..8).map(|number| take(&mut again, if number == wrong { 99 } else { number }, 900));
        let doubted: Vec<usize> = taken.enumerate().filter(|(_, same)| !same).map(|(number, _)| number).collect();
        assert_eq!(doubted, [told_at], "{wrong}");
    }
}
