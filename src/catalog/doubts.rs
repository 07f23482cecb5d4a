//! What may lie in a store and is named by nobody: sends whose answer was lost, and copies that the
//! store will not remove.

use super::{Catalog, CatalogError};
use crate::media::extent::{ChannelId, Locator, UnheardCopy};
use crate::media::id::BlobId;
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// A send that may have left a copy which nobody names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Names the doubt.
    pub id: i64,
    /// What was sent.
    pub copy: UnheardCopy,
}

impl Catalog {
    /// Doubts about copies that somebody has heard of since, or that nobody will ask for again, by the
    /// channel they were sent to: what is left of those sends can be looked for.
    pub async fn doubts(&self) -> Result<BTreeMap<ChannelId, Vec<Doubt>>, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut statement = tx.prepare(
                    "SELECT channel, imprint, after, id FROM doubts
                      WHERE NOT EXISTS (SELECT 1 FROM copies WHERE copies.channel = doubts.channel AND copies.state = 'intended'
                                           AND doubts.imprint IN (copies.nonce, copies.imprint))
                      ORDER BY id",
                )?;
                let rows = statement.query_map([], |row| {
                    let copy = UnheardCopy { imprint: row.get(1)?, after: row.get::<_, Option<String>>(2)?.map(Locator) };
                    Ok((ChannelId(row.get(0)?), Doubt { id: row.get(3)?, copy }))
                })?;
                let mut doubts: BTreeMap<ChannelId, Vec<Doubt>> = BTreeMap::new();
                for row in rows {
                    let (channel, doubt) = row?;
                    doubts.entry(channel).or_default().push(doubt);
                }
                Ok(doubts)
            })
            .await
    }

    /// Whether a copy with one of these imprints was intended or sent on a channel since it had those `named`
    /// copies alone. Two forwards of one copy have the same imprint: what was just found may be the later one.
    pub async fn is_imprinted_since(
        &self,
        channel: ChannelId,
        imprints: Vec<Uuid>,
        named: Vec<Locator>,
    ) -> Result<bool, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let (imprints, named): (HashSet<_>, HashSet<_>) =
                    (imprints.into_iter().collect(), named.into_iter().collect());
                let mut statement =
                    tx.prepare_cached("SELECT coalesce(imprint, nonce), locator FROM copies WHERE channel = ?1")?;
                let mut rows = statement.query([channel.0])?;
                while let Some(row) = rows.next()? {
                    let locator = row.get::<_, Option<String>>(1)?.map(Locator);
                    let is_named = locator.is_some_and(|locator| named.contains(&locator));
                    if imprints.contains(&row.get(0)?) && !is_named {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await
    }

    /// Ends doubts.
    pub async fn settle_doubts(&self, doubts: Vec<Doubt>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                for doubt in doubts {
                    tx.prepare_cached("DELETE FROM doubts WHERE id = ?1")?.execute([doubt.id])?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets copies that were sent and never verified, of blobs that are stored without them and whose
    /// video nothing works on, and answers them, at most a hundred. They are litter until they are
    /// removed: no job finds them any more.
    pub async fn discard_needless(&self, now: Timestamp) -> Result<Vec<Locator>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let needless = tx
                    .prepare_cached(
                        "SELECT locator FROM copies JOIN blobs ON blobs.id = copies.blob
                          WHERE copies.state = 'sent' AND copies.locator IS NOT NULL AND blobs.state = 'stored'
                            AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.video = blobs.video
                                               AND jobs.state IN ('queued', 'running', 'waiting', 'paused'))
                          LIMIT 100",
                    )?
                    .query_map([], |row| row.get(0).map(Locator))?
                    .collect::<Result<Vec<_>, _>>()?;
                for locator in &needless {
                    tx.execute("DELETE FROM copies WHERE locator = ?1 AND state = 'sent'", [&locator.0])?;
                }
                litter(tx, &needless, now)?;
                Ok(needless)
            })
            .await
    }

    /// Forgets litter that was removed from the store after all.
    pub async fn litter_removed(&self, removed: Vec<Locator>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                for locator in removed {
                    tx.execute("DELETE FROM litter WHERE locator = ?1", [locator.0])?;
                }
                Ok(())
            })
            .await
    }

    /// Every copy that is named on a channel.
    pub async fn copies_on(&self, channel: ChannelId) -> Result<Vec<Locator>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let mut statement =
                    tx.prepare_cached("SELECT locator FROM copies WHERE channel = ?1 AND locator IS NOT NULL")?;
                let rows = statement.query_map([channel.0], |row| row.get(0).map(Locator))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Records copies that the store will not remove: they stay known, and nobody reads them.
    pub async fn add_litter(&self, copies: Vec<Locator>, now: Timestamp) -> Result<(), CatalogError> {
        self.sqlite.write(move |tx| litter(tx, &copies, now)).await
    }

    /// How many copies lie in the store that nobody names and that cannot be removed.
    pub async fn litter_count(&self) -> Result<u64, CatalogError> {
        self.sqlite.read(|tx| Ok(tx.query_row("SELECT count(*) FROM litter", [], |row| row.get(0))?)).await
    }
}

/// Notes copies that lie in the store and that nobody names any more.
pub(super) fn litter(tx: &Transaction<'_>, copies: &[Locator], now: Timestamp) -> Result<(), CatalogError> {
    let mut statement = tx.prepare_cached("INSERT OR IGNORE INTO litter (locator, at) VALUES (?1, ?2)")?;
    for copy in copies {
        statement.execute(params![copy.0, now.0])?;
    }
    Ok(())
}

/// Notes that a copy with this imprint, which was intended at a time, may have been sent to a channel.
pub(super) fn doubt(
    tx: &Transaction<'_>,
    channel: &str,
    imprint: Uuid,
    intended_at: i64,
    now: Timestamp,
) -> Result<(), CatalogError> {
    let after = newest_on(tx, channel, intended_at)?.map(|locator| locator.0);
    tx.prepare_cached("INSERT INTO doubts (channel, imprint, after, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![channel, imprint, after, now.0])?;
    Ok(())
}

/// The newest copy on a channel that was known at a time.
fn newest_on(tx: &Transaction<'_>, channel: &str, at: i64) -> Result<Option<Locator>, CatalogError> {
    Ok(tx
        .prepare_cached(
            "SELECT locator FROM copies WHERE channel = ?1 AND at < ?2 AND locator IS NOT NULL ORDER BY at DESC LIMIT 1",
        )?
        .query_row(params![channel, at], |row| row.get(0).map(Locator))
        .optional()?)
}

/// Forgets a blob that nobody reads any more, and answers its copies. They are litter until they are removed;
/// those of which nobody heard are looked for.
pub(super) fn abandon(tx: &Transaction<'_>, blob: BlobId, now: Timestamp) -> Result<Vec<Locator>, CatalogError> {
    let copies = tx
        .prepare_cached("SELECT locator FROM copies WHERE blob = ?1 AND locator IS NOT NULL")?
        .query_map([blob.0], |row| row.get(0).map(Locator))?
        .collect::<Result<Vec<_>, _>>()?;
    litter(tx, &copies, now)?;
    for (channel, unheard) in unheard_of(tx, blob)? {
        for UnheardCopy { imprint, after } in unheard {
            tx.prepare_cached("INSERT INTO doubts (channel, imprint, after, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![channel.0, imprint, after.map(|after| after.0), now.0])?;
        }
    }
    tx.prepare_cached("DELETE FROM blobs WHERE id = ?1")?.execute([blob.0])?;
    Ok(copies)
}

/// The copies of a blob that were intended and of which nobody heard, by channel.
pub(super) fn unheard_of(
    tx: &Transaction<'_>,
    blob: BlobId,
) -> Result<BTreeMap<ChannelId, Vec<UnheardCopy>>, CatalogError> {
    let mut statement = tx.prepare_cached(
        "SELECT channel, coalesce(imprint, nonce), at FROM copies WHERE blob = ?1 AND locator IS NULL",
    )?;
    let rows = statement.query_map([blob.0], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    let mut unheard: BTreeMap<ChannelId, Vec<UnheardCopy>> = BTreeMap::new();
    for row in rows {
        let (channel, imprint, at) = row?;
        let after = newest_on(tx, &channel, at)?;
        unheard.entry(ChannelId(channel)).or_default().push(UnheardCopy { imprint, after });
    }
    Ok(unheard)
}
