//! `migrations/*.sql` in order. Forward only: each step runs once, in one transaction, and the
//! database's `user_version` says how far it is.

use super::CatalogError;
use rusqlite::Connection;
use std::path::Path;

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_library.sql"),
    include_str!("../../migrations/0002_telegram.sql"),
    include_str!("../../migrations/0003_shares.sql"),
    include_str!("../../migrations/0004_missed.sql"),
    include_str!("../../migrations/0005_paces.sql"),
    include_str!("../../migrations/0006_refine.sql"),
    include_str!("../../migrations/0007_forwards.sql"),
    include_str!("../../migrations/0008_i_frames.sql"),
    include_str!("../../migrations/0009_litter.sql"),
    include_str!("../../migrations/0010_sidecars.sql"),
    include_str!("../../migrations/0011_originals.sql"),
    include_str!("../../migrations/0012_sound_source.sql"),
    include_str!("../../migrations/0013_resumables.sql"),
];

/// A catalog up to this many bytes is checked page by page at every start; a larger one would delay
/// the first answer, so there only the header and the schema are read.
const FULL_CHECK_LIMIT: u64 = 32 * 1024 * 1024;

/// Marks the file as ours ("TLCN"), so that another program's database is not taken for a catalog.
const APPLICATION_ID: i32 = 0x544C_434E;

/// Reads the version of a catalog, 0 for an empty file, and changes nothing: what belongs to another
/// program must stay as it is.
pub(super) fn recognise(connection: &Connection, file: &Path) -> Result<usize, CatalogError> {
    let unusable = |error| CatalogError::damaged(file, &error);
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unusable)?;
    let owner: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(unusable)?;
    let is_used: bool =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0)).map_err(unusable)?;
    if owner != APPLICATION_ID && (owner != 0 || version > 0 || is_used) {
        return Err(CatalogError::unusable(file, "it belongs to another program. Choose another DATA_DIR"));
    }
    if version > MIGRATIONS.len() {
        return Err(CatalogError::unusable(
            file,
            "it was written by a newer version of Telecine. Start that version, or a backup made before it",
        ));
    }
    Ok(version)
}

pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), CatalogError> {
    let unusable = |error| CatalogError::damaged(file, &error);
    let version = recognise(connection, file)?;
    let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
    if version > 0 && size <= FULL_CHECK_LIMIT {
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unusable)?;
        if check != "ok" {
            return Err(CatalogError::unusable(file, format!("it is damaged ({check}). Restore it from a backup")));
        }
    }
    // A step may replace a table that others refer to; that cannot be switched inside a transaction.
    connection.pragma_update(None, "foreign_keys", false)?;
    for (index, script) in MIGRATIONS.iter().enumerate().skip(version) {
        let tx = connection.transaction()?;
        tx.execute_batch(script)?;
        let dangling: bool =
            tx.query_row("SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check)", [], |row| row.get(0))?;
        if dangling {
            return Err(CatalogError::unusable(file, "its tables do not fit each other. Restore it from a backup"));
        }
        tx.pragma_update(None, "user_version", index + 1)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
