use super::list::query;
use super::{LEASE_END, NOW, Shelf};
use crate::catalog::{Changes, Sort, VideoQuery};

/// The titles that are found, oldest first, and how many are said to match.
async fn find(shelf: &Shelf, words: &str) -> (Vec<String>, u64) {
    let query = VideoQuery { words: words.into(), ..query(Sort::Oldest, 200, None) };
    let page = shelf.catalog.list_videos(query).await.unwrap();
    (page.videos.into_iter().map(|video| video.title).collect(), page.total)
}

async fn assert_found(shelf: &Shelf, words: &str, titles: &[&str]) {
    let (found, total) = find(shelf, words).await;
    assert_eq!((found, total), (titles.iter().map(|it| (*it).to_owned()).collect(), titles.len() as u64), "{words:?}");
}

#[tokio::test]
async fn every_word_must_occur_as_the_beginning_of_a_word() {
    let shelf = Shelf::new();
    for title in ["The Third Man", "Third Planet", "Manhattan"] {
        shelf.arrive(title).await;
    }
    assert_found(&shelf, "thi", &["The Third Man", "Third Planet"]).await;
    assert_found(&shelf, "man third", &["The Third Man"]).await;
    assert_found(&shelf, "MAN", &["The Third Man", "Manhattan"]).await;
    assert_found(&shelf, "hird", &[]).await;
    assert_found(&shelf, "third moon", &[]).await;
}

#[tokio::test]
async fn what_means_something_to_the_engine_means_nothing_to_a_person() {
    let shelf = Shelf::new();
    let titles = ["100% Wolf", "snake_case", "Say \"Hello\"", "Near Dark", "Not Or And"];
    for title in titles {
        shelf.arrive(title).await;
    }
    assert_found(&shelf, "%", &titles).await;
    assert_found(&shelf, "_*\"^:-+(){}", &titles).await;
    assert_found(&shelf, "100%", &["100% Wolf"]).await;
    assert_found(&shelf, "w%f", &[]).await;
    assert_found(&shelf, "snake_case", &["snake_case"]).await;
    assert_found(&shelf, "s_ake", &[]).await;
    assert_found(&shelf, "\"hello", &["Say \"Hello\""]).await;
    assert_found(&shelf, "\"\"\"", &titles).await;
    assert_found(&shelf, "NEAR(", &["Near Dark"]).await;
    assert_found(&shelf, "NEAR(dark near, 2)", &[]).await;
    assert_found(&shelf, "dark*", &["Near Dark"]).await;
    assert_found(&shelf, "*ark", &[]).await;
    assert_found(&shelf, "NOT OR AND", &["Not Or And"]).await;
    assert_found(&shelf, "title:near", &[]).await;
    assert_found(&shelf, "dark\0' OR 1=1 --", &[]).await;
    assert_found(&shelf, "\u{24b6} \u{bd}", &[]).await;
}

#[tokio::test]
async fn accents_and_case_do_not_matter_however_they_are_written() {
    let shelf = Shelf::new();
    let composed = "Über den Wölfen";
    let decomposed = "U\u{308}ber Wo\u{308}lfe";
    for title in [composed, decomposed, "Amélie", "Straße"] {
        shelf.arrive(title).await;
    }
    for words in ["über", "UBER", "u\u{308}ber", "wöl", "wo\u{308}l", "WOL"] {
        assert_found(&shelf, words, &[composed, decomposed]).await;
    }
    assert_found(&shelf, "amelie", &["Amélie"]).await;
    assert_found(&shelf, "straß", &["Straße"]).await;
    assert_found(&shelf, "\u{308}", &[composed, decomposed, "Amélie", "Straße"]).await;
}

#[tokio::test]
async fn descriptions_are_searched_and_changes_are_found_at_once() {
    let shelf = Shelf::new();
    let video = shelf.arrive("Film").await;
    let changes = Changes { title: Some("Metropolis".into()), description: Some("by Fritz Lang".into()) };
    shelf.catalog.describe_video(video, changes, NOW).await.unwrap();
    assert_found(&shelf, "fritz metro", &["Metropolis"]).await;
    assert_found(&shelf, "film", &[]).await;
}

#[tokio::test]
async fn a_search_finds_only_in_the_list_it_is_about() {
    let shelf = Shelf::new();
    let trashed = shelf.arrive("Third Man").await;
    shelf.arrive("Third Planet").await;
    shelf.catalog.trash_video(trashed, LEASE_END, NOW).await.unwrap();
    assert_found(&shelf, "third", &["Third Planet"]).await;
    let trash = VideoQuery { words: "third".into(), trash: true, ..query(Sort::Newest, 9, None) };
    let page = shelf.catalog.list_videos(trash).await.unwrap();
    assert_eq!((page.videos[0].id, page.videos.len(), page.total), (trashed, 1, 1));
}

#[tokio::test]
async fn hits_come_in_pages_in_every_order() {
    let shelf = Shelf::new();
    for number in 0..10 {
        shelf.arrive(&format!("{} film", number % 4)).await;
        shelf.arrive("other").await;
    }
    for sort in [Sort::Newest, Sort::Oldest, Sort::Title, Sort::Longest] {
        let (mut cursor, mut found) = (None, Vec::new());
        loop {
            let query = VideoQuery { words: "film".into(), ..query(sort, 3, cursor) };
            let page = shelf.catalog.list_videos(query).await.unwrap();
            assert_eq!(page.total, 10);
            found.extend(page.videos.into_iter().map(|video| video.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 10, "{sort:?}");
    }
}
