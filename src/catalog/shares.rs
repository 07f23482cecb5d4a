//! What lies where: the copies of each channel, and what lies beside them unnamed.

use super::{Catalog, CatalogError};
use crate::media::extent::ChannelId;
use std::collections::BTreeMap;

/// What the channels hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Verified copies by channel; channels without one are left out.
    pub copies: BTreeMap<ChannelId, u64>,
    /// Copies that nobody names and that are not removed yet.
    pub litter: u64,
    /// Those of them that the store refused to remove.
    pub litter_refused: u64,
    /// Sends whose answer was lost and that are not cleared up.
    pub doubts: u64,
}

impl Catalog {
    /// What the channels hold now. Reads an index and what nobody names, and so is cheap enough for a page that
    /// asks often.
    pub async fn shares(&self) -> Result<Shares, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut statement = tx.prepare_cached(
                    "SELECT channel, count(*) FROM copies WHERE state = 'verified' GROUP BY channel ORDER BY channel",
                )?;
                let rows = statement.query_map([], |row| Ok((ChannelId(row.get(0)?), row.get(1)?)))?;
                let copies = rows.collect::<Result<_, _>>()?;
                let (litter, litter_refused) =
                    tx.query_row("SELECT count(*), coalesce(sum(refused), 0) FROM litter", [], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
                let doubts = tx.query_row("SELECT count(*) FROM doubts", [], |row| row.get(0))?;
                Ok(Shares { copies, litter, litter_refused, doubts })
            })
            .await
    }
}
