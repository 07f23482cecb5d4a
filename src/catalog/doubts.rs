//! What may lie in a store without anybody's knowing: sends whose answer was lost.

use super::litter::litter;
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
    /// When the doubt arose, which is after the send began.
    pub at: Timestamp,
}

impl Catalog {
    /// Doubts about copies that somebody has heard of since, or that nobody will ask for again, by the
    /// channel they were sent to: what is left of those sends can be looked for.
    pub async fn doubts(&self) -> Result<BTreeMap<ChannelId, Vec<Doubt>>, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut statement = tx.prepare(
                    "SELECT channel, imprint, after, id, at FROM doubts
                      WHERE NOT EXISTS (SELECT 1 FROM copies WHERE copies.channel = doubts.channel AND copies.state = 'intended'
                                           AND doubts.imprint IN (copies.nonce, copies.imprint))
                      ORDER BY id",
                )?;
                let rows = statement.query_map([], |row| {
                    let copy = UnheardCopy { imprint: row.get(1)?, after: row.get::<_, Option<String>>(2)?.map(Locator) };
                    Ok((ChannelId(row.get(0)?), Doubt { id: row.get(3)?, copy, at: Timestamp(row.get(4)?) }))
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
