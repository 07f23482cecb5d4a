//! Connections, each on a thread of its own: one that writes, several that read. Callers queue as
//! tasks and never hold a turn while they wait for something else: a caller that is not polled for
//! a while (the other branch of a `select!`) delays nobody.

use super::{CatalogError, Settings, migrate};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENT_CACHE: usize = 128;

/// Something to do with a connection. What it finds goes its own way back.
type Errand = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads end when this is dropped and what was queued is done.
pub(super) struct Sqlite {
    writer: mpsc::Sender<Errand>,
    readers: mpsc::Sender<Errand>,
    version: Arc<AtomicU64>,
}

impl Sqlite {
    pub(super) fn open(settings: &Settings) -> Result<Self, CatalogError> {
        let file = &settings.file;
        let mut writer = connect(file, OpenFlags::default())?;
        migrate::migrate(&mut writer, file)?;
        let mut readers = Vec::new();
        for _ in 0..settings.readers.max(1) {
            let reader = connect(file, OpenFlags::default())?;
            reader.pragma_update(None, "query_only", true)?;
            readers.push(reader);
        }
        Ok(Self {
            writer: employ("catalog writer", vec![writer])?,
            readers: employ("catalog reader", readers)?,
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
        let version = self.version.clone();
        send(&self.writer, move |connection| commit(connection, work, Some(&version))).await
    }

    /// As `write`, for work that may find nothing to do: then nothing is committed and the version stays.
    pub(super) async fn write_if_any<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<Option<T>, CatalogError> + Send + 'static,
    ) -> Result<Option<T>, CatalogError> {
        let version = self.version.clone();
        send(&self.writer, move |connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let Some(value) = work(&tx)? else { return Ok(None) };
            end(tx, Some(&version))?;
            Ok(Some(value))
        })
        .await
    }

    /// As `write`, for what no player ever sees: the version stays.
    pub(super) async fn write_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        send(&self.writer, move |connection| commit(connection, work, None)).await
    }

    /// Runs `work` on one snapshot of the database, which it cannot change.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        send(&self.readers, move |connection| work(&connection.transaction()?)).await
    }

    pub(super) async fn checkpoint(&self) -> Result<(), CatalogError> {
        send(&self.writer, |connection| Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?))
            .await
    }
}

fn commit<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError>,
    version: Option<&AtomicU64>,
) -> Result<T, CatalogError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    end(tx, version)?;
    Ok(value)
}

fn end(tx: Transaction<'_>, version: Option<&AtomicU64>) -> Result<(), CatalogError> {
    let committed = tx.commit();
    if let Some(version) = version {
        // Also after an error: who knows how far it came.
        version.fetch_add(1, Ordering::Release);
    }
    Ok(committed?)
}

/// Starts a thread for each connection; they share one queue.
fn employ(name: &str, connections: Vec<Connection>) -> Result<mpsc::Sender<Errand>, CatalogError> {
    let (sender, queue) = mpsc::channel::<Errand>();
    let queue = Arc::new(Mutex::new(queue));
    for mut connection in connections {
        let queue = queue.clone();
        let work = move || {
            while let Some(errand) = next(&queue) {
                // The transaction of an errand that panics is rolled back as it unwinds, and its
                // caller hears that nobody answers; the connection is as good as before.
                let _ = catch_unwind(AssertUnwindSafe(|| errand(&mut connection)));
            }
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| CatalogError::Engine(Box::new(error)))?;
    }
    Ok(sender)
}

fn next(queue: &Mutex<mpsc::Receiver<Errand>>) -> Option<Errand> {
    queue.lock().ok()?.recv().ok()
}

async fn send<T: Send + 'static>(
    queue: &mpsc::Sender<Errand>,
    work: impl FnOnce(&mut Connection) -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, CatalogError> {
    let (answer, answered) = oneshot::channel();
    let errand: Errand = Box::new(move |connection| {
        // Nobody waits any more: the work is done all the same, as a commit must not depend on it.
        let _ = answer.send(work(connection));
    });
    queue.send(errand).map_err(|_| CatalogError::Closed)?;
    answered.await.map_err(|_| CatalogError::Closed)?
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, CatalogError> {
    let unusable = |error| CatalogError::damaged(file, &error);
    let connection = Connection::open_with_flags(file, flags).map_err(unusable)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // Before the journal is changed, which is written into the file.
    migrate::recognise(&connection, file)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(unusable)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// A connection to a catalog that another process may have open. It changes nothing.
pub(super) fn look_into(file: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| CatalogError::damaged(file, &error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
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
