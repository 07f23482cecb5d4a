use super::{NOW, Shelf};
use crate::catalog::{AffectedVideo, Unreadable};
use crate::media::extent::ChannelId;
use crate::media::id::VideoId;

fn channels(names: &[&str]) -> Vec<ChannelId> {
    names.iter().map(|name| ChannelId((*name).to_owned())).collect()
}

/// Each film with its packs that rest, are out of reach, and are lost.
fn counted(videos: Vec<AffectedVideo>) -> Vec<(String, u64, u64, u64)> {
    videos.into_iter().map(|video| (video.title, video.resting, video.out_of_reach, video.lost)).collect()
}

/// A film whose packs have copies on these channels, counted from 0 and called from 1.
async fn film(shelf: &Shelf, title: &str, packs: &[&[u32]]) -> VideoId {
    let film = shelf.growing(title).await;
    for (number, copies) in (0..).zip(packs) {
        let blob = shelf.add_pack(film, number * 2..number * 2 + 2).await;
        for copy in *copies {
            shelf.store(film.lease, blob, *copy).await;
        }
    }
    shelf.finish(film).await
}

#[tokio::test]
async fn films_are_affected_by_what_no_open_channel_holds() {
    let shelf = Shelf::new();
    film(&shelf, "a twice", &[&[0, 1], &[0, 2], &[1, 2]]).await;
    film(&shelf, "B once", &[&[0], &[1], &[0]]).await;
    let trashed = film(&shelf, "C trashed", &[&[0]]).await;
    shelf.catalog.trash_video(trashed, NOW, NOW.after(std::time::Duration::from_secs(60))).await.unwrap();
    let affected = async |resting: &[&str], out: &[&str], limit| {
        let unreadable = Unreadable { resting: channels(resting), out: channels(out) };
        let (total, videos) = shelf.catalog.affected(unreadable, limit).await.unwrap();
        (total, counted(videos))
    };
    let row = |title: &str, resting, out, lost| (title.to_owned(), resting, out, lost);

    assert_eq!(affected(&[], &[], 10).await, (0, vec![]));
    assert_eq!(affected(&["1"], &[], 10).await, (1, vec![row("B once", 2, 0, 0)]));
    assert_eq!(affected(&[], &["1"], 10).await, (1, vec![row("B once", 0, 2, 0)]));
    let both = vec![row("a twice", 1, 0, 0), row("B once", 1, 2, 0)];
    assert_eq!(affected(&["2"], &["1"], 10).await, (2, both.clone()));
    assert_eq!(affected(&["2"], &["1"], 1).await, (2, both[..1].to_vec()), "how many there are is known all the same");
    assert_eq!(affected(&["1", "2", "3"], &[], 10).await.1, [row("a twice", 3, 0, 0), row("B once", 3, 0, 0)]);
}

#[tokio::test]
async fn a_missed_pack_is_lost_until_a_good_copy_is_made() {
    let shelf = Shelf::new();
    let film = shelf.growing("Film").await;
    let blob = shelf.add_pack(film, 0..2).await;
    let copy = shelf.store(film.lease, blob, 0).await;
    shelf.catalog.copy_lost(blob, copy, NOW).await.unwrap();
    let affected = async || counted(shelf.catalog.affected(Unreadable::default(), 10).await.unwrap().1);
    assert_eq!(affected().await, [("Film".to_owned(), 0, 0, 1)]);
    shelf.store(film.lease, blob, 1).await;
    assert_eq!(affected().await, []);
}
