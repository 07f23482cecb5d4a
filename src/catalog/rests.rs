//! What must outlive a restart of the server and belongs to no video: who this installation is, and
//! which bots rest.

use super::{Catalog, CatalogError};
use crate::media::time::Timestamp;
use rusqlite::params;
use uuid::Uuid;

/// A bot's rest, in words that its owner understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRest {
    /// The bot's Telegram id.
    pub bot: i64,
    /// When it may be asked again.
    pub until: Timestamp,
    /// Why not before, as the one who saves it spells it.
    pub reason: String,
}

impl Catalog {
    /// The name of this installation, made with the catalog.
    pub async fn installation(&self) -> Result<Uuid, CatalogError> {
        self.sqlite.read(|tx| Ok(tx.query_row("SELECT id FROM installation", [], |row| row.get(0))?)).await
    }

    /// Remembers these rests and no others.
    pub async fn save_rests(&self, rests: Vec<SavedRest>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute("DELETE FROM bot_rests", [])?;
                let mut statement =
                    tx.prepare_cached("INSERT OR REPLACE INTO bot_rests (bot, until, reason) VALUES (?1, ?2, ?3)")?;
                for rest in rests {
                    statement.execute(params![rest.bot, rest.until.0, rest.reason])?;
                }
                Ok(())
            })
            .await
    }

    /// The rests that were saved last.
    pub async fn saved_rests(&self) -> Result<Vec<SavedRest>, CatalogError> {
        self.sqlite
            .read(|tx| {
                let mut statement = tx.prepare("SELECT bot, until, reason FROM bot_rests ORDER BY bot")?;
                let rows = statement.query_map([], |row| {
                    Ok(SavedRest { bot: row.get(0)?, until: Timestamp(row.get(1)?), reason: row.get(2)? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
