//! Litter: copies that lie in a store and that nobody names any more, until they are removed.

use super::{Catalog, CatalogError};
use crate::media::extent::Locator;
use crate::media::time::Timestamp;
use rusqlite::{Transaction, params};
use std::time::Duration;

/// What Telegram refused to delete because a right was missing may be deleted later, until the message is so old
/// (Bot API, `deleteMessage`).
const DELETABLE: Duration = Duration::from_secs(48 * 3600);

/// The wait after the first try that failed, in milliseconds; it doubles, up to `LONGEST_WAIT_MS`.
const FIRST_WAIT_MS: i64 = 60_000;
const LONGEST_WAIT_MS: i64 = 6 * 3_600_000;

/// Why litter was not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRemoved {
    /// The store said that it may not.
    Refused,
    /// Nobody knows: there was no answer, or none that means anything.
    Failed,
}

impl Catalog {
    /// Forgets copies that were sent and never verified, of blobs that are stored without them and whose
    /// video nothing works on, and answers them, at most a hundred. They are litter until they are
    /// removed: no job finds them any more.
    pub async fn discard_needless(&self, now: Timestamp) -> Result<Vec<Locator>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let needless = tx
                    .prepare_cached(
                        "SELECT locator, blob, copy, channel FROM copies JOIN blobs ON blobs.id = copies.blob
                          WHERE copies.state = 'sent' AND copies.locator IS NOT NULL AND blobs.state = 'stored'
                            AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.video = blobs.video
                                               AND jobs.state IN ('queued', 'running', 'waiting', 'paused'))
                          LIMIT 100",
                    )?
                    .query_map([], |row| {
                        Ok((
                            Locator(row.get(0)?),
                            (row.get::<_, i64>(1)?, row.get::<_, u32>(2)?, row.get::<_, String>(3)?),
                        ))
                    })?
                    .collect::<Result<Vec<_>, _>>()?;
                let (locators, keys): (Vec<Locator>, Vec<_>) = needless.into_iter().unzip();
                for key in keys {
                    tx.prepare_cached("DELETE FROM copies WHERE blob = ?1 AND copy = ?2 AND channel = ?3")?
                        .execute(key)?;
                }
                litter(tx, &locators, now)?;
                Ok(locators)
            })
            .await
    }

    /// Litter that may be tried to be removed now, longest due first, at most `limit`. What was refused is tried
    /// as long as it could help.
    pub async fn litter_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Locator>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let mut statement = tx.prepare_cached(
                    "SELECT locator FROM litter WHERE retry_at <= ?1 AND (refused = 0 OR at > ?2)
                      ORDER BY retry_at, locator LIMIT ?3",
                )?;
                let rows = statement.query_map(params![now.0, deletable_since(now), limit], |row| row.get(0))?;
                Ok(rows.map(|locator| locator.map(Locator)).collect::<Result<_, _>>()?)
            })
            .await
    }

    /// All litter there is.
    pub async fn all_litter(&self) -> Result<Vec<Locator>, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut statement = tx.prepare_cached("SELECT locator FROM litter")?;
                let rows = statement.query_map([], |row| row.get(0).map(Locator))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// When litter is to be tried next, which may be past; `None` when none is.
    pub async fn next_litter(&self, now: Timestamp) -> Result<Option<Timestamp>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT min(retry_at) FROM litter WHERE refused = 0 OR at > ?1";
                let due: Option<i64> = tx.query_row(sql, [deletable_since(now)], |row| row.get(0))?;
                Ok(due.map(Timestamp))
            })
            .await
    }

    /// Forgets litter that was removed from the store.
    pub async fn litter_removed(&self, removed: Vec<Locator>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                for locator in removed {
                    tx.prepare_cached("DELETE FROM litter WHERE locator = ?1")?.execute([locator.0])?;
                }
                Ok(())
            })
            .await
    }

    /// Records that copies which nobody names could not be removed. They stay known as litter, and are tried again
    /// after a while.
    pub async fn litter_kept(&self, kept: Vec<Locator>, why: NotRemoved, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite.write(move |tx| keep(tx, &kept, why, now)).await
    }

    /// How many copies lie in the store that nobody names.
    pub async fn litter_count(&self) -> Result<u64, CatalogError> {
        self.sqlite.read(|tx| Ok(tx.query_row("SELECT count(*) FROM litter", [], |row| row.get(0))?)).await
    }
}

/// Notes copies that lie in the store and that nobody names any more. They are to be removed at once.
pub(super) fn litter(tx: &Transaction<'_>, copies: &[Locator], now: Timestamp) -> Result<(), CatalogError> {
    let mut statement =
        tx.prepare_cached("INSERT OR IGNORE INTO litter (locator, at, retry_at) VALUES (?1, ?2, ?2)")?;
    for copy in copies {
        statement.execute(params![copy.0, now.0])?;
    }
    Ok(())
}

/// Notes that litter, known or not, could not be removed.
pub(super) fn keep(
    tx: &Transaction<'_>,
    copies: &[Locator],
    why: NotRemoved,
    now: Timestamp,
) -> Result<(), CatalogError> {
    litter(tx, copies, now)?;
    let mut statement = tx.prepare_cached(
        "UPDATE litter SET tries = tries + 1, retry_at = ?2 + min(?3 << min(tries, 16), ?4), refused = max(refused, ?5)
          WHERE locator = ?1",
    )?;
    for copy in copies {
        let is_refused = why == NotRemoved::Refused;
        statement.execute(params![copy.0, now.0, FIRST_WAIT_MS, LONGEST_WAIT_MS, is_refused])?;
    }
    Ok(())
}

fn deletable_since(now: Timestamp) -> i64 {
    now.0 - i64::try_from(DELETABLE.as_millis()).unwrap_or_default()
}
