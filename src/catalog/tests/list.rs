use super::{LEASE_END, NOW, Shelf};
use crate::catalog::{Changes, Cursor, Sort, Video, VideoQuery};
use crate::media::id::VideoId;
use std::collections::BTreeSet;

const SORTS: [Sort; 4] = [Sort::Newest, Sort::Oldest, Sort::Title, Sort::Longest];

pub(super) fn query(sort: Sort, limit: u32, cursor: Option<Cursor>) -> VideoQuery {
    VideoQuery { words: String::new(), sort, trash: false, limit, cursor, replicas: 1 }
}

/// A library with titles that differ in case only, and lengths that several films share or lack.
async fn shelf_of(count: usize) -> (Shelf, Vec<VideoId>) {
    let shelf = Shelf::new();
    let titles = ["beta", "Alpha", "ALPHA", "gamma", "alpha", "Ähre", "zeta", "Beta"];
    let mut videos = Vec::new();
    for at in 0..count {
        videos.push(shelf.arrive(titles[at % titles.len()]).await);
    }
    shelf.rows().execute("UPDATE videos SET duration_ms = iif(id % 5 = 0, NULL, id % 3 * 1000)", []).unwrap();
    (shelf, videos)
}

fn is_in_order(sort: Sort, videos: &[Video]) -> bool {
    videos.is_sorted_by(|a, b| match sort {
        Sort::Newest => a.id > b.id,
        Sort::Oldest => a.id < b.id,
        Sort::Title => (a.title.to_ascii_lowercase(), a.id) < (b.title.to_ascii_lowercase(), b.id),
        Sort::Longest => (a.duration_ms.unwrap_or(0), a.id) > (b.duration_ms.unwrap_or(0), b.id),
    })
}

#[tokio::test]
async fn pages_join_without_gaps_or_repeats_in_every_order_while_films_come_and_go() {
    for sort in SORTS {
        for limit in [1, 3, 7] {
            let (shelf, mut videos) = shelf_of(21).await;
            let mut found: Vec<Video> = Vec::new();
            let mut cursor = None;
            loop {
                let page = shelf.catalog.list_videos(query(sort, limit, cursor)).await.unwrap();
                assert!(page.videos.len() <= limit as usize);
                found.extend(page.videos);
                let Some(next) = page.next else { break };
                cursor = Some(next);
                if found.len() < 12 {
                    let last = found.last().unwrap().id;
                    shelf.arrive("Alpha").await;
                    shelf.catalog.trash_video(last, LEASE_END, NOW).await.unwrap();
                }
            }
            assert!(is_in_order(sort, &found), "{sort:?} by {limit}");
            let ids: BTreeSet<VideoId> = found.iter().map(|video| video.id).collect();
            assert_eq!(ids.len(), found.len(), "{sort:?} by {limit}: something came twice");
            videos.retain(|video| !ids.contains(video));
            assert_eq!(videos, [], "{sort:?} by {limit}: something is missing");
        }
    }
}

#[tokio::test]
async fn the_last_page_is_known_as_the_last_also_when_it_is_full() {
    let (shelf, _) = shelf_of(6).await;
    for sort in SORTS {
        let first = shelf.catalog.list_videos(query(sort, 3, None)).await.unwrap();
        assert_eq!((first.videos.len(), first.total), (3, 6));
        let second = shelf.catalog.list_videos(query(sort, 3, first.next)).await.unwrap();
        assert_eq!((second.videos.len(), second.next, second.total), (3, None, 6));
    }
}

#[tokio::test]
async fn a_page_holds_between_1_and_200_films() {
    let (shelf, _) = shelf_of(3).await;
    assert_eq!(shelf.catalog.list_videos(query(Sort::Newest, 0, None)).await.unwrap().videos.len(), 1);
    assert_eq!(shelf.catalog.list_videos(query(Sort::Newest, u32::MAX, None)).await.unwrap().videos.len(), 3);
}

#[tokio::test]
async fn the_trash_is_a_list_of_its_own() {
    let (shelf, videos) = shelf_of(5).await;
    for video in &videos[..3] {
        shelf.catalog.trash_video(*video, LEASE_END, NOW).await.unwrap();
    }
    let trash = VideoQuery { trash: true, ..query(Sort::Oldest, 2, None) };
    let first = shelf.catalog.list_videos(trash.clone()).await.unwrap();
    let second = shelf.catalog.list_videos(VideoQuery { cursor: first.next, ..trash }).await.unwrap();
    let listed: Vec<VideoId> = first.videos.iter().chain(&second.videos).map(|video| video.id).collect();
    assert_eq!((listed, first.total, second.next), (videos[..3].to_vec(), 3, None));
    assert_eq!(shelf.catalog.list_videos(query(Sort::Oldest, 9, None)).await.unwrap().total, 2);
}

#[tokio::test]
async fn a_film_is_described_unless_it_is_in_the_trash() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let describe = |title: Option<&str>, description: Option<&str>| Changes {
        title: title.map(Into::into),
        description: description.map(Into::into),
    };
    assert!(shelf.catalog.describe_video(video, describe(Some("Other"), None), NOW).await.unwrap());
    assert!(shelf.catalog.describe_video(video, describe(None, Some("words")), NOW).await.unwrap());
    let found = shelf.video(video).await;
    assert_eq!((found.title.as_str(), found.description.as_str()), ("Other", "words"));
    shelf.catalog.trash_video(video, LEASE_END, NOW).await.unwrap();
    assert!(!shelf.catalog.describe_video(video, describe(Some("No"), None), NOW).await.unwrap());
    assert!(!shelf.catalog.describe_video(VideoId::fresh(), describe(None, None), NOW).await.unwrap());
}
