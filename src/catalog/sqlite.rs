//! Connections: one writer, several readers. Callers queue as tasks, never as blocked threads.

use super::{CatalogError, Settings, migrate};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENT_CACHE: usize = 128;

pub(super) struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    turn: Arc<Semaphore>,
    readers: Arc<Mutex<Vec<Connection>>>,
    seats: Arc<Semaphore>,
    version: Arc<AtomicU64>,
}

impl Sqlite {
    pub(super) fn open(settings: &Settings) -> Result<Self, CatalogError> {
        let file = &settings.file;
        let mut writer = connect(file, OpenFlags::default())?;
        migrate::migrate(&mut writer, file)?;
        let count = settings.readers.max(1);
        let readers = (0..count).map(|_| connect(file, OpenFlags::default())).collect::<Result<Vec<_>, _>>()?;
        for reader in &readers {
            reader.pragma_update(None, "query_only", true)?;
        }
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            turn: Arc::new(Semaphore::new(1)),
            readers: Arc::new(Mutex::new(readers)),
            seats: Arc::new(Semaphore::new(count)),
            version: Arc::new(AtomicU64::new(0)),
        })
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Runs `work` in one immediate transaction and commits it if it succeeds.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| CatalogError::Closed)?;
        let (writer, version) = (self.writer.clone(), self.version.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut connection = writer.lock().map_err(|_| CatalogError::Closed)?;
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            let committed = tx.commit();
            // Also after an error: who knows how far it came.
            version.fetch_add(1, Ordering::Release);
            committed?;
            Ok(value)
        });
        done.await.map_err(|_| CatalogError::Closed)?
    }

    /// Runs `work` on one snapshot of the database, which it cannot change.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let seat = self.seats.clone().acquire_owned().await.map_err(|_| CatalogError::Closed)?;
        let readers = self.readers.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let reader = Seated::take(&readers)?;
            let tx = reader.connection().unchecked_transaction()?;
            work(&tx)
        });
        done.await.map_err(|_| CatalogError::Closed)?
    }

    pub(super) async fn checkpoint(&self) -> Result<(), CatalogError> {
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| CatalogError::Closed)?;
        let writer = self.writer.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let connection = writer.lock().map_err(|_| CatalogError::Closed)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        });
        done.await.map_err(|_| CatalogError::Closed)?
    }
}

/// A reader that goes back to the others by itself, also when the work panics.
struct Seated<'a> {
    readers: &'a Mutex<Vec<Connection>>,
    connection: Option<Connection>,
}

impl<'a> Seated<'a> {
    fn take(readers: &'a Mutex<Vec<Connection>>) -> Result<Self, CatalogError> {
        let connection = readers.lock().map_err(|_| CatalogError::Closed)?.pop();
        Ok(Self { readers, connection: Some(connection.ok_or(CatalogError::Closed)?) })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken out only on drop")
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        if let (Ok(mut readers), Some(connection)) = (self.readers.lock(), self.connection.take()) {
            readers.push(connection);
        }
    }
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, CatalogError> {
    let unusable = |error: rusqlite::Error| {
        CatalogError::unusable(
            file,
            format!("{error}. Restore it from a backup, or move it away to begin a new library"),
        )
    };
    let connection = Connection::open_with_flags(file, flags).map_err(unusable)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(unusable)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Reads a column that holds one of a fixed set of words.
pub(super) fn word<T: Copy>(
    row: &Row<'_>,
    column: usize,
    all: &[T],
    text: fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let found: String = row.get(column)?;
    all.iter().copied().find(|value| text(*value) == found).ok_or_else(|| unreadable(column, &found))
}

/// Reads a column whose text parses as a value.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let found: String = row.get(column)?;
    found.parse().map_err(|_| unreadable(column, &found))
}

fn unreadable(column: usize, found: &str) -> rusqlite::Error {
    let cause = FromSqlError::Other(format!("unknown word {found:?}").into());
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
}
