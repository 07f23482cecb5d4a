//! The library in pages: sorted, searched, and flat in cost however many videos there are.

use super::videos::{Video, columns, record};
use super::{Catalog, CatalogError};
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use serde::{Deserialize, Serialize};

/// In which order videos are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Last arrived first.
    #[default]
    Newest,
    /// First arrived first.
    Oldest,
    /// By title, letter case aside.
    Title,
    /// Longest first.
    Longest,
}

/// Which videos to list.
#[derive(Clone, Debug)]
pub struct VideoQuery {
    /// Words that must all occur in title or description, as beginnings of words; empty means all.
    pub words: String,
    /// The order.
    pub sort: Sort,
    /// The trash instead of the library.
    pub trash: bool,
    /// Most videos in one page, 1 to 200.
    pub limit: u32,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
    /// Verified copies that make a blob protected.
    pub replicas: u32,
}

/// The place after the last video of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    key: String,
    row: i64,
}

/// One page of the library.
#[derive(Clone, Debug)]
pub struct VideoPage {
    /// The videos.
    pub videos: Vec<Video>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
    /// How many match in all; counting stops at `COUNT_LIMIT` for a search.
    pub total: u64,
}

/// A search counts its hits up to here.
const COUNT_LIMIT: u64 = 1000;

impl Catalog {
    /// One page of the library or of the trash.
    pub async fn list_videos(&self, query: VideoQuery) -> Result<VideoPage, CatalogError> {
        self.sqlite.read(move |tx| page(tx, &query)).await
    }
}

fn page(tx: &Transaction<'_>, query: &VideoQuery) -> Result<VideoPage, CatalogError> {
    let search = match_expression(&query.words);
    let mut values: Vec<Value> = vec![i64::from(query.replicas).into()];
    let mut place = |value: Value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut conditions = vec![if query.trash { "trashed_at IS NOT NULL" } else { "trashed_at IS NULL" }.to_owned()];
    if let Some(search) = &search {
        let place = place(search.clone().into());
        conditions.push(format!("videos.id IN (SELECT rowid FROM videos_text WHERE videos_text MATCH {place})"));
    }
    if let Some(cursor) = &query.cursor {
        let row = place(cursor.row.into());
        conditions.push(match query.sort {
            Sort::Newest => format!("videos.id < {row}"),
            Sort::Oldest => format!("videos.id > {row}"),
            Sort::Title => {
                let key = place(cursor.key.clone().into());
                format!("(videos.title COLLATE NOCASE, videos.id) > ({key}, {row})")
            }
            Sort::Longest => {
                let key = place(cursor.key.parse::<i64>().unwrap_or(0).into());
                format!("(coalesce(duration_ms, 0), videos.id) < ({key}, {row})")
            }
        });
    }
    let limit = query.limit.clamp(1, 200);
    let most = place(i64::from(limit + 1).into());
    let order = match query.sort {
        Sort::Newest => "videos.id DESC",
        Sort::Oldest => "videos.id",
        Sort::Title => "videos.title COLLATE NOCASE, videos.id",
        Sort::Longest => "coalesce(duration_ms, 0) DESC, videos.id DESC",
    };
    let columns = columns();
    let sql = format!(
        "SELECT {columns}, videos.id FROM videos LEFT JOIN jobs ON jobs.id = videos.job WHERE {} ORDER BY {order} LIMIT {most}",
        conditions.join(" AND ")
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| Ok((record(row)?, row.get::<_, i64>(18)?)))?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(video, row)| Cursor { key: key(query.sort, video), row: *row });
    let total = total(tx, query.trash, search)?;
    Ok(VideoPage { videos: found.into_iter().map(|(video, _)| video).collect(), next, total })
}

fn key(sort: Sort, video: &Video) -> String {
    match sort {
        Sort::Newest | Sort::Oldest => String::new(),
        Sort::Title => video.title.clone(),
        Sort::Longest => video.duration_ms.unwrap_or(0).to_string(),
    }
}

fn total(tx: &Transaction<'_>, trash: bool, search: Option<String>) -> Result<u64, CatalogError> {
    let count = match search {
        None if trash => tx.query_row("SELECT value FROM tallies WHERE name = 'trashed'", [], |row| row.get(0))?,
        None => tx.query_row(
            "SELECT sum(value) FROM tallies WHERE name IN ('received', 'processing', 'ready', 'failed')",
            [],
            |row| row.get(0),
        )?,
        Some(search) => tx.query_row(
            "SELECT count(*) FROM (SELECT 1 FROM videos_text JOIN videos ON videos.id = videos_text.rowid
              WHERE videos_text MATCH ?1 AND (trashed_at IS NOT NULL) = ?2 LIMIT ?3)",
            (search, trash, COUNT_LIMIT),
            |row| row.get(0),
        )?,
    };
    Ok(count)
}

/// What FTS5 is asked: every word a person typed, quoted so that no character of it is an
/// operator, as the beginning of a word. `None` when no word is left. An accent written as a mark
/// of its own (as file names of macOS have it) does not end a word: FTS5 takes it off itself.
fn match_expression(words: &str) -> Option<String> {
    let is_accent = |letter: char| ('\u{300}'..='\u{36f}').contains(&letter);
    let quoted: Vec<String> = words
        .split(|letter: char| !letter.is_alphanumeric() && !is_accent(letter))
        .filter(|word| word.contains(char::is_alphanumeric))
        .take(16)
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}
