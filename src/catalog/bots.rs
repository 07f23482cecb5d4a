//! What must outlive a restart of the server and belongs to no video: who this installation is, which
//! bots rest, and how much floods slowed them down.

use super::{Catalog, CatalogError, sqlite};
use crate::media::time::Timestamp;
use rusqlite::{Transaction, params};
use std::path::Path;
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

/// How much floods slowed a bot down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedPace {
    /// The bot's Telegram id.
    pub bot: i64,
    /// Its share of the full rate, 1 to 8 eighths.
    pub share: u8,
    /// When that changed last.
    pub changed_at: Timestamp,
}

impl Catalog {
    /// The name of this installation, made with the catalog.
    pub async fn installation(&self) -> Result<Uuid, CatalogError> {
        self.sqlite.read(|tx| Ok(tx.query_row("SELECT id FROM installation", [], |row| row.get(0))?)).await
    }

    /// Remembers these rests and paces and no others.
    pub async fn save_bots(&self, rests: Vec<SavedRest>, paces: Vec<SavedPace>) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                tx.execute("DELETE FROM bot_rests", [])?;
                let mut statement =
                    tx.prepare_cached("INSERT OR REPLACE INTO bot_rests (bot, until, reason) VALUES (?1, ?2, ?3)")?;
                for rest in rests {
                    statement.execute(params![rest.bot, rest.until.0, rest.reason])?;
                }
                tx.execute("DELETE FROM bot_paces", [])?;
                let mut statement =
                    tx.prepare_cached("INSERT OR REPLACE INTO bot_paces (bot, share, changed_at) VALUES (?1, ?2, ?3)")?;
                for pace in paces {
                    statement.execute(params![pace.bot, pace.share, pace.changed_at.0])?;
                }
                Ok(())
            })
            .await
    }

    /// The rests and paces that were saved last.
    pub async fn saved_bots(&self) -> Result<(Vec<SavedRest>, Vec<SavedPace>), CatalogError> {
        self.sqlite.read(saved).await
    }

    /// The same from the catalog of a server that may run meanwhile, which is not changed. None when there is no
    /// catalog, or one from before there were bots. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn saved_bots_beside(file: &Path) -> Result<(Vec<SavedRest>, Vec<SavedPace>), CatalogError> {
        if !file.exists() {
            return Ok(Default::default());
        }
        let mut connection = sqlite::look_into(file)?;
        let tx = connection.transaction()?;
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('bot_rests', 'bot_paces')";
        let known: u32 = tx.query_row(tables, [], |row| row.get(0))?;
        if known == 2 { saved(&tx) } else { Ok(Default::default()) }
    }
}

fn saved(tx: &Transaction<'_>) -> Result<(Vec<SavedRest>, Vec<SavedPace>), CatalogError> {
    let mut statement = tx.prepare("SELECT bot, until, reason FROM bot_rests ORDER BY bot")?;
    let rests = statement
        .query_map([], |row| Ok(SavedRest { bot: row.get(0)?, until: Timestamp(row.get(1)?), reason: row.get(2)? }))?;
    let rests = rests.collect::<Result<_, _>>()?;
    let mut statement = tx.prepare("SELECT bot, share, changed_at FROM bot_paces ORDER BY bot")?;
    let paces = statement.query_map([], |row| {
        Ok(SavedPace { bot: row.get(0)?, share: row.get(1)?, changed_at: Timestamp(row.get(2)?) })
    })?;
    Ok((rests, paces.collect::<Result<_, _>>()?))
}
